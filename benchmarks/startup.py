"""How long a user waits for `earmark --help` and for the help of a command, against an empty Python.

Prints processor time as ratios to `python -c pass` and the difference in seconds; the best of several runs.
"""

from __future__ import annotations

import resource
import subprocess
import sys

RUNS = 7
CALLS = {
    "python -c pass": ["-c", "pass"],
    "import numpy": ["-c", "import numpy"],
    "import earmark": ["-c", "import earmark"],
    "earmark --help": ["-m", "earmark", "--help"],
    "earmark classify --help": ["-m", "earmark", "classify", "--help"],
    "earmark train --help": ["-m", "earmark", "train", "--help"],
}


def seconds(arguments: list[str]) -> float:
    """Processor time of one call of Python."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    best = {name: min(seconds(arguments) for _ in range(RUNS)) for name, arguments in CALLS.items()}
    floor = best["python -c pass"]
    for name, time in best.items():
        print(f"{name:24} {1000 * time:6.0f} ms  {time / floor:5.1f} x  + {time - floor:.2f} s")


if __name__ == "__main__":
    main()
