"""What can be asked for by OpenSubsonic, by name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO

from earmark.audio import WavExcerpt
from earmark.errors import AbsentError, EarmarkError, InputError
from earmark.library import Library, Row, similar, song_path
from earmark.library.similar import cosine
from earmark.web.audio_files import open_track
from earmark.web.ranges import Content, FileContent, tag_of
from earmark.web.subsonic.answer import GENERIC, NOT_FOUND, Fault
from earmark.web.subsonic.parameters import Parameters
from earmark.web.tracks import name_of, track_of

Payload = dict[str, Any]
USER = "earmark"

# By the ending of the name: opening every file of a listing would take too long.
_TYPES = {
    ".mp3": "audio/mpeg", ".flac": "audio/flac", ".wav": "audio/wav", ".ogg": "audio/ogg",
    ".oga": "audio/ogg", ".opus": "audio/ogg", ".m4a": "audio/mp4", ".m4b": "audio/mp4", ".mp4": "audio/mp4",
    ".aac": "audio/aac", ".aiff": "audio/aiff", ".aif": "audio/aiff", ".wma": "audio/x-ms-wma",
    ".ape": "audio/x-ape", ".wv": "audio/x-wavpack", ".webm": "audio/webm", ".mka": "audio/webm",
}  # fmt: skip


@dataclass(frozen=True)
class Streamed:
    """Sound that is the answer itself: arguments of `content_response`."""

    content: Content
    tag: str
    media_type: str
    name: str


Method = Callable[[Library, Parameters], Payload | Streamed]
Plain = Callable[[], Payload]


def song_of(row: Row) -> Payload:
    """Return a track as a ``Child`` of the protocol; its path is its name alone."""
    track = track_of(row)
    is_file = not row.item.number  # else it is a part of one, and comes as a WAV file
    suffix = os.path.splitext(row.path)[1].lower() if is_file else ".wav"
    child = {
        "id": str(row.id),
        "isDir": False,
        "isVideo": False,
        "type": "music",
        "mediaType": "song",
        "title": track["title"],
        "artist": track["artist"] or None,
        "displayArtist": track["artist"] or None,
        "album": track["album"] or None,
        "year": track["year"],
        "genre": track["genre"],
        "genres": [{"name": track["genre"]}] if track["genre"] else [],
        "moods": track["moods"],
        "size": row.file.size if is_file else None,
        "contentType": _TYPES.get(suffix, "application/octet-stream"),
        "suffix": suffix.lstrip(".") or None,
        "duration": None if track["duration"] is None else round(track["duration"]),
        "bpm": None if track["bpm"] is None else round(track["bpm"]),
        "path": name_of(row),
        "created": track["added"],
    }
    return {key: value for key, value in child.items() if value is not None}


def match_of(row: Row, similarity: float) -> Payload:
    """Return a ``sonicMatch``: 1 is the same sound, 0 is unlike; a cosine below 0 is no likeness either."""
    return {"entry": song_of(row), "similarity": round(min(1.0, max(0.0, similarity)), 4)}


# ---------------------------------------------------------------- the methods


def _nothing() -> Payload:
    return {}


def _license() -> Payload:
    return {"license": {"valid": True}}


def _extensions() -> Payload:
    names = ("apiKeyAuthentication", "formPost", "sonicSimilarity")
    return {"openSubsonicExtensions": [{"name": name, "versions": [1]} for name in names]}


def _token() -> Payload:
    return {"tokenInfo": {"username": USER}}


def _folders() -> Payload:
    return {"musicFolders": {"musicFolder": [{"id": 1, "name": "Music"}]}}


def _song(library: Library, parameters: Parameters) -> Payload:
    return {"song": song_of(library.get(parameters.id()))}


def _search(library: Library, parameters: Parameters) -> Payload:
    """Find songs by words; an empty query, or an empty pair of quotes, means all."""
    words = re.findall(r"[^\W_]+", parameters.text("query"))[:20]
    n = parameters.number("songCount", 20)
    offset = parameters.number("songOffset", 0, most=2**31)
    ids = library.search(" ".join(f'"{word}"' for word in words))
    return {"searchResult3": {"artist": [], "album": [], "song": _songs(library, ids[offset : offset + n])}}


def _random(library: Library, parameters: Parameters) -> Payload:
    ids = library.search("", sort="random", limit=parameters.number("size", 10))
    return {"randomSongs": {"song": _songs(library, ids)}}


def _similar_songs(library: Library, parameters: Parameters) -> Payload:
    found = similar(library, [parameters.id()], n=parameters.number("count", 50, least=1))
    return {"similarSongs": {"song": [song_of(neighbour.row) for neighbour in found]}}


def _sonic_similar(library: Library, parameters: Parameters) -> Payload:
    found = similar(library, [parameters.id()], n=parameters.number("count", 10, least=1))
    return {"sonicMatch": [match_of(neighbour.row, neighbour.similarity) for neighbour in found]}


def _sonic_path(library: Library, parameters: Parameters) -> Payload:
    """Return a way from one song to another, each with its similarity to the first."""
    ends = parameters.id("startSongId"), parameters.id("endSongId")
    way = song_path(library, *ends, n=parameters.number("count", 25, least=2))
    first = way[0].row
    matches = [match_of(step.row, cosine(first, step.row)) for step in way[1:]]
    return {"sonicMatch": [match_of(first, 1.0), *matches]}


def _stream(library: Library, parameters: Parameters) -> Streamed:
    """Return the file of a song as it is; of a CUE sheet, the part of the file that is the song."""
    row = library.get(parameters.id())
    file, media_type = open_track(library, row)
    if not row.item.number:
        return Streamed(FileContent(file), tag_of(file), media_type, name_of(row))
    return excerpt_of(row, file)


def excerpt_of(row: Row, file: BinaryIO) -> Streamed:
    """Return the song of a CUE sheet out of its file, which is closed with it.

    Raises
    ------
    AudioError
        The file cannot be decoded.
    AbsentError
        The song was never analysed, so that nobody knows where the last of a sheet ends.
    """
    item, stem = row.item, os.path.splitext(name_of(row))[0]
    try:
        duration = row.prediction.duration if item.stop is None and row.prediction else None
        duration = item.stop - item.start if item.stop is not None else duration
        if duration is None:
            raise AbsentError(f"song {item.number} of {name_of(row)} was never analysed")
        excerpt = Excerpt(file, start=item.start, duration=duration, name=name_of(row))
    except BaseException:
        file.close()
        raise
    tag = tag_of(file, item.start, duration)
    return Streamed(excerpt, tag, "audio/wav", f"{stem} {item.number:02}.wav")


class Excerpt(WavExcerpt):
    """A part of a file that is closed with it."""

    def __init__(self, file: BinaryIO, **options: Any) -> None:
        self._file = file
        super().__init__(file, **options)

    def close(self) -> None:
        """Close both."""
        super().close()
        self._file.close()


PLAIN: dict[str, Plain] = {
    "ping": _nothing,
    "getLicense": _license,
    "getOpenSubsonicExtensions": _extensions,
    "tokenInfo": _token,
    "getMusicFolders": _folders,
}
OF_LIBRARY: dict[str, Method] = {
    "getSong": _song,
    "search3": _search,
    "getRandomSongs": _random,
    "getSimilarSongs": _similar_songs,
    "getSonicSimilarTracks": _sonic_similar,
    "findSonicPath": _sonic_path,
    "stream": _stream,
    "download": _stream,
}
PUBLIC = frozenset({"getOpenSubsonicExtensions"})  # by the protocol, before the client has logged in


def fault_of(error: EarmarkError) -> Fault:
    """Return an error of ours as the protocol has it."""
    if isinstance(error, AbsentError):
        return Fault(NOT_FOUND, error.message)
    return Fault(GENERIC, str(error) if isinstance(error, InputError) else error.message)


def _songs(library: Library, ids: Iterable[int]) -> list[Payload]:
    return [song_of(row) for row in library.rows(ids, brief=True)]
