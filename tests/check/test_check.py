"""The checks find what was put into a data set, and nothing else."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import numpy as np
import pytest

import sounds
from earmark.audio import Clip, load
from earmark.check import KINDS, CheckReport, check, check_page, cleaned, find_copies, fingerprint
from earmark.check.check import _of_labels
from earmark.check.label_errors import agreement, cross_validated, label_errors_of
from earmark.check.measure import flat_tops, is_silent
from earmark.check.outliers import OUTLIER_SCORE, outlier_scores
from earmark.data import Manifest, Track, read_manifest, write_cached
from earmark.errors import EarmarkError, InputError
from earmark.features import FeatureSpec, log_mel
from earmark.features.fingerprint import Fingerprint

SR = 22050


def tune(seed: int, seconds: float = 12.0) -> np.ndarray:
    """Notes of five partials at random pitches and times, and strokes of noise [shape=(n,)]."""
    rng = np.random.default_rng(seed)
    y = 0.002 * rng.standard_normal(round(seconds * SR))
    for begin in np.sort(rng.uniform(0, seconds - 0.7, round(7 * seconds))):
        t = np.arange(round(rng.uniform(0.2, 0.6) * SR)) / SR
        hz = 110 * 2 ** (rng.integers(0, 48) / 12)
        note = sum(np.sin(2 * np.pi * k * hz * t) / k for k in range(1, 6)) * np.exp(-5 * t)
        if rng.random() < 0.2:
            note = note + rng.standard_normal(len(t)) * np.exp(-40 * t)
        place = round(begin * SR)
        y[place : place + len(t)] += 0.1 * note
    return y.astype(np.float32)


def faster(y: np.ndarray, factor: float) -> np.ndarray:
    import soxr

    return np.asarray(soxr.resample(y, SR * factor, SR), dtype=np.float32)


def mp3(y: np.ndarray, bitrate: int) -> np.ndarray:
    return load(sounds.encode(y, SR, "mp3", bitrate=bitrate)).y


def printed(y: np.ndarray) -> Fingerprint:
    return fingerprint(Clip(y, SR))


# ---------------------------------------------------------------- copies

ORIGINALS = [tune(seed) for seed in range(6)]
PRINTS = [printed(y) for y in ORIGINALS]


def test_different_tunes_are_no_copies() -> None:
    assert find_copies(PRINTS) == []


@pytest.mark.parametrize(
    ("change", "offset", "speed"),
    [
        (lambda y: y, 0.0, 1.0),
        (lambda y: y * np.float32(0.1), 0.0, 1.0),
        (lambda y: mp3(y, 64_000), 0.0, 1.0),
        (lambda y: y[5 * SR :], 5.0, 1.0),
        (lambda y: np.concatenate([tune(99, 2.0), y[: 8 * SR]]), -2.0, 1.0),
        (lambda y: faster(y, 1.02), 0.0, 1.02),
        (lambda y: faster(y, 1 / 1.02), 0.0, 1 / 1.02),
        (lambda y: mp3(faster(y, 1.02)[4 * SR :] * np.float32(0.3), 64_000), 4.08, 1.02),
    ],
    ids=["same", "gain", "mp3", "later", "earlier", "faster", "slower", "all"],
)
def test_copies_are_found_and_described(change, offset: float, speed: float) -> None:  # type: ignore[no-untyped-def]
    copies = find_copies([*PRINTS, printed(change(ORIGINALS[2]))])
    (copy,) = copies
    assert (copy.a, copy.b) == (2, 6)
    assert abs(copy.offset - offset) < 0.15 and abs(copy.speed - speed) < 0.004
    turned = copy.turned()
    assert (turned.a, turned.b) == (6, 2) and abs(turned.offset + offset / speed) < 0.15
    assert turned.turned().offset == pytest.approx(copy.offset)


def test_how_much_is_common() -> None:
    long = np.concatenate(ORIGINALS[:2])
    inside, apart = printed(long[4 * SR : 14 * SR]), printed(np.concatenate([long[12 * SR :], ORIGINALS[4]]))
    (whole,) = find_copies([printed(long), inside])
    assert not whole.partial and abs(whole.overlap - 10) < 0.3
    (part,) = find_copies([printed(long), apart])
    assert part.partial and abs(part.overlap - 12) < 0.3 and abs(part.offset - 12) < 0.1


def test_a_common_drum_loop_makes_no_copy() -> None:
    """Two tunes over the very same strokes, twice a second: much in common, in few moments."""
    rng = np.random.default_rng(7)
    stroke = rng.standard_normal(SR // 12) * np.exp(-np.arange(SR // 12) / 300)
    loop = np.zeros(12 * SR)
    for begin in range(0, len(loop) - len(stroke), SR):
        loop[begin : begin + len(stroke)] += stroke
    pair = [(y + 0.3 * loop).astype(np.float32) for y in ORIGINALS[:2]]
    assert find_copies([printed(y) for y in pair]) == []


def test_sounds_without_landmarks() -> None:
    nothing = [printed(np.zeros(SR * 4, np.float32)), printed(np.zeros(1, np.float32))]
    assert [len(p) for p in nothing] == [0, 0] and find_copies([*nothing, *PRINTS]) == []
    assert find_copies([]) == []


# ---------------------------------------------------------------- one track


def test_flat_tops() -> None:
    y = sounds.tone(1.0, hz=441, sr=44100, amplitude=1.5)
    assert flat_tops(y) == 0
    clipped = np.clip(y, -1, 1)
    assert flat_tops(clipped) == pytest.approx(np.mean(np.abs(clipped) == 1), rel=0.02)
    assert flat_tops(0.3 * clipped) == flat_tops(clipped)  # turned down afterwards
    assert flat_tops(np.zeros(100, np.float32)) == 0 and flat_tops(np.ones(2, np.float32)) == 0


def test_silence() -> None:
    y = np.concatenate([tune(0, 3.0), np.zeros(9 * SR, np.float32)])
    assert is_silent(Clip(y, SR)).mean() == pytest.approx(0.75, abs=0.03)
    assert is_silent(Clip(np.full(SR, 1e-4, np.float32), SR)).all()


# ---------------------------------------------------------------- the space of descriptors


def cloud(seed: int, n: int = 60, d: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Three Gaussian classes, stretched along some axes."""
    rng = np.random.default_rng(seed)
    classes = np.arange(n) % 3
    X = rng.standard_normal((n, d)) * np.geomspace(0.1, 10, d) + 6 * np.eye(3, d)[classes]
    return X, classes


