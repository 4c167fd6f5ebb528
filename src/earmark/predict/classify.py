"""From a source to a `Prediction`: open, push, close. The sound streams through once, in constant memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from earmark.audio import AudioStream, Source, open_audio, spread
from earmark.errors import InputError, TooLongError, TooShortError
from earmark.models import Model, ModelCard
from earmark.models.base import Array
from earmark.predict.frame_track import FrameTrack
from earmark.predict.prediction import Prediction
from earmark.predict.priors import Prior
from earmark.predict.scorer import BLOCK_FRAMES, WindowScorer
from earmark.predict.window_scores import WindowScores
from earmark.vocabulary import DEFAULT_MODEL

Excerpts = tuple[int, float]


@dataclass(frozen=True, eq=False)
class SourceScores:
    """Everything that was computed from one source, as arrays.

    Parameters
    ----------
    scores : WindowScores
        Of its windows, in order of time; silent ones are among them.
    track : FrameTrack
        Its onsets and its chroma.
    source : str or None
        Path, ``"-"`` for standard input, None for sound without a name.
    start, duration : float
        What of the source was read, in seconds; with excerpts, what they were spread over.
    coverage : str
        ``"full"``, ``"part"``, or ``"3x10"`` for three excerpts of 10 s.
    warnings : tuple of str
        What went wrong without being fatal.
    prior : mapping of str to float or None
        Class priors that were assumed instead of the model's.
    """

    scores: WindowScores
    track: FrameTrack
    source: str | None
    start: float
    duration: float
    coverage: str
    warnings: tuple[str, ...]
    prior: Mapping[str, float] | None

    def prediction(self, *, embedding: bool = False) -> Prediction:
        """Return what they amount to.

        Parameters
        ----------
        embedding : bool
            Whether to give the mean embedding.
        """
        return Prediction.from_scores(
            self.scores,
            self.track,
            source=self.source,
            start=self.start,
            duration=self.duration,
            coverage=self.coverage,
            warnings=self.warnings,
            prior=self.prior,
            embedding=embedding,
        )


def classify(
    source: Source,
    *,
    model: str | os.PathLike[str] | Model = DEFAULT_MODEL,
    start: float = 0.0,
    duration: float | None = None,
    excerpts: Excerpts | None = None,
    max_duration: float | None = None,
    embedding: bool = False,
    prior: Prior | None = None,
) -> Prediction:
    """Predict genre, mood, tempo and key of a source.

    The scores are the mean over the windows that are not silent; the last window, which is moved back so
    that it ends with the sound, counts for the part that only it covers. For the verdict see
    `WindowScores.verdict`.

    Parameters
    ----------
    source : path, bytes, binary file, ``"-"`` or Clip
        The sound; ``"-"`` is standard input.
    model : str, path or Model
        Name, folder of a bundle, or a model that was loaded before: quicker for many files.
    start, duration : float
        Which part of the source to classify, in seconds; by default all of it. The part is reached by
        seeking.
    excerpts : (int, float), optional
        Only so many excerpts of so many seconds each, spread over that part and reached by seeking:
        ``(3, 10.0)``. A source whose length is not known, or that is not longer than the excerpts, is read in
        full.
    max_duration : float, optional
        Refuse a source of which more than so many seconds would be classified: before it is decoded if its
        header states that and there is sound behind the limit, and else as soon as more was decoded. What
        a header claims decides nothing by itself.
    embedding : bool
        Whether to return the embedding.
    prior : None, "even" or mapping of str to float
        Class priors to assume for the genres: None for those the model was trained with, ``"even"`` for every
        genre as likely as the next, ``{"jazz": 0.4}`` for the fractions of some genres in your library; the
        others keep what the model's card says. Each window's scores of genres are shifted, before their mean:
        see `earmark.predict.prior_shift`.

    Returns
    -------
    Prediction

    Raises
    ------
    AudioError
        The sound could not be read; `TooShortError` if it is shorter than 0.5 s, `TooLongError` if it is
        longer than `max_duration`.
    ModelError
        The model could not be loaded, or does not do what its card says.
    InputError
        An argument out of range, or a prior where the card has none.

    Notes
    -----
    Sound that is shorter than one window of the model, but not than 0.5 s, is repeated to fill one, and
    `Prediction.warnings` says so.
    """
    scored = score_source(
        source,
        model=model,
        start=start,
        duration=duration,
        excerpts=excerpts,
        max_duration=max_duration,
        embedding=embedding,
        prior=prior,
    )
    return scored.prediction(embedding=embedding)


def score_source(
    source: Source,
    *,
    model: str | os.PathLike[str] | Model = DEFAULT_MODEL,
    start: float = 0.0,
    duration: float | None = None,
    excerpts: Excerpts | None = None,
    max_duration: float | None = None,
    embedding: bool = True,
    prior: Prior | None = None,
    name: str | None = None,
    on_block: Callable[[Array], object] | None = None,
) -> SourceScores:
    """Return the scores of every window of a source.

    Parameters
    ----------
    source, model, start, duration, excerpts, max_duration, embedding, prior
        As of `classify`, with its errors.
    name : str, optional
        What messages and the result call the source, as of `earmark.audio.load`.
    on_block : callable, optional
        Called with each block of samples at the rate of the model, for whatever else is to be made of the
        sound while it is decoded, such as its picture.
    """
    scorer = WindowScorer(model, prior=prior, embeddings=embedding)
    _check_arguments(excerpts, max_duration, scorer.card)
    with open_audio(source, sr=scorer.card.spec.sr, name=name) as stream:
        _check_length(stream, start, duration, max_duration, in_excerpts=excerpts is not None)
        # Excerpts are laid over what is there, which is not what a header claims whose file was cut short.
        whole = stream.measured_duration() if excerpts else None
        spans = spread(whole, excerpts, start=start, duration=duration)
        pieces, missed = _scored(scorer, stream, spans, max_duration, on_block)
        pieces.append(scorer.close())
        if not scorer.n_windows:
            raise _too_short(stream, scorer)
        in_excerpts = spans != [(start, duration)]
        read = scorer.n_samples / scorer.card.spec.sr
        warnings = [
            *stream.warnings,
            *missed,
            *([repeated_warning(read, scorer.card)] if scorer.repeated else []),
        ]
        return SourceScores(
            WindowScores.concatenate(pieces),
            scorer.track,
            stream.path,
            start,
            (in_excerpts and _span(whole, start, duration)) or read,
            _coverage(excerpts if in_excerpts else None, start, duration),
            tuple(dict.fromkeys(warnings)),
            scorer.prior,
        )


def _scored(
    scorer: WindowScorer,
    stream: AudioStream,
    spans: list[tuple[float, float | None]],
    max_duration: float | None,
    on_block: Callable[[Array], object] | None,
) -> tuple[list[WindowScores], list[str]]:
    """Push the parts of a source; what the source promised but does not hold gives a warning."""
    pieces, missed = [], []
    block_length = BLOCK_FRAMES * scorer.card.spec.hop_length
    sr = scorer.card.spec.sr
    limit = float("inf") if max_duration is None else max_duration * sr
    for start, duration in spans:
        pieces.append(scorer.jump(start))
        # One sample more than is allowed shows that there is more; no other is decoded in vain.
        left = (limit - scorer.n_samples + 1) / sr
        wanted = left if duration is None else min(duration, left)
        try:
            for y in stream.blocks(
                start=start, duration=wanted if wanted < float("inf") else None, block_length=block_length
            ):
                if scorer.n_samples + len(y) > limit:
                    raise _too_long(stream, limit / sr, "more than that was decoded")
                if on_block is not None:
                    on_block(y)
                pieces.append(scorer.push(y))
        except TooShortError as error:
            missed.append(error.message)
    return pieces, missed


def _check_arguments(excerpts: Excerpts | None, max_duration: float | None, card: ModelCard) -> None:
    if max_duration is not None and not max_duration > 0:
        raise InputError(f"max_duration={max_duration!r}", hint="Accepted: more than 0 s, or None.")
    if excerpts is None:
        return
    try:
        n, seconds = excerpts
        fits = n == int(n) >= 1 and card.window <= seconds < float("inf")
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise InputError(
            f"excerpts={excerpts!r:.60}",
            hint="Accepted: how many and seconds each, such as (3, 10.0) for three of 10 s, "
            f"each at least {card.window:g} s; or None.",
        )


def _check_length(
    stream: AudioStream,
    start: float,
    duration: float | None,
    max_duration: float | None,
    *,
    in_excerpts: bool,
) -> None:
    """Refuse what is too long before it is decoded, if there is sound behind the limit.

    Excerpts skip what lies between them, so decoding them would not show the length: they are always checked.
    """
    if max_duration is None or (duration is not None and duration <= max_duration):
        return
    span = _span(stream.info.duration, start, duration)
    claims_more = span is not None and span > max_duration
    if (claims_more or in_excerpts) and stream.reaches(start + max_duration):
        found = f"{span:.0f} s would be classified" if claims_more else "its header claims less"
        raise _too_long(stream, max_duration, found)


def _span(whole: float | None, start: float, duration: float | None) -> float | None:
    """How many of the `whole` seconds there are from `start` on, `duration` at most; None if unknown."""
    if whole is None:
        return None
    return whole - start if duration is None else min(whole - start, duration)


def _too_long(stream: AudioStream, max_duration: float, found: str) -> TooLongError:
    return TooLongError(
        f"{stream.path or 'the sound'} is longer than max_duration={max_duration:g} s: {found}",
        hint="Try: a part of it, with start and duration, or a greater limit.",
    )


def _too_short(stream: AudioStream, scorer: WindowScorer) -> TooShortError:
    seconds = scorer.n_samples / scorer.card.spec.sr
    return TooShortError(
        f"{stream.path or 'the sound'} lasts {seconds:.2f} s, less than {scorer.shortest:g} s",
        hint=f"Try: a longer recording. Model {scorer.card.name!r} scores windows of {scorer.card.window:g} "
        "s; shorter sound is repeated to fill one.",
    )


def repeated_warning(seconds: float, card: ModelCard) -> str:
    """Return the warning about sound that was repeated to fill a window."""
    return f"lasts {seconds:.2f} s, less than one window of {card.window:g} s: repeated to fill it"


def _coverage(excerpts: Excerpts | None, start: float, duration: float | None) -> str:
    if excerpts is not None:
        return f"{excerpts[0]}x{excerpts[1]:g}"
    return "full" if start == 0 and duration is None else "part"
