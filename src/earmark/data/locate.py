r"""Where the file is that a row of a table names.

Tables travel: from Windows (``rock\a.ogg``), from another machine (``C:\Users\me\music\rock\a.ogg``), out of
a player (``file:///home/me/music/rock/a.ogg``), from a disk on which case or the composition of accents does
not count. A path that exists as it stands is taken as it stands; only then are other readings tried.
"""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote, urlsplit

_QUOTES = {'"', "'", "`"}


@dataclass(frozen=True)
class Located:
    """A file that a row names.

    Parameters
    ----------
    path : str
        Ready to be opened.
    name : str
        The path as the table should have had it: relative to its folder where it lies below, with slashes.
    moved : bool
        Whether the table has an absolute path of elsewhere, whose end was found beside the table.
    """

    path: str
    name: str
    moved: bool = False


class Locator:
    """Finds files that are named relative to a folder, and remembers the folders that it listed.

    Parameters
    ----------
    folder : Path
        Of the table.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._listed: dict[str, dict[str, list[str]]] = {}

    def find(self, cell: str) -> Located | None:
        """Return the file that a cell means; None if there is none.

        Parameters
        ----------
        cell : str
            As it stands in the table.
        """
        texts = _readings(cell)
        for text in texts:
            if os.path.exists(self.folder / text):
                return Located(str(self.folder / text), text.replace(os.sep, "/"))
        for look in (self._exactly, self._alike):
            for text in texts:
                path = PureWindowsPath(text)  # takes both kinds of slashes, drives and shares
                parts = tuple(part for part in path.parts if part != path.anchor)
                # Of a path of elsewhere, the longest end that is here: the least left to chance.
                for start in range(len(parts) if path.anchor else min(1, len(parts))):
                    if (name := look(parts[start:])) is not None:
                        return Located(str(self.folder / name), name, bool(path.anchor))
        return None

    def _exactly(self, parts: tuple[str, ...]) -> str | None:
        name = "/".join(parts)
        return name if os.path.exists(self.folder / name) else None

    def _alike(self, parts: tuple[str, ...]) -> str | None:
        """Find a path but for case and the composition of accents; None if two are alike, or none."""
        name = ""
        for part in parts:
            if part == "..":
                name = os.path.join(name, part)
                continue
            found = self._listing(name).get(_key(part), [])
            if len(found) != 1:
                return None
            name = os.path.join(name, found[0])
        return name.replace(os.sep, "/") if os.path.exists(self.folder / name) else None

    def _listing(self, name: str) -> dict[str, list[str]]:
        if name not in self._listed:
            names: dict[str, list[str]] = {}
            try:
                for entry in os.listdir(self.folder / name):
                    names.setdefault(_key(entry), []).append(entry)
            except OSError:
                names = {}
            self._listed[name] = names
        return self._listed[name]


def _readings(cell: str) -> list[str]:
    """Return the paths that a cell may mean, as it stands first."""
    texts = [cell]
    if len(cell) > 2 and cell[0] == cell[-1] and cell[0] in _QUOTES:
        texts.append(cell[1:-1])
    texts += [text for text in map(windows_1252, texts) if text is not None]
    texts += [unquote(_without_scheme(text)) for text in texts if "%" in text or _is_url(text)]
    return list(dict.fromkeys(text for text in texts if text))


def _is_url(text: str) -> bool:
    return text[:5].lower() == "file:"


def _without_scheme(text: str) -> str:
    """Return the path of a file URL, ``/C:/music`` as ``C:/music``; other text as it is."""
    if not _is_url(text):
        return text
    try:
        path = urlsplit(text.replace("\\", "/").replace("#", "%23").replace("?", "%3F")).path
    except ValueError:  # such as an unfinished IPv6 address
        return text
    return path[1:] if len(path) > 2 and path[0] == "/" and path[2] in ":|" else path


def windows_1252(text: str) -> str | None:
    """Return text whose odd bytes are taken as Windows-1252; None if it has none, or they are none of those.

    Parameters
    ----------
    text : str
        Decoded as UTF-8 with ``surrogateescape``.
    """
    if not not_utf8(text):
        return None
    try:
        return text.encode("utf-8", "surrogateescape").decode("cp1252")
    except ValueError:
        return None


def not_utf8(text: str) -> bool:
    """Whether a text holds odd bytes of a file name, which no card and no page could show."""
    return any("\udc80" <= letter <= "\udcff" for letter in text)


def unusable(path: Path) -> str:
    """Return why a file cannot be a track, as far as it shows without opening it; ``""`` if it may be one."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return "there is no such file"
    except (OSError, ValueError) as error:
        return f"cannot be read: {getattr(error, 'strerror', None) or error}"
    if not path.is_file():
        return "not a file"
    if not size:
        return "the file is empty"
    return "" if os.access(path, os.R_OK) else "no permission to read it"


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
