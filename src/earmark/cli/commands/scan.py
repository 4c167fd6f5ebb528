"""``earmark scan``: from folders of music to a library."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from earmark.cli.options import DeadlineOption, JobsOption, JsonOption, LibraryOption, ModelOption
from earmark.cli.playlists import refresh_playlists
from earmark.cli.progress import resumable_progress
from earmark.cli.terminal import complaint, plural, say, write_line
from earmark.errors import EarmarkError
from earmark.vocabulary import DEFAULT_MODEL

if TYPE_CHECKING:
    from earmark.library import Library, ScanSummary

FEW = 5  # failures that are shown one by one


class Coverage(StrEnum):
    """How much of each track is classified."""

    excerpt = "excerpt"
    full = "full"


Folders = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[DIR...]", help="Folders with music; by default those of before.", show_default=False
    ),
]
CoverageOption = Annotated[
    Coverage, typer.Option("--coverage", help="Classify three excerpts of 10 s, or whole tracks.")
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude", metavar="GLOB", help="Leave these files or folders out: '*.wav', 'live/'. Repeatable."
    ),
]
Refresh = Annotated[
    bool,
    typer.Option(
        "--refresh", help="Analyse again what another model, an older method or excerpts only have given."
    ),
]
Retry = Annotated[bool, typer.Option("--retry", help="Try again what failed before.")]
Prune = Annotated[bool, typer.Option("--prune", help="Remove tracks whose files are gone.")]

Watch = Annotated[
    bool, typer.Option("--watch", help="Follow the folders: scan again when something changes, until Ctrl-C.")
]

Playlists = Annotated[
    list[Path] | None,
    typer.Option(
        "--playlists",
        metavar="FILE",
        help="Then write the smart playlists that this file states. Repeatable.",
    ),
]


def scan(
    *,
    folders: Folders = None,
    library: LibraryOption = None,
    model: ModelOption = DEFAULT_MODEL,
    coverage: CoverageOption = Coverage.excerpt,
    exclude: Exclude = None,
    refresh: Refresh = False,
    retry: Retry = False,
    prune: Prune = False,
    follow: Watch = False,
    playlists: Playlists = None,
    jobs: JobsOption = None,
    deadline: DeadlineOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring the library up to date with folders of music.

    Only what is new or has changed is analysed. Files that cannot be analysed are kept with the reason, the
    others go on, and the exit status is 1.
    """
    from earmark.library import Library, default_path, watch
    from earmark.library import scan as scan_folders
    from earmark.library.analyse import EXCERPTS
    from earmark.library.scanning.scan import folders_to_scan
    from earmark.models import load_model

    if not (library or default_path()).exists():  # what is refused leaves no empty library behind
        folders_to_scan(folders or (), [])
        load_model(model)
    with Library(library) as opened, resumable_progress() as progress:
        reporter = _Reporter(opened, playlists or [], as_json=as_json)
        options: dict[str, Any] = {
            "excerpts": EXCERPTS if coverage is Coverage.excerpt else None,
            "jobs": jobs,
            "deadline": deadline,
            "exclude": exclude or (),
            "refresh": refresh,
            "retry": retry,
            "prune": prune,
            "progress": progress,
            "on_failed": reporter.failed,
        }
        if follow:
            watch(opened, folders or (), model, on_scan=reporter.report, **options)
        else:
            reporter.report(scan_folders(opened, folders or (), model, **options))
    if not reporter.clean:
        raise typer.Exit(1)


class _Reporter:
    """Reports each scan of a library, and writes the smart playlists after it."""

    def __init__(self, library: Library, playlists: list[Path], *, as_json: bool) -> None:
        from earmark.library.smart import read_smart

        for path in playlists:
            read_smart(library, path)  # a mistake in it is reported before the scan
        self._library, self._playlists, self._as_json = library, playlists, as_json
        self._failures: list[tuple[str, dict[str, str]]] = []
        self.clean = True

    def failed(self, path: str, error: dict[str, str]) -> None:
        """Keep a failure for the report."""
        self._failures.append((path, error))

    def report(self, summary: ScanSummary) -> None:
        """Report a scan that has ended."""
        self.clean = self.clean and summary.is_clean
        _complain(self._failures, summary)
        self._failures.clear()
        if self._as_json:
            write_line(json.dumps(summary.to_dict()))
        else:
            for line in described(summary):
                write_line(line)
        for path in self._playlists:
            refresh_playlists(self._library, path)


def _complain(failures: list[tuple[str, dict[str, str]]], summary: ScanSummary) -> None:
    """Report what failed, and what was left alone because it may come back."""
    for path, error in failures[:FEW]:
        say(complaint(EarmarkError(error["message"], hint=error["hint"]), path))
    if len(failures) > FEW:
        say(f"and {len(failures) - FEW} more that failed: earmark library errors")
    for text in summary.unused.values():
        say(text)
    for text in summary.unreadable.values():
        say(f"error: {text}")
    for folder, n in summary.away.items():
        if folder not in summary.unreadable:
            say(
                f"{folder} is empty or not mounted: {plural(n, 'track')} of it left as they are. "
                "Try: mount it, or earmark library forget it."
            )


def described(summary: ScanSummary) -> list[str]:
    """Lines that say what a scan has done."""
    counts = {
        "new": summary.new,
        "changed": summary.changed,
        "with new tags": summary.retagged,
        "moved": summary.moved,
        "analysed again": summary.refreshed + summary.retried,
        "unchanged": summary.unchanged,
        "vanished": summary.vanished,
        "removed": summary.pruned,
        "failed": summary.failed,
        "done by another scan": summary.elsewhere,
    }
    nothing = "nothing to do" if summary.away or summary.failed_before else "no music found"
    lines = [", ".join(f"{n:,} {what}" for what, n in counts.items() if n) or nothing]
    speed = f", {summary.songs_per_second:.1f} songs/s" if summary.analysed else ""
    lines[0] += f" ({summary.seconds:.1f} s{speed})"
    if summary.failed_before:
        lines.append(f"{plural(summary.failed_before, 'track')} failed before: --retry tries again.")
    if summary.other_model:
        lines.append(f"{plural(summary.other_model, 'track')} of another model: --refresh analyses again.")
    if summary.older_method:
        count = plural(summary.older_method, "track")
        lines.append(f"{count} with tempo and key by an older method: --refresh analyses again.")
    if summary.in_excerpts:
        lines.append(f"{plural(summary.in_excerpts, 'track')} in excerpts only: --refresh analyses in full.")
    return lines
