"""Requests per second of the service against bare library calls in the same run, and 1,000 clients at once.

    python benchmarks/serve.py [--seconds 20] [--rounds 3] [--crowd 1000]
    python benchmarks/serve.py --soak 10000     # only this: memory over so many clips of 3 s

Clients send a 30 s MP3 over loopback, each the next as soon as the last is answered. The bare calls are
`earmark.classify` of the same file in as many worker processes as the service has (for one client: in one),
with the model loaded before. Both take turns. The load of other programs changes both, so that the ratio of
processor time for each clip is printed beside that of the clock.
"""

# ruff: noqa: E402 (the number of threads must be set before NumPy is loaded)
from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import asyncio
import itertools
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

import earmark
from earmark.models import Model, load_model
from earmark.workers import Done, Pool

JOBS = 2
CLIENTS = (1, 8, 64)
TICKS = os.sysconf("SC_CLK_TCK")
SERVER = """
import sys
from earmark.web import Settings, create_app
from earmark.web.serving import Service, bind
settings = Settings(jobs=int(sys.argv[1]), requests_per_second=0.0, queue=int(sys.argv[2]))
bound = bind("127.0.0.1", 0)
port = bound.getsockname()[1]
Service(create_app(settings=settings), bound, on_ready=lambda: print(port, flush=True)).run()
"""


def make_mp3(path: Path, seconds: int = 30) -> None:
    """The demo's band in stereo, at 128 kbit/s."""
    import soundfile

    y = earmark.demo_clip("rock", seconds=seconds, sr=44100).y
    stereo = np.stack([y, 0.8 * np.roll(y, 300)], axis=1)
    constant = {"bitrate_mode": "CONSTANT", "compression_level": 0.65}
    with soundfile.SoundFile(path, "w", 44100, 2, "MPEG_LAYER_III", format="MP3", **constant) as file:
        for second in np.split(stereo, seconds):
            file.write(second)


@dataclass
class Load:
    """What came of sending for some time."""

    seconds: float = 0.0
    cpu: float = 0.0  # s of the processor
    front: float = 0.0  # of these, of the process that takes the requests
    times: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def n(self) -> int:
        return len(self.times)

    def add(self, other: Load) -> None:
        self.seconds, self.cpu = self.seconds + other.seconds, self.cpu + other.cpu
        self.front += other.front
        self.times += other.times
        self.statuses += other.statuses

    def __str__(self) -> str:
        p50, p95, p99 = 1000 * np.percentile(self.times, [50, 95, 99])
        times = f"p50 {p50:6.0f}  p95 {p95:6.0f}  p99 {p99:6.0f} ms"
        return (
            f"{self.n / self.seconds:6.2f}/s   {times}   processor {1000 * self.cpu / self.n:5.0f} ms a clip"
        )


# ---------------------------------------------------------------- processes


def family(pid: int) -> list[int]:
    """A process and its children."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    return [pid, *(int(child) for thread in threads for child in thread.read_text().split())]


def cpu_seconds(pids: list[int]) -> float:
    total = 0
    for each in pids:
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def wait_until_idle(pid: int) -> None:
    """Workers that are still starting would count; an idle service takes a little time, too."""
    before, until = -1.0, time.monotonic() + 30
    while (now := cpu_seconds(family(pid))) > before + 0.1 and time.monotonic() < until:
        before = now
        time.sleep(2)


def peak_mb(pid: int, key: str = "VmHWM") -> float:
    return sum(number(each, key) for each in family(pid)) / 1024


def number(pid: int, key: str) -> int:
    """An entry of a process's status; 0 of one that has just ended."""
    with suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/status").read_text().split(f"{key}:")[1].split()[0])
    return 0


