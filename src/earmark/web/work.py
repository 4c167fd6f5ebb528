"""What worker processes do for the service: they decode what was uploaded, score it and draw it."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np

from earmark.arrays import Float32
from earmark.audio import load, open_audio, sound_digest
from earmark.errors import InputError, TooLongError
from earmark.features import Picture, PictureStream
from earmark.library import FileState, Item, ModelInfo, Row, read_tags
from earmark.library.analyse import middle_peaks
from earmark.models import Model, load_model
from earmark.predict import Prediction, Prior, score_source
from earmark.predict.scorer import opened

MOST_MODELS = 4  # beside the service's own, kept in a worker
BLOCK_LENGTH = 262_144
LONGEST_PAGE = 600.0  # s of a picture file: the sound must fit into memory


class Models:
    """The models of one worker; what `Pool` makes in each.

    Parameters
    ----------
    source : str or Model
        The service's own: its name, its folder or itself.
    """

    def __init__(self, source: str | Model) -> None:
        self._own = opened(source)
        self._others: OrderedDict[str, Model] = OrderedDict()

    def get(self, name: str | None) -> Model:
        """Return the model of a name or a folder; None is the service's own."""
        if name is None:
            return self._own
        if name not in self._others:
            self._others[name] = load_model(name)
            if len(self._others) > MOST_MODELS:
                self._others.popitem(last=False)
        self._others.move_to_end(name)
        return self._others[name]


@dataclass(frozen=True)
class Sound:
    """A sound that was uploaded.

    Parameters
    ----------
    path : str
        Temporary file.
    name : str
        What answers call it.
    max_seconds : float
        How long it may be.
    """

    path: str
    name: str
    max_seconds: float


@dataclass(frozen=True)
class Classification:
    """A sound to classify, and how.

    Parameters
    ----------
    sound : Sound
        Which.
    model : str or None
        Name or folder; None for the service's own.
    prior : None, "even" or mapping
        As of `earmark.classify`.
    embedding, picture : bool
        Whether to answer with them.
    row : bool
        Whether to return it as a row of a library too, to look for tracks that sound like it.
    """

    sound: Sound
    model: str | None = None
    prior: Prior | None = None
    embedding: bool = False
    picture: bool = False
    row: bool = False


@dataclass(frozen=True, eq=False)
class Classified:
    """A body of JSON, the row of a library if it was wanted, and how many seconds of sound it is about."""

    body: bytes
    row: Row | None
    seconds: float


@dataclass(frozen=True)
class Drawing:
    """A sound to draw, with so many peaks, columns and bands; `png` for a picture file.

    `start` and `duration`, in seconds, choose a part of the file; None is all that follows.
    """

    sound: Sound
    start: float = 0.0
    duration: float | None = None
    n_peaks: int = 1800
    n_columns: int = 1000
    n_bands: int = 72
    png: bool = False

    @property
    def seconds(self) -> float:
        """How much is to be drawn at most."""
        return float("inf") if self.duration is None else self.duration


@dataclass(frozen=True, eq=False)
class Drawn:
    """A body of JSON or PNG, and how many seconds of sound it is about."""

    body: bytes
    seconds: float


def classify_sound(models: Models, task: Classification) -> Classified:
    """Classify what was uploaded, in a worker.

    Raises
    ------
    EarmarkError
        As of `earmark.classify`.
    """
    model, sound = models.get(task.model), task.sound
    has_embedding = bool(model.card.embedding_size)
    if task.embedding and not has_embedding:
        raise InputError(f"model {model.card.name!r} has no embedding", hint="Try: without embedding.")
    drawing = PictureStream(model.card.spec.sr) if task.picture else None
    scored = score_source(
        sound.path,
        model=model,
        max_duration=sound.max_seconds,
        embedding=task.embedding or (task.row and has_embedding),
        prior=task.prior,
        name=sound.name,
        on_block=drawing.push if drawing else None,
    )
    prediction = scored.prediction(embedding=task.embedding)
    entries = prediction.to_dict()
    if drawing is not None:
        entries["picture"] = drawing.close().to_dict()
    row = None
    if task.row:
        embedding = scored.scores.mean_embedding().astype(np.float32)
        row = _row(sound, model, prediction, embedding)
    return Classified(encoded(entries), row, scored.duration)


def draw_sound(models: Models, task: Drawing) -> Drawn:
    """Draw what was uploaded, in a worker.

    Raises
    ------
    EarmarkError
        As of `earmark.audio.load`; `TooLongError`; without matplotlib, `MissingExtraError` for PNG.
    """
    if task.png:
        return _page(task)
    picture = _picture(models.get(None).card.spec.sr, task)
    return Drawn(encoded(picture.to_dict()), picture.duration)


def encoded(entries: Any) -> bytes:
    """Return JSON in ASCII, so that any name survives."""
    return json.dumps(entries, allow_nan=False, separators=(",", ":")).encode("ascii")


def with_entry(body: bytes, name: str, value: Any) -> bytes:
    """Return an object of JSON with one more entry, without reading it."""
    return body[:-1] + b"," + json.dumps(name).encode() + b":" + encoded(value) + b"}"


def _row(sound: Sound, model: Model, prediction: Prediction, embedding: Float32) -> Row:
    """A row like those of a scan, by which copies and other tracks of its artists are left out."""
    return Row(
        Item(sound.name),
        FileState(0, 0, 0),
        tags=read_tags(sound.path),
        sound=sound_digest(sound.path),
        peaks=middle_peaks(sound.path, 0.0, prediction.duration),
        prediction=prediction,
        embedding=embedding if len(embedding) else None,
        model=ModelInfo.of(model.card),
        analysed=time.time(),
    )


def _picture(sr: int, task: Drawing) -> Picture:
    sound, limit = task.sound, task.sound.max_seconds
    stream = PictureStream(sr, n_peaks=task.n_peaks, n_columns=task.n_columns, n_bands=task.n_bands)
    with open_audio(sound.path, sr=sr, name=sound.name) as audio:
        # As in `score_source`: one sample more than is allowed shows that there is more.
        n_samples, most = 0, round(limit * sr)
        duration = min(task.seconds, limit + 1 / sr)
        for y in audio.blocks(start=task.start, duration=duration, block_length=BLOCK_LENGTH):
            n_samples += len(y)
            if n_samples > most:
                raise TooLongError(
                    f"{sound.name} is longer than max_duration={limit:g} s", hint="Try: a part of it."
                )
            stream.push(y)
    return stream.close()


def _page(task: Drawing) -> Drawn:
    """Draw what ``earmark spectrogram`` draws, of the first ten minutes."""
    from earmark.plot import figure_bytes, spectrogram_figure

    sound = task.sound
    duration = min(task.seconds, LONGEST_PAGE, sound.max_seconds)
    clip = load(sound.path, start=task.start, duration=duration, name=sound.name)
    return Drawn(figure_bytes(spectrogram_figure(clip)), clip.duration)
