"""The tables of a catalogue, as numbered migrations that are only ever appended to.

``PRAGMA user_version`` counts the migrations that a file has had. An older file is copied before it is
migrated; a newer one is refused.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from earmark.errors import InputError, OutputError
from earmark.library.write_ahead import use_write_ahead_log

APPLICATION_ID = 0x65726D6B  # "ermk", in the header of the file
PAGE_LENGTH = 16_384  # bytes
BUSY_SECONDS = 30.0  # how long a writer waits for another

# Paths are bytes: a file name need not be text. A path is a folder and a name, for an album has one folder.
# Scores are float16 in the order of the classes of the model, timelines and fingerprints as
# `earmark.library.packing` writes them.
_FIRST = """
CREATE TABLE roots (
    id INTEGER PRIMARY KEY,
    path BLOB NOT NULL UNIQUE,
    added REAL NOT NULL
);
CREATE TABLE folders (
    id INTEGER PRIMARY KEY,
    path BLOB NOT NULL UNIQUE
);
CREATE TABLE models (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    spec TEXT NOT NULL,                -- digest of its front ends
    space TEXT NOT NULL,               -- whose embeddings these are: only those of one space compare
    heads TEXT NOT NULL,               -- JSON: name -> classes
    embedding_size INTEGER NOT NULL,
    UNIQUE (name, sha256, spec)
);
CREATE TABLE tracks (
    id INTEGER PRIMARY KEY,
    folder INTEGER NOT NULL REFERENCES folders,
    name BLOB NOT NULL,
    number INTEGER NOT NULL DEFAULT 0, -- of a track of a CUE sheet; 0 is the whole file
    start REAL NOT NULL DEFAULT 0,
    stop REAL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    device INTEGER NOT NULL,           -- file system: one that is not mounted has not lost its files
    sound BLOB,                        -- audio.sound_digest
    fingerprint BLOB,
    state TEXT NOT NULL CHECK (state IN ('done', 'failed')),
    vanished REAL,                     -- when the file was found gone
    error TEXT,                        -- JSON: code, message, hint
    added REAL NOT NULL,
    analysed REAL NOT NULL,
    title TEXT, artist TEXT, album_artist TEXT, album TEXT, year INTEGER,
    tags TEXT,                         -- JSON: the other fields of Tags
    model INTEGER REFERENCES models,
    coverage TEXT,
    duration REAL,
    verdict TEXT,
    genre TEXT,                        -- the first, for whoever opens the file with SQL
    quadrant TEXT,
    valence REAL, arousal REAL,
    tempo REAL,
    key TEXT,
    warnings TEXT,
    scores BLOB,
    timeline BLOB,
    embedding BLOB,
    UNIQUE (folder, name, number)
);
CREATE INDEX tracks_by_sound ON tracks (sound);
-- The labels of each track that its model does not rule out, as search needs them: score in 1/1000.
CREATE TABLE labels (
    track INTEGER NOT NULL REFERENCES tracks ON DELETE CASCADE,
    head TEXT NOT NULL,
    label TEXT NOT NULL,
    score INTEGER NOT NULL,
    rank INTEGER NOT NULL,             -- 0 is the first of its head
    PRIMARY KEY (track, head, label)
) WITHOUT ROWID;
CREATE INDEX labels_by_label ON labels (head, label, score, rank);
CREATE TABLE corrections (
    track INTEGER NOT NULL REFERENCES tracks ON DELETE CASCADE,
    head TEXT NOT NULL,
    labels TEXT NOT NULL,              -- JSON: what the user says is right
    corrected REAL NOT NULL,
    PRIMARY KEY (track, head)
) WITHOUT ROWID;
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO counters VALUES ('embeddings', 0);
CREATE TRIGGER embeddings_inserted AFTER INSERT ON tracks WHEN new.embedding IS NOT NULL BEGIN
    UPDATE counters SET value = value + 1 WHERE name = 'embeddings';
END;
CREATE TRIGGER embeddings_updated AFTER UPDATE OF embedding, model ON tracks BEGIN
    UPDATE counters SET value = value + 1 WHERE name = 'embeddings';
END;
CREATE TRIGGER embeddings_deleted AFTER DELETE ON tracks BEGIN
    UPDATE counters SET value = value + 1 WHERE name = 'embeddings';
