"""Freeze what librosa answers on the sounds of the feature tests, or check what was frozen.

    python tests/golden/make_librosa.py            # writes tests/golden/librosa.npz
    python tests/golden/make_librosa.py --check    # compares it with the librosa that is installed

The suite needs no librosa; `make oracle` runs the check. Log-mels are stored in steps of 0.005 dB, half of
the tolerance of their tests.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "features"))

import feature_sounds as sounds
import librosa

from earmark.features import FeatureSpec, log_mel, magnitudes, onset_strength

SR = sounds.SR
STEP_DB = 0.005
TOLERANCE = 1e-4  # relative to the greatest value of an array, between two releases of librosa


def log_mels() -> Iterator[tuple[str, np.ndarray]]:
    for name, spec in sounds.SPECS.items():
        bank = librosa.filters.mel(
            sr=spec.sr, n_fft=spec.n_fft, n_mels=spec.n_mels, fmin=spec.fmin, fmax=spec.fmax, htk=spec.htk,
            norm=spec.norm,
        )  # fmt: skip
        yield f"mel/{name}", bank
        hz = librosa.mel_frequencies(spec.n_mels + 2, fmin=spec.fmin, fmax=spec.top_hz, htk=spec.htk)
        yield f"mel_hz/{name}", hz[1:-1]
        for signal, y in sounds.logmel_signals().items():
            S_db = librosa_log_mel(y.astype(np.float32), spec)[:, sounds.COLUMNS]
            yield f"log_mel/{name}/{signal}", np.rint(S_db / STEP_DB).astype(np.int16)


def librosa_log_mel(y: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    S = librosa.feature.melspectrogram(
        y=y, sr=spec.sr, n_fft=spec.n_fft, hop_length=spec.hop_length, n_mels=spec.n_mels, fmin=spec.fmin,
        fmax=spec.fmax, power=spec.power, htk=spec.htk, norm=spec.norm,
    )  # fmt: skip
    if spec.power == 1:
        return librosa.amplitude_to_db(S, ref=1.0, amin=spec.amin**0.5, top_db=None)
    return librosa.power_to_db(S, ref=1.0, amin=spec.amin, top_db=None)


def cepstra() -> Iterator[tuple[str, np.ndarray]]:
    S_db = sounds.random_db()
    yield "mfcc", librosa.feature.mfcc(S=S_db, n_mfcc=128)
    y = 0.1 * np.random.default_rng(4).standard_normal(30_000).astype(np.float32)
    yield "mfcc of noise", librosa.feature.mfcc(y=y)
    for width, order in sounds.DELTAS:
        yield f"delta/{width}/{order}", librosa.feature.delta(S_db[:8], width=width, order=order)
    for htk in (False, True):
        yield f"hz_to_mel/{htk}", librosa.hz_to_mel(sounds.HZ, htk=htk)


def tones() -> Iterator[tuple[str, np.ndarray]]:
    for name, spec in sounds.CHROMA_SPECS.items():
        for tuning in sounds.TUNINGS:
            bank = librosa.filters.chroma(sr=spec.sr, n_fft=spec.n_fft, tuning=tuning)
            yield f"chroma_bank/{name}/{tuning}", bank[:, ::7]
    y = sounds.notes(*sounds.C_CADENCE, *sounds.A_CADENCE)
    for tuning in (0.0, 0.2):
        yield f"chroma/{tuning}", librosa.feature.chroma_stft(y=y, sr=SR, tuning=tuning)
    for tuning in sounds.NOTE_TUNINGS:
        power = magnitudes(sounds.notes(*sounds.C_CADENCE, tuning=tuning)) ** 2
        yield f"tuning/{tuning}", np.array(librosa.estimate_tuning(S=power, sr=SR))


def shapes() -> Iterator[tuple[str, np.ndarray]]:
    for name, spec in sounds.SHAPE_SPECS.items():
        frame = {"frame_length": spec.n_fft, "hop_length": spec.hop_length}
        for signal, wide in sounds.shape_signals().items():
            y = wide.astype(np.float32)
            S = magnitudes(y, spec)
            spectrum = {"S": S, "sr": spec.sr, "n_fft": spec.n_fft}
            theirs = np.abs(librosa.stft(y, n_fft=spec.n_fft, hop_length=spec.hop_length))
            answers = {
                "magnitudes": theirs[::5, [10, 64, 100]],
                "centroid": librosa.feature.spectral_centroid(**spectrum)[0],
                "bandwidth": librosa.feature.spectral_bandwidth(**spectrum)[0],
                "flatness": librosa.feature.spectral_flatness(S=S)[0],
                # Where its cut at 80 dB below the clip's loudest, a statistic of the whole, does not bite.
                "contrast": librosa.feature.spectral_contrast(
                    **spectrum | {"S": np.maximum(S, S.max() * 1e-7)}
                ),
                "rms": librosa.feature.rms(y=y, **frame)[0],
                "zcr": librosa.feature.zero_crossing_rate(y, **frame)[0],
            }
            for roll in sounds.ROLLOFFS:
                rolloff = librosa.feature.spectral_rolloff(**spectrum, roll_percent=roll)[0]
                answers[f"rolloff/{roll}"] = rolloff
            yield from ((f"{key}/{name}/{signal}", np.float32(value)) for key, value in answers.items())
    noise = sounds.shape_signals()["noise"].astype(np.float32)
    for n in sounds.LENGTHS:
        yield f"zcr/{n}", librosa.feature.zero_crossing_rate(noise[:n])[0]


def rhythms() -> Iterator[tuple[str, np.ndarray]]:
    for name, y in sounds.rhythm_sounds().items():
        S_db = np.maximum(log_mel(y), -80)  # below that nothing is an onset here
        for aggregate in ("median", "mean"):
            yield (
                f"onsets/{aggregate}/{name}",
                librosa.onset.onset_strength(S=S_db, sr=SR, aggregate=getattr(np, aggregate)),
            )
        bpm, beats = librosa.beat.beat_track(onset_envelope=onset_strength(S_db), sr=SR, units="time")
        yield f"tempo/{name}", np.asarray(bpm)
        yield f"beats/{name}", beats
    for seed, n, bpm in sounds.envelope_cases():
        envelope = sounds.random_envelope(seed, n)
        yield (
            f"beats/{seed}",
            librosa.beat.beat_track(onset_envelope=envelope, sr=SR, bpm=bpm, units="time")[1],
        )


def columns() -> Iterator[tuple[str, np.ndarray]]:
    """The usual table's columns, each by its own call."""
    for sound, y in sounds.descriptor_sounds().items():
        frames = {
            "chroma_stft": librosa.feature.chroma_stft(y=y, sr=SR),
            "rms": librosa.feature.rms(y=y),
            "spectral_centroid": librosa.feature.spectral_centroid(y=y, sr=SR),
            "spectral_bandwidth": librosa.feature.spectral_bandwidth(y=y, sr=SR),
            "rolloff": librosa.feature.spectral_rolloff(y=y, sr=SR),
            "zero_crossing_rate": librosa.feature.zero_crossing_rate(y),
            "spectral_flatness": librosa.feature.spectral_flatness(y=y),
        }
        cepstrum, contrast = librosa.feature.mfcc(y=y, sr=SR), librosa.feature.spectral_contrast(y=y, sr=SR)
        frames |= {f"mfcc{i}": row for i, row in enumerate(cepstrum, start=1)}
        frames |= {f"spectral_contrast{i}": row for i, row in enumerate(contrast, start=1)}
        for name, rows in frames.items():
            yield f"columns/{sound}/{name}_mean", np.mean(rows, dtype=np.float64)
            yield f"columns/{sound}/{name}_var", np.var(rows, dtype=np.float64)