@pytest.mark.parametrize("seed", range(4))
def test_outliers(seed: int) -> None:
    X, classes = cloud(seed)
    assert (outlier_scores(X, classes) > OUTLIER_SCORE).sum() <= 2
    X[:5] += 60.0 * np.sign(X[:5])  # five of sixty: they must not hide each other
    found = np.flatnonzero(outlier_scores(X, classes) > OUTLIER_SCORE)
    assert set(range(5)) <= set(found.tolist()) and len(found) <= 7


def test_too_few_and_too_flat_for_outliers() -> None:
    X, classes = cloud(0, 12)
    assert not outlier_scores(X, classes).any()
    X, classes = cloud(0)
    X[:, 3] = 5.0  # a column that says nothing
    assert np.isfinite(outlier_scores(X, classes)).all()


def test_doubtful_labels_against_confident_learning_by_hand() -> None:
    """Thresholds are mean self-confidences (Northcutt et al. 2021, equation 2): here 0.7 and 0.55."""
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.4, 0.6], [0.2, 0.8], [0.75, 0.25]])
    given = np.array([0, 0, 0, 1, 1, 1])
    thresholds = np.array([p[given == 0, 0].mean(), p[given == 1, 1].mean()])
    assert thresholds == pytest.approx([0.7, 1.65 / 3])
    found = label_errors_of(p, given)
    assert [(error.track, error.given, error.likely) for error in found] == [(5, 1, 0), (2, 0, 1)]
    p[5] = np.nan
    assert [error.track for error in label_errors_of(p, given)] == [2]
    assert label_errors_of(np.full((2, 2), np.nan), np.array([0, 1])) == []


def test_wrong_labels_are_doubted() -> None:
    X, classes = cloud(1, 300)
    given = classes.copy()
    wrong = np.arange(0, 300, 20)
    given[wrong] = (given[wrong] + 1) % 3
    folds = [np.flatnonzero(np.arange(300) % 7 % 5 == k) for k in range(5)]
    p = cross_validated(X, given, folds, 3)
    assert np.allclose(p.sum(axis=1), 1)
    assert np.mean(p.argmax(axis=1) == classes) > 0.9
    found = {error.track for error in label_errors_of(p, given)}
    assert len(found & set(wrong.tolist())) >= 0.9 * len(wrong)
    assert len(found - set(wrong.tolist())) <= 0.07 * 300  # where the classes overlap


