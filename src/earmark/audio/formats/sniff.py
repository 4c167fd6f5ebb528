"""Which format the bytes are in, detected from the bytes: extensions lie."""

from __future__ import annotations

from dataclasses import dataclass

from earmark.audio.formats.front import BOX_NAMES
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
_DTS = Format("dts", "dts")
_IRCAM = Format("ircam", "ircam", pcm=True)
_AMIGA = Format("8svx", "iff")

_CHUNKED: dict[tuple[bytes, bytes], Format] = {
    (b"RIFF", b"WAVE"): _WAV,
    (b"RIFX", b"WAVE"): _WAV,
    (b"RF64", b"WAVE"): _WAV,
    (b"BW64", b"WAVE"): _WAV,
    (b"FORM", b"AIFF"): _AIFF,
    (b"FORM", b"AIFC"): _AIFF,
    (b"FORM", b"8SVX"): _AMIGA,
    (b"FORM", b"16SV"): _AMIGA,
    (b"RIFF", b"AVI "): Format("avi", "avi"),
    (b"RIFF", b"XWMA"): Format("xwma", "xwma"),
    (b"RIFF", b"QLCM"): Format("qcp", "qcp"),
}

_MAGIC: tuple[tuple[int, bytes, Format], ...] = (
    (0, b"fLaC", Format("flac", "flac", pcm=True)),
    (0, b"OggS", Format("ogg", "ogg")),
    (0, b"\x1aE\xdf\xa3", Format("matroska", "matroska")),
    (0, b"0&\xb2u\x8ef\xcf\x11\xa6\xd9\x00\xaa\x00b\xcel", Format("asf", "asf")),
    (0, b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00", Format("w64", "w64", pcm=True)),
    (0, b".snd", Format("au", "au", pcm=True)),
    (0, b"dns.", Format("au", "au", pcm=True)),
    (0, b"caff", Format("caf", "caf", pcm=True)),
    (0, b"MAC ", Format("ape", "ape")),
    (0, b"wvpk", Format("wavpack", "wv")),
    (0, b"TTA1", Format("tta", "tta")),
    (0, b"tBaK", Format("tak", "tak")),
    (0, b"ajkg", Format("shorten", "shn")),
    (0, b"MPCK", Format("musepack", "mpc8")),
    (0, b"MP+", Format("musepack", "mpc")),
    (0, b"#!AMR", Format("amr", "amr")),
    (0, b"FLV\x01", Format("flv", "flv")),
    (0, b".RMF", Format("realmedia", "rm")),
    (0, b".ra\xfd", Format("realaudio", "rm")),
    (0, b"DSD ", Format("dsf", "dsf")),
    (0, b"FRM8", Format("dff", "iff")),
    (0, b"Creative Voice File", Format("voc", "voc", pcm=True)),
    (0, b"NIST_1A", Format("sphere", "nistsphere", pcm=True)),
    (0, b"PVF1\n", Format("pvf", "pvf", pcm=True)),
    (0, b" paf", Format("paf", "epaf", pcm=True)),
    (0, b"fap ", Format("paf", "epaf", pcm=True)),
    (0, b"2BIT", Format("avr", "avr", pcm=True)),
    (0, b".SoX", Format("sox", "sox")),
    (0, b"XoS.", Format("sox", "sox")),
    *((0, b"\x64\xa3" + bytes([kind, 0]), _IRCAM) for kind in range(1, 5)),
    *((0, bytes([0, kind]) + b"\xa3\x64", _IRCAM) for kind in range(1, 5)),
    (0, b"EA3", Format("atrac", "oma")),
    (0, b"ea3\x03", Format("atrac", "oma")),
    (0, b"qoaf", Format("qoa", "qoa")),
    (0, b"nut/multimedia container", Format("nut", "nut")),
    (0, b"DTSHDHDR", Format("dts", "dtshd")),
    *((0, sync, _DTS) for sync in (b"\x7f\xfe\x80\x01", b"\xfe\x7f\x01\x80")),
    *((0, sync, _DTS) for sync in (b"\x1f\xff\xe8\x00\x07", b"\xff\x1f\x00\xe8")),
    (4, b"\xf8\x72\x6f\xba", Format("truehd", "truehd")),
    (4, b"\xf8\x72\x6f\xbb", Format("mlp", "mlp")),
    (0, b"\x00\x00\x01\xba", Format("mpeg", "mpeg")),
    *((4, box, _MP4) for box in BOX_NAMES),
)

ELEMENTARY = {"mp3": Format("mp3", "mp3"), "aac": Format("aac", "aac"), "loas": Format("aac", "loas")}
_TRANSPORT = Format("mpegts", "mpegts")

# Rarer containers that FFmpeg knows by clear marks, and that lead to no other file.
_GUESSED_NAMES = (
    "aa aax adx aea afc aix apc ast bfstm binka bonk brstm dss dxa epaf film_cpk fsb gxf hca hcom ifv iss "
    "ivr jv lxf mca mmf mtaf musx mxf nsp nsv nuv osq pva redspark rka roq rpl rsd sds smjpeg smk sol svs "
    "swf thp ty vag vqf wavarc wc3movie wsaud wsd wtv wve xmv xvag yop"
)
GUESSED = frozenset(_GUESSED_NAMES.split())

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
    (b"Extended Module:", "a tracker module, which holds notes and samples but no recording"),
    (b"IMPM", "a tracker module, which holds notes and samples but no recording"),
    (b"\x00\x05\x16\x07", "the resource fork of a Mac file, without its sound"),
)


def sniff(head: bytes) -> Format | None:
    """Name the format of a file from its first bytes (those behind tags); None if it is unknown."""
    known = sniff_magic(head)
    if known or name_what_else(head):
        return known
    if packet_length(head):
        return _TRANSPORT
    return ELEMENTARY.get(find_frames(head)[0])


def sniff_magic(head: bytes) -> Format | None:
    """Name the format by the mark at its beginning; None if there is none."""
    if chunked := _CHUNKED.get((head[:4], head[8:12])):
        return chunked
    if head[:2] in (b"\x0b\x77", b"\x77\x0b") and len(head) > 5:
        version = (
            head[5 if head[0] == 0x0B else 4] >> 3
        )  # bsid (ETSI TS 102 366, 4.4.2.1): above 10 for E-AC-3
        return Format("ac3", "ac3") if version <= 10 else Format("eac3", "eac3") if version <= 16 else None
    return next((format_ for offset, magic, format_ in _MAGIC if head.startswith(magic, offset)), None)


def packet_length(head: bytes) -> int:
    """Bytes from one packet of an MPEG transport stream to the next, by their sync bytes; 0 if it is none.

    188 by ISO/IEC 13818-1, 192 with the time codes of M2TS, 204 with error correction. A recording may begin
    within a packet.
    """
    for length in (188, 192, 204):
        n = min(len(head) // length - 1, 8)
        if n >= 3 and any(head[first : first + n * length : length] == b"G" * n for first in range(length)):
            return length
    return 0


def name_what_else(head: bytes) -> str:
    """Name what bytes are that are no sound; an empty string if that is unknown or they are."""
    for magic, name in _NOT_AUDIO:
        if head.startswith(magic):
            return name
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
