"""A classifier of a few words of one's own, from a few clips of each: `train_boxes`.

Logistic regression on the embeddings of a bundle, in seconds. The estimate of its accuracy is honest: each
clip is classified by a model that was trained without the recording that it comes from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from earmark.errors import InputError
from earmark.estimators import build, to_bundle
from earmark.estimators.base import TrainableModel
from earmark.estimators.embedding import Embedding
from earmark.evaluate.bootstrap import Interval, wilson
from earmark.models import Model, ModelCard, OnnxModel, pack_bundle
from earmark.predict.window_scores import mean_rows
from earmark.progress import Progress, no_progress
from earmark.train.settings import limited_threads

Floats = npt.NDArray[np.float32]

CLASSIFIER = "logistic"
LEAST_CLIPS, LEAST_RECORDINGS = 8, 3  # of a box
MOST_BOXES, MOST_CLIPS = 20, 2000
MOST_WINDOWS = 10  # of a clip that are trained on, spread over it: a long one is not to count for more
_MOST_FOLDS = 20
_SPLIT = "leave-recordings-out"


@dataclass(frozen=True, eq=False)
class BoxClip:
    """A clip as it is trained on.

    Parameters
    ----------
    vectors : np.ndarray, float32 [shape=(n, embedding_size)]
        Embeddings of its windows, at least one.
    recording : str
        What it was cut from: clips of the same recording stay together when a part is held out.
    """

    vectors: Floats
    recording: str


@dataclass(frozen=True)
class BoxEstimate:
    """How many clips are classified right, by models that were trained without their recordings.

    Parameters
    ----------
    name : str
        Of the box; "" of all.
    value : float
        Fraction.
    interval : Interval
        95 %, by Wilson's formula over the recordings.
    n_clips, n_recordings : int
        Of how many.
    """

    name: str
    value: float
    interval: Interval
    n_clips: int
    n_recordings: int


@dataclass(frozen=True, eq=False)
class TrainedBoxes:
    """What `train_boxes` gives.

    Parameters
    ----------
    card : ModelCard
        Of the bundle.
    bundle : bytes
        In one file: see `earmark.models.pack_bundle`.
    overall : BoxEstimate
        Of all boxes.
    each : tuple of BoxEstimate
        Of each box.
    """

    card: ModelCard
    bundle: bytes
    overall: BoxEstimate
    each: tuple[BoxEstimate, ...]

    @property
    def text(self) -> str:
        """How the estimate was made, in words."""
        n_clips, n_recordings = self.overall.n_clips, self.overall.n_recordings
        return (
            f"From {n_clips} clips of {n_recordings} recordings, each classified by a model that was trained "
            "without its recording. The range is the 95 % interval: with so few, rely on the range."
        )


def train_boxes(
    boxes: Mapping[str, Sequence[BoxClip]],
    base: Model,
    *,
    name: str = "my-words",
    progress: Progress = no_progress,
) -> TrainedBoxes:
    """Train a classifier of boxes of clips, and estimate how often it is right.

    Parameters
    ----------
    boxes : mapping of str to sequence of BoxClip
        Two or more, each with at least 8 clips of 3 recordings. What is none of the words is a box as well.
    base : Model
        Whose embeddings the clips have; weights that ONNX Runtime runs.
    name : str
        Of the bundle.
    progress : callable
        Called after each fold (``"evaluating"``).

    Raises
    ------
    InputError
        Too few boxes, clips or recordings, a recording in two boxes, or a base that has no embedding or no
        weights to build on.
    MissingExtraError
        A package for training is not installed.
    """
    check_boxes(boxes)
    check_base(base)
    examples = _Examples.of(boxes)
    with limited_threads(1):
        held_out = _cross_validated(examples, progress)
        overall, *each = _estimates(examples, held_out)
        progress("training", 0, 1, {})
        classifier = _fitted(examples, np.ones(len(examples.X), dtype=bool))
        assert isinstance(base, OnnxModel)
        card, bundle = _bundle(Embedding.joined(base, classifier), base.card, name, overall, each)
    progress("training", 1, 1, {})
    return TrainedBoxes(card, bundle, overall, tuple(each))


def check_boxes(boxes: Mapping[str, Sequence[BoxClip]]) -> None:
    """Refuse boxes that nothing can be trained on; see `train_boxes`."""
    if not 2 <= len(boxes) <= MOST_BOXES:
        raise InputError(f"{len(boxes)} boxes", hint=f"Accepted: 2 to {MOST_BOXES}.")
    if sum(map(len, boxes.values())) > MOST_CLIPS:
        raise InputError("too many clips", hint=f"Accepted: up to {MOST_CLIPS} in all boxes.")
    owners: dict[str, str] = {}
    for box, clips in boxes.items():
        recordings = {clip.recording for clip in clips}
        if len(clips) < LEAST_CLIPS or len(recordings) < LEAST_RECORDINGS:
            raise InputError(
                f"box {box!r} has {len(clips)} clips of {len(recordings)} recordings",
                hint=f"Accepted: at least {LEAST_CLIPS} clips of {LEAST_RECORDINGS} recordings in each box.",
            )
        for recording in recordings:
            if owners.setdefault(recording, box) != box:
                raise InputError(
                    f"a recording is in the boxes {owners[recording]!r} and {box!r}",
                    hint="Try: remove it from one of them.",
                )


def check_base(base: Model) -> None:
    """Refuse a model that nothing can be built on, and missing packages; see `train_boxes`."""
    if not isinstance(base, OnnxModel) or not base.card.embedding_size or base.card.input == "descriptors":
        raise InputError(
            f"model {base.card.name!r} has no weights with an embedding to build on",
            hint="Try: a service with earmark-base.",
        )
    build(CLASSIFIER).check_ready((base.card.embedding_size,))


def bundle_name(text: str) -> str:
    """Return a name that a card may have.

    Examples
    --------
    >>> bundle_name("My words!"), bundle_name("__")
    ('My-words', 'my-words')
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:64].rstrip("-._")
    return name or "my-words"


