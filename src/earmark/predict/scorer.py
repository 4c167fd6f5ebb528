"""The one inference object: samples go in as they come, the scores of windows come out.

`earmark.classify` is open, push, close. Live listening pushes what the microphone gives; a service pushes
several scorers through one call of the model (`push_together`). All of them give the same scores, because
all of them are this.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from earmark.errors import InputError
from earmark.features.stft import vector
from earmark.models import Model, ModelCard, ModelOutput, checked_output, load_model
from earmark.models.base import Array
from earmark.models.windows import cut_windows, window_weights
from earmark.predict.frame_track import FrameTrack
from earmark.predict.front_end import FrontEnd, PendingWindows
from earmark.predict.priors import Prior, PriorShift, prior_shift
from earmark.predict.window_scores import WindowScores

BATCH = 8  # windows a call: from 2 to 16 the network is equally fast, beyond that its layers leave the cache
BLOCK_FRAMES = 512  # frames from one block of samples: decoder and front end push each other from the cache
SHORTEST = 0.5  # seconds of sound that can be scored: less is repeated more than six times to fill 3 s


class WindowScorer:
    """Scores the windows of a sound that arrives in blocks, in constant memory.

    Parameters
    ----------
    model : str, path or Model
        Name, folder of a bundle, or a model that was loaded before.
    prior : None, "even" or mapping of str to float
        Class priors to assume for the genres: see `earmark.predict.prior_shift`.
    hop : float, optional
        Seconds from one window to the next, instead of the card's.
    embeddings : bool
        Whether to return the embeddings too.
    start : float
        Time of the first sample, in seconds.
    track : FrameTrack, optional
        Receives the onsets and the chroma, instead of a new one.

    Attributes
    ----------
    model : Model
        The model.
    card : ModelCard
        Its card, with the hop that is used.
    track : FrameTrack
        Onsets and chroma so far: tempo and key.
    n_samples, n_windows : int
        How much was pushed, and how many windows it gave.
    repeated : bool
        Whether `close` had to repeat the sound to fill one window.

    Raises
    ------
    ModelError
        The model could not be loaded.
    InputError
        An argument out of range, or a prior where the card has none.

    Notes
    -----
    How the sound is divided into blocks changes no score by more than 1e-6.

    Examples
    --------
    >>> scorer = WindowScorer("echo", hop=1.0)
    >>> second = np.sin(0.06 * np.arange(22050)).astype(np.float32)
    >>> [len(scorer.push(second)) for _ in range(5)], len(scorer.close())
    ([0, 0, 0, 1, 1], 2)
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Model,
        *,
        prior: Prior | None = None,
        hop: float | None = None,
        embeddings: bool = True,
        start: float = 0.0,
        track: FrameTrack | None = None,
    ) -> None:
        self.model = opened(model)
        card = self.model.card
        self.card: ModelCard = card if hop is None else dataclasses.replace(card, hop=hop)
        self.track = track or FrameTrack(card.spec)
        self.n_samples = 0
        self.n_windows = 0
        self.repeated = False
        self._embeddings = embeddings
        self._shift: PriorShift | None = prior_shift(prior, card)
        self._front = FrontEnd(self.card, start, self.track)
        self._start = start
        self._short: list[Array] = []  # the sound so far, while it fills no window
        self._none = WindowScores.empty(self.card, embeddings=embeddings)
        self._closed = False

    @property
    def prior(self) -> Mapping[str, float] | None:
        """The requested class priors, one for each genre; None for the model's own."""
        return self._shift.priors if self._shift else None

    @property
    def shortest(self) -> float:
        """How many seconds of sound are needed at least."""
        return min(SHORTEST, self.card.window)

    def push(self, y: npt.NDArray[np.floating]) -> WindowScores:
        """Take samples and return the scores of the windows that are complete now (maybe none).

        Parameters
        ----------
        y : np.ndarray [shape=(n,)]
            The next samples, floats with full scale 1, at ``card.spec.sr``.

        Raises
        ------
        InputError
            Not a vector of floats, or the scorer is closed.
        BadSamplesError
            NaN, infinite or absurdly large samples.
        ContractError
            The model does not do what its card says.
        """
        y = vector(y)
        length = BLOCK_FRAMES * self.card.spec.hop_length
        pieces = [self._score(self.windows(y[i : i + length])) for i in range(0, max(1, len(y)), length)]
        return pieces[0] if len(pieces) == 1 else WindowScores.concatenate(pieces)

    def jump(self, start: float) -> WindowScores:
        """End this stretch of sound and return its last windows; the next sample lies at `start` seconds."""
        self._check_open()
        last = self._front.close()
        self.n_windows += len(last)
        self._front = FrontEnd(self.card, start, self.track)
        if not self.n_samples:
            self._start = start
        return self._score(last)

    def close(self) -> WindowScores:
        """Return the scores of the last windows: one that ends with the sound, if any is left over.

        Sound that is shorter than one window, but not than 0.5 s, is repeated to fill one: see `repeated`.
        """
        return self._score(self.last_windows())

    # The two halves of `push` and `close`, for those who call the model themselves.

    def windows(self, y: npt.NDArray[np.floating]) -> PendingWindows:
        """Take samples as `push` does, but return the inputs of the model instead of calling it."""
        self._check_open()
        y = vector(y)
        self.n_samples += len(y)
        pending = self._front.push(y)
        self.n_windows += len(pending)
        if self.n_windows:
            self._short.clear()
        elif len(y):
            self._short.append(y.copy())
        return pending

    def last_windows(self) -> PendingWindows:
        """End the sound as `close` does, but return the inputs of the model instead of calling it."""
        self._check_open()
        self._closed = True
        pending = self._front.close()
        if not self.n_windows and not len(pending) and self.n_samples >= self.shortest * self.card.spec.sr:
            pending, self.repeated = self._repeated(), True
        self.n_windows += len(pending)
        return pending

    def latest_window(self) -> PendingWindows:
        """Return the input of the model for the window that ends with the sound so far, and go on.

        It is none of the windows that `push` gives, and counts for nothing; before a whole window has come
        there is none. It ends half a frame (`n_fft` / 2 samples, of the longest) before the last sample.
        """
        self._check_open()
        return self._front.latest()

    def scores(self, pending: PendingWindows, output: ModelOutput | None) -> WindowScores:
        """Return the scores of windows from what the model gave for them.

        Parameters
        ----------
        pending : PendingWindows
            Of `windows` or `last_windows`.
        output : ModelOutput or None
            A row for each row of ``pending.X``; None if it has none.
        """
        if not len(pending):
            return self._none
        loud = pending.weights > 0
        silent = WindowScores.empty(self.card, len(pending), embeddings=self._embeddings)
        heads, embeddings = silent.heads, silent.embeddings
        if output is not None:
            first = self.card.heads[0].name
            shift = self._shift.applied if self._shift else _unchanged
            heads = {
                name: _spread(shift(rows) if name == first else rows, loud)
                for name, rows in output.heads.items()
            }
            wanted = output.embedding if self._embeddings else None
            embeddings = None if wanted is None else _spread(wanted, loud)
        return WindowScores(self.card, pending.starts, pending.weights, pending.levels_db, heads, embeddings)

    def _score(self, pending: PendingWindows) -> WindowScores:
        return self.scores(pending, model_output(self.model, pending.X))

    def _repeated(self) -> PendingWindows:
        """The one window of a sound that is too short for it."""
        front = FrontEnd(self.card, self._start, FrameTrack(self.card.spec))  # its onsets are not the sound's
        filled = np.resize(np.concatenate(self._short), self.card.window_length)
        complete, last = front.push(filled), front.close()
        return complete if len(complete) else last

    def _check_open(self) -> None:
        if self._closed:
            raise InputError("the scorer is closed", hint="Try: a new WindowScorer for another sound.")


