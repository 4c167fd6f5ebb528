"""Choosing the decoder of a source, by its content."""

from __future__ import annotations

import io
from typing import BinaryIO

from earmark.audio.decode.container import guess_format
from earmark.audio.decode.ffmpeg import FfmpegDecoder
from earmark.audio.decode.protocol import Decoder
from earmark.audio.decode.soundfile import SoundfileDecoder
from earmark.audio.formats.drm import find_encryption
from earmark.audio.formats.headers import Claims, read_claims
from earmark.audio.formats.mpeg import find_frames
from earmark.audio.formats.ogg import is_complete
from earmark.audio.formats.sniff import ELEMENTARY, Format, name_what_else, sniff
from earmark.audio.info import check_claims
from earmark.audio.pipe import Pipe
from earmark.audio.source import HEAD_LENGTH, OpenedSource
from earmark.errors import (
    AudioError,
    CorruptAudioError,
    EmptyAudioError,
    EncryptedAudioError,
    UnknownFormatError,
)

# Containers that can be read forward. MP4 often ends with what is needed first.
_STREAMABLE = frozenset(
    (
        "wav",
        "au",
        "flac",
        "mp3",
        "aac",
        "loas",
        "ac3",
        "eac3",
        "ogg",
        "matroska",
        "asf",
        "flv",
        "mpeg",
        "mpegts",
    )
)
_TAG_READERS = frozenset(("mp3", "aac"))  # demuxers that read ID3 tags in front of the sound

# Frames of MPEG audio are looked for so far behind a damaged tag, and as many in a row as chance never makes.
_FAR = 4 * 1024 * 1024
_MANY = 8


def open_decoder(opened: OpenedSource) -> Decoder:
    """Open the fastest decoder that reads this source; where libsndfile refuses, FFmpeg may not.

    Raises
    ------
    AudioError
        One subclass for each way in which a file can be bad.
    """
    head = opened.head()
    format_ = sniff(head) or _find_elementary(opened, head)
    if format_ is None:
        raise _not_sound(opened, head)
    opened.begin = opened.tags_begin if format_.demuxer in _TAG_READERS else opened.offset
    if isinstance(opened.file, Pipe):
        decoder = _open_pipe(opened, opened.file, format_, head)
        if decoder:
            return decoder
    file, size = opened.spool(), opened.sound_size or 0
    scheme = find_encryption(file, demuxer=format_.demuxer, head=head, size=size)
    if scheme:
        raise EncryptedAudioError(
            f"{opened.name} is encrypted ({scheme})",
            hint="Try: a copy without DRM; an encrypted file opens only in its own player.",
        )
    claims = _checked_claims(opened.name, opened.behind_tags())
    opened.patch = claims.patch
    if format_.pcm:
        return _open_soundfile(opened, format_, claims)
    cut_short = format_.demuxer == "ogg" and not is_complete(file, size=size)
    decoder = FfmpegDecoder(opened, format_, claims=claims)
    if cut_short:
        decoder.warnings.append("truncated: the end mark of the Ogg stream is missing")
    return decoder


def _checked_claims(name: str, file: BinaryIO) -> Claims:
    claims = read_claims(file)
    if claims.sr is not None and claims.channels is not None:
        check_claims(name, sr=claims.sr, channels=claims.channels)
    return claims


def _open_pipe(opened: OpenedSource, pipe: Pipe, format_: Format, head: bytes) -> Decoder | None:
    """Decode a pipe as it comes, if its format allows; None if it must be made a file first."""
    if format_.demuxer not in _STREAMABLE:
        return None
    claims = _checked_claims(opened.name, io.BytesIO(head))
    try:
        decoder = FfmpegDecoder(opened, format_, claims=claims)
    except AudioError:
        return None  # the other decoder may know better, or else can say what is wrong
    pipe.forget()
    return decoder


def _open_soundfile(opened: OpenedSource, format_: Format, claims: Claims) -> Decoder:
    if format_.name == "flac" and claims.n is None:  # a FLAC from a pipe, whose length libsndfile makes up
        return FfmpegDecoder(opened, format_)
    try:
        return SoundfileDecoder(opened, format_, n_claimed=claims.n)
    except (CorruptAudioError, EmptyAudioError) as refused:
        try:
            return FfmpegDecoder(opened, format_, claims=claims)
        except AudioError:
            raise refused from None


def _find_elementary(opened: OpenedSource, head: bytes) -> Format | None:
    """Look for frames of MPEG audio far behind damaged tags, and then for marks that only FFmpeg knows."""
    if not head or name_what_else(head):
        return None
    beginning, kind = opened.offset, ""
    for offset in range(beginning, beginning + _FAR, HEAD_LENGTH):
        data = opened.peek(offset, 2 * HEAD_LENGTH)
        kind, begin = find_frames(data, in_a_row=_MANY)
        if kind:
            opened.offset = opened.tags_begin = offset + begin
            return ELEMENTARY[kind]
        if len(data) < 2 * HEAD_LENGTH:
            break
    opened.begin = beginning
    return None if isinstance(opened.file, Pipe) else guess_format(opened)


def _not_sound(opened: OpenedSource, head: bytes) -> AudioError:
    if not head:
        what = "holds tags but no sound" if opened.offset else "is empty (0 bytes)"
        if opened.blank and opened.offset:
            what = "is nothing but zero bytes, as a failed download leaves"
            return UnknownFormatError(f"{opened.name} {what}", hint="Try: copy or download it again.")
        return EmptyAudioError(f"{opened.name} {what}", hint="Try: copy or download it again.")
    what = name_what_else(head) or "in no format that is known here"
    if opened.tags_begin:
        what += f", behind {opened.offset:,} bytes of zeros or tags"
    return UnknownFormatError(
        f"{opened.name} is {what}",
        hint="Accepted: WAV, AIFF, FLAC, MP3, Ogg, Opus, AAC, ALAC, WMA, WebM and the sound of videos.",
    )
