# ruff: noqa: E402 - the number of threads must be set before NumPy is imported
"""Speed of tempo, beats and key against Essentia, one thread, on synthesised music, both in this run.

    pip install essentia
    python benchmarks/tempo_key.py [seconds of music, by default 180]

Both begin with decoded samples: Essentia's RhythmExtractor2013 and KeyExtractor at 44,100 Hz as they ask,
earmark at 22,050 Hz, its one transform counted. Each number is the least of three rounds, in turns, in
seconds of the processor.
"""

from __future__ import annotations

import os
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import essentia.standard as es
import numpy as np

from earmark.demo import demo_clip
from earmark.features import FrameStream, PulseStream, TonalStream

BLOCK, ROUNDS = 65_536, 3


def ours(y: np.ndarray) -> tuple[float, str]:
    """Return tempo and key of samples at 22,050 Hz, as `classify` finds them, and find the beats."""
    pulse, tonal = PulseStream(), TonalStream()
    stream = FrameStream(spectra=tonal.push)
    for start in range(0, len(y), BLOCK):
        pulse.push(stream.push(y[start : start + BLOCK]).S_db)
    pulse.push(stream.close().S_db)
    bpm = pulse.candidates()[0].tempo
    pulse.beats(bpm)
    return bpm, tonal.key_candidates()[0].key


def theirs(y: np.ndarray) -> tuple[float, str]:
    """Return tempo and key of samples at 44,100 Hz as Essentia finds them, and find the beats."""
    bpm = es.RhythmExtractor2013(method="multifeature")(y)[0]
    tonic, mode, _ = es.KeyExtractor(profileType="bgate")(y)
    return float(bpm), f"{tonic} {mode}"


def main(seconds: float) -> None:
    """Print both times, and what was found."""
    y = demo_clip("rock", seconds=seconds).y
    y_44 = es.Resample(inputSampleRate=22050, outputSampleRate=44100)(y)
    print(f"earmark finds {ours(y)}, Essentia {theirs(y_44)}")
    t = {"earmark": np.inf, "Essentia": np.inf}
    for _ in range(ROUNDS):
        for label, find, sound in (("earmark", ours, y), ("Essentia", theirs, y_44)):
            began = time.process_time()
            find(sound)
            t[label] = min(t[label], time.process_time() - began)
    for label, took in t.items():
        print(f"{label:10s} {took * 1e3:9.1f} ms {seconds / took:8,.0f} x real time")
    print(f"earmark is {t['Essentia'] / t['earmark']:.1f} times as fast")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 180.0)
