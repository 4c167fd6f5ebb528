"""Which parts of its input a trained model depends on: how much worse it gets without each of them.

For descriptors, families of them are permuted between the windows (Breiman 2001, "Random forests", section
10, by groups of columns: within a family they carry the same information). For spectrograms, bands and spans
of time are set to the mean of the data (occlusion; Zeiler & Fergus 2014, section 4.2).
"""

from __future__ import annotations

import csv
import dataclasses
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
from earmark.train.dataset import Part, prepare
from earmark.train.feature_cache import FeatureCache
from earmark.train.plan import Job, reopen
from earmark.train.report import figure_class
from earmark.train.run_folder import RunFolder
from earmark.train.scores import PartScores, score_part
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
class FeatureImportance:
    """How much a model gets worse without a part of its input.

    Parameters
    ----------
    kind : {"descriptors", "band", "time"}
        Kind of the part.
    name : str
        The part: a family of descriptors, a band in Hz, a span in seconds.
    accuracy : float
        Drop of the balanced accuracy by track.
    log_loss : float
        Rise of the logarithmic loss by track: more sensitive, as it changes before a prediction does.
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
    """Importance of every part of a model's input.

    Parameters
    ----------
    folder : Path
        Folder of the run; holds the table and the picture.
    part : str
        Which tracks were used.
    n : int
        Number of tracks.
    accuracy, log_loss : float
        Of the whole input.
    features : tuple of FeatureImportance
        Within each kind, the greatest rise of the loss first.
    """

    folder: Path
    part: str
    n: int
    accuracy: float
    log_loss: float
    features: tuple[FeatureImportance, ...]


def importance(
    run: str | os.PathLike[str],
    *,
    part: str = "test",
    repeats: int = 10,
    seed: int = 0,
    jobs: int | None = None,
    cache: str | os.PathLike[str] | None = None,
) -> Importance:
    """Measure which parts of its input the model of a run depends on.

    Parameters
    ----------
    run : path
        Folder of a complete run of ``earmark train``.
    part : str
        Tracks to measure on: ``"test"``, ``"valid"`` or ``"train"``.
    repeats : int
        Permutations of each family of descriptors.
    seed : int
        Random seed of the permutations.
    jobs, cache
        As for `earmark.train.train`.

    Returns
    -------
    Importance
        Also written to the folder as ``importance.csv`` and ``importance.png``.

    Raises
    ------
    InputError
        The folder holds no complete run, its files have changed, `part` has no tracks, or the model takes
        the log-mels of several front ends.
    MissingExtraError
        matplotlib is not installed; nothing was computed then.
    """
    if repeats < 1:
        raise InputError(f"repeats={repeats}", hint="Accepted: 1 or more.")
    folder = Path(run)
    figure_class()  # matplotlib, for the picture: missed now, and not after the last permutation
    job = reopen(folder, cache=FeatureCache(cache), jobs=jobs)
    if part not in job.pairs or not len(job.pairs[part]):
        raise InputError(f"part={part!r} has no tracks", hint="Accepted: test, valid or train.")
    with limited_threads(job.settings.threads):
        model = OnnxModel.load(RunFolder(folder).bundle, threads=job.settings.threads)
        if model.card.input == "log_mels":
            raise InputError(
                f"{folder}: a model of {len(model.card.front_ends)} front ends",
                hint="Accepted: a model of descriptors, or of log-mels by one front end.",
            )
        scorer = _Scorer(model, job, _inputs(job, part, cache, jobs))
        uses_descriptors = model.card.input == "descriptors"
        rng = np.random.default_rng(seed)
        features = list(_permuted(scorer, repeats, rng) if uses_descriptors else _occluded(scorer))
        accuracy, log_loss, n = scorer.whole
    features.sort(key=lambda found: (found.kind, -found.log_loss))
    found = Importance(folder, part, n, accuracy, log_loss, tuple(features))
    write_atomic(folder / TABLE, _table(found))
    write_atomic(folder / PICTURE, draw_importance(found))
    return found


def _inputs(job: Job, part: str, cache: str | os.PathLike[str] | None, jobs: int | None) -> Part:
    """Windows of a part as the bundle takes them, also where it was trained on their embeddings."""
    features = job.features
    if features.recipe.embedder is not None:
        recipe = dataclasses.replace(features.recipe, embedder=None)
        features = prepare(job.manifest, recipe, cache=FeatureCache(cache), jobs=jobs)
    return features.part(job.pairs[part])


@dataclass(frozen=True, eq=False)
class _Scorer:
    """A model, windows to score, and how well it does on them."""

    model: OnnxModel
    job: Job
    windows: Part

    def score(self, X: Array) -> tuple[float, float, int]:
        """Balanced accuracy, logarithmic loss and number of tracks, with other input."""
        windows = self.windows
        changed = Part(X, windows.tracks, windows.y, windows.groups, windows.fractions)
        found = score_part(self.model.predict_proba, changed, self.job.manifest)
        if found is None:
            raise InputError("no track of the part has a label", hint="Try: another part.")
        return found.balanced_accuracy, _log_loss(found), len(found)

    @cached_property
    def whole(self) -> tuple[float, float, int]:
        """The same, with the input as it is."""
        return self.score(self.windows.X)

    def drop(self, X: Array) -> tuple[float, float]:
        """Drop of the accuracy and rise of the loss, with other input."""
        accuracy, loss, _ = self.score(X)
        return self.whole[0] - accuracy, loss - self.whole[1]


def _log_loss(found: PartScores) -> float:
    """Mean cross-entropy by track: of the label's probability, or of every class where there are several."""
    truth = found.by_track.truth
    scores = np.clip(found.by_track.scores, FLOOR, 1 - FLOOR)
    if (truth.sum(axis=1) == 1).all():
        return float(-np.log(scores[truth]).mean())
    return float(-np.where(truth, np.log(scores), np.log(1 - scores)).mean())


