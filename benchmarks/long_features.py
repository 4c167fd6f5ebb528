"""Memory of `earmark features` on long files, each in a process of its own, against a short one.

    python benchmarks/long_features.py [minutes, by default 60]

Goal: under 300 MB for an hour, and at most 1.2 times what five minutes take.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import numpy as np

SHORT_MINUTES = 5
GOAL_MB, GOAL_RATIO = 300, 1.2
SR = 8_000
PEAK = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
)


def write_song(path: Path, minutes: int) -> None:
    """Write a chord that swells twice a second, over noise."""
    t = np.arange(60 * SR) / SR
    chord = sum(np.sin(2 * np.pi * hz * t) for hz in (220, 277.2, 329.6))
    y = 0.2 * chord * (0.6 + 0.4 * np.sign(np.sin(4 * np.pi * t)))
    y += 0.01 * np.random.default_rng(0).standard_normal(len(t))
    minute = (y * 32_000).astype("<i2").tobytes()
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SR, 0, "NONE", ""))
        for _ in range(minutes):
            file.writeframes(minute)


def peak_mb(path: Path) -> float:
    command = [sys.executable, "-m", "earmark", "features", str(path), "-o", str(path.with_suffix(".csv"))]
    done = subprocess.run([sys.executable, "-c", PEAK, *command], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main(minutes: int) -> None:
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        for length in (SHORT_MINUTES, minutes):
            path = Path(folder, f"{length}.wav")
            write_song(path, length)
            start = time.perf_counter()
            peaks.append(peak_mb(path))
            seconds = time.perf_counter() - start
            print(f"{length:4d} min {peaks[-1]:6.0f} MB {60 * length / seconds:6.0f} x real time", flush=True)
    ratio = peaks[1] / peaks[0]
    met = peaks[1] < GOAL_MB and ratio <= GOAL_RATIO
    print(f"ratio {ratio:.2f}; goal {GOAL_MB} MB and {GOAL_RATIO}: {'met' if met else 'MISSED'}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
