"""Opening a container with FFmpeg, choosing a track, and what the container says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from earmark.audio.formats.ogg import Link
from earmark.audio.formats.sniff import GUESSED, Format
from earmark.audio.info import AudioInfo
from earmark.audio.pipe import Pipe
from earmark.audio.source import OpenedSource, reason
from earmark.errors import CorruptAudioError, NoAudioTrackError, UnknownFormatError

if TYPE_CHECKING:
    from av import AudioCodecContext, AudioFrame, AudioStream
    from av.container import InputContainer

# Containers whose length is exact; that of "matroska" only if it holds nothing but the sound.
_EXACT_LENGTH = {"mov", "flac", "w64", "caf", "wv", "tta", "ape", "asf", "matroska", "dsf", "tak"}
# Tags that describe the container instead of the music.
_STRUCTURAL_TAGS = frozenset(
    ("major_brand", "minor_version", "compatible_brands", "handler_name", "vendor_id", "duration")
)


def open_container(
    file: BinaryIO | Pipe | Link, format_: Format, *, name: str
) -> tuple[InputContainer, AudioStream]:
    """Open a container at its beginning and choose its track of sound.

    Parameters
    ----------
    file : binary file
        At its beginning.
    format_ : Format
        What the file is.
    name : str
        What messages call it.

    Raises
    ------
    CorruptAudioError
        If FFmpeg refuses the container.
    NoAudioTrackError
        If it holds pictures alone.
    UnknownFormatError
        If FFmpeg has no decoder for its sound.
    """
    import av

    try:
        container = av.open(file, "r", format=format_.demuxer, metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise CorruptAudioError(
            f"{name} looks like {format_.name} but cannot be opened ({reason(error)})",
            hint="Try: export, copy or download it again; it is damaged or cut short.",
        ) from None
    tracks = container.streams.audio
    decodable = sorted((track for track in tracks if track.codec_context), key=_rank)
    if decodable:
        decodable[0].codec_context.thread_count = 1  # batches run one file per core
        return container, decodable[0]
    container.close()
    if tracks:
        raise UnknownFormatError(
            f"{name} ({format_.name}) has an audio codec that no decoder here supports",
            hint="Try: convert it to FLAC, MP3 or AAC.",
        )
    raise NoAudioTrackError(
        f"{name} ({format_.name}) has no audio track", hint="Try: a file with an audio track."
    )


def _rank(track: AudioStream) -> tuple[bool, bool]:
    """Order of tracks as players choose: what is marked default, what is no comment, what comes first."""
    from av.stream import Disposition

    beside = Disposition.comment | Disposition.hearing_impaired | Disposition.visual_impaired
    return not track.disposition & Disposition.default, bool(track.disposition & beside)


def guess_format(source: OpenedSource) -> Format | None:
    """Let FFmpeg name a container of one of the kinds in `GUESSED`; None if it is of none of them."""
    import av

    try:
        whitelist = {"format_whitelist": ",".join(sorted(GUESSED))}
        with av.open(source.sound(), "r", options=whitelist, metadata_errors="replace") as container:
            name = container.format.name
            return Format(name, name) if container.streams.audio else None
    except (av.FFmpegError, OSError, ValueError):
        return None


def decoder_of(stream: AudioStream) -> AudioCodecContext:
    """Choose the decoder of a track: FFmpeg's own, but for Opus the reference decoder.

    On full-band Opus the two agree to 2e-7. At low bit rates, as of speech and of small copies of music,
    FFmpeg's own differs by 1 to 7 % of the amplitude (measured), and is only 1.4 times as fast.
    """
    import av

    context = stream.codec_context
    if context.codec.canonical_name != "opus" or "libopus" not in av.codecs_available:
        return context
    reference = av.CodecContext.create("libopus", "r")
    reference.extradata, reference.layout = context.extradata, context.layout
    reference.sample_rate = context.sample_rate
    reference.options = {"request_sample_fmt": "flt"}  # else it clips, and rounds to 16 bits
    return reference


def describe(
    container: InputContainer, stream: AudioStream, first: AudioFrame, *, format_: Format, size: int | None
) -> AudioInfo:
    """Gather what a container says; rate and channels are those of the first frame: HE-AAC's header lies."""
    duration = None
    if stream.duration is not None and stream.time_base is not None:
        duration = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        duration = container.duration / 1e6
    duration = duration if duration and duration > 0 else None
    tags = {key.lower(): value for key, value in {**stream.metadata, **container.metadata}.items()}
    return AudioInfo(
        duration=duration,
        codec=stream.codec_context.codec.canonical_name,
        container=format_.name,
        sr=first.sample_rate,
        channels=first.layout.nb_channels,
        bitrate=round(size * 8 / duration) if size and duration else stream.bit_rate,
        tags={key: value for key, value in tags.items() if key not in _STRUCTURAL_TAGS and value != "und"},
    )


def promised_length(
    container: InputContainer, stream: AudioStream, info: AudioInfo, *, format_: Format
) -> int | None:
    """Count the samples that there should be, where the container is exact about it."""
    if format_.demuxer not in _EXACT_LENGTH or info.duration is None:
        return None
    if stream.duration is None and len(container.streams) > 1:
        return None
    return round(info.duration * info.sr)