def push_together(
    scorers: Sequence[WindowScorer], blocks: Sequence[npt.NDArray[np.floating] | None]
) -> list[WindowScores]:
    """Push a block to each of several scorers of one model, with one call of the model for all of them.

    Parameters
    ----------
    scorers : sequence of WindowScorer
        All of the same model; each may have a prior and a hop of its own.
    blocks : sequence of np.ndarray [shape=(n,)] or None
        The next samples of each; None closes its scorer.

    Returns
    -------
    list of WindowScores
        What `WindowScorer.push` or `WindowScorer.close` of each would return.

    Raises
    ------
    InputError
        Scorers of different models, or another number of blocks than of scorers.
    """
    if len(scorers) != len(blocks) or any(scorer.model is not scorers[0].model for scorer in scorers):
        raise InputError(
            f"{len(scorers)} scorers, {len(blocks)} blocks",
            hint="Accepted: a block for each scorer, and scorers that share one model.",
        )
    pending = [
        scorer.last_windows() if block is None else scorer.windows(block)
        for scorer, block in zip(scorers, blocks, strict=True)
    ]
    return score_together(scorers, pending)


def score_together(scorers: Sequence[WindowScorer], pending: Sequence[PendingWindows]) -> list[WindowScores]:
    """Score the windows of several scorers of one model with one call of the model for all of them.

    Parameters
    ----------
    scorers : sequence of WindowScorer
        All of the same model; one may occur several times.
    pending : sequence of PendingWindows
        Windows of each.
    """
    edges = np.cumsum([0, *(len(one.X) for one in pending)])
    if not edges[-1]:
        return [scorer.scores(one, None) for scorer, one in zip(scorers, pending, strict=True)]
    output = model_output(scorers[0].model, np.concatenate([one.X for one in pending]))
    return [
        scorer.scores(one, _rows(output, slice(*edges[i : i + 2])))
        for i, (scorer, one) in enumerate(zip(scorers, pending, strict=True))
    ]


