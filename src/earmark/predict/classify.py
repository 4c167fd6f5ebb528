"""From sound to a `Prediction`: windows, model, mean, verdict. The one inference path.

The sound streams through once. Each block becomes log-mel frames; each full batch of windows of these
goes through the model; what stays is a row of scores for each window and one number for each frame. So
ten hours need no more memory than three minutes, but for those rows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

import numpy as np

from earmark.audio import AudioStream, Source, open_audio, spread
from earmark.errors import InputError, TooShortError
from earmark.features import ChromaStream, Frames, FrameStream, OnsetStream, estimate_key, tempo
from earmark.models import Head, Model, ModelCard, answer, load_model
from earmark.models.base import Array
from earmark.models.windows import WindowCutter, described
from earmark.predict.prediction import ModelId, Prediction, Quadrant, Score, Segment
from earmark.predict.priors import Prior, PriorShift, prior_shift

SILENCE_DB = -60.0  # RMS level of a window that counts as silence, where the card does not say
BATCH = (
    8  # windows at a time: from 2 to 16 the network is equally fast, beyond that its layers leave the cache
)
BLOCK_FRAMES = 512  # frames from one block of samples: decoder and front end push each other from the cache


def classify(
    source: Source,
    *,
    model: str | os.PathLike[str] | Model = "earmark-base",
    coverage: str = "full",
    embedding: bool = False,
    prior: Prior | None = None,
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
    prior : None, "even" or mapping of str to float
        What to believe of genres beforehand: None as the model was trained, ``"even"`` every genre as
        likely as the next, ``{"jazz": 0.4}`` the shares of some genres in your library; the others keep
        what the model's card says. Each window's scores of genres are shifted, before their mean: see
        `earmark.predict.prior_shift`.

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
        An argument out of range, or a prior where the card does not say what the model believes.
    """
    listener = _loaded(model)
    card = listener.card
    shift = prior_shift(prior, card)
    excerpts = _excerpts(coverage, card)
    with open_audio(source, sr=card.spec.sr) as stream:
        spans = spread(stream.info.duration, excerpts)
        tally = _Tally(listener, embedding=embedding, shift=shift)
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


def _too_short(stream: AudioStream, tally: _Tally, card: ModelCard) -> TooShortError:
    seconds = tally.n_samples / card.spec.sr
    return TooShortError(
        f"{stream.path or 'the sound'} lasts {seconds:.2f} s, less than window={card.window:g} s",
        hint=f"Model {card.name!r} needs one window: give a longer recording, or a model with a shorter one.",
    )


class _Sound:
    """What windows still need of the samples: their level and, where wanted, they themselves."""

    def __init__(self, card: ModelCard) -> None:
        self._card = card
        self._keeps_samples = card.input == "descriptors"
        self._levels: list[Array] = []  # mean square from each frame's centre to the next
        self._samples: list[Array] = []
        self._first = 0  # which frame the first of both belongs to

    def push(self, y: Array) -> None:
        """Take a block; only the last may be no whole number of hops, and what is over then is left out."""
        hop_length = self._card.spec.hop_length
        steps = y[: len(y) - len(y) % hop_length].reshape(-1, hop_length)
        self._levels.append(np.einsum("ij,ij->i", steps, steps) / hop_length)
        if self._keeps_samples:
            self._samples.append(steps.ravel().copy())

    def levels(self, starts: list[int]) -> Array:
        """RMS level of windows in dBFS [shape=(len(starts),)]."""
        kept = np.concatenate(self._levels)
        means = [kept[start - self._first :][: self._card.n_frames - 1].mean() for start in starts]
        return 10 * np.log10(np.maximum(means, 1e-20))

    def described(self, starts: list[int]) -> Array:
        """Descriptors of windows [shape=(len(starts), d)]."""
        kept = np.concatenate(self._samples)
        hop_length, length = self._card.spec.hop_length, self._card.window_length
        places = [(start - self._first) * hop_length for start in starts]
        return described([kept[place : place + length] for place in places], self._card)

    def forget(self, before: int) -> None:
        """Let go of what lies before that frame."""
        frames = before - self._first
        self._levels = [np.concatenate(self._levels)[frames:]]
        if self._keeps_samples:
            self._samples = [np.concatenate(self._samples)[frames * self._card.spec.hop_length :]]
        self._first = before


class _Tally:
    """What is kept while listening, and the prediction that it comes to."""

    def __init__(self, model: Model, *, embedding: bool, shift: PriorShift | None) -> None:
        self._model, self._card = model, model.card
        self._wants_embedding = embedding
        self._shift = shift
        self.n_samples = 0
        self.n_windows = 0
        self._chroma = ChromaStream(model.card.spec)
        self._onsets: list[Array] = []
        self._starts: list[float] = []  # of the windows that are not silent, in s
        self._weights: list[float] = []  # how much of its window each one was the first to hear
        self._previous = 0  # frame at which the window before started
        self._rows: dict[str, list[Array]] = {}

    def hear(self, stream: AudioStream, start: float, duration: float | None) -> None:
        """Listen to one part of the source."""
        spec = self._card.spec
        front, onsets = FrameStream(spec, chroma=self._chroma), OnsetStream(spec)
        cutter, sound = WindowCutter(self._card, batch=BATCH), _Sound(self._card)
        self._previous = -self._card.hop_frames
        block_length = BLOCK_FRAMES * spec.hop_length
        for y in stream.blocks(start=start, duration=duration, block_length=block_length):
            self.n_samples += len(y)
            sound.push(y)
            for batch in cutter.push(self._noted(front.push(y), onsets)):
                self._ask(*batch, sound, start)
        for batch in [*cutter.push(self._noted(front.close(), onsets)), *cutter.close()]:
            self._ask(*batch, sound, start)

    def _noted(self, frames: Frames, onsets: OnsetStream) -> Array:
        """Note what tempo and key need of some frames, and pass on the spectrogram."""
        self._onsets.append(onsets.push(frames.S_db))
        return frames.S_db

    def _ask(self, starts: list[int], X: Array, sound: _Sound, offset: float) -> None:
        """Let the model answer those windows that are not silent."""
        self.n_windows += len(starts)
        loud = sound.levels(starts) > self._card.thresholds.get("silence_db", SILENCE_DB)
        heard = [start for start, is_loud in zip(starts, loud, strict=True) if is_loud]
        if heard and self._card.input == "descriptors":
            X = sound.described(heard)
        elif not loud.all():
            X = X[loud]
        sound.forget(starts[-1])
        steps = np.diff(starts, prepend=self._previous) / self._card.hop_frames
        self._previous = starts[-1]
        if not heard:
            return
        output = answer(self._model, X)
        for name, rows in output.heads.items():
            is_first = name == self._card.heads[0].name
            shifted = self._shift.applied(rows) if self._shift and is_first else rows
            self._rows.setdefault(name, []).append(shifted)
        if self._wants_embedding and output.embedding is not None:
            self._rows.setdefault("embedding", []).append(output.embedding)
        self._weights.extend(steps[loud])
        self._starts.extend(offset + np.array(heard) * (self._card.spec.hop_length / self._card.spec.sr))

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
            key=(estimate_key(self._chroma.mean()) or None) if means else None,
            segments=self._segments(duration) if means else (),
            warnings=warnings,
            coverage=coverage,
            embedding=tuple(embedding.tolist()) if self._wants_embedding else None,
            prior=self._shift.shares if self._shift else None,
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
