"""What of a folder is left out of the library: ``.notmusic``, ``.earmarkignore`` and patterns.

A folder with a file ``.notmusic`` is left out, with all below it. A file ``.earmarkignore`` has one pattern a
line, a part of what gitignore has:

* ``*.wav`` (no slash, but for one at the end): files and folders of that name, at any depth below;
* ``live/*.mp3``, ``/intro.mp3`` (a slash in front or within): the path from the folder of the
  ``.earmarkignore``; ``**`` is any number of folders;
* ``samples/`` (a slash at the end): folders only;
* ``!keep.wav``: not left out after all. The last line that matches decides, those of a deeper folder after
  those above it; what lies in a folder that is left out stays out;
* ``*``, ``?``, ``[abc]`` and ``[!abc]`` match within one name, upper and lower case apart;
* empty lines, and lines that begin with ``#``, say nothing.
"""

from __future__ import annotations

import codecs
import fnmatch
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MARKER, PATTERNS = ".notmusic", ".earmarkignore"
_LONGEST = 1 << 20  # bytes of a file of patterns that are read


@dataclass(frozen=True)
class Rule:
    """One pattern.

    Parameters
    ----------
    parts : tuple of Pattern or None
        For each name of a path one; None is any number of names.
    keeps : bool
        Whether it takes back what others leave out.
    folders_only : bool
    """

    parts: tuple[re.Pattern[str] | None, ...]
    keeps: bool = False
    folders_only: bool = False

    def matches(self, names: tuple[str, ...], *, is_folder: bool) -> bool:
        """Whether it is of a path, given as names from the folder of the rule on."""
        return (is_folder or not self.folders_only) and _match(self.parts, names)


def parse(lines: Iterable[str]) -> tuple[Rule, ...]:
    """Return the rules of some lines.

    Examples
    --------
    >>> [rule] = parse(["# voices", "", "*.wav"])
    >>> rule.matches(("live", "a.wav"), is_folder=False), rule.matches(("a.mp3",), is_folder=False)
    (True, False)
    """
    return tuple(rule for line in lines if (rule := _rule(line.strip())))


def _rule(line: str) -> Rule | None:
    if not line or line.startswith("#"):
        return None
    keeps = line.startswith("!")
    pattern = line[1:] if keeps else line
    folders_only = pattern.endswith("/")
    pattern = pattern.rstrip("/")
    names = [name for name in pattern.split("/") if name]
    if not names:
        return None
    if "/" not in pattern:
        names = ["**", *names]
    parts = (None if name == "**" else re.compile(fnmatch.translate(name)) for name in names)
    return Rule(tuple(parts), keeps, folders_only)


def _match(parts: tuple[re.Pattern[str] | None, ...], names: tuple[str, ...]) -> bool:
    # Which of the parts may come next, after each name: no pattern takes longer than parts times names.
    open_parts = _with_skips({0}, parts)
    for name in names:
        reached = set()
        for i in open_parts:
            if i < len(parts):
                part = parts[i]
                if part is None:
                    reached.add(i)
                elif part.match(name):
                    reached.add(i + 1)
        open_parts = _with_skips(reached, parts)
    return len(parts) in open_parts


def _with_skips(places: set[int], parts: tuple[re.Pattern[str] | None, ...]) -> set[int]:
    """Add the places behind each ``**``, which may stand for no name at all."""
    found = set(places)
    for i, part in enumerate(parts):
        if part is None and i in found:
            found.add(i + 1)
    return found


class Exclude:
    """Which entries of folders belong to the library: the argument ``keep`` of `earmark.audio.find_audio`.

    Parameters
    ----------
    tops : iterable of str
        Absolute paths of folders above which no ``.earmarkignore`` is looked for.
    patterns : iterable of str
        More of them, of every one of these folders; they decide before any file.
    """

    def __init__(self, tops: Iterable[str], patterns: Iterable[str] = ()) -> None:
        self._tops = frozenset(tops)
        self._always = parse(patterns)
        self._of_folder: dict[str, tuple[tuple[str, tuple[Rule, ...]], ...] | None] = {}

    def __call__(self, folder: str, entries: list[os.DirEntry[str]]) -> list[os.DirEntry[str]]:
        """Return the entries of a folder that are not left out."""
        rules = self._rules(folder)
        if rules is None:
            return []
        if not any(rules_here for _, rules_here in rules):
            return entries
        return [entry for entry in entries if not _is_out(entry.path, rules, _is_folder(entry))]

    def _rules(self, folder: str) -> tuple[tuple[str, tuple[Rule, ...]], ...] | None:
        """Return the rules for what is in a folder, the last decide; None if all of it is left out."""
        if folder not in self._of_folder:
            self._of_folder[folder] = self._found_rules(folder)
        return self._of_folder[folder]

    def _found_rules(self, folder: str) -> tuple[tuple[str, tuple[Rule, ...]], ...] | None:
        above: tuple[tuple[str, tuple[Rule, ...]], ...] | None = ((folder, self._always),)
        parent = os.path.dirname(folder)
        if folder not in self._tops and parent != folder:
            above = self._rules(parent)
        if above is None or os.path.lexists(os.path.join(folder, MARKER)) or _is_out(folder, above, True):
            return None
        own = (folder, parse(_lines(os.path.join(folder, PATTERNS))))
        # Those of the command line stay the last.
        return (*above[:-1], own, above[-1]) if own[1] else above


def _is_out(path: str, rules: tuple[tuple[str, tuple[Rule, ...]], ...], is_folder: bool) -> bool:
    for folder, some in reversed(rules):
        if path == folder:
            continue
        names: tuple[str, ...] = ()
        for rule in reversed(some):
            names = names or tuple(path[len(folder) :].strip(os.sep).split(os.sep))
            if rule.matches(names, is_folder=is_folder):
                return not rule.keeps
    return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _lines(path: str) -> Iterator[str]:
    """Yield the lines of a file of patterns, names as `os.fsdecode` gives them; none if there is no file."""
    try:
        with open(path, "rb") as file:
            content = file.read(_LONGEST)
    except (FileNotFoundError, IsADirectoryError):
        return
    for line in content.removeprefix(codecs.BOM_UTF8).splitlines():
        yield os.fsdecode(line)
