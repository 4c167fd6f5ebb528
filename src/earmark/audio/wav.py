"""A part of a source as the bytes of a WAV file, for players that know files only."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from earmark.audio.decode.protocol import Channels
from earmark.audio.source import Source
from earmark.audio.stream import open_audio
from earmark.errors import InputError

HEADER_LENGTH = 44
_FULL_SCALE = 32_768
_MOST_BYTES = 2**32 - 1  # that the header can name; what is longer is said to have these
_SILENCE_LENGTH = 65_536


class WavExcerpt:
    """A part of a source as a WAV file of 16 bits, at the rate and with the channels of the source.

    The bytes are made when they are read, from any of them on. Those of a lossless source of 16 bits are its
    own samples. There are as many as was said at the beginning: where the source ends earlier, silence.

    Parameters
    ----------
    source, name
        As of `load`.
    start, duration : float
        Which part, in seconds.

    Attributes
    ----------
    size : int
        Bytes of the WAV file.

    Raises
    ------
    AudioError
        As `open_audio`.
    InputError
        If the part is empty.

    Examples
    --------
    >>> from earmark.audio import Clip
    >>> excerpt = WavExcerpt(Clip(np.ones(100, np.float32), 50), start=1.0, duration=0.5)
    >>> excerpt.size, len(b"".join(excerpt.chunks(0, excerpt.size)))
    (94, 94)
    """

    def __init__(self, source: Source, *, start: float, duration: float, name: str | None = None) -> None:
        self._stream = open_audio(source, sr=None, name=name)
        info = self._stream.info
        self._first, self._channels = round(start * info.sr), info.channels
        n = round(duration * info.sr)
        if n < 1 or self._first < 0:
            self.close()
            raise InputError(f"start={start:g} s, duration={duration:g} s", hint="Accepted: 0 s and more.")
        n_bytes = 2 * n * info.channels
        self.size = HEADER_LENGTH + n_bytes
        self._header = header(info.sr, info.channels, n_bytes)

    def chunks(self, begin: int, end: int) -> Iterator[bytes]:
        """Yield the bytes of the file from `begin` to before `end`."""
        if head := self._header[begin:end]:
            yield head
        skip = max(0, begin - HEADER_LENGTH)
        left = end - max(begin, HEADER_LENGTH)
        frame = 2 * self._channels
        skipped = skip % frame
        if left <= 0:
            return
        for channels in self._stream.channels(first=self._first + skip // frame):
            data = interleaved(channels, self._channels).tobytes()[skipped : skipped + left]
            skipped = 0
            left -= len(data)
            yield data
            if not left:
                return
        while left:
            yield bytes(n := min(left, _SILENCE_LENGTH))
            left -= n

    def close(self) -> None:
        """Free the decoder."""
        self._stream.close()


def header(sr: int, channels: int, n_bytes: int) -> bytes:
    """Return what stands before `n_bytes` of samples of 16 bits."""
    frame = 2 * channels
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, sr, sr * frame, frame, 16)
    data = struct.pack("<4sI", b"data", min(n_bytes, _MOST_BYTES))
    riff = min(4 + len(form) + len(data) + n_bytes, _MOST_BYTES)
    return struct.pack("<4sI4s", b"RIFF", riff, b"WAVE") + form + data


def interleaved(channels: Channels, n_channels: int) -> npt.NDArray[np.int16]:
    """Return samples as 16 bits [shape=(n, n_channels)]; a channel that is missing is the last one again."""
    rows = [channels[min(i, len(channels) - 1)] for i in range(n_channels)]
    y = np.nan_to_num(np.stack(rows, axis=1)).clip(-1, 1) * np.float32(_FULL_SCALE)
    samples: npt.NDArray[np.int16] = np.minimum(np.rint(y), _FULL_SCALE - 1).astype("<i2")
    return samples
