"""Two models side by side: the same tracks for both, and no winner where chance may have chosen."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from test_evaluate import GROUPED, PLAIN, Ear, HalfDeaf, Make, made, sounds  # noqa: F401 (fixtures)

from earmark.data import split, with_hashes, write_manifest
from earmark.errors import InputError
from earmark.evaluate import compare, evaluate, mcnemar
from earmark.models import Head, ModelCard

MANY = [("high0", "hip-hop", f"artist {i}") for i in range(9)] + [
    ("low0", "low", f"other {i}") for i in range(6)
]


def test_a_difference_that_is_no_chance(made: Make) -> None:  # noqa: F811
    done = compare(HalfDeaf(name="deaf"), Ear(), made(*MANY), n_resamples=300)
    first = done.differences[0]
    assert (first.a.value, first.b.value) == (6 / 15, 1.0)
    assert first.difference.value == pytest.approx(9 / 15) and first.text == "+60.0 points"
    assert 0 < first.difference.low < 9 / 15 < first.difference.high <= 1
    assert done.p_value == mcnemar([False] * 9, [True] * 9) == 2 / 2**9
    assert (len(done.only_a), len(done.only_b)) == (0, 9) and done.only_b[0].a.predicted == "mid"
    assert done.verdict.startswith("ear is better: +60.0 points (")
    assert "deaf" not in compare(Ear(), HalfDeaf(name="deaf"), made(*MANY), n_resamples=99).verdict


def test_a_difference_that_may_be_chance(made: Make) -> None:  # noqa: F811
    done = compare(HalfDeaf(name="deaf"), Ear(), made(*MANY[8:]))
    assert done.differences[0].difference.value > 0 and done.p_value == 1.0
    assert done.verdict.startswith("No difference is shown: +14.3 points")


def test_one_artist_does_not_make_a_difference(made: Make) -> None:  # noqa: F811
    # Nine tracks would do for McNemar; all by one artist, they are one case.
    rows = [(name, label, "one" if label == "hip-hop" else group) for name, label, group in MANY]
    done = compare(HalfDeaf(name="deaf"), Ear(), made(*rows))
    assert done.p_value < 0.05 and done.verdict.startswith("No difference is shown")


def test_a_model_is_as_good_as_itself(made: Make) -> None:  # noqa: F811
    done = compare(Ear(), Ear(name="twin"), made(*PLAIN))
    assert done.p_value == 1.0 and not done.only_a and not done.only_b
    assert all(
        entry.difference.value == 0 == entry.difference.low == entry.difference.high
        for entry in done.differences
    )


def test_each_side_is_what_evaluate_says(made: Make) -> None:  # noqa: F811
    manifest = made(*PLAIN)
    done = compare(Ear(), HalfDeaf(name="deaf"), manifest)
    for entry, alone in zip(done.differences, evaluate(Ear(), manifest).metrics, strict=True):
        assert (entry.a.name, entry.a.value, entry.a.low) == pytest.approx(
            (alone.name, alone.value, alone.low)
        )


def test_only_tracks_that_both_know(made: Make) -> None:  # noqa: F811
    class Narrow(Ear):
        def __init__(self) -> None:
            super().__init__(name="narrow")
            self.card = ModelCard(
                name="narrow", heads=(Head("genres", ("low", "mid", "x"), "softmax"),), window=1.0, hop=1.0
            )

        def forward(self, X):  # type: ignore[no-untyped-def]
            output = super().forward(X)
            return type(output)({"genres": output.heads["genres"]})

    rows = [("high0", "hip-hop", "z"), *PLAIN, ("broken", "low", "y")]
    done = compare(Ear(), Narrow(), made(*rows), n_resamples=50)
    assert done.n == 4 and (len(done.a.tracks), len(done.b.tracks)) == (5, 4)
    assert done.differences[0].a.value == done.differences[0].b.value == 0.75
    assert np.isclose(done.differences[1].a.value, 0.75)  # windows of the same tracks
    assert any("4 tracks are compared; scored in all: ear 5" in note for note in done.notes)
    assert any(note.startswith("narrow: Labels that the model does not know") for note in done.notes)
    with pytest.raises(InputError, match=r"no track that both"):
        compare(Ear(), Narrow(), made(("high0", "hip-hop", "a"), ("low0", "x", "b")))


def test_notes_name_the_model_that_was_trained_on_the_tracks(made: Make) -> None:  # noqa: F811
    manifest = made(*GROUPED)
    digest = split(manifest).digest
    done = compare(
        Ear(split_digest=digest), Ear(name="other", split_digest="f" * 16), manifest, n_resamples=20
    )
    assert done.a.subset.digest == done.b.subset.digest == digest and done.a.subset.part == "test"
    assert [note.split(":")[0] for note in done.notes if "split" in note] == ["other"]


def test_training_tracks_of_either_are_left_out_for_both(made: Make, tmp_path: Path) -> None:  # noqa: F811
    import shutil

    from earmark.models.registry import BUNDLES

    learned = with_hashes(
        made(*[(name, {"low": "blues", "mid": "rock"}[label], g) for name, label, g in GROUPED])
    )
    shutil.copytree(BUNDLES / "earmark-base", tmp_path / "run" / "bundle")
    card = json.loads((tmp_path / "run" / "bundle" / "card.json").read_text())
    card["split_digest"] = split(learned).digest
    (tmp_path / "run" / "bundle" / "card.json").write_text(json.dumps(card))
    write_manifest(learned, tmp_path / "run" / "manifest.jsonl")
    asked = {"split": {"protocol": "grouped", "test": 0.2, "valid": 0.15}, "seed": 0}
    (tmp_path / "run" / "params.json").write_text(json.dumps(asked))
    rows = [("low0", "blues", "a"), ("mid0", "rock", "b"), ("high0", "rock", "c"), ("high1", "rock", "d")]
    done = compare("echo", tmp_path / "run", made(*rows), n_resamples=20)
    assert done.n == 2 and done.a.subset.part == "unseen"
    assert any("2 tracks that the model was trained with are left out" in note for note in done.notes)


def test_leaky_comparisons_name_no_winner(made: Make) -> None:  # noqa: F811
    done = compare(HalfDeaf(name="deaf"), Ear(), made(*MANY), split="windows", n_resamples=20)
    assert "leaky" in done.verdict and all(entry.text.endswith("leaky") for entry in done.differences)


def test_json(made: Make) -> None:  # noqa: F811
    report = json.loads(compare(HalfDeaf(name="deaf"), Ear(), made(*MANY), n_resamples=20).to_json())
    assert report["schema"] == "earmark.comparison/1" and (report["a"]["name"], report["b"]["name"]) == (
        "deaf",
        "ear",
    )
    assert report["differences"][0]["difference"]["value"] == 0.6 and len(report["only_b"]) == 9
    assert report["only_b"][0]["a"]["predicted"] == "mid" and report["n"] == 15
