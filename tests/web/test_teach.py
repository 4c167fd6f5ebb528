"""Teach: from clips to a bundle that the command line takes, and what is kept how long."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient
from test_jobs import ended

from earmark.errors import AbsentError, BusyError
from earmark.train.boxes import BoxClip
from earmark.web import create_app
from earmark.web.settings import Settings
from earmark.web.state import State
from earmark.web.teach import keeping
from earmark.web.teach.keeping import KEPT_SECONDS, Clips, Hour, Trained

SR = 22050


def wav(y: np.ndarray) -> bytes:
    made = io.BytesIO()
    soundfile.write(made, y, SR, format="WAV")
    return made.getvalue()


def tone(i: int) -> bytes:
    """A chord that beats, three seconds, at another pitch each time."""
    t = np.arange(3 * SR) / SR
    return wav(
        0.2 * sum(np.sin(2 * np.pi * (180 + 7 * i) * k * t) for k in (1, 1.26, 1.5)) * np.exp(-(t % 0.75))
    )


def hiss(i: int) -> bytes:
    """Noise, three seconds, each time another."""
    return wav(0.1 * np.random.default_rng(i).standard_normal(3 * SR))


@pytest.fixture(scope="module")
def client() -> Any:
    with TestClient(create_app("earmark-base", None, Settings(hosts=("testserver",), jobs=1))) as client:
        yield client


def sent(client: TestClient, content: bytes) -> str:
    answer = client.post("/api/teach/clips", params={"name": "a.wav"}, content=content)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["seconds"] == pytest.approx(3, abs=0.01)
    assert (found["picture"]["log_mel"]["columns"], found["picture"]["log_mel"]["bands"]) == (44, 24)
    return found["clip"]


@pytest.mark.slow
def test_two_boxes_become_a_bundle_that_the_command_line_takes(client: TestClient, tmp_path: Path) -> None:
    boxes = [
        {"name": "chords", "clips": [sent(client, tone(i)) for i in range(8)]},
        {"name": "none of these", "clips": [sent(client, hiss(i)) for i in range(8)]},
    ]
    few = client.post("/api/teach", json={"boxes": [boxes[0], boxes[1] | {"clips": boxes[1]["clips"][:7]}]})
    assert few.status_code == 400 and "at least 8 clips" in few.json()["hint"]
    twice = client.post("/api/teach", json={"boxes": [boxes[0], boxes[1] | {"name": "Chords "}]})
    assert twice.status_code == 400
    gone = client.post("/api/teach", json={"boxes": [boxes[0], boxes[1] | {"clips": ["x"] * 8}]})
    assert gone.status_code == 404
    answer = client.post("/api/teach", json={"name": "my words", "boxes": boxes})
    assert answer.status_code == 202
    job = ended(client, answer.json()["id"])
    assert job["state"] == "done", job
    result = job["result"]
    assert result["accuracy"] == 1.0 and 0.7 < result["low"] < 0.9 and result["n"] == 16
    assert [one[0] for one in result["each"]] == ["chords", "none of these"] and "16 clips" in result["how"]

    bundle = client.get(f"/api/teach/{result['model']}/bundle")
    assert bundle.headers["content-type"] == "application/zip"
    assert "my-words.earmark" in bundle.headers["content-disposition"]
    assert len(bundle.content) == result["bytes"]
    path, song = tmp_path / "my-words.earmark", tmp_path / "song.wav"
    path.write_bytes(bundle.content)
    song.write_bytes(tone(40))
    command = [sys.executable, "-m", "earmark", "classify", "--json", "--model", path, song]
    done = subprocess.run(command, capture_output=True, check=True, timeout=120)
    printed = json.loads(done.stdout)
    assert printed["genres"][0]["label"] == "chords" and printed["model"]["name"] == "my-words"
    served = client.post("/api/classify", params={"model": result["model"]}, content=tone(40)).json()
    assert served["genres"] == printed["genres"]
    with client.websocket_connect(f"/api/live?model={result['model']}") as line:
        line.send_json({"type": "hello", "rate": SR, "session": None, "index": 0})
        assert line.receive_json()["labels"] == ["chords", "none of these"]


@pytest.mark.slow
def test_a_clip_of_silence_or_of_nothing_is_refused(client: TestClient) -> None:
    for content, status in (
        (wav(np.zeros(3 * SR)), 422),
        (b"", 422),
        (b"no sound", 415),
        (wav(np.ones(9)), 422),
    ):
        answer = client.post("/api/teach/clips", content=content)
        assert answer.status_code == status and answer.json()["hint"], answer.text


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"boxes": []},
        {"boxes": [{"name": "a", "clips": []}]},
        {"boxes": [{"name": " ", "clips": []}, {"name": "b", "clips": []}]},
        {"boxes": [{"name": "x" * 61, "clips": []}, {"name": "b", "clips": []}]},
        {"boxes": [{"name": "a", "clips": [], "path": "/"}, {"name": "b", "clips": []}]},
        {"boxes": [{"name": "a", "clips": "all"}, {"name": "b", "clips": []}]},
    ],
)
def test_what_is_no_box_is_refused(client: TestClient, body: dict[str, Any]) -> None:
    assert client.post("/api/teach", json=body).status_code == 400


def test_a_model_that_is_not_there_is_404(client: TestClient) -> None:
    assert client.get("/api/teach/none/bundle").status_code == 404
    assert client.get("/api/teach/..%2F..%2Fetc%2Fpasswd/bundle").status_code == 404


def test_a_model_without_embedding_cannot_be_taught() -> None:
    echo = TestClient(create_app("echo", None, Settings(hosts=("testserver",))))
    boxes = [{"name": name, "clips": ["x"]} for name in "ab"]
    answer = echo.post("/api/teach", json={"boxes": boxes})
    assert answer.status_code == 400 and "earmark-base" in answer.json()["hint"]


# ---------------------------------------------------------------- what is kept


def clip() -> BoxClip:
    return BoxClip(np.zeros((1, 3), np.float32), "a")


def test_clips_are_kept_for_an_hour_since_they_were_used() -> None:
    now = [0.0]
    clips = Clips(clock=lambda: now[0])
    first, second = clips.add(clip()), clips.add(clip())
    assert first != second and len(first) >= 16
    now[0] = KEPT_SECONDS - 1
    assert len(clips.of([first, first])) == 1
    now[0] += 2
    assert len(clips.of([first])) == 1
    with pytest.raises(AbsentError, match="1 of 2 clips"):
        clips.of([first, second])


def test_only_so_many_clips_are_kept_and_those_of_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST_CLIPS", 2)
    now = [0.0]
    clips = Clips(clock=lambda: now[0])
    ids = [clips.add(clip()), clips.add(clip())]
    with pytest.raises(BusyError) as raised:
        clips.add(clip())
    assert raised.value.retry_after > 60 and len(clips.of(ids)) == 2
    now[0] = KEPT_SECONDS + 1
    assert clips.add(clip())


def test_what_nobody_uses_goes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_LOOK_SECONDS", 0.02)
    now, dropped = [0.0], threading.Event()
    kept: Hour[str] = Hour(5, drop=lambda id, value: dropped.set(), clock=lambda: now[0])
    kept.add("x")
    assert not dropped.wait(0.1)
    now[0] = KEPT_SECONDS + 1
    assert dropped.wait(10)
    kept.add("y")
    kept.close()
    assert len(kept) == 0


def test_bundles_go_when_they_are_old_or_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST_BUNDLES", 2)
    now = [0.0]
    state = State(None, None, Settings(), "echo")  # type: ignore[arg-type]
    trained = Trained(state, clock=lambda: now[0])
    ids = [trained.add(b"x" * i, "mine") for i in range(3)]
    assert set(state.bundles) == set(ids[1:])
    with pytest.raises(AbsentError):
        trained.get(ids[0])
    path = trained.get(ids[1]).path
    assert (
        trained.get(ids[1]).name == "mine.earmark"
        and path.read_bytes() == b"x"
        and path == state.bundles[ids[1]]
    )
    now[0] = KEPT_SECONDS + 1
    with pytest.raises(AbsentError):
        trained.get(ids[1])
    assert not state.bundles and not path.exists()
    trained.close()
    assert not path.parent.exists()
