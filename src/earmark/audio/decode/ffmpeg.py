"""Decoding by FFmpeg (PyAV): every compressed format, and any container.

Delays of encoders: what a container says of its encoder's delay (LAME tag, edit list, Opus pre-skip) FFmpeg
removes, so that sample 0 is the first that went into the encoder; the padding at the end goes likewise. Where
nothing is said (bare AAC, MP3 without a LAME tag, WMA) the delay stays in the sound.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from earmark.audio.decode.container import decoder_of, describe, open_container, promised_length, reason
from earmark.audio.decode.protocol import CHUNK_LENGTH, Downmix
from earmark.audio.formats.sniff import Format
from earmark.audio.info import check_claims
from earmark.audio.pipe import Pipe
from earmark.audio.source import OpenedSource
from earmark.errors import CorruptAudioError, EmptyAudioError, InputError

if TYPE_CHECKING:
    from av import AudioFrame

# Sound that is decoded and dropped before a start, because a lossy frame leans on those before it: MP3 keeps
# up to 511 bytes of a frame in earlier ones (0.51 s at its lowest rate), Opus converges within 0.08 s.
PREROLL_SECONDS = 0.6

# Containers without time stamps, where FFmpeg can only guess where a time is.
_NO_TIME_STAMPS = {"aac", "ac3", "amr", "mpc", "mpc8"}

# The most that an encoder adds at the end to fill its last frame: two frames of HE-AAC.
_MOST_PADDING = 4096


class CompressedDecoder:
    """A `Decoder` over FFmpeg.

    Parameters
    ----------
    n_claimed : int, optional
        Number of samples by the header, where it is known better than FFmpeg knows it.

    Raises
    ------
    AudioError
        `CorruptAudioError`, `NoAudioTrackError`, `UnknownFormatError` or `EmptyAudioError` if there is
        nothing to decode.
    """

    _frames: Iterator[AudioFrame]

    def __init__(self, source: OpenedSource, format_: Format, *, n_claimed: int | None = None) -> None:
        self.warnings: list[str] = []
        self._source, self._format = source, format_
        self._downmix, self._n_damaged, self._n_other_rate = Downmix(), 0, 0
        self._open()
        try:
            first, clock = self._first_frames()
            self.info = describe(self._container, self._stream, first, format_=format_, size=source.size)
            check_claims(source.name, sr=self.info.sr, channels=self.info.channels)
        except BaseException:
            self.close()
            raise
        self._n_first = first.samples
        self._origin = self._find_origin(clock, 0 if clock is first else first.samples)
        if n_claimed:
            self.info = replace(self.info, duration=n_claimed / self.info.sr)
        self.n_claimed = n_claimed or promised_length(
            self._container, self._stream, self.info, format_=format_
        )

    def _open(self) -> None:
        self._container, self._stream = open_container(self._source, self._format)
        self._context = decoder_of(self._stream)
        self._begin(self._decode(), at=0)

    def _reopen(self) -> None:
        """Go back to the beginning; by opening it again, for then every delay is removed again."""
        if isinstance(self._source.file, Pipe):
            raise InputError(
                f"{self._source.name} is a pipe and cannot go back",
                hint="Read it in order, or save it to a file",
            )
        self.close()
        self._open()

    def close(self) -> None:
        """Free the decoder."""
        self._begin(iter(()), at=0)
        self._container.close()

    def _decode(self) -> Iterator[AudioFrame]:
        """Yield frames to the end; packets that are damaged are left out and counted."""
        import av

        try:
            for packet in self._container.demux(self._stream):
                try:
                    frames = self._context.decode(packet)
                except av.FFmpegError:
                    self._n_damaged += 1
                    self._warn("damaged: packets that could not be decoded", self._n_damaged)
                    continue
                yield from frames
        except IndexError:
            return  # the end, where PyAV stumbles over a track that has appeared on the way
        except (av.FFmpegError, OSError) as error:
            self._warn(f"damaged: reading stopped ({reason(error)})")

    def _warn(self, text: str, count: int = 0) -> None:
        """Add a warning, or bring its count up to date."""
        self.warnings[:] = [warning for warning in self.warnings if not warning.startswith(text)]
        self.warnings.append(f"{text}: {count}" if count else text)

    def _first_frames(self) -> tuple[AudioFrame, AudioFrame]:
        """Look at the first frame, and at the second (else the first again), whose time stamp is the better.

        Of the first frame a decoder may leave out the encoder's delay without telling it by the time stamp.
        """
        pair = list(itertools.islice(self._frames, 2))
        self._frames = itertools.chain(pair, self._frames)
        if pair:
            return pair[0], pair[-1]
        name, kind = self._source.name, self._format.name
        if self.warnings:
            raise CorruptAudioError(
                f"{name} ({kind}) holds no sound that can be decoded ({self.warnings[0]})",
                hint="It is damaged or cut short: export, copy or download it again",
            )
        raise EmptyAudioError(f"{name} ({kind}) holds no samples", hint="Record or export it again")

    def _begin(self, frames: Iterator[AudioFrame], *, at: int) -> None:
        """Let the first sample of these frames count as sample `at`.

        From here on `_at` counts the samples that came out of the queue, and `read` drops those before
        `_target`.
        """
        import av

        self._frames = frames
        self._queue, self._shape = av.AudioFifo(), ("", 0)
        self._held: AudioFrame | None = None
        self._ready: AudioFrame | None = None
        self._at = self._target = at

    def read(self) -> np.ndarray:
        """Return the next samples [shape=(n,)]."""
        while (joined := self._next_joined()) is not None:
            y, begin = self._mix(joined), self._at
            self._at += len(y)
            if self.n_claimed is not None and begin <= self.n_claimed < self._at:
                y = y[: len(y) - self._n_padding()]
            y = y[max(0, self._target - begin) :]
            if len(y):
                return y
        return np.empty(0, np.float32)

    def _mix(self, frame: AudioFrame) -> np.ndarray:
        channels, full_scale = _channels(frame)
        return self._downmix(channels, full_scale=full_scale)

    def _n_padding(self) -> int:
        """How many samples, up to `_at`, fill the last frame; FFmpeg leaves them in MP4 and in piped MP3.

        They are padding only if the sound ends here. Otherwise the header was wrong, and the sound goes on.
        """
        rest = self._next_joined()
        excess = self._at - (self.n_claimed or 0) + (rest.samples if rest else 0)
        if excess > _MOST_PADDING:
            self._ready = rest
            return 0
        self._frames = iter(())
        return excess - (rest.samples if rest else 0)

    def _next_joined(self) -> AudioFrame | None:
        """Join short frames into long ones, so that Python's share of the time is small."""
        if self._ready is not None:
            ready, self._ready = self._ready, None
            return ready
        queue = self._queue
        while queue.samples < CHUNK_LENGTH:
            frame, self._held = self._held or next(self._frames, None), None
            if frame is None:
                break
            if frame.sample_rate != self.info.sr:
                self._n_other_rate += 1
                self._warn("damaged: frames of another sampling rate left out", self._n_other_rate)
                continue
            shape = (frame.format.name, frame.layout.nb_channels)
            if shape != self._shape:
                if queue.samples:  # first what is there, in its own shape
                    self._held = frame
                    break
                self._shape = shape
                self._queue = queue = type(queue)()
            frame.pts = None
            queue.write(frame)
        return queue.read(min(queue.samples, CHUNK_LENGTH)) if queue.samples else None

    def seek(self, sample: int) -> None:
        """Go to a sample: by time stamp where they can be trusted, else by decoding up to it."""
        near = round(2 * PREROLL_SECONDS * self.info.sr)
        if self._at <= sample <= self._at + near or (sample > near and self._jump(sample)):
            self._target = sample
            return
        if sample < self._at:
            self._reopen()
        self._target = sample

    def _jump(self, sample: int) -> bool:
        """Seek to a little before a sample; if that fails, go back to the beginning."""
        import av

        base = self._stream.time_base
        blind = self._format.demuxer in _NO_TIME_STAMPS or isinstance(self._source.file, Pipe)
        if blind or self._origin is None or base is None:
            return False
        seconds = sample / self.info.sr - PREROLL_SECONDS
        try:
            self._container.seek(int(self._origin + seconds / base), stream=self._stream)
            self._context.flush_buffers()
            frames = self._decode()
            pair = list(itertools.islice(frames, 2))
        except (av.FFmpegError, OSError):
            pair = []
        at = self._locate(pair[-1]) if pair else None
        at = at - pair[0].samples if at is not None and len(pair) == 2 else at
        if at is None or at > sample:
            self._reopen()
        else:
            self._begin(itertools.chain(pair, frames), at=at)
        return True

    def _find_origin(self, frame: AudioFrame, begin: int) -> float | None:
        """Time stamp of sample 0, by a frame that begins with sample `begin`."""
        if frame.pts is None or frame.time_base is None:
            return None
        return frame.pts - begin / float(frame.time_base * self.info.sr)

    def _locate(self, frame: AudioFrame) -> int | None:
        """Which sample a frame begins with, by its time stamp; None if that cannot be told exactly."""
        if frame.pts is None or frame.time_base is None or self._origin is None:
            return None
        tick = float(frame.time_base * self.info.sr)
        guess = (frame.pts - self._origin) * tick
        if tick <= 1:
            return round(guess)
        # A clock of milliseconds (Matroska, ASF) is coarser than a sample, but frames are all of one length,
        # except those of Vorbis, so the time stamp need only tell which frame this is.
        if self.info.codec == "vorbis" or not frame.samples:
            return None
        at = self._n_first + round((guess - self._n_first) / frame.samples) * frame.samples
        return at if abs(at - guess) <= 1.5 * tick else None


