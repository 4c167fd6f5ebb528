"""Tagged files of every format for the tests of tags, written by mutagen and not by earmark."""

from __future__ import annotations

import functools
import io
from typing import Any

import mutagen
import mutagen.id3
from mutagen import apev2, asf, flac, id3, mp4

import sounds

SECONDS = 0.3
# Formats whose tags earmark writes, by the kind of their tags.
KINDS = {
    "mp3": "id3",
    "tta": "id3",
    "wav16": "id3",
    "wav24": "id3",
    "aiff16": "id3",
    "flac": "vorbis",
    "ogg": "vorbis",
    "opus": "vorbis",
    "oggflac": "vorbis",
    "m4a": "mp4",
    "alac": "mp4",
    "wma": "asf",
    "wv": "ape",
}
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8

RICH = {
    "title": ["Ä title"],
    "artist": ["A", "B"],
    "album_artist": ["Various"],
    "album": ["Album"],
    "date": ["1994-03-02"],
    "genre": ["Hard Rock", "Blues"],
    "mood": ["calm", "sad"],
    "bpm": ["128"],
    "key": ["Am"],
    "recording_id": ["11111111-aaaa-4444-8888-000000000001"],
    "artist_id": ["22222222-aaaa-4444-8888-000000000002"],
    "release_id": ["33333333-aaaa-4444-8888-000000000003"],
    "comment": ["hello"],
}


@functools.cache
def plain(fmt: str) -> bytes:
    """A file as the encoder made it; without the ID3 tag in which FFmpeg names itself."""
    options = {"id3v2_version": "0"} if fmt == "mp3" else {}
    return sounds.encode(sounds.noise(SECONDS, channels=2), 44100, fmt, **options)


def tag(
    data: bytes, kind: str, fields: dict[str, list[str]], *, version: int = 4, picture: bool = False
) -> bytes:
    """Add tags to a file by mutagen."""
    file = io.BytesIO(data)
    opened: Any = mutagen.File(file)
    if opened.tags is None:
        opened.add_tags()
    _WRITERS[kind](opened, fields, picture)
    file.seek(0)
    if kind == "id3":
        if version == 3:
            opened.tags.update_to_v23()
        opened.save(file, v2_version=version, **({"v23_sep": None} if version == 3 else {}))
    else:
        opened.save(file)
    return file.getvalue()


@functools.cache
def rich(fmt: str, *, picture: bool = False) -> bytes:
    """A file with every field of `RICH`."""
    return tag(plain(fmt), KINDS[fmt], RICH, picture=picture)


_FRAMES = {
    "title": id3.TIT2,
    "artist": id3.TPE1,
    "album_artist": id3.TPE2,
    "album": id3.TALB,
    "date": id3.TDRC,
    "genre": id3.TCON,
    "mood": id3.TMOO,
    "bpm": id3.TBPM,
    "key": id3.TKEY,
}


def _write_id3(opened: Any, fields: dict[str, list[str]], picture: bool) -> None:
    for name, values in fields.items():
        if name in _FRAMES:
            opened.tags.add(_FRAMES[name](encoding=1, text=values))
        elif name == "comment":
            opened.tags.add(id3.COMM(encoding=1, lang="eng", desc="", text=values))
        elif name == "recording_id":
            opened.tags.add(id3.UFID(owner="http://musicbrainz.org", data=values[0].encode()))
        else:
            desc = {"artist_id": "MusicBrainz Artist Id", "release_id": "MusicBrainz Album Id"}[name]
            opened.tags.add(id3.TXXX(encoding=0, desc=desc, text=values))
    if picture:
        opened.tags.add(id3.APIC(encoding=0, mime="image/png", type=3, desc="", data=PICTURE))


def _write_vorbis(opened: Any, fields: dict[str, list[str]], picture: bool) -> None:
    names = {
        "album_artist": "albumartist",
        "recording_id": "musicbrainz_trackid",
        "artist_id": "musicbrainz_artistid",
        "release_id": "musicbrainz_albumid",
    }
    for name, values in fields.items():
        opened.tags[names.get(name, name)] = values
    if picture:
        one = flac.Picture()
        one.type, one.mime, one.data = 3, "image/png", PICTURE
        if isinstance(opened, flac.FLAC):
            opened.add_picture(one)
        else:
            import base64

            opened.tags["metadata_block_picture"] = [base64.b64encode(one.write()).decode()]


def _write_mp4(opened: Any, fields: dict[str, list[str]], picture: bool) -> None:
    texts = {
        "title": "\xa9nam",
        "artist": "\xa9ART",
        "album_artist": "aART",
        "album": "\xa9alb",
        "date": "\xa9day",
        "genre": "\xa9gen",
        "comment": "\xa9cmt",
    }
    free = {
        "mood": "MOOD",
        "key": "initialkey",
        "recording_id": "MusicBrainz Track Id",
        "artist_id": "MusicBrainz Artist Id",
        "release_id": "MusicBrainz Album Id",
    }
    for name, values in fields.items():
        if name in texts:
            opened.tags[texts[name]] = values
        elif name == "bpm":
            opened.tags["tmpo"] = [int(values[0])]
        else:
            opened.tags[f"----:com.apple.iTunes:{free[name]}"] = [v.encode() for v in values]
    if picture:
        opened.tags["covr"] = [mp4.MP4Cover(PICTURE, mp4.MP4Cover.FORMAT_PNG)]


def _write_asf(opened: Any, fields: dict[str, list[str]], picture: bool) -> None:
    names = {
        "title": "Title",
        "artist": "Author",
        "album_artist": "WM/AlbumArtist",
        "album": "WM/AlbumTitle",
        "date": "WM/Year",
        "genre": "WM/Genre",
        "mood": "WM/Mood",
        "bpm": "WM/BeatsPerMinute",
        "key": "WM/InitialKey",
        "recording_id": "MusicBrainz/Track Id",
        "artist_id": "MusicBrainz/Artist Id",
        "release_id": "MusicBrainz/Album Id",
        "comment": "Description",
    }
    for name, values in fields.items():
        opened.tags[names[name]] = [asf.ASFUnicodeAttribute(v) for v in values]
    if picture:
        opened.tags["WM/Picture"] = [
            asf.ASFByteArrayAttribute(b"\3" + len(PICTURE).to_bytes(4, "little") + PICTURE)
        ]


def _write_ape(opened: Any, fields: dict[str, list[str]], picture: bool) -> None:
    names = {
        "album_artist": "Album Artist",
        "date": "Year",
        "recording_id": "MUSICBRAINZ_TRACKID",
        "artist_id": "MUSICBRAINZ_ARTISTID",
        "release_id": "MUSICBRAINZ_ALBUMID",
    }
    for name, values in fields.items():
        opened.tags[names.get(name, name.title())] = values
    if picture:
        opened.tags["Cover Art (Front)"] = apev2.APEValue(b"cover.png\0" + PICTURE, apev2.BINARY)


_WRITERS = {
    "id3": _write_id3,
    "vorbis": _write_vorbis,
    "mp4": _write_mp4,
    "asf": _write_asf,
    "ape": _write_ape,
}
