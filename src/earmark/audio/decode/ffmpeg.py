"""Decoding by FFmpeg (PyAV): every compressed format, and any container.

Delays of encoders: what a container says of its encoder's delay (LAME tag, edit list, Opus pre-skip) FFmpeg
removes, so that sample 0 is the first that went into the encoder; the padding at the end goes likewise. Where
nothing is said (bare AAC, MP3 without a LAME tag, WMA) the delay stays in the sound.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np

from earmark.audio.decode.container import decoder_of, describe, open_container, promised_length
from earmark.audio.decode.protocol import CHUNK_LENGTH, Channels
from earmark.audio.formats.headers import Claims
from earmark.audio.formats.ogg import Link, find_links
from earmark.audio.formats.sniff import Format
from earmark.audio.info import check_claims
from earmark.audio.pipe import Pipe
from earmark.audio.source import OpenedSource, reason
from earmark.errors import AudioError, CorruptAudioError, EmptyAudioError, InputError

if TYPE_CHECKING:
    from av import AudioFrame

# Sound that is decoded and dropped before a start, because a lossy frame leans on those before it: MP3 keeps
# up to 511 bytes of a frame in earlier ones (0.51 s at its lowest rate), Opus converges within 0.08 s.
PREROLL_SECONDS = 0.6

# Containers without time stamps, where FFmpeg can only guess where a time is.
_NO_TIME_STAMPS = {"aac", "ac3", "eac3", "amr", "dts", "loas", "mlp", "mpc", "mpc8", "mpegts", "truehd"}

# How the tags begin that stand between joined files, and that FFmpeg takes for sound.
_TAGS = (b"ID3", b"TAG", b"APE")

# The most that an encoder adds at the end to fill its last frame: two frames of HE-AAC.
_MOST_PADDING = 4096


class FfmpegDecoder:
    """A `Decoder` over FFmpeg.

    What has another sampling rate than the beginning, as in chained Ogg and joined MP3, is converted to it.

    Parameters
    ----------
    claims : Claims, optional
        What the header says of the number of samples, where that is known better than FFmpeg knows it.

    Raises
    ------
    AudioError
        `CorruptAudioError`, `NoAudioTrackError`, `UnknownFormatError` or `EmptyAudioError` if there is
        nothing to decode.
    """

    _frames: Iterator[AudioFrame]

    def __init__(self, source: OpenedSource, format_: Format, *, claims: Claims | None = None) -> None:
        self.warnings: list[str] = []
        self.end: int | None = None
        self._source, self._format = source, format_
        self._n_damaged, self._sr = 0, 0
        self._changes = False  # of rate on the way: then time stamps do not tell which sample it is
        self._buffer = np.empty((0, 0), np.float32)
        self._chain_seconds = self._measure_chain()
        self._open()
        try:
            first, clock = self._first_frames()
            size = source.sound_size
            self.info = describe(self._container, self._stream, first, format_=format_, size=size)
            check_claims(source.name, sr=self.info.sr, channels=self.info.channels)
        except BaseException:
            self.close()
            raise
        self._n_first = first.samples
        self._origin = self._find_origin(clock, 0 if clock is first else first.samples)
        self.n_claimed = self._settle_length(claims or Claims())

    def _settle_length(self, claims: Claims) -> int | None:
        """Correct the duration by the header and by the links of a chain; return the exact number."""
        duration = self.info.duration
        if claims.unknown:
            duration = None
        elif claims.n:
            duration = claims.n / self.info.sr
        elif self._chain_seconds is not None:
            duration = self._chain_seconds
        self.info = replace(self.info, duration=duration)
        if claims.unknown or claims.n:
            return claims.n
        return promised_length(self._container, self._stream, self.info, format_=self._format)

    def _measure_chain(self) -> float | None:
        """Duration of an Ogg file of several links; None if it is not known to have several.

        Done before anything else, because FFmpeg relies on nobody else moving in its file.
        """
        size = self._source.sound_size
        if self._format.demuxer != "ogg" or size is None:
            return None
        file = cast(BinaryIO, self._source.sound())
        begins = find_links(file, size=size)
        if len(begins) < 2:
            return None
        self._changes, seconds = True, 0.0
        for begin, end in itertools.pairwise([*begins, size]):
            try:
                link = Link(file, begin, end=end - begin)
                container, stream = open_container(link, self._format, name=self._source.name)
            except AudioError:
                continue
            seconds += float((stream.duration or 0) * (stream.time_base or 0))
            container.close()
        return seconds

    def _open(self) -> None:
        """Begin with the first link of an Ogg file, or with the file."""
        file = self._source.sound()
        self._link = Link(file) if self._format.demuxer == "ogg" else file
        self._container, self._stream = open_container(self._link, self._format, name=self._source.name)
        self._context = decoder_of(self._stream)
        self._begin(self._decode(), at=0)

    def _open_next(self) -> bool:
        """Go on with the next link of an Ogg file; False if there is none that can be decoded."""
        while isinstance(self._link, Link) and (following := self._link.next()):
            self._changes = True
            self._container.close()
            self._link = following
            try:
                self._container, self._stream = open_container(
                    following, self._format, name=self._source.name
                )
            except AudioError as error:
                self._warn(f"damaged: a part of the chain is left out ({error.message})")
                continue
            self._context = decoder_of(self._stream)
            return True
        return False

    def _reopen(self) -> None:
        """Go back to the beginning; by opening it again, for then every delay is removed again."""
        if isinstance(self._source.file, Pipe):
            raise InputError(
                f"{self._source.name} is a pipe and cannot go back",
                hint="Try: read it in order, or save it to a file.",
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

        while True:
            try:
                for packet in self._container.demux(self._stream):
                    try:
                        frames = self._context.decode(packet)
                    except av.FFmpegError:
                        if bytes(packet)[:3] in _TAGS:
                            continue
                        self._n_damaged += 1
                        self._warn("damaged: packets that could not be decoded", self._n_damaged)
                        continue
                    yield from frames
            except IndexError:
                pass  # the end, where PyAV stumbles over a track that has appeared on the way
            except (av.FFmpegError, OSError) as error:
                self._warn(f"damaged: reading stopped ({reason(error)})")
            if not self._open_next():
                return

    def _at_one_rate(self, frames: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
        """Convert the frames that have another sampling rate than the first of all."""
        import av

        resampler, kind = None, (0, 0)
        for frame in frames:
            self._sr = self._sr or frame.sample_rate
            new = (frame.sample_rate, frame.layout.nb_channels)
            if resampler is not None and new != kind:
                yield from resampler.resample(None)
                resampler = None
            if frame.sample_rate == self._sr:
                yield frame
                continue
            if resampler is None:
                self._changes, kind = True, new
                resampler = av.AudioResampler(format="flt", layout=frame.layout, rate=self._sr)
            frame.pts = None
            yield from resampler.resample(frame)
        if resampler is not None:
            yield from resampler.resample(None)

    def _warn(self, text: str, count: int = 0) -> None:
        """Add a warning, or bring its count up to date."""
        self.warnings[:] = [warning for warning in self.warnings if not warning.startswith(text)]
        self.warnings.append(f"{text}: {count}" if count else text)

    def _first_frames(self) -> tuple[AudioFrame, AudioFrame]:
        """Look at the first frame, and at the second (else the first again), whose time stamp is the better.

        A decoder may leave the encoder's delay out of the first frame without changing its time stamp.
        """
        pair = list(itertools.islice(self._frames, 2))
        self._frames = itertools.chain(pair, self._frames)
        if pair:
            return pair[0], pair[-1]
        name, kind = self._source.name, self._format.name
        if self.warnings:
            raise CorruptAudioError(
                f"{name} ({kind}) holds no sound that can be decoded ({self.warnings[0]})",
                hint="Try: export, copy or download it again; it is damaged or cut short.",
            )
        raise EmptyAudioError(f"{name} ({kind}) holds no samples", hint="Try: record or export it again.")

    def _begin(self, frames: Iterator[AudioFrame], *, at: int) -> None:
        """Let the first sample of these frames count as sample `at`.

        From here on `_at` counts the samples that came out of the queue, and `read` drops those before
        `_target`.
        """
        import av

        self._frames = self._at_one_rate(frames)
        self._queue, self._shape = av.AudioFifo(), ("", 0)
        self._held: AudioFrame | None = None
        self._ready: list[AudioFrame] = []
        self._at = self._target = at

    def read(self) -> Channels:
        """Return the next samples of every channel."""
        while (joined := self._next_joined()) is not None:
            channels, begin = self._channels(joined), self._at
            self._at += joined.samples
            first, end = max(0, self._target - begin), joined.samples
            if self.n_claimed is not None and begin <= self.n_claimed < self._at:
                end -= self._n_padding()
            if first < end:
                return [channel[first:end] for channel in channels]
        self.end = self._at
        return []

    def _channels(self, frame: AudioFrame) -> list[np.ndarray]:
        """Channels of a frame in float32 [shape=(n,)], full scale 1."""
        raw, full_scale = _raw_channels(frame)
        if raw[0].dtype == np.float32:
            return raw  # as FFmpeg has them: no copy
        if self._buffer.shape[0] < len(raw) or self._buffer.shape[1] < frame.samples:
            self._buffer = np.empty((len(raw), max(frame.samples, CHUNK_LENGTH)), np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # of float64
            channels = [row[: frame.samples] for row in self._buffer[: len(raw)]]
            for source, channel in zip(raw, channels, strict=True):
                np.copyto(channel, source, casting="unsafe")
                if source.dtype == np.uint8:  # the only format whose zero is not 0
                    np.subtract(channel, 128, out=channel)
                if full_scale != 1:
                    np.multiply(channel, np.float32(1 / full_scale), out=channel)
        return channels

    def _n_padding(self) -> int:
        """How many samples, up to `_at`, fill the last frame; FFmpeg leaves them in MP4 and in piped MP3.

        They are padding only if the sound ends here. Otherwise the header was wrong, and the sound goes on.
        """
        excess, behind = self._at - (self.n_claimed or 0), 0
        ready = []
        while excess + behind <= _MOST_PADDING and (rest := self._next_joined()) is not None:
            ready.append(rest)
            behind += rest.samples
        if excess + behind > _MOST_PADDING:
            self._ready = ready
            return 0
        self._frames = iter(())
        return excess

    def _next_joined(self) -> AudioFrame | None:
        """Join short frames into long ones, so that Python's share of the time is small."""
        if self._ready:
            return self._ready.pop(0)
        queue = self._queue
        while queue.samples < CHUNK_LENGTH:
            frame, self._held = self._held or next(self._frames, None), None
            if frame is None:
                break
            shape = (frame.format.name, frame.layout.nb_channels)
            if shape != self._shape:
                if queue.samples:  # first what is there, in its own shape
                    self._held = frame
                    break
                self._shape = shape
                self._queue = queue = type(queue)()
            frame.pts = None
            queue.write(frame)
        if not queue.samples:
            return None
        # Up to the next multiple of the length, so that after a jump too the blocks of the mixdown are whole.
        return queue.read(min(queue.samples, CHUNK_LENGTH - self._at % CHUNK_LENGTH))

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
        if blind or self._changes or self._origin is None or base is None:
            return False
        seconds = sample / self.info.sr - PREROLL_SECONDS
        try:
            self._container.seek(int(self._origin + seconds / base), stream=self._stream)
            self._context.flush_buffers()
            frames = self._decode()
            pair = list(itertools.islice(frames, 2))
        except (av.FFmpegError, OSError):
            pair = []
        at = self._locate(pair[-1]) if pair and not self._changes else None
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
        """Which sample a frame begins with, by its time stamp; None if that is not exact."""
        if frame.sample_rate != self._sr:
            self._changes = True
            return None
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


def _raw_channels(frame: AudioFrame) -> tuple[list[np.ndarray], float]:
    """Channels of a frame [shape=(n,)] as they are, and what counts as full scale in them.

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
