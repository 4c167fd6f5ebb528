"""FeatureSpec: what it accepts, how it says no, and a digest that follows the array."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import InputError
from earmark.features import (
    FeatureSpec,
    beats,
    chroma,
    descriptors,
    estimate_tuning,
    log_mel,
    magnitudes,
    mfcc,
    onset_strength,
    tempo,
)

OTHER: dict[str, Any] = {
    "sr": 16000, "n_fft": 1024, "hop_length": 256, "n_mels": 64, "fmin": 20.0, "fmax": 8000.0, "power": 1.0,
    "htk": True, "norm": None, "amin": 1e-8,
}  # fmt: skip

specs = st.builds(
    FeatureSpec,
    sr=st.integers(8000, 96000),
    n_fft=st.sampled_from([256, 512, 1000, 2048, 4096]),
    hop_length=st.integers(1, 256),
    n_mels=st.integers(1, 256),
    fmin=st.floats(0, 1000),
    fmax=st.none() | st.floats(1001, 4000),
    power=st.sampled_from([1, 2]),
    htk=st.booleans(),
    norm=st.sampled_from(["slaney", None]),
    amin=st.floats(1e-20, 1e-3),
)


def test_every_field_that_has_a_choice_is_tried() -> None:
    assert OTHER.keys() | {"scaling"} == {field.name for field in dataclasses.fields(FeatureSpec)}


@pytest.mark.parametrize("field", OTHER)
def test_each_field_changes_the_digest(field: str) -> None:
    assert FeatureSpec(**{field: OTHER[field]}).digest != FeatureSpec().digest


def test_digest_is_pinned() -> None:
    """Caches and cards store it: if this fails, every one of them becomes invalid."""
    assert FeatureSpec().digest == "8c5ec2ea29ec15b3"


def test_digest_is_the_same_in_another_process() -> None:
    code = "from earmark.features import FeatureSpec; print(FeatureSpec(n_mels=64).digest)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == FeatureSpec(n_mels=64).digest


def test_equal_arrays_have_equal_digests() -> None:
    assert FeatureSpec(fmin=0, power=2).digest == FeatureSpec().digest
    assert FeatureSpec(fmax=11025).digest == FeatureSpec().digest


@given(specs)
def test_survives_json(spec: FeatureSpec) -> None:
    again = FeatureSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert again.digest == spec.digest


def test_missing_fields_have_their_defaults() -> None:
    assert FeatureSpec.from_dict({"n_mels": 64}) == FeatureSpec(n_mels=64)


def test_unknown_field_is_named() -> None:
    with pytest.raises(InputError, match=r"n_mel=64.*Accepted: sr, n_fft"):
        FeatureSpec.from_dict({"n_mel": 64})


BAD = [
    ("sr", 0), ("sr", 999), ("sr", np.float64(22050)), ("sr", 22050.0), ("sr", True),
    ("sr", 10_000_000), ("sr", "22050"),
    ("n_fft", 2047), ("n_fft", 0), ("n_fft", -2), ("n_fft", 2048.0), ("n_fft", None),
    ("hop_length", 0), ("hop_length", 2049), ("hop_length", 0.5), ("hop_length", np.True_),
    ("n_mels", 0), ("n_mels", 10**6),
    ("fmin", -1.0), ("fmin", 11025.0), ("fmin", float("nan")), ("fmin", None),
    ("fmax", 0.0), ("fmax", 11026), ("fmax", float("nan")), ("fmax", "8k"),
    ("power", 3), ("power", 0), ("power", True),
    ("htk", 1), ("fmin", "0"), ("fmin", np.True_),
    ("norm", "area"), ("amin", 0.0), ("amin", float("inf")), ("amin", -1.0),
    ("scaling", "linear"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), BAD)
def test_bad_value_is_named_with_what_is_accepted(field: str, value: object) -> None:
    with pytest.raises(InputError) as info:
        FeatureSpec(**{field: value})
    assert str(info.value).startswith(f"{field}={value!r}. Accepted: ")


@pytest.mark.parametrize("kind", [np.int16, np.int64, np.uint32])
def test_numbers_of_numpy_are_taken_as_pythons(kind: type) -> None:
    """As they come out of an array, a data frame or an HDF5 attribute."""
    spec = FeatureSpec(
        sr=kind(22050), n_fft=kind(2048), hop_length=kind(512), n_mels=kind(64), fmin=np.float32(20),
        fmax=kind(8000), power=kind(2), htk=np.bool_(False), amin=np.float64(1e-10),
    )  # fmt: skip
    assert spec == FeatureSpec(n_mels=64, fmin=20.0, fmax=8000.0)
    assert json.dumps(spec.to_dict()) == json.dumps(FeatureSpec(n_mels=64, fmin=20.0, fmax=8000.0).to_dict())
    assert spec.digest == FeatureSpec(n_mels=64, fmin=20.0, fmax=8000.0).digest


@pytest.mark.parametrize(("sr", "n_fft"), [(1000, 65_536), (22_050, 65_536), (1000, 2048)])
def test_a_hop_of_more_than_a_second_is_refused_where_the_spec_is_made(sr: int, n_fft: int) -> None:
    with pytest.raises(
        InputError, match=f"hop_length={sr + 1}. Accepted: an int from 1 to sr={sr}, one second"
    ):
        FeatureSpec(sr=sr, n_fft=n_fft, hop_length=sr + 1)


EXTREMES = [
    (1000, 65_536, 1000),
    (22_050, 65_536, 22_050),
    (768_000, 65_536, 65_536),
    (1000, 16, 1),
    (48_000, 16, 16),
]


@pytest.mark.parametrize(("sr", "n_fft", "hop_length"), EXTREMES)
@pytest.mark.parametrize("n", [1, 2, 50])
def test_every_spec_that_is_accepted_has_a_tempo_or_none(
    sr: int, n_fft: int, hop_length: int, n: int
) -> None:
    spec = FeatureSpec(sr=sr, n_fft=n_fft, hop_length=hop_length)
    envelope = np.random.default_rng(n).random(n)
    assert 0 <= tempo(envelope, spec) < 320
    assert np.isfinite(beats(envelope, spec)).all()


@pytest.mark.parametrize(
    ("sr", "n_fft", "hop_length"), [(1000, 2048, 1000), (768_000, 16, 1), (22_050, 30, 30)]
)
def test_every_accepted_spec_serves_every_function(sr: int, n_fft: int, hop_length: int) -> None:
    spec = FeatureSpec(sr=sr, n_fft=n_fft, hop_length=hop_length, n_mels=20)
    y = np.random.default_rng(0).standard_normal(3000).astype(np.float32)
    S, S_db = magnitudes(y, spec), log_mel(y, spec)
    assert np.isfinite(onset_strength(S_db, spec)).all()
    assert np.isfinite(chroma(S, spec, tuning=estimate_tuning(S**2, spec))).all()
    assert len(mfcc(S_db, n_mfcc=1)) == 1
    with pytest.raises(InputError, match="Accepted"):  # the contrast has bands up to 6.4 kHz
        descriptors(y, spec)


def test_frames_and_seconds() -> None:
    spec = FeatureSpec()
    assert spec.n_frames(0) == 1
    assert spec.n_frames(3.0) == 130  # 1 + 66150 // 512
    assert spec.n_frames(30.0) == 1292
    assert spec.seconds(43) == pytest.approx(43 * 512 / 22050)
    assert spec.floor_db == pytest.approx(-100)
    assert FeatureSpec(power=1).floor_db == pytest.approx(-100)
