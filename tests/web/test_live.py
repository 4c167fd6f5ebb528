"""``WS /api/live``: the protocol, broken lines, limits, and what nobody should send."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import websockets.exceptions
import websockets.sync.client
from fastapi.testclient import TestClient
from running import connected, running
from starlette.websockets import WebSocketDisconnect

import sounds
from earmark.audio import Clip
from earmark.errors import BusyError
from earmark.models import Head, load_model
from earmark.models.builtin.echo import CARD, SOUNDS, Echo
from earmark.predict import classify
from earmark.web import Settings, create_app, live_clients
from earmark.web.live_client import LiveClient
from earmark.web.live_messages import Hello
from earmark.web.routes import live
from earmark.web.state import State
from music import band
from voiced import VOICES, save_voiced


@pytest.fixture
def client() -> Iterator[TestClient]:
    with opened() as client:
        yield client


@contextlib.contextmanager
def opened(model: Any = "echo", **settings: Any) -> Iterator[TestClient]:
    app = create_app(model, settings=Settings(requests_per_second=0, **settings))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client


def pcm(sr: int, seconds: float = 7.0) -> np.ndarray:
    """Music as the page sends it [shape=(n,)]."""
    import soxr

    y = soxr.resample(band("rock", seconds=8.0).y, 22050, sr)[: round(seconds * sr)]
    return np.round(np.clip(y, -1, 1) * 32767).astype("<i2")


def hello(socket: Any, **entries: Any) -> dict[str, Any]:
    socket.send_json({"type": "hello", "rate": 48000, **entries})
    return socket.receive_json()


def until(socket: Any, kind: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The first message of a kind, and those before it."""
    before: list[dict[str, Any]] = []
    while (message := socket.receive_json())["type"] != kind:
        before.append(message)
    return message, before


def ended(socket: Any) -> dict[str, Any]:
    socket.send_json({"type": "end"})
    message, _ = until(socket, "final")
    with pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_json()
    assert closed.value.code == 1000
    return message["prediction"]


def expected(y: np.ndarray, sr: int, model: Any = "echo") -> dict[str, Any]:
    return classify(Clip((y / 32768).astype(np.float32), sr), model=model).to_dict()


def refused(socket: Any, code: int = 1008) -> dict[str, Any]:
    error, _ = until(socket, "error")
    with pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_json()
    assert closed.value.code == code
    return error


# A session


def test_a_session(client: TestClient) -> None:
    y = pcm(48000)
    with client.websocket_connect("/api/live") as socket:
        greeting = hello(socket)
        assert greeting["next"] == 0 and greeting["hop"] == 0.25 and greeting["window"] == 3.0
        assert len(greeting["session"]) > 20 and greeting["labels"] == list(CARD.classes)
        assert greeting["marks"] == {}
        for start in range(0, len(y), 4800):
            socket.send_bytes(y[start : start + 4800].tobytes())
        answer, _ = until(socket, "answer")
        final = ended(socket)
    assert set(answer) >= {"index", "stream", "time", "verdict", "genres", "moods", "quadrant", "valence"}
    assert set(answer) >= {"arousal", "tempo", "key", "settled", "level_db"}
    assert answer["voice"] is None  # of this model
    assert answer["sound"]["label"] in SOUNDS and set(answer["sound"]["scores"]) == set(SOUNDS)
    assert final["sound"]["label"] in SOUNDS and client.get("/api/status").json()["labels"]["sound"]
    assert answer["index"] == pytest.approx(48000 * answer["time"], abs=30)
    assert final == expected(y, 48000)


def test_answers_come_four_times_a_second_of_sound(client: TestClient) -> None:
    y = pcm(48000, 6.0)
    with client.websocket_connect("/api/live") as socket:
        hello(socket)
        socket.send_bytes(y[: 3 * 48000].tobytes())
        times = []
        for start in range(3 * 48000, len(y), 12_000):
            socket.send_bytes(y[start : start + 12_000].tobytes())
            times.append(socket.receive_json()["time"])
    np.testing.assert_allclose(np.diff(times), 0.25, atol=0.03)
    assert times[0] == pytest.approx(3.2, abs=0.05)  # no later than half a frame and the resampler


