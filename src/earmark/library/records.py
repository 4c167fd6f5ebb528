"""Rows as records of the catalogue, and back."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from earmark.features import TempoCandidate
from earmark.library import packing
from earmark.library.row import FileState, Item, ModelInfo, Row
from earmark.library.tags import Tags
from earmark.predict import Affect, Instrument, ModelId, Prediction, Quadrant, SoundClass, Voice

CERTAIN = 1000  # of a score that a person gave
TAGS = "tags"  # what stands for the genres of the file's tags where heads of the model have their names
CONFIDENCE_STEPS = 10_000  # of 1, in which confidences are stored: JSON has four decimals
# Heads whose scores are kept, besides the first; a new one is the last, as rows of before lack it.
_OTHERS = ("moods", "quadrant", "voice", "instruments", "sound")
LEAST = 50  # score in 1/1000 from which on a label is worth a record

# The names of the columns, but for the number of the folder.
_OF_FILE = ("name", "number", "start", "stop", "size", "mtime_ns", "device", "sound", "fingerprint")
_OF_STATE = ("state", "vanished", "error", "added", "analysed")
_OF_PREDICTION = (
    *("coverage", "duration", "verdict", "genre", "quadrant", "valence", "arousal", "tempo", "key"),
    *("warnings", "scores", "timeline", "embedding", "voice", "voice_score", "instruments"),
    *("tempo_confidence", "key_confidence", "second_tempo", "second_tempo_score"),
)
_OWN_COLUMNS = ("title", "artist", "album_artist", "album", "year")  # of the tags; the others are in "tags"
COLUMNS = (*_OF_FILE, *_OF_STATE, *_OWN_COLUMNS, "tags", "model", *_OF_PREDICTION)


def values_of(row: Row) -> dict[str, Any]:
    """Return the values of a row by column, all but its folder, model, method and time of addition."""
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
    labels are those that the user gave. The rank of an instrument is 0 if it is present.
    """
    for label in _found_labels(row):
        if label[0] not in row.corrections:
            yield label
    for head, labels in row.corrections.items():
        for rank, name in enumerate(dict.fromkeys(labels)):
            yield head, name, CERTAIN, 0 if head == "instruments" else rank


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
    for head, choice in (("quadrant", prediction.quadrant), ("voice", prediction.voice)):
        ordered = sorted(choice.scores.items(), key=lambda item: -item[1]) if choice else ()
        for rank, (label, value) in enumerate(ordered):
            yield head, label, round(1000 * value), rank
    for rank, one in enumerate(prediction.instruments):
        if (thousandths := round(1000 * one.score)) >= LEAST or one.present or not rank:
            yield "instruments", one.label, thousandths, 0 if one.present else rank + 1


def row_of(
    record: sqlite3.Row,
    model: ModelInfo | None,
    *,
    corrections: Mapping[str, tuple[str, ...]] | None = None,
    least_mood: float = 0.0,
) -> Row:
    """Return the row of a record with all `COLUMNS`, ``id``, ``folder_path`` and ``method_digest``.

    Parameters
    ----------
    record : sqlite3.Row
        NULL in large columns gives a row without what they hold.
    model : ModelInfo or None
        Of the record.
    corrections : mapping, optional
        As of `Row`.
    least_mood : float
        Mood words, and instruments that are not present, of lower scores are left out.
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
        method=record["method_digest"] or "",
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
    quadrant, voice = prediction.quadrant, prediction.voice
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
        "voice": voice.label if voice else None,
        "voice_score": voice.scores[voice.label] if voice else None,
        "instruments": _json([one.label for one in prediction.instruments if one.present]),
        **_confidences(prediction),
    }


def _confidences(prediction: Prediction) -> dict[str, Any]:
    """Return how sure tempo and key are, and the tempo that comes next."""
    second = prediction.tempo_candidates[1] if len(prediction.tempo_candidates) > 1 else None
    return {
        "tempo_confidence": _steps(prediction.tempo_confidence),
        "key_confidence": _steps(prediction.key_confidence),
        "second_tempo": second.tempo if second else None,
        "second_tempo_score": _steps(second.score if second else None),
    }


def _steps(confidence: float | None) -> int | None:
    # As JSON rounds it, so that a stored prediction and a fresh one give the same text.
    return None if confidence is None else round(CONFIDENCE_STEPS * round(confidence, 4))


def _flat(prediction: Prediction, heads: Mapping[str, tuple[str, ...]]) -> list[float]:
    """Return the scores of the first head and of `_OTHERS` in the order of the classes."""
    ranked = (prediction.genres, prediction.moods, prediction.instruments)
    genres, moods, instruments = ({score.label: score.score for score in scores} for scores in ranked)
    chosen = (prediction.quadrant, prediction.voice, prediction.sound)
    quadrants, voices, sounds = (choice.scores if choice else {} for choice in chosen)
    found: list[float] = []
    in_order = (genres, moods, quadrants, voices, instruments, sounds)
    for classes, scores in zip(_stored(heads), in_order, strict=True):
        found += [scores.get(label, 0.0) for label in classes]
    return found


def _stored(heads: Mapping[str, tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Return the classes of the heads whose scores are kept: of the first, then of `_OTHERS`."""
    return (next(iter(heads.values())), *(heads.get(name, ()) for name in _OTHERS))


