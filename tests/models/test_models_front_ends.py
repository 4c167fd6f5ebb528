"""A model with several front ends: its card, its windows, its graph and its bundle."""

from __future__ import annotations

import dataclasses
import json
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import several
import sounds
from earmark.contract import check_model
from earmark.errors import BundleError, InputError
from earmark.features import FeatureSpec, FrameStream, log_mel
from earmark.models import ModelCard, OnnxModel, load_model, save_bundle
from earmark.models.windows import WindowCutter, cut_windows, sound_windows, window_starts
from several import CARD, MORE

SR = 22050
HOPS = st.integers(1, 4096)


def spec_of(hop_length: int, n_fft: int = 0, n_mels: int = 2) -> FeatureSpec:
    shortest = hop_length + hop_length % 2
    return FeatureSpec(n_fft=max(16, shortest, n_fft), hop_length=hop_length, n_mels=n_mels)


# Which frames


@given(main=HOPS, hop=HOPS, n_frames=st.integers(1, 400), n=st.integers(0, 400_000), data=st.data())
@settings(max_examples=500, deadline=None)
def test_no_window_needs_frames_beyond_the_end_of_its_sound(
    main: int, hop: int, n_frames: int, n: int, data: st.DataObject
) -> None:
    window = (n_frames - 1) * main / SR
    if window <= 0 or hop > 2 * (n_frames - 1) * main:
        return
    card = dataclasses.replace(
        CARD, spec=spec_of(main), more_specs=(spec_of(hop),), window=window, hop=max(window, main / SR)
    )
    frames, further = card.front_ends
    assert card.n_frames == n_frames
    assert (frames.n_frames, frames.first(77), frames.last_start(n_frames + 77)) == (n_frames, 77, 77)
    n_main, n_further = 1 + n // main, 1 + n // hop
    last = n_main - n_frames
    if last >= 0:
        for start in (data.draw(st.integers(0, last)), last):
            first = further.first(start)
            assert 0 <= first <= n_further - further.n_frames
            assert abs(first * hop - start * main) <= hop / 2
        # One frame more would not always do.
        length = card.window_length
        assert hop // 2 + further.n_frames * hop > length


@given(main=HOPS, hop=HOPS, n_frames=st.integers(2, 400), n=st.integers(0, 2_000))
@settings(max_examples=500, deadline=None)
def test_the_last_start_is_the_last_that_some_frames_suffice_for(
    main: int, hop: int, n_frames: int, n: int
) -> None:
    window = (n_frames - 1) * main / SR
    if hop > 2 * (n_frames - 1) * main:
        return
    card = dataclasses.replace(
        CARD, spec=spec_of(main), more_specs=(spec_of(hop),), window=window, hop=window
    )
    for frames in card.front_ends:
        start = frames.last_start(n)
        if start < 0:
            assert n < frames.n_frames
        else:
            assert frames.first(start) + frames.n_frames <= n < frames.first(start + 1) + frames.n_frames


def test_the_frames_of_three_seconds() -> None:
    card = dataclasses.replace(CARD, more_specs=(spec_of(221, 704, 115), spec_of(352, 704, 96)))
    assert [frames.n_frames for frames in card.front_ends] == [130, 299, 188]
    assert card.input_shape == (128 * 130 + 115 * 299 + 96 * 188,)
    assert card.first_length == 129 * 512 + 1024
    assert CARD.first_length == 187 * 352 + 2048
    assert [frames.first(129) for frames in card.front_ends] == [129, 299, 188]


# The card


def test_a_card_survives_json_and_an_older_version_advises_an_upgrade() -> None:
    assert ModelCard.from_json(CARD.to_json()) == CARD
    stated = json.loads(CARD.to_json())
    assert stated["schema"] == "earmark.card/2"  # an older version: "... Try: pip install --upgrade earmark."
    assert stated["more_specs"] == [spec.to_dict() for spec in MORE]
    plain = dataclasses.replace(CARD, input="log_mel", more_specs=())
    assert json.loads(plain.to_json())["schema"] == "earmark.card/1"
    assert "more_specs" not in plain.to_dict()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"more_specs": ()}, "input='log_mels' with 0 more_specs"),
        ({"input": "log_mel"}, "input='log_mel' with 2 more_specs. Accepted: one or more"),
        ({"more_specs": (FeatureSpec(sr=16_000),)}, "sr=22050"),
        ({"more_specs": ({"n_mels": 3},)}, "a FeatureSpec of sr=22050"),
        ({"more_specs": (spec_of(16_000),), "window": 0.2, "hop": 0.2}, "hop_length=16000, a window of"),
        ({"input": "log_mles"}, "Accepted: log_mel, log_mels, descriptors"),
    ],
)
def test_a_card_that_cannot_be_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        dataclasses.replace(CARD, **change)


@pytest.mark.parametrize("more", [3, "abc", [1], {"n_mels": 3}, [{"n_mels": 3, "hop": 1}], []])
def test_a_file_with_other_front_ends_is_refused(more: Any) -> None:
    with pytest.raises(BundleError, match="card is not valid"):
        ModelCard.from_dict(CARD.to_dict() | {"more_specs": more})


# The windows


