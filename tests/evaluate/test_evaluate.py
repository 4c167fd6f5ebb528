"""A model on a data set: the right tracks and labels, the inference path of `classify`, honest notes."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from earmark.audio import Clip
from earmark.data import Manifest, Track, read_manifest, split, with_hashes, write_cached, write_manifest
from earmark.errors import ContractError, InputError
from earmark.evaluate import Evaluation, choose, evaluate, map_labels
from earmark.features import log_mel
from earmark.models import Head, ModelCard, ModelOutput, SpectrogramModel
from earmark.predict import classify
from sounds import write

SR = 22050
WINDOW = 1.0
CLASSES = ("low", "mid", "hip-hop")
HZ = {"low": 150.0, "mid": 900.0, "high": 6000.0}


class Ear(SpectrogramModel):
    """Tells whether a tone is low, in the middle or high, which it calls hip-hop; sure up to `top`."""

    def __init__(self, *, split_digest: str = "", top: float = 0.9, name: str = "ear") -> None:
        heads = (Head("genres", CLASSES, "softmax"), Head("quadrant", ("Q1", "Q2"), "softmax"))
        self.card = ModelCard(
            name=name, heads=heads, window=WINDOW, hop=WINDOW, split_digest=split_digest,
            training_data=({"name": "tones", "licence": "CC0-1.0", "n": 3},),
        )  # fmt: skip
        self.top = top

    def forward(self, X: np.ndarray) -> ModelOutput:
        peak = X.mean(axis=-1).argmax(axis=1)
        which = np.digitize(peak, [20, 60])
        rest = (1 - self.top) / 2
        genres = np.full((len(X), 3), rest)
        genres[np.arange(len(X)), which] = self.top
        quadrant = np.column_stack([which == 0, which > 0]).astype(float)
        return ModelOutput({"genres": genres.astype(np.float32), "quadrant": quadrant.astype(np.float32)})


class HalfDeaf(Ear):
    """Takes whatever is not low for the middle."""

    def forward(self, X: np.ndarray) -> ModelOutput:
        output = super().forward(X)
        output.heads["genres"][:, 1:] = output.heads["genres"][:, 1:].max(axis=1, keepdims=True) * [1.0, 0.5]
        return output


def tone(what: str, seconds: float = 3.5, *, seed: int = 0) -> np.ndarray:
    t = np.arange(round(seconds * SR)) / SR
    noise = np.random.default_rng(seed).standard_normal(len(t)) * 1e-3
    return (0.3 * np.sin(2 * np.pi * HZ[what] * t) + noise).astype(np.float32)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files of each tone, one of silence, one that is none."""
    folder = tmp_path_factory.mktemp("tones")
    for name in HZ:
        for i in range(2):
            write(folder / f"{name}{i}.wav", tone(name, seed=i), SR, "wav16")
    write(folder / "silence.wav", np.zeros(2 * SR, np.float32), SR, "wav16")
    (folder / "broken.wav").write_bytes(b"RIFF nothing")
    return folder


Make = Callable[..., Manifest]


@pytest.fixture
def made(sounds: Path) -> Make:
    """Manifest of (file, labels, group, split)."""

    def make(*rows: tuple[str, ...]) -> Manifest:
        filled = [(*row, "", "")[:4] for row in rows]
        return Manifest(
            tuple(
                Track(
                    f"{i} {name}",
                    str(sounds / f"{name}.wav"),
                    tuple(filter(None, labels.split("|"))),
                    group,
                    part,
                )
                for i, (name, labels, group, part) in enumerate(filled)
            ),
            root=str(sounds),
        )

    return make


PLAIN = (("low0", "low", "a"), ("low1", "low", "b"), ("mid0", "mid", "c"), ("mid1", "low", "c"))


def text(evaluation: Evaluation) -> dict[str, float]:
    return {figure.name: figure.value for figure in evaluation.metrics}