def _prediction(record: sqlite3.Row, path: str, model: ModelInfo, least_mood: float) -> Prediction:
    scores, found = packing.unpack_scores(record["scores"]), []
    for classes in _stored(model.heads):
        # Of heads that an older version did not keep, there are no scores.
        found.append((classes, scores[: len(classes)]) if len(scores) >= len(classes) else ((), scores[:0]))
        scores = scores[len(classes) :]
    (genres, of_genres), (moods, of_moods), (quadrants, of_quadrants), *others = found
    of_voices, of_instruments, of_sounds = others
    timeline = record["timeline"]
    has_moods = bool(len(of_moods)) and record["verdict"] is not None
    return Prediction(
        source=path,
        duration=record["duration"],
        model=ModelId(model.name, model.sha256),
        verdict=record["verdict"],
        genres=packing.ranked(genres, of_genres),
        moods=packing.ranked(moods, of_moods, least_mood) if has_moods else (),
        quadrant=packing.likeliest(Quadrant, quadrants, of_quadrants),
        tempo=record["tempo"],
        key=record["key"],
        segments=packing.unpack_timeline(timeline, genres, quadrants) if timeline else (),
        warnings=tuple(json.loads(record["warnings"] or "[]")),
        coverage=record["coverage"],
        start=record["start"],
        voice=packing.likeliest(Voice, *of_voices),
        instruments=_instruments(*of_instruments, json.loads(record["instruments"] or "[]"), least_mood),
        affect=_affect(record, model),
        tempo_confidence=_confidence(record["tempo_confidence"]),
        tempo_candidates=tuple(_tempi(record)),
        key_confidence=_confidence(record["key_confidence"]),
        sound=packing.likeliest(SoundClass, *of_sounds),
    )


def _confidence(steps: int | None) -> float | None:
    return None if steps is None else steps / CONFIDENCE_STEPS


def _tempi(record: sqlite3.Row) -> Iterator[TempoCandidate]:
    """Yield the tempo and the next, where they have a probability."""
    for tempo, score in (("tempo", "tempo_confidence"), ("second_tempo", "second_tempo_score")):
        if record[tempo] is not None and record[score] is not None:
            yield TempoCandidate(record[tempo], record[score] / CONFIDENCE_STEPS)


def _instruments(
    classes: Sequence[str], scores: npt.NDArray[np.floating], present: Sequence[str], least: float
) -> tuple[Instrument, ...]:
    ranked = (Instrument(s.label, s.score, s.label in present) for s in packing.ranked(classes, scores))
    return tuple(one for i, one in enumerate(ranked) if not i or one.present or one.score >= least)


def _affect(record: sqlite3.Row, model: ModelInfo) -> Affect | None:
    """Return valence and arousal where they are amounts, which the scores of the quadrants do not give."""
    has_amounts = "affect" in model.heads and record["valence"] is not None
    return Affect(record["valence"], record["arousal"]) if has_amounts else None


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
