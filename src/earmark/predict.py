"""From sound to a `Prediction`: windows, model, mean, verdict. The one inference path.

The sound streams through once. Each block becomes log-mel frames; each full batch of windows of these
goes through the model; what stays is a row of scores for each window and one number for each frame. So
ten hours need no more memory than three minutes, but for those rows.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from earmark.audio import AudioStream, Source, open_audio
from earmark.errors import EarmarkError, InputError, TooShortError
from earmark.features import Frames, FrameStream, OnsetStream, estimate_key, tempo
from earmark.models import Head, Model, ModelCard, answer, load_model
from earmark.models.base import Array
from earmark.models.windows import WindowCutter

SCHEMA = "earmark.prediction/1"
ERROR_SCHEMA = "earmark.error/1"
VERDICTS = ("music", "unsure", "not-music", "silence")

SILENCE_DB = -60.0  # RMS level of a window that counts as silence, where the card does not say
BATCH = (
    8  # windows at a time: from 2 to 16 the network is equally fast, beyond that its layers leave the cache
)
BLOCK_FRAMES = 512  # frames from one block of samples: decoder and front end push each other from the cache


@dataclass(frozen=True, slots=True)
class Score:
    """A label and its probability, from 0 to 1."""

    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Segment:
    """What was heard from `start` to `end`, in seconds; every label, highest first."""

    start: float
    end: float
    genres: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class Quadrant:
    """The most likely quadrant of Russell's circle, and the probability of each."""

    label: str
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ModelId:
    """Which model answered: its name, and the checksum of its weights ("" if it has none)."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """Everything that was heard in one source.

    Parameters
    ----------
    source : str or None
        Path of the file, ``"-"`` for standard input, None for sound without a name.
    duration : float
        Length in seconds: of what could be decoded or, with excerpts, what the source says of itself.
    model : ModelId
        Which model answered.
    verdict : {"music", "unsure", "not-music", "silence"}
        Whether the scores mean anything: see `classify`.
    genres, moods : tuple of Score
        Every label that the model knows, highest first; all 0 for silence.
    quadrant : Quadrant or None
        None for silence and from a model that does not tell.
    tempo : float or None
        Beats per minute; None where nothing begins.
    key : str or None
        Such as ``"A minor"``; None for silence.
    segments : tuple of Segment
        One for each window that is not silent, in order. The last window ends with the sound, so it
        may overlap the one before.
    warnings : tuple of str
        What went wrong without being fatal, such as a truncated file.
    coverage : str
        What was listened to: ``"full"``, or ``"3x10"`` for three excerpts of 10 s.
    embedding : tuple of float or None
        Mean of the embeddings of the windows that are not silent, if it was asked for.
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

    def to_dict(self) -> dict[str, Any]:
        """The prediction as ``earmark.prediction/1``, ready for JSON.

        Scores are rounded to 4 decimals, times to milliseconds, the tempo to 0.1 BPM; the embedding, if
        there is one, to 6 digits.
        """
        quadrant = self.quadrant and {
            "label": self.quadrant.label,
            "scores": {label: round(score, 4) for label, score in self.quadrant.scores.items()},
        }
        segments = [
            {"start": round(s.start, 3), "end": round(s.end, 3), "genres": _plain(s.genres)}
            for s in self.segments
        ]
        entries: dict[str, Any] = {
            "schema": SCHEMA,
            "source": self.source,
            "duration": round(self.duration, 3),
            "model": {"name": self.model.name, "sha256": self.model.sha256},
            "verdict": self.verdict,
            "genres": _plain(self.genres),
            "moods": _plain(self.moods),
            "quadrant": quadrant,
            "tempo": None if self.tempo is None else round(self.tempo, 1),
            "key": self.key,
            "segments": segments,
            "warnings": list(self.warnings),
            "coverage": self.coverage,
        }
        if self.embedding is not None:
            entries["embedding"] = [float(f"{value:.6g}") for value in self.embedding]
        return entries

    def to_json(self) -> str:
        """The prediction as one line of JSON, in ASCII so that any file name survives any terminal."""
        return json.dumps(self.to_dict(), allow_nan=False)

    @classmethod
    def from_dict(cls, data: object) -> Prediction:
        """Prediction from what `to_dict` gives; keys that are not known are left out.

        Raises
        ------
        InputError
            Not ``earmark.prediction/1``, or an entry that is missing or of the wrong kind.
        """
        schema = data.get("schema") if isinstance(data, dict) else None
        if not isinstance(data, dict) or schema != SCHEMA:
            raise InputError(f"schema={schema!r}", hint=f"Accepted: {SCHEMA!r}.")
        model = _entry(data, "model", dict)
        data = {"warnings": [], "coverage": "full", "embedding": None, **data}
        has_embedding = _entry(data, "embedding", list, optional=True) is not None
        return cls(
            source=_entry(data, "source", str, optional=True),
            duration=_entry(data, "duration", float),
            model=ModelId(_entry(model, "name", str), _entry(model, "sha256", str)),
            verdict=_one_of(data, "verdict", VERDICTS),
            genres=_scores(data, "genres"),
            moods=_scores(data, "moods"),
            quadrant=_quadrant(_entry(data, "quadrant", dict, optional=True)),
            tempo=_entry(data, "tempo", float, optional=True),
            key=_entry(data, "key", str, optional=True),
            segments=tuple(
                Segment(
                    _entry(segment, "start", float), _entry(segment, "end", float), _scores(segment, "genres")
                )
                for segment in _items(data, "segments", dict)
            ),
            warnings=_items(data, "warnings", str),
            coverage=_entry(data, "coverage", str),
            embedding=_items(data, "embedding", float) if has_embedding else None,
        )