def answers() -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for part in (log_mels, cepstra, tones, shapes, rhythms, columns):
        found |= {name: np.asarray(value) for name, value in part()}
    return found


def differences(now: dict[str, np.ndarray]) -> list[str]:
    frozen = sounds.golden()
    lines = [f"{name}: only in one of both" for name in sorted(now.keys() ^ frozen.keys())]
    for name in sorted(now.keys() & frozen.keys()):
        a, b = now[name].astype(np.float64), frozen[name].astype(np.float64)
        if a.shape != b.shape:
            lines.append(f"{name}: shape {a.shape}, frozen {b.shape}")
            continue
        limit = 2.0 if name.startswith("log_mel/") else TOLERANCE * max(np.abs(b).max(initial=0), 1e-6)
        if (off := np.abs(a - b).max(initial=0)) > limit:
            lines.append(f"{name}: differs by {off:.3g}")
    return lines


def main() -> int:
    now = answers()
    if sys.argv[1:] != ["--check"]:
        np.savez_compressed(sounds.GOLDEN, **now)
        print(f"{sounds.GOLDEN}: {len(now)} arrays of librosa {librosa.__version__}")
        return 0
    lines = differences(now)
    print(*lines, sep="\n")
    print(f"librosa {librosa.__version__}: {len(now)} arrays, {len(lines)} not as they were frozen")
    return 1 if lines else 0


if __name__ == "__main__":
    raise SystemExit(main())
