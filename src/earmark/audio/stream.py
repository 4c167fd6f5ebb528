"""Sound from any source: as a stream of blocks, or all at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import numpy as np

from earmark.audio.clip import Clip
from earmark.audio.compressed import CompressedDecoder
from earmark.audio.decoder import CHUNK_LENGTH, Decoder, check_finite
from earmark.audio.info import HIGHEST_SR, LOWEST_SR, AudioInfo
from earmark.audio.pcm import PcmDecoder
from earmark.audio.resample import entry, resample_stream
from earmark.audio.sniff import Format, sniff, what_else
from earmark.audio.source import OpenedSource, Source, open_source
from earmark.errors import AudioError, EmptyAudioError, InputError, TooShortError, UnknownFormatError


def load(
    source: Source, *, sr: int | None = 22050, start: float = 0.0, duration: float | None = None
) -> Clip:
    """Read sound into memory.

    Parameters
    ----------
    source : path, bytes, binary file, ``"-"`` or Clip
        What to read; ``"-"`` is standard input. The format is told from the content.
    sr : int or None
        Sampling rate wanted, in Hz; None keeps that of the source.
    start : float
        Where to begin, in seconds, exact to the sample.
    duration : float, optional
        How much to read, in seconds; to the end if not given, and less where the source ends before.

    Returns
    -------
    Clip
        Mono (the mean of the channels), float32, never clipped.

    Raises
    ------
    AudioError
        One subclass for each way in which a source can be bad: see `earmark.errors`.
    InputError
        If an argument is out of range.
    """
    with open_audio(source, sr=sr) as stream:
        pieces = list(stream._pieces(start, duration))
        y = np.concatenate(pieces) if len(pieces) != 1 else pieces[0]
        return Clip(y=y, sr=stream.sr, path=stream.path, start=float(start), warnings=tuple(stream.warnings))


def probe(source: Source) -> AudioInfo:
    """Tell duration, codec, rate, channels and tags of a source without decoding it.

    Raises
    ------
    AudioError
        As `load` does, for what shows without decoding.
    """
    with open_audio(source) as stream:
        return stream.info


def open_audio(source: Source, *, sr: int | None = 22050) -> AudioStream:
    """Open a source for reading in blocks, in constant memory. Arguments and errors are those of `load`."""
    return AudioStream(source, sr=sr)


class AudioStream:
    """Sound that is read in blocks; a context manager.

    Attributes
    ----------
    info : AudioInfo
        What the source says of itself.
    sr : int
        Sampling rate of the blocks, in Hz.
    path : str or None
        Name of the source, ``"-"`` for standard input.
    warnings : list of str
        Grows while the source is read.
    """

    def __init__(self, source: Source, *, sr: int | None = 22050) -> None:
        if sr is not None and not LOWEST_SR <= sr <= HIGHEST_SR:
            raise InputError(f"sr={sr} Hz", hint=f"Accepted are {LOWEST_SR:,} to {HIGHEST_SR:,} Hz, or None")
        self._opened: OpenedSource | None = None
        self._decoder: Decoder
        if isinstance(source, Clip):
            self._decoder, self.path, self._name = (
                _ClipDecoder(source),
                source.path,
                source.path or "the given clip",
            )
        else:
            self._opened = open_source(source)
            self.path, self._name = self._opened.path, self._opened.name
            try:
                self._decoder = _decoder(self._opened)
            except BaseException:
                self._opened.close()
                raise
        self.info = self._decoder.info
        self.sr = sr or self.info.sr

    @property
    def warnings(self) -> list[str]:
        """What went wrong so far without being fatal."""
        return self._decoder.warnings

    def blocks(
        self, *, start: float = 0.0, duration: float | None = None, block_length: int = CHUNK_LENGTH
    ) -> Iterator[np.ndarray]:
        """Read the sound block by block.

        May be called again with another start. Joined, the blocks are what `load` gives.

        Parameters
        ----------
        start, duration : float
            As in `load`, in seconds.
        block_length : int
            Samples per block; the last may be shorter.

        Yields
        ------
        np.ndarray [shape=(block_length,)]
            Mono float32 samples at `sr`; a new array each time.
        """
        if block_length < 1:
            raise InputError(f"block_length={block_length}", hint="Accepted are 1 sample or more")
        return _cut(self._pieces(start, duration), block_length)

    def _pieces(self, start: float, duration: float | None) -> Iterator[np.ndarray]:
        """Read the sound in pieces of whatever length is at hand."""
        if not (math.isfinite(start) and start >= 0):
            raise InputError(f"start={start} s", hint="Accepted are 0 s and more")
        if duration is not None and not (math.isfinite(duration) and duration > 0):
            raise InputError(f"duration={duration} s", hint="Accepted is more than 0 s, or None for all")
        first = round(start * self.sr)
        wanted = None if duration is None else round(duration * self.sr)
        sample, drop = entry(first, sr_in=self.info.sr, sr_out=self.sr)
        self._decoder.seek(sample)
        given = 0
        for piece in resample_stream(self._chunks(sample), sr_in=self.info.sr, sr_out=self.sr):
            if drop >= len(piece):
                drop -= len(piece)
                continue
            end = len(piece) if wanted is None else min(len(piece), drop + wanted - given)
            piece, drop = piece[drop:end], 0
            given += len(piece)
            yield piece
            if given == wanted:
                return
        if not given:
            self._raise_nothing(start)

    def _chunks(self, position: int) -> Iterator[np.ndarray]:
        """Read the decoder to its end, checking the samples and, at the end, their number."""
        while len(chunk := self._decoder.read()):
            check_finite(chunk, name=self._name, offset=position, sr=self.info.sr)
            position += len(chunk)
            yield chunk
        claimed = self._decoder.n_claimed
        if claimed and position < claimed - self.info.sr // 10:
            heard, whole = position / self.info.sr, claimed / self.info.sr
            self.warnings.append(f"truncated: decoded {heard:.1f} s of {whole:.1f} s")

    def _raise_nothing(self, start: float) -> None:
        if start > 0:
            raise TooShortError(
                f"{self._name} has nothing at start={start:g} s",
                hint="Start earlier; probe tells its duration",
            )
        raise EmptyAudioError(f"{self._name} holds no samples", hint="Record or export it again")

    def close(self) -> None:
        """Free the decoder and the file."""
        self._decoder.close()
        if self._opened:
            self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _decoder(opened: OpenedSource) -> Decoder:
    """Choose the decoder by content; where libsndfile refuses, FFmpeg may not."""
    head, _ = opened.head()
    format_ = sniff(head)
    if format_ is None:
        what = what_else(head)
        raise UnknownFormatError(
            f"{opened.name} is {what or 'of no known format'}", hint="Accepted are WAV, FLAC, MP3, ..."
        )
    if format_.pcm:
        try:
            return PcmDecoder(opened, format_)
        except AudioError as refused:
            try:
                return CompressedDecoder(opened, format_)
            except AudioError:
                raise refused from None
    return CompressedDecoder(opened, format_)


class _ClipDecoder:
    """A `Decoder` over a clip that is in memory already."""

    def __init__(self, clip: Clip) -> None:
        self._y = np.ascontiguousarray(clip.y, np.float32)
        self._position = 0
        self.n_claimed: int | None = None
        self.warnings = list(clip.warnings)
        self.info = AudioInfo(clip.duration, "clip", "clip", clip.sr, 1)

    def seek(self, sample: int) -> None:
        """Go to a sample."""
        self._position = sample

    def read(self) -> np.ndarray:
        """Return the next samples [shape=(n,)]."""
        chunk = self._y[self._position : self._position + CHUNK_LENGTH]
        self._position += len(chunk)
        return chunk

    def close(self) -> None:
        """Do nothing: the clip is the caller's."""


def _cut(pieces: Iterator[np.ndarray], block_length: int) -> Iterator[np.ndarray]:
    """Cut pieces of any length into blocks of one length."""
    block, filled = np.empty(block_length, np.float32), 0
    for piece in pieces:
        taken = 0
        while taken < len(piece):
            n = min(block_length - filled, len(piece) - taken)
            block[filled : filled + n] = piece[taken : taken + n]
            filled, taken = filled + n, taken + n
            if filled == block_length:
                yield block
                block, filled = np.empty(block_length, np.float32), 0
    if filled:
        yield block[:filled]
