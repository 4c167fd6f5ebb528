"""How fast a library is scanned, as a fraction of decoding alone, and what it takes.

    python benchmarks/library.py --n 2000 --jobs 2

Synthetic tracks of several formats, each of another tune and another noise: songs per second of a scan by
excerpts and in full against decoding the same files to 22,050 Hz mono in as many processes; the memory of all
processes at most; bytes of the catalogue for each track; and a second scan of many unchanged files.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from earmark import load_model
from earmark.audio import load
from earmark.demo import demo_medley
from earmark.errors import UnknownFormatError
from earmark.library import Item, Library, scan
from earmark.library.analyse import failed
from earmark.models import Model
from earmark.workers import run

FORMATS = {
    "flac": ("FLAC", "PCM_16"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "ogg": ("OGG", "VORBIS"),
    "wav": ("WAV", "PCM_16"),
}
SR = 44_100


def make_tracks(folder: Path, n: int, seconds: float, n_different: int = 8) -> None:
    """Encode a few different tracks in each format; the others are copies with a tail of their own bytes."""
    import soundfile

    clip = demo_medley()
    y = np.interp(np.arange(int(clip.duration * SR)) * clip.sr / SR, np.arange(len(clip.y)), clip.y)
    y = np.tile(y, int(np.ceil(seconds / clip.duration)))[: int(seconds * SR)]
    rng = np.random.default_rng(0)
    for i in range(n):
        fmt = list(FORMATS)[i % len(FORMATS)]
        album = folder / f"artist {i % 50}" / f"album {i % 7}"
        album.mkdir(parents=True, exist_ok=True)
        source = folder / f".source {i % n_different} {fmt}"
        if not source.exists():
            stereo = np.stack([np.roll(y, 5000 * i), np.roll(y, 5000 * i + 20)], axis=1)
            stereo += 0.01 * rng.standard_normal(stereo.shape)
            container, subtype = FORMATS[fmt]
            with soundfile.SoundFile(source, "w", SR, 2, subtype, format=container) as file:
                for begin in range(0, len(stereo), SR):  # libsndfile's Vorbis crashes on much at once
                    file.write(0.7 * stereo[begin : begin + SR])
        shutil.copy(source, album / f"{i:05} a title of a track.{fmt}")


def decode(path: str) -> float:
    return load(path).duration


def decoded_per_second(files: list[str], jobs: int) -> float:
    """Songs per second of decoding alone, by as many processes, which have decoded one before."""
    for _ in run(decode, files[:jobs], jobs=jobs, deadline=600.0):
        pass
    began = time.perf_counter()
    n = sum(1 for _ in run(decode, files, jobs=jobs, deadline=600.0, in_order=False))
    return n / (time.perf_counter() - began)


class Memory:
    """The most memory of this process and its children together, looked at ten times a second (Linux)."""

    def __enter__(self) -> Memory:
        self.most, self._done = 0, threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(0.1):
            self.most = max(self.most, sum(map(self._resident, self._family())))

    def _family(self) -> list[int]:
        children = Path(f"/proc/{os.getpid()}/task").glob("*/children")
        found = [os.getpid()]
        for path in children:
            try:
                found += map(int, path.read_text().split())
            except OSError:
                continue
        return found

    @staticmethod
    def _resident(pid: int) -> int:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()  # shared pages by their share
            return 1024 * int(text.partition("\nPss:")[2].split()[0])
        except (OSError, ValueError, IndexError):
            return 0


def catalogue_bytes(path: Path) -> int:
    with Library(path) as library:
        library.query("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.stat().st_size


def second_scan(n: int, model: Model) -> float:
    """Seconds of a scan of many files that are as the catalogue has them: only the listing counts."""
    wrong = UnknownFormatError("no sound")
    with tempfile.TemporaryDirectory() as name, Library(Path(name) / "library.sqlite") as library:
        music = Path(name) / "music"
        with library.transaction():
            for i in range(n):
                album = music / f"artist {i % 200}" / f"album {i % 7}"
                album.mkdir(parents=True, exist_ok=True)
                (album / f"{i}.mp3").write_bytes(b"x")
                library.put(failed(Item(str(album / f"{i}.mp3")), wrong))
        began = time.perf_counter()
        done = scan(library, [music], model)
        assert done.analysed == 0 and done.failed_before == n
        return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=2000, help="tracks")
    parser.add_argument("--seconds", type=float, default=180.0, help="length of each")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--unchanged", type=int, default=10_000, help="files of the second scan")
    parser.add_argument("--model", default="earmark-base")
    parser.add_argument("--no-full", action="store_true", help="leave the scan in full out")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        music = Path(name) / "music"
        make_tracks(music, args.n, args.seconds)
        files = sorted(str(path) for path in music.rglob("[!.]*") if path.is_file())
        decoding = decoded_per_second(files, args.jobs)
        Library(Path(name) / "empty.sqlite").close()
        empty = catalogue_bytes(Path(name) / "empty.sqlite")
        print(f"{len(files)} tracks of {args.seconds:g} s, {args.jobs} processes")
        print(f"decoding alone:   {decoding:6.2f} songs/s")
        for what, excerpts in (("excerpts", (3, 10.0)), ("full", None))[: 1 if args.no_full else 2]:
            path = Path(name) / f"{what}.sqlite"
            with Library(path) as library, Memory() as memory:
                done = scan(library, [music], args.model, excerpts=excerpts, jobs=args.jobs)
            per_track = (catalogue_bytes(path) - empty) / len(files)
            speed = done.songs_per_second
            print(
                f"scan, {what + ':':10}  {speed:6.2f} songs/s = {speed / decoding:.2f} of decoding alone, "
                f"{memory.most / 1e6:.0f} MB at most, {per_track:.0f} bytes of the catalogue for each track"
            )
            assert not done.failed
    print(f"{args.unchanged:,} unchanged files: {second_scan(args.unchanged, load_model('echo')):.2f} s")


if __name__ == "__main__":
    main()
