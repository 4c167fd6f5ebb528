"""How long `import earmark` takes, against `import numpy` in the same run. Goal: under 0.15 s more."""

from __future__ import annotations

import statistics
import subprocess
import sys

REPEATS = 11
GOAL = 0.15  # s
STATEMENTS = {
    "numpy": "import numpy",
    "earmark": "import earmark",
    "every public name": "from earmark import *",
}


def seconds(statement: str) -> float:
    """Time of one statement in a fresh interpreter, without the interpreter's own start."""
    code = f"import time\nbegan = time.perf_counter()\n{statement}\nprint(time.perf_counter() - began)"
    return float(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    )


def main() -> None:
    for statement in STATEMENTS.values():
        seconds(statement)  # the first writes bytecode and fills the disk cache
    times: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for _ in range(REPEATS):  # in turns, so that a busy moment hits all alike
        for name, statement in STATEMENTS.items():
            times[name].append(seconds(statement))
    median = {name: statistics.median(values) for name, values in times.items()}
    print(f"import time, median of {REPEATS} fresh interpreters")
    for name, value in median.items():
        more = value - median["numpy"]
        print(f"  {name:18}{1000 * value:7.1f} ms {value / median['numpy']:6.2f} x {1000 * more:+7.1f} ms")
    met = median["earmark"] - median["numpy"] < GOAL
    print(f"goal: import earmark under {1000 * GOAL:.0f} ms more than numpy: {'met' if met else 'MISSED'}")


if __name__ == "__main__":
    main()
