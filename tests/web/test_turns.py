"""Who is next where several clients wait for the workers."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from running import running

import sounds
from earmark.web.turns import Turn, Turns


def test_clients_take_turns_and_each_keeps_its_order() -> None:
    async def order() -> list[str]:
        turns = Turns(1)
        last = ("a", turns.join("a"))
        waiting = [(name, turns.join(name[0])) for name in ("a1", "a2", "a3", "b1", "b2", "c1")]
        begun = []
        while waiting:
            turns.leave(*last)
            [(name, turn)] = [each for each in waiting if each[1].done()]
            waiting.remove((name, turn))
            begun.append(name)
            last = (name[0], turn)
        turns.leave(*last)
        assert turns.n_in == 0 and turns.join("d").done()
        return begun

    assert asyncio.run(order()) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_who_goes_away_while_waiting_is_passed_over() -> None:
    async def check() -> None:
        turns = Turns(2)
        inside: list[tuple[str, Turn]] = [("a", turns.join("a")), ("b", turns.join("b"))]
        gone, stays = turns.join("a"), turns.join("c")
        turns.leave("a", gone)
        assert not stays.done() and turns.n_in == 2
        turns.leave(*inside[0])
        assert stays.done() and not gone.done() and turns.n_in == 2
        turns.leave(*inside[1])
        turns.leave("c", stays)
        assert turns.n_in == 0

    asyncio.run(check())


@pytest.mark.slow
def test_one_sound_of_a_client_does_not_wait_for_all_of_another() -> None:
    content, n = sounds.encode(sounds.noise(20), 44100, "flac"), 24
    ended: list[str] = []

    def post(address: str) -> None:
        with httpx.Client(transport=httpx.HTTPTransport(local_address=address), timeout=120) as client:
            assert client.post(f"{url}/api/classify", content=content).status_code == 200
        ended.append(address)

    def n_waiting() -> float:
        lines = httpx.get(f"{url}/metrics").text.splitlines()
        return float(next(line for line in lines if line.startswith("earmark_queue_waiting")).split()[1])

    with running() as port, ThreadPoolExecutor(n + 1) as clients:
        url = f"http://127.0.0.1:{port}"
        post("127.0.0.1")  # the worker has begun
        many = [clients.submit(post, "127.0.0.1") for _ in range(n)]
        until = time.monotonic() + 30
        while n_waiting() < n - 4 and time.monotonic() < until:
            time.sleep(0.01)
        clients.submit(post, "127.0.0.2").result()
        n_before = ended.index("127.0.0.2")
        for each in many:
            each.result()
    assert n_before < n / 2, ended
