"""Fixtures that several test modules share."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

# One test a processor: their threads would only wait for each other. Read when NumPy and torch are loaded.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A run in the background of a shell ignores Ctrl-C and would bequeath that to the commands under test.
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = Path(os.environ.get("EARMARK_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with slow tests first, and skip, with the reason, what needs recordings that are not here."""
    ids = Counter(item.nodeid for item in items)
    # Of several tests with one id, xdist would run only the first.
    assert ids.total() == len(ids), [name for name, n in ids.items() if n > 1]
    # A worker takes a file at a time: a slow one that came last would keep a single worker at work.
    slow = {item.path for item in items if "slow" in item.keywords}
    items.sort(key=lambda item: item.path not in slow)
    if (SHARED / "data").is_dir():
        return
    skip = pytest.mark.skip(reason=f"no recordings at {SHARED}: set EARMARK_SHARED")
    for item in items:
        if "shared" in item.keywords:
            item.add_marker(skip)


@pytest.hookimpl(trylast=True)
def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> None:
    """Watch what a failed test does next: pytest and its plugin stop their clocks as it fails."""
    if isinstance(node, pytest.Item) and not node.config.getoption("usepdb"):
        seconds = float(node.config.getini("faulthandler_timeout"))
        faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of the labelled recordings (only for tests marked ``shared``)."""
    return SHARED
