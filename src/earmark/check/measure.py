"""Everything that the checks need of one file, read once from its first sample to its last.

Level, clipping and landmarks are of all of it, in pieces of two minutes, so that memory does not grow with
the length; descriptors and embedding are of one such piece, which is enough to compare songs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.audio import Clip, open_audio
from earmark.audio.resample import resample_stream
from earmark.errors import TooShortError
from earmark.features import FeatureSpec, descriptors, rms
from earmark.features.fingerprint import SPEC, Fingerprint, fingerprint, joined
from earmark.models import Model
from earmark.models.windows import SILENCE_DB
from earmark.predict import score_source

# Whole frames, 120 s: what is described of a song, and what is measured at a time.
PIECE_LENGTH = 5168 * SPEC.hop_length

SILENT = 0.95  # of the time: a file without anything to train on
_FLAT_RUN = 4  # samples in a row at the same extreme value: a converter out of range, or a rounding
_FLAT_TOP = 0.98  # of the peak

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured of a track.

    Parameters
    ----------
    duration : float
        Length of what could be decoded, in s.
    silence : float
        Fraction of the time below `SILENCE_DB`.
    clipped : float
        Fraction of the samples that lie in flat tops, in those two minutes that have most of them.
    numbers : np.ndarray [shape=(d,)]
        The descriptors of the first two minutes that are not silent.
    embedding : np.ndarray [shape=(e,)] or None
        What a model makes of these, if there is one and it was music.
    landmarks : Fingerprint or None
        Of all of it; None where there was no sound to make it of.
    warnings : tuple of str
        Of the decoder, such as that the file holds less than its header claims.
    gap : tuple of float
        Length and start of the longest stretch of silence, in s.
    clipped_at : float
        Where the two minutes with most flat tops begin, in s.
    """

    duration: float
    silence: float
    clipped: float
    numbers: npt.NDArray[np.float64]
    embedding: npt.NDArray[np.float64] | None = None
    landmarks: Fingerprint | None = None
    warnings: tuple[str, ...] = ()
    gap: tuple[float, float] = (0.0, 0.0)
    clipped_at: float = 0.0


def measure(model: Model | None, path: str) -> Measured:
    """Read a file to its end, in constant memory.

    Parameters
    ----------
    model : Model or None
        Makes the embedding.
    path : str
        Of the file.

    Raises
    ------
    AudioError
        If it cannot be read.
    """
    clipping, level = _Clipping(), _Level()
    prints: list[Fingerprint] = []
    described = np.zeros(0, dtype=np.float32)
    with open_audio(path, sr=None) as stream:
        native_length = round(PIECE_LENGTH * stream.sr / SPEC.sr)
        blocks = clipping.of(stream.blocks(block_length=native_length), stream.sr)
        for piece in cut(resample_stream(blocks, sr_in=stream.sr, sr_out=SPEC.sr), PIECE_LENGTH):
            if not len(described) or level.silence >= SILENT:
                described = piece
            level.push(Clip(piece, SPEC.sr))
            prints.append(fingerprint(Clip(piece, SPEC.sr)))
        warnings = tuple(stream.warnings)
    clip = Clip(described, SPEC.sr, path=path)
    clipped, clipped_at = clipping.worst()
    return Measured(
        duration=clipping.seconds,
        silence=level.silence,
        clipped=clipped,
        numbers=descriptors(clip, FeatureSpec()).values,
        embedding=None if model is None else _embedding(clip, model),
        landmarks=joined(prints),
        warnings=warnings,
        gap=level.gap,
        clipped_at=clipped_at,
    )


def _embedding(clip: Clip, model: Model) -> npt.NDArray[np.float64] | None:
    try:
        embedding = score_source(clip, model=model).scores.mean_embedding()
    except TooShortError:
        return None
    return embedding if len(embedding) else None


