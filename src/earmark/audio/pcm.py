"""Decoding by libsndfile: WAV, AIFF, FLAC and other uncompressed or lossless files."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from earmark.audio.decoder import CHUNK_LENGTH, downmix
from earmark.audio.info import AudioInfo, check_claims
from earmark.audio.sniff import Format
from earmark.audio.source import OpenedSource
from earmark.errors import CorruptAudioError


@functools.cache
def _sequential_sound_file() -> Any:
    """Build `SoundFile` without the seek that it does after every read, which costs FLAC 8 % of its time."""
    import soundfile

    class SequentialSoundFile(soundfile.SoundFile):  # type: ignore[misc]
        def seekable(self) -> bool:
            return False

    return SequentialSoundFile


class PcmDecoder:
    """A `Decoder` over libsndfile.

    Raises
    ------
    CorruptAudioError
        If libsndfile refuses the file.
    """

    def __init__(self, source: OpenedSource, format_: Format) -> None:
        import soundfile

        self._name = source.name
        source.file.seek(0)
        try:
            self._file = _sequential_sound_file()(source.file)
        except (soundfile.SoundFileError, OSError, ValueError, TypeError) as error:
            raise CorruptAudioError(
                f"{source.name} cannot be decoded as {format_.name}: {error}", hint="Export or copy it again"
            ) from None
        sr, channels, n = self._file.samplerate, self._file.channels, self._file.frames
        check_claims(source.name, sr=sr, channels=channels)
        duration = n / sr
        self.n_claimed: int | None = n
        self.warnings: list[str] = []
        self.info = AudioInfo(
            duration=duration,
            codec=format_.name if format_.name == "flac" else self._file.subtype.lower(),
            container=format_.name,
            sr=sr,
            channels=channels,
            bitrate=round(source.size * 8 / duration) if duration else None,
            tags={key: value for key, value in self._file.copy_metadata().items() if value},
        )
        self._buffer = np.empty((CHUNK_LENGTH, channels), np.float32)

    def seek(self, sample: int) -> None:
        """Go to a sample."""
        self._file.seek(min(sample, self._file.frames))

    def read(self) -> np.ndarray:
        """Return the next samples [shape=(n,)]."""
        import soundfile

        try:
            chunk = self._file.read(out=self._buffer)
        except (soundfile.SoundFileError, OSError) as error:
            self.warnings.append(f"damaged: {error}")
            return np.empty(0, np.float32)
        return downmix(chunk.T)

    def close(self) -> None:
        """Free the decoder."""
        self._file.close()
