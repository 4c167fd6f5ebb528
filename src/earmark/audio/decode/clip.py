"""A clip that is in memory already, read like any other source."""

from __future__ import annotations

from earmark.audio.clip import Clip
from earmark.audio.decode.protocol import CHUNK_LENGTH, Channels
from earmark.audio.info import AudioInfo, check_claims


class ClipDecoder:
    """A `Decoder` over a `Clip`."""

    def __init__(self, clip: Clip) -> None:
        check_claims(clip.path or "the clip", sr=clip.sr, channels=1)
        self._y, self._position = clip.y, 0
        self.n_claimed: int | None = None
        self.end: int | None = len(clip.y)
        self.warnings = list(clip.warnings)
        self.info = AudioInfo(
            duration=clip.duration, codec="float32", container="memory", sr=clip.sr, channels=1, bitrate=None
        )

    def seek(self, sample: int) -> None:
        """Go to a sample."""
        self._position = sample

    def read(self) -> Channels:
        """Return the next samples, of one channel."""
        chunk = self._y[self._position : self._position + CHUNK_LENGTH]
        self._position += len(chunk)
        return [chunk] if len(chunk) else []

    def close(self) -> None:
        """Do nothing: the clip is the caller's."""
