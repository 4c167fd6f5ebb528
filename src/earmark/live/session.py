"""One live stream: samples of any rate in, answers of the last seconds out, a `Prediction` at the end."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from earmark.audio.resample import Resampler
from earmark.errors import InputError, TooShortError
from earmark.features.stft import vector
from earmark.live.answer import Answer
from earmark.live.clock import StreamClock
from earmark.live.recent import RecentTrack, SteadyVerdict
from earmark.models import Model
from earmark.models.base import Array
from earmark.models.card import ModelCard
from earmark.predict import PendingWindows, Prediction, Prior, SourceScores, WindowScorer, WindowScores
from earmark.predict.classify import repeated_warning
from earmark.predict.expected_tempo import expected_tempo
from earmark.predict.head_scores import affect_of, moods_of, quadrant_of, ranked, sound_of, voice_of
from earmark.predict.scorer import opened, score_together
from earmark.rates import HIGHEST_SR, LOWEST_SR
from earmark.vocabulary import DEFAULT_MODEL

HOP = 0.25  # s between two answers
LONGEST = 7200.0  # s of sound that `final` is about at most: what is kept of each window is about 500 bytes
SETTLE_SECONDS = 8.0  # of sound until tempo and key are computed
_AGAIN_SECONDS = 2.0  # until they are computed again
_SHORT_GAP_SECONDS = 0.5  # of dropped samples that are taken for silence, which keeps the beat in time
_PIECES = 64  # of scores that are joined at a time
_LEAST_POWER = 1e-20  # -200 dB


@dataclass(frozen=True, eq=False)
class _Step:
    """What of one session goes through the model at once: windows of the final, and the latest one."""

    windows: PendingWindows
    latest: PendingWindows | None


class Session:
    """Scores sound while it comes.

    Parameters
    ----------
    model : str, path or Model
        Name, folder of a bundle, or a model that was loaded before.
    rate : int
        Of the samples, in Hz; see `change_rate`.
    hop : float
        Seconds from one answer to the next.
    window : float, optional
        Seconds that an answer is about: the mean over the answers' windows that lie in them. By default, and
        at least, one window of the model (3 s).
    prior : None, "even" or mapping of str to float
        Class priors to assume for the genres: see `earmark.predict.prior_shift`.
    longest : float
        Seconds that `final` is about at most; answers go on after them.
    first : int
        Index of the first sample, for `Answer.index`.

    Raises
    ------
    ModelError
        The model could not be loaded.
    InputError
        An argument out of range.

    Notes
    -----
    Two things are computed of the same frames. The windows of `earmark.classify`, one each hop of the card,
    make `final`, which is therefore what `classify` gives for the same samples. Each answer is of one more
    window, which ends with the latest frame; only the scores of its own window are in it. What is smoothed is
    the verdict (`Answer.verdict`), and what `window` averages.

    Memory is constant but for 500 bytes for each window of the final (3 s) up to `longest`, and 11 MB of
    spectra during the first minute, which the tuning is estimated on.

    Examples
    --------
    >>> session = Session("echo")
    >>> second = np.sin(0.06 * np.arange(22050)).astype(np.float32)
    >>> [len(session.push(second)) for _ in range(5)]
    [0, 0, 0, 4, 4]
    >>> session.final().verdict
    'music'
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Model = DEFAULT_MODEL,
        *,
        rate: int = 22050,
        hop: float = HOP,
        window: float | None = None,
        prior: Prior | None = None,
        longest: float = LONGEST,
        first: int = 0,
    ) -> None:
        model = opened(model)
        self.card: ModelCard = model.card
        card = model.card
        self.window = card.window if window is None else window
        _check_times(hop, self.window, longest, card)
        self._track = RecentTrack(card.spec)
        self.scorer = WindowScorer(model, prior=prior, embeddings=False, track=self._track)
        self._sr = card.spec.sr
        self._hop_length = max(1, round(hop * self._sr))
        self.hop = self._hop_length / self._sr
        self._longest = round(longest * self._sr)
        self._clock = StreamClock(_checked_rate(rate), first=first)
        self._resampler = Resampler(rate, self._sr)
        self._waiting: deque[Array] = deque()  # samples at the model's rate that were not pushed yet
        self._position = 0  # of the next sample to push, gaps included
        self._n_gap = 0  # samples that never came
        self._due = self._first_due = card.first_length
        self._pieces: list[WindowScores] = []
        self._recent: deque[WindowScores] = deque()
        self._verdict = SteadyVerdict()
        self._tempo: float | None = None
        self._key: str | None = None
        self._next_track = round(SETTLE_SECONDS * self._sr)
        self._power, self._n_power = 0.0, 0
        self._whole: Prediction | None = None  # once the session is longer than the longest
        self._closed = False

    @property
    def model(self) -> Model:
        """The model."""
        return self.scorer.model

    @property
    def stream(self) -> int:
        """Number of the current stream: how often the rate changed."""
        return self._clock.number

    @property
    def rate(self) -> int:
        """Rate of the samples that are pushed, in Hz."""
        return self._clock.rate

    @property
    def seconds(self) -> float:
        """Seconds since the session began, by its samples, those that were dropped included."""
        return (self._position + self._n_waiting) / self._sr

    @property
    def wanted(self) -> float:
        """Seconds of sound until the next answer is due."""
        return (self._due - self._position - self._n_waiting) / self._sr

    def push(self, y: npt.NDArray[np.floating], *, every: bool = True) -> list[Answer]:
        """Take samples and return the answers that are due now (maybe none).

        Parameters
        ----------
        y : np.ndarray [shape=(n,)]
            The next samples, floats with full scale 1, at `rate`.
        every : bool
            Return each answer that became due, at its own time, so that the division into chunks changes
            nothing; else only one, of the latest frame: for whoever is behind.
        """
        return answer_together([self], [y], every=every)[0]

    def skip(self, n: int) -> None:
        """Take note that the next `n` samples were dropped.

        Less than 0.5 s is taken for silence. After more the next window begins behind the gap, and tempo and
        key are of what came.
        """
        self._check_open()
        if n <= 0:
            return
        missing = round(n / self.rate * self._sr)
        self._n_gap += missing
        if n / self.rate < _SHORT_GAP_SECONDS:
            self._take_in(np.zeros(n, np.float32))
            return
        self._flush()
        self._position += missing
        self._keep(self.scorer.jump(self._position / self._sr))
        self._recent.clear()
        self._due = self._position + self._first_due

    def change_rate(self, rate: int, *, first: int = 0) -> None:
        """Begin another stream, whose samples have another rate; what follows joins what came before."""
        self._check_open()
        _checked_rate(rate)
        self._flush()
        self._resampler = Resampler(rate, self._sr)
        self._clock.begin(rate, at=self._position / self._sr, first=first)

    def final(self, *, source: str | None = None, warnings: tuple[str, ...] = ()) -> Prediction:
        """End the session and return what all of it amounts to: what `classify` gives for the same samples.

        Parameters
        ----------
        source : str, optional
            Name of the sound.
        warnings : tuple of str
            What went wrong while it was read.

        Raises
        ------
        TooShortError
            There are less than 0.5 s of sound.
        """
        self._check_open()
        self._flush()
        self._closed = True
        if self._whole is not None:
            return replace(self._whole, source=source, warnings=(*warnings, *self._whole.warnings))
        self._pieces.append(self.scorer.close())
        if not self.scorer.n_windows:
            raise TooShortError(
                f"the session has {self._n_seconds:.2f} s of sound, less than {self.scorer.shortest:g} s",
                hint="Try: listen longer.",
            )
        whole = self._prediction()
        return replace(whole, source=source, warnings=(*warnings, *whole.warnings))

    # What `answer_together` is made of.

    def _take_in(self, y: npt.NDArray[np.floating]) -> None:
        self._check_open()
        made = self._resampler.push(vector(y))
        if len(made):
            self._waiting.append(made)

    @property
    def _n_waiting(self) -> int:
        return sum(map(len, self._waiting))

    def _next_step(self, every: bool) -> _Step | None:
        """Push up to the next answer, or all; None if nothing waits."""
        if not self._waiting:
            return None
        y = np.concatenate(self._waiting)
        n = min(len(y), self._due - self._position) if every else len(y)
        self._waiting.clear()
        if n < len(y):
            self._waiting.append(y[n:])
        windows = self.scorer.windows(y[:n])
        self._position += n
        self._power += float(np.square(y[:n], dtype=np.float64).sum())
        self._n_power += n
        if self._position < self._due:
            return _Step(windows, None)
        self._due += self._hop_length * (1 + (self._position - self._due) // self._hop_length)
        return _Step(windows, self.scorer.latest_window())

    def _answer(self, latest: WindowScores) -> Answer:
        """What the latest window, and those of late, amount to."""
        end = float(latest.starts[0]) + (self.card.n_frames - 1) * self.card.spec.hop_length / self._sr
        self._recent.append(latest)
        while self._recent[0].starts[0] < end - self.window - 0.5 * self.hop:
            self._recent.popleft()
        scores = latest if len(self._recent) == 1 else WindowScores.concatenate(list(self._recent))
        verdict = self._verdict.after(scores.verdict())
        self._update_track(scores)
        is_music, sounds = verdict in ("music", "unsure"), not scores.silent.all()
        stream, index = self._clock.place(end)
        level_db = 10 * math.log10(max(self._power / max(self._n_power, 1), _LEAST_POWER))
        self._power, self._n_power = 0.0, 0
        head = self.card.heads[0]
        return Answer(
            time=end,
            stream=stream,
            index=index,
            verdict=verdict,
            genres=ranked(head, scores.mean(head.name)),
            moods=moods_of(scores),
            quadrant=quadrant_of(scores) if sounds else None,
            tempo=self._tempo if is_music else None,
            key=self._key if is_music else None,
            settled=self._is_settled,
            level_db=level_db,
            voice=voice_of(scores) if is_music and sounds else None,
            affect=affect_of(scores) if sounds else None,
            sound=sound_of(scores) if sounds else None,
        )

    @property
    def _is_settled(self) -> bool:
        return self._n_seconds >= SETTLE_SECONDS

    def _update_track(self, scores: WindowScores) -> None:
        if self.scorer.n_samples < self._next_track:
            return
        self._next_track = self.scorer.n_samples + round(_AGAIN_SECONDS * self._sr)
        self._tempo = self._track.recent_tempo(expected_tempo(scores))
        self._key = self._track.recent_key()
        if self._whole is not None:
            self._track.forget()

    def _keep(self, scores: WindowScores) -> None:
        """Keep the scores of some windows for the final, joined so that each costs little."""
        if self._whole is not None or not len(scores):
            return
        self._pieces.append(scores)
        if len(self._pieces) >= _PIECES:
            self._pieces = [WindowScores.concatenate(self._pieces)]
        if self.scorer.n_samples >= self._longest:
            warning = f"the first {self._n_seconds:.0f} s only: the session was longer"
            self._whole = self._prediction(warning)
            self._pieces.clear()

    def _prediction(self, *warnings: str) -> Prediction:
        """What the windows that are kept amount to."""
        repeated = [repeated_warning(self._n_seconds, self.card)] if self.scorer.repeated else []
        gap = [f"{self._n_gap / self._sr:.1f} s of sound were dropped"] if self._n_gap else []
        return SourceScores(
            WindowScores.concatenate(self._pieces),
            self._track,
            None,
            0.0,
            self._position / self._sr,
            "part" if warnings else "full",
            tuple([*repeated, *gap, *warnings]),
            self.scorer.prior,
        ).prediction()

    @property
    def _n_seconds(self) -> float:
        """Seconds of sound that came."""
        return self.scorer.n_samples / self._sr

    def _flush(self) -> None:
        """Push what the resampler holds, and all that waits."""
        rest = self._resampler.close()
        self._resampler = Resampler(self.rate, self._sr)
        if len(rest):
            self._waiting.append(rest)
        if self._waiting:
            y = np.concatenate(self._waiting)
            self._waiting.clear()
            self._position += len(y)
            self._keep(self.scorer.push(y))

    def _check_open(self) -> None:
        if self._closed:
            raise InputError("the session is over", hint="Try: a new Session.")


def answer_together(
    sessions: Sequence[Session], blocks: Sequence[npt.NDArray[np.floating]], *, every: bool = True
) -> list[list[Answer]]:
    """Push a block to each of several sessions of one model, with one call of the model for all that is due.

    Parameters
    ----------
    sessions : sequence of Session
        All of the same model.
    blocks : sequence of np.ndarray [shape=(n,)]
        The next samples of each, at its own rate.
    every : bool
        As in `Session.push`.

    Returns
    -------
    list of list of Answer
        What `Session.push` of each would return.

    Raises
    ------
    InputError
        Sessions of different models, or another number of blocks than of sessions.
    """
    for session, block in zip(sessions, blocks, strict=True):
        session._take_in(block)
    answers: list[list[Answer]] = [[] for _ in sessions]
    while True:
        steps = [session._next_step(every) for session in sessions]
        if not any(steps):
            return answers
        _give(sessions, steps, answers)


def _give(sessions: Sequence[Session], steps: Sequence[_Step | None], answers: list[list[Answer]]) -> None:
    """Score the windows of one step of each session and hand the scores out."""
    some = [(i, step) for i, step in enumerate(steps) if step is not None]
    pending = [(i, one) for i, step in some for one in (step.windows, step.latest) if one is not None]
    scored = iter(score_together([sessions[i].scorer for i, _ in pending], [one for _, one in pending]))
    for i, step in some:
        sessions[i]._keep(next(scored))
        if step.latest is None:
            continue
        latest = next(scored)
        if len(latest):
            answers[i].append(sessions[i]._answer(latest))


def _checked_rate(rate: object) -> int:
    is_whole = isinstance(rate, int) and not isinstance(rate, bool)
    if not is_whole or not LOWEST_SR <= rate <= HIGHEST_SR:  # type: ignore[operator]
        raise InputError(
            f"rate={rate!r:.60} Hz", hint=f"Accepted: whole numbers, {LOWEST_SR:,} to {HIGHEST_SR:,}."
        )
    return int(rate)  # type: ignore[call-overload, no-any-return]


def _check_times(hop: float, window: float, longest: float, card: ModelCard) -> None:
    if not 0.05 <= hop <= 60:
        raise InputError(f"hop={hop!r} s", hint="Accepted: 0.05 to 60 s.")
    if not card.window <= window <= 600:
        raise InputError(
            f"window={window!r} s",
            hint=f"Accepted: {card.window:g} to 600 s; the model scores windows of {card.window:g} s.",
        )
    if not longest >= card.window:
        raise InputError(f"longest={longest!r} s", hint=f"Accepted: {card.window:g} s and more.")
