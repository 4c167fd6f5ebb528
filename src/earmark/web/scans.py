"""A scan of the library as a job."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from earmark.library import ScanSummary, scan
from earmark.web.jobs import Job
from earmark.web.opened import opened_library, readable
from earmark.web.state import State


def scan_work(state: State, *, retry: bool) -> Callable[[Job], dict[str, Any]]:
    """Return the work of a scan of the folders that the library knows already.

    Each track is committed when it is analysed, so that a scan that is cancelled loses nothing.

    Parameters
    ----------
    state : State
        Of the service.
    retry : bool
        Whether to try again what has failed.
    """

    def work(job: Job) -> dict[str, Any]:
        with opened_library(state, read_only=False) as library:
            jobs = state.settings.jobs
            found = scan(library, model=state.model_source, jobs=jobs, retry=retry, progress=job)
            return summary_of(found, library.roots())

    return work


def summary_of(summary: ScanSummary, roots: list[str]) -> dict[str, Any]:
    """Return the counts of a scan, with names of folders in place of their paths."""

    def texts(by_path: dict[str, str]) -> dict[str, str]:
        return {_name(path): _shortened(text, path) for path, text in by_path.items()}

    return {
        **summary.to_dict(),
        "roots": [_name(root) for root in summary.roots],
        "away": {_name(path): n for path, n in summary.away.items()},
        "unreadable": texts(summary.unreadable),
        "unused": texts(summary.unused),
    }


def _name(path: str) -> str:
    return readable(os.path.basename(path.rstrip(os.sep)) or path)


def _shortened(text: str, path: str) -> str:
    return readable(text.replace(path, os.path.basename(path)).replace(os.path.dirname(path) + os.sep, ""))