def family_of(name: str) -> str:
    """Family of a descriptor: the property of sound that it measures."""
    return next((family for family, begin in FAMILIES if re.match(begin, name)), "other")


def _permuted(scorer: _Scorer, repeats: int, rng: np.random.Generator) -> Iterator[FeatureImportance]:
    families = np.array([family_of(name) for name in scorer.model.card.descriptor_names])
    for family in sorted(set(families.tolist())):
        columns = np.flatnonzero(families == family)
        drops = []
        for _ in range(repeats):
            X = scorer.windows.X.copy()
            X[:, columns] = X[rng.permutation(len(X))][:, columns]
            drops.append(scorer.drop(X))
        accuracy, log_loss = np.mean(drops, axis=0).tolist()
        yield FeatureImportance("descriptors", family, accuracy, log_loss, float(np.std(drops, axis=0)[1]))


def _occluded(scorer: _Scorer) -> Iterator[FeatureImportance]:
    card, mean = scorer.model.card, scorer.windows.X.mean(axis=(0, 2))
    centres_hz = mel_frequencies(card.spec)
    for low, high in _pieces(card.spec.n_mels, N_BANDS):
        X = scorer.windows.X.copy()
        X[:, low:high] = mean[low:high, None]
        span = f"{_hz(centres_hz, low, card.spec)} to {_hz(centres_hz, high, card.spec)}"
        yield FeatureImportance("band", span, *scorer.drop(X))
    for begin, end in _pieces(card.n_frames, N_SPANS):
        X = scorer.windows.X.copy()
        X[:, :, begin:end] = mean[:, None]
        span = f"{card.spec.seconds(begin):.1f} to {card.spec.seconds(end):.1f} s"
        yield FeatureImportance("time", span, *scorer.drop(X))


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
    for each in found.features:
        numbers = (each.accuracy, each.log_loss, each.spread)
        writer.writerow([each.kind, each.name, *(f"{value:.6f}" for value in numbers)])
    return out.getvalue()


# ---------------------------------------------------------------- the picture


def draw_importance(found: Importance) -> bytes:
    """Rise of the loss without each part, as PNG: one panel for each kind.

    Raises
    ------
    MissingExtraError
        Without matplotlib.
    """
    figure_of = figure_class()
    kinds = list(dict.fromkeys(each.kind for each in found.features))
    figure = figure_of(figsize=(5.8 * len(kinds), 4.6), layout="constrained")
    for ax, kind in zip(figure.subplots(1, len(kinds), squeeze=False)[0], kinds, strict=True):
        _draw_kind(ax, kind, [each for each in found.features if each.kind == kind])
    figure.suptitle(
        f"{found.part}: balanced accuracy {found.accuracy:.3f}, loss {found.log_loss:.3f}, {found.n} tracks",
        fontsize=9,
    )
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110, metadata={"Software": None})
    return out.getvalue()


def _draw_kind(ax: Axes, kind: str, features: Sequence[FeatureImportance]) -> None:
    titles = {"descriptors": "Families permuted", "band": "Bands occluded", "time": "Time occluded"}
    if kind != "descriptors":  # along their axis, not by size
        features = sorted(features, key=lambda each: _number(each.name))
    places, spreads = range(len(features)), [each.spread for each in features]
    ax.barh(places, [each.log_loss for each in features], xerr=spreads, color="#35608c")
    ax.set_yticks(places, [each.name for each in features], fontsize=8)
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