# FFmpeg's names of sample formats, without the "p" of planar ones -> dtype and full scale.
_SAMPLES = {
    "u8": (np.uint8, 2.0**7),
    "s16": (np.int16, 2.0**15),
    "s32": (np.int32, 2.0**31),
    "s64": (np.int64, 2.0**63),
    "flt": (np.float32, 1.0),
    "dbl": (np.float64, 1.0),
}


def _channels(frame: AudioFrame) -> tuple[list[np.ndarray], float]:
    """Channels of a frame [shape=(n,)] and what counts as full scale in them.

    The samples are looked at where FFmpeg has put them: `AudioFrame.to_ndarray` would copy them first.
    """
    if frame.format.is_planar and frame.layout.nb_channels >= 8:
        frame = _packed(frame)
    name, n, n_channels = frame.format.name, frame.samples, frame.layout.nb_channels
    dtype, full_scale = _SAMPLES[name.removesuffix("p")]
    if frame.format.is_planar:
        channels = [np.frombuffer(cast(Any, plane), dtype, n) for plane in frame.planes]
    else:
        packed = np.frombuffer(cast(Any, frame.planes[0]), dtype, n * n_channels)
        channels = list(packed.reshape(n, n_channels).T)
    if dtype == np.uint8:  # the only format whose zero is not 0
        channels = [channel - np.float32(128) for channel in channels]
    return channels, full_scale


def _packed(frame: AudioFrame) -> AudioFrame:
    """Interleave the channels of a frame.

    PyAV (at least to 18.1) finds the planes of a frame by looking for the null pointer behind the last, but
    FFmpeg puts none there if they are eight or more. What is then taken for planes lies anywhere in memory.
    """
    import av

    resampler = av.AudioResampler(
        format=frame.format.name.removesuffix("p"), layout=frame.layout, rate=frame.sample_rate
    )
    frame.pts = None
    return resampler.resample(frame)[0]