def reference(y: np.ndarray, card: ModelCard) -> np.ndarray:
    """The inputs of a whole sound, cut by hand."""
    rows = []
    specs = (card.spec, *card.more_specs)
    whole = [log_mel(y, spec) for spec in specs]
    sizes = [card.n_frames]
    sizes += [1 + (card.window_length - s.hop_length // 2) // s.hop_length for s in card.more_specs]
    for start in window_starts(whole[0].shape[1], card).tolist():
        row = []
        for S_db, spec, n_frames in zip(whole, specs, sizes, strict=True):
            first = round(start * card.spec.hop_length / spec.hop_length)
            assert first + n_frames <= S_db.shape[1]
            row.append(S_db[:, first : first + n_frames].ravel())
        rows.append(np.concatenate(row))
    return np.array(rows, np.float32).reshape(-1, *card.input_shape)


@given(
    n=st.integers(0, 60_000),
    hops=st.tuples(*[st.integers(100, 1500)] * 3),
    n_ffts=st.tuples(*[st.sampled_from([256, 1024, 4096, 8192])] * 3),
    hop=st.floats(0.1, 0.5),
    sizes=st.lists(st.integers(1, 20_000), min_size=1, max_size=6).filter(lambda sizes: sum(sizes) > 500),
)
@settings(max_examples=60, deadline=None)
def test_windows_of_a_stream_are_those_of_the_whole_bit_for_bit(
    n: int, hops: tuple[int, ...], n_ffts: tuple[int, ...], hop: float, sizes: list[int]
) -> None:
    specs = [spec_of(*pair) for pair in zip(hops, n_ffts, strict=True)]
    card = dataclasses.replace(CARD, spec=specs[0], more_specs=tuple(specs[1:]), window=0.5, hop=hop)
    y = sounds.noise(3.0, sr=SR)[:n]
    expected = reference(y, card) if n else np.empty((0, *card.input_shape), np.float32)

    cutter, streams = WindowCutter(card), [FrameStream(spec) for spec in specs]
    batches, at, i, latest = [], 0, 0, -1
    while at < n:
        main, *more = [stream.push(y[at : at + sizes[i % len(sizes)]]).S_db for stream in streams]
        batches.append(cutter.push(main, more))
        at, i = at + sizes[i % len(sizes)], i + 1
        empty = [np.empty((2, 0), np.float32)] * 2
        for start in cutter.latest(empty[0], empty)[0]:
            assert start >= latest
            latest = start
        held = [kept._S_db.shape[1] - kept.frames.n_frames for kept in cutter._kept]
        slack = 2 + max(n_ffts + hops) / min(hops)
        assert latest < 0 or max(held) <= slack  # no more than one window, and how far one is before another
    main, *more = [stream.close().S_db for stream in streams]
    batches += [cutter.push(main, more), cutter.close()]

    starts = [start for some, _ in batches for start in some]
    X = np.concatenate([X for _, X in batches])
    assert X.dtype == np.float32
    if n:
        assert starts == window_starts(1 + n // specs[0].hop_length, card).tolist()
        np.testing.assert_array_equal(X, expected)
        np.testing.assert_array_equal(sound_windows(y, card)[1], expected)


def test_a_window_waits_for_the_last_of_its_frames() -> None:
    y = sounds.noise(4.0, sr=SR)
    cutter, streams = WindowCutter(CARD), [FrameStream(frames.spec) for frames in CARD.front_ends]
    complete = 187 * 352 + 2048  # the 188th frame of the third, beyond the 130th of the first
    before = [stream.push(y[: complete - 1]).S_db for stream in streams]
    assert before[0].shape[1] >= 130
    assert cutter.push(before[0], before[1:])[0] == []
    ahead = [stream.ahead(y[complete - 1 : complete]) for stream in streams]
    starts, X = cutter.latest(ahead[0], ahead[1:])
    assert starts == [0]
    after = [stream.push(y[complete - 1 : complete]).S_db for stream in streams]
    assert cutter.push(after[0], after[1:])[0] == [0]
    np.testing.assert_array_equal(X[0], reference(y, CARD)[0])


def test_spectrograms_of_too_few_front_ends_are_refused() -> None:
    with pytest.raises(InputError, match="1 spectrograms; model 'several' has 3 front ends"):
        cut_windows(np.zeros((128, 200), np.float32), CARD)


# The graph and the bundle


def test_it_keeps_the_contract() -> None:
    report = check_model(several.model())
    assert report.clauses["save and load"] == "the same after a round trip"
    assert report.clauses["extremes"] == "silence, a click, a level of +100 dB"
    assert report.clauses["consistent"] == "predict_proba, embed"


def test_a_bundle_and_a_copy_of_the_model_score_alike(tmp_path: Any) -> None:
    card = save_bundle(tmp_path / "several", CARD, several.graph())
    assert dataclasses.replace(card, sha256="") == CARD
    _, X = sound_windows(sounds.noise(7.0, sr=SR), CARD)
    expected = several.model().predict_proba(X)
    assert np.ptp(expected, axis=0).max() > 1e-3
    for model in (load_model(tmp_path / "several"), pickle.loads(pickle.dumps(several.model()))):
        np.testing.assert_array_equal(model.predict_proba(X), expected)


def test_a_graph_of_another_input_is_refused() -> None:
    with pytest.raises(BundleError, match=r"Accepted: for log_mels, one input, 'S_dbs'"):
        OnnxModel(CARD, several.graph(input_name="S_db"))


def test_what_is_no_such_input_is_refused() -> None:
    model, (d,) = several.model(), CARD.input_shape
    with pytest.raises(InputError, match=f"takes \\(n, {d}\\). Accepted: windows of 128 mel bands by 130"):
        model.predict_proba(np.zeros((2, 128, 130), np.float32))
    with pytest.raises(InputError, match="silence is -100 dB"):
        model.predict_proba(np.full((1, d), np.nan, np.float32))
    with pytest.raises(InputError, match="takes the log-mels of 3 front ends, not one spectrogram"):
        model.predict_spectrogram(np.zeros((1, 128, 130), np.float32))
