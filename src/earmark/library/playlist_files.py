"""Playlists as files that players read: M3U8, XSPF and JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_from_bytes
from xml.sax.saxutils import escape

from earmark.errors import InputError
from earmark.library.row import Row
from earmark.storage import write_atomic

FORMATS = (".m3u8", ".m3u", ".xspf", ".json")
_XSPF = "http://xspf.org/ns/0/"


@dataclass(frozen=True, eq=False)
class Written:
    """What a playlist file holds.

    Parameters
    ----------
    content : str
        Of the file.
    left_out : tuple of (Row, str)
        Tracks that its format cannot express, and why.
    """

    content: str
    left_out: tuple[tuple[Row, str], ...] = ()


def playlist_text(
    rows: Sequence[Row],
    format: str = ".m3u8",
    *,
    name: str = "",
    relative_to: str | os.PathLike[str] | None = None,
) -> Written:
    """Return a playlist as the text of a file.

    Parameters
    ----------
    rows : sequence of Row
        Its tracks, in order.
    format : {".m3u8", ".m3u", ".xspf", ".json"}
        M3U8 is UTF-8 by definition; so is the M3U that is written here, as most players take it.
    name : str
        Title of the playlist.
    relative_to : path, optional
        The folder from which paths are given; by default they are absolute. What is on another drive stays
        absolute. Separators are forward slashes, on Windows too.

    Raises
    ------
    InputError
        Another format.
    """
    match format:
        case ".m3u8" | ".m3u":
            return _m3u(rows, name, relative_to)
        case ".xspf":
            return _xspf(rows, name, relative_to)
        case ".json":
            tracks = [_json_track(row, relative_to) for row in rows]
            return Written(
                json.dumps({"schema": "earmark.playlist/1", "name": name, "tracks": tracks}, indent=1) + "\n"
            )
    raise InputError(f"format={format!r}", hint=f"Accepted: {', '.join(FORMATS)}.")


def save_playlist(
    rows: Sequence[Row], path: str | os.PathLike[str], *, name: str = "", absolute: bool = False
) -> Written:
    """Write a playlist, unless the file is like that already.

    Parameters
    ----------
    rows, name
        As of `playlist_text`.
    path : path
        Its ending is the format.
    absolute : bool
        Whether paths are absolute; else they are relative to the folder of the playlist.

    Raises
    ------
    InputError
        An ending of no known format.
    OutputError
        It cannot be written.
    """
    path = Path(path)
    folder = None if absolute else os.path.dirname(os.path.realpath(path))
    written = playlist_text(rows, path.suffix.lower(), name=name or path.stem, relative_to=folder)
    try:
        same = path.read_bytes() == written.content.encode("utf-8", "surrogateescape")
    except OSError:
        same = False
    if not same:
        write_atomic(path, written.content)
    return written


def _m3u(rows: Sequence[Row], name: str, relative_to: str | os.PathLike[str] | None) -> Written:
    lines, left_out = ["#EXTM3U"], []
    if name:
        lines.append(f"#PLAYLIST:{_one_line(name)}")
    for row in rows:
        path = _located(row, relative_to)
        if problem := _unfit(row, path):
            left_out.append((row, problem))
            continue
        seconds = round(row.prediction.duration) if row.prediction else -1
        lines += [f"#EXTINF:{seconds},{_one_line(row.name)}", path]
    return Written("\n".join(lines) + "\n", tuple(left_out))


def _unfit(row: Row, path: str) -> str:
    """Why a line of M3U cannot name a track; "" if it can."""
    if row.item.number:
        return "it is a part of a file"
    if "\n" in path or "\r" in path:
        return "its path has a line break"
    if path != path.rstrip():
        return "its path ends with a space"
    try:
        path.encode()
    except UnicodeEncodeError:
        return "its path is not text"
    return ""


def _located(row: Row, relative_to: str | os.PathLike[str] | None) -> str:
    """Return the path of a track with forward slashes, so that it is taken for nothing but a path."""
    path = row.path
    if relative_to is not None:
        try:
            path = os.path.relpath(path, relative_to)
        except ValueError:  # another drive
            return path.replace(os.sep, "/")
    path = path.replace(os.sep, "/")
    begins = path.split("/", 1)[0]
    # A comment, a space that readers strip, and what looks like the scheme of a URL.
    return (
        f"./{path}"
        if relative_to is not None and (begins[:1] in "# \t" or ":" in begins) and begins
        else path
    )


def _xspf(rows: Sequence[Row], name: str, relative_to: str | os.PathLike[str] | None) -> Written:
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<playlist version="1" xmlns="{_XSPF}">']
    if name:
        lines.append(f"  <title>{_xml(name)}</title>")
    lines.append("  <trackList>")
    for row in rows:
        fields = {
            "location": _uri(row, relative_to),
            "title": row.tags.title or row.name,
            "creator": row.tags.artist,
            "album": row.tags.album,
            "duration": str(round(1000 * row.prediction.duration)) if row.prediction else "",
        }
        lines.append("    <track>")
        lines += [f"      <{tag}>{_xml(text)}</{tag}>" for tag, text in fields.items() if text]
        lines.append("    </track>")
    return Written("\n".join([*lines, "  </trackList>", "</playlist>"]) + "\n")


def _uri(row: Row, relative_to: str | os.PathLike[str] | None) -> str:
    """Return a URI: any bytes of a path can be in it. A part of a file is a media fragment (W3C, 2012)."""
    path = _located(row, relative_to)
    uri = quote_from_bytes(os.fsencode(path), safe="/")
    if os.path.isabs(path):
        uri = f"file://{uri}" if uri.startswith("/") else f"file:///{uri.replace('%3A', ':', 1)}"
    if row.item.number:
        stop = "" if row.item.stop is None else f",{row.item.stop:g}"
        uri += f"#t={row.item.start:g}{stop}"
    return uri


def _json_track(row: Row, relative_to: str | os.PathLike[str] | None) -> dict[str, object]:
    prediction = row.prediction
    return {
        "id": row.id,
        "path": _located(row, relative_to),
        "number": row.item.number,
        "start": row.item.start,
        "stop": row.item.stop,
        "title": row.tags.title,
        "artist": row.tags.artist,
        "album": row.tags.album,
        "duration": round(prediction.duration, 3) if prediction else None,
        "genres": list(row.genres),
        "tempo": prediction.tempo if prediction else None,
        "key": prediction.key if prediction else None,
    }


def _one_line(text: str) -> str:
    return " ".join(text.split()).encode("utf-8", "replace").decode()


def _xml(text: str) -> str:
    """Return text that XML can hold: without the control characters that it cannot, not even escaped."""
    return escape("".join(c if c >= " " and c not in "\ufffe\uffff" else " " for c in _one_line(text)))