def test_voice_and_affect_come_with_a_model_that_gives_them(tmp_path: Path) -> None:
    model, y = load_model(save_voiced(tmp_path / "voiced")), pcm(22050, 6.0)
    with TestClient(create_app(model, settings=Settings(hosts=("testserver",)))) as client:
        labels = client.get("/api/status").json()["labels"]
        with client.websocket_connect("/api/live") as socket:
            marks = hello(socket, rate=22050)["marks"]
            socket.send_bytes(y.tobytes())
            answer, _ = until(socket, "answer")
            final = ended(socket)
    assert labels["voice"] == list(VOICES) and "drums" in labels["instruments"]
    assert marks == labels["marks"] == {}  # of genres: the thresholds of instruments are none
    assert answer["voice"]["label"] == "sung" and (answer["valence"], answer["arousal"]) == (0.8123, 0.16)
    assert final == expected(y, 22050, model)
    assert [one["label"] for one in final["instruments"] if one["present"]] == ["drums", "piano"]


@pytest.mark.parametrize("hop", [0.01, 1.0])
def test_the_hop_is_granted_down_to_a_quarter_of_a_second(client: TestClient, hop: float) -> None:
    with client.websocket_connect("/api/live") as socket:
        assert hello(socket, hop=hop)["hop"] == max(hop, 0.25)


def test_whoever_sends_faster_than_real_time_gets_no_more_answers_and_the_same_final(
    client: TestClient,
) -> None:
    y = np.tile(pcm(16000), 9)  # a minute
    with client.websocket_connect("/api/live") as socket:
        hello(socket, rate=16000)
        before = time.monotonic()
        for start in range(0, len(y), 1600):
            socket.send_bytes(y[start : start + 1600].tobytes())
        socket.send_json({"type": "end"})
        final, answers = until(socket, "final")
    assert len(answers) <= 4 * (time.monotonic() - before) + 20  # end is exempt: 20 s may wait then
    assert final["prediction"] == expected(y, 16000)


def test_too_little_sound_is_an_error(client: TestClient) -> None:
    with client.websocket_connect("/api/live") as socket:
        hello(socket)
        socket.send_bytes(pcm(48000, 0.2).tobytes())
        socket.send_json({"type": "end"})
        error = refused(socket)
    assert error["code"] == "too-short" and error["hint"]


# Other rates, dropped samples, broken lines


def test_a_new_rate_begins_a_new_stream(client: TestClient) -> None:
    low, high = pcm(16000), pcm(44100)
    with client.websocket_connect("/api/live") as socket:
        hello(socket, rate=16000)
        socket.send_bytes(low[: 4 * 16000].tobytes())
        assert until(socket, "answer")[0]["stream"] == 0
        socket.send_json({"type": "rate", "rate": 44100})
        socket.send_bytes(high[4 * 44100 :].tobytes())
        answer, _ = until(socket, "answer")
        assert answer["stream"] == 1
        assert answer["index"] == pytest.approx((answer["time"] - 4) * 44100, abs=30)
        final = ended(socket)
    assert final["duration"] == pytest.approx(7.0, abs=1e-3)


def test_dropped_samples_are_a_gap(client: TestClient) -> None:
    y = pcm(48000)
    with client.websocket_connect("/api/live") as socket:
        hello(socket)
        socket.send_bytes(y[: 3 * 48000].tobytes())
        socket.send_json({"type": "skip", "index": 4 * 48000})
        socket.send_bytes(y[4 * 48000 :].tobytes())
        final = ended(socket)
    assert final["duration"] == pytest.approx(7.0, abs=1e-3)
    assert final["warnings"] == ["1.0 s of sound were dropped"]