def test_figures_of_four_tones(made: Make) -> None:
    done = evaluate(Ear(), made(*PLAIN))
    assert [track.hit for track in done.tracks] == [True, True, True, False]
    assert [track.predicted for track in done.tracks] == ["low", "low", "mid", "mid"]
    figures = text(done)
    assert figures["track accuracy"] == 0.75 and figures["window accuracy"] == 0.75
    assert figures["balanced accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert figures["ECE"] == pytest.approx(0.15, abs=1e-6)
    assert done.metric("accuracy among the 2 classes of the data").value == 0.75
    assert done.metric("window accuracy").n == 16  # 3.5 s are windows at 0, 1, 2 and 2.5 s
    assert done.metric("track accuracy").n == 4 and done.n_groups == 3
    assert done.confusion.tolist() == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert [(c.label, c.n, c.recall) for c in done.classes] == [("low", 3, 2 / 3), ("mid", 1, 1.0)]
    assert [(g.name, g.n, g.n_missed, g.predicted) for g in done.groups] == [("c", 2, 1, ("mid",))]
    assert [track.id for track in done.worst()] == ["3 mid1"]
    with pytest.raises(InputError, match=r"no metric 'x'.*track accuracy"):
        done.metric("x")


def test_answers_are_those_of_classify(made: Make) -> None:
    done = evaluate("echo", made(("low0", "blues"), ("mid0", "rock")))
    for track, row in zip(done.tracks, done.by_track.scores, strict=True):
        prediction = classify(track.path, model="echo")
        assert {s.label: s.score for s in prediction.genres} == dict(zip(done.head.classes, row, strict=True))
        assert (track.predicted, track.verdict) == (prediction.genres[0].label, prediction.verdict)


def test_what_the_base_of_a_model_was_trained_on_is_noted(made: Make) -> None:
    manifest, ear = made(*PLAIN), Ear()

    def notes(**base: object) -> str:
        based_on = ({"name": "base", **base},)
        ear.card = dataclasses.replace(ear.card, based_on=based_on)
        return " ".join(evaluate(ear, manifest, n_resamples=5).notes)

    many = [{"name": name} for name in ("GTZAN", "AudioSet", "MTG", "MSD")]
    assert "builds on base, which was trained on GTZAN; AudioSet; MTG and 1 more" in notes(training_data=many)
    same = notes(training_data=[{"name": "x", "digest": manifest.digest}])
    assert "builds on base, which was trained on this very data set" in same
    inner = {"name": "inner", "training_data": many[:1]}
    assert "builds on inner, which was trained on GTZAN:" in notes(based_on=[inner])
    assert "builds on" not in notes()


def test_worker_processes_answer_the_same(made: Make) -> None:
    rows = [("low0", "blues"), ("mid0", "rock"), ("high0", "jazz"), ("broken", "jazz")]
    one, two = (evaluate("echo", made(*rows), jobs=jobs, n_resamples=5).to_dict() for jobs in (1, 2))
    assert one == two


def test_files_that_cannot_be_read_count_nowhere(made: Make) -> None:
    steps = []
    done = evaluate(Ear(), made(*PLAIN, ("broken", "low", "d")), progress=lambda *n: steps.append(n))
    assert len(done.tracks) == 4 and [one.source.id for one in done.failed] == ["4 broken"]
    assert done.failed[0].error.code == "unknown-format" and "broken.wav" in done.failed[0].source.path
    (stated,) = done.to_dict()["failed"]
    assert list(stated) == ["id", "path", "code", "message", "hint"] and stated["hint"]
    assert any("1 tracks could not be read" in note for note in done.notes)
    assert steps == [("scoring", i, 5, {}) for i in range(1, 6)]
    with pytest.raises(InputError, match=r"none of the 1 tracks could be scored; the first: .*broken"):
        evaluate(Ear(), made(("broken", "low")))


def test_silence_is_a_miss_and_not_music_is_counted_apart(made: Make) -> None:
    done = evaluate(Ear(), made(*PLAIN, ("silence", "low", "d"), ("silence", ""), ("high0", "")))
    assert done.metric("track accuracy").value == 3 / 5
    assert done.tracks[4].predicted == "" and not done.tracks[4].hit and done.tracks[4].verdict == "silence"
    assert done.refused == {"music": 1, "silence": 1}
    assert len(done.worst()) == 1  # silence is no confident mistake


def test_several_labels(made: Make) -> None:
    done = evaluate(
        Ear(), made(("low0", "low|mid"), ("mid0", "low|mid"), ("high0", "low|mid"), ("low1", "mid"))
    )
    assert [track.hit for track in done.tracks] == [True, True, False, False]
    assert not math.isnan(done.metric("ROC-AUC").value)


def test_labels_in_another_spelling_and_labels_that_are_unknown(made: Make) -> None:
    rows = [("low0", "Low"), ("high0", "Hip Hop"), ("mid0", "polka"), ("mid1", "polka|MID")]
    done = evaluate(Ear(), made(*rows))
    assert [track.hit for track in done.tracks] == [True, True, True] and done.tracks[2].labels == ("mid",)
    assert done.labels.unknown == {"polka": 2} and done.labels.renamed["Hip Hop"] == "hip-hop"
    assert any("polka (2)" in note for note in done.notes)
    mapped = evaluate(Ear(), made(*rows), mapping={"polka": "mid"})
    assert len(mapped.tracks) == 4 and not mapped.labels.unknown
    without = evaluate(Ear(), made(*rows), mapping={"polka": ""})
    assert len(without.tracks) == 3 and not without.labels.unknown


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({}, r"knows none of the labels: polka, waltz.*low, mid, hip-hop.*--map"),
        ({"polca": "mid"}, r"no track has the label 'polca'.*Did you mean 'polka'"),
        ({"polka": "midd"}, r"no class 'midd'.*Did you mean 'mid'"),
        ({"polka": ""}, "knows none of the labels"),
    ],
)
def test_labels_that_do_not_fit(mapping: dict[str, str], message: str) -> None:
    tracks = [Track("1", "x", ("polka", "waltz"))]
    with pytest.raises(InputError, match=message):
        map_labels(tracks, CLASSES, mapping=mapping)


