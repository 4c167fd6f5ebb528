"""A data set without what was found to be wrong with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator

from earmark.check.findings import CheckReport
from earmark.data import Manifest, Track

_OUT = ("unreadable", "silent", "short", "conflict")
_SAME_LENGTH = 0.1  # s: encoders pad; of tracks that are equally long, the first of the data set stays
_LONGER = 1.05  # times as long: such a track holds something that its copy does not

_Graph = dict[str, set[str]]


def cleaned(report: CheckReport) -> Manifest:
    """Return the data set without the tracks that a report found to be of no use.

    Parameters
    ----------
    report : CheckReport
        Of `check`.

    Returns
    -------
    Manifest
        Without tracks that are unreadable, silent or too short. Of the copies of one recording (connected
        components: a copy of a copy is one too) the longest stays, or none if their labels differ. Recordings
        that have a part in common but each something of their own stay, in one group. If a group was in
        several subsets of the split, there is no split.
    """
    copies = _copies(report)
    conflicts = [name for finding in report.of("conflict") for name in finding.tracks]
    out = {name for kind in _OUT for finding in report.of(kind) for name in finding.tracks}
    out |= _reached(copies, conflicts)
    tracks = {track.id: track for track in report.manifest.tracks}
    groups = _Groups()
    dropped: set[str] = set()
    for component in _components(copies, [name for name in tracks if name not in out]):
        kept, copied = _kept(component, copies, report)
        dropped |= copied
        groups.join(tracks[name] for name in kept)
    for finding in report.of("near-copy"):
        if finding.partial:
            groups.join(tracks[name] for name in finding.tracks if name not in out)
    crosses = bool(report.of("artist")) or bool(report.of("leak"))
    left = [
        dataclasses.replace(track, group=groups.of(track), split="" if crosses else track.split)
        for name, track in tracks.items()
        if name not in out | dropped
    ]
    return dataclasses.replace(report.manifest, tracks=tuple(left), classes=())


def _copies(report: CheckReport) -> _Graph:
    """Return which tracks are copies of which; excerpts that only overlap are none."""
    graph: _Graph = {}
    for finding in (*report.of("exact-copy"), *report.of("near-copy")):
        if not finding.partial:
            for name in finding.tracks:
                graph.setdefault(name, set()).update(finding.tracks)
    return graph


def _components(graph: _Graph, names: Iterable[str]) -> Iterator[list[str]]:
    """Yield the tracks that copies of copies connect, in the order of `names`; other names take no part."""
    order = {name: i for i, name in enumerate(names)}
    left = {name for name in graph if name in order}
    while left:
        component = _reached(graph, [min(left, key=order.__getitem__)], lambda _, other: other in order)
        left -= component
        yield sorted(component, key=order.__getitem__)


def _kept(component: list[str], graph: _Graph, report: CheckReport) -> tuple[list[str], set[str]]:
    """Return which copies of one recording stay, and which hold nothing that those lack.

    Only the longest stays, unless a short piece connects two longer recordings that each go on in their own
    way: then both stay.
    """

    def seconds(name: str) -> float:
        return report.durations.get(name, 0.0)

    left, kept = list(component), []
    while left:
        longest = max(map(seconds, left))
        keep = next(name for name in left if seconds(name) >= longest - _SAME_LENGTH)
        covered = _reached(graph, [keep], lambda name, other: seconds(other) <= _LONGER * seconds(name))
        kept.append(keep)
        left = [name for name in left if name != keep and name not in covered]
    return kept, set(component) - set(kept)


def _reached(
    graph: _Graph, names: Iterable[str], allowed: Callable[[str, str], bool] = lambda *_: True
) -> set[str]:
    """Return the names and all that steps from them lead to, `allowed` saying which steps count."""
    found = set(names)
    waiting = list(found)
    while waiting:
        name = waiting.pop()
        new = {other for other in graph.get(name, ()) if other not in found and allowed(name, other)}
        found |= new
        waiting += new
    return found


class _Groups:
    """Groups of tracks that are joined because their tracks share some sound."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def join(self, tracks: Iterable[Track]) -> None:
        """Put tracks, with all of their groups, in one group: that of the first."""
        roots = list(dict.fromkeys(self._root(_key(track)) for track in tracks))
        if len(roots) > 1:
            self._parent |= dict.fromkeys(roots, roots[0])

    def of(self, track: Track) -> str:
        """Return the group of a track; that which it had if nothing was joined to it."""
        key = _key(track)
        return self._root(key) if key in self._parent else track.group

    def _root(self, key: str) -> str:
        while self._parent.get(key, key) != key:
            key = self._parent[key]
        return key


def _key(track: Track) -> str:
    return track.group or f"track {track.id}"
