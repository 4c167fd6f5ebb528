"""Scanning folders into a library: only what is new or has changed is analysed."""

from __future__ import annotations

import dataclasses
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from functools import partial

from earmark.errors import EarmarkError, InputError
from earmark.features import method_digest
from earmark.library.analyse import EXCERPTS, failed
from earmark.library.catalogue import Library
from earmark.library.row import ModelInfo, Row
from earmark.library.scanning.away import AWAY, GONE, LEFT_OUT, Missing
from earmark.library.scanning.exclude import Exclude
from earmark.library.scanning.listing import Key, Known, Listing, known_of, list_tracks
from earmark.library.scanning.plan import NEW, REFRESHED, Plan, Todo, plan
from earmark.library.scanning.summary import ScanSummary
from earmark.library.scanning.work import Recognised, Work, deadline_of, is_same_span, process, set_up
from earmark.models import Model, load_model
from earmark.progress import Progress, no_progress
from earmark.vocabulary import DEFAULT_MODEL
from earmark.workers import Deadline, Failed, default_jobs, default_memory, run

Failure = Callable[[str, dict[str, str]], object]


def scan(
    library: Library,
    roots: Iterable[str | os.PathLike[str]] = (),
    model: str | os.PathLike[str] | Model = DEFAULT_MODEL,
    *,
    excerpts: tuple[int, float] | None = EXCERPTS,
    jobs: int | None = None,
    deadline: Deadline | None = None,
    memory: int | None = None,
    exclude: Iterable[str] = (),
    refresh: bool = False,
    retry: bool = False,
    prune: bool = False,
    held: Collection[str] = (),
    progress: Progress = no_progress,
    on_failed: Failure | None = None,
) -> ScanSummary:
    """Bring a library up to date with some folders.

    Each track is committed as soon as it is analysed: whatever ends a scan, the next one goes on from there.
    Two scans at once share the work.

    Parameters
    ----------
    library : Library
        Where to.
    roots : iterable of path
        Folders; by default those that were scanned before.
    model : str, path or Model
        As of `earmark.classify`. A loaded model analyses in this process, one track after the other, without
        `deadline` and `memory`.
    excerpts : (int, float) or None
        What is classified of each track; None is all of it.
    jobs : int, optional
        Worker processes, with one thread each; by default one for each core.
    deadline, memory
        What a track may take, as of `earmark.workers.Pool`; by default by the size of its file, and half of
        the memory.
    exclude : iterable of str
        Patterns of what is left out, as in ``.earmarkignore``: see `earmark.library.scanning.exclude`.
    refresh : bool
        Whether to analyse again what another model, an older method for tempo and key, or by excerpts only,
        has analysed; never less of a track than before.
    retry : bool
        Whether to try again what has failed.
    prune : bool
        Whether to remove the rows of files that are gone.
    held : collection of str
        Files that are being written: they are left for the next scan.
    progress : callable
        Told how far it is.
    on_failed : callable, optional
        Called with the path and the error of each track that fails.

    Returns
    -------
    ScanSummary

    Raises
    ------
    InputError
        There is no such folder, or an argument is out of range.
    ModelError
        The model could not be loaded.
    OutputError
        The library cannot be written. What was committed stays.
    """
    folders = folders_to_scan(roots, library.roots())
    loaded = load_model(model) if isinstance(model, str | os.PathLike) else model
    one = _Scan(library, ModelInfo.of(loaded.card), progress, on_failed)
    one.look(folders, exclude, frozenset(held))
    one.compare(full=excerpts is None, refresh=refresh, retry=retry)
    here = not isinstance(model, str | os.PathLike)
    setup = partial(set_up, model, excerpts, one.gone_sounds())
    limits = {"deadline": deadline or deadline_of, "memory": memory or default_memory()} if not here else {}
    one.analyse(setup, jobs=1 if here else jobs, limits=limits)
    return one.finish(prune=prune)


def folders_to_scan(roots: Iterable[str | os.PathLike[str]], known: Sequence[str]) -> list[str]:
    """Return the folders to scan, absolute, none within another.

    Parameters
    ----------
    roots : iterable of path
        As of `scan`.
    known : sequence of str
        Folders of before: taken where there are no `roots`; they need not be there, for a disk may be away.

    Raises
    ------
    InputError
        There is none, or one is no folder.
    """
    folders = list(dict.fromkeys(os.path.abspath(os.fspath(root)) for root in roots)) or list(known)
    if not folders:
        raise InputError("the library has no folders yet", hint="Try: earmark scan DIR.")
    for folder in folders:
        if not os.path.isdir(folder) and (os.path.exists(folder) or not _is_within(folder, known)):
            what = "is no folder" if os.path.exists(folder) else "does not exist"
            raise InputError(f"{folder} {what}", hint="Accepted: folders with music.")
    return [folder for folder in folders if not _is_within(folder, folders, or_same=False)]