def test_a_session_goes_on_after_the_line_broke(client: TestClient) -> None:
    y = pcm(48000)
    with client.websocket_connect("/api/live") as socket:
        session = hello(socket)["session"]
        socket.send_bytes(y[:150_000].tobytes())
        until(socket, "answer")
    with client.websocket_connect("/api/live") as socket:
        greeting = hello(socket, session=session, index=100_000)
        assert (greeting["session"], greeting["next"]) == (session, 150_000)
        socket.send_bytes(y[150_000:].tobytes())
        assert ended(socket) == expected(y, 48000)


def test_a_client_skips_what_it_no_longer_has(client: TestClient) -> None:
    y = pcm(48000)
    with client.websocket_connect("/api/live") as socket:
        session = hello(socket)["session"]
        socket.send_bytes(y[:150_000].tobytes())
        until(socket, "answer")
    with client.websocket_connect("/api/live") as socket:
        assert hello(socket, session=session, index=200_000)["next"] == 150_000
        socket.send_json({"type": "skip", "index": 200_000})
        socket.send_bytes(y[200_000:].tobytes())
        assert ended(socket)["warnings"] == ["1.0 s of sound were dropped"]


def test_coming_back_at_another_rate(client: TestClient) -> None:
    with client.websocket_connect("/api/live") as socket:
        session = hello(socket)["session"]
        socket.send_bytes(pcm(48000).tobytes())
        until(socket, "answer")
    with client.websocket_connect("/api/live") as socket:
        greeting = hello(socket, session=session, rate=16000)
        assert (greeting["session"], greeting["next"], greeting["stream"]) == (session, 0, 1)
        socket.send_bytes(pcm(16000).tobytes())
        assert ended(socket)["duration"] == pytest.approx(14.0, abs=1e-3)


def test_a_session_that_is_not_known_is_a_new_one_which_begins_where_the_client_is(
    client: TestClient,
) -> None:
    with client.websocket_connect("/api/live") as socket:
        greeting = hello(socket, session="nobody's", index=480_000)
        assert greeting["session"] != "nobody's" and greeting["next"] == 480_000
        socket.send_bytes(pcm(48000).tobytes())
        answer, _ = until(socket, "answer")
    assert answer["index"] == pytest.approx(480_000 + 48000 * answer["time"], abs=30)


def test_a_session_is_kept_for_a_while_only(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_clients, "KEPT_SECONDS", 0.05)
    with client.websocket_connect("/api/live") as socket:
        session = hello(socket)["session"]
    time.sleep(0.3)
    with client.websocket_connect("/api/live") as socket:
        assert hello(socket, session=session)["session"] != session


def test_the_second_line_of_a_session_closes_the_first(client: TestClient) -> None:
    with client.websocket_connect("/api/live") as first:
        session = hello(first)["session"]
        with client.websocket_connect("/api/live") as second:
            assert hello(second, session=session)["session"] == session
            with pytest.raises(WebSocketDisconnect):
                first.receive_json()
            second.send_bytes(pcm(48000).tobytes())
            assert ended(second)["verdict"] == "music"


def test_a_final_that_was_not_delivered_is_sent_to_whoever_comes_back(client: TestClient) -> None:
    y = pcm(48000)
    with client.websocket_connect("/api/live") as socket:
        session = hello(socket)["session"]
        socket.send_bytes(y.tobytes())
        socket.send_json({"type": "end"})
    with client.websocket_connect("/api/live") as socket:
        if hello(socket, session=session)["session"] == session:  # else it was delivered in time
            assert until(socket, "final")[0]["prediction"] == expected(y, 48000)


# Limits


def test_only_so_many_may_listen() -> None:
    with opened(live=2) as client, contextlib.ExitStack() as lines:
        for _ in range(2):
            hello(lines.enter_context(client.websocket_connect("/api/live")))
        with client.websocket_connect("/api/live") as socket:
            socket.send_json({"type": "hello", "rate": 48000})
            error = refused(socket, 1013)
    assert error["code"] == "busy" and error["retry_after"] > 0


