"""Places that clients share, and a queue that one client cannot fill."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from running import running

import sounds
from earmark.errors import BusyError
from earmark.web.places import FEW, Places


def filled(places: Places, client: str) -> int:
    """Take all that a client may have; return how many that are."""
    n = 0
    while places.may_take(client):
        places.take(client, "sounds wait")
        n += 1
    return n


def test_each_client_leaves_as_many_as_it_has() -> None:
    places = Places(64)
    assert [filled(places, client) for client in "abcd"] == [32, 16, 8, 4]
    with pytest.raises(BusyError, match="60 sounds wait, 32 of them of this client") as refused:
        places.take("a", "sounds wait", retry_after=7)
    assert refused.value.retry_after == 7
    assert filled(places, "e") == 4 and not places.may_take("f")  # now there are none


def test_those_who_take_turns_get_the_same() -> None:
    places, held = Places(60), dict.fromkeys("abc", 0)
    while any(places.may_take(client) for client in held):
        for client in filter(places.may_take, held):
            places.take(client, "sounds wait")
            held[client] += 1
    assert held == {"a": 15, "b": 15, "c": 15}


def test_a_small_number_is_not_made_smaller() -> None:
    assert filled(Places(2), "a") == 2 and filled(Places(5), "a") == FEW


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans())), st.integers(1, 20))
def test_what_is_given_back_can_be_taken(steps: list[tuple[str, bool]], n: int) -> None:
    places, held = Places(n), dict.fromkeys("abc", 0)
    for client, takes in steps:
        if takes and places.may_take(client):
            places.take(client, "sounds wait")
            held[client] += 1
        elif not takes and held[client]:
            places.give_back(client)
            held[client] -= 1
        assert places.n_taken == sum(held.values()) <= n
    for client, count in held.items():
        for _ in range(count):
            places.give_back(client)
    assert filled(places, "d") == filled(Places(n), "d")


@pytest.mark.slow
def test_who_comes_later_is_let_in_while_another_is_over_its_share() -> None:
    content = sounds.encode(sounds.noise(20), 44100, "flac")

    def post(address: str) -> httpx.Response:
        with httpx.Client(transport=httpx.HTTPTransport(local_address=address), timeout=120) as client:
            return client.post(f"{url}/api/classify", content=content)

    def n_waiting() -> float:
        lines = httpx.get(f"{url}/metrics").text.splitlines()
        return float(next(line for line in lines if line.startswith("earmark_queue_waiting")).split()[1])

    with running(queue=16) as port, ThreadPoolExecutor(44) as clients:
        url = f"http://127.0.0.1:{port}"
        assert post("127.0.0.1").status_code == 200  # the worker has begun
        many = [clients.submit(post, "127.0.0.1") for _ in range(40)]
        refused: list[Future[httpx.Response]] = []
        until = time.monotonic() + 30
        while not refused and time.monotonic() < until:
            refused = [each for each in many if each.done() and each.result().status_code == 429]
        assert refused and n_waiting() <= 9
        assert [each.status_code for each in clients.map(post, ["127.0.0.2"] * 3)] == [200] * 3
        answers = [each.result() for each in many]
    assert {answer.status_code for answer in answers} == {200, 429}
    for answer in answers:
        if answer.status_code == 429:
            assert 1 <= int(answer.headers["retry-after"]) <= 60 and answer.json()["code"] == "busy"
            assert "of this client" in answer.json()["message"]
