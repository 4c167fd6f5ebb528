"""Cards, the registry, and the two models without weights."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from earmark.contract.clauses import CLAUSES
from earmark.errors import BundleError, ContractError, InputError, ModelError, UnknownModelError
from earmark.features import FeatureSpec
from earmark.models import (
    Head,
    Model,
    ModelCard,
    ModelOutput,
    checked_output,
    list_models,
    load_model,
    register,
    registry,
    save_bundle,
)
from earmark.models.builtin.dummy import Dummy
from earmark.models.builtin.echo import Echo
from earmark.vocabulary import GENRES

HEADS = (Head("genres", ("a", "b")),)


def windows(n=2, level_db=-40.0):
    return np.full((n, 128, 130), level_db, dtype=np.float32)


# Cards


def test_the_arithmetic_of_windows():
    card = ModelCard("x", HEADS)
    assert (card.n_frames, card.hop_frames) == (130, 129)  # 66150 samples: 129 hops of 512 fit, and the first
    assert card.classes == ("a", "b")
    assert card.head("genres") is card.heads[0]
    assert card.head("moods") is None


def test_a_card_survives_json():
    card = ModelCard(
        "x",
        (*HEADS, Head("quadrant", ("Q1", "Q2"), "softmax")),
        spec=FeatureSpec(sr=16000, fmax=7000.0),
        window=2.0,
        hop=0.5,
        metrics=({"name": "accuracy", "value": 0.5, "low": 0.4, "high": 0.6, "n": 100},),
        thresholds={"unsure": 0.2, "labels": {"a": 0.3}},
        priors={"genres": {"a": 0.5, "b": 0.125}},
        limits=("does not hear é",),
    )
    assert ModelCard.from_json(card.to_json()) == card
    assert json.loads(card.to_json())["schema"] == "earmark.card/1"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "../etc"}, "name='../etc'"),
        ({"name": ""}, "name=''"),
        ({"heads": ()}, r"heads=\[\]"),
        ({"heads": HEADS * 2}, "heads="),
        ({"window": 0.0}, "window=0.0"),
        ({"window": float("nan")}, "window=nan"),
        ({"hop": 4.0}, "hop=4.0 s is 172 frames, window=3.0 s is 130"),
        ({"hop": 0.001}, "hop=0.001 s is 0 frames"),
        ({"embedding_size": -1}, "embedding_size=-1"),
        ({"sha256": "abc"}, "sha256='abc'"),
        ({"thresholds": {"unsure": "high"}}, "unsure='high'"),
        ({"thresholds": {"labels": {"a": float("nan")}}}, "a=nan"),
        ({"priors": {"moods": {"calm": 0.5}}}, "priors for 'moods'. Accepted: genres"),
        ({"priors": {"genres": {"a": 0.5}}}, "priors for 'genres': b. Accepted: a prior for each class"),
        ({"priors": {"genres": {"a": 0.5, "b": 0.5, "c": 0.1}}}, "priors for 'genres': c"),
        ({"priors": {"genres": {"a": 0.0, "b": 0.5}}}, "a=0.0. Accepted: above 0, below 1"),
        ({"priors": {"genres": {"a": 1, "b": 0.5}}}, "a=1. Accepted: above 0"),
        ({"priors": {"genres": {"a": 0.5, "b": float("nan")}}}, "b=nan"),
        ({"priors": {"genres": {"a": 0.5, "b": True}}}, "b=True"),
        ({"priors": {"genres": [0.5, 0.5]}}, r"priors for 'genres': \[0.5, 0.5\]"),
        ({"priors": [0.5]}, r"priors=\[0.5\]"),
        ({"limits": (1,)}, "limits="),
        ({"metrics": ("0.9",)}, "metrics="),
        ({"licence": None}, "licence=None"),
    ],
)
def test_a_card_out_of_range_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        dataclasses.replace(ModelCard("x", HEADS), **change)


def test_the_priors_of_a_softmax_sum_to_one():
    heads = (Head("genres", ("a", "b"), "softmax"),)
    assert ModelCard("x", heads, priors={"genres": {"a": 0.333, "b": 0.666}}).priors
    with pytest.raises(InputError, match=r"priors for 'genres' sum to 0\.8"):
        ModelCard("x", heads, priors={"genres": {"a": 0.3, "b": 0.5}})


def test_a_card_without_priors_has_no_such_key():
    assert "priors" not in ModelCard("x", HEADS).to_dict()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("genres", ()), r"classes=\(\)"),
        (("genres", ("a", "")), "classes="),
        (("genres", ("a", "b", "a")), "given twice: a"),
        (("genres", ("a",), "regression"), "kind='regression'"),
    ],
)
def test_a_head_out_of_range_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        Head(*arguments)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("[]", "schema=None"),
        ('{"schema": "earmark.prediction/1"}', "Accepted: earmark.card/1"),
        ('{"schema": "earmark.card/1", "name": "x"}', "lacks heads"),
        (
            '{"schema": "earmark.card/1", "name": "x", "heads": [], "treshold": {}}',
            "Did you mean 'thresholds'",
        ),
        (
            '{"schema": "earmark.card/1", "name": "x", "heads": [{"name": "g"}]}',
            "Accepted: the keys name, kind and classes",
        ),
        ('{"schema": "earmark.card/1", "name": "x", "heads": [], "spec": {"hop": 1}}', "unknown field hop=1"),
        (
            '{"schema": "earmark.card/1", "name": "x", "heads": [{"name": "g", "classes": ["a"]}],'
            ' "priors": {"g": {"a": 2}}}',
            "a=2. Accepted: above 0, below 1",
        ),
    ],
)
def test_a_bad_card_file_is_explained(text, message):
    with pytest.raises(BundleError, match=message):
        ModelCard.from_json(text)


def test_a_card_of_an_earlier_version_is_read_and_written_as_it_was():
    text = (Path(__file__).parents[1] / "golden" / "card_embedding_9ded690.json").read_text(encoding="utf-8")
    card = ModelCard.from_json(text)
    assert (card.name, card.based_on, card.embedding_size) == ("mine", (), 215)
    assert card.to_json() == text


def test_a_card_states_what_the_model_builds_on():
    base = ModelCard("base", HEADS, licence="MIT", training_data=({"name": "a"},), limits=("short",))
    card = ModelCard("mine", HEADS, based_on=(base.as_base(),))
    stated = {"name": "base", "licence": "MIT", "training_data": [{"name": "a"}], "limits": ["short"]}
    assert list(card.based_on) == [stated]
    assert ModelCard.from_json(card.to_json()).based_on == card.based_on
    assert ModelCard("next", HEADS, based_on=(card.as_base(),)).based_on[0]["based_on"] == [stated]
    for wrong in ([{"sha256": "0"}], ["base"], [{"name": 3}]):
        with pytest.raises(InputError, match="based_on="):
            ModelCard("mine", HEADS, based_on=wrong)


# The registry


def test_models_are_listed_without_loading_anything_heavy():
    heavy = {"onnxruntime", "torch", "scipy", "soundfile", "av"}
    code = (
        "import sys; from earmark.models import list_models;"
        "print(*(info.name for info in list_models()));"
        f"print(*({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, loaded = done.stdout.split("\n")[:2]
    assert {"echo", "dummy"} <= set(names.split())
    assert loaded == ""


@pytest.mark.parametrize("name", ["echo", "dummy"])
def test_built_in_models_load_by_name(name):
    model = load_model(name)
    assert isinstance(model, Model)
    assert model.card.name == name


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("ehco", "no model 'ehco'. Did you mean 'echo'?.*Accepted: .*dummy"),
        ("Echo", "Did you mean 'echo'"),
        ("zzz", "no model 'zzz'. Accepted: .*or the folder"),
        ("./nowhere", r"no folder './nowhere'"),
        ("..", "card.json is missing"),
        ("", "no model ''"),
    ],
)
def test_unknown_models_are_explained(source, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=message):
        load_model(source)


def test_a_model_is_a_name_or_a_path():
    with pytest.raises(InputError, match="model=5"):
        load_model(5)


def test_a_folder_here_does_not_shadow_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_bundle("echo", ModelCard("stranger", HEADS), b"no graph")
    save_bundle("other", ModelCard("stranger", HEADS), b"no graph")
    assert load_model("echo").card.name == "echo"
    for source in ("./echo", "other", tmp_path / "echo"):
        with pytest.raises(BundleError, match="'stranger' is not a graph"):
            load_model(source)


def test_bundles_are_listed_with_their_cards_and_broken_ones_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "BUNDLES", tmp_path)
    card = save_bundle(tmp_path / "good", ModelCard("good", HEADS, summary="fine"), b"graph")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "card.json").write_text("{")
    listed = {info.name: info for info in list_models()}
    assert listed["good"].card == card
    assert (listed["good"].summary, listed["good"].origin) == ("fine", "bundle")
    assert listed["bad"].summary.startswith("broken: ")
    with pytest.raises(BundleError, match="'good' is not a graph"):
        load_model("good")
    with pytest.raises(UnknownModelError, match="Did you mean 'good'"):
        load_model("goood")


def test_a_registered_factory_is_known_by_name(monkeypatch):
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))

    @register("mine", summary="of my own")
    def mine():
        return Echo()

    assert load_model("mine").card.name == "echo"
    assert [info.summary for info in list_models() if info.name == "mine"] == ["of my own"]
    register("mine")(mine)  # the same again, as when a module is reloaded
    with pytest.raises(InputError, match=r"model name='mine' is taken by .*mine"):
        register("mine")(Echo)


@pytest.fixture
def plugins(tmp_path, monkeypatch):
    """A package of three entry points: a good one, one that crashes, one that is no model."""
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    points = ("theirs = their_module:model", "crash = their_module:crash", "odd = their_module:dict")
    (info / "entry_points.txt").write_text("\n".join(["[earmark.models]", *points]))
    (tmp_path / "their_module.py").write_text(
        "from earmark.models.builtin.echo import Echo as model\ndict = dict\n"
        "def crash(): raise RuntimeError('no GPU')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("their_module", None)


def test_plugins_are_listed_without_import_and_loaded_by_name(plugins):
    listed = {info.name: info for info in list_models()}
    assert listed["theirs"].summary == "from the package theirs"
    assert {listed[name].origin for name in ("theirs", "crash", "odd")} == {"plugin"}
    assert "their_module" not in sys.modules
    assert load_model("theirs").card.name == "echo"
    with pytest.raises(ModelError, match=r"plugin model 'crash'.*RuntimeError: no GPU"):
        load_model("crash")
    with pytest.raises(ModelError, match=r"plugin model 'odd'.*is a dict"):
        load_model("odd")
    with pytest.raises(UnknownModelError, match="Did you mean 'theirs'"):
        load_model("their")


# Answers


def test_the_echo_of_a_band_is_its_label():
    for band, label in enumerate(GENRES):
        X = windows(1, -100.0)
        edges = np.linspace(0, 128, len(GENRES) + 1).round().astype(int)
        X[:, edges[band] : edges[band + 1]] = -30.0
        scores = dict(zip(GENRES, Echo().predict_proba(X)[0], strict=True))
        assert scores[label] == pytest.approx(0.7, abs=1e-6)
        assert max(scores, key=scores.get) == label
        assert sum(scores.values()) == pytest.approx(0.7, abs=1e-5)


def test_the_dummy_answers_its_priors():
    priors = np.arange(19) / np.arange(19).sum()
    rows = Dummy({"genres": priors}).predict_proba(windows(3))
    np.testing.assert_allclose(rows, np.tile(priors, (3, 1)), rtol=1e-6)
    np.testing.assert_allclose(Dummy().predict_proba(windows(3)), 1 / 19, rtol=1e-6)


@pytest.mark.parametrize(
    ("priors", "message"),
    [
        ({"genre": [1.0]}, "priors for 'genre'. Accepted: genres, quadrant"),
        ({"quadrant": [0.5, 0.5]}, "4 probabilities, summing to one"),
        ({"quadrant": [0.5, 0.5, 0.5, -0.5]}, "4 probabilities"),
        ({"quadrant": [0.3, 0.3, 0.3, 0.3]}, "summing to one"),
    ],
)
def test_priors_must_be_probabilities(priors, message):
    with pytest.raises(InputError, match=message):
        Dummy(priors)


class Plain:
    card = ModelCard("plain", HEADS)

    def __init__(self, rows):
        self.rows = rows

    def predict_proba(self, X):
        return self.rows


def test_answers_of_plain_objects_are_checked():
    assert checked_output(Plain(np.full((2, 2), 0.5)), windows()).embedding is None
    with pytest.raises(ContractError, match=r"'plain': genres has shape \(1, 2\), its card states \(2, 2\)"):
        checked_output(Plain(np.full((1, 2), 0.5)), windows())
    with pytest.raises(ContractError, match="genres holds NaN"):
        checked_output(Plain(np.full((2, 2), np.nan)), windows())


def test_a_model_must_give_its_first_head():
    class Silent(Echo):
        def forward(self, X):
            return ModelOutput({})

    with pytest.raises(ContractError, match="does not give its head 'genres'"):
        checked_output(Silent(), windows())


# The page


def test_the_page_runs_and_names_every_clause(monkeypatch):
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
    for code in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
        exec(code, {"__name__": "page", "print": lambda *_: None})
    rows = re.findall(
        r"^\| ([a-z ]+) \| ", page.split("| clause |")[1].split("## Heads")[0], flags=re.MULTILINE
    )
    assert rows == ["card", *CLAUSES, "size and speed"]
    fields = {field.name for field in dataclasses.fields(ModelCard)} - {"sha256"}
    assert fields <= set(re.findall(r"`(\w+)`", page.split("## The card")[1]))
