"""Networks that begin from weights of others: ResNets of photographs, mobile networks of AudioSet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_estimators_torch import SMALL, Stop, onnx_outputs, stop_after, windows

from earmark.errors import InputError, ModelError
from earmark.estimators.torch.mobilenet import MobileModel
from earmark.estimators.torch.resnet import ResNet34, ResNet50
from earmark.features import log_mel

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'earmark[torch]'")

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a ResNet of three channels and a few weights, as the hub would hold it."""
    transformers = pytest.importorskip(
        "transformers", reason="transformers is not installed: pip install 'earmark[hub]'"
    )
    torch.manual_seed(0)
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16, 24], depths=[1, 1, 1], layer_type="basic"
    )
    folder = tmp_path_factory.mktemp("tiny")
    transformers.ResNetModel(config).save_pretrained(folder)
    return str(folder)


def test_one_channel_gives_what_a_grey_photograph_gives(tiny: str) -> None:
    import transformers

    from earmark.estimators.torch.resnet import ImageResNet

    X, _ = windows(4, n_mels=64, n_frames=64)
    network = ImageResNet(X, 2, depth=34, weights=tiny, dropout=0.0).eval()
    grey = network.standardise(torch.from_numpy(X)).expand(-1, 3, -1, -1)
    with torch.no_grad():
        wanted = transformers.ResNetModel.from_pretrained(tiny).eval()(grey).pooler_output.flatten(1)
        found = network.embed(torch.from_numpy(X))
    assert torch.allclose(found, wanted, atol=1e-4)
    assert found.std() > 1e-3


def test_stages_thaw_from_the_head_down(tiny: str) -> None:
    X, y = windows(16, n_mels=64, n_frames=64)
    X_before: list[dict[str, Any]] = []
    model = ResNet34(weights=tiny, epochs=3, batch_size=8, unfreeze_every=1, seed=0)

    from earmark.estimators.torch.resnet import ImageResNet

    start = ImageResNet(X, 2, depth=34, weights=tiny, dropout=0.0).state_dict()
    for epochs in (1, 2, 3):
        model.epochs = epochs
        X_before.append(model.fit(X, y, threads=1)._trained.state_dict())

    def moved(state: dict[str, Any], prefix: str) -> bool:
        names = [name for name in start if name.startswith(prefix) and "num_batches" not in name]
        assert names
        return any(not torch.equal(state[name], start[name]) for name in names)

    last, middle = "encoder.stages.2.", "encoder.stages.1."
    assert [moved(state, last) for state in X_before] == [False, True, True]
    assert [moved(state, middle) for state in X_before] == [False, False, True]
    assert not any(moved(state, "embedder.") for state in X_before)


def test_deeper_stages_learn_slower(tiny: str) -> None:
    from earmark.estimators.torch.loop import _optimiser
    from earmark.estimators.torch.resnet import ImageResNet

    X, _ = windows(4, n_mels=64, n_frames=64)
    network = ImageResNet(X, 2, depth=34, weights=tiny, dropout=0.0)
    groups = _optimiser(network, ResNet34(layer_decay=0.5)).param_groups
    scales = {id(p): group["scale"] for group in groups for p in group["params"]}
    assert len(scales) == len(list(network.parameters()))  # each learns, and once
    assert scales[id(network.head[1].weight)] == 1
    assert scales[id(next(network.encoder.stages[2].parameters()))] == 0.5
    assert scales[id(next(network.embedder.parameters()))] == 0.5**4


def test_a_resnet_exports_and_resumes(tiny: str, tmp_path: Path) -> None:
    X, y = windows(16, n_mels=64, n_frames=64)

    def model() -> ResNet50:
        return ResNet50(weights=tiny, epochs=3, batch_size=8, unfreeze_every=1)

    whole = model().fit(X, y, threads=1)
    assert np.abs(onnx_outputs(whole, X)["genres"] - whole.predict_proba(X)).max() <= 1e-4
    with pytest.raises(Stop):
        model().fit(X, y, threads=1, checkpoint=tmp_path / "last", progress=stop_after(2))
    resumed = model().fit(X, y, threads=1, checkpoint=tmp_path / "last")
    assert np.array_equal(resumed.predict_proba(X), whole.predict_proba(X))


