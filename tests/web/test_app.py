"""The service as a whole."""

from __future__ import annotations

from fastapi.testclient import TestClient

from earmark.web import create_app


def test_health() -> None:
    assert TestClient(create_app("echo")).get("/health").json() == {"status": "ok"}
