"""Fixtures that several test modules share."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A run in the background of a shell ignores Ctrl-C and would bequeath that to the commands under test.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# numba keeps librosa's compiled functions on disk. Two test processes that compile at once mix up their
# files, and whoever loads those dies of a segmentation fault: so each keeps its own while it lives.
os.environ["NUMBA_CACHE_DIR"] = tempfile.mkdtemp(prefix="earmark-numba-")
atexit.register(shutil.rmtree, os.environ["NUMBA_CACHE_DIR"], ignore_errors=True)

SHARED = Path(os.environ.get("EARMARK_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what needs recordings that are not here."""
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
