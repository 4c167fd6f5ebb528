# ruff: noqa: E402 - the number of threads must be set before NumPy is imported
"""Speed of the features against librosa, one thread, on one synthesised clip, both in this run.

    python benchmarks/features.py [seconds of music, by default 30]

Each number is the best of several rounds, taken in turns, in seconds of the processor, so that whatever else
runs on the machine counts for neither.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"

import librosa
import numpy as np

from earmark.demo import demo_clip
from earmark.features import (
    FrameStream,
    OnsetStream,
    descriptors,
    estimate_key,
    frame_features,
    log_mel,
    mfcc,
    onset_strength,
    tempo,
)

SR = 22050
ROUNDS = 7
BLOCK = 65_536

# What scripts that make tables of descriptors call, each with a transform of its own.
USUAL: dict[str, Callable[[np.ndarray], object]] = {
    "chroma_stft": lambda y: librosa.feature.chroma_stft(y=y, sr=SR),
    "rms": lambda y: librosa.feature.rms(y=y),
    "spectral_centroid": lambda y: librosa.feature.spectral_centroid(y=y, sr=SR),
    "spectral_bandwidth": lambda y: librosa.feature.spectral_bandwidth(y=y, sr=SR),
    "spectral_rolloff": lambda y: librosa.feature.spectral_rolloff(y=y, sr=SR),
    "zero_crossing_rate": librosa.feature.zero_crossing_rate,
    "mfcc": lambda y: librosa.feature.mfcc(y=y, sr=SR),
    "beat_track": lambda y: librosa.beat.beat_track(y=y, sr=SR),
    "spectral_contrast": lambda y: librosa.feature.spectral_contrast(y=y, sr=SR),
    "spectral_flatness": lambda y: librosa.feature.spectral_flatness(y=y),
}
# These too, in many a script; earmark has nothing to set against them.
ALSO: dict[str, Callable[[np.ndarray], object]] = {
    "tonnetz": lambda y: librosa.feature.tonnetz(y=y, sr=SR),
    "hpss": librosa.effects.hpss,
}


def librosa_log_mel(y: np.ndarray) -> np.ndarray:
    return librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=SR), ref=1.0, top_db=None)


def tempo_and_key(y: np.ndarray) -> tuple[float, str]:
    """What a prediction needs: log-mel, onsets and chroma in one pass over blocks."""
    stream, onsets, chroma = FrameStream(chroma=True), OnsetStream(), np.zeros(12)
    envelope = []
    for start in range(0, len(y), BLOCK):
        frames = stream.push(y[start : start + BLOCK])
        envelope.append(onsets.push(frames.S_db))
        chroma += frames.chroma.sum(axis=1)
    return tempo(np.concatenate(envelope)), estimate_key(chroma)


def best_of(jobs: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Return the least time of each job in s; the first, unmeasured round compiles and warms up."""
    best = dict.fromkeys(jobs, np.inf)
    for turn in range(rounds + 1):
        for label, job in jobs.items():
            start = time.process_time()
            job()
            if turn:
                best[label] = min(best[label], time.process_time() - start)
    return best


def main(seconds: float) -> None:
    y = demo_clip("rock", seconds=seconds).y
    S_db = log_mel(y)

    def line(label: str, ours: float, theirs: float | None = None) -> None:
        ratio = (
            ""
            if theirs is None
            else f"   librosa {theirs * 1e3:8.1f} ms   {theirs / ours:5.1f} times as fast"
        )
        print(f"{label:34s}{ours * 1e3:8.1f} ms {seconds / ours:9,.0f} x real time{ratio}")

    print(f"{seconds:g} s of synthesised music at 22,050 Hz, one thread")
    t = best_of({"ours": lambda: log_mel(y), "theirs": lambda: librosa_log_mel(y)})
    line("log_mel", t["ours"], t["theirs"])
    t = best_of({"ours": lambda: mfcc(S_db), "theirs": lambda: librosa.feature.mfcc(S=S_db)})
    line("mfcc of a log-mel", t["ours"], t["theirs"])
    t = best_of({"ours": lambda: tempo(onset_strength(S_db)), "theirs": lambda: librosa_tempo(S_db)})
    line("tempo of a log-mel", t["ours"], t["theirs"])
    line("log-mel, tempo and key, streamed", best_of({"ours": lambda: tempo_and_key(y)})["ours"])
    line("frame_features", best_of({"ours": lambda: frame_features(y)})["ours"])

    jobs: dict[str, Callable[[], object]] = {name: lambda f=f: f(y) for name, f in USUAL.items()}
    t = best_of({"ours": lambda: descriptors(y), **jobs}, rounds=5)
    usual = sum(t[name] for name in USUAL)
    line("descriptors, the usual ten calls", t["ours"], usual)
    print("    librosa, ms: " + ", ".join(f"{name} {t[name] * 1e3:.1f}" for name in USUAL))
    extra = best_of({name: lambda f=f: f(y) for name, f in ALSO.items()}, rounds=2)
    print(
        "    and, which earmark leaves out: " + ", ".join(f"{k} {v * 1e3:.0f} ms" for k, v in extra.items())
    )
    everything = usual + sum(extra.values())
    print(f"    against all twelve calls: {everything / t['ours']:.1f} times as fast")


def librosa_tempo(S_db: np.ndarray) -> object:
    onsets = librosa.onset.onset_strength(S=S_db, sr=SR, aggregate=np.median)
    return librosa.feature.tempo(onset_envelope=onsets, sr=SR)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0)