END;
CREATE VIRTUAL TABLE texts USING fts5 (title, artist, album_artist, album, path, content = '',
    tokenize = 'unicode61 remove_diacritics 2');
CREATE TRIGGER texts_inserted AFTER INSERT ON tracks BEGIN
    INSERT INTO texts (rowid, title, artist, album_artist, album, path)
    SELECT new.id, new.title, new.artist, new.album_artist, new.album,
        CAST(folders.path || x'2F' || new.name AS TEXT) FROM folders WHERE folders.id = new.folder;
END;
CREATE TRIGGER texts_deleted BEFORE DELETE ON tracks BEGIN
    INSERT INTO texts (texts, rowid, title, artist, album_artist, album, path)
    SELECT 'delete', old.id, old.title, old.artist, old.album_artist, old.album,
        CAST(folders.path || x'2F' || old.name AS TEXT) FROM folders WHERE folders.id = old.folder;
END;
CREATE TRIGGER texts_updated AFTER UPDATE OF folder, name, title, artist, album_artist, album ON tracks BEGIN
    INSERT INTO texts (texts, rowid, title, artist, album_artist, album, path)
    SELECT 'delete', old.id, old.title, old.artist, old.album_artist, old.album,
        CAST(folders.path || x'2F' || old.name AS TEXT) FROM folders WHERE folders.id = old.folder;
    INSERT INTO texts (rowid, title, artist, album_artist, album, path)
    SELECT new.id, new.title, new.artist, new.album_artist, new.album,
        CAST(folders.path || x'2F' || new.name AS TEXT) FROM folders WHERE folders.id = new.folder;
END;
"""

# A count of changes comes round to the same number in another catalogue of the same name, and after a backup
# was put back; a random number does not. The indexes are of what is asked without reading wide rows.
_SECOND = """
DROP TRIGGER embeddings_inserted;
DROP TRIGGER embeddings_updated;
DROP TRIGGER embeddings_deleted;
CREATE TRIGGER embeddings_inserted AFTER INSERT ON tracks WHEN new.embedding IS NOT NULL BEGIN
    UPDATE counters SET value = random() WHERE name = 'embeddings';
END;
CREATE TRIGGER embeddings_updated AFTER UPDATE OF embedding, model ON tracks
WHEN new.embedding IS NOT old.embedding OR new.model IS NOT old.model BEGIN
    UPDATE counters SET value = random() WHERE name = 'embeddings';
END;
CREATE TRIGGER embeddings_deleted AFTER DELETE ON tracks WHEN old.embedding IS NOT NULL BEGIN
    UPDATE counters SET value = random() WHERE name = 'embeddings';
END;
UPDATE counters SET value = random() WHERE name = 'embeddings';
CREATE INDEX tracks_by_model ON tracks (model);
CREATE INDEX tracks_vanished ON tracks (vanished) WHERE vanished IS NOT NULL;
"""

# What search compares, without the blobs: a row of tracks fills a page, one of tracks_facts 80 bytes. The
# genres of the tags become labels, of the head "tags".
_THIRD = """
CREATE INDEX tracks_facts ON tracks (id, vanished, state, verdict, tempo, key, year, duration, valence,
    arousal, added, analysed, model);
CREATE INDEX labels_first ON labels (head, rank, score, label) WHERE rank = 0;
INSERT OR IGNORE INTO labels
    SELECT tracks.id, 'tags', lower(genre.value), 1000, genre.key
    FROM tracks, json_each(tracks.tags, '$.genres') AS genre WHERE tracks.tags IS NOT NULL;
"""

# A label is a number: in "labels" each stood as text three times for each track, a fourth of the file. Its
# tracks lie together, in order. `tracks_names` is what lists are sorted by.
_FOURTH = """
CREATE TABLE label_names (
    id INTEGER PRIMARY KEY,
    head TEXT NOT NULL,
    label TEXT NOT NULL,
    UNIQUE (head, label)
);
CREATE TABLE track_labels (
    label INTEGER NOT NULL REFERENCES label_names,
    track INTEGER NOT NULL REFERENCES tracks ON DELETE CASCADE,
    score INTEGER NOT NULL,            -- in 1/1000
    rank INTEGER NOT NULL,             -- 0 is the first of its head
    PRIMARY KEY (label, track)
) WITHOUT ROWID;
INSERT INTO label_names (head, label) SELECT DISTINCT head, label FROM labels ORDER BY head, label;
INSERT INTO track_labels (label, track, score, rank)
    SELECT label_names.id, labels.track, labels.score, labels.rank
    FROM label_names CROSS JOIN labels ON labels.head = label_names.head AND labels.label = label_names.label
    ORDER BY label_names.id, labels.track;
