"""Which column of a table says what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from earmark.errors import InputError

# What a column may be called, the surest name first.
COLUMNS: dict[str, tuple[str, ...]] = {
    "path": ("path", "audio", "file", "filename", "file_path", "filepath"),
    "labels": ("labels", "label", "genres", "genre", "tags", "tag", "classes", "class", "category"),
    "group": ("group", "artist", "artist_id", "artist_name", "piece", "album", "album_id"),
    "split": ("split", "fold", "subset", "part"),
    "id": ("id", "track_id"),
    "sha256": ("sha256",),
    "licence": ("licence", "license"),
    "source": ("source", "url"),
}


@dataclass(frozen=True)
class Columns:
    """Which column to read for what, where the usual names do not say it.

    Parameters
    ----------
    path, labels, group : str or None
        Name of the column; None looks for the usual names.
    """

    path: str | None = None
    labels: str | None = None
    group: str | None = None

    def found_in(self, names: Iterable[str], *, needed: Iterable[str]) -> dict[str, str]:
        """Return the column for each role.

        Raises
        ------
        InputError
            If a column that is needed or named is not there; lists what is there and what is accepted.
        """
        names = list(names)
        there = {name.strip().lower(): name for name in reversed(names)}  # the first of equals counts
        chosen: dict[str, str] = {}
        for role, usual in COLUMNS.items():
            wanted = getattr(self, role, None)
            accepted = (wanted.strip().lower(),) if wanted else usual
            match = next((there[name] for name in accepted if name in there), None)
            if match is not None:
                chosen[role] = match
            elif wanted or role in needed:
                raise InputError(
                    f"no column {wanted!r} for {role}" if wanted else f"no column for {role}",
                    hint=f"Accepted: {', '.join(usual)}, or the name that {role}= gives. "
                    f"The table has: {', '.join(map(repr, names)) or 'none'}.",
                )
        return chosen