def test_the_head_that_has_the_labels_is_evaluated(made: Make) -> None:
    rows = [("low0", "Q1"), ("mid0", "Q2"), ("high0", "Q1")]
    done = evaluate(Ear(), made(*rows))
    assert done.head.name == "quadrant" and done.metric("track accuracy").value == pytest.approx(2 / 3)
    assert text(done)["window accuracy"] == pytest.approx(2 / 3)  # windows have scores of every head
    with pytest.raises(InputError, match=r"no head 'moods'.*genres, quadrant"):
        evaluate(Ear(), made(*rows), head="moods")
    with pytest.raises(InputError, match="knows none of the labels"):
        evaluate(Ear(), made(*rows), head="genres")


# ---------------------------------------------------------------- which tracks

GROUPED = [(f"{tone}{i % 2}", tone, f"{tone} {i}") for tone in ("low", "mid") for i in range(10)]
GIVEN = [("low0", "low", "a", "train"), ("mid0", "mid", "b", "test"), ("mid1", "low", "c", "valid")]


def test_all_tracks_where_nothing_parts_them(made: Make) -> None:
    chosen = choose(made(*PLAIN), Ear().card)
    assert (len(chosen.places), chosen.protocol, chosen.part) == (4, "all", "all") and not chosen.leaky
    assert chosen.digest == made(*PLAIN).digest
    assert "make sure that none of these is among them" in chosen.notes[0]


def test_the_parts_that_the_data_name(made: Make) -> None:
    manifest = made(*GIVEN)
    for part, place in (("test", 1), ("valid", 2), ("train", 0)):
        chosen = choose(manifest, Ear().card, part=part)
        assert chosen.places.tolist() == [place] and (chosen.protocol, chosen.part) == ("given", part)
    assert len(choose(manifest, Ear().card, part="all").places) == 3
    assert len(choose(manifest, Ear().card, split="all").places) == 3
    excluded = made(*GIVEN, ("low1", "low", "d", "excluded"))
    assert len(choose(excluded, Ear().card, split="all").places) == 3


