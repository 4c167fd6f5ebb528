"""Training on the embeddings of a frozen model, which are kept instead of its inputs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import several
import sounds
from earmark.data import read_manifest, write_cached
from earmark.errors import InputError
from earmark.estimators.embedding import Embedding, classifier_of
from earmark.models import Head, OnnxModel, load_model
from earmark.train import Recipe, Run, importance, train, tune
from earmark.train.dataset import prepare
from earmark.train.feature_cache import FeatureCache
from earmark.train.plan import recipe_of, reopen
from earmark.train.windows import Embedder, extract
from music import write_music

pytest.importorskip("sklearn")

LITE = {"bundle": "earmark-lite"}
OF_TWO = dataclasses.replace(Recipe().card, heads=(Head("genres", ("a", "b"), "softmax"),))


@pytest.fixture(scope="module")
def lite() -> OnnxModel:
    model = load_model("earmark-lite")
    assert isinstance(model, OnnxModel)
    return model


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_music(tmp_path_factory.mktemp("data") / "music", n=6)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def run(music: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "run"
    return train(music, out=out, cache=cache, jobs=1, model="embedding", params=LITE)


def test_a_row_of_the_cache_is_the_embedding_of_a_window(music: Path, cache: Path, lite: OnnxModel) -> None:
    recipe = recipe_of(Embedding(**LITE))
    features = prepare(read_manifest(music), recipe, cache=FeatureCache(cache), model=lite, jobs=1)
    windows = prepare(read_manifest(music), Recipe(), cache=FeatureCache(cache), jobs=1)
    pairs = np.array([[i, j] for i, n in enumerate(windows.n_windows) for j in range(n)])
    found, inputs = features.part(pairs), windows.part(pairs)
    assert found.X.shape == (len(pairs), lite.card.embedding_size)
    np.testing.assert_allclose(found.X, lite.embed(inputs.X), atol=1e-5)
    np.testing.assert_array_equal(found.fractions, inputs.fractions)
    entries = [file.size for file in FeatureCache(cache).files() if recipe.digest in str(file.path)]
    assert len(entries) == len(features.manifest) and max(entries) < 10_000


@pytest.mark.parametrize("seconds", [0.1, 3.0, 100.0])  # of the longest, three blocks
def test_a_long_sound_is_embedded_in_pieces(seconds: float, tmp_path: Path) -> None:
    model = several.model()
    path = sounds.write(tmp_path / "long.wav", sounds.noise(seconds, sr=22050), 22050, "wavfloat")
    recipe = Recipe("log_mels", more_specs=several.MORE)
    found = extract(path, dataclasses.replace(recipe, embedder=Embedder.of(model)), model)
    plain = extract(path, recipe)
    np.testing.assert_allclose(found["X"], model.embed(plain["X"]), atol=1e-5)
    np.testing.assert_array_equal(found["power"], plain["power"])
    assert len(found["X"]) == len(recipe.starts(len(found["power"]) + 1))


def test_the_bundle_is_that_of_a_training_on_the_windows(
    run: Run, music: Path, cache: Path, lite: OnnxModel
) -> None:
    job = reopen(run.folder, cache=FeatureCache(cache))
    assert job.features.recipe.embedder == Embedder.of(lite)
    windows = prepare(job.manifest, Recipe(), cache=FeatureCache(cache), jobs=1)
    part = windows.part(job.pairs["train"])
    model = Embedding(**LITE).fit(
        part.X, part.y, classes=job.manifest.classes, groups=part.groups, sample_weight=part.weights
    )
    bundle = OnnxModel.load(run.bundle)
    np.testing.assert_allclose(bundle.predict_proba(part.X), model.predict_proba(part.X), atol=1e-4)
    np.testing.assert_allclose(bundle.embed(part.X), lite.embed(part.X), atol=1e-5)
    assert bundle.card.priors["genres"] == pytest.approx(model.priors_)
    assert bundle.card.based_on[0]["sha256"] == lite.card.sha256
    assert "bundle='earmark-lite'" in bundle.card.summary


def test_the_classifier_of_a_bundle_takes_embeddings(run: Run) -> None:
    bundle = OnnxModel.load(run.bundle)
    X = np.random.default_rng(0).uniform(-60, 0, (5, 128, 130)).astype(np.float32)
    alone = classifier_of(bundle)
    np.testing.assert_allclose(alone.predict_proba(bundle.embed(X)), bundle.predict_proba(X), atol=1e-5)
    assert len(alone.weights) < 100_000 and alone.card.classes == bundle.card.classes


@pytest.mark.parametrize("classifier", ["svm", "boosting", "knn", "mlp"])
def test_any_classifier_of_embeddings_is_scored_by_itself(classifier: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(-60, 0, (12, 128, 130)).astype(np.float32)
    X[::2, :40] += 30
    model = Embedding(**LITE, classifier=classifier).fit(X, list("ab" * 6))
    bundle = OnnxModel(dataclasses.replace(OF_TWO, embedding_size=model.embedding_size_), model.to_onnx())
    alone = classifier_of(bundle)
    np.testing.assert_allclose(alone.predict_proba(bundle.embed(X)), bundle.predict_proba(X), atol=1e-5)


def test_other_weights_have_other_entries(lite: OnnxModel) -> None:
    recipe = recipe_of(Embedding(**LITE))
    assert recipe.row_shape == (lite.card.embedding_size,) and recipe.card.input_shape == (128, 130)
    others = [
        Recipe(),
        dataclasses.replace(recipe, hop=1.5),
        dataclasses.replace(recipe, embedder=Embedder("another", lite.card.embedding_size)),
        dataclasses.replace(recipe, spec=dataclasses.replace(recipe.spec, n_mels=64)),
    ]
    assert len({recipe.digest, *(other.digest for other in others)}) == 5


def test_log_mels_that_were_computed_before_are_embedded(
    music: Path, cache: Path, lite: OnnxModel, tmp_path: Path
) -> None:
    windows = prepare(read_manifest(music), Recipe(), cache=FeatureCache(cache), jobs=1)
    tracks = windows.manifest.tracks
    S_db = np.stack([windows.load(i)[:, :137] for i in range(len(tracks))])
    ids, labels = [track.id for track in tracks], [track.labels for track in tracks]
    path, spec = tmp_path / "mels.npz", Recipe().spec
    write_cached(path, ids=ids, S_db=S_db, spec=spec.to_dict(), digest=spec.digest, labels=labels)
    done = train(path, out=tmp_path / "run", jobs=1, model="embedding", params=LITE, split="random")
    assert done.card.embedding_size == lite.card.embedding_size
    features = reopen(done.folder, cache=FeatureCache(cache)).features
    found = features.part(np.array([[3, 0], [3, 1]])).X
    np.testing.assert_allclose(found, lite.embed(np.stack([S_db[3][:, :130], S_db[3][:, -130:]])), atol=1e-5)


def test_it_is_tuned_and_its_bands_are_weighed(run: Run, music: Path, cache: Path, tmp_path: Path) -> None:
    tuned = tune(
        music, trials=2, folds=2, out=tmp_path / "study", jobs=1, cache=cache, model="embedding", params=LITE
    )
    assert tuned.n_trials == 2 and 0 <= tuned.score <= 1
    assert importance(run.folder, jobs=1, cache=cache).features


def test_sound_cannot_be_augmented_where_windows_are_embedded_once(music: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing can be augmented"):
        train(music, out=tmp_path / "run", model="embedding", params=LITE, augment=("gain",))
