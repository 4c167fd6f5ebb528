"""Which format the bytes are in, told from the bytes: extensions lie."""

from __future__ import annotations

from dataclasses import dataclass

from earmark.audio.formats.mpeg import find_frames


@dataclass(frozen=True)
class Format:
    """A format that can be decoded.

    Parameters
    ----------
    name : str
        What people call it.
    demuxer : str
        FFmpeg's name of the container. It is always given, for FFmpeg left to guess would also follow
        playlists and scripts to other files and to the network.
    pcm : bool
        Whether libsndfile reads it, and faster: it does for PCM and FLAC. For Vorbis, Opus and MP3 FFmpeg is
        2.3, 2.6 and 1.1 times as fast, and it reads all of an MP3 of varying bit rate that does not count
        its frames, where libsndfile stops at the length that it guessed from the first.
    """

    name: str
    demuxer: str
    pcm: bool = False


_WAV = Format("wav", "wav", pcm=True)
_AIFF = Format("aiff", "aiff", pcm=True)
_MP4 = Format("mp4", "mov")

_CHUNKED: dict[tuple[bytes, bytes], Format] = {
    (b"RIFF", b"WAVE"): _WAV,
    (b"RIFX", b"WAVE"): _WAV,
    (b"RF64", b"WAVE"): _WAV,
    (b"BW64", b"WAVE"): _WAV,
    (b"FORM", b"AIFF"): _AIFF,
    (b"FORM", b"AIFC"): _AIFF,
    (b"RIFF", b"AVI "): Format("avi", "avi"),
}

_MAGIC: tuple[tuple[int, bytes, Format], ...] = (
    (0, b"fLaC", Format("flac", "flac", pcm=True)),
    (0, b"OggS", Format("ogg", "ogg")),
    (0, b"\x1aE\xdf\xa3", Format("matroska", "matroska")),
    (0, b"0&\xb2u\x8ef\xcf\x11\xa6\xd9\x00\xaa\x00b\xcel", Format("asf", "asf")),
    (0, b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00", Format("w64", "w64", pcm=True)),
    (0, b".snd", Format("au", "au", pcm=True)),
    (0, b"caff", Format("caf", "caf", pcm=True)),
    (0, b"MAC ", Format("ape", "ape")),
    (0, b"wvpk", Format("wavpack", "wv")),
    (0, b"TTA1", Format("tta", "tta")),
    (0, b"MPCK", Format("musepack", "mpc8")),
    (0, b"MP+", Format("musepack", "mpc")),
    (0, b"#!AMR", Format("amr", "amr")),
    (0, b"FLV\x01", Format("flv", "flv")),
    (0, b"\x0b\x77", Format("ac3", "ac3")),
    (0, b"\x00\x00\x01\xba", Format("mpeg", "mpeg")),
    *((4, box, _MP4) for box in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")),
)

_ELEMENTARY = {"mp3": Format("mp3", "mp3"), "aac": Format("aac", "aac")}

# What people hand over by mistake, to be called by its name.
_NOT_AUDIO: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"SQLite format 3", "an SQLite database"),
    (b"MThd", "a MIDI score, which holds notes but no sound"),
)


def sniff(head: bytes) -> Format | None:
    """Name the format of a file from its first bytes (those after an ID3 tag); None if it is not sound."""
    chunked = _CHUNKED.get((head[:4], head[8:12]))
    if chunked:
        return chunked
    for offset, magic, format_ in _MAGIC:
        if head.startswith(magic, offset):
            return format_
    return None if name_what_else(head) else _ELEMENTARY.get(find_frames(head)[0])


def name_what_else(head: bytes) -> str:
    """Name what bytes are that are no sound; an empty string if that is unknown."""
    for magic, name in _NOT_AUDIO:
        if head.startswith(magic):
            return name
    if not head.strip(b"\0"):
        return "nothing but zero bytes, as a failed download leaves"
    text = head[:512].removeprefix(b"\xef\xbb\xbf").lstrip()
    lower = text[:64].lower()
    if lower.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "a web page (HTML)"
    if lower.startswith(b"<?xml"):
        return "an XML document"
    if text.startswith(b"#EXTM3U"):
        return "a playlist"
    return "text" if _is_text(text) else ""


def _is_text(data: bytes) -> bool:
    if not data or any(byte < 32 and byte not in b"\t\r\n\f" for byte in data):
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > max(0, len(data) - 4)  # cut within a character
    return True
