"""How many copies `earmark.library.find_duplicates` finds in a library, and how many of those are copies.

    python benchmarks/library_copies.py COLLECTION [--tracks 18]

COLLECTION is a folder with ``tracks.csv`` (path or audio). Of so many tracks drawn from it, a copy of each
kind is made with ffmpeg, all are analysed into one library, and its duplicates are looked for. Also: how
close the embeddings of copies are, which `MAYBE_COPY` must stay below.
"""

from __future__ import annotations

import argparse
import csv
import random
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from earmark import load_model
from earmark.library import Library, analyse, find_duplicates
from earmark.library.similar import MAYBE_COPY, cosine

KINDS = {
    "MP3, 64 kbit/s": ("-b:a", "64k", ".mp3"),
    "MP3, 192 kbit/s": ("-b:a", "192k", ".mp3"),
    "AAC in M4A, 96 kbit/s": ("-b:a", "96k", ".m4a"),
    "FLAC": (".flac",),
    "Vorbis, quality 3": ("-c:a", "libvorbis", "-q:a", "3", ".ogg"),
    "2 s cut off the beginning": ("-ss", "2", ".flac"),
    "6 s cut off the end": ("-t", "24", ".flac"),
    "12 dB lower, MP3": ("-af", "volume=-12dB", "-b:a", "128k", ".mp3"),
    "3 s of silence before": ("-af", "adelay=3000:all=1", ".flac"),
}


def copies(source: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """The source and a copy of each kind."""
    yield "", source
    for i, (kind, (*options, ending)) in enumerate(KINDS.items()):
        target = folder / f"{source.stem}_{i}{ending}"
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", str(source), *options, str(target)], check=True)
        yield kind, target


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("collection", type=Path)
    parser.add_argument("--tracks", type=int, default=18)
    options = parser.parse_args()
    with (options.collection / "tracks.csv").open() as file:
        names = [name for t in csv.DictReader(file) if (name := t.get("path") or t.get("audio"))]
    random.Random(3).shuffle(names)
    model = load_model("earmark-base")
    with tempfile.TemporaryDirectory() as temporary, Library(Path(temporary) / "library.sqlite") as library:
        of: dict[int, tuple[int, str]] = {}
        for track, name in enumerate(names[: options.tracks]):
            for kind, path in copies(options.collection / name, Path(temporary)):
                of[library.put(analyse(path, model))] = (track, kind)
        report(library, of)


def report(library: Library, of: dict[int, tuple[int, str]]) -> None:
    found = {
        pair
        for group in find_duplicates(library)
        for pair in combinations(sorted(r.id for r in group.rows), 2)
    }
    right = {pair for pair in combinations(sorted(of), 2) if of[pair[0]][0] == of[pair[1]][0]}
    print(f"{len(of)} files of {len({track for track, _ in of.values()})} recordings")
    print(f"  pairs found {len(found)}, recall {len(found & right) / len(right):.1%}", end=", ")
    print(f"precision {len(found & right) / max(1, len(found)):.1%}")
    rows = {row.id: row for row in library.rows()}
    originals = {track: id for id, (track, kind) in of.items() if not kind}
    for kind in KINDS:
        ids = [id for id, (_, own) in of.items() if own == kind]
        least = min(cosine(rows[id], rows[originals[of[id][0]]]) for id in ids)
        n = sum((min(id, originals[of[id][0]]), max(id, originals[of[id][0]])) in found for id in ids)
        print(f"  {kind:28} found {n} of {len(ids)}, least similarity {least:.4f}")
    others = sorted(cosine(rows[a], rows[b]) for a, b in combinations(originals.values(), 2))
    print(f"  different recordings: highest similarity {others[-1]:.4f}; compared from {MAYBE_COPY} on")


if __name__ == "__main__":
    main()
