"""Feed damaged files of every format to `load` and `probe`: no crash, no hang, no foreign exception.

    python benchmarks/fuzz_audio.py [--n 20000] [--seed 0]

Each input is made from (seed, number) alone, so a finding is repeated by ``--seed S --only NUMBER``. Inputs
run in a worker process with a limit on memory; the parent replaces a worker that dies or takes over 5 s.

Seeds 1 and 2, 60,000 inputs each, found a crash (the planes of eight channels), two overflows in the
resampler and a track that appears on the way; each has its test. Seed 3 afterwards: 60,000 inputs, none,
slowest 1.0 s, peak of 104 MiB, nothing written to stderr.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import sounds
from earmark.audio import load, probe
from earmark.errors import EarmarkError

LIMIT_SECONDS = 5.0
LIMIT_BYTES = 4 * 2**30


def make(seed: int, number: int, files: list[bytes]) -> bytes:
    rng = np.random.default_rng((seed, number))
    if rng.random() < 0.02:
        return rng.bytes(int(rng.integers(1, 5000)))
    return sounds.mutate(files[number % len(files)], rng, files)


def outcome(call) -> str:
    """Name of the error that a call ends with; anything that is not ours is spelt out."""
    try:
        call()
    except EarmarkError as error:
        return type(error).__name__
    except BaseException as error:
        return f"FOREIGN {type(error).__module__}.{type(error).__name__}: {str(error)[:100]}"
    return "ok"


def examine(data: bytes, number: int) -> tuple[str, str]:
    def listen() -> None:
        way = number % 3
        part = {"start": 0.2, "duration": 0.1} if way == 2 else {}
        clip = load(sounds.OneWay(data) if way == 1 else data, **part)
        assert np.isfinite(clip.y).all() and clip.y.ndim == 1 and clip.y.dtype == np.float32

    return outcome(listen), outcome(lambda: probe(data))


def work(connection: Connection, seed: int, files: list[bytes], stderr: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    os.dup2(os.open(stderr, os.O_WRONLY | os.O_APPEND), 2)
    while (number := connection.recv()) is not None:
        start = time.perf_counter()
        result = examine(make(seed, number, files), number)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        connection.send((*result, time.perf_counter() - start, peak))


class Worker:
    def __init__(self, *arguments: object) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs, *arguments), daemon=True)
        self.process.start()
        theirs.close()

    def run(self, number: int, limit: float) -> tuple[str, str, float, float]:
        self.connection.send(number)
        if not self.connection.poll(limit):
            self.process.kill()
            return "HANG", "HANG", limit, 0.0
        try:
            return self.connection.recv()
        except EOFError:
            self.process.join()
            return f"CRASH {self.process.exitcode}", "CRASH", 0.0, 0.0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="run one number in this process and print its outcome")
    options = parser.parse_args()
    files = sounds.corpus()
    if options.only is not None:
        data = make(options.seed, options.only, list(files.values()))
        print(list(files)[options.only % len(files)], *examine(data, options.only))
        return 0
    with tempfile.NamedTemporaryFile() as stderr:
        return fuzz(options.n, options.seed, files, stderr.name)


def fuzz(n: int, seed: int, files: dict[str, bytes], stderr: str) -> int:
    names = list(files)
    counts: Counter[str] = Counter()
    n_findings, slowest, peak = 0, (0.0, -1), 0.0
    arguments = (seed, list(files.values()), stderr)
    worker, fresh = Worker(*arguments), True
    began = time.perf_counter()
    for number in range(n):
        loaded, probed, seconds, mib = worker.run(number, LIMIT_SECONDS + (20 if fresh else 0))
        fresh = loaded.startswith(("HANG", "CRASH"))
        if fresh:
            worker = Worker(*arguments)
        counts[loaded.split()[0]] += 1
        slowest, peak = max(slowest, (seconds, number)), max(peak, mib)
        if any(result.startswith(("HANG", "CRASH", "FOREIGN")) for result in (loaded, probed)):
            n_findings += 1
            print(number, names[number % len(names)], loaded, probed, flush=True)
    worker.connection.send(None)
    print(f"{n} inputs from {len(files)} files, seed {seed}, {time.perf_counter() - began:.0f} s")
    print("load:", ", ".join(f"{name} {count}" for name, count in counts.most_common()))
    print(f"slowest {slowest[0]:.2f} s (number {slowest[1]}), peak {peak:.0f} MiB")
    noise = Path(stderr).read_text(errors="replace")
    print(f"written to stderr by libraries: {len(noise)} characters", noise[:1000], sep="\n")
    print(f"findings: {n_findings}")
    return 1 if n_findings or noise else 0


if __name__ == "__main__":
    sys.exit(main())
