"""A data set without what was found to be wrong with it."""

from __future__ import annotations

import dataclasses

from earmark.check.findings import CheckReport
from earmark.data import Manifest, Track

_OUT = ("unreadable", "silent", "short", "conflict")


def cleaned(report: CheckReport) -> Manifest:
    """Draw the consequences of a report.

    Parameters
    ----------
    report : CheckReport
        Of `check`.

    Returns
    -------
    Manifest
        Without tracks that are unreadable, silent or too short, without copies of another track, and without
        any track whose copy has other labels. Excerpts of one recording that overlap are put in one group. If
        a group was in several parts of the split, there is no split.
    """
    out = {name for kind in _OUT for finding in report.of(kind) for name in finding.tracks}
    tracks = {track.id: track for track in report.manifest.tracks}
    copies: set[str] = set()
    joined: dict[str, str] = {}
    for finding in (*report.of("exact-copy"), *report.of("near-copy")):
        first, *others = [name for name in finding.tracks if name not in out] or [""]
        for name in others:
            if finding.partial:
                _join(joined, _key(tracks[first]), _key(tracks[name]))
            else:
                copies.add(name)
    parted = bool(report.of("artist")) or bool(report.of("leak"))
    left = [
        dataclasses.replace(track, group=_group(track, joined), split="" if parted else track.split)
        for track in report.manifest.tracks
        if track.id not in out | copies
    ]
    return dataclasses.replace(report.manifest, tracks=tuple(left), classes=())


def _key(track: Track) -> str:
    return track.group or f"track {track.id}"


def _group(track: Track, joined: dict[str, str]) -> str:
    key = _key(track)
    return _root(joined, key) if key in joined or key in joined.values() else track.group


def _root(joined: dict[str, str], name: str) -> str:
    while name in joined:
        name = joined[name]
    return name


def _join(joined: dict[str, str], one: str, other: str) -> None:
    one, other = _root(joined, one), _root(joined, other)
    if one != other:
        joined[other] = one
