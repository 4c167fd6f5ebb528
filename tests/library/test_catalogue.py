"""The catalogue: what is put in comes out, and nothing that is not a library of ours is touched."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from catalogues import row as catalogued
from queries import fill

from earmark import load_model
from earmark.audio import sound_digest
from earmark.duplicates import compare
from earmark.errors import InputError, OutputError
from earmark.features import method_digest
from earmark.library import FileState, Item, Library, Row, Tags, analyse, packing, schema
from earmark.library.stats import stats
from earmark.models import Model
from earmark.predict import Prediction
from sounds import noise, tone, write
from voiced import Voiced

# Of the migrations that somebody may have run: they are never changed.
PUBLISHED = ["2e7b59c1cca86df2", "d8b355d1e3d3666b", "ca301c86307172fe", "d873ea0cf9a10999"]
PUBLISHED += ["436174b09904d5d6", "54bd4ad1889da88b"]


@pytest.fixture(scope="module")
def echo() -> Model:
    return load_model("echo")


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("music") / "song.flac"
    write(path, tone(7.0) + noise(7.0, amplitude=0.05), 44100, "flac")
    return path


@pytest.fixture(scope="module")
def row(song: Path, echo: Model) -> Row:
    return analyse(song, echo)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "library.sqlite")


def test_a_row_comes_back_as_it_was(library: Library, row: Row) -> None:
    tags = Tags(title="Ä", artist="B", year=1999, genres=("Rock", "Pop"), bpm=120.5, comment="c")
    row = dataclasses.replace(row, tags=tags)
    back = library.get(library.put(row))
    assert (back.item, back.file, back.tags, back.sound, back.model) == (
        row.item, row.file, row.tags, row.sound, row.model
    )  # fmt: skip
    assert back.prediction is not None and row.prediction is not None
    assert back.method == row.method == method_digest()
    for name in ("tempo_confidence", "tempo_candidates", "key_confidence"):
        assert back.prediction.to_dict()[name] == row.prediction.to_dict()[name], name
    for name in ("source", "duration", "model", "verdict", "tempo", "key", "warnings", "coverage", "start"):
        assert getattr(back.prediction, name) == getattr(row.prediction, name)
    close = [(back.prediction.genres, row.prediction.genres), (back.prediction.moods, row.prediction.moods)]
    for there, here in close:
        here_scores = {score.label: score.score for score in here}
        assert {score.label: score.score for score in there} == pytest.approx(here_scores, abs=5e-4)
    for there, here in zip(back.prediction.segments, row.prediction.segments, strict=True):
        assert (there.start, there.end) == pytest.approx((here.start, here.end), abs=0.006)
        here_scores = {score.label: score.score for score in here.genres}
        assert {score.label: score.score for score in there.genres} == pytest.approx(here_scores, abs=0.0021)


def test_voice_instruments_and_affect_come_back(library: Library) -> None:
    played = {"guitar": (0.9, True), "drums": (0.75, False), "piano": (0.03, True)}
    put = catalogued("/a.mp3", voice=(0.05, 0.85, 0.06, 0.04), instruments=played, affect=(0.8123, 0.16))
    id = library.put(put)
    back = library.get(id).prediction
    assert back is not None and put.prediction is not None and back.voice is not None
    assert back.voice.label == "sung" and back.voice.scores["sung"] == pytest.approx(0.85, abs=5e-4)
    assert [(one.label, one.present) for one in back.instruments] == [
        ("guitar", True), ("drums", False), ("piano", True), ("strings", False)
    ]  # fmt: skip
    assert [one.score for one in back.instruments] == pytest.approx([0.9, 0.75, 0.03, 0.0], abs=5e-4)
    assert (back.affect, back.valence, back.arousal) == (put.prediction.affect, 0.8123, 0.16)
    (brief,) = library.rows([id], brief=True)
    assert brief.prediction is not None
    assert [one.label for one in brief.prediction.instruments] == ["guitar", "drums", "piano"]
    columns = library.query("SELECT voice, voice_score, instruments, valence FROM tracks")[0]
    assert tuple(columns) == ("sung", 0.85, '["guitar", "piano"]', 0.8123)


def test_what_is_analysed_with_a_model_of_these_heads_is_kept(library: Library, song: Path) -> None:
    row = analyse(song, Voiced())
    back = library.get(library.put(row)).prediction
    assert back is not None and row.prediction is not None and back.voice is not None
    assert back.voice.label == "sung" and back.affect == row.prediction.affect
    assert back.sound is not None and row.prediction.sound is not None
    assert back.sound.scores == pytest.approx(row.prediction.sound.scores, abs=5e-4)
    assert [one.present for one in back.instruments] == [one.present for one in row.prediction.instruments]
    assert library.search("voice:sung instrument:drums -instrument:guitar valence:0.81") == [1]


def test_confidences_the_second_tempo_and_the_method_come_back(library: Library) -> None:
    sure = {"tempo_confidence": 0.912345, "second": (240.123456, 0.0567), "key_confidence": 0.70004}
    put, unsure = catalogued("/a.mp3", **sure, method="ab" * 8), catalogued("/b.mp3", tempo=None, key=None)
    ids = [library.put(put), library.put(unsure)]
    for one in (*library.rows(ids[:1]), *library.rows(ids[:1], brief=True)):
        assert one.prediction is not None and put.prediction is not None
        assert (one.method, one.prediction.tempo_confidence) == ("ab" * 8, 0.9123)
        for name in ("tempo_confidence", "tempo_candidates", "key_confidence"):  # as JSON has them, exactly
            assert one.prediction.to_dict()[name] == put.prediction.to_dict()[name], name
        first, second = one.prediction.tempo_candidates
        assert (first.tempo, first.score, second.tempo, second.score) == (120.0, 0.9123, 240.123456, 0.0567)
    none = library.get(ids[1]).prediction
    assert none is not None and none.tempo_candidates == ()
    assert none.tempo_confidence is none.key_confidence is None


def test_a_tempo_without_a_confidence_is_no_candidate(library: Library) -> None:
    """As of a front end that the networks do not know."""
    back = library.get(library.put(catalogued("/a.mp3", tempo=97.0))).prediction
    assert back is not None and (back.tempo, back.tempo_candidates) == (97.0, ())


def test_what_is_new_takes_few_bytes(library: Library) -> None:
    """Two confidences and a score of two bytes, a tempo of eight, the number of a method of none to two."""
    library.put(catalogued("/a.mp3", tempo_confidence=1.0, second=(99.9, 0.3), key_confidence=0.99999))
    names = ("tempo_confidence", "second_tempo_score", "key_confidence", "method")
    for name in names:
        (value,) = library.query(f"SELECT {name}, typeof({name}) FROM tracks")
        assert value[1] == "integer" and value[0] < 2**15, name
    assert len(library.query("SELECT * FROM methods")) == 1


@pytest.mark.parametrize("version", [4, 5])
def test_a_library_of_a_version_before_gets_the_columns_and_loses_nothing(
    library: Library, row: Row, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsure = {"method": "", "prediction": _without_confidences(row)}
    row = dataclasses.replace(row, **unsure)  # type: ignore[arg-type]
    old = library.path.with_name("old.sqlite")
    monkeypatch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:version])
    Library(old).close()
    monkeypatch.undo()
    id = library.put(row)
    copied = sqlite3.connect(old, isolation_level=None)
    copied.execute("ATTACH ? AS new", (str(library.path),))
    for table in ("folders", "models", "tracks", "label_names", "track_labels"):
        columns = ", ".join(one[1] for one in copied.execute(f"PRAGMA main.table_info({table})"))
        copied.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")
    copied.close()
    with Library(old) as migrated:
        assert migrated.check() == []
        assert migrated.get(id).to_dict() == library.get(id).to_dict()
        assert migrated.search("voice:none") == [id] and migrated.search("voice:sung") == []
        back = migrated.get(id).prediction
        assert back is not None and (back.tempo, back.key) == (row.prediction.tempo, row.prediction.key)  # type: ignore[union-attr]
        assert (back.tempo_confidence, back.key_confidence, back.tempo_candidates) == (None, None, ())
        assert migrated.get(id).method == "" and stats(migrated).older_method == 1


def _without_confidences(row: Row) -> Prediction:
    assert row.prediction is not None
    new = {"tempo_confidence": None, "key_confidence": None, "tempo_candidates": ()}
    return dataclasses.replace(row.prediction, **new)  # type: ignore[arg-type]


def test_a_brief_row_lacks_only_what_is_large(library: Library, row: Row) -> None:
    id = library.put(dataclasses.replace(row, tags=Tags(title="Ä", genres=("Rock",))))
    library.correct(id, genres=["jazz"])
    (whole,), (brief,) = library.rows([id]), library.rows([id], brief=True)
    assert whole.prediction is not None and brief.prediction is not None and whole.prediction.segments
    assert (brief.prediction.segments, brief.peaks, brief.embedding) == ((), None, None)
    first, *others = whole.prediction.moods
    moods = (first, *(score for score in others if score.score >= 0.1))
    assert brief.prediction == dataclasses.replace(whole.prediction, segments=(), moods=moods)
    assert (brief.item, brief.tags, brief.corrections) == (whole.item, whole.tags, {"genres": ("jazz",)})


def test_a_fingerprint_survives_the_catalogue(library: Library, row: Row) -> None:
    back = library.get(library.put(row))
    assert back.peaks is not None and row.peaks is not None and len(row.peaks.times)
    np.testing.assert_array_equal(back.peaks.times, row.peaks.times)
    np.testing.assert_allclose(back.peaks.pitches, row.peaks.pitches, atol=7e-5)
    assert back.peaks.n_frames == row.peaks.n_frames
    ours, theirs = back.peaks.fingerprint(), row.peaks.fingerprint()
    assert len(ours) == len(theirs) and compare(ours, theirs) == compare(theirs, ours)


def test_the_same_file_keeps_its_id_corrections_and_time_of_addition(library: Library, row: Row) -> None:
    first = library.put(row)
    library.correct(first, genres=["Jazz"])
    added = library.get(first).added
    assert library.put(row) == first and len(library) == 1
    back = library.get(first)
    assert (back.added, back.genres, back.corrections) == (added, ("jazz",), {"genres": ("jazz",)})
    labels = library.query("SELECT label, score, rank FROM labels WHERE head = 'genres'")
    assert [tuple(label) for label in labels] == [("jazz", 1000, 0)]
    assert library.correct(first, genres=[]).corrections == {}


def test_what_is_silent_is_kept(library: Library, tmp_path: Path, echo: Model) -> None:
    write(tmp_path / "silence.flac", np.zeros(7 * 44100, np.float32), 44100, "flac")
    silent = analyse(tmp_path / "silence.flac", echo)
    back = library.get(library.put(silent))
    assert back.prediction is not None and back.prediction.verdict == "silence"
    assert back.prediction.segments == () and back.embedding is None and back.genres == ()


def test_what_failed_is_kept_with_its_error(library: Library, tmp_path: Path, echo: Model) -> None:
    (tmp_path / "bad.mp3").write_bytes(b"no sound at all" * 100)
    failed = analyse(tmp_path / "bad.mp3", echo)
    back = library.get(library.put(failed))
    assert (back.state, back.prediction, back.error) == ("failed", None, failed.error)
    assert back.error is not None and back.error["code"] == "unknown-format" and back.file.size == 1500
    gone = analyse(tmp_path / "gone.mp3", echo)
    assert gone.error is not None and gone.error["code"] == "not-found"


@pytest.mark.skipif(os.name != "posix", reason="names of bytes")
def test_any_file_name_survives(library: Library, row: Row) -> None:
    for name in (b"caf\xe9.mp3", b"new\nline.mp3", "日本.mp3".encode(), b"\xff\xfe"):
        path = os.fsdecode(b"/music/" + name)
        item = Item(path)
        id = library.put(dataclasses.replace(row, item=item))
        assert library.get(id).path == path and library.find(path).id == id  # type: ignore[union-attr]
        json.dumps(library.get(id).to_dict())
    assert library.check() == []


def test_words_are_found_in_tags_and_paths(library: Library, row: Row) -> None:
    id = library.put(dataclasses.replace(row, tags=Tags(title="Épicentre", artist="Someone")))

    def found(words: str) -> list[int]:
        return [hit[0] for hit in library.query("SELECT rowid FROM texts WHERE texts MATCH ?", (words,))]

    assert found("epicentre") == found("someone") == found("song") == [id]
    library.put(dataclasses.replace(row, tags=Tags(title="Other")))
    assert found("epicentre") == [] and found("other") == [id]
    library.remove([id])
    assert found("other") == [] and len(library) == 0 and library.check() == []


def test_what_a_scan_asks(library: Library, row: Row) -> None:
    for path in ("/a/x.mp3", "/a/b/y.mp3", "/ab/z.mp3"):
        library.put(dataclasses.replace(row, item=Item(path)))
    assert [entry["name"] for entry in library.files("/a")] == [b"x.mp3", b"y.mp3"]
    assert len(list(library.files())) == len(list(library.files("/"))) == 3
    assert [found.path for found in library.with_sound(row.sound)] == ["/a/x.mp3", "/a/b/y.mp3", "/ab/z.mp3"]
    library.mark_vanished([1, 2], now=5.0)
    library.mark_vanished([1], now=6.0)
    assert library.get(1).vanished == 5.0
    library.touch(1, FileState(1, 2, 3))
    assert (library.get(1).vanished, library.get(1).file) == (None, FileState(1, 2, 3))


def test_a_transaction_is_all_or_nothing(library: Library, row: Row) -> None:
    with pytest.raises(RuntimeError), library.transaction():
        library.put(row)
        raise RuntimeError
    assert len(library) == 0


def test_readers_do_not_wait_for_a_writer(library: Library, row: Row) -> None:
    library.put(row)
    with library.transaction():
        library.put(dataclasses.replace(row, item=Item("/other.mp3")))
        with Library(library.path, read_only=True) as reader:
            assert len(reader) == 1
            with pytest.raises(OutputError, match="readonly"):
                reader.add_root("/a")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="users of POSIX")
@pytest.mark.parametrize("open_elsewhere", [False, True])
def test_another_user_reads_what_they_may_not_write(row: Row, open_elsewhere: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:  # below tmp_path no other user may look
        path = Path(folder) / "library.sqlite"
        owner = Library(path)
        owner.put(row)
        if not open_elsewhere:
            owner.close()
        modes = {path: 0o444, Path(folder): 0o555}
        for place, mode in modes.items():
            place.chmod(mode)
        try:
            assert _as_another_user(lambda: _reads_one(path)) == 0
        finally:
            Path(folder).chmod(0o755)
            owner.close()


def _reads_one(path: Path) -> None:
    with Library(path, create=False, read_only=True) as library:
        assert len(library) == 1 and library.get(1).prediction
        with pytest.raises(OutputError):
            library.add_root("/a")
    with pytest.raises(OutputError):
        Library(path, create=False).add_root("/a")


def _as_another_user(call: Callable[[], None]) -> int:
    """Exit status of a process of a user without rights that calls a function."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        if os.geteuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        call()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def test_two_writers_take_turns(library: Library, row: Row) -> None:
    def write_many(first: int) -> None:
        with Library(library.path) as own:
            for i in range(first, first + 40):
                own.put(dataclasses.replace(row, item=Item(f"/{i}.mp3")))

    threads = [threading.Thread(target=write_many, args=(first,)) for first in (0, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(library) == 60 and library.check() == []


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0", b"text " * 1000, os.urandom(5000)])
def test_what_is_no_library_is_refused_or_made_one(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "some.sqlite"
    path.write_bytes(content)
    if content:
        with pytest.raises((InputError, OutputError)):
            Library(path)
        assert path.read_bytes() == content
    else:
        Library(path).close()


def test_another_program_s_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE t (x)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(InputError, match="another program"):
        Library(path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["other.sqlite"]


def test_a_newer_library_is_refused_and_an_older_one_copied_and_migrated(
    library: Library, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.put(row)
    library.close()
    added = "ALTER TABLE tracks ADD COLUMN extra TEXT;\nUPDATE tracks SET extra = 'x';\n"
    before = schema.MIGRATIONS
    monkeypatch.setattr(schema, "MIGRATIONS", (*before, added))
    with Library(library.path) as migrated:
        assert migrated.query("SELECT extra FROM tracks")[0][0] == "x"
    copy = library.path.with_name(f"{library.path.name}.{len(before)}.backup")
    assert copy.exists()
    monkeypatch.setattr(schema, "MIGRATIONS", before)
    with pytest.raises(InputError, match="newer earmark"):
        Library(library.path)
    with Library(copy) as old:
        assert len(old) == 1


def test_labels_scores_and_endings_of_an_old_file_are_migrated(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Queries find in a file of version 3, as earmark wrote it then, what they find in a new one."""
    fill(library)
    new = ("method", "tempo_confidence", "key_confidence", "second_tempo", "second_tempo_score")
    library.query(f"UPDATE tracks SET {', '.join(f'{name} = NULL' for name in new)}")
    library.query("UPDATE tracks SET voice = NULL, voice_score = NULL, instruments = NULL")  # had none then
    library.query("UPDATE tracks SET name = x'66FF2EFF', ending = NULL WHERE id = 1")  # no text after the dot
    old = tmp_path / "old.sqlite"
    monkeypatch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:3])
    Library(old).close()
    monkeypatch.undo()
    copied = sqlite3.connect(old, isolation_level=None)
    copied.execute("ATTACH ? AS new", (str(library.path),))
    for table in ("folders", "models", "tracks", "labels", "corrections"):
        columns = ", ".join(row[1] for row in copied.execute(f"PRAGMA main.table_info({table})"))
        copied.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")
    copied.close()
    with Library(old) as migrated:
        assert migrated.check() == [] and len(migrated) == len(library) == 60
        for query in ("genre:jazz", "ext:flac", "genre:none", "tag:rock", "score>0.6", "is:corrected"):
            found = migrated.search(query)
            assert found and found == library.search(query), query
        for table in ("labels", "tracks"):
            sql = f"SELECT * FROM {table} ORDER BY 1, 2, 3"
            assert list(map(tuple, migrated.query(sql))) == list(map(tuple, library.query(sql)))
        migrated.remove([2])
        assert not migrated.query("SELECT * FROM labels WHERE track = 2")


def test_tags_that_changed_are_found_by_their_new_words(library: Library, row: Row) -> None:
    id = library.put(dataclasses.replace(row, tags=Tags(genres=("Polka",))))
    library.correct(id, genres=["jazz"])
    assert library.place(id, row.item, row.file, Tags(genres=("Waltz",)))
    assert library.search("tag:waltz genre:jazz") == [id] and library.search("tag:polka") == []


def test_a_migration_that_fails_changes_nothing(
    library: Library, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.put(row)
    library.close()
    broken = "ALTER TABLE tracks ADD COLUMN extra TEXT;\nUPDATE nowhere SET x = 1;\n"
    with monkeypatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, broken))
        with pytest.raises(OutputError):
            Library(library.path)
    with Library(library.path) as same:
        assert "extra" not in same.query("SELECT * FROM tracks")[0].keys() and len(same) == 1  # noqa: SIM118


def test_no_library_is_made_for_a_reader(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no library"):
        Library(tmp_path / "none.sqlite", create=False)
    assert not os.listdir(tmp_path)


def test_migrations_are_only_appended_to() -> None:
    digests = [hashlib.sha256(text.encode()).hexdigest()[:16] for text in schema.MIGRATIONS]
    assert digests[: len(PUBLISHED)] == PUBLISHED


def test_a_digest_names_the_sound_and_not_the_tags(tmp_path: Path, song: Path) -> None:
    from mutagen.flac import FLAC

    copy = Path(shutil.copy(song, tmp_path / "copy.flac"))
    tags = FLAC(copy)
    tags["title"] = "x" * 5000
    tags.save()
    assert copy.stat().st_size != song.stat().st_size and sound_digest(copy) == sound_digest(song)
    other = tmp_path / "other.flac"
    write(other, noise(7.0), 44100, "flac")
    assert sound_digest(other) != sound_digest(song)


def test_rows_fill_their_pages(library: Library, row: Row) -> None:
    """Two rows of 2.1 kB do not fit into a page of 4 kB: half of the table was empty."""
    rng = np.random.default_rng(0)
    peaks = packing.Peaks(np.arange(500, dtype=np.int32), rng.uniform(8, 12, 500), 862)  # as 20 s of music
    embedding = rng.standard_normal(256).astype(np.float32)
    library.put(dataclasses.replace(row, peaks=peaks, embedding=embedding))
    blobs = "length(scores) + length(timeline) + length(embedding) + length(fingerprint)"
    [length] = library.query(f"SELECT {blobs} FROM tracks")[0]
    assert library.query("PRAGMA page_size")[0][0] // length >= 4
