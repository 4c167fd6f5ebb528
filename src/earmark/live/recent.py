"""What of a session is remembered only for a while: its tempo and key of late, and a steady verdict."""

from __future__ import annotations

from earmark.features import FeatureSpec, RecentChroma, estimate_key, tempo
from earmark.predict import FrameTrack

RECENT_SECONDS = 30.0  # long enough for a steady tempo; another song shows after as long


class RecentTrack(FrameTrack):
    """A `FrameTrack` that also knows tempo and key of the last 30 s.

    Parameters
    ----------
    spec : FeatureSpec
        The front end.
    """

    chroma: RecentChroma

    def __init__(self, spec: FeatureSpec) -> None:
        super().__init__(spec)
        self.chroma = RecentChroma(spec, seconds=RECENT_SECONDS)
        self._recent_frames = spec.n_frames(RECENT_SECONDS)

    def recent_tempo(self) -> float | None:
        """Return the tempo of the last 30 s in beats per minute; None where nothing begins."""
        onsets = self.onsets[-self._recent_frames :]
        return (tempo(onsets, self.spec) or None) if len(onsets) else None

    def recent_key(self) -> str | None:
        """Return the key of the last 30 s; None where no pitch class stands out."""
        return estimate_key(self.chroma.recent_mean()) or None

    def forget(self) -> None:
        """Drop the onsets of all but the last 30 s: `tempo` is of these from then on."""
        self._onsets = [self.onsets[-self._recent_frames :].copy()]


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
