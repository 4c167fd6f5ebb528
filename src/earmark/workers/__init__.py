"""Worker processes: one function over many sources, where no source can stop the others.

Each worker takes one source at a time over its own pipe, so that when a process dies (a decoder that crashes,
the system that runs out of memory) or takes too long, it is known which source it was working on: that source
becomes a `Failed`, a new worker takes the place, and the others go on.
"""

from earmark.workers.machine import default_deadline, default_jobs, default_memory
from earmark.workers.outcome import Done, Failed
from earmark.workers.pool import Deadline, Pool, Task
from earmark.workers.running import run

__all__ = [
    "Deadline",
    "Done",
    "Failed",
    "Pool",
    "Task",
    "default_deadline",
    "default_jobs",
    "default_memory",
    "run",
]