def _is_within(folder: str, tops: Iterable[str], *, or_same: bool = True) -> bool:
    """Whether a folder is, or is below, one of some others."""
    return any(
        (or_same and folder == top) or (folder != top and folder.startswith(top.rstrip(os.sep) + os.sep))
        for top in tops
    )


class _Scan:
    """One call of `scan`."""

    def __init__(
        self, library: Library, model: ModelInfo, progress: Progress, on_failed: Failure | None
    ) -> None:
        self.library, self.model = library, model
        self._progress, self._on_failed = progress, on_failed
        self._began = time.monotonic()
        self._counts: Counter[str] = Counter()
        self._plan, self._listing = Plan(), Listing()
        self._known: dict[Key, Known] = {}
        self._roots: list[str] = []
        self._missing = self._elsewhere = Missing((), ())
        self._gone: dict[int, Key] = {}  # ids of this scan's tracks whose files are gone or left out
        self._todo: list[Todo] = []
        self._again: list[Todo] = []  # looked like one that is gone, and was none
        self._seconds = 0.0  # of analysis

    # ------------------------------------------------------------ before

    def look(self, roots: list[str], exclude: Iterable[str], held: Set[str]) -> None:
        """List what there is, and what the catalogue knows of it."""
        self._roots = roots
        for root in roots:
            if not _is_within(root, self.library.roots()):
                self.library.add_root(root)
        for root in roots:
            self._known.update(known_of(record) for record in self.library.files(root))
        all_roots = self.library.roots()
        tops = [top for top in all_roots if not _is_within(top, all_roots, or_same=False)]
        self._listing = list_tracks(
            roots, Exclude(tops, exclude), looked=lambda n: self._progress("looking", n, 0, {})
        )
        if held:
            tracks = self._listing.tracks
            self._listing.tracks = {key: track for key, track in tracks.items() if key[0] not in held}
            self._known = {key: known for key, known in self._known.items() if key[0] not in held}

    def compare(self, *, full: bool, refresh: bool, retry: bool) -> None:
        """Find out what there is to do."""
        self._plan = plan(
            self._listing.tracks,
            self._known,
            model=self.library.model_number(self.model),
            method=self.library.method_number(method_digest()),
            full=full,
            refresh=refresh,
            retry=retry,
        )
        with self.library.transaction():
            for id, file in self._plan.present:
                self.library.touch(id, file)
        self._judge_missing()
        self._todo = self._plan.todo[::-1]  # taken from its end

    def _judge_missing(self) -> None:
        devices = self._plan.devices
        self._missing = Missing(self._roots, self._listing.unreadable, devices)
        self._elsewhere = Missing((), self._listing.unreadable, devices)
        for (path, number), known in self._plan.missing.items():
            if (state := self._missing.state(path, known.file.device)) != AWAY:
                self._gone[known.id] = path, number
                self._counts["left_out"] += state == LEFT_OUT and not known.vanished

    def gone_sounds(self) -> frozenset[tuple[str, int]]:
        """Digests of the sound of tracks whose files are gone, which may be found again elsewhere."""
        ids = {*self._gone, *self.library.vanished()}
        for root in self.library.roots():
            if not os.path.exists(root):  # renamed, perhaps
                ids.update(record["id"] for record in self.library.files(root))
        return frozenset(self.library.sounds(ids)) if self._todo else frozenset()

    # ------------------------------------------------------------ analysis

    def analyse(self, setup: Callable[[], object], *, jobs: int | None, limits: Mapping[str, object]) -> None:
        """Process all that is to do, and commit each as it is done."""
        began, total = time.monotonic(), len(self._todo)
        while self._todo:
            n = jobs or default_jobs(len(self._todo))
            for outcome in run(process, self._works(), jobs=n, setup=setup, in_order=False, **limits):  # type: ignore[arg-type]
                todo = self._open.pop((outcome.source.item.path, outcome.source.item.number))
                self._take(todo, outcome.error if isinstance(outcome, Failed) else outcome.value)
                self._seconds = time.monotonic() - began
                done = total - len(self._todo) - len(self._open)
                self._progress("scanning", done, total, {"songs/s": done / max(self._seconds, 1e-3)})
            self._todo, self._again = self._again, []

    def _works(self) -> Iterator[Work]:
        """Yield what is to do, as the workers need it."""
        self._open: dict[Key, Todo] = {}
        while self._todo:
            todo = self._todo.pop()
            if self._is_done_elsewhere(todo):
                continue
            before = next(self.library.rows([todo.known.id]), None) if todo.known else None
            self._open[todo.item.path, todo.item.number] = todo
            again = todo.why == REFRESHED
            whole = again and todo.known is not None and todo.known.is_whole
            yield Work(todo.item, before, decided=todo.is_other or again, keeps=todo.keeps, whole=whole)

    def _is_done_elsewhere(self, todo: Todo) -> bool:
        """Whether another scan has done it meanwhile; the rest is then taken in another order than its."""
        known = todo.known
        before = (known.analysed, known.file.size, known.file.mtime_ns) if known else None
        if self.library.state_of(todo.item) == before:
            return False
        if not self._counts["elsewhere"]:
            random.shuffle(self._todo)
        self._counts["elsewhere"] += 1
        return True

    def _take(self, todo: Todo, found: Row | Recognised | EarmarkError) -> None:
        if isinstance(found, EarmarkError):
            found = failed(todo.item, found)
        with self.library.transaction():
            if self._is_done_elsewhere(todo):
                return
            # As it was listed: of a file that was written to meanwhile, the next scan finds it changed.
            _, file = self._listing.tracks[todo.item.path, todo.item.number]
            found = dataclasses.replace(found, file=file)
            if isinstance(found, Recognised):
                self._take_recognised(todo, found)
            elif found.error is not None:
                self._take_failed(todo, found, found.error)
            else:
                self._take_row(todo, found)

    def _take_recognised(self, todo: Todo, found: Recognised) -> None:
        if todo.known:
            self.library.place(todo.known.id, todo.item, found.file, found.tags)
            self._counts["retagged"] += 1
        elif id := self._moved_from(todo, found.sound, found.file.size, found.whole):
            self.library.place(id, todo.item, found.file, found.tags)
            self._counts["moved"] += 1
        else:
            self._again.append(dataclasses.replace(todo, is_other=True))

    def _take_row(self, todo: Todo, row: Row) -> None:
        if todo.why == NEW and row.prediction:
            whole = row.item.start + row.prediction.duration
            if id := self._moved_from(todo, row.sound, row.file.size, whole):
                row = dataclasses.replace(row, id=id)
                self._counts["moved"] += 1
                self._counts[NEW] -= 1
        self.library.put(row)
        self._counts[todo.why] += 1
        self._counts["analysed"] += 1

    def _take_failed(self, todo: Todo, row: Row, error: dict[str, str]) -> None:
        if not os.path.lexists(row.path):  # removed while the scan was at it
            return
        self._counts["failed"] += 1
        self._counts["analysed"] += 1
        if todo.why != REFRESHED:  # what the model before has found stays
            self.library.put(row)
        if self._on_failed is not None:
            self._on_failed(row.path, error)

    def _moved_from(self, todo: Todo, sound: str, size: int, whole: float | None) -> int:
        """Return the id of a track with this sound whose file is gone; 0 if there is none."""
        item = todo.item
        for place in self.library.places(sound, item.number):
            path = os.fsdecode(os.path.join(place["folder_path"], place["name"]))
            span = (place["start"], place["stop"])
            same_size = size == place["size"] and span == (item.start, item.stop)
            if (
                place["state"] == "done"
                and (same_size or is_same_span(item, whole, (*span, place["duration"])))
                and self._elsewhere.state(path, place["device"]) == GONE
            ):
                self._gone.pop(place["id"], None)
                return int(place["id"])
        return 0

    # ------------------------------------------------------------ after

    def finish(self, *, prune: bool) -> ScanSummary:
        """Mark or remove what is gone, and sum up."""
        marked = [id for id, key in self._gone.items() if not self._plan.missing[key].vanished]
        with self.library.transaction():
            self.library.mark_vanished(self._gone)
            if prune:
                self.library.remove(self._gone)
        counts = self._counts + self._plan.counts  # without those that are 0
        return ScanSummary(
            roots=tuple(self._roots),
            vanished=len(marked),
            pruned=len(self._gone) if prune else 0,
            away=self._missing.away,
            unused={path: str(error) for path, error in self._listing.unused.items()},
            unreadable={path: str(error) for path, error in self._listing.unreadable.items()},
            seconds=time.monotonic() - self._began,
            analysis_seconds=self._seconds,
            **counts,
        )
