"""A classifier of a few words: what it needs, an honest estimate, and a bundle that works."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from earmark import load_model
from earmark.errors import InputError
from earmark.evaluate.bootstrap import wilson
from earmark.models import Model, read_card
from earmark.models.base import checked_output
from earmark.models.registry import BUNDLES
from earmark.train.boxes import MOST_WINDOWS, BoxClip, bundle_name, spread, train_boxes

SIZE = read_card(BUNDLES / "earmark-base").embedding_size


@pytest.fixture(scope="module")
def base() -> Model:
    return load_model("earmark-base")


def boxes_of(
    sizes: Mapping[str, int],
    *,
    seed: int = 0,
    distance: float = 2.0,
    per_recording: int = 1,
    own: float = 0.0,
) -> dict[str, list[BoxClip]]:
    """Clips around one direction for each box, and `own` around one for each recording."""
    rng = np.random.default_rng(seed)
    found: dict[str, list[BoxClip]] = {}
    for name, n in sizes.items():
        middle = distance * rng.standard_normal(SIZE)
        for i in range(n):
            if i % per_recording == 0:
                recording, shift = f"{name} {i}", own * rng.standard_normal(SIZE)
            vectors = middle + shift + rng.standard_normal((1 + i % 3, SIZE))
            found.setdefault(name, []).append(BoxClip(vectors.astype(np.float32), recording))
    return found


def test_a_bundle_classifies_like_its_boxes(base: Model, tmp_path) -> None:
    boxes = boxes_of({"my hall": 8, "synth": 9, "none of these": 8})
    stages: list[str] = []
    made = train_boxes(
        boxes, base, name="My words", progress=lambda stage, done, total, metrics: stages.append(stage)
    )
    assert made.card.name == "My-words" and made.card.classes == ("my hall", "synth", "none of these")
    assert made.card.embedding_size == SIZE and made.card.based_on[0]["name"] == "earmark-base"
    assert (made.card.window, made.card.hop) == (base.card.window, base.card.hop)
    assert made.overall.value == 1.0 and made.overall.n_clips == made.overall.n_recordings == 25
    assert made.overall.interval.low == pytest.approx(wilson(1.0, 25).low) and "25 clips" in made.text
    assert [(one.name, one.n_clips) for one in made.each] == [
        ("my hall", 8),
        ("synth", 9),
        ("none of these", 8),
    ]
    assert stages.count("evaluating") == 20 and stages[-1] == "training"
    path = tmp_path / "mine.earmark"
    path.write_bytes(made.bundle)
    model = load_model(path)
    X = np.random.default_rng(0).uniform(-60, 0, (3, *base.card.input_shape)).astype(np.float32)
    output, wanted = checked_output(model, X), checked_output(base, X)
    assert np.abs(output.embedding - wanted.embedding).max() < 1e-4
    assert np.allclose(output.heads["genres"].sum(axis=1), 1, atol=1e-5)
    assert model.card.metrics[0]["split"] == "leave-recordings-out"


def test_the_estimate_is_not_of_recordings_that_were_trained_on(base: Model) -> None:
    """Boxes that mean nothing, of recordings that sound each like themselves: no better than chance."""
    boxes = boxes_of({"a": 24, "b": 24}, distance=0.0, per_recording=4, own=3.0)
    made = train_boxes(boxes, base)
    assert made.overall.n_recordings == 12 and made.overall.value < 0.75
    assert made.overall.interval.high - made.overall.interval.low > 0.35


def test_few_recordings_make_a_wide_range(base: Model) -> None:
    few = train_boxes(boxes_of({"a": 12, "b": 12}, per_recording=4), base).overall
    many = train_boxes(boxes_of({"a": 12, "b": 12}), base).overall
    assert few.value == many.value == 1.0 and few.interval.low < many.interval.low < 0.9


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        (boxes_of({"a": 8}), "1 boxes"),
        (boxes_of({str(i): 8 for i in range(21)}), "21 boxes"),
        (boxes_of({"a": 8, "b": 7}), "'b' has 7 clips"),
        (boxes_of({"a": 8, "b": 8}, per_recording=4), "8 clips of 2 recordings"),
        (boxes_of({"a": 1999, "b": 8}), "too many clips"),
        ({"a": (same := boxes_of({"a": 8})["a"]), "b": same}, "in the boxes 'a' and 'b'"),
    ],
)
def test_boxes_that_cannot_be_trained_on_are_refused(base: Model, boxes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        train_boxes(boxes, base)


def test_a_model_without_embedding_or_weights_is_refused() -> None:
    with pytest.raises(InputError, match="no weights with an embedding"):
        train_boxes(boxes_of({"a": 8, "b": 8}), load_model("echo"))


def test_a_long_clip_counts_no_more_than_a_short_one() -> None:
    vectors = np.arange(100, dtype=np.float32)[:, None]
    chosen = spread(vectors)
    assert len(chosen) == MOST_WINDOWS and chosen[0] == 0 and chosen[-1] == 99
    assert spread(vectors[:3]) is not None and len(spread(vectors[:3])) == 3


def test_names_of_bundles_are_names_of_models() -> None:
    for text in ("", "...", "ä ö", "-x-", "a" * 200, "../../etc", "x\x00y"):
        name = bundle_name(text)
        assert name[0].isalnum() and len(name) <= 64 and "/" not in name


def test_the_interval_of_wilson_is_that_of_scipy() -> None:
    """Values of scipy 1.17, binomtest(k, n).proportion_ci(method="wilson")."""
    for k, n, low, high in (
        (8, 10, 0.490162, 0.943318),
        (0, 5, 0.0, 0.434482),
        (50, 100, 0.403832, 0.596168),
    ):
        found = wilson(k / n, n)
        assert (found.low, found.high) == pytest.approx((low, high), abs=2e-6)
    for fraction, n in ((1.1, 5), (0.5, 0)):
        with pytest.raises(InputError):
            wilson(fraction, n)
