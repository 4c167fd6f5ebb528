"""Live listening: what an answer costs, how late it is, and whether hours of it take memory.

Three parts, each printed as a table:

* compute of a session for a quarter of a second of sound, against the model's call alone;
* delay over loopback for 1, 10 and 50 listeners who send 100 ms blocks in real time to a service in a process
  of its own: from the moment at which a microphone would have given the last sample that an answer is about
  (so that the time its block took to fill counts) to the moment at which the answer has come;
* memory of a session during hours of sound, faster than real time.

    python benchmarks/live.py                  # about three minutes
    python benchmarks/live.py --listeners 1    # only some of them
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from earmark.demo import demo_medley
from earmark.live import HOP, Session
from earmark.models import load_model
from earmark.models.base import call
from earmark.vocabulary import DEFAULT_MODEL

RATE, BLOCK = 48000, 4800
SECONDS = 24.0  # of listening, for each number of listeners
WARM_UP = 4.0

SERVER = """
import socket, sys
from earmark.web import Settings, create_app
from earmark.web.serving import Service, bind
bound = bind("127.0.0.1", 0)
app = create_app(settings=Settings(requests_per_second=0, live=200))
service = Service(app, bound, on_ready=lambda: print(bound.getsockname()[1], flush=True))
service.run()
"""


def music() -> np.ndarray:
    """The demo medley at 48 kHz [shape=(n,)]."""
    import soxr

    return soxr.resample(demo_medley().y, 22050, RATE).astype(np.float32)


def compute() -> None:
    """What a quarter of a second costs."""
    model, y = load_model(DEFAULT_MODEL), music()
    X = np.full((1, *model.card.input_shape), -30.0, np.float32)
    call(model, X)
    alone = [_timed(lambda: call(model, X)) for _ in range(60)]
    session, n = Session(model, rate=RATE), round(HOP * RATE)
    session.push(y[: 4 * RATE])
    pieces = [y[start : start + n] for start in range(4 * RATE, len(y) - n, n)]
    whole = [_timed(lambda piece=piece: session.push(piece, every=False)) for piece in pieces * 3]
    print(f"model alone, one window   {_median(alone):5.1f} ms")
    print(f"session, {HOP} s of sound  {_median(whole):5.1f} ms, of which the model's part is 13/12 windows")
    print(f"                          {100 * _median(whole) / 1000 / HOP:5.1f} % of a processor\n")


def _timed(work: object) -> float:
    before = time.process_time()  # of this process alone, whatever else the machine does
    work()  # type: ignore[operator]
    return 1000 * (time.process_time() - before)


def _median(values: list[float]) -> float:
    return statistics.median(values)


# ---------------------------------------------------------------- over loopback


@contextlib.contextmanager
def service() -> Iterator[tuple[int, int]]:
    """Port and process of a service."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield int(process.stdout.readline()), process.pid  # type: ignore[union-attr]
        finally:
            process.terminate()


async def listener(port: int, data: np.ndarray, offset: float) -> list[float]:
    """Listen in real time and return the delay of each answer in seconds."""
    import websockets

    await asyncio.sleep(offset)
    delays: list[float] = []
    edges, times = [0], [0.0]  # index after each block, and when it was sent
    async with websockets.connect(f"ws://127.0.0.1:{port}/api/live", compression=None) as socket:
        await socket.send(json.dumps({"type": "hello", "rate": RATE}))
        await socket.recv()

        async def receive() -> None:
            async for text in socket:
                now, answer = time.perf_counter(), json.loads(text)
                if answer["type"] == "answer" and answer["time"] > WARM_UP:
                    # When that sample was there for the sender: within its block, by its place.
                    place = bisect.bisect_left(edges, answer["index"])
                    there = times[place] - (edges[place] - answer["index"]) / RATE
                    delays.append(now - there)

        receiving = asyncio.create_task(receive())
        began = time.perf_counter()
        for k in range(round(SECONDS * RATE / BLOCK)):
            await asyncio.sleep(max(0.0, began + (k + 1) * BLOCK / RATE - time.perf_counter()))
            start = k * BLOCK % (len(data) - BLOCK)
            times.append(time.perf_counter())
            edges.append((k + 1) * BLOCK)
            await socket.send(data[start : start + BLOCK].tobytes())
        receiving.cancel()
    return delays


async def crowd(port: int, n: int) -> list[list[float]]:
    data = np.round(np.clip(music(), -1, 1) * 32767).astype("<i2")
    offsets = np.random.default_rng(0).uniform(0, 1, n)
    return await asyncio.gather(*(listener(port, data, offset) for offset in offsets))


def delay(numbers: list[int]) -> None:
    """How late answers are."""
    print("listeners   answers/s each   delay p50   p95   p99 [ms]   processor of the service   memory")
    for n in numbers:
        with service() as (port, pid):
            asyncio.run(crowd(port, 1))  # the first loads the libraries
            before = _processor(pid)
            each = asyncio.run(crowd(port, n))
            busy = (_processor(pid) - before) / (SECONDS + 1)
            memory = _memory(pid)
        late = 1000 * np.concatenate([np.array(one) for one in each])
        rate = len(late) / n / (SECONDS - WARM_UP)
        p50, p95, p99 = np.percentile(late, [50, 95, 99])
        print(
            f"{n:9}   {rate:14.2f}   {p50:9.0f}   {p95:3.0f}   {p99:3.0f}        {100 * busy:18.0f} %"
            f"   {memory / 1e6:9.0f} MB",
            flush=True,
        )
    print()


def _processor(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int | str) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


# ---------------------------------------------------------------- for hours


def soak(hours: float) -> None:
    """Memory of one session."""
    session, y = Session(load_model(DEFAULT_MODEL), rate=RATE), music()
    block = 10 * BLOCK
    print("sound [min]   memory [MB]   processor [s]")
    began, done = time.process_time(), 0.0
    marks = [2.0, *np.linspace(0, 60 * hours, 7)[1:]]
    place = 0
    for mark in marks:
        while done < 60 * mark:
            session.push(y[place : place + block], every=False)
            done += block / RATE
            place = (place + block) % (len(y) - block)
        print(
            f"{mark:11.0f}   {_memory('self') / 1e6:11.1f}   {time.process_time() - began:11.1f}", flush=True
        )
    final = session.final()
    print(f"final: {final.duration / 60:.0f} min, {len(final.segments)} segments, {final.verdict}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--listeners", type=int, nargs="*", default=[1, 10, 50])
    parser.add_argument("--hours", type=float, default=1.0)
    options = parser.parse_args()
    compute()
    if options.listeners:
        delay(options.listeners)
    if options.hours:
        soak(options.hours)


if __name__ == "__main__":
    main()
