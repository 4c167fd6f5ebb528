"""The map of the library: computed as a job, in a process that can be ended, and as the page draws it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from earmark.errors import CrashError, NoMapError
from earmark.library import Library
from earmark.library.layout import PCA, Layout, load_layout, make_layout, save_layout
from earmark.web.jobs import Job
from earmark.web.opened import opened_library
from earmark.web.state import State
from earmark.workers import Done, Failed, Pool


def map_work(state: State) -> Callable[[Job], dict[str, Any]]:
    """Return the work of computing the map; nothing is written before it is done."""

    def work(job: Job) -> dict[str, Any]:
        with opened_library(state, read_only=False) as library, Pool() as pool:
            job("map", 0, 0, {})
            task = pool.submit(_computed, (library.path, state.settings.jobs))
            job.when_cancelled(task.cancel)
            outcome = task.result()
            job.check()
            layout = _made(library, outcome)
            save_layout(library, layout)
            job("map", 1, 1, {})
            return {"tracks": len(layout.ids), "method": layout.method}

    return work


def _made(library: Library, outcome: Done[Any, Layout] | Failed[Any]) -> Layout:
    """Return what the process has computed; the principal components, if it died of it."""
    if isinstance(outcome, Done):
        return outcome.value
    if isinstance(outcome.error, CrashError):
        return make_layout(library, method=PCA)
    raise outcome.error


def _computed(source: tuple[Path, int]) -> Layout:
    path, jobs = source
    with Library(path, create=False, read_only=True) as library:
        return make_layout(library, jobs=jobs)


def map_of(library: Library) -> dict[str, Any]:
    """Return the map of a library as ``earmark.map/1``, with the genres as they are now.

    Raises
    ------
    NoMapError
        It was never computed.
    """
    layout = load_layout(library)
    if layout is None:
        raise NoMapError(
            "the map of this library was never computed", hint="Try: POST /api/jobs with kind=map."
        )
    genres = _genres(library)
    kept = np.array([id in genres for id in layout.ids.tolist()], dtype=bool)
    ids = layout.ids[kept].tolist()
    names = sorted({genres[id] for id in ids})
    number = {name: i for i, name in enumerate(names)}
    x, y = layout.points[kept].T.tolist()
    return {
        "schema": "earmark.map/1",
        "method": layout.method,
        "made": layout.made,
        "stale": layout.is_stale(library),
        "ids": ids,
        "x": [round(value, 4) for value in x],
        "y": [round(value, 4) for value in y],
        "genres": names,
        "genre": [number[genres[id]] for id in ids],
    }


def _genres(library: Library) -> dict[int, str]:
    """Return the first genre of every track that has not vanished by its id; "" where it has none."""
    sql = """SELECT tracks.id, label FROM tracks INDEXED BY tracks_facts LEFT JOIN labels
        ON labels.track = tracks.id AND head = 'genres' AND rank = 0 WHERE vanished IS NULL"""
    return {row[0]: row[1] or "" for row in library.query(sql)}
