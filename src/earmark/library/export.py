"""The catalogue as a table for other programs: CSV, JSON lines or Parquet; and embeddings as Parquet."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from earmark.errors import InputError, MissingExtraError
from earmark.library.catalogue import Library
from earmark.library.packing import pack_peaks
from earmark.library.row import Row
from earmark.library.search import HEADS, LIKELY
from earmark.storage import atomic_file, csv_line
from earmark.vocabulary import QUADRANTS

SEPARATOR = "; "  # of several values in a cell of CSV
_BATCH = 1000  # rows in memory
# The columns of `flat`, and what is in them.
_WHOLE = ("id", "number", "year", "size")
_NUMBERS = (
    *("duration", "score", "valence", "arousal"),
    *("tempo", "tempo_confidence", "key_confidence"),
)
_TEXTS = ("tag_genres", "genres", "moods", "instruments", *(f"corrected_{head}" for head in HEADS.values()))
_NAMES = (
    *("id", "path", "number", "title", "artist", "album_artist", "album", "year", "tag_genres", "duration"),
    *("verdict", "genre", "score", "genres", "moods", "quadrant", "valence", "arousal"),
    *("tempo", "tempo_confidence", "key", "key_confidence"),
    *("voice", "instruments", "coverage", "model", "error", "added", "analysed", "vanished", "size", "sound"),
    *(f"corrected_{head}" for head in HEADS.values()),
)
COLUMNS = dict.fromkeys(_NAMES, "text") | dict.fromkeys(_WHOLE, "whole")
COLUMNS |= dict.fromkeys(_NUMBERS, "number") | dict.fromkeys(_TEXTS, "texts")


def export(library: Library, path: Path, *, query: str = "", embeddings: bool = False) -> int:
    """Write tracks to a table, whole or not at all.

    Parameters
    ----------
    library : Library
        What to write.
    path : Path
        Ends in ``.csv`` (rows of `flat`), ``.jsonl`` (rows of `full`, from which `earmark.library.take`
        restores the tracks) or ``.parquet`` (rows of `flat`, several values as lists).
    query : str
        Which tracks; by default all but the vanished.
    embeddings : bool
        Write id, path, embedding and scores instead, as Parquet.

    Returns
    -------
    int
        Number of tracks.

    Raises
    ------
    InputError
        Another ending, or a query that cannot be understood.
    MissingExtraError
        Parquet without pyarrow.
    OutputError
        It cannot be written.
    """
    writers = {".csv": _write_csv, ".jsonl": _write_jsonl, ".parquet": _write_parquet}
    suffix = path.suffix.lower()
    if suffix not in writers or (embeddings and suffix != ".parquet"):
        accepted = ".parquet for embeddings" if embeddings else ", ".join(writers)
        raise InputError(f"no table for suffix={path.suffix!r}", hint=f"Accepted: {accepted}.")
    ids = library.search(query)
    with atomic_file(path) as file:
        rows = library.rows(ids, brief=suffix != ".jsonl" and not embeddings)
        return _write_embeddings(rows, file) if embeddings else writers[suffix](rows, file)


def flat(row: Row) -> dict[str, Any]:
    """Return a row as a flat record; several values of a field are a list.

    Parameters
    ----------
    row : Row
        Of a library.

    Returns
    -------
    dict
        The same keys for every row. ``genres`` and ``moods`` are those that search finds the track by:
        corrections, else the first and the likely ones; ``instruments`` those that are present.
    """
    found, tags = row.prediction, row.tags
    return {
        "id": row.id,
        "path": _text(row.path),
        "number": row.item.number,
        "title": tags.title,
        "artist": tags.artist,
        "album_artist": tags.album_artist,
        "album": tags.album,
        "year": tags.year,
        "tag_genres": list(tags.genres),
        "duration": _rounded(found.duration if found else None, 3),
        "verdict": found.verdict if found else None,
        "genre": row.genres[0] if row.genres else None,
        "score": _score(row),
        "genres": _likely(row, "genre"),
        "moods": _likely(row, "mood"),
        "quadrant": next(iter(_likely(row, "quadrant")), None),
        "valence": _rounded(found.valence if found else None, 4),
        "arousal": _rounded(found.arousal if found else None, 4),
        "tempo": _rounded(found.tempo if found else None, 1),
        "tempo_confidence": _rounded(found.tempo_confidence if found else None, 4),
        "key": found.key if found else None,
        "key_confidence": _rounded(found.key_confidence if found else None, 4),
        "voice": next(iter(_likely(row, "voice")), None),
        "instruments": _likely(row, "instrument"),
        "coverage": found.coverage if found else None,
        "model": row.model.name if row.model else None,
        "error": row.error["code"] if row.error else None,
        "added": _date(row.added),
        "analysed": _date(row.analysed),
        "vanished": _date(row.vanished),
        "size": row.file.size,
        "sound": row.sound or None,
        **{f"corrected_{head}": list(row.corrections.get(head, ())) for head in HEADS.values()},
    }


def full(row: Row) -> dict[str, Any]:
    """Return all that is known of a track, ready for JSON: `Row.to_dict` and what that leaves out."""
    model = row.model
    return {
        **row.to_dict(),
        "file": [row.file.size, row.file.mtime_ns],
        "model": None if model is None else {f: getattr(model, f) for f in model.__slots__},
        "method": row.method,
        "embedding": None if row.embedding is None else _base64(row.embedding.astype("<f2").tobytes()),
        "fingerprint": _base64(pack_peaks(row.peaks)) if row.peaks else None,
    }


def csv_cells(record: dict[str, Any]) -> Iterator[Any]:
    """Yield the cells of a record of `flat`."""
    for value in record.values():
        yield SEPARATOR.join(value) if isinstance(value, list) else value


def _write_csv(rows: Iterable[Row], file: BinaryIO) -> int:
    n = 0
    for n, row in enumerate(rows, start=1):
        record = flat(row)
        header = f"{csv_line(record)}\n" if n == 1 else ""
        file.write(f"{header}{csv_line(csv_cells(record))}\n".encode())
    return n


def _write_jsonl(rows: Iterable[Row], file: BinaryIO) -> int:
    return sum(file.write(f"{json.dumps(full(row), allow_nan=False)}\n".encode()) > 0 for row in rows)


def _write_parquet(rows: Iterable[Row], file: BinaryIO) -> int:
    return _write_arrow((flat(row) for row in rows), file, _flat_schema)


def _write_embeddings(rows: Iterable[Row], file: BinaryIO) -> int:
    records = (
        {
            "id": row.id,
            "path": _text(row.path),
            "number": row.item.number,
            "sound": row.sound or None,
            "model": row.model.name,
            "space": row.model.space,
            "embedding": row.embedding.tolist(),
            "genres": [(score.label, score.score) for score in row.prediction.genres],
            "moods": [(score.label, score.score) for score in row.prediction.moods],
            "quadrant": [(q, found.scores[q]) for q in QUADRANTS if q in found.scores]
            if (found := row.prediction.quadrant)
            else [],
            "voice": list(voice.scores.items()) if (voice := row.prediction.voice) else [],
            "instruments": [(score.label, score.score) for score in row.prediction.instruments],
        }
        for row in rows
        if row.embedding is not None and row.model and row.prediction
    )
    return _write_arrow(records, file, _embedding_schema)


def _write_arrow(records: Iterator[dict[str, Any]], file: BinaryIO, schema_of: Callable[[Any], Any]) -> int:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError(
            "Parquet needs pyarrow", hint="Try: pip install 'earmark[parquet]'."
        ) from error
    schema, n = schema_of(pyarrow), 0
    with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while batch := list(islice(records, _BATCH)):
            writer.write_table(pyarrow.Table.from_pylist(batch, schema=schema))
            n += len(batch)
    return n


def _flat_schema(arrow: Any) -> Any:
    kinds = {"texts": arrow.list_(arrow.string()), "whole": arrow.int64(), "number": arrow.float64()}
    return arrow.schema([(name, kinds.get(kind, arrow.string())) for name, kind in COLUMNS.items()])


def _embedding_schema(arrow: Any) -> Any:
    scores = arrow.map_(arrow.string(), arrow.float32())
    kinds = {"id": arrow.int64(), "number": arrow.int64(), "embedding": arrow.list_(arrow.float32())}
    of_heads = ("genres", "moods", "quadrant", "voice", "instruments")
    kinds |= dict.fromkeys(of_heads, scores)
    names = ("id", "path", "number", "sound", "model", "space", "embedding", *of_heads)
    return arrow.schema([(name, kinds.get(name, arrow.string())) for name in names])


def _likely(row: Row, field: str) -> list[str]:
    """Return the labels of a kind that search finds a track by."""
    if corrected := row.corrections.get(HEADS[field]):
        return list(corrected)
    found = row.prediction
    if found is None or found.verdict not in ("music", "unsure"):
        return []
    if field in ("quadrant", "voice"):
        choice = found.quadrant if field == "quadrant" else found.voice
        return [choice.label] if choice else []
    if field == "instrument":
        return [one.label for one in found.instruments if one.present]
    scores = found.genres if field == "genre" else found.moods
    return [score.label for i, score in enumerate(scores) if not i or score.score >= LIKELY[field]]


def _score(row: Row) -> float | None:
    if row.corrections.get("genres"):
        return 1.0
    return _rounded(row.prediction.genres[0].score, 4) if row.prediction and row.genres else None


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _date(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _text(path: str) -> str:
    r"""Return a path as UTF-8 has it: other bytes of a name are written as ``\xe9``."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