def test_one_client_cannot_take_all_sessions() -> None:
    with running(live=16) as port, contextlib.ExitStack() as lines:

        def listen(address: str, **entries: Any) -> dict[str, Any]:
            socket = lines.enter_context(
                websockets.sync.client.connect(
                    f"ws://127.0.0.1:{port}/api/live", source_address=(address, 0), close_timeout=1
                )
            )
            socket.send(json.dumps({"type": "hello", "rate": 48000, **entries}))
            return json.loads(socket.recv())

        many = [listen("127.0.0.1") for _ in range(9)]
        assert [each["type"] for each in many] == ["hello"] * 8 + ["error"]
        assert "8 are listening, 8 of them of this client" in many[8]["message"]
        assert many[8]["retry_after"] > 0
        again = listen("127.0.0.1", session=many[0]["session"])  # it has its place already
        assert again["session"] == many[0]["session"]
        assert [listen("127.0.0.2")["type"] for _ in range(5)] == ["hello"] * 4 + ["error"]
        assert listen("127.0.0.3")["type"] == "hello"


def clients_of(n: int) -> tuple[live_clients.LiveClients, Callable[..., live_clients.Line]]:
    """The sessions of a service that lets `n` listen, and what connects an address to it."""
    model = load_model("echo")
    clients = live_clients.LiveClients(State(model, None, Settings(live=n), "echo"))

    def connect(address: str, session: str | None = None) -> live_clients.Line:
        return clients.connect(Hello(48000, session, 0, 0.25), model, address)

    return clients, connect


def test_whoever_has_left_most_behind_makes_room() -> None:
    async def leave() -> None:
        clients, connect = clients_of(6)
        clients.disconnect(first := connect("a"))
        for _ in range(20):
            clients.disconnect(connect("b"))
        assert connect("a", first.client.id).client is first.client
        await clients.close()

    asyncio.run(leave())


def test_the_place_of_a_session_moves_with_it_to_another_address() -> None:
    async def move() -> None:
        clients, connect = clients_of(5)
        lines = [connect("a") for _ in range(4)]
        moved = connect("b", lines[0].client.id)
        assert moved.client is lines[0].client and lines[0].is_cut.is_set()
        clients.disconnect(lines[0])
        connect("a")
        with pytest.raises(BusyError):
            connect("a")
        clients.disconnect(moved)
        connect("c")
        await clients.close()

    asyncio.run(move())


def test_whoever_broke_off_makes_room() -> None:
    with opened(live=2) as client:
        for _ in range(4):
            with client.websocket_connect("/api/live") as socket:
                assert hello(socket)["type"] == "hello"


