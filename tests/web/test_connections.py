"""Which connections go when there are too many."""

from __future__ import annotations

from typing import Any, cast

from earmark.web.serving.protocol import Room, WatchedProtocol


class Fake:
    """Stands for a connection."""

    def __init__(self, ended: list[Fake]) -> None:
        self._ended = ended

    def abort(self) -> None:
        self._ended.append(self)


def fakes(n: int) -> tuple[list[Any], list[Fake]]:
    ended: list[Fake] = []
    return [cast(WatchedProtocol, Fake(ended)) for _ in range(n)], ended


def test_the_oldest_without_a_request_goes_first() -> None:
    (a, b, c, d), ended = fakes(4)
    room = Room(3)
    for connection in (a, b, c):
        room.enter(connection)
    room.begin(a)
    room.enter(d)
    assert ended == [b]
    room.leave(c)
    room.enter(b)
    assert ended == [b]


def test_then_the_oldest_between_two_requests_and_never_a_busy_one() -> None:
    (a, b, c, d), ended = fakes(4)
    room = Room(2)
    for connection in (a, b):
        room.enter(connection)
        room.begin(connection)
    room.rest(b)
    room.enter(c)
    assert ended == [c]  # it has sent nothing, b was served before
    room.rest(a)
    room.begin(b)
    room.enter(d)
    assert ended == [c, d] and len(room._busy) == 1


def test_ten_thousand_are_no_work() -> None:
    many, ended = fakes(10_000)
    room = Room(100)
    for connection in many:
        room.enter(connection)
    assert ended == many[:-100]