def test_the_split_of_the_training_is_found_again(made: Make, tmp_path: Path) -> None:
    manifest = made(*GROUPED)
    usual = split(manifest)
    chosen = choose(manifest, Ear(split_digest=usual.digest).card)
    assert chosen.digest == usual.digest and chosen.places.tolist() == usual.parts["test"].tolist()
    assert chosen.notes == ()
    assert (
        "are the training tracks"
        in choose(manifest, Ear(split_digest=usual.digest).card, part="train").notes[0]
    )
    assert (
        "include the training tracks"
        in choose(manifest, Ear(split_digest=usual.digest).card, part="all").notes[0]
    )
    asked = {"split": {"protocol": "stratified", "test": 0.3, "valid": 0.1, "digest": "?"}, "seed": 5}
    (tmp_path / "params.json").write_text(json.dumps(asked))
    other = split(manifest, protocol="stratified", test=0.3, valid=0.1, seed=5)
    found = choose(manifest, Ear(split_digest=other.digest).card, run=tmp_path)
    assert (found.digest, found.protocol, found.notes) == (other.digest, "stratified", ())
    strange = choose(manifest, Ear(split_digest="0" * 16).card)
    assert strange.protocol == "all" and "another split or on other data" in strange.notes[0]


def test_training_tracks_are_left_out(made: Make, tmp_path: Path) -> None:
    learned = with_hashes(made(*GROUPED))
    dealt = split(learned)
    card = Ear(split_digest=dealt.digest).card
    write_manifest(learned, tmp_path / "manifest.jsonl")
    asked = {"split": {"protocol": "grouped", "test": 0.2, "valid": 0.15}, "seed": 0}
    (tmp_path / "params.json").write_text(json.dumps(asked))
    taught = {learned.tracks[i].path for part in ("train", "valid") for i in dealt.parts[part]}
    # Another data set that has some of the same files, one of them as a copy, and one file that is new.
    copy = tmp_path / "copy.wav"
    copy.write_bytes(Path(next(iter(taught))).read_bytes())
    paths = [*sorted(taught)[:2], str(copy), str(Path(learned.root) / "high0.wav")]
    other = Manifest(tuple(Track(str(i), path, ("low",), f"g{i}") for i, path in enumerate(paths)))
    for run in (tmp_path, tmp_path / "bundle"):
        chosen = choose(other, card, run=run)
        assert chosen.places.tolist() == [3] and chosen.notes == (
            "3 tracks that the model was trained with are left out.",
        )
    forced = choose(other, card, run=tmp_path, split="all")
    assert len(forced.places) == 4 and forced.notes[0].startswith("3 of 4 tracks were used to train")
    assert (
        len(choose(other.take([0, 1]), card, run=tmp_path).places) == 2
    )  # nothing else is there: it is said
    assert choose(other.take([3]), card, run=tmp_path).notes == ()


def test_parts_and_protocols_that_are_not_there(made: Make) -> None:
    card = Ear().card
    with pytest.raises(InputError, match=r"part='tests'.*train, valid, test, all"):
        choose(made(*PLAIN), card, part="tests")
    with pytest.raises(InputError, match=r"split='folds'.*grouped"):
        choose(made(*PLAIN), card, split="folds")
    with pytest.raises(InputError, match=r"part='test' has no tracks.*train 1, valid 1, test 0"):
        choose(made(GIVEN[0], ("mid1", "mid", "c", "valid")), card)


# ---------------------------------------------------------------- the leak


def test_leaky_figures_say_so_and_stay_out_of_cards(made: Make) -> None:
    manifest = made(*GROUPED)
    done = evaluate(Ear(), manifest, split="windows")
    assert done.subset.leaky and done.notes[0].startswith("leaky")
    assert all(figure.leaky and figure.text.endswith(" leaky") for figure in done.metrics)
    assert done.to_dict()["split"]["leaky"] and all(f["leaky"] for f in done.to_dict()["metrics"])
    with pytest.raises(InputError, match="leaky metrics are not written into a card"):
        done.card_metrics()
    # 20 tracks of 4 windows; a fifth of all windows is tested.
    assert done.metric("window accuracy").n == 16 and 6 <= len(done.tracks) <= 16