def cut(blocks: Iterator[Float32], length: int) -> Iterator[Float32]:
    """Yield pieces of one length [shape=(length,)] from blocks of any; the last may be shorter."""
    held: list[Float32] = []
    n_held = 0
    for block in blocks:
        held.append(block)
        n_held += len(block)
        while n_held >= length:
            joint = np.concatenate(held)
            yield joint[:length].copy()
            held, n_held = [joint[length:]], n_held - length
    if n_held:
        yield np.concatenate(held)


class _Clipping:
    """Flat tops, block by block; which of them are at the peak of the whole shows at the end."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._blocks: list[tuple[float, float, float]] = []  # start in s, peak, fraction in flat tops

    def of(self, blocks: Iterable[Float32], sr: int) -> Iterator[Float32]:
        """Measure blocks on their way."""
        for y in blocks:
            self._blocks.append((self.seconds, float(np.abs(y).max(initial=0.0)), flat_tops(y)))
            self.seconds += len(y) / sr
            yield y

    def worst(self) -> tuple[float, float]:
        """Return the fraction in flat tops of the block that has most of them, and where it begins in s."""
        peak = max(own for _, own, _ in self._blocks)
        found = [(fraction, -start) for start, own, fraction in self._blocks if own >= _FLAT_TOP * peak]
        fraction, start = max(found)
        return fraction, -start


class _Level:
    """Fraction of the time that is silent, and the longest silence."""

    def __init__(self) -> None:
        self.gap = (0.0, 0.0)  # length and start, in s
        self._n_frames = self._n_silent = self._run = 0

    @property
    def silence(self) -> float:
        """Fraction of the time that is silent; 0 before anything came."""
        return self._n_silent / max(1, self._n_frames)

    def push(self, clip: Clip) -> None:
        """Measure what comes next."""
        silent = is_silent(clip)
        frame_seconds = clip.duration / len(silent)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], silent, [False]]).astype(np.int8)))
        for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            run = end - start + (self._run if start == 0 else 0)
            if run * frame_seconds > self.gap[0]:
                self.gap = (run * frame_seconds, (self._n_frames + end - run) * frame_seconds)
        last = int(edges[-2]) if len(silent) and silent[-1] else len(silent)
        self._run = len(silent) - last + (self._run if last == 0 else 0)
        self._n_frames += len(silent)
        self._n_silent += int(silent.sum())


def is_silent(clip: Clip) -> npt.NDArray[np.bool_]:
    """Return which frames are silent [shape=(n_frames,)]."""
    spec = FeatureSpec(sr=clip.sr)
    level_db = 20 * np.log10(np.maximum(rms(clip.y, spec), 1e-10))
    return np.asarray(level_db < SILENCE_DB)


def flat_tops(y: Float32) -> float:
    """Return the fraction of the samples that stay at an extreme value for four samples or more.

    Only what is clipped and never filtered or coded again after that is flat; a lossy codec rounds the edges.
    """
    peak = float(np.abs(y).max(initial=0.0))
    if peak == 0 or len(y) < _FLAT_RUN:
        return 0.0
    stays = (np.diff(y) == 0) & (np.abs(y[1:]) >= _FLAT_TOP * peak)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], stays.astype(np.int8), [0]])))
    runs = edges[1::2] - edges[::2] + 1  # n equal differences are n + 1 samples
    return float(runs[runs >= _FLAT_RUN].sum()) / len(y)


def measure_cached(S_db: Float32, seconds: float) -> Measured:
    """Return what a cached log-mel [shape=(n_mels, n_frames)] of so many seconds shows."""
    change = np.diff(S_db, axis=1) if S_db.shape[1] > 1 else np.zeros_like(S_db)
    numbers = np.concatenate([S_db.mean(axis=1), S_db.std(axis=1), change.std(axis=1)]).astype(np.float64)
    return Measured(seconds, float(np.mean(S_db.max(axis=0) < SILENCE_DB)), 0.0, numbers)
