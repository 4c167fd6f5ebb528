"""A bundle in one file: read like a folder, and harmless whatever it holds."""

from __future__ import annotations

import io
import json
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import BundleError, EarmarkError
from earmark.estimators import build, to_bundle
from earmark.models import load_model, pack_bundle, read_card
from earmark.models.bundle import CARD_FILE, WEIGHTS_FILE, is_bundle, read_weights


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of a small classifier of descriptors."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 3)).astype(np.float32)
    model = build("scratch-logistic").fit(X, ["a" if row[0] > 0 else "b" for row in X])
    path = tmp_path_factory.mktemp("bundles") / "mine"
    to_bundle(model, path, name="mine", descriptor_names=("x", "y", "z"))
    return path


@pytest.fixture(scope="module")
def packed(folder: Path) -> bytes:
    return pack_bundle(folder)


def written(folder: Path, content: bytes, name: str = "mine.earmark") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def zipped(members: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", how) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


def test_an_archive_is_the_folder(folder: Path, packed: bytes, tmp_path: Path) -> None:
    path = written(tmp_path, packed)
    assert is_bundle(path) and read_card(path) == read_card(folder)
    assert read_weights(path, read_card(path)) == (folder / WEIGHTS_FILE).read_bytes()
    X = np.random.default_rng(1).standard_normal((5, 3)).astype(np.float32)
    assert np.array_equal(load_model(path).predict_proba(X), load_model(folder).predict_proba(X))
    assert pack_bundle(path) == packed == pack_bundle(folder)


def test_an_archive_is_found_by_its_name_alone(
    packed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, packed)
    monkeypatch.chdir(tmp_path)
    assert load_model("mine.earmark").card.name == "mine"


def test_altered_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    card, weights = (folder / CARD_FILE).read_bytes(), (folder / WEIGHTS_FILE).read_bytes()
    path = written(tmp_path, zipped({CARD_FILE: card, WEIGHTS_FILE: weights + b"x"}))
    with pytest.raises(BundleError, match="was altered"):
        load_model(path)


def test_what_lacks_a_member_is_refused(folder: Path, tmp_path: Path) -> None:
    card = (folder / CARD_FILE).read_bytes()
    with pytest.raises(BundleError, match=r"model\.onnx cannot be read"):
        load_model(written(tmp_path, zipped({CARD_FILE: card})))
    for content in (zipped({"other": b"x"}), zipped({}), b"", b"PK\x03\x04 no zip", b"text"):
        with pytest.raises(BundleError, match="is no bundle"):
            load_model(written(tmp_path, content))


def test_other_members_are_never_unpacked(packed: bytes, tmp_path: Path) -> None:
    made = io.BytesIO(packed)
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr("../escaped", b"x")
        archive.writestr("/tmp/escaped", b"x")
    home = tmp_path / "home"
    home.mkdir()
    assert load_model(written(home, made.getvalue())).card.name == "mine"
    assert [path.name for path in tmp_path.rglob("*")] == ["home", "mine.earmark"]


def test_a_bomb_is_not_unpacked(folder: Path, tmp_path: Path) -> None:
    card = (folder / CARD_FILE).read_bytes()
    bomb = zipped({CARD_FILE: card, WEIGHTS_FILE: bytes(300_000_000)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 1_000_000
    with pytest.raises(BundleError, match="unpacks to more than"):
        load_model(written(tmp_path, bomb))
    with pytest.raises(BundleError, match="unpacks to more than"):
        read_card(written(tmp_path, zipped({CARD_FILE: b" " * 50_000_000}, zipfile.ZIP_DEFLATED)))


def test_a_card_in_a_bomb_of_nesting_is_refused(tmp_path: Path) -> None:
    nested = zipped({CARD_FILE: b"[" * 100_000, WEIGHTS_FILE: b""})
    with pytest.raises(BundleError):
        load_model(written(tmp_path, nested))
    with pytest.raises(BundleError):
        load_model(written(tmp_path, zipped({CARD_FILE: json.dumps({"schema": "x"}).encode()})))


def test_an_encrypted_member_is_refused(packed: bytes, tmp_path: Path) -> None:
    marked = bytearray(packed)
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := packed.find(magic, at + 1)) >= 0:
            marked[at + offset] |= 1
    with pytest.raises(BundleError, match="cannot be read"):
        load_model(written(tmp_path, bytes(marked)))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_damage_is_an_error_of_ours(
    data: st.DataObject, packed: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    damaged = bytearray(packed)
    for _ in range(data.draw(st.integers(1, 5))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(len(damaged) - 20, len(damaged)))
    path = written(tmp_path_factory.getbasetemp(), bytes(damaged[:end]))
    with suppress(EarmarkError):  # a byte of no account may be another; whatever else is raised fails
        load_model(path)
