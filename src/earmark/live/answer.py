"""What a session says about the last seconds, as a value and as JSON: ``earmark.answer/1``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from earmark.predict.head_scores import (
    Affect,
    Quadrant,
    Score,
    SoundClass,
    Voice,
    axes_of,
    plain,
    plain_axes,
    plain_choice,
)

ANSWER_SCHEMA = "earmark.answer/1"
MOODS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """The scores of the last seconds of a session.

    Parameters
    ----------
    time : float
        Where the scored seconds end, in seconds since the session began.
    stream : int
        Number of the stream in which they end: it grows when the rate changes.
    index : int
        Sample of that stream at which they end, at the stream's own rate.
    verdict : {"music", "unsure", "not-music", "silence"}
        As `WindowScores.verdict`; a new one is reported once two answers in a row have it.
    genres, moods : tuple of Score
        Every label, highest first, not smoothed; all 0 for silence.
    quadrant : Quadrant or None
        None for silence and from a model without this head.
    tempo, key : float, str or None
        Of the last 30 s, from 8 s of sound on and then anew every 2 s; None before, where nothing shows
        one, and for what is not music.
    settled : bool
        Whether there was sound enough for tempo and key.
    level_db : float
        RMS level in dBFS of what came since the answer before, -200 for digital silence.
    voice : Voice or None
        None for silence, for what is not music and from a model without this head.
    affect : Affect or None
        Valence and arousal as amounts; None for silence and from a model without this head.
    sound : SoundClass or None
        Whether it is music, speech, noise and so on, not smoothed as the verdict is; None for silence and
        from a model without this head.
    """

    time: float
    stream: int
    index: int
    verdict: str
    genres: tuple[Score, ...]
    moods: tuple[Score, ...]
    quadrant: Quadrant | None
    tempo: float | None
    key: str | None
    settled: bool
    level_db: float
    voice: Voice | None = None
    affect: Affect | None = None
    sound: SoundClass | None = None

    @property
    def valence(self) -> float | None:
        """As `Prediction.valence`."""
        return axes_of(self.affect, self.quadrant)[0]

    @property
    def arousal(self) -> float | None:
        """As `Prediction.arousal`."""
        return axes_of(self.affect, self.quadrant)[1]

    def to_dict(self) -> dict[str, Any]:
        """The answer as ``earmark.answer/1``, ready for JSON; numbers are rounded as in a `Prediction`."""
        return {
            "schema": ANSWER_SCHEMA,
            "time": round(self.time, 3),
            "stream": self.stream,
            "index": self.index,
            "verdict": self.verdict,
            "sound": plain_choice(self.sound),
            "genres": plain(self.genres),
            "moods": plain(self.moods[:MOODS_SHOWN]),
            "quadrant": plain_choice(self.quadrant),
            **plain_axes(self.affect, self.quadrant),
            "voice": plain_choice(self.voice),
            "tempo": None if self.tempo is None else round(self.tempo, 1),
            "key": self.key,
            "settled": self.settled,
            "level_db": round(self.level_db, 1),
        }

    def to_json(self) -> str:
        """The answer as one line of JSON, in ASCII."""
        return json.dumps(self.to_dict(), allow_nan=False)
