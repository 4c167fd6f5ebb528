"""What a trained model listens to: how much worse it gets when a part of its input says nothing any more.

For descriptors, families of them are permuted between the windows (Breiman 2001, "Random forests", section
10, by groups of columns: within a family they stand in for each other). For spectrograms, bands and spans of
time are set to the mean of the data (occlusion; Zeiler & Fergus 2014, section 4.2).
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earmark.errors import InputError
from earmark.features import FeatureSpec, mel_frequencies
from earmark.models import OnnxModel
from earmark.models.base import Array
from earmark.storage import write_atomic
from earmark.train.curves import figure_class
from earmark.train.dataset import Part
from earmark.train.feature_cache import FeatureCache
from earmark.train.job import Job
from earmark.train.reopen import reopen
from earmark.train.scores import Answers, answers
from earmark.train.settings import limited_threads

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TABLE, PICTURE = "importance.csv", "importance.png"
N_BANDS, N_SPANS = 16, 10
FLOOR = 1e-6  # of a probability, in the loss

# Families of descriptors, by what their names begin with; the first that fits.
FAMILIES = (
    ("MFCC, change", r"mfcc\d+_delta"),
    ("MFCC", r"mfcc"),
    ("contrast", r"spectral_contrast"),
    ("brightness", r"spectral_|rolloff|zero_crossing"),
    ("loudness", r"rms"),
    ("key and tuning", r"key_|tuning"),
    ("chroma", r"chroma"),
    ("rhythm", r"tempo|onset|beat"),
)


@dataclass(frozen=True)
class Loss:
    """What is lost without a part of the input.

    Parameters
    ----------
    kind : {"descriptors", "band", "time"}
        What is taken away.
    name : str
        Which of them.
    accuracy : float
        Drop of the balanced accuracy by track.
    log_loss : float
        Rise of the logarithmic loss by track: finer, for it moves before an answer changes.
    spread : float
        Standard deviation of `log_loss` over the permutations; 0 for occlusion.
    """

    kind: str
    name: str
    accuracy: float
    log_loss: float
    spread: float = 0.0


@dataclass(frozen=True, eq=False)
class Importance:
    """What a model listens to.

    Parameters
    ----------
    folder : Path
        Of the run; holds the table and the picture.
    part : str
        Which tracks were used.
    n : int
        How many.
    accuracy, log_loss : float
        Of the whole input.
    losses : tuple of Loss
        The greatest rise of the loss first, within each kind.
    """

    folder: Path
    part: str
    n: int
    accuracy: float
    log_loss: float
    losses: tuple[Loss, ...]


def importance(
    run: str | os.PathLike[str],
    *,
    part: str = "test",
    repeats: int = 10,
    seed: int = 0,
    jobs: int | None = None,
    cache: str | os.PathLike[str] | None = None,
) -> Importance:
    """Measure what the model of a run listens to.

    Parameters
    ----------
    run : path
        Folder of ``earmark train``, complete.
    part : str
        ``"test"``, ``"valid"`` or ``"train"``; without tracks in it, `InputError`.
    repeats : int
        Permutations of each family of descriptors.
    seed : int
        Of the permutations.
    jobs, cache
        As for `earmark.train.train`.

    Returns
    -------
    Importance
        Also written to the folder as ``importance.csv`` and ``importance.png``.

    Raises
    ------
    InputError
        The folder holds no complete run, or its files have changed.
    """
    if repeats < 1:
        raise InputError(f"repeats={repeats}", hint="At least 1.")
    folder = Path(run)
    job = reopen(folder, cache=FeatureCache(cache), jobs=jobs)
    if part not in job.pairs or not len(job.pairs[part]):
        raise InputError(f"part={part!r} has no tracks", hint="Accepted: test, valid or train.")
    with limited_threads(job.request.threads):
        model = OnnxModel.load(folder / "bundle", threads=job.request.threads)
        ear = _Ear(model, job, job.part(part))
        rng = np.random.default_rng(seed)
        hears = model.card.input == "descriptors"
        losses = list(_families(ear, repeats, rng) if hears else _occlusions(ear))
        accuracy, loss, n = ear.whole
    losses.sort(key=lambda loss: (loss.kind, -loss.log_loss))
    found = Importance(folder, part, n, accuracy, loss, tuple(losses))
    write_atomic(folder / TABLE, _table(found))
    write_atomic(folder / PICTURE, draw_importance(found))
    return found


@dataclass(frozen=True, eq=False)
class _Ear:
    """A model, the windows it is asked about, and how well it does on them."""

    model: OnnxModel
    job: Job
    windows: Part

    def score(self, X: Array) -> tuple[float, float, int]:
        """Balanced accuracy, logarithmic loss and number of tracks, with other input."""
        windows = self.windows
        changed = Part(X, windows.tracks, windows.y, windows.groups, windows.shares)
        told = answers(self.model.predict_proba, changed, self.job.manifest)
        if told is None:
            raise InputError("no track of the part has a label", hint="Choose another part.")
        return told.balanced_accuracy, _log_loss(told), len(told)

    @cached_property
    def whole(self) -> tuple[float, float, int]:
        """The same, with the input as it is."""
        return self.score(self.windows.X)

    def lost(self, X: Array) -> tuple[float, float]:
        """Drop of the accuracy and rise of the loss."""
        accuracy, loss, _ = self.score(X)
        return self.whole[0] - accuracy, loss - self.whole[1]


def _log_loss(told: Answers) -> float:
    """Mean cross-entropy by track: of the label's probability, or of every class where there are several."""
    truth = told.by_track.truth
    scores = np.clip(told.by_track.scores, FLOOR, 1 - FLOOR)
    if (truth.sum(axis=1) == 1).all():
        return float(-np.log(scores[truth]).mean())
    return float(-np.where(truth, np.log(scores), np.log(1 - scores)).mean())


