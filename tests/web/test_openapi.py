"""Inputs out of the service's own OpenAPI document: whatever comes, the answer is a planned one."""

from __future__ import annotations

import pytest

schemathesis = pytest.importorskip("schemathesis")

from hypothesis import HealthCheck, settings  # noqa: E402

from earmark.web import Settings, create_app  # noqa: E402

LIMITS = Settings(requests_per_second=0.0, max_bytes=100_000, max_seconds=5.0, jobs=1, idle_seconds=5.0)
schema = schemathesis.openapi.from_asgi("/openapi.json", create_app("echo", settings=LIMITS))


@pytest.mark.slow
@schema.parametrize()
@settings(
    max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
def test_every_answer_is_planned(case: schemathesis.Case) -> None:
    response = case.call(headers={"host": "127.0.0.1"})
    assert response.status_code < 500 or response.status_code in (501, 507), response.text
    if response.status_code >= 400:
        assert response.headers["content-type"][0] == "application/problem+json", response.text
        assert set(response.json()) >= {"type", "title", "status", "detail", "code", "message", "hint"}
        assert response.json()["status"] == response.status_code
    assert "content-security-policy" in response.headers
