"""Fixtures that several test modules share."""

from __future__ import annotations

import os
import signal
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
    # A worker takes a file at a time: a slow one that came last would keep a single worker at work.
    slow = {item.path for item in items if "slow" in item.keywords}
    items.sort(key=lambda item: item.path not in slow)
    if (SHARED / "data").is_dir():
        return
    skip = pytest.mark.skip(reason=f"no recordings at {SHARED}: set EARMARK_SHARED")
    for item in items:
        if "shared" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of the labelled recordings (only for tests marked ``shared``)."""
    return SHARED
