"""Who gets in: names, origins, tokens, rates, bodies; and what every response carries."""

from __future__ import annotations

import logging

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from starlette.websockets import WebSocket

from earmark.errors import AudioNotFoundError, BusyError, HostError, OriginError
from earmark.web import Settings, create_app
from earmark.web.problems import without_folders
from earmark.web.security import RequestRates
from earmark.web.security.hosts import host_name

TOKEN = "s3cret-token"


def client(settings: Settings | None = None, **options: object) -> TestClient:
    return TestClient(served(settings), base_url="http://127.0.0.1:8000", **options)  # type: ignore[arg-type]


def served(settings: Settings | None = None) -> FastAPI:
    app = create_app("echo", settings=settings)

    @app.post("/api/echo")
    async def echo(request: Request) -> int:
        return len(await request.body())

    @app.get("/api/broken")
    async def broken(kind: str = "") -> None:
        if kind:
            raise AudioNotFoundError("There is no file /home/me/secret/song.mp3", hint="Try: another.")
        raise ValueError("what only the log may show")

    @app.websocket("/api/socket")
    async def socket(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_json({})
        await socket.close()

    return app


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "a@localhost"]
)
def test_a_foreign_name_is_refused(host: str) -> None:
    answer = client().get("/health", headers={"host": host})
    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == HostError.code and "127.0.0.1," not in answer.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000"])
def test_its_own_names_are_known(host: str) -> None:
    assert client().get("/health", headers={"host": host}).status_code == 200


def test_host_names_are_read_strictly() -> None:
    assert host_name("[::1]:80") == "::1" and host_name("Host") == "host"
    assert [host_name(text) for text in ("h:x", "h/..", "u@h", "h:99999")] == [None] * 4


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "file://"},
        {"origin": "http://[broken"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
    ],
)
def test_a_page_of_another_site_may_not_write(headers: dict[str, str]) -> None:
    answer = client().post("/api/echo", content=b"x", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, OriginError.code)
    with pytest.raises(Exception) as refused, client().websocket_connect("/api/socket", headers=headers):
        pass
    assert getattr(refused.value, "status_code", 403) == 403


def test_the_own_page_and_programs_may_write() -> None:
    own = {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin", "host": "127.0.0.1:8000"}
    for headers in (own, {}):
        assert client().post("/api/echo", content=b"abc", headers=headers).json() == 3
    visit = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert client().get("/health", headers=visit).status_code == 200
    with client().websocket_connect("/api/socket", headers=own) as socket:
        assert socket.receive_json() == {}


def test_a_token_is_needed_where_there_is_one(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        guarded = client(Settings(token=TOKEN))
        answers = [guarded.post("/api/echo", content=b"", headers=headers) for headers in _attempts()]
        assert [answer.status_code for answer in answers] == [401] * len(answers)
        assert answers[0].headers["www-authenticate"].startswith("Bearer")
        assert guarded.get("/metrics").status_code == guarded.get("/openapi.json").status_code == 401
        assert guarded.get("/health").status_code == 200
        bearer = {"authorization": f"Bearer {TOKEN}"}
        assert guarded.post("/api/echo", content=b"abc", headers=bearer).json() == 3
        with pytest.raises(Exception), guarded.websocket_connect("/api/socket"):  # noqa: B017
            pass
    assert TOKEN not in caplog.text and TOKEN not in repr(Settings(token=TOKEN))


def _attempts() -> list[dict[str, str]]:
    wrong = [TOKEN[:-1], TOKEN + "x", "", "é", TOKEN.upper()]
    bearers: list[dict[str, str]] = [{"authorization": f"Bearer {token}".encode()} for token in wrong]  # type: ignore[dict-item]
    return [{}, *bearers, {"authorization": TOKEN}, {"cookie": "earmark_token=x"}]


def test_the_address_with_the_token_gives_a_cookie() -> None:
    guarded = client(Settings(token=TOKEN), follow_redirects=False)
    entered = guarded.get("/", params={"token": TOKEN})
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "secure" not in cookie
    assert guarded.post("/api/echo", content=b"ab").json() == 2
    other = client(Settings(token=TOKEN), follow_redirects=False)
    assert "set-cookie" not in other.get("/", params={"token": "wrong"}).headers


def test_clients_of_subsonic_show_the_token_their_way() -> None:
    answer = client(Settings(token=TOKEN)).get("/rest/ping")  # the ways are in test_opensubsonic.py
    assert 'status="failed"' in answer.text and 'code="10"' in answer.text


def test_a_client_that_sends_too_much_has_to_wait() -> None:
    now = [0.0]
    rates = RequestRates(2.0, lambda: now[0])
    limited = create_app("echo", settings=Settings(requests_per_second=0.1))
    answers = [TestClient(limited).get("/health") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 429, 429]
    assert 1 <= int(answers[1].headers["retry-after"]) <= 20
    assert answers[1].json()["code"] == BusyError.code
    here = type("Connection", (), {"client": type("Address", (), {"host": "10.0.0.1"})})
    for _ in range(20):
        rates(here)  # type: ignore[arg-type]
    with pytest.raises(BusyError) as error:
        rates(here)  # type: ignore[arg-type]
    assert error.value.retry_after == pytest.approx(0.5)
    now[0] += 0.6
    rates(here)  # type: ignore[arg-type]


def test_bodies_that_are_no_uploads_are_small() -> None:
    few = client(Settings(max_json=1000))
    assert few.post("/api/echo", content=b"x" * 1000).json() == 1000
    assert few.post("/api/echo", content=b"x" * 1001).status_code == 413

    answer = few.post("/api/echo", content=(b"x" * 100 for _ in range(11)))
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


def test_every_response_carries_the_headers() -> None:
    for answer in (
        client().get("/health"),
        client().get("/api/broken"),
        client().get("/x", headers={"host": "e"}),
    ):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy
        assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "microphone=(self)" in answer.headers["permissions-policy"]


def test_problems_have_one_form(caplog: pytest.LogCaptureFixture) -> None:
    browser = client()
    for path, status, code in (
        ("/api/broken", 500, "internal"),
        ("/api/broken?kind=x", 404, "not-found"),
        ("/api/none", 404, "no-route"),
        ("/api/echo", 405, "method"),
    ):
        answer = browser.get(path)
        assert answer.headers["content-type"] == "application/problem+json"
        entries = answer.json()
        assert (entries["status"], entries["code"]) == (status, code)
        assert set(entries) == {"type", "title", "status", "detail", "code", "message", "hint"}
        assert (
            "only the log" not in answer.text
            and "/home" not in answer.text
            and "Traceback" not in answer.text
        )
    assert "what only the log may show" in caplog.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/tmp/x/y.mp3 is empty", "y.mp3 is empty"),
        ("cannot read '/home/me/.local/lib.db': locked", "cannot read 'lib.db': locked"),
        ("Try: POST /api/jobs or https://host/a/b", "Try: POST /api/jobs or https://host/a/b"),
        (r"C:\Users\me\song.wav is short", "song.wav is short"),
        ("1/2 and a/b/c", "1/2 and a/b/c"),
    ],
)
def test_no_folder_of_the_machine_is_shown(text: str, expected: str) -> None:
    assert without_folders(text) == expected