def error_dict(source: object, error: EarmarkError) -> dict[str, Any]:
    """A source (a path, or sound without a name) that could not be classified, as ``earmark.error/1``."""
    name = os.fsdecode(source) if isinstance(source, str | os.PathLike) else None
    return {"schema": ERROR_SCHEMA, "source": name, "error": {"code": error.code, "message": str(error)}}


def classify(
    source: Source,
    *,
    model: str | os.PathLike[str] | Model = "earmark-base",
    coverage: str = "full",
    embedding: bool = False,
) -> Prediction:
    """Listen to a source and tell genre, mood, tempo and key.

    The scores are the mean over the windows that are not silent; the last window, which is moved back so
    that it ends with the sound, counts for the part that only it hears. The verdict is

    * ``silence`` if no window is louder than ``silence_db`` of the model's card (-60 dBFS RMS if it does not
      say),
    * else ``not-music`` if the model tells music from other sounds and its probability of music is below
      ``music`` of the card,
    * else ``unsure`` if the best genre scores below ``unsure`` of the card,
    * else ``music``.

    Parameters
    ----------
    source : path, bytes, binary file, ``"-"`` or Clip
        What to listen to; ``"-"`` is standard input.
    model : str, path or Model
        Name, folder of a bundle, or a model that was loaded before: quicker for many files.
    coverage : str
        ``"full"``, or ``"3x10"`` for three excerpts of 10 s, spread over the source and reached by seeking.
        A source that does not tell its duration, or is not longer than the excerpts, is heard in full.
    embedding : bool
        Whether to give the embedding.

    Returns
    -------
    Prediction

    Raises
    ------
    AudioError
        The sound could not be had; `TooShortError` if it is shorter than one window of the model.
    ModelError
        The model could not be had, or does not do what its card says.
    InputError
        An argument out of range.
    """
    listener = _loaded(model)
    card = listener.card
    excerpts = _excerpts(coverage, card)
    with open_audio(source, sr=card.spec.sr) as stream:
        spans = _spans(stream.info.duration, excerpts)
        tally = _Tally(listener, embedding=embedding)
        warnings = []
        for start, duration in spans:
            try:
                tally.hear(stream, start, duration)
            except TooShortError as error:  # the source promised more than it holds
                warnings.append(error.message)
        if not tally.n_windows:
            raise _too_short(stream, tally, card)
        whole = spans == [(0.0, None)]
        heard = tally.n_samples / card.spec.sr if whole else float(stream.info.duration or 0.0)
        told = tuple(dict.fromkeys([*stream.warnings, *warnings]))
        return tally.prediction(stream.path, heard, told, "full" if whole else coverage)


def _loaded(model: str | os.PathLike[str] | Model) -> Model:
    if isinstance(model, str | os.PathLike):
        return load_model(model)
    if not isinstance(model, Model):
        raise InputError(
            f"model is a {type(model).__name__}",
            hint="Give a name, the folder of a bundle, or an object with card and predict_proba.",
        )
    return model


def _excerpts(coverage: str, card: ModelCard) -> tuple[int, float] | None:
    if coverage == "full":
        return None
    parsed = re.fullmatch(r"(\d{1,4})x(\d{1,6}(?:\.\d+)?)", coverage) if isinstance(coverage, str) else None
    n, seconds = (int(parsed[1]), float(parsed[2])) if parsed else (0, 0.0)
    if n < 1 or seconds < card.window:
        raise InputError(
            f"coverage={coverage!r}",
            hint=f"Accepted: 'full', or '3x10' for three excerpts of 10 s, each at least {card.window:g} s.",
        )
    return n, seconds


