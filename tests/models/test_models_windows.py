"""Windows are slices of one continuous spectrogram, and together they cover it."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.features import FeatureSpec
from earmark.models.builtin.echo import CARD
from earmark.models.windows import WindowCutter, cut_windows, window_starts, window_weights

SMALL = dataclasses.replace(CARD, spec=FeatureSpec(n_mels=2))


def numbered(n):
    """A spectrogram whose frame k holds k [shape=(2, n)]."""
    return np.tile(np.arange(n, dtype=np.float32), (2, 1))


@given(
    n=st.integers(0, 3000),
    hop=st.floats(0.05, 3.0),
    pieces=st.lists(st.integers(0, 700), min_size=1, max_size=6),
)
@settings(deadline=None)
def test_windows_cover_every_frame_whatever_the_length_and_the_pieces(n, hop, pieces):
    card = dataclasses.replace(SMALL, hop=hop)
    cutter, S_db = WindowCutter(card), numbered(n)
    edges = np.minimum(np.cumsum([0, *pieces * (1 + n // max(1, sum(pieces)))]), n) if sum(pieces) else [0]
    given = [S_db[:, a:b] for a, b in itertools.pairwise(edges)] + [S_db[:, edges[-1] :]]
    batches = [cutter.push(piece) for piece in given]
    regular = (
        [k * card.hop_frames for k in range(1 + max(-1, n - 130) // card.hop_frames)] if n >= 130 else []
    )
    assert [start for some, _ in batches for start in some] == regular  # each as soon as it is complete
    batches.append(cutter.close())

    starts = [start for some, _ in batches for start in some]
    assert starts == window_starts(n, card).tolist()
    covered = {frame for start in starts for frame in range(start, start + 130)}
    assert covered == (set(range(n)) if n >= 130 else set())
    assert len(starts) - len(regular) <= 1  # at most the one that was moved back
    assert len(set(starts)) == len(starts)
    for some, X in batches:
        assert X.shape == (len(some), 2, 130)
        np.testing.assert_array_equal(X[:, 1, :], np.add.outer(some, np.arange(130)).reshape(-1, 130))
    weights = window_weights(starts, card)
    assert weights.sum() * card.hop_frames == pytest.approx(
        (starts[-1] if starts else 0) + bool(starts) * card.hop_frames
    )

    whole_starts, whole = cut_windows(S_db, card)
    assert whole_starts == starts
    assert whole.shape == (len(starts), 2, 130)


@pytest.mark.parametrize(
    ("n", "starts"),
    [
        (129, []),
        (130, [0]),
        (131, [0, 1]),
        (259, [0, 129]),
        (260, [0, 129, 130]),
        (1292, [*range(0, 1162, 129), 1162]),
    ],
)
def test_the_starts_of_three_second_windows(n, starts):
    assert cut_windows(numbered(n), SMALL)[0] == starts
