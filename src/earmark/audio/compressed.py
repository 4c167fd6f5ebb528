"""Decoding by FFmpeg (PyAV): every compressed format, and any container."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from earmark.audio.decoder import CHUNK_LENGTH, downmix
from earmark.audio.info import AudioInfo, check_claims
from earmark.audio.sniff import Format
from earmark.audio.source import OpenedSource
from earmark.errors import CorruptAudioError, NoAudioTrackError

# Sound to decode and drop before a start: a lossy frame needs its predecessors (MP3 keeps up to 511 bytes of
# a frame in earlier ones, 22 frames at the lowest rate; Opus converges within 80 ms).
PREROLL_SECONDS = 1.0


class CompressedDecoder:
    """A `Decoder` over FFmpeg.

    Raises
    ------
    NoAudioTrackError
        If the container holds pictures alone.
    CorruptAudioError
        If FFmpeg refuses the file, or not one frame can be decoded.
    """

    def __init__(self, source: OpenedSource, format_: Format) -> None:
        import av

        self._source, self._name = source, source.name
        source.file.seek(0)
        try:
            self._container = av.open(source.file, "r", format=format_.demuxer, metadata_errors="replace")
        except (av.FFmpegError, OSError, ValueError) as error:
            raise CorruptAudioError(
                f"{source.name} cannot be decoded as {format_.name}: {error}", hint="Export or copy it again"
            ) from None
        if not self._container.streams.audio:
            raise NoAudioTrackError(
                f"{source.name} ({format_.name}) has no audio track", hint="Give a file with sound"
            )
        self._stream: Any = self._container.streams.audio[0]
        self.warnings: list[str] = []
        self._frames: Iterator[Any] = self._decode()
        self._fifo: Any = av.AudioFifo()
        self._position = 0
        self.info = self._read_info(format_)
        self.n_claimed: int | None = None
        check_claims(source.name, sr=self.info.sr, channels=self.info.channels)

    def _read_info(self, format_: Format) -> AudioInfo:
        stream, container = self._stream, self._container
        duration = None
        if stream.duration is not None:
            duration = float(stream.duration * stream.time_base)
        elif container.duration is not None:
            duration = container.duration / 1e6
        tags = {**container.metadata, **stream.metadata}
        return AudioInfo(
            duration=duration,
            codec=stream.codec_context.name,
            container=format_.name,
            sr=stream.codec_context.sample_rate,
            channels=stream.codec_context.channels,
            bitrate=stream.bit_rate or container.bit_rate or None,
            tags={str(key).lower(): str(value) for key, value in tags.items()},
        )

    def _decode(self) -> Iterator[Any]:
        import av

        try:
            for packet in self._container.demux(self._stream):
                try:
                    yield from packet.decode()
                except av.InvalidDataError:
                    if "damaged" not in self.warnings:
                        self.warnings.append("damaged")
        except (av.FFmpegError, OSError) as error:
            self.warnings.append(f"damaged: {error}")

    def seek(self, sample: int) -> None:
        """Go to a sample."""
        import av

        if sample < self._position or self._position:
            self._container.seek(0, stream=self._stream)
            self._frames = self._decode()
        self._fifo = av.AudioFifo()
        self._position = sample
        self._skip = sample

    _skip = 0

    def read(self) -> np.ndarray:
        """Return the next samples [shape=(n,)]."""
        fifo = self._fifo
        while fifo.samples < CHUNK_LENGTH + self._skip:
            frame = next(self._frames, None)
            if frame is None:
                break
            frame.pts = None
            fifo.write(frame)
            while self._skip and fifo.samples:
                n = min(self._skip, fifo.samples)
                fifo.read(n)
                self._skip -= n
        frame = fifo.read(min(CHUNK_LENGTH, fifo.samples)) if fifo.samples else None
        if frame is None:
            return np.empty(0, np.float32)
        y = downmix(_channels(frame))
        self._position += len(y)
        return y

    def close(self) -> None:
        """Free the decoder."""
        self._frames = iter(())
        self._container.close()


def _channels(frame: Any) -> np.ndarray:
    """Samples of a frame [shape=(n_channels, n)] as float32, full scale 1."""
    samples = frame.to_ndarray()
    if frame.format.is_packed:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype == np.float32:
        return samples  # type: ignore[no-any-return]
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128  # type: ignore[no-any-return]
    if samples.dtype.kind == "i":
        return samples.astype(np.float32) * np.float32(2.0 ** (1 - 8 * samples.dtype.itemsize))  # type: ignore[no-any-return]
    return samples.astype(np.float32)  # type: ignore[no-any-return]
