"""Speed of reading sound, against `librosa.load` in the same run, one thread; and memory on a long file.

    python benchmarks/decode.py

Multiples of real time, the best of five interleaved rounds. "limit" is FFmpeg decoding and nothing else: no
downmix, no change of rate.

Predicted before the first run, for MP3: decoding takes 143 ms of 177 (soxr 18, downmix 6, queue and copies
10), so `load` runs at 1,010 times real time, 1.85 times as fast as librosa (552). Measured on two cores of a
shared server, when quiet: 1,004, streamed 1,017, limit 1,254, librosa 563, so 1.8 times (busy: 1.7 to 2.1).
Two hours of MP3 streamed: a peak of 52 MiB, 0.5 more than for 10 s.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import av
import librosa
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import sounds
from earmark.audio import load, open_audio

SECONDS = 180
FORMATS = ("mp3", "flac", "wav16", "ogg", "opus", "m4a", "alac", "wma")
HOURS = 2

MEMORY = """
import sys
from pathlib import Path
from earmark.audio import load, open_audio
def peak():
    line, = (line for line in Path('/proc/self/status').open() if line.startswith('VmHWM'))
    return int(line.split()[1]) / 1024
load(sys.argv[1], duration=10)
before = peak()
with open_audio(sys.argv[1]) as stream:
    n = sum(len(block) for block in stream.blocks())
print(f"{n / 22050 / 3600:.2f} h streamed: peak {peak():.0f} MiB, {peak() - before:.1f} more than for 10 s")
"""


def music() -> np.ndarray:
    """Three minutes of stereo with energy everywhere, as music has [shape=(2, n)]."""
    tones = sum(sounds.tone(SECONDS, hz=hz, amplitude=0.08, channels=2) for hz in (110, 220, 554, 1318))
    return np.asarray(tones + sounds.noise(SECONDS, amplitude=0.05, channels=2), np.float32)


def decode_only(path: str) -> None:
    with av.open(path) as container:
        container.streams.audio[0].codec_context.thread_count = 1
        for _ in container.decode(audio=0):
            pass


def stream(path: str) -> None:
    with open_audio(path) as opened:
        for _ in opened.blocks():
            pass


def librosa_load(path: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        librosa.load(path, sr=22050)


def fastest(calls: dict[str, Callable[[str], object]], path: str, rounds: int = 5) -> dict[str, float]:
    """Seconds of each call: the best of interleaved rounds, so that a busy machine is unfair to none."""
    best = dict.fromkeys(calls, np.inf)
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call(path)
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def main() -> None:
    calls = {"limit": decode_only, "load": load, "blocks": stream, "librosa": librosa_load}
    y = music()
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'':8}" + "".join(f"{name:>9}" for name in calls) + "   load / librosa")
        for fmt in FORMATS:
            path = Path(folder) / f"music{sounds.suffix(fmt)}"
            sounds.write(path, y, 44100 if fmt != "opus" else 48000, fmt)
            seconds = y.shape[1] / (44100 if fmt != "opus" else 48000)
            best = fastest(calls, str(path))
            speeds = "".join(f"{seconds / best[name]:9,.0f}" for name in calls)
            print(f"{fmt:8}{speeds}   {best['librosa'] / best['load']:.2f}", flush=True)
        song = Path(folder) / "song.mp3"
        sounds.write(song, y, 44100, "mp3", write_xing="0")
        long = Path(folder) / "long.mp3"
        long.write_bytes(song.read_bytes() * (HOURS * 3600 // SECONDS))
        subprocess.run([sys.executable, "-c", MEMORY, str(long)], check=True)
        start = time.perf_counter()
        load(long, start=HOURS * 3600 - 60, duration=10)
        print(f"10 s at the end of {HOURS} h: {1e3 * (time.perf_counter() - start):.0f} ms by seeking")


if __name__ == "__main__":
    main()