@pytest.mark.slow
@pytest.mark.parametrize("family", [ResNet34, ResNet50])
def test_full_resnets_from_nothing(family: Any) -> None:
    pytest.importorskip("transformers", reason="transformers is not installed: pip install 'earmark[hub]'")
    X, y = windows(4, n_mels=64, n_frames=64)
    model = family(weights=None, epochs=1, batch_size=4, unfreeze_every=0).fit(X, y, threads=1)
    n_weights = sum(p.numel() for p in model._trained.parameters())
    # torchvision's counts of 21.8 and 25.6 million, less 1000 classes and two channels of the stem
    assert n_weights == pytest.approx({34: 21.28e6, 50: 23.50e6}[family.depth], rel=1e-3)
    assert np.abs(onnx_outputs(model, X)["genres"] - model.predict_proba(X)).max() <= 1e-4


def test_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="transformers is not installed: pip install 'earmark[hub]'")
    X, y = windows(8, n_mels=64, n_frames=64)
    with pytest.raises(ModelError, match="could not be loaded"):
        ResNet34(weights=str(tmp_path)).fit(X, y)


def test_the_card_states_published_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from safetensors.torch import save_file

    from earmark.estimators import to_bundle
    from earmark.estimators.torch import weights
    from earmark.estimators.torch.mobilenet import MobileNet

    state = MobileNet(0.4).state_dict()
    save_file(state, tmp_path / "own.safetensors")
    save_file(state, tmp_path / "mn04_as.safetensors")
    monkeypatch.setenv("EARMARK_WEIGHTS", str(tmp_path))
    monkeypatch.setitem(weights.KNOWN, "mn04_as", weights.digest(state))
    X, y = windows(8, n_mels=128, n_frames=130)
    for source, licence in ((str(tmp_path / "own.safetensors"), None), ("mn04_as", "MIT")):
        model = MobileModel(epochs=1, batch_size=8, weights=source).fit(X, y, threads=1)
        (base,) = to_bundle(model, tmp_path / "bundle", name="tuned").based_on
        assert base["name"] == Path(source).name  # and no folder of this machine
        assert base["sha256"] == weights.digest(state)
        assert base.get("licence") == licence
        assert ("limits" if licence is None else "training_data") in base
    assert MobileModel(epochs=1, batch_size=8).fit(X, y, threads=1).based_on_ == ()


def test_widths_are_those_of_the_published_networks() -> None:
    from earmark.estimators.torch.mobilenet import MobileNet

    network = MobileNet(0.4)
    convolutions = [m for m in network.features.modules() if isinstance(m, torch.nn.Conv2d)]
    depthwise = [m.out_channels for m in convolutions if m.groups > 1]
    assert depthwise == [8, 24, 32, 32, 48, 48, 96, 80, 72, 72, 192, 272, 272, 384, 384]
    gates = [m.out_features for name, m in network.features.named_modules() if name.endswith("fc1")]
    assert gates == [8, 16, 16, 48, 72, 72, 96, 96]
    assert network.embedding_size == 384
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(983e3, rel=1e-3)
    # The paper's table 1: mn10 has 4.88 million weights, mn40 68.43.
    for width, millions in ((1.0, 4.88), (4.0, 68.43)):
        count = sum(p.numel() for p in MobileNet(width).parameters())
        assert count == pytest.approx(millions * 1e6, rel=0.01)


def tagger_spectrogram(y: np.ndarray) -> np.ndarray:
    """The taggers' own front end, from its published description [shape=(128, n_frames)]."""
    from earmark.estimators.torch.mobilenet import tagger_filters

    y = y[1:] - 0.97 * y[:-1]
    padded = np.pad(y, 512, mode="reflect")
    window = np.pad(np.hanning(800), 112)
    frames = np.lib.stride_tricks.sliding_window_view(padded, 1024)[::320]
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    return ((np.log(tagger_filters() @ power.T + 1e-5) + 4.5) / 5).astype(np.float32)


def test_the_front_end_gives_a_tagger_what_it_expects() -> None:
    import soxr

    from earmark.demo import demo_clip
    from earmark.estimators.torch.mobilenet import FrontEnd

    noise = np.random.default_rng(0).normal(0, 0.1, 22050 * 3).astype(np.float32)
    music = demo_clip().y[: 22050 * 6]
    for y, tolerance in ((noise, 0.03), (music, 0.15)):
        own = tagger_spectrogram(soxr.resample(y, 22050, 32000).astype(np.float64))
        with torch.no_grad():
            found = FrontEnd()(torch.from_numpy(log_mel(y))[None])[0, 0].numpy()
        below = slice(0, 112)  # the bands under our Nyquist frequency
        mean = [np.log(np.exp(5 * S[below]).mean(axis=1)) / 5 for S in (found, own)]
        assert np.median(np.abs(mean[0] - mean[1])) < tolerance  # one unit is 22 dB


