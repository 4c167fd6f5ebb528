"""The HTML page of a check: the tracks of each finding side by side, ready to be played."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from earmark.audio import load
from earmark.check.findings import KINDS, CheckReport, Finding
from earmark.data import Track
from earmark.errors import EarmarkError
from earmark.report import (
    Html,
    Section,
    audio,
    card,
    columns,
    encode_sound,
    facts,
    fold,
    notice,
    page,
    table,
    text,
)

_EXCERPT_SECONDS = 6.0
_MOST_CARRIED = 80  # excerpts of 50 kB that the page carries; for later ones it links to the file
_MOST_BESIDE = 6  # tracks of one finding
_MOST_SHOWN = 100  # of one kind, worst first


def check_page(report: CheckReport, *, beside: str | os.PathLike[str] = ".") -> str:
    """Return a self-contained HTML page.

    Parameters
    ----------
    report : CheckReport
        Of `check`.
    beside : path
        Folder in which the page will lie, from which it links to files.

    Returns
    -------
    str
        For `earmark.report.save_page`.
    """
    players = _Players(Path(beside))
    tracks = {track.id: track for track in report.manifest.tracks}
    sections = [_overview(report)]
    for kind in KINDS:
        findings = report.of(kind)
        if findings:
            parts = [_shown(finding, tracks, players) for finding in findings[:_MOST_SHOWN]]
            if len(findings) > _MOST_SHOWN:
                parts.append(text(f"... and {len(findings) - _MOST_SHOWN} more, see --json."))
            sections.append(
                Section(f"{KINDS[kind].title} ({len(findings)})", parts, lead=KINDS[kind].meaning)
            )
    if report.manifest.skipped:
        rows = [(skipped.path, skipped.code, skipped.text) for skipped in report.manifest.skipped]
        skipped_table = table(["what", "code", "why"], rows[: 10 * _MOST_SHOWN])
        sections.append(Section(f"Skipped ({len(rows)})", [fold("Show", skipped_table)]))
    manifest = report.manifest
    subtitle = f"{manifest.root}, digest {manifest.digest}"
    return page("Check of a data set", sections, subtitle=subtitle, footer="Made by earmark check")


def _overview(report: CheckReport) -> Section:
    manifest = report.manifest
    known = len({track.group for track in manifest.tracks if track.group})
    figures = facts(
        {
            "tracks": len(manifest),
            "classes": len(manifest.classes),
            "groups": known,
            "faults": report.n_faults,
            "to look at": len(report.findings) - report.n_faults,
        }
    )
    notes = [notice(note, kind="note") for note in report.notes]
    counts = fold("Tracks of each class", table(["class", "tracks"], list(manifest.counts().items())))
    return Section("Overview", [figures, *notes, counts])


def _shown(finding: Finding, tracks: dict[str, Track], players: _Players) -> Html:
    """Return a finding with its tracks beside each other."""
    if not finding.tracks:
        return text(finding.text)
    starts = finding.starts or (0.0,) * len(finding.tracks)
    shown = [
        (_name(tracks[name]), players.player(tracks[name], start, silent=finding.kind == "unreadable"))
        for name, start in zip(finding.tracks[:_MOST_BESIDE], starts, strict=False)
    ]
    if len(finding.tracks) == 1:
        ((name, player),) = shown
        return card(name, columns(_text(finding), player))
    more = (
        f" ({len(finding.tracks)} tracks, the first {len(shown)} shown)"
        if finding.tracks[len(shown) :]
        else ""
    )
    return card(finding.text + more, columns(*(Html(text(name) + player) for name, player in shown)))


def _text(finding: Finding) -> str:
    """What was found; of an error also its hint and code."""
    if finding.error is None:
        return finding.text
    hint = f" {finding.error['hint']}" if finding.error["hint"] else ""
    return f"{finding.text}.{hint} ({finding.error['code']})"


def _name(track: Track) -> str:
    details = [" | ".join(track.labels) or "no label", track.group, track.split]
    return f"{track.id}: {', '.join(detail for detail in details if detail)}"


class _Players:
    """Makes players: the first carry their sound in the page, the others link to it."""

    def __init__(self, folder: Path) -> None:
        self._folder = os.path.abspath(folder)
        self._left = _MOST_CARRIED
        self._made: dict[tuple[str, float], Html] = {}

    def player(self, track: Track, start: float, *, silent: bool) -> Html:
        """Return a player of a track from a place on, or nothing where there is no sound."""
        if silent or "::" in track.path:
            return Html()
        key = track.path, round(start, 1)
        if key not in self._made:
            self._made[key] = self._sound(track, start)
        return self._made[key]

    def _sound(self, track: Track, start: float) -> Html:
        label = f"{track.id} from {start:.1f} s"
        if self._left > 0:
            with suppress(EarmarkError):
                clip = load(track.path, start=start, duration=_EXCERPT_SECONDS)
                self._left -= 1
                return audio(encode_sound(clip.y, clip.sr), label=label)
        return audio(_link(track.path, self._folder), label=label)


def _link(path: str, folder: str) -> str:
    """Return a path as seen from a folder; the whole path where there is no way, as between two drives."""
    path = os.path.abspath(path)
    try:
        return os.path.relpath(path, folder)
    except ValueError:
        return path
