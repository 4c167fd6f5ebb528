"""Attacks on a real service over sockets: none gets in, ends it, or keeps others out."""

from __future__ import annotations

import json
import resource
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import bombs
import httpx
import numpy as np
import pytest
from running import answer_of, connected, post_head, running

import sounds
from earmark.web import create_app

LIMITS: dict[str, Any] = {
    "max_bytes": 2_000_000,
    "max_seconds": 60.0,
    "idle_seconds": 1.0,
    "least_rate": 2000.0,
    "watch_seconds": 0.5,
    "connections": 200,
    "uploads": 20,
}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with running(**LIMITS) as port:
        yield port


@pytest.fixture(autouse=True)
def _alive(port: int) -> Iterator[None]:
    """After every attack the service answers, at once, and classifies."""
    yield
    began = time.monotonic()
    assert get(port, "/health").json() == {"status": "ok"}
    assert time.monotonic() - began < 10  # many times what it takes: the machine may be busy


def get(port: int, path: str, **options: Any) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=20, **options)


def post(port: int, content: Any, path: str = "/api/classify", **options: Any) -> httpx.Response:
    return httpx.post(f"http://127.0.0.1:{port}{path}", content=content, timeout=60, **options)


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ")[1]) if answer else 0


def code_of(answer: bytes) -> str:
    return str(json.loads(answer.partition(b"\r\n\r\n")[2])["code"])


def test_an_upload_that_claims_2_gb_is_refused_before_it_comes(port: int) -> None:
    with connected(port, post_head("/api/classify", "Content-Length: 2147483648")) as connection:
        answer = answer_of(connection)
    assert (status_of(answer), code_of(answer)) == (413, "too-large")


@pytest.mark.parametrize("path", ["/api/classify", "/api/spectrogram"])
def test_an_endless_body_is_cut_off(port: int, path: str) -> None:
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    n_sent = 0
    with connected(port, post_head(path, "Transfer-Encoding: chunked")) as connection:
        connection.settimeout(5)
        with pytest.raises(OSError):
            while n_sent < 500_000_000:
                connection.sendall(chunk)
                n_sent += 65536
                time.sleep(0.002)
    assert LIMITS["max_bytes"] * 0.9 < n_sent < 450_000_000


def test_the_refusal_of_an_endless_body_arrives(port: int) -> None:
    with connected(port, post_head("/api/classify", "Transfer-Encoding: chunked")) as connection:
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        connection.sendall(chunk * 40)
        answer = answer_of(connection)
    assert (status_of(answer), code_of(answer)) == (413, "too-large")


@pytest.mark.parametrize(
    ("make", "status", "code"),
    [
        (lambda: bombs.opus(100, n_bytes=1_000_000, honest=False), 413, "too-long"),
        (lambda: bombs.opus(0, n_bytes=1_000_000, honest=True), 413, "too-long"),
        (lambda: bombs.flac(0.5), 413, "too-long"),
        (lambda: bombs.flac(0.01, claimed_hours=1000, sr=48_000), 200, None),
    ],
    ids=["100 hours claimed", "10 hours in 1 MB", "flac bomb", "flac that claims"],
)
def test_a_small_file_of_much_sound(port: int, make: Any, status: int, code: str | None) -> None:
    content = make()
    assert len(content) < 1_100_000
    began = time.monotonic()
    answer = post(port, content)
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text[:300]
    assert time.monotonic() - began < 60


def test_slow_senders_are_cut_off_and_do_not_keep_others_out(port: int) -> None:
    head = post_head("/api/classify", "Content-Length: 100000")
    with ThreadPoolExecutor(1) as others:
        silent = [connected(port, head + b"RIFF") for _ in range(30)]  # more than may upload at once
        answered = others.submit(get, port, "/api/status").result(timeout=20)
        answers = [answer_of(connection) for connection in silent]
    assert answered.status_code == 200
    assert {(status_of(answer), code_of(answer)) for answer in answers} == {(408, "slow"), (429, "busy")}
    for connection in silent:
        connection.close()


def test_a_sender_that_trickles_is_cut_off(port: int) -> None:
    began = time.monotonic()
    with connected(port, post_head("/api/classify", "Content-Length: 100000")) as connection:
        answer = b""
        connection.settimeout(0.1)
        while not answer and time.monotonic() - began < 30:
            connection.sendall(b"x")
            with suppress(TimeoutError):
                answer = connection.recv(65536)
    assert status_of(answer) == 408


def test_slow_heads_are_cut_off(port: int) -> None:
    with connected(port) as connection:
        began = time.monotonic()
        with suppress(OSError):
            for byte in b"GET /health HTTP/1.1\r\n" * 40:
                connection.sendall(bytes([byte]))
                time.sleep(0.05)
        assert time.monotonic() - began < 20