def _spans(whole: float | None, excerpts: tuple[int, float] | None) -> list[tuple[float, float | None]]:
    """Start and duration of each part to hear: excerpts in the middle of equal shares of the whole."""
    if excerpts is None or whole is None or excerpts[0] * excerpts[1] >= whole:
        return [(0.0, None)]
    n, seconds = excerpts
    share = whole / n
    return [(i * share + (share - seconds) / 2, seconds) for i in range(n)]


def _too_short(stream: AudioStream, tally: _Tally, card: ModelCard) -> TooShortError:
    seconds = tally.n_samples / card.spec.sr
    return TooShortError(
        f"{stream.path or 'the sound'} lasts {seconds:.2f} s, less than window={card.window:g} s",
        hint=f"Model {card.name!r} needs one window: give a longer recording, or a model with a shorter one.",
    )


class _Levels:
    """Mean square of the samples from each frame's centre to the next, as far back as windows still reach."""

    def __init__(self, hop_length: int) -> None:
        self._hop_length = hop_length
        self._kept: list[Array] = []
        self._first = 0  # which frame the first of `_kept` belongs to

    def push(self, y: Array) -> None:
        """Take a block; only the last may be no whole number of hops, and what is over then is left out."""
        steps = y[: len(y) - len(y) % self._hop_length].reshape(-1, self._hop_length)
        self._kept.append(np.einsum("ij,ij->i", steps, steps) / self._hop_length)

    def windows(self, starts: list[int], n_steps: int) -> Array:
        """RMS level of windows in dBFS [shape=(len(starts),)]; then forget what lies before the last."""
        kept = np.concatenate(self._kept)
        means = [kept[start - self._first :][:n_steps].mean() for start in starts]
        self._kept = [kept[starts[-1] - self._first :]]
        self._first = starts[-1]
        return 10 * np.log10(np.maximum(means, 1e-20))


class _Tally:
    """What is kept while listening, and the prediction that it comes to."""

    def __init__(self, model: Model, *, embedding: bool) -> None:
        self._model, self._card = model, model.card
        self._wants_embedding = embedding
        self.n_samples = 0
        self.n_windows = 0
        self._chroma = np.zeros(12)
        self._onsets: list[Array] = []
        self._starts: list[float] = []  # of the windows that are not silent, in s
        self._weights: list[float] = []  # how much of its window each one was the first to hear
        self._previous = 0  # frame at which the window before started
        self._rows: dict[str, list[Array]] = {}

    def hear(self, stream: AudioStream, start: float, duration: float | None) -> None:
        """Listen to one part of the source."""
        spec = self._card.spec
        front, onsets = FrameStream(spec, chroma=True), OnsetStream(spec)
        cutter, levels = WindowCutter(self._card, batch=BATCH), _Levels(spec.hop_length)
        self._previous = -self._card.hop_frames
        block_length = BLOCK_FRAMES * spec.hop_length
        for y in stream.blocks(start=start, duration=duration, block_length=block_length):
            self.n_samples += len(y)
            levels.push(y)
            for batch in cutter.push(self._noted(front.push(y), onsets)):
                self._ask(*batch, levels, start)
        for batch in [*cutter.push(self._noted(front.close(), onsets)), *cutter.close()]:
            self._ask(*batch, levels, start)

    def _noted(self, frames: Frames, onsets: OnsetStream) -> Array:
        """Note what tempo and key need of some frames, and pass on the spectrogram."""
        self._onsets.append(onsets.push(frames.S_db))
        if frames.chroma is not None:
            self._chroma += frames.chroma.sum(axis=1)
        return frames.S_db

    def _ask(self, starts: list[int], X: Array, levels: _Levels, offset: float) -> None:
        """Let the model answer those windows that are not silent."""
        self.n_windows += len(starts)
        loud = levels.windows(starts, self._card.n_frames - 1) > self._card.thresholds.get(
            "silence_db", SILENCE_DB
        )
        steps = np.diff(starts, prepend=self._previous) / self._card.hop_frames
        self._previous = starts[-1]
        if not loud.any():
            return
        output = answer(self._model, X if loud.all() else X[loud])
        for name, rows in output.heads.items():
            self._rows.setdefault(name, []).append(rows)
        if self._wants_embedding and output.embedding is not None:
            self._rows.setdefault("embedding", []).append(output.embedding)
        self._weights.extend(steps[loud])
        self._starts.extend(
            offset + np.array(starts)[loud] * (self._card.spec.hop_length / self._card.spec.sr)
        )

    def prediction(
        self, source: str | None, duration: float, warnings: tuple[str, ...], coverage: str
    ) -> Prediction:
        """What everything that was heard comes to."""
        card, spec = self._card, self._card.spec
        means = {name: self._mean(name) for name in self._rows}
        genres = _ranked(card.heads[0], means)
        moods = card.head("moods")
        embedding = means.get("embedding", np.zeros(0))
        return Prediction(
            source=source,
            duration=duration,
            model=ModelId(card.name, card.sha256),
            verdict=_verdict(card, means),
            genres=genres,
            moods=_ranked(moods, means) if moods else (),
            quadrant=_likeliest(card.head("quadrant"), means),
            tempo=(tempo(np.concatenate(self._onsets), spec) or None) if means else None,
            key=(estimate_key(self._chroma) or None) if means else None,
            segments=self._segments(duration) if means else (),
            warnings=warnings,
            coverage=coverage,
            embedding=tuple(embedding.tolist()) if self._wants_embedding else None,
        )

    def _mean(self, name: str) -> Array:
        weights = np.array(self._weights)
        mean: Array = weights @ np.concatenate(self._rows[name]) / weights.sum()
        return mean

    def _segments(self, duration: float) -> tuple[Segment, ...]:
        head = self._card.heads[0]
        rows = np.concatenate(self._rows[head.name])
        return tuple(
            Segment(start, min(start + self._card.window, duration), _ranked(head, {head.name: row}))
            for start, row in zip(map(float, self._starts), rows, strict=True)
        )


