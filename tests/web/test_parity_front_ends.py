"""A service whose model has several front ends answers as `classify` does, by REST and by WebSocket."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from fastapi.testclient import TestClient
from test_parity import assert_same, by_rest, by_websocket, samples, wav

import several
from earmark.audio import Clip
from earmark.models import save_bundle
from earmark.predict import classify
from earmark.web import Settings, create_app

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("models") / "several"
    save_bundle(folder, several.CARD, several.graph())
    app = create_app(folder, settings=Settings(requests_per_second=0, jobs=1))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client


@pytest.mark.parametrize("style", ["rock", "house"])
def test_rest_and_websocket(client: TestClient, style: str) -> None:
    y = samples(style)
    expected = classify(Clip((y / 32768).astype(np.float32), 44100), model=several.model()).to_dict()
    rest = by_rest(client, wav(style))
    expected["model"] = rest["model"]  # it states the checksum of the weights
    assert_same(rest, expected)
    assert_same(by_websocket(client, y, 44100, np.random.default_rng(0)), expected)