def test_a_client_that_says_nothing_is_let_go(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HELLO_SECONDS", 0.05)
    monkeypatch.setattr(live, "IDLE_SECONDS", 0.05)
    with client.websocket_connect("/api/live") as socket:
        assert "no message" in refused(socket)["message"]
    with client.websocket_connect("/api/live") as socket:
        socket.send_json({"type": "hello", "rate": 48000})
        assert "no message" in refused(socket)["message"]


def test_a_model_that_is_not_known(client: TestClient) -> None:
    with client.websocket_connect("/api/live?model=nonsense") as socket:
        socket.send_json({"type": "hello", "rate": 48000})
        assert refused(socket)["code"] == "unknown-model"


def test_a_model_that_breaks_ends_its_sessions_and_not_the_service() -> None:
    class Broken(Echo):
        """Gives rows of the wrong length once."""

        n = 0

        def forward(self, X):
            Broken.n += 1
            if Broken.n == 1:
                raise RuntimeError("/home/somebody/secret is broken")
            return super().forward(X)

    with opened(Broken()) as client:
        with client.websocket_connect("/api/live") as socket:
            hello(socket)
            socket.send_bytes(pcm(48000).tobytes())
            error = refused(socket, 1011)
        assert error["code"] == "internal" and "secret" not in json.dumps(error)
        with client.websocket_connect("/api/live") as socket:
            hello(socket)
            socket.send_bytes(pcm(48000).tobytes())
            assert ended(socket)["verdict"] == "music"


def test_another_model_of_this_installation(client: TestClient) -> None:
    y = pcm(48000)
    with client.websocket_connect("/api/live?model=dummy") as socket:
        greeting = hello(socket)
        assert greeting["model"] == "dummy"
        socket.send_bytes(y.tobytes())
        assert ended(socket) == expected(y, 48000, "dummy")
    with client.websocket_connect("/api/live") as socket:  # a session belongs to its model
        assert hello(socket, session=greeting["session"])["session"] != greeting["session"]


def test_the_service_stops_while_somebody_listens() -> None:
    service = running(create_app("echo", settings=Settings(requests_per_second=0)))
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(service)
        with websockets.sync.client.connect(f"ws://127.0.0.1:{port}/api/live") as socket:
            socket.send(json.dumps({"type": "hello", "rate": 48000}))
            assert json.loads(socket.recv())["type"] == "hello"
            before = time.monotonic()
            stack.close()
            assert time.monotonic() - before < 10
            with pytest.raises(websockets.exceptions.ConnectionClosed):
                socket.recv(timeout=5)


def test_the_marks_are_those_of_the_card() -> None:
    import dataclasses

    class Marked(Echo):
        """With thresholds."""

        card = dataclasses.replace(
            CARD,
            heads=(Head("genres", ("rock", "jazz")),),
            thresholds={"unsure": 0.1, "labels": {"rock": 0.3}},
        )

    with opened(Marked()) as client, client.websocket_connect("/api/live") as socket:
        assert hello(socket)["marks"] == {"rock": 0.3}


def test_answers_come_rarer_when_many_listen_and_as_before_once_they_have_gone() -> None:
    pace = live_clients.Pace()
    for _ in range(5):
        pace.note(0.1)
    assert pace.longer == 0.0
    for _ in range(30):
        pace.note(0.6)
    assert pace.longer == 0.25  # half as many
    for _ in range(60):
        pace.note(pace.longer + 0.05)  # a block that came early
    assert pace.longer == 0.0


# What nobody should send

BAD_HELLOS = [
    "",
    "nonsense",
    "[" * 3000,
    '"hello"',
    "[]",
    "{}",
    '{"type": "end"}',
    '{"type": "hello"}',
    '{"type": "hello", "rate": "48000"}',
    '{"type": "hello", "rate": 0}',
    '{"type": "hello", "rate": 1e400}',
    '{"type": "hello", "rate": true}',
    '{"type": "hello", "rate": 48000.5}',
    '{"type": "hello", "rate": 48000, "index": -1}',
    '{"type": "hello", "rate": 48000, "index": 99999999999999999999}',
    '{"type": "hello", "rate": 48000, "hop": 0}',
    '{"type": "hello", "rate": 48000, "hop": NaN}',
    '{"type": "hello", "rate": 48000, "hop": "fast"}',
    '{"type": "hello", "rate": 48000, "session": 5}',
    '{"type": "hello", "rate": 48000, "format": "f32"}',
    '{"type": "hello", "rate": 48000, "x": "' + "x" * 5000 + '"}',
]


@pytest.mark.parametrize("text", BAD_HELLOS)
def test_no_hello(client: TestClient, text: str) -> None:
    with client.websocket_connect("/api/live") as socket:
        socket.send_text(text)
        error = refused(socket)
    assert error["code"] == "input" and error["hint"]


@pytest.mark.parametrize(
    "message",
    [
        b"\x00",
        b"\x00" * 1_000_002,
        '{"type": "hello", "rate": 48000}',
        '{"type": "skip"}',
        '{"type": "skip", "index": -5}',
        '{"type": "skip", "index": 9007199254740992}',
        '{"type": "rate", "rate": 10}',
        '{"type": "sound"}',
        "\ud7ff",
    ],
    ids=range(9),
)
def test_no_message(client: TestClient, message: str | bytes) -> None:
    with client.websocket_connect("/api/live") as socket:
        hello(socket)
        socket.send_bytes(message) if isinstance(message, bytes) else socket.send_text(message)
        assert refused(socket)["code"] == "input"


def frame(rng: np.random.Generator, payload: bytes) -> bytes:
    """A frame of a client, mostly a valid one, or what only looks like one."""
    opcode = int(rng.choice([0, 1, 2, 2, 2, 3, 8, 9, 10, 15]))
    first = (
        opcode
        | (0x80 if rng.random() < 0.8 else 0)
        | (int(rng.integers(8)) << 4 if rng.random() < 0.2 else 0)
    )
    claimed = len(payload) if rng.random() < 0.8 else int(rng.integers(2**63))
    mask = rng.bytes(4) if rng.random() < 0.9 else b""
    length = (
        bytes([claimed | 0x80 * bool(mask)])
        if claimed < 126
        else bytes([127 | 0x80 * bool(mask)]) + claimed.to_bytes(8, "big")
    )
    masked = bytes(b ^ mask[i % 4] for i, b in enumerate(payload)) if mask else payload
    return bytes([first]) + length + mask + masked


UPGRADE = (
    b"GET /api/live HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.mark.slow
def test_malformed_frames_on_the_wire() -> None:
    rng = np.random.default_rng(7)
    y = pcm(48000)
    with running(create_app("echo", settings=Settings(requests_per_second=0))) as port:
        with websockets.sync.client.connect(f"ws://127.0.0.1:{port}/api/live") as other:
            other.send(json.dumps({"type": "hello", "rate": 48000}))
            for round_ in range(80):
                other.send(y[round_ * 4200 : (round_ + 1) * 4200].tobytes())
                with connected(port, UPGRADE) as line, contextlib.suppress(ConnectionError):
                    assert line.recv(65536).startswith(b"HTTP/1.1 101")
                    for _ in range(rng.integers(1, 6)):
                        text = rng.choice(
                            [b'{"type":"hello","rate":48000}', b"\xff\xfe", b"", rng.bytes(300)]
                        )
                        line.sendall(frame(rng, bytes(text)))
                    if rng.random() < 0.5:
                        line.sendall(rng.bytes(64))
            other.send(json.dumps({"type": "end"}))
            *_, final = map(json.loads, other)
        assert final["prediction"] == expected(y, 48000)


def test_single_samples_and_floods_of_changes_take_no_memory() -> None:
    client = LiveClient(Echo(), Hello(48000, None, 0, 0.25))
    for _ in range(100_000):
        client.push(np.zeros(1, np.int16))
    assert len(client._queue) < 10 and client.has_room.is_set()
    for rate in range(9000, 9020):
        client.change_rate(rate)
    assert not client.has_room.is_set()
    work = client.take()
    assert len(work.y) == 100_000 and not work.changes
    work = client.take()
    assert len(work.changes) == 20 and not len(work.y)
    client.change(work)
    client.give([], None, 0.0)
    assert client.has_room.is_set() and client.session.rate == 9019


def test_random_frames_neither_kill_the_service_nor_stop_another(client: TestClient) -> None:
    rng = np.random.default_rng(20)
    y = pcm(48000)
    texts = [text.encode() for text in BAD_HELLOS if text]
    with client.websocket_connect("/api/live") as other:
        hello(other)
        for round_ in range(40):
            other.send_bytes(y[round_ * 8400 : (round_ + 1) * 8400].tobytes())
            with client.websocket_connect("/api/live") as socket, contextlib.suppress(WebSocketDisconnect):
                if rng.random() < 0.7:
                    hello(socket, rate=int(rng.integers(8000, 192_000)))
                for _ in range(rng.integers(1, 8)):
                    text = sounds.mutate(b'{"type": "skip", "index": 4800, "rate": 9000}', rng, texts)
                    if rng.random() < 0.5:
                        socket.send_text(text.decode("utf-8", "replace"))
                    else:
                        socket.send_bytes(rng.bytes(2 * int(rng.integers(0, 5000)) + (rng.random() < 0.1)))
        assert ended(other) == expected(y, 48000)
