"""Decoding by libsndfile: WAV, AIFF, FLAC and other uncompressed or lossless files."""

from __future__ import annotations

import contextlib
import functools
from typing import Any, BinaryIO

import numpy as np

from earmark.audio.decode.ffmpeg import FfmpegDecoder
from earmark.audio.decode.protocol import CHUNK_LENGTH, Channels
from earmark.audio.formats.headers import Claims
from earmark.audio.formats.sniff import Format
from earmark.audio.info import AudioInfo, check_claims
from earmark.audio.source import OpenedSource
from earmark.errors import AudioError, CorruptAudioError, EmptyAudioError


@functools.cache
def _sequential_sound_file() -> Any:
    """Build `SoundFile` without the seek that it does after every read: 8 % of the time of a FLAC."""
    import soundfile

    class SequentialSoundFile(soundfile.SoundFile):  # type: ignore[misc]
        def seekable(self) -> bool:
            return False

    return SequentialSoundFile


class _WatchedFile:
    """A file whose errors are kept: raised within libsndfile's callback they would end on stderr."""

    def __init__(self, file: BinaryIO) -> None:
        self.error: OSError | None = None
        self.tell, self._file = file.tell, file

    def read(self, n: int) -> bytes:
        try:
            return self._file.read(n)
        except OSError as error:
            self.error = error
            return b""

    def seek(self, offset: int, whence: int) -> None:
        # A damaged header may point before the beginning; libsndfile looks at `tell` to see what came of it.
        with contextlib.suppress(OSError, ValueError, OverflowError):
            self._file.seek(offset, whence)


class SoundfileDecoder:
    """A `Decoder` over libsndfile.

    Parameters
    ----------
    n_claimed : int or None
        Number of samples by the header; libsndfile itself corrects it where the file is shorter.

    Raises
    ------
    CorruptAudioError, EmptyAudioError
        If libsndfile refuses the file, or sees no samples in it.
    """

    def __init__(self, source: OpenedSource, format_: Format, *, n_claimed: int | None = None) -> None:
        import soundfile

        self._source, self._format = source, format_
        self._watched = _WatchedFile(source.spool())
        try:
            self._file = _sequential_sound_file()(self._watched)
        except (soundfile.SoundFileError, OSError, ValueError, TypeError) as error:
            reason = str(error).rpartition(": ")[2]
            raise CorruptAudioError(
                f"{source.name} looks like {format_.name} but cannot be opened ({reason})",
                hint="Try: export, copy or download it again; it is damaged or cut short.",
            ) from None
        self.info = self._read_info()
        check_claims(source.name, sr=self.info.sr, channels=self.info.channels)
        if not self._file.frames:
            raise EmptyAudioError(f"{source.name} holds no samples", hint="Try: record or export it again.")
        self.n_claimed = n_claimed or self._file.frames
        self.warnings: list[str] = []
        self.end: int | None = None
        # Of many channels, fewer samples at a time.
        length = max(1024, min(CHUNK_LENGTH, 8 * CHUNK_LENGTH // self.info.channels))
        self._buffer = np.empty((length, self.info.channels), np.float32)
        self._position = 0
        self._relay: FfmpegDecoder | None = None
        self._given_up = False

    def _read_info(self) -> AudioInfo:
        file = self._file
        duration = file.frames / max(file.samplerate, 1)
        return AudioInfo(
            duration=duration,
            codec="flac" if self._format.name == "flac" else file.subtype.lower(),
            container=self._format.name,
            sr=file.samplerate,
            channels=file.channels,
            bitrate=round((self._source.sound_size or 0) * 8 / duration) if duration else None,
            tags={key: value for key, value in file.copy_metadata().items() if value},
        )

    def seek(self, sample: int) -> None:
        """Go to a sample."""
        import soundfile

        self._position = min(sample, self._file.frames)
        if self._relay is None:
            try:
                self._file.seek(self._position)
            except soundfile.SoundFileError as error:
                self._relay_to_ffmpeg(str(error))
        if self._relay:
            self._relay.seek(self._position)

    def read(self) -> Channels:
        """Return the next samples of every channel."""
        import soundfile

        if self._relay:
            channels = self._relay.read()
            self.end = self._relay.end
            return channels
        if self._given_up:
            self.end = self._position
            return []
        try:
            chunk = self._file.read(out=self._buffer)
        except (soundfile.SoundFileError, OSError) as error:
            self._relay_to_ffmpeg(str(error))
            return self.read()
        if self._watched.error:
            self.warnings.append(f"damaged: reading stopped ({self._watched.error})")
            self._watched.error = None
        self._position += len(chunk)
        if not len(chunk):
            self.end = self._position
            return []
        stereo: np.ndarray = chunk.T
        return stereo

    def _relay_to_ffmpeg(self, complaint: str) -> None:
        """Let FFmpeg go on from here: it steps over damaged frames, where libsndfile stops."""
        try:
            self._relay = FfmpegDecoder(self._source, self._format, claims=Claims(n=self.n_claimed))
        except AudioError:
            self._given_up = True
            self.warnings.append(f"damaged: {complaint.rpartition(': ')[2].strip(' .')}")
            return
        self._relay.warnings = self.warnings
        self._relay.seek(self._position)

    def close(self) -> None:
        """Free the decoder."""
        if self._relay:
            self._relay.close()
        self._file.close()
