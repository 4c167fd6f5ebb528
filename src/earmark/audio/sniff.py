"""Which format the bytes are in, told from the bytes: extensions lie."""

from __future__ import annotations

from dataclasses import dataclass

# How much of the beginning a decision may need: an ID3 tag is skipped by seeking, and three MPEG frames of
# the longest kind (1,441 bytes) after some junk fit well.
HEAD_LENGTH = 64 * 1024


@dataclass(frozen=True)
class Format:
    """A format that can be decoded.

    Parameters
    ----------
    name : str
        What people call it.
    demuxer : str
        FFmpeg's name of the container.
    pcm : bool
        Whether libsndfile reads it, and faster: it does for PCM and FLAC; for Vorbis, Opus and MP3 FFmpeg
        is 1.1 to 2.6 times faster, and right where libsndfile guesses the length of a VBR file too short.
    """

    name: str
    demuxer: str
    pcm: bool = False


_MAGIC: tuple[tuple[int, bytes, Format], ...] = (
    (0, b"fLaC", Format("flac", "flac", pcm=True)),
    (0, b"OggS", Format("ogg", "ogg")),
    (0, b"\x1aE\xdf\xa3", Format("webm", "matroska")),
    (0, b"0&\xb2u\x8ef\xcf\x11\xa6\xd9\x00\xaa\x00b\xcel", Format("wma", "asf")),
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
    (4, b"ftyp", Format("mp4", "mov")),
    (4, b"moov", Format("mp4", "mov")),
    (4, b"mdat", Format("mp4", "mov")),
    (4, b"wide", Format("mp4", "mov")),
    (4, b"free", Format("mp4", "mov")),
    (4, b"skip", Format("mp4", "mov")),
)

_CHUNKED: dict[tuple[bytes, bytes], Format] = {
    (b"RIFF", b"WAVE"): Format("wav", "wav", pcm=True),
    (b"RIFX", b"WAVE"): Format("wav", "wav", pcm=True),
    (b"RF64", b"WAVE"): Format("wav", "wav", pcm=True),
    (b"BW64", b"WAVE"): Format("wav", "wav", pcm=True),
    (b"FORM", b"AIFF"): Format("aiff", "aiff", pcm=True),
    (b"FORM", b"AIFC"): Format("aiff", "aiff", pcm=True),
    (b"RIFF", b"AVI "): Format("avi", "avi"),
}

_MP3 = Format("mp3", "mp3")
_AAC = Format("aac", "aac")

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
    """Name the format of a file from its first bytes (after an ID3 tag), or None if it is not sound."""
    chunked = _CHUNKED.get((head[:4], head[8:12]))
    if chunked:
        return chunked
    for offset, magic, format_ in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return format_
    if what_else(head):
        return None
    return _elementary(head)


def what_else(head: bytes) -> str:
    """Name what bytes are that are no sound; an empty string if that is unknown."""
    for magic, name in _NOT_AUDIO:
        if head.startswith(magic):
            return name
    text = head[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    lower = text[:64].lower()
    if lower.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "a web page (HTML)"
    if lower.startswith(b"<?xml"):
        return "an XML document"
    if text.startswith(b"#EXTM3U"):
        return "a playlist"
    if text and all(byte >= 32 or byte in b"\t\r\n\x0c" for byte in text) and _decodes(text):
        return "text"
    return ""


def _decodes(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(text) - 4  # cut within a character
    return True


def _elementary(head: bytes) -> Format | None:
    """MP3 or AAC without a container: find three frame headers in a row, as each says where the next is."""
    for start in range(max(0, len(head) - 4)):
        if head[start] != 0xFF or head[start + 1] & 0xE0 != 0xE0:
            continue
        for format_, length in ((_MP3, mpeg_frame_length), (_AAC, adts_frame_length)):
            position, found = start, 0
            while found < 3 and (step := length(head[position : position + 6])):
                position, found = position + step, found + 1
            if found == 3 or (found and position >= len(head) and start == 0):
                return format_
    return None


_KBPS = {  # bit rate index 1 to 14, ISO/IEC 11172-3 table in 2.4.2.3 and ISO/IEC 13818-3 in 2.4.2.3
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def mpeg_frame_length(header: bytes) -> int:
    """Bytes of the MPEG audio frame (layers 1 to 3) that begins here; 0 if none does."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version_bits, layer_bits = header[1] >> 3 & 3, header[1] >> 1 & 3
    rate_index, sr_index, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version_bits == 1 or layer_bits == 0 or rate_index in (0, 15) or sr_index == 3:
        return 0
    version, layer = (1 if version_bits == 3 else 2), 4 - layer_bits
    sr = (44100, 48000, 32000)[sr_index] >> {3: 0, 2: 1, 0: 2}[version_bits]
    table = _KBPS[(version, layer if version == 1 else min(layer, 2))]
    rate = table[rate_index - 1] * 1000
    if layer == 1:
        return (12 * rate // sr + padding) * 4
    slots = 72 if version == 2 and layer == 3 else 144
    return slots * rate // sr + padding


def adts_frame_length(header: bytes) -> int:
    """Bytes of the AAC frame with an ADTS header that begins here; 0 if none does."""
    if len(header) < 6 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 15 > 12:
        return 0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else 0
