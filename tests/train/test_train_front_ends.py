"""Training on the embeddings of a model with several front ends."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import several
from earmark.contract import check_model
from earmark.data import read_manifest, write_cached
from earmark.errors import InputError
from earmark.estimators.embedding import Embedding
from earmark.evaluate.scoring import score_tracks
from earmark.features import FeatureSpec
from earmark.models import load_model, save_bundle
from earmark.models.base import checked_output
from earmark.predict import classify
from earmark.train import Run, train
from earmark.train.boxes import BoxClip, train_boxes
from earmark.train.dataset import prepare
from earmark.train.feature_cache import FeatureCache
from earmark.train.importance import importance
from earmark.train.plan import reopen
from earmark.train.windows import Recipe
from music import write_music

pytest.importorskip("sklearn")

RECIPE = Recipe("log_mels", more_specs=several.MORE)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "several"
    save_bundle(folder, several.CARD, several.graph())
    return str(folder)


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_music(tmp_path_factory.mktemp("data") / "music", n=6)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def run(bundle: str, music: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "run"
    return train(music, out=out, cache=cache, jobs=1, model="embedding", params={"bundle": bundle})


def test_the_scores_of_classify_are_those_of_training(run: Run, music: Path, cache: Path) -> None:
    assert (run.card.input, run.card.more_specs) == ("log_mels", several.MORE)
    model = load_model(run.bundle)
    features = prepare(read_manifest(music), RECIPE, cache=FeatureCache(cache), jobs=1)
    place = [track.id for track in features.manifest.tracks].index("house/03.wav")
    part = features.part(np.array([[place, i] for i in range(features.n_windows[place])]))
    rows = model.predict_proba(part.X)
    segments = classify(music / "house" / "03.wav", model=model).segments
    for row, segment in zip(rows, segments, strict=True):
        scores = {score.label: score.score for score in segment.genres}
        assert np.allclose(row, [scores[label] for label in model.card.classes], atol=1e-4)


def test_the_run_states_its_front_ends_and_is_opened_again(run: Run, cache: Path) -> None:
    params = json.loads((run.folder / "params.json").read_text())
    assert params["features"]["more_specs"] == [spec.to_dict() for spec in several.MORE]
    job = reopen(run.folder, cache=FeatureCache(cache))
    assert dataclasses.replace(job.features.recipe, embedder=None) == RECIPE
    assert job.part("train").X.shape[1:] == (several.CARD.embedding_size,)
    with pytest.raises(InputError, match="a model of 3 front ends"):
        importance(run.folder, cache=cache)


def test_each_number_has_a_digest_of_its_own() -> None:
    others = [
        Recipe(),
        Recipe("descriptors"),
        dataclasses.replace(RECIPE, hop=1.5),
        dataclasses.replace(RECIPE, window=1.5, hop=1.5),
        dataclasses.replace(RECIPE, more_specs=several.MORE[:1]),
        dataclasses.replace(RECIPE, more_specs=several.MORE[::-1]),
    ]
    assert len({RECIPE.digest, *(recipe.digest for recipe in others)}) == 7


def test_the_family_keeps_its_contract(bundle: str) -> None:
    report = check_model(Embedding(bundle=bundle))
    assert report.clauses["consistent"] == "predict_proba, embed"


def test_log_mels_that_were_computed_before_are_refused(bundle: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    S_db = rng.uniform(-60, 0, (8, 128, 260)).astype(np.float32)
    ids, labels = [f"{i}" for i in range(8)], [["a"], ["b"]] * 4
    write_cached(tmp_path / "mels.npz", ids=ids, S_db=S_db, spec=FeatureSpec().to_dict(), labels=labels)
    with pytest.raises(InputError, match="log-mels of one front end, but the model takes those of 3 front"):
        train(tmp_path / "mels.npz", out=tmp_path / "run", model="embedding", params={"bundle": bundle})
    model = load_model(bundle)
    with pytest.raises(
        InputError, match=r"log-mels of one front end, model 'several' takes those of 3 front"
    ):
        score_tracks(model, read_manifest(tmp_path / "mels.npz"), head=model.card.heads[0])


def test_a_classifier_of_own_words_builds_on_it(bundle: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    base = load_model(bundle)
    boxes = {
        name: [
            BoxClip((sign + rng.standard_normal((2, 16))).astype(np.float32), f"{name} {i}") for i in range(8)
        ]
        for name, sign in (("a", -2.0), ("b", 2.0))
    }
    made = train_boxes(boxes, base)
    path = tmp_path / "mine.earmark"
    path.write_bytes(made.bundle)
    model = load_model(path)
    assert model.card.more_specs == several.MORE
    X = rng.uniform(-60, 0, (3, *base.card.input_shape)).astype(np.float32)
    output, wanted = checked_output(model, X), checked_output(base, X)
    np.testing.assert_allclose(output.embedding, wanted.embedding, atol=1e-5)
