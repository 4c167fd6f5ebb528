"""CUE sheets: which tracks one long file has.

A sheet is used for a file of its own folder that it divides into two tracks or more. The file may have been
encoded again since (``album.wav`` in the sheet, ``album.flac`` in the folder). Where each track has a file of
its own, there is nothing to divide.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from earmark.audio import EXTENSIONS
from earmark.errors import InputError
from earmark.library.row import Item
from earmark.library.tags import Tags
from earmark.library.tags.fields import interpret

FRAMES = 75  # of a compact disc, a second
LONGEST = 1 << 20  # bytes of a sheet
MOST_TRACKS = 999
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_COMMAND = re.compile(r"\s*(REM\s+\w+|\w+)\s*(.*?)\s*\Z", re.IGNORECASE | re.DOTALL)
_TIME = re.compile(r"(\d{1,4}):(\d{1,2}):(\d{1,2})\Z")
_FILE_TYPE = re.compile(r"\s+(WAVE|MP3|AIFF|BINARY|MOTOROLA|FLAC|APE|WAV)\Z", re.IGNORECASE)


@dataclass
class CueTrack:
    """One track of a sheet.

    Parameters
    ----------
    number : int
        As the sheet has it.
    file : str
        Name of the file that it begins in, as the sheet has it.
    start : float or None
        Its INDEX 01 in s; None while there is none.
    texts : dict of str to str
        What it says of the track, by command: TITLE, PERFORMER.
    """

    number: int
    file: str = ""
    start: float | None = None
    texts: dict[str, str] = field(default_factory=dict)


@dataclass
class CueSheet:
    """What a sheet says.

    Parameters
    ----------
    texts : dict of str to str
        Of the album, by command: TITLE, PERFORMER, REM GENRE, REM DATE.
    tracks : list of CueTrack
        In the order of the sheet.
    """

    texts: dict[str, str] = field(default_factory=dict)
    tracks: list[CueTrack] = field(default_factory=list)


def decoded(content: bytes) -> str:
    """Return the text of a sheet: UTF-8 or UTF-16, with or without their marks, else Windows-1252."""
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    if content[1::2].count(0) > len(content) // 4:
        return content.decode("utf-16-le", "replace")
    if content[::2].count(0) > len(content) // 4:
        return content.decode("utf-16-be", "replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def parse_cue(content: bytes) -> CueSheet:
    """Read a sheet.

    Parameters
    ----------
    content : bytes
        Of the file; what is no command of a sheet is passed over.

    Returns
    -------
    CueSheet

    Raises
    ------
    InputError
        It has no tracks, or an INDEX 01 that is no time.
    """
    sheet, file = CueSheet(), ""
    for line in decoded(content[:LONGEST]).splitlines():
        command, text = _split(line)
        track = sheet.tracks[-1] if sheet.tracks else None
        if command == "FILE":
            file = _unquoted(_FILE_TYPE.sub("", text))
        elif command == "TRACK":
            number = re.match(r"\d{1,3}", text)
            if len(sheet.tracks) < MOST_TRACKS:
                sheet.tracks.append(CueTrack(int(number[0]) if number else 0))
        elif command == "INDEX" and track is not None:
            _take_index(track, text, file)
        elif command:
            (track or sheet).texts.setdefault(command, _unquoted(text))
    if not sheet.tracks:
        raise InputError("it has no TRACK", hint="Accepted: a CUE sheet.")
    return sheet


def _split(line: str) -> tuple[str, str]:
    """Divide a line into command, in upper case, and the rest."""
    found = _COMMAND.match(line)
    return (" ".join(found[1].upper().split()), found[2]) if found else ("", "")


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _take_index(track: CueTrack, text: str, file: str) -> None:
    number, _, time = text.partition(" ")
    if number.lstrip("0") != "1" or track.start is not None:
        return
    found = _TIME.match(time.strip())
    if not found:
        raise InputError(f"INDEX 01 {time.strip()[:40]!r}", hint="Accepted: minutes:seconds:frames.")
    minutes, seconds, frames = map(int, found.groups())
    track.file, track.start = file, 60 * minutes + seconds + frames / FRAMES


def items_of(sheet: CueSheet, folder: str, names: Iterable[str]) -> dict[str, list[Item]]:
    """Return the tracks that a sheet makes of files.

    Parameters
    ----------
    sheet : CueSheet
        What was read.
    folder : str
        Absolute path of its folder.
    names : iterable of str
        The sound files that are there.

    Returns
    -------
    dict of str to list of Item
        By path of the file, those that it divides only.

    Raises
    ------
    InputError
        No file of the sheet is there, or its tracks have no order.
    """
    by_name, by_stem = _tables(names)
    parts: dict[str, list[CueTrack]] = {}
    for track in sheet.tracks:
        name = re.split(r"[\\/]", track.file)[-1]
        stem = os.path.splitext(name)[0].casefold()
        found = by_name.get(name.casefold()) or by_stem.get(stem)
        if found and track.start is not None:
            parts.setdefault(found, []).append(track)
    if not parts:
        file = next((track.file for track in sheet.tracks if track.file), "")
        raise InputError(f"its file {file[:200]!r} is not there", hint="Accepted: a file in its folder.")
    divided = {name: tracks for name, tracks in parts.items() if len(tracks) > 1}
    return {os.path.join(folder, name): _items(sheet, folder, name, part) for name, part in divided.items()}


def _tables(names: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return names of sound files by themselves and by their stems, whatever the case."""
    known = sorted(name for name in names if os.path.splitext(name)[1].lower() in EXTENSIONS)
    by_stem: dict[str, str] = {}
    for name in known:
        by_stem.setdefault(os.path.splitext(name)[0].casefold(), name)
    return {name.casefold(): name for name in known}, by_stem


def _items(sheet: CueSheet, folder: str, name: str, tracks: list[CueTrack]) -> list[Item]:
    starts = [track.start or 0.0 for track in tracks]
    numbers = [track.number for track in tracks]
    if sorted(set(starts)) != starts or len(set(numbers)) < len(numbers) or min(numbers) < 1:
        raise InputError("its tracks are not in order", hint="Accepted: numbers and times that ascend.")
    return [
        Item(os.path.join(folder, name), track.number, start, stop, _tags(sheet.texts, track.texts))
        for track, start, stop in zip(tracks, starts, [*starts[1:], None], strict=True)
    ]


def _tags(album: Mapping[str, str], track: Mapping[str, str]) -> Tags:
    texts = {
        "TITLE": track.get("TITLE", ""),
        "ARTIST": track.get("PERFORMER") or album.get("PERFORMER", ""),
        "ALBUMARTIST": album.get("PERFORMER", ""),
        "ALBUM": album.get("TITLE", ""),
        "DATE": track.get("REM DATE") or album.get("REM DATE", ""),
        "GENRE": track.get("REM GENRE") or album.get("REM GENRE", ""),
    }
    return interpret({name: [text] for name, text in texts.items()}, "vorbis")