def test_a_mobile_network_learns_and_exports(tmp_path: Path) -> None:
    X, y = windows(24, n_mels=128, n_frames=130)
    model = MobileModel(**SMALL, unfreeze_every=1, layer_decay=0.5).fit(X, y, threads=1)
    assert np.abs(onnx_outputs(model, X)["genres"] - model.predict_proba(X)).max() <= 1e-4
    with pytest.raises(InputError, match="128 bands"):
        MobileModel(epochs=1).fit(*windows(8), threads=1)
    with pytest.raises(InputError, match="width=9"):
        MobileModel(width=9.0).fit(X, y)


def test_weights_by_path_and_by_name_with_their_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import save_file

    from earmark.estimators.torch.mobilenet import MobileNet, load_mobile
    from earmark.estimators.torch.weights import convert, digest

    monkeypatch.setenv("EARMARK_WEIGHTS", str(tmp_path))
    network = MobileNet(0.5)
    state = network.state_dict()
    save_file(state, tmp_path / "own.safetensors")
    assert digest(load_mobile(tmp_path / "own.safetensors").state_dict()) == digest(state)
    save_file(state, tmp_path / "mn04_as.safetensors")
    with pytest.raises(ModelError, match="is not mn04_as"):
        load_mobile("mn04_as")
    torch.save(state, tmp_path / "published.pt")
    assert convert(tmp_path / "published.pt", tmp_path / "mn04_as.safetensors") == digest(state)
    (tmp_path / "mn04_as.safetensors").unlink()
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ModelError, match="EARMARK_WEIGHTS"):
        load_mobile("mn04_as")
    with pytest.raises(ModelError, match="cannot be read"):
        load_mobile(tmp_path / "published.pt")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="does not hold"):
        load_mobile(tmp_path / "other.safetensors")


def heard(path: Path, seconds: float, sr: int = 32000) -> np.ndarray:
    """The first seconds, decoded and resampled as the reference says."""
    import av

    resampler = av.AudioResampler(format="flt", layout="mono", rate=sr)
    with av.open(str(path)) as file:
        parts = [f.to_ndarray()[0] for frame in file.decode(audio=0) for f in resampler.resample(frame)]
    return np.concatenate([*parts, *(f.to_ndarray()[0] for f in resampler.resample(None))])[
        : int(seconds * sr)
    ]


@pytest.mark.shared
def test_mn04_answers_as_published(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from earmark.estimators.torch.mobilenet import load_mobile

    monkeypatch.setenv("EARMARK_WEIGHTS", str(shared / "teacher"))
    network = load_mobile("mn04_as").eval()
    reference = np.load(shared / "teacher" / "reference_mn04.npz")
    for row in range(0, len(reference["path"]), 4):
        y = heard(shared / str(reference["path"][row]), 10.0).astype(np.float64)
        with torch.no_grad():
            embedding, logits = network(torch.from_numpy(tagger_spectrogram(y))[None, None])
        assert np.abs(embedding[0].numpy() - reference["embedding"][row]).max() <= 1e-3
        assert np.abs(logits[0].numpy() - reference["logits"][row]).max() <= 1e-3


@pytest.mark.shared
def test_behind_our_front_end_its_scores_are_much_the_same(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from earmark.audio import load
    from earmark.estimators.torch.mobilenet import Tagger, load_mobile

    monkeypatch.setenv("EARMARK_WEIGHTS", str(shared / "teacher"))
    tagger = Tagger(load_mobile("mn04_as"), 2, dropout=0.0).eval()
    reference = np.load(shared / "teacher" / "reference_mn04.npz")
    rows = np.arange(0, len(reference["path"]), 2)
    found = []
    for path in reference["path"][rows]:
        S_db = log_mel(load(shared / str(path), duration=10.0).y)
        with torch.no_grad():
            found.append(tagger.embed(torch.from_numpy(S_db)[None])[0].numpy())
    # 43 frames a second instead of 100 move all embeddings alike; what tells clips apart stays.
    ours, theirs = (E - E.mean(axis=0) for E in (np.stack(found), reference["embedding"][rows]))
    nearest = (ours @ theirs.T / np.linalg.norm(theirs, axis=1)).argmax(axis=1)
    assert (nearest == np.arange(len(rows))).mean() > 0.85  # measured: all of 16
