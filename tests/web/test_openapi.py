"""Inputs out of the service's own OpenAPI document: whatever comes, the answer is a planned one."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

schemathesis = pytest.importorskip("schemathesis")

from hypothesis import HealthCheck, settings  # noqa: E402

from earmark.web import Settings, create_app  # noqa: E402

LIMITS = Settings(requests_per_second=0.0, max_bytes=100_000, max_seconds=5.0, jobs=1, idle_seconds=5.0)
schema = schemathesis.openapi.from_asgi("/openapi.json", create_app("echo", settings=LIMITS))


def answers_are_planned(method: str, path: str) -> Callable[..., None]:
    """Return a test of one route.

    A test for each: under pytest 9.2 those that Schemathesis makes of one function have all one id, of which
    xdist runs the first.
    """

    @pytest.mark.slow
    @schema.include(method=method, path=path).parametrize()
    @settings(
        max_examples=8,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def test(case: schemathesis.Case) -> None:
        response = case.call(headers={"host": "127.0.0.1"})
        assert response.status_code < 500 or response.status_code in (501, 507), response.text
        if response.status_code >= 400:
            assert response.headers["content-type"][0] == "application/problem+json", response.text
            assert set(response.json()) >= {"type", "title", "status", "detail", "code", "message", "hint"}
            assert response.json()["status"] == response.status_code
        assert "content-security-policy" in response.headers

    return test


for route in schema.get_all_operations():
    method, path = route.ok().method.upper(), route.ok().path
    globals()[re.sub(r"\W+", "_", f"test_{method}{path}").rstrip("_").lower()] = answers_are_planned(
        method, path
    )
