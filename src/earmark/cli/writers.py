"""The ways to write predictions out, one class each: table, JSON lines, CSV, label track."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from earmark.cli.terminal import Screen, plural
from earmark.errors import EarmarkError
from earmark.storage import csv_line

if TYPE_CHECKING:
    from earmark.models import ModelCard
    from earmark.predict import Prediction, Score

SEPARATOR = "; "  # of several values in a cell, as in the tables of the library


class Writer(Protocol):
    """Takes the result of each file, in order."""

    def done(self, prediction: Prediction) -> None:
        """Write a result."""

    def failed(self, source: object, error: EarmarkError) -> None:
        """Write why a source failed."""


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

        self.counts[prediction.best_genre or prediction.verdict] += 1
        if self.cards:
            self.out.show(card(prediction, self.out.stdout, top=self.top, timeline=self.timeline))
        else:
            self.out.show(row(prediction, self.out.stdout))

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
        whole = ["duration", "verdict", "tempo", "tempo_confidence", "key", "key_confidence"]
        whole += ["quadrant", "valence", "arousal", "mood", "voice", "instruments"]
        columns = ["start", "end"] if timeline else whole
        numbers = [f"embedding_{i}" for i in range(card.embedding_size)] if embedding else []
        self._write(["source", *columns, "genre", *self.labels, *numbers])

    def done(self, prediction: Prediction) -> None:
        """Write the row, or the rows of its segments."""
        numbers = [float(f"{x:.6g}") for x in prediction.embedding or ()] if self.embedding else []
        if self.timeline:
            for segment in prediction.segments:
                best = segment.genres[0].label if prediction.best_genre else None
                times = [round(segment.start, 3), round(segment.end, 3)]
                self._write([prediction.source, *times, best, *self._scores(segment.genres), *numbers])
            return
        scores = self._scores(prediction.genres)
        self._write([*_facts(prediction), prediction.best_genre, *scores, *numbers])

    def failed(self, source: object, error: EarmarkError) -> None:
        """Complain on stderr."""
        self.out.complain(error, source)

    def _scores(self, genres: Sequence[Score]) -> list[float | None]:
        scores = {genre.label: round(genre.score, 4) for genre in genres}
        return [scores.get(label) for label in self.labels]

    def _write(self, cells: list[Any]) -> None:
        self.out.write(csv_line(cells))


def _facts(prediction: Prediction) -> list[Any]:
    """The columns of a file before its genres, rounded as in JSON."""
    tempo, quadrant, moods = prediction.tempo, prediction.quadrant, prediction.moods
    sounds = prediction.verdict != "silence"
    return [
        prediction.source,
        round(prediction.duration, 3),
        prediction.verdict,
        None if tempo is None else round(tempo, 1),
        _rounded(prediction.tempo_confidence),
        prediction.key,
        _rounded(prediction.key_confidence),
        quadrant.label if quadrant else None,
        _rounded(prediction.valence),
        _rounded(prediction.arousal),
        moods[0].label if moods and sounds else None,
        prediction.voice.label if prediction.voice else None,
        SEPARATOR.join(one.label for one in prediction.instruments if one.present) or None,
    ]


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 4)


class LabelWriter:
    """For Audacity: start, end and genre, tab between, neighbours of the same genre joined."""

    def __init__(self, out: Screen) -> None:
        self.out = out

    def done(self, prediction: Prediction) -> None:
        """Write the label track."""
        for start, end, label in joined(prediction):
            self.out.write(f"{start:.3f}\t{end:.3f}\t{label}")

    def failed(self, source: object, error: EarmarkError) -> None:
        """Complain on stderr."""
        self.out.complain(error, source)


def joined(prediction: Prediction) -> list[tuple[float, float, str]]:
    """Return spans of the same best genre, none overlapping.

    Returns
    -------
    list of (float, float, str)
        Start and end in s, label; of what is not music, the label is the verdict.
    """
    spans: list[tuple[float, float, str]] = []
    for segment in prediction.segments:
        label = segment.genres[0].label if prediction.best_genre else prediction.verdict
        start, end = segment.start, segment.end
        if spans:
            start = max(start, spans[-1][1])
            if spans[-1][2] == label and start - spans[-1][1] < 0.05:
                spans[-1] = (spans[-1][0], end, label)
                continue
        spans.append((start, end, label))
    return spans
