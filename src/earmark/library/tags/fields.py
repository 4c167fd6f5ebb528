"""What earmark reads from tags, and under which name each container keeps it.

The names are those of MusicBrainz Picard (https://picard-docs.musicbrainz.org/en/appendices/tag_mapping.html),
so that what earmark writes is what Picard, beets and the players that follow them read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOST_VALUES, MOST_CHARACTERS = 64, 4096  # of a field: a tag may hold a book
_YEAR = re.compile(r"(?<!\d)(1[4-9]\d\d|20\d\d|21\d\d)(?!\d)")
_NUMBER = re.compile(r"\s*(\d{1,4}(?:[.,]\d{1,6})?)\s*(?:bpm)?\s*\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Tags:
    """What the tags of a file say; what they do not say is "", None or ().

    Parameters
    ----------
    title, artist, album_artist, album : str
        Several artists are joined by ``"; "``.
    year : int or None
        Of the release, from whatever form of date there is.
    genres, moods : tuple of str
        Each value apart, as it is spelt in the file.
    bpm : float or None
        Beats per minute.
    key : str
        As it is spelt, such as ``"Am"`` or ``"8A"``.
    recording_id, artist_id, release_id : str
        MusicBrainz identifiers of the recording, of its first artist and of the release.
    comment : str
    """

    title: str = ""
    artist: str = ""
    album_artist: str = ""
    album: str = ""
    year: int | None = None
    genres: tuple[str, ...] = ()
    moods: tuple[str, ...] = ()
    bpm: float | None = None
    key: str = ""
    recording_id: str = ""
    artist_id: str = ""
    release_id: str = ""
    comment: str = ""


# field -> names by kind of tag, in the order in which they are believed. Names are compared in upper case.
NAMES: dict[str, dict[str, tuple[str, ...]]] = {
    "title": {
        "id3": ("TIT2",),
        "vorbis": ("TITLE",),
        "mp4": ("\xa9nam",),
        "asf": ("Title",),
        "ape": ("Title",),
        "info": ("INAM",),
    },
    "artist": {
        "id3": ("TPE1",),
        "vorbis": ("ARTIST",),
        "mp4": ("\xa9ART",),
        "asf": ("Author",),
        "ape": ("Artist",),
        "info": ("IART",),
    },
    "album_artist": {
        "id3": ("TPE2",),
        "vorbis": ("ALBUMARTIST", "ALBUM ARTIST"),
        "mp4": ("aART",),
        "asf": ("WM/AlbumArtist",),
        "ape": ("Album Artist", "ALBUMARTIST"),
    },
    "album": {
        "id3": ("TALB",),
        "vorbis": ("ALBUM",),
        "mp4": ("\xa9alb",),
        "asf": ("WM/AlbumTitle",),
        "ape": ("Album",),
        "info": ("IPRD",),
    },
    "date": {
        "id3": ("TDRC", "TYER", "TDRL", "TDOR", "TORY"),
        "vorbis": ("DATE", "YEAR", "ORIGINALDATE", "ORIGINALYEAR"),
        "mp4": ("\xa9day",),
        "asf": ("WM/Year", "WM/OriginalReleaseTime"),
        "ape": ("Year", "Date", "ORIGINALYEAR"),
        "info": ("ICRD",),
    },
    "genre": {
        "id3": ("TCON",),
        "vorbis": ("GENRE",),
        "mp4": ("\xa9gen", "gnre"),
        "asf": ("WM/Genre",),
        "ape": ("Genre",),
        "info": ("IGNR",),
    },
    "mood": {
        "id3": ("TMOO", "TXXX:MOOD"),
        "vorbis": ("MOOD",),
        "mp4": ("----:com.apple.iTunes:MOOD",),
        "asf": ("WM/Mood",),
        "ape": ("Mood",),
    },
    "bpm": {
        "id3": ("TBPM",),
        "vorbis": ("BPM", "TEMPO"),
        "mp4": ("tmpo",),
        "asf": ("WM/BeatsPerMinute",),
        "ape": ("BPM",),
    },
    "key": {
        "id3": ("TKEY",),
        "vorbis": ("KEY", "INITIALKEY"),
        "mp4": ("----:com.apple.iTunes:initialkey", "----:com.apple.iTunes:KEY"),
        "asf": ("WM/InitialKey",),
        "ape": ("KEY", "INITIALKEY"),
    },
    "recording_id": {
        "id3": ("UFID:http://musicbrainz.org",),
        "vorbis": ("MUSICBRAINZ_TRACKID",),
        "mp4": ("----:com.apple.iTunes:MusicBrainz Track Id",),
        "asf": ("MusicBrainz/Track Id",),
        "ape": ("MUSICBRAINZ_TRACKID",),
    },
    "artist_id": {
        "id3": ("TXXX:MusicBrainz Artist Id",),
        "vorbis": ("MUSICBRAINZ_ARTISTID",),
        "mp4": ("----:com.apple.iTunes:MusicBrainz Artist Id",),
        "asf": ("MusicBrainz/Artist Id",),
        "ape": ("MUSICBRAINZ_ARTISTID",),
    },
    "release_id": {
        "id3": ("TXXX:MusicBrainz Album Id",),
        "vorbis": ("MUSICBRAINZ_ALBUMID",),
        "mp4": ("----:com.apple.iTunes:MusicBrainz Album Id",),
        "asf": ("MusicBrainz/Album Id",),
        "ape": ("MUSICBRAINZ_ALBUMID",),
    },
    "comment": {
        "id3": ("COMM",),
        "vorbis": ("COMMENT", "DESCRIPTION"),
        "mp4": ("\xa9cmt",),
        "asf": ("Description",),
        "ape": ("Comment",),
        "info": ("ICMT",),
    },
}

# What is written, in the order in which it is shown; beside these the evidence, whose names begin so.
WRITABLE = ("genre", "mood", "bpm", "key", "comment")
EVIDENCE = "EARMARK_"
# Names under which a field is written, where that is not the first of `NAMES` alone.
_WRITTEN = {
    ("key", "vorbis"): ("KEY", "INITIALKEY"),
    ("key", "ape"): ("KEY", "INITIALKEY"),
    ("mood", "id3v2.3"): ("TXXX:MOOD",),
}
# Names that go when a field is written: else a reader might find an old value there.
_SUPERSEDED = {
    ("genre", "mp4"): ("gnre",),
    ("mood", "id3"): ("TMOO", "TXXX:MOOD"),
    ("key", "mp4"): ("----:com.apple.iTunes:KEY",),
}

# Values by the names of one kind of tag, upper case.
Native = Mapping[str, Sequence[str]]


def interpret(native: Native, kind: str) -> Tags:
    """Make `Tags` of values under the names of one kind of tag.

    Parameters
    ----------
    native : mapping of str to sequence of str
        Values by name, the names in upper case.
    kind : {"id3", "vorbis", "mp4", "asf", "ape", "info"}
    """

    def values(field: str) -> tuple[str, ...]:
        for name in NAMES[field].get(kind, ()):
            found = native.get(name.upper(), ())
            kept = tuple(dict.fromkeys(filter(None, map(_clean, found[:MOST_VALUES]))))
            if kept:
                return kept
        return ()

    def first(field: str) -> str:
        return next(iter(values(field)), "")

    return Tags(
        title=first("title"),
        artist="; ".join(values("artist")),
        album_artist="; ".join(values("album_artist")),
        album=first("album"),
        year=year_of(first("date")),
        genres=values("genre"),
        moods=values("mood"),
        bpm=bpm_of(first("bpm")),
        key=first("key"),
        recording_id=first("recording_id"),
        artist_id=first("artist_id"),
        release_id=first("release_id"),
        comment=first("comment"),
    )


def written_names(values: Mapping[str, Sequence[str]], kind: str, version: int = 4) -> dict[str, list[str]]:
    """Values by the names under which one kind of tag keeps them.

    Parameters
    ----------
    values : mapping of str to sequence of str
        By field, as of `WRITABLE`, or by the name of evidence; no values to have none.
    kind : {"id3", "vorbis", "mp4", "asf", "ape"}
    version : int
        Of ID3v2: moods have no frame of their own before 2.4.

    Returns
    -------
    dict of str to list of str
        Names as they are spelt; no values where a name is to go.
    """
    found: dict[str, list[str]] = {}
    freeform = {"id3": "TXXX:", "mp4": "----:com.apple.iTunes:"}.get(kind, "")
    for field, wanted in values.items():
        if field not in NAMES:
            found[freeform + field] = list(wanted)
            continue
        old = "id3v2.3" if kind == "id3" and version < 4 else kind
        names = _WRITTEN.get((field, old)) or _WRITTEN.get((field, kind)) or NAMES[field][kind][:1]
        found |= {name: [] for name in _SUPERSEDED.get((field, kind), ()) if name not in names}
        found |= {name: list(wanted) for name in names}
    return found


def year_of(date: str) -> int | None:
    """Find the year in a date of any form: ``1994-05-02``, ``May 2, 1994``, ``1994``.

    Examples
    --------
    >>> year_of("1994-05-02"), year_of("02.05.1994"), year_of("soon")
    (1994, 1994, None)
    """
    found = _YEAR.search(date)
    return int(found[1]) if found else None


def bpm_of(text: str) -> float | None:
    """Read beats per minute, ``"128"``, ``"127,98"`` or ``"128 BPM"``; None for what is no tempo.

    Examples
    --------
    >>> bpm_of("127,98"), bpm_of("0"), bpm_of("fast")
    (127.98, None, None)
    """
    found = _NUMBER.match(text)
    bpm = float(found[1].replace(",", ".")) if found else 0.0
    return bpm if bpm > 0 else None


def _clean(text: str) -> str:
    """Text that can be stored and shown: no NUL, no lone surrogate, no more of it than anybody reads."""
    return text[:MOST_CHARACTERS].replace("\0", "").encode("utf-8", "replace").decode().strip()