DROP TABLE labels;
CREATE INDEX track_labels_by_track ON track_labels (track);
CREATE INDEX track_labels_first ON track_labels (label, track) WHERE rank = 0;
CREATE VIEW labels AS
    SELECT track, head, label_names.label AS label, score, rank
    FROM track_labels JOIN label_names ON label_names.id = track_labels.label;
ALTER TABLE tracks ADD COLUMN score INTEGER; -- of its first genre, in 1/1000
ALTER TABLE tracks ADD COLUMN ending TEXT;   -- of its name, if it has one of letters and digits: flac
UPDATE tracks SET
    score = (SELECT score FROM labels WHERE track = tracks.id AND head = 'genres' AND rank = 0),
    ending = CASE WHEN instr(name, x'2E') > 0 THEN lower(substr(
        CAST(name AS TEXT), length(rtrim(name, replace(name, x'2E', x''))) + 1)) END;
UPDATE tracks SET ending = NULL WHERE ending = '' OR ending GLOB '*[^a-z0-9]*';
DROP INDEX tracks_facts;
CREATE INDEX tracks_facts ON tracks (id, vanished, state, verdict, tempo, key, year, duration, valence,
    arousal, added, analysed, model, score, ending);
CREATE INDEX tracks_names ON tracks (id, artist, album_artist, album, year, title);
"""

# What newer models give, for whoever opens the file with SQL and for listings; search has them as labels. The
# rank of an instrument is 0 if it is present, so that one index lists what is first or present.
_FIFTH = """
ALTER TABLE tracks ADD COLUMN voice TEXT;
ALTER TABLE tracks ADD COLUMN voice_score REAL;
ALTER TABLE tracks ADD COLUMN instruments TEXT; -- JSON: those that are present
"""

# How sure tempo and key are, the tempo that comes next, and the method that found them: unknown of the tracks
# of before. Confidences are whole numbers of two bytes, for the index of what search compares has them.
_SIXTH = """
CREATE TABLE methods (
    id INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE        -- earmark.features.method_digest
);
ALTER TABLE tracks ADD COLUMN method INTEGER REFERENCES methods;
ALTER TABLE tracks ADD COLUMN tempo_confidence INTEGER;   -- in 1/10000
ALTER TABLE tracks ADD COLUMN key_confidence INTEGER;     -- in 1/10000
ALTER TABLE tracks ADD COLUMN second_tempo REAL;
ALTER TABLE tracks ADD COLUMN second_tempo_score INTEGER; -- in 1/10000
DROP INDEX tracks_facts;
CREATE INDEX tracks_facts ON tracks (id, vanished, state, verdict, tempo, key, year, duration, valence,
    arousal, added, analysed, model, score, ending, method, tempo_confidence, key_confidence);