def test_idle_sockets_make_room_for_others(port: int) -> None:
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    idle = []
    try:
        for _ in range(min(500, room // 3)):
            idle.append(connected(port))
        began = time.monotonic()
        assert get(port, "/health").status_code == 200
        assert post(port, sounds.encode(sounds.tone(3), 44100, "flac")).status_code == 200
        assert time.monotonic() - began < 20
        time.sleep(3 * LIMITS["watch_seconds"])
        assert all(_is_closed(connection) for connection in idle)
    finally:
        for connection in idle:
            connection.close()


def _is_closed(connection: socket.socket) -> bool:
    connection.settimeout(2)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


@pytest.mark.parametrize(
    "target",
    [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2f..%2fetc/passwd",
        "//etc/passwd",
        "/css/../../settings.py",
        "/css/%2e%2e/%2e%2e/settings.py",
        "/\\..\\..\\settings.py",
        "/..%5c..%5csettings.py",
        "/api/models/..%2f..%2fetc%2fpasswd",
        "/api/models/%2fetc%2fpasswd",
        "/%00",
        "/js/%00../app.py",
        "/" + "a" * 5000,
        "/" + "../" * 500,
    ],
)
def test_no_path_leads_out(port: int, target: str) -> None:
    request = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
    with connected(port, request) as connection:
        answer = _whole(connection)
    assert status_of(answer) in (400, 404), answer[:200]
    assert b"root:" not in answer and b"import " not in answer and b"site-packages" not in answer


def _whole(connection: socket.socket) -> bytes:
    pieces = []
    with suppress(OSError):
        while piece := connection.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x00" * 1000,
        b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X-Big: " + b"y" * 200_000 + b"\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"A: b\r\n" * 50_000 + b"\r\n",
        post_head("/api/classify", "Content-Length: 5", "Content-Length: 9") + b"abcde",
        post_head("/api/classify", "Transfer-Encoding: chunked") + b"ZZZ\r\nx",
        post_head("/api/classify", "Content-Length: -1"),
        b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
        b"GET http://evil.example/health HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused(port: int, sent: bytes) -> None:
    with connected(port) as connection:
        with suppress(ConnectionError):
            connection.sendall(sent)
        answer = answer_of(connection)
    assert status_of(answer) in (0, 400, 404, 405, 408, 421, 431), answer[:200]


def test_a_client_that_leaves_takes_its_upload_with_it(port: int) -> None:
    content = sounds.encode(sounds.noise(8), 44100, "flac")
    head = post_head("/api/classify", f"Content-Length: {len(content)}")
    for _ in range(15):
        connection = connected(port, head + content)
        connection.close()
    began = time.monotonic()
    assert post(port, content).status_code == 200
    assert time.monotonic() - began < 60
    for _ in range(300):
        if "earmark_queue_waiting 0.0" in (text := get(port, "/metrics").text) and "running 0.0" in text:
            break
        time.sleep(0.1)
    else:
        pytest.fail(text)


@pytest.mark.slow
def test_a_full_queue_is_orderly() -> None:
    content = sounds.encode(sounds.noise(20), 44100, "flac")
    with running(queue=2, uploads=50) as port, ThreadPoolExecutor(24) as clients:
        answers = list(clients.map(lambda _: post(port, content), range(24)))
        statuses = [answer.status_code for answer in answers]
        assert set(statuses) == {200, 429} and statuses.count(200) >= 3
        for answer in answers:
            if answer.status_code == 429:
                assert 1 <= int(answer.headers["retry-after"]) <= 60 and answer.json()["code"] == "busy"
        assert post(port, content).status_code == 200


@pytest.mark.slow
def test_a_sound_that_takes_too_long_ends_alone() -> None:
    with running(deadline=0.6, jobs=1, max_seconds=7000.0) as port:
        quick = sounds.encode(sounds.noise(3), 44100, "flac")
        post(port, quick)  # the worker has begun
        answer = post(port, bombs.flac(0.5))
        assert (answer.status_code, answer.json()["code"]) == (504, "deadline")
        assert post(port, quick).status_code == 200


class CrashesOnNoise:
    """The model `echo`, in a process that dies of loud sound."""

    def __init__(self) -> None:
        from earmark.models import load_model

        self._echo = load_model("echo")
        self.card = self._echo.card

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        if float(X.max()) > 20:
            import os

            os._exit(13)
        return self._echo.predict_proba(X)


@pytest.mark.slow
def test_a_worker_that_dies_takes_one_request_with_it(caplog: pytest.LogCaptureFixture) -> None:
    with running(create_app(CrashesOnNoise())) as port:
        quiet = sounds.encode(sounds.tone(4, amplitude=0.01), 22050, "wav16")
        loud = sounds.encode(sounds.noise(4, amplitude=0.5), 22050, "wav16")
        with ThreadPoolExecutor(4) as clients:
            answers = list(clients.map(lambda content: post(port, content), [quiet, loud, quiet, quiet]))
    assert [answer.status_code for answer in answers] == [200, 500, 200, 200]
    assert answers[1].json()["code"] == "crash"


def test_all_formats_fuzzed(port: int) -> None:
    """A subset; 20,000 were sent once: see docs/service.md."""
    files = list(sounds.corpus(seconds=1.0).values())
    seen = set()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        for number in range(90):
            rng = np.random.default_rng((20, number))
            damaged = sounds.mutate(files[number % len(files)], rng, files)
            answer = client.post("/api/classify", content=damaged)
            assert answer.status_code in (200, 413, 415, 422), (number, answer.text)
            seen.add(answer.status_code)
            if answer.status_code != 200:
                assert set(answer.json()) >= {"code", "message", "hint"}
    assert seen >= {200, 415, 422}


def test_a_refusal_reaches_a_client_that_goes_on_sending(port: int) -> None:
    """Closing at once would make the system reset the connection, and with it the answer."""
    size = 8_000_000
    head = post_head("/api/classify", f"Content-Length: {size}", "Connection: close")
    with connected(port, head) as connection:
        for _ in range(size // 100_000):
            connection.sendall(b"x" * 100_000)
        answer = answer_of(connection)
    assert (status_of(answer), code_of(answer)) == (413, "too-large")
    assert b"\r\nconnection: close\r\n" in answer.lower()
