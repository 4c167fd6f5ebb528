"""A source as a session gives it: every answer, and the prediction of the whole."""

from __future__ import annotations

import os
from collections.abc import Iterator

from earmark.audio import Source, open_audio
from earmark.live.answer import Answer
from earmark.live.session import HOP, Session
from earmark.models import Model
from earmark.predict import Prediction, Prior
from earmark.predict.scorer import opened
from earmark.vocabulary import DEFAULT_MODEL

_BLOCK_LENGTH = 16_384


def listen(
    source: Source,
    *,
    model: str | os.PathLike[str] | Model = DEFAULT_MODEL,
    hop: float = HOP,
    window: float | None = None,
    prior: Prior | None = None,
) -> Iterator[Answer | Prediction]:
    """Give the answers about the last seconds of a source, one each `hop`, then the prediction of the whole.

    Parameters
    ----------
    source : path, bytes, binary file, ``"-"`` or Clip
        The sound; it is read as fast as its answers are taken. For a microphone see
        `earmark.audio.microphone.Microphone`, and push its blocks to a `Session`.
    model, hop, window, prior
        As of `Session`.

    Yields
    ------
    Answer
        As `Session.push` gives it.
    Prediction
        Last of all: what `earmark.classify` gives for the source.

    Raises
    ------
    AudioError, ModelError, InputError
        As of `earmark.classify`.

    Examples
    --------
    >>> from earmark.demo import demo_clip
    >>> *answers, prediction = listen(demo_clip("house", seconds=4.0), model="echo")
    >>> len(answers), prediction.verdict
    (4, 'music')
    """
    model = opened(model)
    session = Session(model, rate=model.card.spec.sr, hop=hop, window=window, prior=prior)
    with open_audio(source, sr=session.rate) as stream:
        for y in stream.blocks(block_length=_BLOCK_LENGTH):
            yield from session.push(y)
        yield session.final(source=stream.path, warnings=tuple(stream.warnings))