def _verdict(card: ModelCard, means: Mapping[str, Array]) -> str:
    if not means:
        return "silence"
    sound = card.head("sound")
    if sound and "music" in sound.classes and "sound" in means:
        music = means["sound"][sound.classes.index("music")]
        if music < card.thresholds.get("music", 0.0):
            return "not-music"
    best = float(means[card.heads[0].name].max())
    return "unsure" if best < card.thresholds.get("unsure", 0.0) else "music"


def _ranked(head: Head, means: Mapping[str, Array]) -> tuple[Score, ...]:
    """Every class with its score, highest first; equal ones in the order of the card."""
    if means and head.name not in means:  # a model of one head, whose card tells of more
        return ()
    values = means.get(head.name, np.zeros(len(head.classes)))
    order = np.argsort(-values, kind="stable").tolist()
    scores = values.tolist()
    return tuple(Score(head.classes[i], scores[i]) for i in order)


def _likeliest(head: Head | None, means: Mapping[str, Array]) -> Quadrant | None:
    if head is None or head.name not in means:
        return None
    scores = dict(zip(head.classes, means[head.name].tolist(), strict=True))
    return Quadrant(max(scores, key=scores.__getitem__), scores)


def _plain(scores: tuple[Score, ...]) -> list[dict[str, Any]]:
    return [{"label": s.label, "score": round(s.score, 4)} for s in scores]


def _entry(data: Mapping[str, Any], key: str, kind: type, *, optional: bool = False) -> Any:
    """An entry of the kind that is accepted; a float may be an int, but is finite."""
    value: Any = data.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and kind is float:
        value = float(value) if abs(value) < 1e300 else math.inf
    fits = isinstance(value, kind)
    if isinstance(value, float):
        fits = fits and math.isfinite(value)
    if fits or (value is None and optional and key in data):
        return value
    found = f"{data[key]!r:.60}" if key in data else "missing"
    raise InputError(f"{key} is {found}", hint=f"Accepted: {kind.__name__}{' or null' if optional else ''}.")


def _items(data: Mapping[str, Any], key: str, kind: type) -> tuple[Any, ...]:
    name = f"an entry of {key}"
    return tuple(_entry({name: item}, name, kind) for item in _entry(data, key, list))


def _scores(data: Mapping[str, Any], key: str) -> tuple[Score, ...]:
    return tuple(Score(_entry(s, "label", str), _entry(s, "score", float)) for s in _items(data, key, dict))


def _quadrant(data: Mapping[str, Any] | None) -> Quadrant | None:
    if data is None:
        return None
    scores = _entry(data, "scores", dict)
    return Quadrant(
        _one_of(data, "label", tuple(scores)), {label: _entry(scores, label, float) for label in scores}
    )


def _one_of(data: Mapping[str, Any], key: str, accepted: tuple[str, ...]) -> str:
    value = str(_entry(data, key, str))
    if value not in accepted:
        raise InputError(f"{key} is {value!r:.60}", hint=f"Accepted: {', '.join(accepted)}.")
    return value
