"""A service on a port of this machine, in a thread of the test."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI

from earmark.web import Settings, create_app
from earmark.web.serving import Certificate, Service, bind

START_SECONDS = 30.0


@contextmanager
def running(
    app: FastAPI | None = None, *, certificate: Certificate | None = None, **limits: Any
) -> Iterator[int]:
    """Serve until the block ends, with settings that differ in `limits`; yield the port."""
    settings = Settings(**({"jobs": 1, "requests_per_second": 0.0} | limits))
    ready = threading.Event()
    service = Service(
        app or create_app(settings=settings),
        bound := bind("127.0.0.1", 0),
        certificate=certificate,
        on_ready=ready.set,
    )
    port: int = bound.getsockname()[1]
    thread = threading.Thread(target=service.run)
    thread.start()
    try:
        assert ready.wait(START_SECONDS)
        yield port
    finally:
        service.stop()
        thread.join(START_SECONDS)
        bound.close()
        assert not thread.is_alive()


def connected(port: int, head: bytes = b"") -> socket.socket:
    """A connection on which something was sent."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(head)
    return connection


def post_head(path: str, *fields: str) -> bytes:
    """Beginning of a POST request, up to its body."""
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: 127.0.0.1", *fields, "", ""]).encode()


def answer_of(connection: socket.socket) -> bytes:
    """What comes until the connection is closed, or for 20 s, or up to the end of a short answer."""
    received = b""
    while b"\r\n\r\n" not in received or not received.rstrip().endswith(b"}"):
        try:
            piece = connection.recv(65536)
        except (TimeoutError, ConnectionError):
            break
        if not piece:
            break
        received += piece
    return received
