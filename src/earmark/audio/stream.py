"""Sound from any source: as a stream of blocks, or all at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import numpy as np

from earmark.audio.clip import Clip, checked_sr
from earmark.audio.decode.choose import open_decoder
from earmark.audio.decode.clip import ClipDecoder
from earmark.audio.decode.protocol import CHUNK_LENGTH, Channels, Decoder
from earmark.audio.info import AudioInfo
from earmark.audio.mixdown import Mixdown
from earmark.audio.resample import entry, resample_stream
from earmark.audio.source import OpenedSource, Source, open_source, reason
from earmark.errors import EmptyAudioError, InputError, TooShortError, UnreadableAudioError
from earmark.rates import DEFAULT_SR, HIGHEST_SR, LOWEST_SR

# Less than this may be missing at the end without a warning: WMA and Matroska round their lengths.
_TOLERATED_SECONDS = 0.2

# How far before its end by the header a file is entered to see whether it reaches so far.
_NEAR_END_SECONDS = 0.5


def load(
    source: Source,
    *,
    sr: int | None = DEFAULT_SR,
    start: float = 0.0,
    duration: float | None = None,
    name: str | None = None,
) -> Clip:
    """Read sound into memory.

    Parameters
    ----------
    source : path, bytes, binary file, ``"-"`` or Clip
        What to read; ``"-"`` is standard input, a file object is read whole from its position 0. The format
        is detected from the content, not from the name.
    sr : int or None
        Sampling rate wanted, in Hz; None keeps that of the source.
    start : float
        Where to begin, in seconds. It is reached by seeking, and exact: the samples are those of a full load
        from ``round(start * sr)`` on, up to 1e-5 of full scale where the rate is changed. (Only AAC's noise
        substitution is another noise after every jump.)
    duration : float, optional
        How much to read, in seconds; to the end if not given, and less where the source ends before.
    name : str, optional
        What messages and `Clip.path` call the source, such as the name of an upload that lies in a temporary
        file; by default its path.

    Returns
    -------
    Clip
        Mono, float32, never clipped. The mean of the channels; where they cancel each other, with some of
        them inverted, which is in the warnings (see `earmark.audio.mixdown`).

    Raises
    ------
    AudioError
        One subclass for each way in which a source can be bad: see `earmark.errors`. A source that is
        truncated or damaged gives what can be decoded, and a warning in `Clip.warnings`.
    InputError
        If an argument is out of range.
    """
    with open_audio(source, sr=sr, name=name) as stream:
        pieces = list(stream.blocks(start=start, duration=duration, block_length=None))
        y = np.concatenate(pieces)
        return Clip(y=y, sr=stream.sr, path=stream.path, start=float(start), warnings=tuple(stream.warnings))


def probe(source: Source, *, name: str | None = None) -> AudioInfo:
    """Read duration, codec, rate, channels and tags of a source, decoding no more than two frames.

    Parameters
    ----------
    source, name
        As in `load`.

    Returns
    -------
    AudioInfo

    Raises
    ------
    AudioError
        As `load` does, for what shows without decoding.
    """
    with open_audio(source, name=name) as stream:
        return stream.info


def open_audio(source: Source, *, sr: int | None = DEFAULT_SR, name: str | None = None) -> AudioStream:
    """Open a source for reading in blocks, in constant memory. Arguments and errors are those of `load`."""
    return AudioStream(source, sr=sr, name=name)


class AudioStream:
    """Sound that is read in blocks; a context manager.

    Attributes
    ----------
    info : AudioInfo
        What the header says.
    sr : int
        Sampling rate of the blocks, in Hz.
    path : str or None
        Name of the source, ``"-"`` for standard input.
    warnings : list of str
        Grows while the source is read.
    """

    def __init__(self, source: Source, *, sr: int | None = DEFAULT_SR, name: str | None = None) -> None:
        if sr is not None and not LOWEST_SR <= (sr := checked_sr(sr)) <= HIGHEST_SR:
            raise InputError(
                f"sr={sr!r} Hz", hint=f"Accepted: whole numbers, {LOWEST_SR:,} to {HIGHEST_SR:,}, or None."
            )
        self._opened: OpenedSource | None = None
        self._decoder: Decoder
        if isinstance(source, Clip):
            self._decoder = ClipDecoder(source)
            self.path = name or source.path
            self._name = self.path or "the clip"
        else:
            self._opened = open_source(source, name=name)
            self.path, self._name = self._opened.path, self._opened.name
            self._decoder = _open(self._opened)
        self.info = self._decoder.info
        self._mixdown = Mixdown(self._decoder, name=self._name)
        self.sr = sr or self.info.sr

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
            raise InputError(f"start={start} s", hint="Accepted: 0 s and more.")
        if duration is not None and not (math.isfinite(duration) and duration > 0):
            raise InputError(f"duration={duration} s", hint="Accepted: more than 0 s, or None for all.")
        if block_length is not None and block_length < 1:
            raise InputError(f"block_length={block_length}", hint="Accepted: 1 sample or more, or None.")
        pieces = self._pieces(start, duration)
        return _cut(pieces, block_length) if block_length else pieces

    def channels(self, *, first: int = 0) -> Iterator[Channels]:
        """Read every channel as it is, at the rate of the source, from a sample on.

        Parameters
        ----------
        first : int
            Number of the sample, at the source's own rate.

        Yields
        ------
        sequence of np.ndarray [shape=(n,)]
            Float32 samples of each channel, valid until the next; their number may change on the way.
        """
        self._decoder.seek(first)
        while len(channels := self._decoder.read()):
            yield channels

    def _pieces(self, start: float, duration: float | None) -> Iterator[np.ndarray]:
        """Read from output sample `start` on, in pieces of whatever length is at hand."""
        first = round(start * self.sr)
        left = math.inf if duration is None else max(1, round(duration * self.sr))
        sample, drop = entry(first, sr_in=self.info.sr, sr_out=self.sr)
        self._mixdown.seek(sample)
        n_found = 0
        for made in resample_stream(self._chunks(), sr_in=self.info.sr, sr_out=self.sr):
            piece = made[drop : int(min(len(made), drop + left))]
            drop = max(0, drop - len(made))
            if len(piece):
                n_found, left = n_found + len(piece), left - len(piece)
                yield piece
            if not left:
                return
        if not n_found:
            self._raise_nothing(start)

    def _chunks(self) -> Iterator[np.ndarray]:
        """Read to the end, and then compare the number of samples with what was claimed."""
        while len(chunk := self._mixdown.read()):
            yield chunk
        self._check_length()

    def _check_length(self) -> None:
        """Compare where the sound has ended with what the header claims."""
        claimed, end, sr = self._decoder.n_claimed, self._decoder.end, self.info.sr
        if claimed and end is not None and end < claimed - _TOLERATED_SECONDS * sr:
            text = "truncated: decoded "
            self.warnings[:] = [warning for warning in self.warnings if not warning.startswith(text)]
            self.warnings.append(f"{text}{end / sr:.1f} s of {claimed / sr:.1f} s")

    def measured_duration(self) -> float | None:
        """Duration in seconds of what is there; the header may claim another one of a cut or joined file.

        The end is looked for where the header has it. Only if it is not there, all of the sound is decoded.

        Returns
        -------
        float or None
            None where no duration is known without reading to the end: of a pipe, for instance.
        """
        claimed = self.info.duration
        if claimed is None or (self._opened is not None and self._opened.size is None):
            return None
        self._mixdown.seek(max(0, round((claimed - _NEAR_END_SECONDS) * self.info.sr)))
        for _ in self._chunks():
            pass
        end = self._decoder.end
        near = end is None or abs(end / self.info.sr - claimed) < _TOLERATED_SECONDS
        return claimed if near or end is None else end / self.info.sr

    def reaches(self, seconds: float) -> bool | None:
        """Whether there is sound at a time, whatever the header claims.

        Parameters
        ----------
        seconds : float
            From the start of the source.

        Returns
        -------
        bool or None
            None for a pipe, which cannot be entered.
        """
        if self._opened is not None and self._opened.size is None:
            return None
        self._mixdown.seek(round(seconds * self.info.sr))
        return len(self._mixdown.read()) > 0

    def _raise_nothing(self, start: float) -> None:
        end = self._decoder.end
        if start > 0 and end != 0:
            where = "" if end is None else f", it ends at {end / self.info.sr:.2f} s"
            raise TooShortError(
                f"{self._name} has nothing at start={start:g} s{where}", hint="Try: an earlier start."
            )
        raise EmptyAudioError(f"{self._name} holds no samples", hint="Try: record or export it again.")

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
            f"{opened.name} cannot be read ({reason(error)})", hint="Try: check the disk or the network."
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
