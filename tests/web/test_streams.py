"""How many sounds of the library are sent at the same time, and to whom."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import numpy as np
import pytest
import soundfile
from fastapi import FastAPI
from libraries import make_shelf
from running import running

from earmark.web.places import FEW
from earmark.web.settings import Settings

LARGE = 30_000_000  # samples: more than the sockets of both sides hold
MOST = 6


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A service that sends six sounds at a time, the first of which is large."""
    settings = Settings(streams=MOST, requests_per_second=0.0, jobs=1)
    shelf = make_shelf(tmp_path_factory.mktemp("streams"), settings)
    soundfile.write(shelf.music / "0 café.wav", np.zeros(LARGE, np.int16), 22050)
    with shelf.library() as library:  # the last song of a sheet that never ends
        library.db.execute("UPDATE tracks SET number = 1, start = 0, stop = 7200 WHERE id = 2")
    assert isinstance(shelf.client.app, FastAPI)
    with running(shelf.client.app) as port:
        yield port


def begin(port: int, address: str, target: str = "/api/tracks/1/audio") -> tuple[socket.socket, bytes]:
    """Have a sound sent to an address, and take no more of it than the head."""
    connection = socket.create_connection(("127.0.0.1", port), 20, source_address=(address, 0))
    connection.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(200)
    return connection, head


def n_sent(port: int) -> int:
    lines = httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines()
    return int(float(next(line for line in lines if line.startswith("earmark_streams ")).split()[1]))


def wait_for(port: int, n: int) -> None:
    until = time.monotonic() + 20
    while n_sent(port) != n:
        assert time.monotonic() < until, n_sent(port)
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["/api/tracks/1/audio", "/rest/stream?id=1", "/rest/stream?id=2"])
def test_there_are_so_many_and_one_client_has_a_part_of_them(port: int, target: str) -> None:
    with ExitStack() as open_ones:
        for address, n in (("127.0.0.1", FEW), ("127.0.0.2", MOST - FEW)):
            for _ in range(n):
                connection, head = begin(port, address, target)
                open_ones.enter_context(connection)
                assert head.startswith(b"HTTP/1.1 200")
            refused, head = begin(port, address, target)
            refused.close()
            assert head.startswith(b"HTTP/1.1 429") and b"retry-after: 10" in head.lower()
        wait_for(port, MOST)
        url = f"http://127.0.0.1:{port}"
        assert httpx.head(url + "/api/tracks/1/audio").status_code == 200  # of which nothing is sent
        assert httpx.get(url + "/api/tracks/1/audio", headers={"Range": "bytes=-0"}).status_code == 416
        problem = httpx.get(url + "/api/tracks/3/audio")
        assert problem.status_code == 429 and problem.json()["code"] == "busy"
        fault = httpx.get(url + "/rest/stream", params={"id": "3", "f": "json"})
        assert fault.status_code == 429 and fault.json()["subsonic-response"]["status"] == "failed"
    wait_for(port, 0)  # whoever goes away leaves the place
    assert httpx.get(url + "/api/tracks/3/audio").status_code == 200
    wait_for(port, 0)