# ---------------------------------------------------------------- steps


@dataclass(frozen=True, eq=False)
class _Examples:
    """Windows as rows: their embeddings, boxes, weights, clips and recordings."""

    names: tuple[str, ...]
    X: Floats
    labels: npt.NDArray[np.str_]
    weights: npt.NDArray[np.float64]
    clips: npt.NDArray[np.int64]
    recordings: npt.NDArray[np.str_]

    @classmethod
    def of(cls, boxes: Mapping[str, Sequence[BoxClip]]) -> _Examples:
        vectors, labels, weights, clips, recordings = [], [], [], [], []
        for name, some in boxes.items():
            for clip in some:
                chosen = spread(clip.vectors)
                n = len(chosen)
                vectors.append(chosen)
                labels += [name] * n
                weights += [1 / n] * n
                clips += [len(vectors) - 1] * n
                recordings += [clip.recording] * n
        return cls(
            tuple(boxes),
            np.concatenate(vectors),
            np.array(labels),
            np.array(weights),
            np.array(clips),
            np.array(recordings),
        )

    def of_clips(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return what is the same for all windows of a clip, once for each clip."""
        _, first = np.unique(self.clips, return_index=True)
        return values[first]


def spread(vectors: Floats) -> Floats:
    """Return `MOST_WINDOWS` rows at most, spread over all of them."""
    if len(vectors) <= MOST_WINDOWS:
        return vectors
    places = np.linspace(0, len(vectors) - 1, MOST_WINDOWS).round().astype(int)
    chosen: Floats = vectors[places]
    return chosen


def _cross_validated(examples: _Examples, progress: Progress) -> npt.NDArray[np.str_]:
    """Return the box that each clip is put into by a model trained without its recording."""
    folds = _folds(examples)
    proba = np.zeros((len(examples.X), len(examples.names)))
    n_folds = int(folds.max()) + 1
    for fold in range(n_folds):
        progress("evaluating", fold, n_folds, {})
        held = folds == fold
        proba[held] = _fitted(examples, ~held).predict_proba(examples.X[held])
    means = mean_rows(proba, np.ones(len(proba)), examples.clips)
    found: npt.NDArray[np.str_] = np.array(examples.names)[means.argmax(axis=1)]
    return found


def _folds(examples: _Examples) -> npt.NDArray[np.int64]:
    """Return the fold of each window: recordings in turn, box by box, so that no fold empties a box."""
    fold_of: dict[str, int] = {}
    n_recordings = len(set(examples.recordings.tolist()))
    n_folds = min(_MOST_FOLDS, n_recordings)
    for recording in dict.fromkeys(examples.recordings.tolist()):
        fold_of[recording] = len(fold_of) % n_folds
    return np.array([fold_of[recording] for recording in examples.recordings.tolist()])


def _fitted(examples: _Examples, rows: npt.NDArray[np.bool_]) -> TrainableModel:
    return build(CLASSIFIER).fit(
        examples.X[rows],
        examples.labels[rows].tolist(),
        classes=examples.names,
        sample_weight=examples.weights[rows],
    )


def _estimates(examples: _Examples, found: npt.NDArray[np.str_]) -> list[BoxEstimate]:
    """Return the estimate of all boxes, then that of each."""
    labels = examples.of_clips(examples.labels)
    recordings = examples.of_clips(examples.recordings)
    right = found == labels

    def estimate(name: str, rows: npt.NDArray[np.bool_]) -> BoxEstimate:
        value, n = float(right[rows].mean()), len(set(recordings[rows].tolist()))
        return BoxEstimate(name, value, wilson(value, n), int(rows.sum()), n)

    return [
        estimate("", np.ones(len(labels), dtype=bool)),
        *(estimate(n, labels == n) for n in examples.names),
    ]


def _bundle(
    model: Embedding, base: ModelCard, name: str, overall: BoxEstimate, each: Sequence[BoxEstimate]
) -> tuple[ModelCard, bytes]:
    with TemporaryDirectory(prefix="earmark-") as folder:
        path = Path(folder) / "bundle"
        words = ", ".join(model.classes_.tolist())
        card = to_bundle(
            model,
            path,
            name=bundle_name(name),
            spec=base.spec,
            window=base.window,
            hop=base.hop,
            summary=f"{words}: trained on {overall.n_clips} clips",
            metrics=[_metric("accuracy", overall), *(_metric(f"recall of {one.name}", one) for one in each)],
            training_data=[{"name": "own clips", "licence": "not stated", "n": overall.n_clips}],
            thresholds={key: base.thresholds[key] for key in ("silence_db",) if key in base.thresholds},
            limits=[
                f"Trained on {overall.n_clips} clips. It puts every sound into one of its boxes: only a box "
                "of what is none of the words keeps other sounds out of them."
            ],
        )
        return card, pack_bundle(path)


def _metric(name: str, estimate: BoxEstimate) -> dict[str, Any]:
    return {
        "name": name,
        "value": round(estimate.value, 4),
        "low": round(estimate.interval.low, 4),
        "high": round(estimate.interval.high, 4),
        "n": estimate.n_clips,
        "split": _SPLIT,
        "split_digest": "",
    }