@contextmanager
def service(queue: int = 64) -> Iterator[tuple[int, int]]:
    """A service in a process of its own: its pid and its port."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(JOBS), str(queue)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process.pid, int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(30)


# ---------------------------------------------------------------- the two sides


ADDRESSES = itertools.cycle(f"127.0.1.{i}" for i in range(1, 255))  # no client may take all of the queue


async def post(port: int, body: bytes) -> tuple[int, bytes, float]:
    """Status, head and time of one request on a connection of its own, from the next of `ADDRESSES`."""
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(next(ADDRESSES), 0))
    head = "POST /api/classify?name=a.mp3 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    head += f"Content-Length: {len(body)}"
    try:
        writer.write(head.encode() + b"\r\n\r\n" + body)
        answer = await reader.read()
    finally:
        writer.close()
    return int(answer.split(b" ", 2)[1]) if answer else 0, answer, time.monotonic() - began


async def clients(port: int, body: bytes, n: int, seconds: float) -> Load:
    load, until = Load(), time.monotonic() + seconds

    async def client() -> None:
        while time.monotonic() < until:
            status, _, took = await post(port, body)
            load.statuses[status] += 1
            load.times.append(took)

    await asyncio.gather(*(client() for _ in range(n)))
    return load


def served(pid: int, port: int, body: bytes, n: int, seconds: float) -> Load:
    began, cpu, front = time.monotonic(), cpu_seconds(family(pid)), cpu_seconds([pid])
    load = asyncio.run(clients(port, body, n, seconds))
    load.seconds, load.cpu = time.monotonic() - began, cpu_seconds(family(pid)) - cpu
    load.front = cpu_seconds([pid]) - front
    return load


def timed(model: Model, path: str) -> tuple[float, float]:
    began, cpu = time.monotonic(), time.process_time()
    earmark.classify(path, model=model).to_json()
    return time.monotonic() - began, time.process_time() - cpu


def bare(pool: Pool, path: str, seconds: float) -> Load:
    load, began = Load(), time.monotonic()

    def paths() -> Iterator[str]:
        while time.monotonic() < began + seconds:
            yield path

    for outcome in pool.map(timed, paths(), in_order=False):
        assert isinstance(outcome, Done), outcome
        load.times.append(outcome.value[0])
        load.cpu += outcome.value[1]
    load.seconds = time.monotonic() - began
    return load


def compare(path: Path, n: int, *, seconds: float, rounds: int) -> None:
    body, setup = path.read_bytes(), partial(load_model, "earmark-base")
    both = {"bare calls": Load(), "service": Load()}
    with service() as (pid, port), Pool(setup=setup, jobs=min(n, JOBS)) as pool:
        served(pid, port, body, JOBS, 2)
        bare(pool, str(path), 2)
        wait_until_idle(pid)
        for _ in range(rounds):
            both["bare calls"].add(bare(pool, str(path), seconds))
            both["service"].add(served(pid, port, body, n, seconds))
        memory = peak_mb(pid)
    print(f"\n{n} clients")
    for name, load in both.items():
        print(f"  {name:10} {load}")
    one, other = both.values()
    rate, cpu = other.n / other.seconds / (one.n / one.seconds), (other.cpu / other.n) / (one.cpu / one.n)
    front = 1000 * other.front / other.n
    print(f"  service / bare: {rate:.2f} of the rate, {cpu:.2f} of the processor time", end=" ")
    print(f"(the service itself, without its workers: {front:.0f} ms a clip);", end=" ")
    print(dict(other.statuses), f"peak {memory:.0f} MB", flush=True)


def crowd(path: Path, n: int) -> None:
    """So many clients at once: each gets an answer, most of them 429."""
    body = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * n)), hard))

    async def all_at_once(port: int) -> list[tuple[int, bytes, float] | BaseException]:
        return await asyncio.gather(*(post(port, body) for _ in range(n)), return_exceptions=True)

    with service() as (pid, port):
        served(pid, port, body, JOBS, 2)
        before, began = peak_mb(pid, "VmRSS"), time.monotonic()
        answers = asyncio.run(all_at_once(port))
        seconds = time.monotonic() - began
        after = peak_mb(pid)
        again = served(pid, port, body, 1, 1)
    statuses = Counter("error" if isinstance(each, BaseException) else each[0] for each in answers)
    waits = [each for each in answers if not isinstance(each, BaseException) and each[0] == 429]
    polite = sum(b"retry-after" in head.lower() for _, head, _ in waits)
    refused = [took for _, _, took in waits] or [0.0]
    print(f"\n{n} at once: {dict(statuses)} in {seconds:.1f} s; {polite} of {len(waits)} with Retry-After,")
    print(f"  refused after {np.median(refused):.2f} s (median), {max(refused):.2f} s at most;", end=" ")
    print(f"memory {before:.0f} MB before, {after:.0f} MB at most; afterwards {dict(again.statuses)}")


def soak(folder: Path, n: int) -> None:
    """The memory of the service and its workers, at twenty moments of `n` requests by four clients."""
    path = folder / "short.mp3"
    make_mp3(path, 3)
    with service() as (pid, port):
        left, began = n, time.monotonic()
        print(f"{n} clips of 3 s by 4 clients: requests, memory now")
        while left > 0:
            some = min(left, max(1, n // 20))
            statuses = asyncio.run(sent(port, path.read_bytes(), some))
            left -= some
            each = ", ".join(f"{number(each, 'VmRSS') / 1024:.0f}" for each in family(pid))
            print(f"  {n - left:6}  {peak_mb(pid, 'VmRSS'):5.0f} MB ({each})  {dict(statuses)}", flush=True)
        print(f"  {n / (time.monotonic() - began):.1f}/s")


async def sent(port: int, body: bytes, n: int) -> Counter[int]:
    statuses: Counter[int] = Counter()
    numbers = iter(range(n))

    async def client() -> None:
        for _ in numbers:
            statuses[(await post(port, body))[0]] += 1

    await asyncio.gather(*(client() for _ in range(4)))
    return statuses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--crowd", type=int, default=1000)
    parser.add_argument("--soak", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.soak:
            soak(Path(folder), options.soak)
            return
        path = Path(folder) / "clip.mp3"
        make_mp3(path)
        print(f"30 s of MP3, {path.stat().st_size / 1000:.0f} kB, {JOBS} workers, {os.cpu_count()} cores")
        for n in CLIENTS:
            compare(path, n, seconds=options.seconds, rounds=options.rounds)
        crowd(path, options.crowd)


if __name__ == "__main__":
    main()