def score_spectrogram(model: Model, S_db: Array) -> WindowScores:
    """Return the scores of the windows of a log-mel spectrogram that was computed before.

    Parameters
    ----------
    model : Model
        Whose input is log-mel windows.
    S_db : np.ndarray, float32 [shape=(n_mels, k)]
        Absolute dB, as ``model.card.spec`` makes it.

    Returns
    -------
    WindowScores
        The level of the sound is not known, so no window counts as silent; of no windows where the
        spectrogram is shorter than one.
    """
    card = model.card
    starts, X = cut_windows(S_db, card)
    output = model_output(model, X)
    seconds = np.asarray(starts, np.float64) * card.spec.hop_length / card.spec.sr
    if output is None:
        return WindowScores.empty(card)
    levels_db = np.full(len(starts), np.nan)
    weights = window_weights(starts, card)
    return WindowScores(card, seconds, weights, levels_db, output.heads, output.embedding)


def opened(model: str | os.PathLike[str] | Model) -> Model:
    """Return a model: itself, or the one of that name or folder.

    Raises
    ------
    InputError
        Something else.
    ModelError
        It could not be loaded.
    """
    if isinstance(model, str | os.PathLike):
        return load_model(model)
    if not isinstance(model, Model):
        raise InputError(
            f"model is a {type(model).__name__}",
            hint="Accepted: a name, the folder of a bundle, or an object with card and predict_proba.",
        )
    return model


def model_output(model: Model, X: Array) -> ModelOutput | None:
    """Return what a model gives for any number of windows, a few at a time; None for no windows."""
    outputs = [checked_output(model, X[i : i + BATCH]) for i in range(0, len(X), BATCH)]
    if len(outputs) < 2:
        return outputs[0] if outputs else None
    heads = {name: np.concatenate([output.heads[name] for output in outputs]) for name in outputs[0].heads}
    embeddings = [output.embedding for output in outputs if output.embedding is not None]
    return ModelOutput(heads, np.concatenate(embeddings) if embeddings else None)


def _rows(output: ModelOutput | None, rows: slice) -> ModelOutput | None:
    if output is None or rows.start == rows.stop:
        return None
    heads = {name: values[rows] for name, values in output.heads.items()}
    return ModelOutput(heads, None if output.embedding is None else output.embedding[rows])


def _unchanged(rows: Array) -> Array:
    return rows


def _spread(rows: Array, loud: npt.NDArray[np.bool_]) -> Array:
    """Rows of the windows that are not silent, with rows of 0 for the silent ones between them."""
    if loud.all():
        return np.asarray(rows, np.float32)
    spread = np.zeros((len(loud), rows.shape[1]), np.float32)
    spread[loud] = rows
    return spread