"""

MIGRATIONS: tuple[str, ...] = (_FIRST, _SECOND, _THIRD, _FOURTH, _FIFTH, _SIXTH)


def connect(path: Path, *, create: bool = True, read_only: bool = False) -> sqlite3.Connection:
    """Open a catalogue, making or migrating it where that is needed.

    Parameters
    ----------
    path : Path
        The file.
    create : bool
        Whether to make it if it is not there.
    read_only : bool
        Whether nothing will be written. A file that must be migrated first is opened for writing once.

    Returns
    -------
    sqlite3.Connection
        In autocommit mode, with foreign keys on; in write-ahead-log mode, so that readers never wait.

    Raises
    ------
    InputError
        There is none (with ``create=False``), it is no catalogue, it is damaged, or of a newer earmark.
    OutputError
        It cannot be made, opened or migrated.
    """
    if not create and not path.exists():
        raise InputError(f"there is no library at {path}", hint="Try: earmark scan DIR, which makes it.")
    try:
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        if read_only and path.exists() and not _is_writable(path):
            return _opened_of_another(path)
        connection = _opened(path)
        try:
            _migrate(connection, path)
        except BaseException:
            connection.close()
            raise
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        return connection
    except sqlite3.DatabaseError as error:
        raise refused(path, error) from error
    except OSError as error:
        raise OutputError(
            f"cannot make the library {path}: {error.strerror or error}", hint="Try: --library elsewhere."
        ) from error


def refused(path: Path, error: sqlite3.Error) -> InputError | OutputError:
    """Return what SQLite complains of as an error of ours."""
    text = str(error)
    if "not a database" in text:
        return InputError(f"{path} is no library", hint="Accepted: a file that earmark scan made.")
    if "malformed" in text:
        return InputError(
            f"the library {path} is damaged ({text})",
            hint=f"Try: a copy of before ({path.name}.*.backup), or earmark scan with another --library.",
        )
    if "full" in text:
        hint = "Try: free some space; what was committed is kept, and the same command goes on."
    elif "locked" in text:
        hint = "Try: again when the other command has finished."
    else:
        hint = "Try: --library with another place, or the permissions of its folder."
    return OutputError(f"cannot use the library {path}: {text}", hint=hint)


def _is_writable(path: Path) -> bool:
    """Whether this user may write to the file and make others beside it, which a write-ahead log needs."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def _opened_of_another(path: Path) -> sqlite3.Connection:
    """Open the library of another user, or of a disk that is read only.

    While its owner has it open, its log is read with it. Else there is none, and SQLite, which would make
    one, must know that nothing changes (https://www.sqlite.org/wal.html, "Read-Only Databases").
    """
    has_log = path.with_name(f"{path.name}-wal").exists()
    options = "mode=ro" if has_log else "mode=ro&immutable=1"
    uri = f"{path.absolute().as_uri()}?{options}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        if (version := _version(connection, path)) < len(MIGRATIONS):
            raise InputError(
                f"the library {path} is of an older earmark (version={version}) and cannot be written to",
                hint="Try: earmark library info as its owner, which migrates it.",
            )
    except BaseException:
        connection.close()
        raise
    return connection


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        _version(connection, path)  # before anything of a foreign file is changed
        # Of a new file. A row has about 2 kB, and in pages of SQLite's usual 4 kB the rest of a page is lost.
        connection.execute(f"PRAGMA page_size = {PAGE_LENGTH}")
        use_write_ahead_log(connection, BUSY_SECONDS)
        # A power cut may undo the last commits of a WAL file but does not damage it: a scan does them again.
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection, path)
    if version == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")  # two processes may open a new file at once
    try:
        version = _version(connection, path)
        if 0 < version < len(MIGRATIONS):  # not one that another has made or migrated meanwhile
            _back_up(path, version)
        for migration in MIGRATIONS[version:]:
            for statement in _statements(migration):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection, path: Path) -> int:
    # One statement, so that all three are of one moment: another may be making the file.
    found: tuple[int, int, int] = connection.execute(
        """SELECT user_version, application_id, (SELECT count(*) FROM sqlite_master)
        FROM pragma_user_version, pragma_application_id"""
    ).fetchone()
    version, application, n_tables = found
    if application != APPLICATION_ID and (n_tables or version):
        raise InputError(
            f"{path} is a database of another program", hint="Accepted: a file that earmark scan made."
        )
    if version > len(MIGRATIONS):
        raise InputError(
            f"the library {path} is of a newer earmark (version={version})",
            hint=f"Accepted: up to version {len(MIGRATIONS)}. Try: pip install --upgrade earmark.",
        )
    return version


def _back_up(path: Path, version: int) -> None:
    """Copy a file before it is migrated; through another connection, for ours has the lock of a writer."""
    copy = path.with_name(f"{path.name}.{version}.backup")
    source, target = sqlite3.connect(path), sqlite3.connect(copy)
    try:
        source.backup(target)
    finally:
        target.close()
        source.close()


def _statements(script: str) -> list[str]:
    """Divide a script into statements: `executescript` would commit before the first."""
    statements, waiting = [], ""
    for line in script.splitlines():
        waiting += line + "\n"
        if sqlite3.complete_statement(waiting):
            statements.append(waiting)
            waiting = ""
    return statements
