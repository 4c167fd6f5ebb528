"""The networks: they learn, go on where they stopped, and export what they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from earmark.contract import check_model
from earmark.errors import InputError, ModelError
from earmark.estimators import family, to_bundle
from earmark.estimators.torch.base import TorchModel
from earmark.estimators.torch.cnn import Cnn
from earmark.estimators.torch.fusion import Fusion
from earmark.estimators.torch.short_chunk import ShortChunkModel
from earmark.estimators.torch.texture import TextureModel
from earmark.models.registry import load_model

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'earmark[torch]'")

pytestmark = pytest.mark.torch

SMALL = {"epochs": 2, "batch_size": 8}
FAMILIES = {
    "cnn": lambda: Cnn(**SMALL),
    "texture": lambda: TextureModel(**SMALL, n_hidden=16),
    "short-chunk": lambda: ShortChunkModel(**SMALL, width=8, n_blocks=2),
    "fusion late": lambda: Fusion(**SMALL, when="late", width=8, n_blocks=2, n_hidden=16),
    "fusion early": lambda: Fusion(**SMALL, when="early", width=8, n_blocks=2, n_hidden=16),
    "ensemble": lambda: ShortChunkModel(**SMALL, width=8, n_blocks=2, members=2),
}


def windows(n: int, *, n_mels: int = 32, n_frames: int = 40, seed: int = 0) -> tuple[Any, np.ndarray]:
    """Windows of two kinds that differ in tilt and beat, and the names of the kinds."""
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % 2
    tilt = np.where(kind[:, None], np.linspace(10, -50, n_mels), np.linspace(-10, -30, n_mels))
    beat = 8 * np.sin(np.arange(n_frames)[None] * np.where(kind, 0.3, 1.1)[:, None])
    X = tilt[:, :, None] + beat[:, None] + rng.normal(0, 6, (n, n_mels, n_frames))
    return X.astype(np.float32), np.where(kind, "drums", "flute")


def onnx_outputs(model: TorchModel, X: np.ndarray) -> dict[str, np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(model.to_onnx(), providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_outputs()]
    return dict(zip(names, session.run(names, {"S_db": X}), strict=True))


@pytest.mark.parametrize("name", FAMILIES)
def test_the_graph_answers_as_the_network(name: str) -> None:
    X, y = windows(24)
    model = FAMILIES[name]().fit(X, y, threads=1)
    proba = model.predict_proba(X)
    assert np.abs(proba.sum(axis=1) - 1).max() < 1e-5
    graph = onnx_outputs(model, X)
    assert np.abs(graph["genres"] - proba).max() <= 1e-4
    assert graph["embedding"].shape == (24, model.embedding_size_)
    assert len(np.unique(graph["embedding"].round(4), axis=0)) > 12  # it describes, and not by a constant


QUICK: dict[str, dict[str, Any]] = {
    "texture": {"epochs": 12},
    "short-chunk": {"epochs": 12, "width": 8},
    "fusion": {"epochs": 4, "width": 16},
    "cnn": {"epochs": 6},
    "mn": {"epochs": 12, "width": 0.2, "learning_rate": 4e-3},
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in ("cnn", "mn") else []) for name in QUICK]
)
def test_the_families_keep_the_contract(name: str) -> None:
    report = check_model(family(name)(**QUICK[name]))
    assert {"learns", "again", "bundle", "shapes", "extremes"} <= report.clauses.keys()


def test_a_bundle_of_a_network_keeps_the_contract(tmp_path: Any) -> None:
    X, y = windows(24, n_mels=128, n_frames=130)
    model = FAMILIES["fusion late"]().fit(X, y, threads=1)
    to_bundle(model, tmp_path / "bundle", name="fused", licence="Apache-2.0")
    loaded = load_model(tmp_path / "bundle")
    check_model(loaded)
    assert np.abs(loaded.predict_proba(X) - model.predict_proba(X)).max() <= 1e-4


@pytest.mark.parametrize("family", [Cnn, TextureModel, ShortChunkModel, Fusion])
def test_networks_learn_what_can_be_learned(family: type[TorchModel]) -> None:
    X, y = windows(64)
    X_valid, y_valid = windows(32, seed=1)
    model = family(epochs=8, batch_size=16, average=0.0).fit(X, y, threads=1)
    found = model.classes_[model.predict_proba(X_valid).argmax(axis=1)]
    assert (found == y_valid).mean() > 0.9
    # Labels that mean nothing are not found again: the test above can fail.
    nonsense = np.random.default_rng(0).permutation(y)
    model = family(epochs=8, batch_size=16, average=0.0).fit(X, nonsense, threads=1)
    found = model.classes_[model.predict_proba(X_valid).argmax(axis=1)]
    assert (found == y_valid).mean() < 0.8


def test_several_labels_at_once() -> None:
    X, y = windows(48)
    loud = (np.arange(48) // 2) % 2
    X = X + 20.0 * loud[:, None, None].astype(np.float32)
    targets = np.stack([y == "drums", loud], axis=1).astype(int)
    model = ShortChunkModel(epochs=15, batch_size=8, width=8, n_blocks=2, average=0.0, mixup=0.0)
    model.fit(X, targets, classes=["drums", "loud"], threads=1)
    assert ((model.predict_proba(X) > 0.5) == targets).mean() > 0.9
    assert np.abs(onnx_outputs(model, X)["genres"] - model.predict_proba(X)).max() <= 1e-4


class Stop(Exception):
    """What a kill looks like from inside."""


def stop_after(step: int) -> Any:
    def progress(stage: str, done: int, of: int, metrics: Any) -> None:
        if done == step:
            raise Stop

    return progress


def jitter(X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return X + rng.normal(0, 3, X.shape).astype(np.float32)


@pytest.mark.parametrize("name", ["texture", "short-chunk", "fusion late"])
@pytest.mark.parametrize("patience", [0, 3])
def test_a_training_that_was_stopped_ends_with_the_same_bits(tmp_path: Any, name: str, patience: int) -> None:
    X, y = windows(24)
    held = windows(12, seed=1)

    def fit(**more: Any) -> TorchModel:
        model = FAMILIES[name]()
        model.epochs, model.patience, model.average, model.mixup = 5, patience, 0.9, 0.2
        return model.fit(X, y, valid=held, augment=jitter, threads=1, **more)

    whole = fit()
    for step in (1, 3, 4):
        with pytest.raises(Stop):
            fit(checkpoint=tmp_path / "last.safetensors", progress=stop_after(step))
        torch.rand(3)  # whatever else draws random numbers in between
    seen: list[int] = []
    resumed = fit(checkpoint=tmp_path / "last.safetensors", progress=lambda *step: seen.append(step[1]))
    assert seen == [5]
    assert resumed.history_ == whole.history_
    assert np.array_equal(resumed.predict_proba(X), whole.predict_proba(X))
    for (key, value), other in zip(
        whole._trained.state_dict().items(), resumed._trained.state_dict().values(), strict=True
    ):
        assert torch.equal(value, other), key


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Any) -> None:
    X, y = windows(16)
    path = tmp_path / "last.safetensors"
    FAMILIES["short-chunk"]().fit(X, y, checkpoint=path, threads=1)
    with pytest.raises(ModelError, match="another training"):
        FAMILIES["short-chunk"]().fit(X + 1, y, checkpoint=path, threads=1)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ModelError, match="cannot be read"):
        FAMILIES["short-chunk"]().fit(X, y, checkpoint=path, threads=1)


def test_seeds_decide() -> None:
    X, y = windows(24)

    def proba(seed: int) -> np.ndarray:
        model = ShortChunkModel(**SMALL, width=8, n_blocks=2, seed=seed)
        return model.fit(X, y, threads=1).predict_proba(X)

    before = torch.get_rng_state()
    assert np.array_equal(proba(1), proba(1))
    assert not np.array_equal(proba(1), proba(2))
    assert torch.equal(before, torch.get_rng_state())  # the caller's random numbers are left alone


def test_it_stops_early_and_takes_the_best(tmp_path: Any) -> None:
    X, y = windows(32)
    held = windows(16, seed=1)
    wrong = (held[0], np.where(held[1] == "drums", "flute", "drums"))  # the better it learns, the worse
    model = ShortChunkModel(epochs=30, batch_size=8, width=8, n_blocks=2, patience=2, average=0.0)
    model.fit(X, y, valid=wrong, threads=1)
    losses = [metrics["valid_loss"] for metrics in model.history_]
    assert len(losses) < 30
    assert int(np.argmin(losses)) == len(losses) - 3
    proba = model.predict_proba(wrong[0])
    columns = np.searchsorted(model.classes_, wrong[1])
    loss = -np.log(np.clip(proba[np.arange(16), columns], 1e-7, 1 - 1e-7)).mean()
    assert loss == pytest.approx(min(losses), rel=1e-4)


def test_without_valid_whole_groups_are_held_back() -> None:
    X, y = windows(32)
    groups = [f"artist {i // 4}" for i in range(32)]
    model = ShortChunkModel(epochs=2, batch_size=8, width=8, n_blocks=2, patience=1)
    model.fit(X, y, groups=groups, threads=1)
    assert "valid_loss" in model.history_[0]
    with pytest.raises(InputError, match="patience"):
        model.fit(X, y, groups=["one"] * 32, threads=1)


def test_rare_classes_count_as_much() -> None:
    X = np.random.default_rng(0).normal(-30, 10, (64, 32, 40)).astype(np.float32)  # says nothing
    y = np.where(np.arange(64) % 8 == 0, "rare", "common")

    def share_of_rare(class_weight: str | None) -> float:
        model = ShortChunkModel(
            epochs=8, batch_size=8, width=8, n_blocks=2, class_weight=class_weight, mixup=0.0, average=0.0
        )
        return float(model.fit(X, y, threads=1).predict_proba(X)[:, 1].mean())

    assert share_of_rare("balanced") > share_of_rare(None) + 0.1


def test_mixup_blends_targets_and_weights_as_it_blends_windows() -> None:
    from earmark.estimators import Examples
    from earmark.estimators.torch.loop import mixed

    targets = np.eye(8, dtype=np.float32)
    X = np.repeat(np.repeat(targets[:, :, None], 3, axis=2), 1, axis=1)
    batch = mixed(Examples(X, targets, np.arange(8.0)), 0.4, np.random.default_rng(0))
    assert np.allclose(batch.X[..., 0], batch.targets)
    assert np.allclose(batch.targets.sum(axis=1), 1)
    assert np.allclose(batch.weights, batch.targets @ np.arange(8.0))
    assert len(np.unique(batch.targets.round(3))) > 8


def test_texture_is_made_of_the_descriptors_it_names() -> None:
    from earmark.estimators.torch.texture import Texture
    from earmark.features import mfcc

    X, _ = windows(3, n_mels=128, n_frames=130)
    with torch.no_grad():
        rows = Texture(128, 130)(torch.from_numpy(X)).numpy()
    cepstra = np.stack([mfcc(S) for S in X])
    assert np.abs(rows[:, :20] - cepstra.mean(axis=2)).max() < 1e-2
    assert np.abs(rows[:, 20:40] - np.log(cepstra.std(axis=2) + 0.1)).max() < 1e-3
    pairs = np.triu_indices(13, 1)
    correlations = np.stack([np.corrcoef(c[:13])[pairs] for c in cepstra])
    assert np.abs(rows[:, 60 : 60 + 78] - correlations).max() < 1e-2


def test_a_texture_finds_the_rate_of_a_pulse() -> None:
    from earmark.estimators.torch.texture import Texture

    texture = Texture(128, 130)
    time_s = np.arange(130) * 512 / 22050
    found = []
    for rate_hz in (1.0, 6.0):
        S = np.tile(-40 + 10 * np.sin(2 * np.pi * rate_hz * time_s), (128, 1)).astype(np.float32)
        with torch.no_grad():
            bands = texture._modulation(texture.coarse @ torch.from_numpy(S)[None]).reshape(16, -1)
        edges = np.unique(np.geomspace(1, 65, 11).round().astype(int)) / (130 * 512 / 22050)
        found.append(edges[int(bands.mean(0).argmax())])
    assert found[0] <= 1.0 <= found[0] * 2
    assert found[1] <= 6.0 <= found[1] * 2


def test_masking_sets_bands_and_spans_to_the_mean_in_training_alone() -> None:
    from earmark.estimators.torch.layers import Masking

    torch.manual_seed(0)
    x = torch.ones(2000, 1, 16, 20)
    layer = Masking(0.7)
    assert torch.equal(layer.eval()(x), x)
    assert torch.equal(Masking(0.0).train()(x), x)
    masked = layer.train()(x)[:, 0].numpy()
    assert set(np.unique(masked)) == {0.0, 1.0}
    touched = (masked == 0).any(axis=(1, 2))
    assert 0.66 < touched.mean() < 0.73
    rows, columns = (masked == 0).all(axis=2), (masked == 0).all(axis=1)
    # What is masked is whole rows and whole columns, and no more of them than said.
    assert np.array_equal(masked == 0, rows[:, :, None] | columns[:, None, :])
    assert rows.sum(axis=1).max() <= 2 * (16 // 8)
    assert columns.sum(axis=1).max() <= 2 * (20 // 5)
    assert (rows.mean(axis=0) > 0).all()  # none is always spared
    assert (columns.mean(axis=0) > 0).all()


@pytest.mark.parametrize("when", ["early", "late"])
def test_the_descriptors_of_a_fusion_see_the_whole_window(when: str) -> None:
    X, y = windows(16)
    model = Fusion(**SMALL, when=when, width=8, n_blocks=2, n_hidden=16, masking=1.0).fit(X, y, threads=1)
    texture, image = model._trained.members
    batch, seen = torch.from_numpy(X), []
    model._trained.train()
    texture.texture.register_forward_hook(lambda layer, given, made: seen.append(given[0]))
    image.body[1].register_forward_hook(lambda layer, given, made: seen.append((given[0] - made).abs()))
    model._trained(batch)
    assert torch.equal(seen[0], batch)
    assert (seen[1] > 0).any()


def test_what_is_low_stays_apart_from_what_is_high() -> None:
    from earmark.estimators.torch.layers import MeanAndMaxOverTime
    from earmark.estimators.torch.short_chunk import ShortChunk

    x = torch.zeros(1, 2, 4, 8)  # two channels of four rows
    x[0, 1, 3, 5] = 8.0
    pooled = MeanAndMaxOverTime()(x)[0].reshape(2, 2, 4)  # mean and maximum, channel, row
    assert pooled.nonzero().tolist() == [[0, 1, 3], [1, 1, 3]]
    assert pooled[:, 1, 3].tolist() == [1.0, 8.0]
    X, _ = windows(4, n_mels=128, n_frames=130)
    network = ShortChunk(X, 2, width=8, n_blocks=3, dropout=0.0, masking=0.0).eval()
    assert network.embed(torch.from_numpy(X)).shape == (4, network.embedding_size)
    assert network.embedding_size == 2 * 16 * 4  # 128 bands end as 4 rows of 16 channels


def test_bfloat16_learns_too() -> None:
    X, y = windows(48)
    model = ShortChunkModel(epochs=6, batch_size=8, width=8, n_blocks=2, bf16=True, average=0.0)
    model.fit(X, y, threads=1)
    found = model.classes_[model.predict_proba(X).argmax(axis=1)]
    assert (found == y).mean() > 0.9
    assert next(model._trained.parameters()).dtype == torch.float32


def test_bad_parameters_are_named() -> None:
    X, y = windows(16)
    bad: dict[str, Any] = {"epochs": 0, "learning_rate": -1.0, "mixup": -0.1, "average": 1.0, "seed": -1}
    for name, value in bad.items():
        with pytest.raises(InputError, match=f"{name}={value}"):
            ShortChunkModel(**{name: value}).fit(X, y)
    with pytest.raises(InputError, match="members=0"):
        ShortChunkModel(members=0).fit(X, y)
    with pytest.raises(InputError, match="when='never'"):
        Fusion(when="never").fit(X, y)
    with pytest.raises(InputError, match="masking=2"):
        Fusion(masking=2.0).fit(X, y)
    with pytest.raises(InputError, match="masking=-1"):
        ShortChunkModel(masking=-1.0).fit(X, y)
    with pytest.raises(InputError, match="halved"):
        Cnn(epochs=1).fit(X[:, :16], y)
    ShortChunkModel(**SMALL, n_blocks=2).fit(X[:, :15, :15], y)
    with pytest.raises(InputError, match=r"n_blocks=2\. .*15"):
        ShortChunkModel(n_blocks=2).fit(X[:, :14], y)


def test_a_training_that_diverges_is_an_error() -> None:
    X, y = windows(16)
    with pytest.raises(ModelError, match=r"the training diverged.*learning_rate below"):
        Cnn(epochs=10, batch_size=8, learning_rate=1e30).fit(X, y, threads=1)
