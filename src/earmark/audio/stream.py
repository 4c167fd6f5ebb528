"""Sound from any source: as a stream of blocks, or all at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import numpy as np

from earmark.audio.clip import Clip
from earmark.audio.decode.choose import open_decoder
from earmark.audio.decode.clip import ClipDecoder
from earmark.audio.decode.protocol import CHUNK_LENGTH, Decoder, check_samples
from earmark.audio.info import AudioInfo
from earmark.audio.resample import entry, resample_stream
from earmark.audio.source import OpenedSource, Source, open_source
from earmark.errors import EmptyAudioError, InputError, TooShortError, UnreadableAudioError
from earmark.rates import DEFAULT_SR, HIGHEST_SR, LOWEST_SR

# Less than this may be missing at the end without a warning: WMA and Matroska round their lengths.
_TOLERATED_SECONDS = 0.2


def load(
    source: Source, *, sr: int | None = DEFAULT_SR, start: float = 0.0, duration: float | None = None
) -> Clip:
    """Read sound into memory.

    Parameters
    ----------
    source : path, bytes, binary file, ``"-"`` or Clip
        What to read; ``"-"`` is standard input, a file object is read whole from its position 0. The format
        is told from the content, not from the name.
    sr : int or None
        Sampling rate wanted, in Hz; None keeps that of the source.
    start : float
        Where to begin, in seconds. It is reached by seeking, and exact: the samples are those of a full load
        from ``round(start * sr)`` on, up to 1e-5 of full scale where the rate is changed. (Only AAC's noise
        substitution is another noise after every jump.)
    duration : float, optional
        How much to read, in seconds; to the end if not given, and less where the source ends before.

    Returns
    -------
    Clip
        Mono (the mean of the channels), float32, never clipped.

    Raises
    ------
    AudioError
        One subclass for each way in which a source can be bad: see `earmark.errors`. A source that is
        truncated or damaged gives what can be decoded, and a warning in `Clip.warnings`.
    InputError
        If an argument is out of range.
    """
    with open_audio(source, sr=sr) as stream:
        pieces = list(stream.blocks(start=start, duration=duration, block_length=None))
        y = np.concatenate(pieces)
        return Clip(y=y, sr=stream.sr, path=stream.path, start=float(start), warnings=tuple(stream.warnings))


def probe(source: Source) -> AudioInfo:
    """Tell duration, codec, rate, channels and tags of a source without decoding more than two frames.

    Raises
    ------
    AudioError
        As `load` does, for what shows without decoding.
    """
    with open_audio(source) as stream:
        return stream.info


def open_audio(source: Source, *, sr: int | None = DEFAULT_SR) -> AudioStream:
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

    def __init__(self, source: Source, *, sr: int | None = DEFAULT_SR) -> None:
        if sr is not None and not (isinstance(sr, (int, np.integer)) and LOWEST_SR <= sr <= HIGHEST_SR):
            raise InputError(
                f"sr={sr!r} Hz", hint=f"Accepted are whole numbers, {LOWEST_SR:,} to {HIGHEST_SR:,}, or None"
            )
        self._opened: OpenedSource | None = None
        self._decoder: Decoder
        if isinstance(source, Clip):
            self._decoder = ClipDecoder(source)
            self.path, self._name = source.path, source.path or "the clip"
        else:
            self._opened = open_source(source)
            self.path, self._name = self._opened.path, self._opened.name
            self._decoder = _open(self._opened)
        self.info = self._decoder.info
        self.sr = int(sr or self.info.sr)

    @property
    def warnings(self) -> list[str]:
        """What went wrong so far without being fatal."""
        return self._decoder.warnings

    def blocks(
        self, *, start: float = 0.0, duration: float | None = None, block_length: int | None = CHUNK_LENGTH
    ) -> Iterator[np.ndarray]:
        """Read the sound block by block.

        May be called again with another start. Joined, the blocks are what `load` gives.

        Parameters
        ----------
        start, duration : float
            As in `load`, in seconds.
        block_length : int or None
            Samples per block; the last may be shorter. None leaves each block as long as it comes.

        Yields
        ------
        np.ndarray [shape=(block_length,)]
            Mono float32 samples at `sr`, the caller's to keep.
        """
        if not (math.isfinite(start) and start >= 0):
            raise InputError(f"start={start} s", hint="Accepted are 0 s and more")
        if duration is not None and not (math.isfinite(duration) and duration > 0):
            raise InputError(f"duration={duration} s", hint="Accepted is more than 0 s, or None for all")
        if block_length is not None and block_length < 1:
            raise InputError(f"block_length={block_length}", hint="Accepted are 1 sample or more, or None")
        pieces = self._pieces(start, duration)
        return _cut(pieces, block_length) if block_length else pieces

    def _pieces(self, start: float, duration: float | None) -> Iterator[np.ndarray]:
        """Read from output sample `start` on, in pieces of whatever length is at hand."""
        first = round(start * self.sr)
        left = math.inf if duration is None else max(1, round(duration * self.sr))
        sample, drop = entry(first, sr_in=self.info.sr, sr_out=self.sr)
        self._decoder.seek(sample)
        heard = False
        for made in resample_stream(self._chunks(sample), sr_in=self.info.sr, sr_out=self.sr):
            piece = made[drop : int(min(len(made), drop + left))]
            drop = max(0, drop - len(made))
            if len(piece):
                heard, left = True, left - len(piece)
                yield piece
            if not left:
                return
        if not heard:
            self._raise_nothing(start)

    def _chunks(self, position: int) -> Iterator[np.ndarray]:
        """Read the decoder to its end, checking the samples and, at the end, their number."""
        sr = self.info.sr
        while len(chunk := self._decoder.read()):
            check_samples(chunk, name=self._name, offset=position, sr=sr)
            position += len(chunk)
            yield chunk
        claimed = self._decoder.n_claimed
        if claimed and position < claimed - _TOLERATED_SECONDS * sr:
            warning = f"truncated: decoded {position / sr:.1f} s of {claimed / sr:.1f} s"
            if warning not in self.warnings:
                self.warnings.append(warning)

    def _raise_nothing(self, start: float) -> None:
        if start > 0:
            raise TooShortError(
                f"{self._name} has nothing at start={start:g} s",
                hint="Start earlier; probe tells how long it is",
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


def _open(opened: OpenedSource) -> Decoder:
    try:
        return open_decoder(opened)
    except OSError as error:
        opened.close()
        raise UnreadableAudioError(
            f"{opened.name} cannot be read ({error})", hint="Check the disk or the network"
        ) from None
    except BaseException:
        opened.close()
        raise


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