def family_of(name: str) -> str:
    """Family of a descriptor: what it tells of."""
    return next((family for family, begin in FAMILIES if re.match(begin, name)), "other")


def _families(ear: _Ear, repeats: int, rng: np.random.Generator) -> Iterator[Loss]:
    families = np.array([family_of(name) for name in ear.model.card.descriptor_names])
    for family in sorted(set(families.tolist())):
        columns = np.flatnonzero(families == family)
        lost = []
        for _ in range(repeats):
            X = ear.windows.X.copy()
            X[:, columns] = X[rng.permutation(len(X))][:, columns]
            lost.append(ear.lost(X))
        accuracy, loss = np.mean(lost, axis=0).tolist()
        yield Loss("descriptors", family, accuracy, loss, float(np.std(lost, axis=0)[1]))


def _occlusions(ear: _Ear) -> Iterator[Loss]:
    card, mean = ear.model.card, ear.windows.X.mean(axis=(0, 2))
    centres_hz = mel_frequencies(card.spec)
    for low, high in _pieces(card.spec.n_mels, N_BANDS):
        X = ear.windows.X.copy()
        X[:, low:high] = mean[low:high, None]
        span = f"{_hz(centres_hz, low, card.spec)} to {_hz(centres_hz, high, card.spec)}"
        yield Loss("band", span, *ear.lost(X))
    for begin, end in _pieces(card.n_frames, N_SPANS):
        X = ear.windows.X.copy()
        X[:, :, begin:end] = mean[:, None]
        span = f"{card.spec.seconds(begin):.1f} to {card.spec.seconds(end):.1f} s"
        yield Loss("time", span, *ear.lost(X))


def _pieces(n: int, n_pieces: int) -> list[tuple[int, int]]:
    edges = np.linspace(0, n, min(n, n_pieces) + 1).round().astype(int).tolist()
    return list(pairwise(edges))


def _hz(centres: np.ndarray, band: int, spec: FeatureSpec) -> str:
    hz = spec.top_hz if band >= len(centres) else float(centres[band]) if band else spec.fmin
    return f"{hz:.0f} Hz" if hz < 1000 else f"{hz / 1000:.1f} kHz"


def _table(found: Importance) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["kind", "name", "accuracy_drop", "log_loss_rise", "log_loss_spread"])
    for loss in found.losses:
        numbers = (loss.accuracy, loss.log_loss, loss.spread)
        writer.writerow([loss.kind, loss.name, *(f"{value:.6f}" for value in numbers)])
    return out.getvalue()


# ---------------------------------------------------------------- the picture


def draw_importance(found: Importance) -> bytes:
    """Bars of what is lost, as PNG: one panel for each kind.

    Raises
    ------
    MissingExtraError
        Without matplotlib.
    """
    figure_of = figure_class()
    kinds = list(dict.fromkeys(loss.kind for loss in found.losses))
    figure = figure_of(figsize=(5.8 * len(kinds), 4.6), layout="constrained")
    for ax, kind in zip(figure.subplots(1, len(kinds), squeeze=False)[0], kinds, strict=True):
        _draw_kind(ax, kind, [loss for loss in found.losses if loss.kind == kind])
    figure.suptitle(
        f"{found.part}: balanced accuracy {found.accuracy:.3f}, loss {found.log_loss:.3f}, {found.n} tracks",
        fontsize=9,
    )
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110, metadata={"Software": None})
    return out.getvalue()


def _draw_kind(ax: Axes, kind: str, losses: Sequence[Loss]) -> None:
    titles = {"descriptors": "Families permuted", "band": "Bands occluded", "time": "Time occluded"}
    if kind != "descriptors":  # along their axis, not by size
        losses = sorted(losses, key=lambda loss: _number(loss.name))
    places = range(len(losses))
    ax.barh(
        places, [loss.log_loss for loss in losses], xerr=[loss.spread for loss in losses], color="#35608c"
    )
    ax.set_yticks(places, [loss.name for loss in losses], fontsize=8)
    if kind == "descriptors":
        ax.invert_yaxis()
    ax.axvline(0, color="#8a93a3", linewidth=0.6)
    ax.set_xlabel("rise of the loss", fontsize=8)
    ax.set_title(titles[kind], loc="left", fontsize=10, weight="bold")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def _number(name: str) -> float:
    first = name.split(" to ", maxsplit=1)[0]
    value, _, unit = first.partition(" ")
    return float(value) * (1000 if unit == "kHz" else 1)
