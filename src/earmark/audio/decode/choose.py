"""Choosing the decoder of a source, by its content."""

from __future__ import annotations

import io
from typing import BinaryIO

from earmark.audio.decode.ffmpeg import CompressedDecoder
from earmark.audio.decode.protocol import Decoder
from earmark.audio.decode.soundfile import PcmDecoder
from earmark.audio.formats.drm import find_encryption
from earmark.audio.formats.headers import Claims, read_claims
from earmark.audio.formats.ogg import is_complete
from earmark.audio.formats.sniff import Format, name_what_else, sniff
from earmark.audio.info import check_claims
from earmark.audio.pipe import Pipe
from earmark.audio.source import OpenedSource
from earmark.errors import (
    AudioError,
    CorruptAudioError,
    EmptyAudioError,
    EncryptedAudioError,
    UnknownFormatError,
)

# Containers that can be read forward. MP4 often ends with what is needed first.
_STREAMABLE = frozenset(("wav", "au", "flac", "mp3", "aac", "ac3", "ogg", "matroska", "asf", "flv", "mpeg"))


def open_decoder(opened: OpenedSource) -> Decoder:
    """Open the fastest decoder that reads this source; where libsndfile refuses, FFmpeg may not.

    Raises
    ------
    AudioError
        One subclass for each way in which a file can be bad.
    """
    head = opened.head()
    format_ = sniff(head)
    if format_ is None:
        raise _not_sound(opened, head)
    if isinstance(opened.file, Pipe):
        decoder = _open_pipe(opened, opened.file, format_, head)
        if decoder:
            return decoder
    file, size = opened.spool(), opened.size or 0
    scheme = find_encryption(file, demuxer=format_.demuxer, head=head, size=size)
    if scheme:
        raise EncryptedAudioError(
            f"{opened.name} is encrypted ({scheme})",
            hint="Only its own player opens it: use a copy without DRM",
        )
    claims = _checked_claims(opened.name, file, offset=opened.tag_length)
    if format_.pcm:
        return _open_pcm(opened, format_, claims)
    cut_short = format_.demuxer == "ogg" and not is_complete(file, size=size)
    decoder = CompressedDecoder(opened, format_, n_claimed=claims.n)
    if cut_short:
        decoder.warnings.append("truncated: the end mark of the Ogg stream is missing")
    return decoder


def _checked_claims(name: str, file: BinaryIO, *, offset: int = 0) -> Claims:
    claims = read_claims(file, offset=offset)
    if claims.sr is not None and claims.channels is not None:
        check_claims(name, sr=claims.sr, channels=claims.channels)
    return claims


def _open_pipe(opened: OpenedSource, pipe: Pipe, format_: Format, head: bytes) -> Decoder | None:
    """Decode a pipe as it comes, if its format allows; None if it must be made a file first."""
    if format_.demuxer not in _STREAMABLE:
        return None
    claims = _checked_claims(opened.name, io.BytesIO(head))
    try:
        decoder = CompressedDecoder(opened, format_, n_claimed=claims.n)
    except AudioError:
        return None  # the other decoder may know better, or else can say what is wrong
    pipe.forget()
    return decoder


def _open_pcm(opened: OpenedSource, format_: Format, claims: Claims) -> Decoder:
    if format_.name == "flac" and claims.n is None:  # a FLAC from a pipe, whose length libsndfile makes up
        return CompressedDecoder(opened, format_)
    try:
        return PcmDecoder(opened, format_, n_claimed=claims.n)
    except (CorruptAudioError, EmptyAudioError) as refused:
        try:
            return CompressedDecoder(opened, format_, n_claimed=claims.n)
        except AudioError:
            raise refused from None


def _not_sound(opened: OpenedSource, head: bytes) -> AudioError:
    if not head:
        what = "holds tags but no sound" if opened.tag_length else "is empty (0 bytes)"
        return EmptyAudioError(f"{opened.name} {what}", hint="Copy or download it again")
    return UnknownFormatError(
        f"{opened.name} is {name_what_else(head) or 'in no format that is known here'}",
        hint="Accepted are WAV, AIFF, FLAC, MP3, Ogg, Opus, AAC, ALAC, WMA, WebM and the sound of videos",
    )
