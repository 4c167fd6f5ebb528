"""Rows as records of the catalogue, and back."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from earmark.library import packing
from earmark.library.row import FileState, Item, ModelInfo, Row
from earmark.library.tags import Tags
from earmark.predict import ModelId, Prediction

CERTAIN = 1000  # of a score that a person gave
TAGS = "tags"  # what stands for the genres of the file's tags where heads of the model have their names
LEAST = 50  # score in 1/1000 from which on a label is worth a record

# The names of the columns, but for the number of the folder.
_OF_FILE = ("name", "number", "start", "stop", "size", "mtime_ns", "device", "sound", "fingerprint")
_OF_STATE = ("state", "vanished", "error", "added", "analysed")
_OF_PREDICTION = (
    *("coverage", "duration", "verdict", "genre", "quadrant", "valence", "arousal", "tempo", "key"),
    *("warnings", "scores", "timeline", "embedding"),
)
_OWN_COLUMNS = ("title", "artist", "album_artist", "album", "year")  # of the tags; the others are in "tags"
COLUMNS = (*_OF_FILE, *_OF_STATE, *_OWN_COLUMNS, "tags", "model", *_OF_PREDICTION)


def values_of(row: Row) -> dict[str, Any]:
    """Return the values of a row by column, all but its folder, model and time of addition."""
    return {
        **place_of(row.item, row.file, row.tags),
        "sound": bytes.fromhex(row.sound) or None,
        "fingerprint": packing.pack_peaks(row.peaks) if row.peaks else None,
        "state": row.state,
        "error": json.dumps(row.error) if row.error else None,
        "analysed": row.analysed,
        **_of_prediction(row),
    }


def place_of(item: Item, file: FileState, tags: Tags) -> dict[str, Any]:
    """Return the values by column of where a track is and what its tags say, all but its folder."""
    other = {f.name: getattr(tags, f.name) for f in fields(Tags) if f.name not in _OWN_COLUMNS}
    return {
        "name": (name := os.fsencode(os.path.basename(item.path))),
        "ending": _ending(name),
        "number": item.number,
        "start": item.start,
        "stop": item.stop,
        "size": file.size,
        "mtime_ns": file.mtime_ns,
        "device": file.device,
        **{name: _text(getattr(tags, name)) for name in _OWN_COLUMNS},
        "tags": _json({name: value for name, value in other.items() if value}),
    }


def labels_of(row: Row) -> Iterator[tuple[str, str, int, int]]:
    """Yield head, label, score in 1/1000 and rank of the labels that search can find a row by.

    What the tags of the file say is under the head ``tags``, in lower case. Where a head is corrected, its
    labels are those that the user gave.
    """
    for label in _found_labels(row):
        if label[0] not in row.corrections:
            yield label
    for head, labels in row.corrections.items():
        for rank, name in enumerate(dict.fromkeys(labels)):
            yield head, name, CERTAIN, rank


def score_of(labels: Iterable[tuple[str, str, int, int]]) -> int | None:
    """Return the score in 1/1000 of the first genre among labels of `labels_of`; None without one."""
    return next((score for head, _, score, rank in labels if head == "genres" and rank == 0), None)


def _found_labels(row: Row) -> Iterator[tuple[str, str, int, int]]:
    """Yield the labels of the tags and of the model."""
    for rank, tag in enumerate(dict.fromkeys(str(_text(tag)).lower() for tag in row.tags.genres)):
        yield TAGS, tag, CERTAIN, rank
    prediction = row.prediction
    if prediction is None or prediction.verdict not in ("music", "unsure"):
        return
    for head, scores in (("genres", prediction.genres), ("moods", prediction.moods)):
        for rank, score in enumerate(scores):
            if (thousandths := round(1000 * score.score)) >= LEAST or not rank:
                yield head, score.label, thousandths, rank
    if prediction.quadrant:
        ordered = sorted(prediction.quadrant.scores.items(), key=lambda item: -item[1])
        for rank, (label, value) in enumerate(ordered):
            yield "quadrant", label, round(1000 * value), rank


def row_of(
    record: sqlite3.Row,
    model: ModelInfo | None,
    *,
    corrections: Mapping[str, tuple[str, ...]] | None = None,
    least_mood: float = 0.0,
) -> Row:
    """Return the row of a record with all `COLUMNS`, ``id`` and ``folder_path``.

    Parameters
    ----------
    record : sqlite3.Row
        NULL in large columns gives a row without what they hold.
    model : ModelInfo or None
        Of the record.
    corrections : mapping, optional
        As of `Row`.
    least_mood : float
        Mood words of lower scores are left out.
    """
    path = os.fsdecode(os.path.join(record["folder_path"], record["name"]))
    embedding = record["embedding"]
    return Row(
        item=Item(path, record["number"], record["start"], record["stop"]),
        file=FileState(record["size"], record["mtime_ns"], record["device"]),
        tags=_tags(record),
        sound=(record["sound"] or b"").hex(),
        peaks=packing.unpack_peaks(record["fingerprint"]) if record["fingerprint"] else None,
        model=model,
        prediction=_prediction(record, path, model, least_mood)
        if model and record["scores"] is not None
        else None,
        embedding=None if embedding is None else np.frombuffer(embedding, "<f2").astype(np.float32),
        error=json.loads(record["error"]) if record["error"] else None,
        id=record["id"],
        added=record["added"],
        analysed=record["analysed"],
        vanished=record["vanished"],
        corrections=dict(corrections or {}),
    )


def _of_prediction(row: Row) -> dict[str, Any]:
    prediction, model = row.prediction, row.model
    values: dict[str, Any] = dict.fromkeys(_OF_PREDICTION)
    if prediction is None or model is None:
        return values
    quadrant = prediction.quadrant
    first = next(iter(model.heads.values()))
    return values | {
        "coverage": prediction.coverage,
        "duration": prediction.duration,
        "verdict": prediction.verdict,
        "genre": prediction.best_genre,
        "quadrant": quadrant.label if quadrant else None,
        "valence": prediction.valence,
        "arousal": prediction.arousal,
        "tempo": prediction.tempo,
        "key": prediction.key,
        "warnings": _json(prediction.warnings),
        "scores": packing.pack_scores(_flat(prediction, model.heads)),
        "timeline": packing.pack_timeline(prediction.segments, first, model.heads.get("quadrant", ())),
        "embedding": None if row.embedding is None else row.embedding.astype("<f2").tobytes(),
    }


def _flat(prediction: Prediction, heads: Mapping[str, tuple[str, ...]]) -> list[float]:
    """Return the scores of the first head, the moods and the quadrants in the order of the classes."""
    genres = {score.label: score.score for score in prediction.genres}
    moods = {score.label: score.score for score in prediction.moods}
    quadrants = prediction.quadrant.scores if prediction.quadrant else {}
    found: list[float] = []
    for (_, classes), scores in zip(_stored(heads), (genres, moods, quadrants), strict=True):
        found += [scores.get(label, 0.0) for label in classes]
    return found


def _stored(heads: Mapping[str, tuple[str, ...]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    first = next(iter(heads))
    return ((first, heads[first]), *((name, heads.get(name, ())) for name in ("moods", "quadrant")))


def _prediction(record: sqlite3.Row, path: str, model: ModelInfo, least_mood: float) -> Prediction:
    scores, found = packing.unpack_scores(record["scores"]), []
    for _, classes in _stored(model.heads):
        found.append((classes, scores[: len(classes)]))
        scores = scores[len(classes) :]
    (genres, of_genres), (moods, of_moods), (quadrants, of_quadrants) = found
    timeline = record["timeline"]
    has_moods = bool(len(of_moods)) and record["verdict"] is not None
    return Prediction(
        source=path,
        duration=record["duration"],
        model=ModelId(model.name, model.sha256),
        verdict=record["verdict"],
        genres=packing.ranked(genres, of_genres),
        moods=packing.ranked(moods, of_moods, least_mood) if has_moods else (),
        quadrant=packing.likeliest(quadrants, of_quadrants),
        tempo=record["tempo"],
        key=record["key"],
        segments=packing.unpack_timeline(timeline, genres, quadrants) if timeline else (),
        warnings=tuple(json.loads(record["warnings"] or "[]")),
        coverage=record["coverage"],
        start=record["start"],
    )


def _tags(record: sqlite3.Row) -> Tags:
    found: dict[str, Any] = {name: record[name] for name in _OWN_COLUMNS if record[name] is not None}
    for name, value in json.loads(record["tags"] or "{}").items():
        found[name] = tuple(value) if isinstance(value, list) else value
    return Tags(**found)


def _ending(name: bytes) -> str | None:
    """Return what follows the last dot of a name, in lower case; None unless it is letters and digits."""
    found = re.search(rb"\.([A-Za-z0-9]+)\Z", name)
    return found[1].decode().lower() if found else None


def _text(value: Any) -> Any:
    """Return "" as None, and text without the surrogates that SQLite does not take."""
    return value.encode("utf-8", "replace").decode() or None if isinstance(value, str) else value


def _json(value: Any) -> str | None:
    """Return JSON in ASCII, in which odd characters are harmless; None of what is empty."""
    return json.dumps(value) if value else None
