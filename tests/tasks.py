"""What the workers under test do: in a module that loads nothing heavy, for each worker loads it anew."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from earmark.errors import AudioNotFoundError


def misbehave(source: Any) -> Any:
    """Do what the source says; everything else is doubled."""
    match source:
        case "missing":
            raise AudioNotFoundError("no file 'missing'", hint="Look again.")
        case "bug":
            raise ZeroDivisionError("division\nby zero")
        case "segfault":
            signal.raise_signal(signal.SIGSEGV)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os._exit(7)
        case "sys.exit":
            sys.exit(3)
        case "unpicklable":
            return lambda: None
        case "slow":
            time.sleep(0.5)
        case "forever":
            time.sleep(1e6)
    return source * 2


def wait_for_order(folder: Path, name: str) -> str:
    """Report that the task has begun, and end when the test allows it."""
    (folder / f"{name}.begun").touch()
    wait_until((folder / f"{name}.go").exists)
    return name


def wait_until(moment: Any, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not moment():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.01)


def hang(kind: str) -> str:
    """Do not come back, in each of the ways that there are."""
    match kind:
        case "sleep":
            time.sleep(1e6)
        case "loop":
            while True:
                pass
        case "ignores signals":
            for signum in (signal.SIGTERM, signal.SIGINT):
                signal.signal(signum, signal.SIG_IGN)
            time.sleep(1e6)
        case pipe if pipe.startswith("/"):
            with open(pipe, "rb") as file:  # without a writer
                file.read()
    return kind


def no_time_for_hangs(source: str) -> float:
    return 120 if source in ("a", "b") else 1.5


def hang_in_deadline(source: str) -> float:
    time.sleep(1e6 if source == "hung" else 0)
    return 120


def take_memory(n_bytes: int) -> int:
    import numpy as np

    return int(np.ones(n_bytes // 8).sum())


def take_memory_in_c(n_bytes: int) -> int:
    return len(bytes(n_bytes))


def number_and_process(source: int) -> tuple[int, int]:
    return source, os.getpid()


def count_of_setups(counter: Path) -> Path:
    counter.with_name(f"{counter.name}.{os.getpid()}").touch(exist_ok=False)
    return counter


def with_state(state: Path, source: int) -> str:
    return f"{state.name} {source}"


def fail_setup() -> None:
    raise AudioNotFoundError("no weights", hint="Fetch them.")


def break_setup() -> None:
    raise RuntimeError("broken")


def die_in_setup() -> None:
    os._exit(9)


def thread_limits(_: int) -> list[str | None]:
    return [os.environ.get("OMP_NUM_THREADS"), os.environ.get("OPENBLAS_NUM_THREADS")]