def test_agreement_is_kappa() -> None:
    """Cohen 1960: 45 of 60 agree, 30 by chance, so (0.75 - 0.5) / (1 - 0.5)."""
    given = np.repeat([0, 0, 1, 1], [25, 5, 10, 20])
    p = np.eye(2)[np.repeat([0, 1, 0, 1], [25, 5, 10, 20])]
    assert agreement(p, given) == pytest.approx((45 / 60 - 0.5) / 0.5)
    assert agreement(np.full((3, 2), np.nan), np.array([0, 1, 1])) == 0
    assert agreement(np.eye(2)[[0, 0]], np.array([0, 0])) == 0


def test_labels_that_the_descriptors_do_not_tell_apart_are_not_doubted() -> None:
    X = np.random.default_rng(5).standard_normal((80, 6))
    folds = [np.arange(80)[k::5] for k in range(5)]
    tracks = tuple(Track(str(i), "x", ("ab"[i // 2 % 2],)) for i in range(80))
    notes: list[str] = []
    assert list(_of_labels(Manifest(tracks), X, folds, notes)) == [] and "hardly be separated" in notes[0]
    X[:, 0] += 20 * np.array([i // 2 % 2 for i in range(80)])
    assert list(_of_labels(Manifest(tracks), X, folds, [])) == []
    tracks = (*tracks[:-1], Track("wrong", "x", ("a",)))
    (error,) = _of_labels(Manifest(tracks), X, folds, [])
    assert error.tracks == ("wrong",) and "rather b" in error.text
    both = tuple(Track(t.id, "x", (*t.labels, "c")) for t in tracks)
    (error, missing) = sorted(_of_labels(Manifest(both), X, folds, notes), key=lambda finding: finding.text)
    assert error.tracks == missing.tracks == ("wrong",)
    assert "a|c" in error.text and notes[1] == "labels that could be scored: a, b"


def test_lda_is_that_of_scikit_learn() -> None:
    pytest.importorskip("sklearn")
    from sklearn.covariance import ledoit_wolf_shrinkage

    from earmark.check.label_errors import _shrunk_covariance

    residual = cloud(2)[0]
    residual -= residual.mean(axis=0)
    sample = residual.T @ residual / len(residual)
    share = ledoit_wolf_shrinkage(residual, assume_centered=True)
    expected = (1 - share) * sample + share * np.trace(sample) / len(sample) * np.eye(len(sample))
    assert np.allclose(_shrunk_covariance(residual), expected, rtol=1e-6, atol=2e-9)


def test_a_class_that_only_one_fold_has_is_not_judged() -> None:
    X, classes = cloud(3)
    folds = [np.flatnonzero(classes == 2), np.flatnonzero(classes < 2)]
    p = cross_validated(X, classes, folds, 3)
    assert np.isnan(p[classes == 2]).all() and np.isnan(p[classes < 2]).all()


# ---------------------------------------------------------------- all together


def write(path: Path, y: np.ndarray, fmt: str = "wav16", **options: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sounds.write(path, y, SR, fmt, **options)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CheckReport]:
    """A data set with one of each fault, and what the check says of it."""
    root = tmp_path_factory.mktemp("spoilt")
    for i in range(6):
        write(root / f"rock/artist {i % 3}/{i}.wav", ORIGINALS[i])
        write(root / f"pop/artist {i % 3 + 3}/{i}.wav", faster(tune(10 + i, 6.0), 0.5))
    write(root / "rock/artist 0/again.wav", ORIGINALS[0])
    write(root / "rock/artist 9/small.mp3", ORIGINALS[1][SR:], "mp3", bitrate=64_000)
    write(root / "pop/artist 8/whose.wav", 0.5 * ORIGINALS[2])
    write(root / "pop/artist 3/silent.wav", np.zeros(5 * SR, np.float32))
    write(root / "pop/artist 3/short.wav", tune(50, 2.0))
    write(root / "pop/artist 4/hot.wav", np.clip(5 * tune(51), -0.5, 0.5))
    (root / "pop/artist 4/broken.mp3").write_bytes(b"this is not music")
    write(root / "rock/artist 7/overlap.wav", np.concatenate([ORIGINALS[5][6 * SR :], tune(60, 8.0)]))
    return root, check(read_manifest(root), jobs=1, model=None)


def found(report: CheckReport, kind: str) -> list[tuple[str, ...]]:
    return [finding.tracks for finding in report.of(kind)]


def test_each_fault_is_found_once(faulty: tuple[Path, CheckReport]) -> None:
    _, report = faulty
    assert found(report, "exact-copy") == [("rock/artist 0/0.wav", "rock/artist 0/again.wav")]
    assert sorted(found(report, "near-copy")) == [
        ("pop/artist 8/whose.wav", "rock/artist 2/2.wav"),
        ("rock/artist 1/1.wav", "rock/artist 9/small.mp3"),
        ("rock/artist 7/overlap.wav", "rock/artist 2/5.wav"),
    ]
    (conflict,) = report.of("conflict")
    assert set(conflict.tracks) == {"pop/artist 8/whose.wav", "rock/artist 2/2.wav"}
    assert conflict.text.startswith("pop against rock")
    assert found(report, "silent") == [("pop/artist 3/silent.wav",)]
    assert found(report, "short") == [("pop/artist 3/short.wav",)]
    assert found(report, "clipped") == [("pop/artist 4/hot.wav",)]
    assert found(report, "unreadable") == [("pop/artist 4/broken.mp3",)]
    (broken,) = report.of("unreadable")
    with pytest.raises(EarmarkError) as error:
        load(next(t.path for t in report.manifest.tracks if t.id == broken.tracks[0]))
    assert broken.error == error.value.to_dict() and broken.error["hint"]
    (listed,) = (each for each in report.to_dict()["findings"] if each["kind"] == "unreadable")
    assert listed["error"] == broken.error and listed["text"] == broken.error["message"]
    page = check_page(report)
    assert html.escape(broken.error["hint"]) in page and f"({broken.error['code']})" in page
    assert report.of("leak") == report.of("artist") == ()
    assert report.n_faults == 8
    small = next(f for f in report.of("near-copy") if f.tracks[1].endswith("small.mp3"))
    assert "begins 1.0" in small.text and "later" in small.text and not small.partial


def test_what_is_left_is_clean(faulty: tuple[Path, CheckReport]) -> None:
    _, report = faulty
    clean = cleaned(report)
    gone = {track.id for track in report.manifest.tracks} - {track.id for track in clean.tracks}
    assert gone == {
        "pop/artist 3/short.wav",
        "pop/artist 3/silent.wav",
        "pop/artist 4/broken.mp3",
        "pop/artist 8/whose.wav",
        "rock/artist 0/again.wav",
        "rock/artist 2/2.wav",
        "rock/artist 9/small.mp3",
    }
    groups = {track.id: track.group for track in clean.tracks}
    assert groups["rock/artist 7/overlap.wav"] == groups["rock/artist 2/5.wav"]  # no split may part them
    assert groups["rock/artist 0/0.wav"] == "artist 0"
    assert check(clean, model=None).n_faults == 1  # the overlap is still there, and still said


def test_the_page_can_be_played(faulty: tuple[Path, CheckReport]) -> None:
    root, report = faulty
    document = check_page(report, beside=root)
    for kind in ("near-copy", "conflict", "unreadable", "clipped"):
        assert f"<h2>{KINDS[kind].title} (" in document
    assert document.count("data:audio/") >= 10 and "broken.mp3" in document
    assert f'src="{root}' not in document and "file:///" not in document  # links are relative


def test_the_report_survives_json(faulty: tuple[Path, CheckReport]) -> None:
    facts = json.loads(json.dumps(faulty[1].to_dict()))
    assert facts["schema"] == "earmark.check/1" and facts["n_faults"] == 8
    assert {finding["kind"] for finding in facts["findings"]} <= set(KINDS)


def test_the_same_whatever_the_number_of_jobs(faulty: tuple[Path, CheckReport]) -> None:
    root, report = faulty
    assert check(read_manifest(root), jobs=2, model=None).findings == report.findings


def test_leaks_through_a_split(tmp_path: Path) -> None:
    for i in range(3):
        write(tmp_path / f"{i}.wav", ORIGINALS[i])
    write(tmp_path / "copy.mp3", ORIGINALS[0], "mp3", bitrate=64_000)
    rows = [
        "path,label,artist,split",
        "0.wav,a,X,train",
        "1.wav,b,X,train",
        "2.wav,a,Y,valid",
        "copy.mp3,a,Y,test",
    ]
    (tmp_path / "tracks.csv").write_text("\n".join(rows))
    report = check(read_manifest(tmp_path), model=None)
    (leak,) = report.of("leak")
    assert leak.tracks == ("0.wav", "copy.mp3") and leak.text.startswith("in test and train")
    (artist,) = report.of("artist")
    assert artist.tracks == ("2.wav", "copy.mp3") and artist.text == "Y: 1 in test, 1 in valid"
    assert {track.split for track in cleaned(report).tracks} == {""}
    assert any("20 are needed" in note for note in report.notes)


def test_balance() -> None:
    def manifest(**counts: int) -> Manifest:
        return Manifest(
            tuple(Track(f"{c}{i}", "no", (c,), f"{c} {i % 2}") for c, n in counts.items() for i in range(n))
        )

    assert "one class only: a" in check(manifest(a=3)).of("balance")[0].text
    assert check(manifest(a=3, b=2)).of("balance") == ()
    assert check(manifest(a=11, b=2)).of("balance")[0].text == "a has 11 tracks, b 2: one for every 5.5"
    alone = Manifest((*manifest(a=4).tracks, *(Track(f"z{i}", "no", ("z",), "Solo") for i in range(3))))
    assert check(alone).of("balance")[0].text == "all 3 tracks of z are by Solo"
    assert len(check(alone).of("unreadable")) == 7


def test_a_model_judges_the_labels(tmp_path: Path) -> None:
    """Bright and dark tunes, one in the wrong folder."""
    for i in range(22):
        label = "dark" if i % 2 else "bright"
        write(tmp_path / f"{label}/{i}.wav", faster(tune(i, 6.0), 0.5 if i % 2 else 1.4))
    (tmp_path / "dark/1.wav").rename(tmp_path / "bright/wrong.wav")
    report = check(read_manifest(tmp_path), model="earmark-base")
    assert [finding.tracks for finding in report.of("label")] == [("bright/wrong.wav",)]
    assert "rather dark" in report.of("label")[0].text and report.notes == ()


def test_bad_options() -> None:
    with pytest.raises(InputError, match="model='dummy' has no embedding"):
        check(Manifest((Track("a", "a.wav", ("x",)),)), model="dummy")
    with pytest.raises(InputError, match="min_seconds=-1"):
        check(Manifest(()), min_seconds=-1)


def test_cached_features(tmp_path: Path) -> None:
    spec = FeatureSpec()
    sound = [*ORIGINALS, ORIGINALS[0], np.zeros(12 * SR, np.float32)]
    S_db = np.stack([log_mel(y, spec) for y in sound])
    labels = [["rock"]] * 7 + [["pop"]]
    path = tmp_path / "f.npz"
    write_cached(
        path, ids=list("abcdefgh"), S_db=S_db, spec=spec.to_dict(), digest=spec.digest, labels=labels
    )
    report = check(read_manifest(path))
    assert found(report, "exact-copy") == [("a", "g")] and found(report, "silent") == [("h",)]
    assert "audio" not in check_page(report).split("</style>")[1]
    assert len(cleaned(report)) == 6


@pytest.mark.shared
def test_the_repeated_clips_of_gtzan_and_no_others(shared: Path, tmp_path: Path) -> None:
    """All of metal, where the repeats are, by bytes and by sound (the copies there are of the same bytes)."""
    manifest = read_manifest(shared / "data/gtzan")
    tracks = [track for track in manifest.tracks if re.match(r"metal\.000(34|4|6|94)", track.id)]
    repeats = {(34, 94), *((k, k + 21) for k in range(40, 46))}
    report = check(Manifest(tuple(tracks)), model=None)
    pairs = {tuple(int(name[-2:]) for name in names) for names in found(report, "exact-copy")}
    assert pairs == repeats and report.of("near-copy") == ()
    by_sound = find_copies([fingerprint(load(track.path)) for track in tracks])
    assert {tuple(int(tracks[i].id[-2:]) for i in (c.a, c.b)) for c in by_sound} == repeats
