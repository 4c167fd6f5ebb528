"""The result for one source, as a value and as JSON: ``earmark.prediction/1``, and ``earmark.error/1``."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from earmark.errors import EarmarkError, InputError
from earmark.features import TempoCandidate
from earmark.predict.entries import entry, items, one_of
from earmark.predict.expected_tempo import expected_tempo
from earmark.predict.frame_track import FrameTrack
from earmark.predict.head_scores import (
    Affect,
    Instrument,
    Quadrant,
    Score,
    SoundClass,
    Voice,
    affect_of,
    axes_of,
    instruments_of,
    likeliest,
    moods_of,
    plain,
    plain_axes,
    plain_choice,
    plain_instruments,
    quadrant_of,
    ranked,
    read_affect,
    read_choice,
    read_instruments,
    read_scores,
    rounded,
    sound_of,
    voice_of,
)
from earmark.predict.parts import spans
from earmark.predict.window_scores import WindowScores

SCHEMA = "earmark.prediction/1"
ERROR_SCHEMA = "earmark.error/1"
VERDICTS = ("music", "unsure", "not-music", "silence")
_N_TEMPI = 2  # candidates that are given


@dataclass(frozen=True, slots=True)
class Segment:
    """The scores of one window.

    Parameters
    ----------
    start, end : float
        In seconds.
    genres : tuple of Score
        Every label, highest first.
    quadrant : Quadrant or None
        None from a model without this head.
    """

    start: float
    end: float
    genres: tuple[Score, ...]
    quadrant: Quadrant | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the source in which one genre leads: see `earmark.predict.parts`.

    Parameters
    ----------
    start, end : float
        In seconds.
    genres, moods : tuple of Score
        Mean over its windows: every label, highest first.
    quadrant : Quadrant or None
        None from a model without this head.
    tempo : float or None
        Beats per minute; None where nothing begins.
    """

    start: float
    end: float
    genres: tuple[Score, ...]
    moods: tuple[Score, ...]
    quadrant: Quadrant | None
    tempo: float | None


