"""Send damaged files of every format to a running service: no status but the planned ones, no restart.

    python benchmarks/fuzz_service.py [--n 20000] [--seed 0] [--clients 2]

Each input is made from (seed, number) alone, as in `benchmarks/fuzz_audio.py`. The service is that of
``earmark serve`` in this process, with its worker processes; the memory of all of them is printed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/web"))

from fuzz_audio import make
from running import running

import sounds

PLANNED = {200, 400, 413, 415, 422, 504}


def resident_mb() -> float:
    """Resident memory of this process and its children, in MB."""
    total = 0.0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        except OSError:
            continue
        if str(os.getpid()) in (lines["Pid"].strip(), lines["PPid"].strip()):
            total += int(lines.get("VmRSS", "0 kB").split()[0]) / 1024
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--clients", type=int, default=2)
    options = parser.parse_args()
    files = list(sounds.corpus(seconds=0.7).values())
    seen: Counter[tuple[int, str]] = Counter()
    slowest = 0.0
    with running(jobs=options.clients, max_seconds=600.0) as port, httpx.Client(timeout=400) as client:

        def send(number: int) -> tuple[int, str, float]:
            began = time.monotonic()
            data = make(options.seed, number, files)
            answer = client.post(f"http://127.0.0.1:{port}/api/classify", content=data)
            code = "" if answer.status_code == 200 else answer.json()["code"]
            if answer.status_code not in PLANNED:
                print("NOT PLANNED", number, answer.status_code, answer.text[:300], flush=True)
            return answer.status_code, code, time.monotonic() - began

        with ThreadPoolExecutor(options.clients) as threads:
            for block in batches(options.n):
                for status, code, seconds in threads.map(send, block):
                    seen[status, code] += 1
                    slowest = max(slowest, seconds)
                print(f"{seen.total():,} sent, slowest {slowest:.2f} s, {resident_mb():.0f} MB", flush=True)
    for (status, code), n in seen.most_common():
        print(f"{status} {code:20} {n:6}")


def batches(n: int) -> Iterator[range]:
    return (range(start, min(n, start + 1000)) for start in range(0, n, 1000))


if __name__ == "__main__":
    main()
