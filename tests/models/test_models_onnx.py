"""Bundles and ONNX Runtime: graphs that fit their card run, and everything else is refused with reason."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from earmark.contract import check_model
from earmark.errors import BundleError, InputError, OutputError
from earmark.features import log_mel
from earmark.features.subsonic import without_subsonic
from earmark.models import (
    Head,
    ModelCard,
    OnnxModel,
    list_models,
    load_model,
    read_card,
    save_bundle,
)
from earmark.predict import classify
from earmark.predict.scorer import opened
from music import band

CARD = ModelCard(
    name="tiny",
    heads=(Head("genres", ("low", "mid", "high")), Head("quadrant", ("Q1", "Q2", "Q3", "Q4"), "softmax")),
    embedding_size=5,
    licence="CC0-1.0",
    training_data=({"name": "none", "licence": "CC0-1.0", "n": 0},),
    thresholds={"unsure": 0.3, "labels": {"low": 0.4}},
)


def weights_of(card=CARD, seed=0):
    """One matrix for each output, [shape=(n_mels, n_columns)], small enough for levels in dB."""
    rng = np.random.default_rng(seed)
    sizes = {head.name: len(head.classes) for head in card.heads} | {"embedding": card.embedding_size}
    return {name: rng.normal(0, 1e-3, (128, size)).astype(np.float32) for name, size in sizes.items()}


def graph(card=CARD, *, input_name="S_db", batch="n", rename=None, seed=0) -> bytes:
    """A network of one layer: the mean over time, a matrix, a sigmoid or softmax."""
    nodes = [helper.make_node("ReduceMean", [input_name], ["mean"], axes=[2], keepdims=0)]
    outputs, constants = [], []
    for name, matrix in weights_of(card, seed).items():
        head = card.head(name)
        last = "Identity" if head is None else {"softmax": "Softmax", "multilabel": "Sigmoid"}[head.kind]
        public = (rename or {}).get(name, name)
        constants.append(onnx.numpy_helper.from_array(matrix, f"{name}_weights"))
        nodes.append(helper.make_node("MatMul", ["mean", f"{name}_weights"], [f"{name}_logits"]))
        nodes.append(helper.make_node(last, [f"{name}_logits"], [public]))
        outputs.append(helper.make_tensor_value_info(public, TensorProto.FLOAT, [batch, matrix.shape[1]]))
    inputs = [helper.make_tensor_value_info(input_name, TensorProto.FLOAT, [batch, 128, "n_frames"])]
    made = helper.make_graph(nodes, "tiny", inputs, outputs, constants)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(made, opset_imports=opset, ir_version=10).SerializeToString()


@pytest.fixture
def bundle(tmp_path):
    save_bundle(tmp_path / "tiny", CARD, graph())
    return tmp_path / "tiny"


def windows(n=3, seed=0):
    return np.random.default_rng(seed).uniform(-80, 20, (n, 128, 130)).astype(np.float32)


def test_the_answer_is_that_of_numpy(bundle):
    X = windows()
    output = load_model(bundle).forward(X)
    mean = X.mean(axis=2)
    logits = {name: mean @ matrix for name, matrix in weights_of().items()}
    softmax = np.exp(logits["quadrant"])
    expected = {
        "genres": 1 / (1 + np.exp(-logits["genres"])),
        "quadrant": softmax / softmax.sum(axis=1, keepdims=True),
    }
    for name, rows in expected.items():
        np.testing.assert_allclose(output.heads[name], rows, atol=1e-6)
    np.testing.assert_allclose(output.embedding, logits["embedding"], atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"threads": 2}])
def test_a_bundle_keeps_the_contract(bundle, options):
    report = check_model(load_model(bundle, **options))
    assert report.size_bytes == sum(path.stat().st_size for path in bundle.iterdir())
    assert report.clauses["save and load"] == "the same after a round trip"


def test_no_windows_give_no_rows(bundle):
    output = load_model(bundle).forward(windows(0))
    assert output.heads["genres"].shape == (0, 3)
    assert output.heads["quadrant"].shape == (0, 4)
    assert output.embedding.shape == (0, 5)


def test_a_single_spectrogram_is_a_batch_of_one(bundle):
    model, X = load_model(bundle), windows(1)
    np.testing.assert_array_equal(model.predict_spectrogram(X[0]), model.predict_proba(X))
    with pytest.raises(InputError, match=r"X.shape=\(128, 130\)"):
        model.predict_proba(X[0])


def test_a_bundle_comes_back_as_it_was_written(tmp_path):
    written = save_bundle(tmp_path / "deep" / "er" / "tiny", CARD, graph())
    assert written == read_card(tmp_path / "deep" / "er" / "tiny")
    assert dataclasses.replace(written, sha256="") == CARD
    assert len(written.sha256) == 64


def test_a_bundle_is_replaced_whole_and_leaves_nothing_behind(bundle):
    save_bundle(bundle, dataclasses.replace(CARD, summary="second"), graph(seed=1))
    assert read_card(bundle).summary == "second"
    assert sorted(path.name for path in bundle.parent.iterdir()) == ["tiny"]
    assert sorted(path.name for path in bundle.iterdir()) == ["card.json", "model.onnx"]
    load_model(bundle)


def test_a_failed_write_leaves_the_old_bundle(bundle, monkeypatch):
    before = {path.name: path.read_bytes() for path in bundle.iterdir()}
    rename = type(bundle).rename

    def fails(path, target):
        if path.name == "new":
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(type(bundle), "rename", fails)
    with pytest.raises(OutputError, match="No space left"):
        save_bundle(bundle, dataclasses.replace(CARD, summary="second"), graph(seed=1))
    assert {path.name: path.read_bytes() for path in bundle.iterdir()} == before
    assert sorted(path.name for path in bundle.parent.iterdir()) == ["tiny"]


def save_and_die(bundle, survived):
    """Save in a process of its own, which is killed instead of the rename after so many."""
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return
    rename, done = Path.rename, []

    def dies(path, target):
        done.append(path)
        if len(done) > survived:
            os.kill(os.getpid(), signal.SIGKILL)
        return rename(path, target)

    Path.rename = dies
    save_bundle(bundle, dataclasses.replace(CARD, summary=f"after {survived}"), graph(seed=survived))
    os._exit(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals")
def test_a_process_that_is_killed_at_any_rename_leaves_a_whole_bundle(bundle):
    """Two renames put a new bundle in the place of another; between them there is none under its name."""
    seen = []
    for survived in range(3):
        save_and_die(bundle, survived)
        seen.append(read_card(bundle).summary)
        assert load_model(str(bundle)).card == read_card(bundle)
    assert seen == ["", "", "after 2"]
    save_bundle(bundle, dataclasses.replace(CARD, summary="last"), graph())
    assert read_card(bundle).summary == "last" and (bundle / "card.json").is_file()
    assert not list(bundle.parent.glob(".tiny.replaced"))


def test_writers_of_one_bundle_leave_one_of_theirs(bundle):
    cards = [dataclasses.replace(CARD, summary=f"{i}") for i in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            list(pool.map(lambda i: save_bundle(bundle, cards[i], graph(seed=i)), range(4)))
            load_model(bundle)  # card and weights belong together
    assert [path.name for path in bundle.parent.iterdir()] == ["tiny"]


def test_a_folder_of_other_things_is_not_replaced(tmp_path):
    (tmp_path / "song.mp3").write_bytes(b"precious")
    with pytest.raises(OutputError, match=r"song\.mp3"):
        save_bundle(tmp_path, CARD, graph())
    assert (tmp_path / "song.mp3").read_bytes() == b"precious"
    with pytest.raises(OutputError, match="not a bundle"):
        save_bundle(tmp_path / "song.mp3", CARD, graph())


def test_a_card_that_is_no_json_is_not_written(tmp_path):
    with pytest.raises(InputError, match="JSON"):
        save_bundle(tmp_path / "x", dataclasses.replace(CARD, metrics=({"value": float("inf")},)), graph())
    assert list(tmp_path.iterdir()) == []


def test_altered_weights_are_refused(bundle):
    data = bytearray((bundle / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / "model.onnx").write_bytes(data)
    with pytest.raises(BundleError, match=r"model\.onnx was altered: sha256=[0-9a-f]{64}, its card states"):
        load_model(bundle)


@pytest.mark.parametrize("name", ["card.json", "model.onnx"])
def test_a_missing_file_is_named(bundle, name):
    (bundle / name).unlink()
    with pytest.raises(BundleError, match=f"{name} is missing"):
        OnnxModel.load(bundle)


def test_a_card_without_checksum_is_refused(bundle):
    (bundle / "card.json").write_text(CARD.to_json())
    with pytest.raises(BundleError, match="its card states nothing"):
        load_model(bundle)


def test_a_newer_card_advises_an_upgrade(bundle):
    card = json.loads((bundle / "card.json").read_text())
    (bundle / "card.json").write_text(json.dumps(card | {"schema": "earmark.card/3", "novelty": 1}))
    with pytest.raises(
        BundleError, match=r"version 3; this earmark reads up to version 2.*Try: pip install --upgrade"
    ):
        load_model(bundle)


@pytest.mark.parametrize(
    ("card", "weights", "message"),
    [
        (CARD, b"", "not a graph"),
        (CARD, b"not a graph at all", "not a graph"),
        (CARD, graph()[:-100], "not a graph"),
        (CARD, graph(input_name="x"), r"has inputs \['x'\]"),
        (CARD, graph(rename={"quadrant": "mood"}), "no output 'quadrant'"),
        (CARD, graph(rename={"embedding": "e"}), "no output 'embedding'"),
        (
            dataclasses.replace(CARD, embedding_size=6),
            graph(),
            "'embedding' has 5 columns, its card states 6",
        ),
        (
            dataclasses.replace(CARD, heads=(Head("genres", ("a", "b")),)),
            graph(),
            "'genres' has 3 columns, its card states 2",
        ),
    ],
    ids=["empty", "text", "cut", "input", "head", "embedding", "embedding size", "classes"],
)
def test_graphs_that_do_not_fit_are_refused(tmp_path, card, weights, message):
    save_bundle(tmp_path / "bad", card, weights)
    with pytest.raises(BundleError, match=message):
        load_model(tmp_path / "bad")


def test_a_graph_of_fixed_batch_fails_with_the_shape(tmp_path):
    save_bundle(tmp_path / "fixed", CARD, graph(batch=1))
    with pytest.raises(BundleError, match=r"failed on an input of shape \(3, 128, 130\)"):
        load_model(tmp_path / "fixed").predict_proba(windows())


def test_an_odd_number_of_threads_is_refused(bundle):
    with pytest.raises(InputError, match="threads=0"):
        load_model(bundle, threads=0)


def test_a_run_folder_is_a_model_wherever_one_is_taken(bundle, tmp_path, monkeypatch):
    run = tmp_path / "runs" / "mine"
    shutil.copytree(bundle, run / "bundle")
    (run / "params.json").write_text("{}")
    expected = load_model(bundle).card
    monkeypatch.chdir(tmp_path)
    assert load_model(run).card == load_model("runs/mine").card == load_model("runs/mine/").card == expected
    monkeypatch.chdir(tmp_path / "runs")
    assert load_model("mine").card == expected
    assert classify(band(seconds=4), model="mine").model.sha256 == expected.sha256
    assert opened("mine").card == expected
    (run / "bundle" / "card.json").unlink()  # a run that is not complete
    with pytest.raises(BundleError, match=r"card.json is missing.*that of a complete run"):
        load_model(run)


def test_a_file_is_not_a_bundle(bundle):
    with pytest.raises(BundleError, match=r"is no bundle.*Accepted: the folder"):
        load_model(bundle / "model.onnx")


def test_shipped_bundles_carry_the_name_of_their_folder():
    bundles = [info for info in list_models() if info.origin == "bundle"]
    for info in bundles:
        assert info.card is not None, info.summary
        assert info.card.name == info.name
        assert info.card.licence
        assert info.card.training_data


def test_the_small_model_gives_of_log_mels_what_it_gives_of_their_sound():
    small, clip = load_model("earmark-lite"), band(seconds=3)
    S_db = log_mel(without_subsonic(clip.y, clip.sr), small.card.spec)
    assert S_db.shape == (128, 130)
    scores = {score.label: score.score for score in classify(clip, model=small).genres}
    (row,) = small.predict_spectrogram(S_db[None])
    np.testing.assert_allclose(row, [scores[label] for label in small.card.classes], atol=1e-3)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_no_text_of_a_card_crashes_the_reader(data):
    text = CARD.to_json()
    entries = json.loads(text)
    junk = st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.lists(st.integers(), max_size=3)
    key = data.draw(st.sampled_from(sorted(entries)))
    changed = entries | {key: data.draw(junk | st.dictionaries(st.text(max_size=3), junk, max_size=2))}
    cut = data.draw(st.integers(0, len(text)))
    for mutated in (json.dumps(changed), text[:cut], text[cut:]):
        try:
            card = ModelCard.from_json(mutated)
        except BundleError:
            continue
        assert ModelCard.from_json(card.to_json()) == card


def run_alone(code: str, home: Path, **environment: str) -> str:
    """What a fresh Python prints in an environment without a choice about telemetry."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "SYSTEMROOT") if name in os.environ}
    environment = kept | {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")} | environment
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    "code",
    [
        "import earmark; earmark.load_model('earmark-lite')",
        "from earmark.cli.commands.doctor import _versions; list(_versions())",
    ],
)
def test_the_runtime_reports_nothing(code: str, tmp_path: Path) -> None:
    assert run_alone(f"{code}; import os; print(os.environ['ORT_DISABLE_TELEMETRY'])", tmp_path) == "1"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []  # such as an identifier


def test_a_choice_of_the_user_about_reports_stays(tmp_path: Path) -> None:
    code = "import os; from earmark.models.onnx import without_telemetry; without_telemetry();"
    code += "print(os.environ['ORT_DISABLE_TELEMETRY'])"
    assert run_alone(code, tmp_path, ORT_DISABLE_TELEMETRY="0") == "0"
