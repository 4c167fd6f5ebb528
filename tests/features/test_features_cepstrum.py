"""MFCC and delta: librosa's numbers, and those of straight lines."""

from __future__ import annotations

import numpy as np
import pytest
from feature_sounds import DELTAS, golden, random_db
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import InputError
from earmark.features import delta, log_mel, mfcc

S_DB = random_db()


@pytest.mark.parametrize("n_mfcc", [1, 13, 20, 128])
def test_mfcc_equals_librosa(n_mfcc: int) -> None:
    np.testing.assert_allclose(mfcc(S_DB, n_mfcc=n_mfcc), golden()["mfcc"][:n_mfcc], atol=1e-3)


def test_mfcc_of_sound_equals_librosa() -> None:
    """Noise lies within 80 dB, so librosa's cut relative to the clip's loudest changes nothing."""
    y = 0.1 * np.random.default_rng(4).standard_normal(30_000).astype(np.float32)
    np.testing.assert_allclose(mfcc(log_mel(y)), golden()["mfcc of noise"], atol=1e-3)  # of values up to 500


def test_all_coefficients_are_the_spectrum() -> None:
    basis = mfcc(np.eye(128, dtype=np.float32), n_mfcc=128)
    np.testing.assert_allclose(basis @ basis.T, np.eye(128), atol=1e-5)
    np.testing.assert_allclose(basis.T @ mfcc(S_DB, n_mfcc=128), S_DB, atol=1e-3)


def test_a_gain_changes_the_first_coefficient_alone() -> None:
    change = mfcc(S_DB + 6) - mfcc(S_DB)
    np.testing.assert_allclose(change[0], 6 * np.sqrt(128), rtol=1e-4)
    np.testing.assert_allclose(change[1:], 0, atol=1e-3)


@pytest.mark.parametrize("n_mfcc", [0, 129, -1])
def test_number_of_coefficients(n_mfcc: int) -> None:
    with pytest.raises(InputError, match=f"n_mfcc={n_mfcc}.*1 to n_mels=128"):
        mfcc(S_DB, n_mfcc=n_mfcc)


@pytest.mark.parametrize(("width", "order"), DELTAS)
def test_delta_equals_librosa(width: int, order: int) -> None:
    theirs = golden()[f"delta/{width}/{order}"]
    np.testing.assert_allclose(delta(S_DB[:8], width=width, order=order), theirs, atol=2e-3)


@given(slope=st.floats(-10, 10), curve=st.floats(-1, 1), n=st.integers(9, 40))
@settings(deadline=None)
def test_delta_of_polynomials_is_their_derivative(slope: float, curve: float, n: int) -> None:
    t = np.arange(n, dtype=float)
    np.testing.assert_allclose(delta(3 + slope * t), slope, atol=1e-8)
    np.testing.assert_allclose(delta(slope * t + curve * t**2, order=2), 2 * curve, atol=1e-8)


@pytest.mark.parametrize(
    "options", [{"width": 4}, {"width": 1}, {"width": 51}, {"order": 0}, {"order": 9}], ids=str
)
def test_options_out_of_range_are_named(options: dict[str, int]) -> None:
    name, value = next(iter(options.items()))
    with pytest.raises(InputError, match=f"{name}={value}"):
        delta(S_DB, **options)
