"""The tracks that heads learn from, free_labelled among them, and none of the reserved fold."""

from __future__ import annotations

from pathlib import Path

import corpus
import numpy as np
from reserved import is_reserved

# Words of people who make music to be used, as ours; what the maker's genre leaves open is masked. Nearly all of it is
# one composer's, with sampled instruments, so that it may not say what is no rock or no pop.
OPEN = {
    "electronic": "new-age disco pop", "soundtrack": "classical new-age electronic world", "folk": "country world",
    "jazz": "vocal latin r&b", "country": "folk blues", "disco": "electronic r&b pop", "reggae": "world latin",
    "metal": "rock", "rock": "metal pop", "r&b": "disco jazz electronic", "latin": "world jazz pop", "pop": "rock electronic",
    "world": "folk soundtrack latin", "classical": "soundtrack", "blues": "rock jazz",
}  # fmt: skip


def free_labelled(data: Path) -> list[corpus.Track]:
    tracks = []
    for row in corpus.rows(data / "free_labelled"):
        named = [g for g in row["genre"].split("|") if g]
        positive = named if row["sure"] == "1" else []
        unsure = [*named, *(g for name in named for g in OPEN.get(name, "").split())]
        target = corpus.genre_target(positive, [g for g in unsure if g not in positive])
        if not positive:
            target[:] = np.nan
        tracks.append(
            corpus.Track(row["id"], "free_labelled", row["path"], "free " + row["artist"], "", target, sound=0,
                         positives=tuple(positive), said=frozenset(row["mood"].lower().split("|")))
        )  # fmt: skip
    return tracks


def reserved_artists(data: Path) -> set[str]:
    """Spellings (`corpus.artist_key`) of the artists of the reserved fold."""
    names = [row["artist"] for name in ("panda4q", "mirex_mood") for row in corpus.rows(data / name)]
    return {corpus.artist_key(name) for name in names if is_reserved(name)}


def table(data: Path) -> list[corpus.Track]:
    """All tracks whose sound is there."""
    return [t for t in [*corpus.tracks(data), *free_labelled(data)] if t.path]


def may_teach(tracks: list[corpus.Track], data: Path) -> np.ndarray:
    """Neither the reserved fold nor GTZAN's `valid` and `excluded` parts."""
    kept_back = reserved_artists(data)
    return np.array([t.split not in ("valid", "excluded") and t.group not in kept_back for t in tracks])
