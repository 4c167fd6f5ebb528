"""Sound over HTTP: the same predictions as of the library, in any form of body; and what is refused."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

import earmark
from earmark.audio import Clip
from earmark.web import Settings, create_app
from earmark.web.upload import shown_name
from music import band
from sounds import tone, write

RATES = {"requests_per_second": 0.0}


@pytest.fixture(scope="module")
def browser() -> Iterator[TestClient]:
    settings = Settings(max_seconds=20, max_bytes=2_000_000, jobs=1, **RATES)
    with TestClient(create_app(settings=settings)) as client:
        yield client


def encoded(clip: Clip, fmt: str = "wav16") -> bytes:
    file = io.BytesIO()
    write(file, clip.y, clip.sr, fmt)
    return file.getvalue()


@pytest.fixture(scope="module")
def song() -> bytes:
    return encoded(band("rock", seconds=7.0), "flac")


def test_the_service_predicts_what_the_library_does(browser: TestClient, song: bytes) -> None:
    expected = earmark.classify(song, embedding=True).to_dict() | {"source": "song.flac"}
    answer = browser.post("/api/classify", params={"name": "song.flac", "include": "embedding"}, content=song)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == expected


def test_multipart_is_the_same(browser: TestClient, song: bytes) -> None:
    plain = browser.post("/api/classify?name=a.flac", content=song).json()
    fields = {"note": (None, b"passed over"), "file": ("C:\\x\\a.flac", song, "audio/flac")}
    assert browser.post("/api/classify", files=fields).json() == plain


def test_the_picture_comes_with_the_prediction(browser: TestClient, song: bytes) -> None:
    answer = browser.post("/api/classify?include=picture", content=song).json()
    picture = browser.post("/api/spectrogram", content=song).json()
    assert answer["picture"] == picture and picture["schema"] == "earmark.picture/1"
    assert picture["duration"] == answer["duration"] == 7.0
    mel = picture["log_mel"]
    data = np.frombuffer(base64.b64decode(mel["data"]), np.uint8).reshape(mel["columns"], mel["bands"])
    assert mel["bands"] == 72 and 100 < data.max() <= 255
    few = browser.post("/api/spectrogram?columns=44", content=song).json()
    assert few["log_mel"]["columns"] == 44


def test_a_picture_file(browser: TestClient, song: bytes) -> None:
    pytest.importorskip("matplotlib")
    answer = browser.post("/api/spectrogram?format=png", content=song)
    assert answer.headers["content-type"] == "image/png" and answer.content.startswith(b"\x89PNG")


def test_priors_and_models(browser: TestClient, song: bytes) -> None:
    even = browser.post("/api/classify?prior=even", content=song).json()
    assert even["prior"] and even["genres"] != browser.post("/api/classify", content=song).json()["genres"]
    other = browser.post("/api/classify?model=echo", content=song).json()
    assert other["model"]["name"] == "echo"


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"include": "picture,nonsense"}, 400, "input"),
        ({"prior": "jazz=lots"}, 400, "input"),
        ({"model": "../../etc/passwd"}, 404, "unknown-model"),
        ({"model": "/etc"}, 404, "unknown-model"),
        ({"model": "earmark-bse"}, 404, "unknown-model"),
        ({"name": "x" * 2000}, 400, "input"),
    ],
)
def test_wrong_arguments(
    browser: TestClient, song: bytes, params: dict[str, str], status: int, code: str
) -> None:
    answer = browser.post("/api/classify", params=params, content=song)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["hint"]


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "empty"),
        (b"<html>not a sound</html>" * 100, 415, "unknown-format"),
        (b"fLaC" + bytes(500), 422, "bad-sample-rate"),
        (b"x" * 2_200_000, 413, "too-large"),
    ],
)
def test_what_is_no_sound(browser: TestClient, content: bytes, status: int, code: str) -> None:
    for path in ("/api/classify", "/api/spectrogram"):
        answer = browser.post(path, params={"name": "../a/b.xyz"}, content=content)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        assert "earmark-upload" not in answer.text and "/a/" not in answer.text


def test_too_long_a_sound_is_refused(browser: TestClient) -> None:
    long = encoded(Clip(tone(21, sr=8000), 8000), "flac")
    for path in ("/api/classify", "/api/spectrogram"):
        answer = browser.post(path, content=long)
        assert (answer.status_code, answer.json()["code"]) == (413, "too-long")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "multipart/form-data"),
        (b"", "multipart/form-data; boundary=x"),
        (b"--x\r\nContent-Disposition: form-data; name=file\r\n\r\nabc", "multipart/form-data; boundary=x"),
        (b"nonsense", "multipart/form-data; boundary=x"),
        (b"--x--\r\n", "multipart/form-data; boundary=x"),
        (b"", f"multipart/form-data; boundary={'x' * 5000}"),
        (b"--x\r\n" + b"a" * 100_000 + b": b\r\n\r\n", "multipart/form-data; boundary=x"),
    ],
)
def test_broken_multipart(browser: TestClient, body: bytes, kind: str) -> None:
    answer = browser.post("/api/classify", content=body, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (400, "input"), answer.text


def test_names_are_shown_without_folders_and_control_characters(browser: TestClient, song: bytes) -> None:
    markup = "<img src=x onerror=alert(1)>.mp3"
    cases = {
        "../../etc/passwd": "passwd",
        "/home/me/song.mp3": "song.mp3",
        "C:\\Music\\song.mp3": "song.mp3",
        "a\x1b[31mb\x00\r\nc\u202egpj.mp3": "a[31mbcgpj.mp3",
        markup: markup,
        "..": "upload",
        "/": "upload",
        "": "upload",
        "日本 é.mp3": "日本 é.mp3",
        "x" * 500 + ".mp3": ("x" * 500 + ".mp3")[-200:],
    }
    assert {name: shown_name(name) for name in cases} == cases
    answer = browser.post("/api/classify", params={"name": "../<b>\x07a/\x1b[0m.mp3"}, content=song)
    assert answer.json()["source"] == "[0m.mp3"


def test_nothing_is_kept(
    browser: TestClient, song: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for content in (song, b"nonsense", b"", b"x" * 2_200_000):
        browser.post("/api/classify", content=content)
    assert list(tmp_path.iterdir()) == []


def test_status_and_models(browser: TestClient) -> None:
    status = browser.get("/api/status").json()
    assert status["model"]["name"] == "earmark-base" and len(status["labels"]["genres"]) == 19
    assert status["limits"]["seconds"] == 20 and status["library"] is None
    assert set(status["labels"]["marks"]) <= set(status["labels"]["genres"])
    models = browser.get("/api/models").json()["models"]
    assert [entry["name"] for entry in models if entry["in_use"]] == ["earmark-base"]
    assert models[0]["bytes"] > 100_000 and "location" not in models[0]
    card = browser.get("/api/models/earmark-base").json()
    assert card["name"] == "earmark-base" and card["limits"]
    assert browser.get("/api/models/none").json()["code"] == "unknown-model"


def test_metrics(browser: TestClient, song: bytes) -> None:
    browser.post("/api/classify", content=song)
    browser.get("/nothing")
    text = browser.get("/metrics").text
    assert 'earmark_requests_total{method="POST",route="/api/classify",status="200"}' in text
    assert 'route="other",status="404"' in text
    seconds = next(line for line in text.splitlines() if line.startswith("earmark_sound_seconds_total"))
    assert float(seconds.split()[1]) >= 7


def test_the_document_describes_the_service(browser: TestClient) -> None:
    document = browser.get("/openapi.json").json()
    post = document["paths"]["/api/classify"]["post"]
    assert "multipart/form-data" in post["requestBody"]["content"]
    assert post["responses"]["200"]["content"]["application/json"]["example"]["verdict"] == "music"
    assert "application/problem+json" in post["responses"]["413"]["content"]
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            assert route.get("tags") and route.get("summary"), (path, method)