@dataclass(frozen=True, slots=True)
class ModelId:
    """Which model was used: its name, and the checksum of its weights ("" if it has none)."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """Everything that was predicted for one source.

    Parameters
    ----------
    source : str or None
        Path of the file, ``"-"`` for standard input, None for sound without a name.
    duration : float
        Length in seconds: of what was decoded or, with excerpts, of what they were spread over.
    model : ModelId
        Which model was used.
    verdict : {"music", "unsure", "not-music", "silence"}
        Whether the scores mean anything: see `WindowScores.verdict`.
    genres, moods : tuple of Score
        Every label that the model knows, highest first; all 0 for silence.
    quadrant : Quadrant or None
        None for silence and from a model without this head.
    voice : Voice or None
        Whether there is singing, rap, speech or no voice; None for silence, for what is not music and from a
        model without this head.
    instruments : tuple of Instrument
        Every instrument that the model knows, highest score first, each with whether it counts as present;
        () from a model without this head.
    affect : Affect or None
        Valence and arousal as amounts; None for silence and from a model without this head.
    tempo : float or None
        Beats per minute; None where nothing shows one, and for what is not music.
    key : str or None
        Such as ``"A minor"``; None where nothing shows one, and for what is not music.
    segments : tuple of Segment
        One for each window that is not silent, in order. The last window ends with the sound, so it
        may overlap the one before.
    warnings : tuple of str
        What went wrong without being fatal, such as a truncated file.
    coverage : str
        What was scored: ``"full"``, ``"part"``, or ``"3x10"`` for three excerpts of 10 s.
    embedding : tuple of float or None
        Mean of the embeddings of the windows that are not silent, if it was requested.
    prior : mapping of str to float or None
        Prior of each genre, if another than the model's was given.
    start : float
        Where in the source the scored part begins, in seconds; the times of segments count from the
        beginning of the source.
    tempo_confidence, key_confidence : float or None
        Probability that tempo and key are right, in [0, 1]: of the tempo, that people count this one and not
        its half or double. None where there is no tempo or key, or no model for the front end.
    tempo_candidates : tuple of TempoCandidate
        The tempo and the next most probable, with their probabilities.
    parts : tuple of Part
        Stretches in which one genre leads, in order: one of most songs, several of a mix or a broadcast. None
        of silence, of what is no music, and of excerpts.
    sound : SoundClass or None
        Whether it is music, speech, noise and so on; None for silence and from a model without this head.
    """

    source: str | None
    duration: float
    model: ModelId
    verdict: str
    genres: tuple[Score, ...]
    moods: tuple[Score, ...]
    quadrant: Quadrant | None
    tempo: float | None
    key: str | None
    segments: tuple[Segment, ...]
    warnings: tuple[str, ...] = ()
    coverage: str = "full"
    embedding: tuple[float, ...] | None = None
    prior: Mapping[str, float] | None = None
    start: float = 0.0
    parts: tuple[Part, ...] = ()
    tempo_confidence: float | None = None
    tempo_candidates: tuple[TempoCandidate, ...] = ()
    key_confidence: float | None = None
    voice: Voice | None = None
    instruments: tuple[Instrument, ...] = ()
    affect: Affect | None = None
    sound: SoundClass | None = None

    @property
    def valence(self) -> float | None:
        """How pleasant the music feels, from 0 to 1.

        As `Affect.valence`, an amount, from a model that gives it; else as `Quadrant.valence`, a probability.
        None without either.
        """
        return axes_of(self.affect, self.quadrant)[0]

    @property
    def arousal(self) -> float | None:
        """How energetic the music feels, from 0 to 1, as `valence` is made."""
        return axes_of(self.affect, self.quadrant)[1]

    @classmethod
    def from_scores(
        cls,
        scores: WindowScores,
        track: FrameTrack,
        *,
        source: str | None,
        duration: float,
        start: float = 0.0,
        coverage: str = "full",
        warnings: tuple[str, ...] = (),
        prior: Mapping[str, float] | None = None,
        embedding: bool = False,
    ) -> Prediction:
        """Return what the scores of all windows of a source amount to.

        Parameters
        ----------
        scores : WindowScores
            Of all its windows.
        track : FrameTrack
            Its onsets and chroma.
        embedding : bool
            Whether to give the mean embedding.
        source, duration, start, coverage, warnings, prior
            As of the class.
        """
        card, verdict = scores.card, scores.verdict()
        sounds, is_music = verdict != "silence", verdict in ("music", "unsure")
        tempi = track.tempo_candidates(expected=expected_tempo(scores))[:_N_TEMPI] if is_music else ()
        scored = tuple(one for one in tempi if not math.isnan(one.score))
        keys = track.key_candidates() if is_music else ()
        return cls(
            source=source,
            duration=duration,
            model=ModelId(card.name, card.sha256),
            verdict=verdict,
            genres=ranked(card.heads[0], scores.mean(card.heads[0].name)),
            moods=moods_of(scores),
            quadrant=quadrant_of(scores) if sounds else None,
            tempo=tempi[0].tempo if tempi else None,
            key=keys[0].key if keys else None,
            segments=_segments(scores, start + duration),
            warnings=warnings,
            coverage=coverage,
            embedding=tuple(scores.mean_embedding().tolist()) if embedding else None,
            prior=prior,
            start=start,
            parts=_parts(scores, track, start, duration) if is_music and coverage in ("full", "part") else (),
            tempo_confidence=scored[0].score if scored else None,
            tempo_candidates=scored,
            key_confidence=keys[0].score if keys else None,
            voice=voice_of(scores) if is_music else None,
            instruments=instruments_of(scores, is_music=is_music),
            affect=affect_of(scores) if sounds else None,
            sound=sound_of(scores) if sounds else None,
        )

    def to_dict(self) -> dict[str, Any]:
        """The prediction as ``earmark.prediction/1``, ready for JSON.

        Scores are rounded to 4 decimals, times to milliseconds, the tempo to 0.1 BPM; the embedding and
        the prior, if there is one, to 6 digits.
        """
        entries: dict[str, Any] = {
            "schema": SCHEMA,
            "source": self.source,
            "start": round(self.start, 3),
            "duration": round(self.duration, 3),
            "model": {"name": self.model.name, "sha256": self.model.sha256},
            "verdict": self.verdict,
            "sound": plain_choice(self.sound),
            "genres": plain(self.genres),
            "moods": plain(self.moods),
            "quadrant": plain_choice(self.quadrant),
            **plain_axes(self.affect, self.quadrant),
            "voice": plain_choice(self.voice),
            "instruments": plain_instruments(self.instruments),
            "tempo": None if self.tempo is None else round(self.tempo, 1),
            "tempo_confidence": rounded(self.tempo_confidence),
            "tempo_candidates": [_plain_tempo(one) for one in self.tempo_candidates],
            "key": self.key,
            "key_confidence": rounded(self.key_confidence),
            "parts": [_plain_part(part) for part in self.parts],
            "segments": [_plain_segment(segment) for segment in self.segments],
            "warnings": list(self.warnings),
            "coverage": self.coverage,
        }
        if self.embedding is not None:
            entries["embedding"] = [float(f"{value:.6g}") for value in self.embedding]
        if self.prior is not None:
            entries["prior"] = {label: float(f"{fraction:.6g}") for label, fraction in self.prior.items()}
        return entries

    @property
    def best_genre(self) -> str | None:
        """The label of the highest score; None for silence and for what is not music."""
        return self.genres[0].label if self.genres and self.verdict in ("music", "unsure") else None

    def to_json(self) -> str:
        """The prediction as one line of JSON, in ASCII so that any file name survives any terminal."""
        return json.dumps(self.to_dict(), allow_nan=False)

    @classmethod
    def from_dict(cls, data: object) -> Prediction:
        """Return the prediction from what `to_dict` gives; keys that are not known are left out.

        Raises
        ------
        InputError
            Not ``earmark.prediction/1``, or an entry that is missing or of the wrong kind.
        """
        schema = data.get("schema") if isinstance(data, dict) else None
        if not isinstance(data, dict) or schema != SCHEMA:
            raise InputError(f"schema={schema!r}", hint=f"Accepted: {SCHEMA!r}.")
        model = entry(data, "model", dict)
        data = {
            "warnings": [],
            "coverage": "full",
            "embedding": None,
            "prior": None,
            "start": 0,
            **dict.fromkeys(("tempo_confidence", "key_confidence", "voice", "valence", "arousal", "sound")),
            **{key: [] for key in ("tempo_candidates", "parts", "instruments")},
            **data,
        }
        prior = entry(data, "prior", dict, optional=True)
        quadrant = read_choice(Quadrant, data, "quadrant")
        has_embedding = entry(data, "embedding", list, optional=True) is not None
        return cls(
            source=entry(data, "source", str, optional=True),
            duration=entry(data, "duration", float),
            model=ModelId(entry(model, "name", str), entry(model, "sha256", str)),
            verdict=one_of(data, "verdict", VERDICTS),
            genres=read_scores(data, "genres"),
            moods=read_scores(data, "moods"),
            quadrant=quadrant,
            tempo=entry(data, "tempo", float, optional=True),
            key=entry(data, "key", str, optional=True),
            segments=tuple(_segment(segment) for segment in items(data, "segments", dict)),
            warnings=items(data, "warnings", str),
            coverage=entry(data, "coverage", str),
            embedding=items(data, "embedding", float) if has_embedding else None,
            prior=prior and {label: entry(prior, label, float) for label in prior},
            start=entry(data, "start", float),
            parts=tuple(_part(part) for part in items(data, "parts", dict)),
            tempo_confidence=entry(data, "tempo_confidence", float, optional=True),
            tempo_candidates=tuple(_tempo(one) for one in items(data, "tempo_candidates", dict)),
            key_confidence=entry(data, "key_confidence", float, optional=True),
            voice=read_choice(Voice, data, "voice"),
            instruments=read_instruments(data, "instruments"),
            affect=read_affect(data, quadrant),
            sound=read_choice(SoundClass, data, "sound"),
        )


def error_dict(source: object, error: EarmarkError) -> dict[str, Any]:
    """A source (a path, or sound without a name) that could not be classified, as ``earmark.error/1``."""
    name = os.fsdecode(source) if isinstance(source, str | os.PathLike) else None
    return {"schema": ERROR_SCHEMA, "source": name, "error": error.to_dict()}


def _segments(scores: WindowScores, end: float) -> tuple[Segment, ...]:
    """The windows that are not silent, none beyond the end of the sound."""
    loud = scores.take(~scores.silent)
    genres, quadrant = loud.card.heads[0], loud.card.head("quadrant")
    quadrants = loud.heads.get("quadrant", np.empty((len(loud), 0)))
    return tuple(
        Segment(
            start=start,
            end=min(start + loud.card.window, end),
            genres=ranked(genres, row),
            quadrant=likeliest(Quadrant, quadrant, of_circle),
        )
        for start, row, of_circle in zip(loud.starts.tolist(), loud[genres.name], quadrants, strict=True)
    )


def _parts(scores: WindowScores, track: FrameTrack, start: float, duration: float) -> tuple[Part, ...]:
    """The parts of a continuous source whose frames begin at `start` seconds."""
    genres = scores.card.heads[0]
    return tuple(
        Part(
            span.start,
            span.end,
            ranked(genres, span.scores.mean(genres.name)),
            moods_of(span.scores),
            quadrant_of(span.scores),
            track.tempo(span.start - start, span.end - start, expected=expected_tempo(span.scores)),
        )
        for span in spans(scores, end=start + duration)
    )


def _plain_segment(segment: Segment) -> dict[str, Any]:
    return {
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "genres": plain(segment.genres),
        "quadrant": plain_choice(segment.quadrant),
    }


def _plain_part(part: Part) -> dict[str, Any]:
    return {
        "start": round(part.start, 3),
        "end": round(part.end, 3),
        "genres": plain(part.genres),
        "moods": plain(part.moods),
        "quadrant": plain_choice(part.quadrant),
        "tempo": None if part.tempo is None else round(part.tempo, 1),
    }


def _part(data: Mapping[str, Any]) -> Part:
    return Part(
        start=entry(data, "start", float),
        end=entry(data, "end", float),
        genres=read_scores(data, "genres"),
        moods=read_scores(data, "moods"),
        quadrant=read_choice(Quadrant, data, "quadrant"),
        tempo=entry(data, "tempo", float, optional=True),
    )


def _plain_tempo(one: TempoCandidate) -> dict[str, float]:
    return {"tempo": round(one.tempo, 1), "score": round(one.score, 4)}


def _tempo(data: Mapping[str, Any]) -> TempoCandidate:
    return TempoCandidate(entry(data, "tempo", float), entry(data, "score", float))


def _segment(data: Mapping[str, Any]) -> Segment:
    data = {"quadrant": None, **data}  # JSON of before segments had one
    return Segment(
        entry(data, "start", float),
        entry(data, "end", float),
        read_scores(data, "genres"),
        read_choice(Quadrant, data, "quadrant"),
    )
