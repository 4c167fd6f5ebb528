"""Which frames of a front end make up a window that is counted in the frames of another."""

from __future__ import annotations

from dataclasses import dataclass

from earmark.features import FeatureSpec


@dataclass(frozen=True)
class WindowFrames:
    """The frames of one front end in a window of a model.

    Windows begin at frames of the main front end of the model's card. Where hop lengths differ, that moment
    lies between two frames of another front end, and the nearer one is its first: the frames of a further
    front end begin up to half a hop before or after the window.

    Parameters
    ----------
    spec : FeatureSpec
        The front end.
    n_frames : int
        Its frames in a window: for a further front end, as `further` counts them.
    start_length : int
        Samples from one frame of the main front end to the next.

    Examples
    --------
    >>> frames = WindowFrames.further(FeatureSpec(hop_length=221), length=129 * 512, start_length=512)
    >>> frames.n_frames, frames.first(129), frames.last_start(598)
    (299, 299, 129)
    """

    spec: FeatureSpec
    n_frames: int
    start_length: int

    @classmethod
    def further(cls, spec: FeatureSpec, *, length: int, start_length: int) -> WindowFrames:
        """Return those of a further front end in a window of `length` samples; maybe 0 of a very short one.

        As many as have their centre in the window even where the first lies half a hop after its start:
        ``first(start) * hop_length <= start * start_length + hop_length // 2``, so that the centre of the
        last frame is at most ``hop_length // 2 + length - hop_length // 2`` after the start. Whatever sound
        holds all frames of the main front end holds these, too; none is ever missing at its end.
        """
        hop_length = spec.hop_length
        return cls(spec, max(0, 1 + (length - hop_length // 2) // hop_length), start_length)

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the frames of one window: (n_mels, n_frames)."""
        return self.spec.n_mels, self.n_frames

    @property
    def size(self) -> int:
        """Numbers in the frames of one window."""
        return self.spec.n_mels * self.n_frames

    @property
    def first_length(self) -> int:
        """Samples of sound from which on all frames of its first window are there."""
        return (self.n_frames - 1) * self.spec.hop_length + self.spec.n_fft // 2

    def first(self, start: int) -> int:
        """Return the first frame of the window that begins at that frame of the main front end."""
        return round(start * self.start_length / self.spec.hop_length)

    def last_start(self, n_frames: int) -> int:
        """Return where the last window begins that the first `n_frames` frames of a sound suffice for.

        In frames of the main front end; -1 where they suffice for none.
        """
        first = n_frames - self.n_frames
        if first < 0:
            return -1
        start = (2 * first + 1) * self.spec.hop_length // (2 * self.start_length)
        return start if self.first(start) <= first else start - 1  # a half may be rounded up