def test_honest_figures_go_into_a_card(made: Make) -> None:
    done = evaluate(Ear(), made(*GROUPED), split="grouped", n_resamples=50)
    entries = done.card_metrics()
    ModelCard(name="x", heads=Ear().card.heads, metrics=tuple(entries))
    assert entries[0]["name"] == "track accuracy" and entries[0]["split"] == "grouped, test"
    assert entries[0]["split_digest"] == split(made(*GROUPED)).digest and entries[0]["n"] == 4
    assert not any(figure.text.endswith("leaky") for figure in done.metrics)


# ---------------------------------------------------------------- other inputs


def test_cached_log_mels_give_the_scores_of_files(tmp_path: Path) -> None:
    names = ["low0", "mid1", "high0"]
    clips = [Clip(tone(n[:-1], 2.0, seed=int(n[-1])), SR) for n in names]
    card = Ear().card
    write_cached(
        tmp_path / "kept.npz", ids=names, S_db=np.stack([log_mel(c) for c in clips]),
        spec=card.spec.to_dict(), digest=card.spec.digest,
        labels=[["low"], ["mid"], ["low"]], groups=["a", "b", "c"],
    )  # fmt: skip
    manifest = read_manifest(tmp_path / "kept.npz")
    done = evaluate(Ear(), manifest)
    assert [track.hit for track in done.tracks] == [True, True, False]
    for clip, row in zip(clips, done.by_track.scores, strict=True):
        expected = {s.label: s.score for s in classify(clip, model=Ear()).genres}
        np.testing.assert_allclose(row, [expected[name] for name in CLASSES], atol=1e-6)
    write_cached(
        tmp_path / "odd.npz", ids=["a"], S_db=np.zeros((1, 128, 90)), spec={"n_fft": 1024}, labels=[["low"]]
    )
    with pytest.raises(InputError, match="was made by the front end"):
        evaluate(Ear(), tmp_path / "odd.npz")


def test_a_table_of_files_and_its_json(sounds: Path, tmp_path: Path) -> None:
    with (tmp_path / "tracks.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label", "group"])
        rows.writerows([[sounds / "low0.wav", "low", "a"], [sounds / "mid0.wav", "low", "b"]])
    done = evaluate(Ear(), tmp_path / "tracks.csv", n_resamples=20)
    report = json.loads(done.to_json())
    assert report["schema"] == "earmark.evaluation/1" and done.data == tmp_path.name
    assert report["split"] == {"protocol": "all", "part": "all", "digest": done.subset.digest, "leaky": False}
    first = report["metrics"][0]
    assert (first["name"], first["value"], first["n"], first["leaky"]) == ("track accuracy", 0.5, 2, False)
    assert first["low"] < 0.2 and first["high"] > 0.8
    assert report["classes"][0]["roc_auc"] is None and report["n"] == 2 and report["n_groups"] == 2
    assert [track["predicted"] for track in report["tracks"]] == ["low", "mid"]
    assert any("Only 2 groups" in note for note in report["notes"])


def test_the_same_call_gives_the_same_bytes(made: Make) -> None:
    assert evaluate(Ear(), made(*PLAIN)).to_json() == evaluate(Ear(), made(*PLAIN)).to_json()


def test_a_model_that_breaks_its_word_ends_it(made: Make) -> None:
    class Liar(Ear):
        def forward(self, X: np.ndarray) -> ModelOutput:
            return ModelOutput({"genres": np.zeros((len(X), 2), np.float32)})

    with pytest.raises(ContractError, match="its card states"):
        evaluate(Liar(), made(*PLAIN))
    with pytest.raises(InputError, match="model is a int"):
        evaluate(3, made(*PLAIN))  # type: ignore[arg-type]


@pytest.mark.shared
def test_the_shipped_model_beats_chance_on_gtzan(shared: Path) -> None:
    manifest = read_manifest(shared / "data" / "gtzan" / "tracks.csv")
    names = {f"{genre}.0000{i}" for genre in ("blues", "classical", "country", "metal") for i in (0, 4)}
    some = manifest.take([i for i, track in enumerate(manifest.tracks) if track.id in names])
    done = evaluate("earmark-base", some, split="all", n_resamples=50)
    assert len(done.tracks) >= 6 and done.metric("ROC-AUC").value > 0.75
