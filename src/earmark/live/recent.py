"""What of a session is remembered only for a while: its tempo and key of late, and a steady verdict."""

from __future__ import annotations

from collections import deque

import numpy as np

from earmark.features import FeatureSpec, RecentTonalStream
from earmark.predict import FrameTrack

RECENT_SECONDS = 30.0  # long enough for a steady tempo; another song shows after as long
_N_EXPECTED = 15  # expected tempi whose mean counts: of 30 s, if the tempo is computed every 2 s


class RecentTrack(FrameTrack):
    """A `FrameTrack` that also knows tempo and key of the last 30 s.

    Parameters
    ----------
    spec : FeatureSpec
        The front end.
    """

    tonal: RecentTonalStream

    def __init__(self, spec: FeatureSpec) -> None:
        super().__init__(spec)
        self.tonal = RecentTonalStream(spec, seconds=RECENT_SECONDS)
        self._recent_frames = spec.n_frames(RECENT_SECONDS)
        self._expected: deque[float] = deque(maxlen=_N_EXPECTED)

    def recent_tempo(self, expected: float | None = None) -> float | None:
        """Return the tempo of the last 30 s in beats per minute; None where nothing begins.

        `expected` is the tempo to expect of the latest window: the mean of the last 15 counts.
        """
        if expected is not None:
            self._expected.append(expected)
        usual = float(np.exp(np.log(self._expected).mean())) if self._expected else None
        first = max(0, self.pulse.n_frames - self._recent_frames)
        found = self.pulse.candidates(first, expected=usual)
        return found[0].tempo if found else None

    def recent_key(self) -> str | None:
        """Return the key of the last 30 s; None where no pitch class stands out."""
        found = self.tonal.recent_key_candidates()
        return found[0].key if found else None

    def forget(self) -> None:
        """Drop the beats of all but the last minute or so: `tempo` is of these from then on."""
        self.pulse.forget(self._recent_frames)


class SteadyVerdict:
    """Reports a new verdict once two answers in a row have it, so that one odd window changes nothing.

    Silence begins and ends at once: a whole window of it is no oddity.

    Examples
    --------
    >>> steady = SteadyVerdict()
    >>> [steady.after(one) for one in ("music", "unsure", "music", "unsure", "unsure", "silence")]
    ['music', 'music', 'music', 'music', 'unsure', 'silence']
    """

    def __init__(self) -> None:
        self._shown = self._before = "silence"

    def after(self, verdict: str) -> str:
        """Take the verdict of the next answer and return the one to report."""
        if "silence" in (verdict, self._shown) or verdict == self._before:
            self._shown = verdict
        self._before = verdict
        return self._shown
