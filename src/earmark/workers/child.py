"""The life of a worker process. What it sends: ``ready``, then for each task ``limit`` and ``result``."""

from __future__ import annotations

import os
import pickle
import signal
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from earmark.errors import EarmarkError
from earmark.workers.outcome import Failed, attempt, internal

READY, BROKEN, LIMIT, RESULT = "ready", "broken", "limit", "result"

# Libraries that would start a thread per core in every worker read these when they are loaded.
THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def work(pipe: Connection, payload: bytes) -> None:
    """Set up, then process one source at a time until the pipe closes.

    Parameters
    ----------
    pipe : Connection
        To the parent.
    payload : bytes
        Pickled: `setup`, a function from a source to its deadline or None, bytes of memory or None.
    """
    # The parent decides when to stop; a Ctrl-C reaches the whole process group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for name in THREAD_LIMITS:
        os.environ[name] = "1"
    try:
        setup, deadline, memory = pickle.loads(payload)
        made = () if setup is None else (setup(),)
    except EarmarkError as error:
        pipe.send((BROKEN, error))
        return
    except Exception as error:
        pipe.send((BROKEN, internal(error)))
        return
    if memory is not None:
        limit_memory(memory)
    pipe.send((READY, None))
    with suppress(EOFError, OSError):  # the parent is gone or wants no more
        while True:
            pipe.send_bytes(_answer(pipe, pipe.recv_bytes(), made, deadline))


def _answer(
    pipe: Connection, message: bytes, made: tuple[Any, ...], deadline: Callable[[Any], float] | None
) -> bytes:
    try:
        function, source = pickle.loads(message)
    except Exception as error:  # the parent knows which source it was
        return pickle.dumps((RESULT, Failed(None, internal(error), traceback.format_exc())))
    if deadline is not None:
        # Worked out here: looking at a file may hang as well, and must not hang the parent.
        pipe.send((LIMIT, deadline(source)))
    result = attempt(function, made, source)
    try:
        return pickle.dumps((RESULT, result))
    except Exception as error:  # a result that cannot travel is the function's fault
        return pickle.dumps((RESULT, Failed(None, internal(error), traceback.format_exc())))


def limit_memory(n_bytes: int) -> None:
    """Let this process allocate so much more than it has now; where the system can (Linux), else nothing.

    Further allocations fail, which NumPy and FFmpeg report, instead of the system running out of memory.
    """
    with suppress(ImportError, OSError, ValueError, AttributeError, IndexError):
        import resource

        # What RLIMIT_DATA counts: memory that is private and writable. RLIMIT_AS would count what is only
        # reserved, of which every thread and every library has plenty.
        status = Path("/proc/self/status").read_text()
        used = int(status.partition("VmData:")[2].split()[0]) * 1024
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        limit = used + n_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (limit if hard < 0 else min(limit, hard), hard))
