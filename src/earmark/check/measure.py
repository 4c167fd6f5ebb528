"""Everything that the checks need of one file, heard once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.audio import Clip, load
from earmark.errors import TooShortError
from earmark.features import FeatureSpec, descriptors, rms
from earmark.features.fingerprint import Fingerprint, fingerprint
from earmark.models import Model
from earmark.models.windows import SILENCE_DB
from earmark.predict import score_source

HEARD_SECONDS = 120.0  # from the beginning: a song is judged by its first two minutes

_FLAT_RUN = 4  # samples in a row at the same extreme value: a converter, or a rounding, that gave up
_FLAT_TOP = 0.98  # of the peak


@dataclass(frozen=True, eq=False)
class Heard:
    """What was heard.

    Parameters
    ----------
    duration : float
        In s; of what was heard if the file is longer.
    silence : float
        Fraction of the time below `SILENCE_DB`.
    clipped : float
        Fraction of the samples that lie in flat tops.
    numbers : np.ndarray [shape=(d,)]
        The descriptors.
    embedding : np.ndarray [shape=(e,)] or None
        What a model makes of it, if there is one and it was music.
    landmarks : Fingerprint or None
        None where there was no sound to make it of.
    warnings : tuple of str
        What the decoder said.
    """

    duration: float
    silence: float
    clipped: float
    numbers: npt.NDArray[np.float64]
    embedding: npt.NDArray[np.float64] | None = None
    landmarks: Fingerprint | None = None
    warnings: tuple[str, ...] = ()


def listen(model: Model | None, path: str) -> Heard:
    """Hear the first two minutes of a file.

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
    spec = FeatureSpec()
    own = load(path, sr=None, duration=HEARD_SECONDS)
    clip = load(own, sr=spec.sr)
    return Heard(
        duration=own.duration,
        silence=silence(clip),
        clipped=flat_tops(own.y),
        numbers=descriptors(clip, spec).values,
        embedding=None if model is None else _embedding(clip, model),
        landmarks=fingerprint(clip),
        warnings=own.warnings,
    )


def _embedding(clip: Clip, model: Model) -> npt.NDArray[np.float64] | None:
    try:
        embedding = score_source(clip, model=model).scores.mean_embedding()
    except TooShortError:
        return None
    return embedding if len(embedding) else None


def silence(clip: Clip) -> float:
    """Return the fraction of the time in which there is nothing to hear."""
    spec = FeatureSpec(sr=clip.sr)
    level_db = 20 * np.log10(np.maximum(rms(clip.y, spec), 1e-10))
    return float(np.mean(level_db < SILENCE_DB))


def flat_tops(y: npt.NDArray[np.float32]) -> float:
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


def seen(S_db: npt.NDArray[np.float32], seconds: float) -> Heard:
    """Return what can be told of a cached log-mel [shape=(n_mels, n_frames)] of so many seconds."""
    change = np.diff(S_db, axis=1) if S_db.shape[1] > 1 else np.zeros_like(S_db)
    numbers = np.concatenate([S_db.mean(axis=1), S_db.std(axis=1), change.std(axis=1)]).astype(np.float64)
    return Heard(seconds, float(np.mean(S_db.max(axis=0) < SILENCE_DB)), 0.0, numbers)
