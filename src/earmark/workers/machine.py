"""What this machine, or the container that this process runs in, has: cores, memory, and time for a file."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

# A file may take two minutes, and a second for so many bytes: speech at 12 kbit/s may then be processed at
# 17 times real time, all else slower. One core of a small machine does 170 times real time and more.
LEAST_SECONDS = 120.0
BYTES_PER_SECOND = 25_000
MOST_SECONDS = 4 * 3600.0

ROOT = Path("/")


def default_jobs(n_sources: int | None = None) -> int:
    """Return how many worker processes this machine has processors for, and no more than there are sources.

    Parameters
    ----------
    n_sources : int, optional
        Number of files to be done, if known.

    Returns
    -------
    int
        At least one. The processors that this process may run on, or what the CPU quota of its container
        (``docker run --cpus``) comes to, rounded up, if that is less.
    """
    n_cores, quota = _n_processors(), cpu_quota()
    if quota is not None:
        n_cores = min(n_cores, math.ceil(quota))
    return max(1, n_cores if n_sources is None else min(n_cores, n_sources))


def default_memory() -> int | None:
    """Return how many bytes a task may use: half of what the machine or container has; None if unknown."""
    total = memory_limit()
    with suppress(AttributeError, OSError, ValueError):  # Windows
        physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        total = min(total or physical, physical)
    return total // 2 if total else None


def default_deadline(source: object) -> float:
    """Return how many seconds a source may take: two minutes, and more by the size of the file.

    Parameters
    ----------
    source : object
        A path; anything else may take the most.

    Returns
    -------
    float
        At most four hours.
    """
    if not isinstance(source, str | os.PathLike):
        return MOST_SECONDS
    try:
        size = os.stat(source).st_size
    except (OSError, ValueError):
        return LEAST_SECONDS
    return min(MOST_SECONDS, LEAST_SECONDS + size / BYTES_PER_SECOND)


def _n_processors() -> int:
    if hasattr(os, "process_cpu_count"):  # Python 3.13, which heeds affinity and -X cpu_count
        return os.process_cpu_count() or 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# ---------------------------------------------------------------- control groups of Linux


def cpu_quota(root: Path = ROOT) -> float | None:
    """Return how many processors' worth of time the control groups allow; None where nothing is limited.

    Parameters
    ----------
    root : Path
        Of the file system.
    """
    found = []
    for folder in _groups("cpu", root):
        with suppress(OSError, ValueError, ZeroDivisionError):
            if (folder / "cpu.max").exists():  # version 2: "max 100000" or "50000 100000"
                quota, period = (folder / "cpu.max").read_text().split()
            else:  # version 1: -1 is no limit
                quota = (folder / "cpu.cfs_quota_us").read_text()
                period = (folder / "cpu.cfs_period_us").read_text()
            if int(quota) > 0:
                found.append(int(quota) / int(period))
    return min(found, default=None)


def memory_limit(root: Path = ROOT) -> int | None:
    """Return the bytes of memory that the control groups allow; None where nothing is limited."""
    found = []
    for folder in _groups("memory", root):
        for name in ("memory.max", "memory.limit_in_bytes"):
            with suppress(OSError, ValueError):
                found.append(int((folder / name).read_text()))
    return min(found, default=None)


def _groups(controller: str, root: Path) -> Iterator[Path]:
    """Yield the folders of the control group of this process and of those around it, innermost first."""
    with suppress(OSError, ValueError):
        members = (root / "proc/self/cgroup").read_text().splitlines()
        mounts = (root / "proc/self/mountinfo").read_text().splitlines()
        places = dict(_mounted(controller, mounts))
        for member in members:
            _, controllers, path = member.split(":", 2)
            if controllers not in places and controller in controllers.split(","):
                controllers = controller  # the mount names controllers in an order of its own
            if controllers in places:
                mount, top = places[controllers]
                inside = _below(path, top)
                for group in (inside, *inside.parents):
                    yield root / mount.lstrip("/") / group


def _mounted(controller: str, mounts: list[str]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield where a controller is mounted, and with which group on top; "" is version 2."""
    for line in mounts:
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        top, mount = before.split()[3:5]
        if kind == "cgroup2":
            yield "", (mount, top)
        elif kind == "cgroup" and controller in options.split()[-1].split(","):
            yield controller, (mount, top)


def _below(path: str, top: str) -> PurePosixPath:
    """Return a group relative to the one on top of the mount; seen from a container it may lie elsewhere."""
    with suppress(ValueError):
        return PurePosixPath(path).relative_to(top)
    return PurePosixPath()
