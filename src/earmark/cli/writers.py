"""The ways to write predictions out, one class each: table, JSON lines, CSV, label track."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

from earmark.cli.terminal import Screen, plural
from earmark.errors import EarmarkError
from earmark.storage import csv_line

if TYPE_CHECKING:
    from earmark.models import ModelCard
    from earmark.predict import Prediction


class Writer(Protocol):
    """Takes the result of each file, in order."""

    def done(self, prediction: Prediction) -> None:
        """Write what was heard."""

    def failed(self, source: object, error: EarmarkError) -> None:
        """Write that a source could not be done."""


class TableWriter:
    """For people: a card with bars for each of a few files, one line for each of many.

    Parameters
    ----------
    out : Screen
        Where to.
    top : int
        Genres to show on a card.
    timeline : bool
        Whether to list the segments.
    cards : bool
        Cards, or lines.
    """

    def __init__(self, out: Screen, *, top: int, timeline: bool, cards: bool) -> None:
        self.out, self.top, self.timeline, self.cards = out, top, timeline, cards
        # Of the best genres, of the verdicts that are no music, of failures.
        self.counts: Counter[str] = Counter()

    def done(self, prediction: Prediction) -> None:
        """Print the card or the line."""
        from earmark.cli.render import card, row

        facts = prediction.to_dict()
        musical = facts["verdict"] in ("music", "unsure") and facts["genres"]
        self.counts[facts["genres"][0]["label"] if musical else facts["verdict"]] += 1
        if self.cards:
            self.out.show(card(facts, self.out.stdout, top=self.top, timeline=self.timeline))
        else:
            self.out.show(row(facts, self.out.stdout))

    def failed(self, source: object, error: EarmarkError) -> None:
        """Complain on stderr."""
        self.counts["not readable"] += 1
        self.out.complain(error, source)

    def summary(self) -> str:
        """How many files were what."""
        parts = [f"{n} {what}" for what, n in self.counts.most_common()]
        return f"{plural(self.counts.total(), 'file')}: {', '.join(parts)}"


class JsonWriter:
    """For programs: ``earmark.prediction/1`` or ``earmark.error/1``, one object a line."""

    def __init__(self, out: Screen) -> None:
        self.out = out

    def done(self, prediction: Prediction) -> None:
        """Write the prediction."""
        self.out.write(prediction.to_json())

    def failed(self, source: object, error: EarmarkError) -> None:
        """Write the error."""
        from earmark.predict import error_dict

        self.out.write(json.dumps(error_dict(source, error)))


class CsvWriter:
    """For spreadsheets: a row for each file or segment, a column for each genre in order of the alphabet.

    Parameters
    ----------
    out : Screen
        Where to.
    card : ModelCard
        Says which genres there are, so that the header comes before the first result.
    timeline : bool
        A row for each segment instead of each file.
    embedding : bool
        Add a column for each number of the embedding.
    """

    def __init__(self, out: Screen, card: ModelCard, *, timeline: bool, embedding: bool) -> None:
        self.out, self.timeline, self.embedding = out, timeline, embedding
        self.labels = sorted(card.classes)
        whole = ["duration", "verdict", "tempo", "key", "quadrant", "valence", "arousal", "mood"]
        facts = ["start", "end"] if timeline else whole
        numbers = [f"embedding_{i}" for i in range(card.embedding_size)] if embedding else []
        self._write(["source", *facts, "genre", *self.labels, *numbers])

    def done(self, prediction: Prediction) -> None:
        """Write the row, or the rows of its segments."""
        facts = prediction.to_dict()
        numbers = facts.get("embedding", []) if self.embedding else []
        if self.timeline:
            for segment in facts["segments"]:
                self._write(
                    [facts["source"], segment["start"], segment["end"], *self._genres(segment), *numbers]
                )
            return
        told = [facts[name] for name in ("source", "duration", "verdict", "tempo", "key")]
        told += [(facts["quadrant"] or {}).get("label"), facts["valence"], facts["arousal"]]
        self._write([*told, _best(facts["moods"]), *self._genres(facts), *numbers])

    def failed(self, source: object, error: EarmarkError) -> None:
        """Complain on stderr."""
        self.out.complain(error, source)

    def _genres(self, facts: dict[str, Any]) -> list[Any]:
        scores = {genre["label"]: genre["score"] for genre in facts["genres"]}
        return [_best(facts["genres"]), *(scores.get(label) for label in self.labels)]

    def _write(self, cells: list[Any]) -> None:
        self.out.write(csv_line(cells))


def _best(scores: list[dict[str, Any]]) -> str | None:
    """Label of the highest score; None where nothing was heard."""
    return scores[0]["label"] if scores and scores[0]["score"] > 0 else None


class LabelWriter:
    """For Audacity: start, end and genre, tab between, neighbours of the same genre joined."""

    def __init__(self, out: Screen) -> None:
        self.out = out

    def done(self, prediction: Prediction) -> None:
        """Write the label track."""
        for start, end, label in joined(prediction.to_dict()["segments"]):
            self.out.write(f"{start:.3f}\t{end:.3f}\t{label}")

    def failed(self, source: object, error: EarmarkError) -> None:
        """Complain on stderr."""
        self.out.complain(error, source)


def joined(segments: list[dict[str, Any]]) -> list[tuple[float, float, str]]:
    """Spans of the same best genre, none overlapping.

    Parameters
    ----------
    segments : list of dict
        As in ``earmark.prediction/1``; the last may overlap the one before.

    Returns
    -------
    list of (float, float, str)
        Start and end in s, label.
    """
    spans: list[tuple[float, float, str]] = []
    for segment in segments:
        label = str(segment["genres"][0]["label"])
        start, end = segment["start"], segment["end"]
        if spans:
            start = max(start, spans[-1][1])
            if spans[-1][2] == label and start - spans[-1][1] < 0.05:
                spans[-1] = (spans[-1][0], end, label)
                continue
        spans.append((start, end, label))
    return spans
