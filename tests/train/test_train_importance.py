"""Importance finds the parts of the input that a model uses, for models of which it is known."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_cli import Run, run  # noqa: F401 (run is a fixture)

from earmark.errors import InputError
from earmark.estimators import TrainableModel
from earmark.features import FeatureSpec
from earmark.models import register
from earmark.models.registry import _registered
from earmark.models.windows import descriptor_names
from earmark.train import importance, train
from earmark.train.importance import family_of
from music import write_music

onnx = pytest.importorskip("onnx")
LOUD, EDGE = -30.0, 5.0  # dB; logits per dB


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    write_music(folder / "music", n=6)
    return folder


@pytest.fixture(autouse=True)
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_CACHE", str(place / "cache"))


class OneNumber(TrainableModel):
    """Looks at a single number of its input, and decides by where it lies between the classes' means."""

    def _number(self, X: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _fit(self, train: Any, valid: Any, progress: Any) -> None:
        values = self._number(train.X)
        self.means = np.array([values[train.codes == i].mean() for i in range(len(self.classes_))])

    def _proba(self, X: Any) -> Any:
        logits = -EDGE * np.abs(self._number(X)[:, None] - self.means) / np.ptp(self.means)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def graph(self, nodes: list[Any], shape: list[Any], constants: dict[str, np.ndarray]) -> bytes:
        from onnx import TensorProto, helper, numpy_helper

        constants = {
            **constants,
            "means": self.means[None].astype(np.float32),
            "scale": np.float32(-EDGE / np.ptp(self.means)),
        }
        name = {"log_mel": "S_db", "descriptors": "X"}[self.input]
        nodes = [
            *nodes,
            helper.make_node("Sub", ["value", "means"], ["away"]),
            helper.make_node("Abs", ["away"], ["far"]),
            helper.make_node("Mul", ["far", "scale"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["genres"], axis=1),
        ]
        graph = helper.make_graph(
            nodes,
            "one number",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape])],
            [helper.make_tensor_value_info("genres", TensorProto.FLOAT, ["n", len(self.classes_)])],
            [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
        return model.SerializeToString()


class OneDescriptor(OneNumber):
    """Hears one descriptor."""

    input = "descriptors"
    place = descriptor_names(FeatureSpec()).index("spectral_centroid_mean")

    def _number(self, X: np.ndarray) -> np.ndarray:
        return X[:, self.place]

    def to_onnx(self) -> bytes:
        node = onnx.helper.make_node("Gather", ["X", "columns"], ["value"], axis=1)
        return self.graph([node], [107], {"columns": np.array([self.place], np.int64)})


class OneBand(OneNumber):
    """Hears the level of bands 64 to 71 in frames 26 to 38."""

    input = "log_mel"

    def _number(self, X: np.ndarray) -> np.ndarray:
        return X[:, 64:72, 26:39].mean(axis=(1, 2))

    def to_onnx(self) -> bytes:
        helper = onnx.helper
        nodes = [
            helper.make_node("Slice", ["S_db", "low", "high", "axes"], ["corner"]),
            helper.make_node("ReduceMean", ["corner", "axes"], ["mean"], keepdims=0),
            helper.make_node("Unsqueeze", ["mean", "last"], ["value"]),
        ]
        constants = {
            "low": np.array([64, 26], np.int64),
            "high": np.array([72, 39], np.int64),
            "axes": np.array([1, 2], np.int64),
            "last": np.array([1], np.int64),
        }
        return self.graph(nodes, [128, 130], constants)


@pytest.fixture
def families() -> Any:
    register("hears-one-descriptor")(OneDescriptor)
    register("hears-one-band")(OneBand)
    yield
    del _registered["hears-one-descriptor"], _registered["hears-one-band"]


def test_every_descriptor_belongs_to_a_family() -> None:
    families = {name: family_of(name) for name in descriptor_names(FeatureSpec())}
    assert "other" not in families.values() and len(set(families.values())) == 8
    assert families["mfcc3_delta_var"] == "MFCC, change" and families["mfcc3_var"] == "MFCC"
    assert families["spectral_contrast1_mean"] == "contrast" and families["tempo"] == "rhythm"


def test_the_family_that_decides_is_found_and_no_other(place: Path, tmp_path: Path, families: None) -> None:
    made = train(place / "music", model="hears-one-descriptor", out=tmp_path / "run")
    found = importance(made.folder, part="train")
    first, *others = found.features
    assert first.name == "brightness" and first.log_loss > 0.2 and first.accuracy > 0.1
    assert all(loss.log_loss == pytest.approx(0, abs=1e-6) for loss in others) and len(others) == 7
    rows = list(csv.DictReader((made.folder / "importance.csv").open()))
    assert [row["name"] for row in rows] == [each.name for each in found.features]
    assert (made.folder / "importance.png").read_bytes().startswith(b"\x89PNG")
    assert importance(made.folder, part="train").features == found.features


def test_the_band_and_the_moment_that_decide_are_found(place: Path, tmp_path: Path, families: None) -> None:
    made = train(place / "music", model="hears-one-band", out=tmp_path / "run")
    found = importance(made.folder, part="train")
    for kind, expected in (("band", 16), ("time", 10)):
        features = [each for each in found.features if each.kind == kind]
        assert len(features) == expected and features[0].log_loss > 0.05
        assert all(each.log_loss == pytest.approx(0, abs=1e-6) for each in features[1:])
        assert features[0].name == {"band": "2.0 kHz to 2.5 kHz", "time": "0.6 to 0.9 s"}[kind]


def test_the_command(run: Run, place: Path, tmp_path: Path) -> None:  # noqa: F811
    pytest.importorskip("onnx")
    made = train(place / "music", model="logistic", out=tmp_path / "run")
    outcome = run("importance", made.folder, "--repeats", 2)
    assert outcome.status == 0, outcome.err
    assert "MFCC, change" in outcome.out and "importance.png" in outcome.err
    assert run("importance", made.folder, "--part", "all").status == 2
    assert run("importance", place).status == 2


def test_runs_that_cannot_be_looked_into(place: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    data = Path(shutil.copytree(place / "music", tmp_path / "music"))
    made = train(data, model="logistic", out=tmp_path / "run")
    (data / "rock" / "00.wav").unlink()
    with pytest.raises(InputError, match="changed since"):
        importance(made.folder)
    shutil.rmtree(made.bundle)
    with pytest.raises(InputError, match="not complete"):
        importance(made.folder)
    params = made.folder / "params.json"
    params.write_text(json.dumps({"schema": "earmark.run/9"}))
    with pytest.raises(InputError, match=r"earmark\.run/"):
        importance(made.folder)
    with pytest.raises(InputError, match="repeats=0"):
        importance(made.folder, repeats=0)
