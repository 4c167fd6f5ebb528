"""Chroma, tuning and key: librosa's numbers, and the keys of scales and cadences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from feature_sounds import (
    A_CADENCE,
    C_CADENCE,
    CHROMA_SPECS,
    NOTE_TUNINGS,
    SR,
    TUNINGS,
    golden,
    notes,
)
from hypothesis import given
from hypothesis import strategies as st

import earmark
from earmark.audio import Clip, load
from earmark.errors import InputError
from earmark.features import (
    KEYS,
    PITCH_CLASSES,
    ChromaStream,
    FeatureSpec,
    FrameStream,
    chroma,
    chroma_filterbank,
    descriptors,
    estimate_key,
    estimate_tuning,
    fft_frequencies,
    key_scores,
    magnitudes,
)
from music import band

MUSIC = notes(*C_CADENCE, *A_CADENCE)


@pytest.mark.parametrize("tuning", TUNINGS)
@pytest.mark.parametrize("name", CHROMA_SPECS)
def test_filterbank_equals_librosa(name: str, tuning: float) -> None:
    spec = CHROMA_SPECS[name]
    audible = (fft_frequencies(spec) > 27.5)[::7]
    bank, theirs = chroma_filterbank(spec, tuning)[::7], golden()[f"chroma_bank/{name}/{tuning}"].T
    np.testing.assert_allclose(bank[audible], theirs[audible], atol=1e-6)
    assert (chroma_filterbank(spec, tuning)[fft_frequencies(spec) < 27] == 0).all()


@pytest.mark.parametrize("tuning", [0.0, 0.2])
def test_chroma_equals_librosa(tuning: float) -> None:
    """1e-3: where a chord breaks off there is something below 27 Hz, to which librosa gives weight."""
    theirs = golden()[f"chroma/{tuning}"]
    np.testing.assert_allclose(chroma(magnitudes(MUSIC), tuning=tuning), theirs, atol=1e-3)


@pytest.mark.parametrize("pieces", [(), (30_000,), (1, 700, 701, 30_000, 31_000)], ids=len)
def test_streamed_chroma_is_tuned_and_the_same_in_any_division(pieces: tuple[int, ...]) -> None:
    y = notes(*C_CADENCE, *A_CADENCE, tuning=0.4)
    S = magnitudes(y)
    expected = chroma(S, tuning=estimate_tuning(S**2))
    own, shared = FrameStream(chroma=True), ChromaStream()
    parts = [own.push(block).chroma for block in np.split(y, pieces)]
    np.testing.assert_allclose(np.hstack([*parts, own.close().chroma]), expected, atol=1e-4)
    passed_in = FrameStream(chroma=shared)
    parts = [passed_in.push(block).chroma for block in np.split(y, pieces)]
    np.testing.assert_allclose(
        np.hstack([*parts, passed_in.close().chroma, shared.close()]), expected, atol=1e-4
    )


@pytest.mark.parametrize("n", [1, 64, 1000])
def test_the_tuning_settles_after_a_minute_of_sound_whatever_the_division(n: int) -> None:
    """Pieces of other sizes end before, on and after the frame that settles it."""
    spec = FeatureSpec(sr=1000, n_fft=64, hop_length=64)  # 938 frames a minute
    power = np.random.default_rng(0).random((2000, spec.n_bins), dtype=np.float32)
    power[:300] = 0
    whole, parts = ChromaStream(spec), ChromaStream(spec)
    expected = np.hstack([whole.push(power), whole.close()])
    found = [parts.push(power[start : start + n]) for start in range(0, 2000, n)]
    assert found[0].shape[1] == min(n, 300)  # silence has a chroma at once
    np.testing.assert_allclose(np.hstack(found), expected, atol=1e-5)
    assert parts.tuning == whole.tuning
    np.testing.assert_allclose(parts.mean(), expected.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("tuning", [-0.35, 0.0, 0.2])
def test_a_part_of_the_frames_of_a_minute_gives_the_tuning_and_the_key_of_all(tuning: float) -> None:
    y = notes(*C_CADENCE, seconds=1.0, tuning=tuning)
    y = np.resize(y, 50 * 22050)  # of 2154 frames every third is used
    noise = np.random.default_rng(0).normal(0, 0.01, len(y))
    S = magnitudes((y + noise).astype(np.float32))
    stream = ChromaStream()
    stream.push(S.T**2)
    stream.close()
    everything = estimate_tuning(S**2)
    assert stream.tuning == pytest.approx(everything, abs=0.021)  # two steps
    assert estimate_key(stream.mean()) == estimate_key(chroma(S, tuning=everything).mean(axis=1)) == "C major"


def test_the_mean_is_known_before_the_tuning_is_settled() -> None:
    stream = ChromaStream()
    stream.push(magnitudes(notes(*C_CADENCE, tuning=-0.4)).T ** 2)
    assert stream.tuning == pytest.approx(-0.4, abs=0.1)
    assert estimate_key(stream.mean()) == "C major"
    before = stream.mean()
    stream.close()
    np.testing.assert_allclose(stream.mean(), before, rtol=1e-6)


def test_memory_of_a_chroma_stream_is_bounded_before_and_after_it_is_tuned() -> None:
    stream = ChromaStream(FeatureSpec(n_fft=16384, hop_length=16))
    for _ in range(40):
        stream.push(np.ones((64, 8193), dtype=np.float32))
        assert sum(power.nbytes for power, _ in stream._held) < 17e6


# --- one tuning behind every door ---


def key_by_chroma(y: np.ndarray) -> str:
    S = magnitudes(y)
    return estimate_key(chroma(S, tuning=estimate_tuning(S**2)).mean(axis=1))


def key_by_stream(y: np.ndarray) -> str:
    stream = ChromaStream()
    frames = FrameStream(chroma=stream)
    for block in np.array_split(y, 7):
        frames.push(block)
    frames.close()
    return estimate_key(stream.mean())


def key_by_classify(y: np.ndarray) -> str | None:
    return earmark.classify(Clip(y, SR), model="dummy").key


DOORS = [lambda y: descriptors(y).key, key_by_chroma, key_by_stream, key_by_classify]


@pytest.mark.parametrize("cents", [-50, -40, -25, -10, 0, 10, 25, 40, 50])
@pytest.mark.parametrize(("chords", "key"), [(C_CADENCE, "C major"), (A_CADENCE, "A minor")])
def test_every_door_tunes_the_key_to_the_recording(chords: tuple[str, ...], key: str, cents: int) -> None:
    """Half a semitone off, a piece lies between two keys, and the doors measure its tuning in two ways."""
    found = [door(notes(*chords, seconds=1.0, tuning=cents / 100)) for door in DOORS]
    tonics = {"C major": ("C", "C#", "B"), "A minor": ("A", "A#", "G#")}[key]
    neighbours = {f"{tonic} {key[2:]}" for tonic in tonics[: 1 if abs(cents) < 50 else 3]}
    assert set(found) <= neighbours, found


@pytest.mark.parametrize("inaudible", ["offset", "rumble"])
def test_inaudible_sound_has_no_chroma(inaudible: str) -> None:
    t = np.arange(4 * SR) / SR
    added = np.float32(0.1) * (np.ones(len(t)) if inaudible == "offset" else np.sin(2 * np.pi * 12 * t))
    alone = np.asarray(added, dtype=np.float32)
    quiet = 0.1 * notes(*C_CADENCE, seconds=1.0)
    if inaudible == "offset":  # of a tone, the window leaves some in every bin
        assert (chroma(magnitudes(alone))[:, 4:-4] == 0).all()
    with_it, without = (magnitudes(y)[:, 4:-4] for y in (quiet + alone, quiet))
    assert estimate_tuning(with_it**2) == pytest.approx(estimate_tuning(without**2), abs=0.011)
    np.testing.assert_allclose(chroma(with_it).mean(axis=1), chroma(without).mean(axis=1), atol=0.02)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "key"),
    [("key-c-major-a430.ogg", "C major"), ("key-d-sharp-major-a432.ogg", "D# major"),
     ("key-c-major-a440.ogg", "C major")],
)  # fmt: skip
def test_field_cases_of_other_tunings(shared: Path, file: str, key: str) -> None:
    clip = load(shared / "field" / file)
    assert [door(clip.y) for door in DOORS] == [key] * len(DOORS)


@pytest.mark.parametrize("tuning", NOTE_TUNINGS)
def test_tuning_equals_librosa_and_is_that_of_the_notes(tuning: float) -> None:
    """Parabolas through a power spectrum are not exact, but off by less than a tenth of a semitone."""
    power = magnitudes(notes(*C_CADENCE, tuning=tuning)) ** 2
    found = estimate_tuning(power)
    assert found == pytest.approx(float(golden()[f"tuning/{tuning}"]), abs=0.011)  # one step, at an edge
    assert (found - tuning + 0.5) % 1 - 0.5 == pytest.approx(0, abs=0.1)


def test_tuning_of_nothing_is_zero() -> None:
    assert estimate_tuning(np.zeros((1025, 4), np.float32)) == 0.0


@pytest.mark.parametrize("tonic", range(12))
def test_a_tone_is_its_pitch_class(tonic: int) -> None:
    y = np.sin(2 * np.pi * 261.6256 * 2 ** (tonic / 12) * np.arange(SR) / SR).astype(np.float32)
    values = chroma(magnitudes(y))[:, 3:-3].mean(axis=1)
    assert values.argmax() == tonic


def test_silence_has_no_chroma_and_no_key() -> None:
    values = chroma(np.zeros((1025, 3), np.float32))
    assert (values == 0).all()
    assert estimate_key(values.mean(axis=1)) == ""
    assert estimate_key(np.ones(12)) == ""
    assert (key_scores(np.ones(12)) == 0).all()


@pytest.mark.parametrize(("chords", "key"), [(C_CADENCE, "C major"), (A_CADENCE, "A minor")])
def test_cadences(chords: tuple[str, ...], key: str) -> None:
    assert estimate_key(chroma(magnitudes(notes(*chords))).mean(axis=1)) == key


def test_scale() -> None:
    y = notes("C4", "D4", "E4", "F4", "G4", "A4", "B4", "C5", "G4", "E4", "C4")
    assert estimate_key(chroma(magnitudes(y)).mean(axis=1)) == "C major"


@pytest.mark.parametrize("style", ["rock", "house", "ballad"])
@pytest.mark.parametrize("key", ["C major", "F# major", "A minor", "D# minor"])
def test_demo_music_has_its_key(style: str, key: str) -> None:
    found = key_by_stream(band(style, seconds=16, key=key).y)
    if style == "rock":  # its power chords leave out the third, and with it the mode
        found, key = found.split(maxsplit=1)[0], key.split(maxsplit=1)[0]
    assert found == key


@given(values=st.lists(st.floats(0, 1), min_size=12, max_size=12), steps=st.integers(0, 11))
def test_rotating_the_chroma_rotates_the_key(values: list[float], steps: int) -> None:
    scores = key_scores(values).reshape(2, 12)
    rotated = key_scores(np.roll(values, steps)).reshape(2, 12)
    np.testing.assert_allclose(rotated, np.roll(scores, steps, axis=1), atol=1e-9)
    assert np.abs(scores).max() <= 1 + 1e-9


@given(values=st.lists(st.floats(0, 1), min_size=12, max_size=12), gain=st.floats(0.01, 1e4))
def test_sum_and_mean_have_one_key(values: list[float], gain: float) -> None:
    np.testing.assert_allclose(key_scores(gain * np.array(values)), key_scores(values), atol=1e-6)


def test_names_of_keys() -> None:
    assert len(set(KEYS)) == 24
    assert KEYS[0] == "C major"
    assert KEYS[12 + PITCH_CLASSES.index("A")] == "A minor"


@pytest.mark.parametrize("values", [np.ones(11), np.ones((12, 2)), [np.nan] * 12], ids=str)
def test_what_is_no_chroma_is_refused(values: object) -> None:
    with pytest.raises(InputError, match="Accepted: 12 finite numbers"):
        estimate_key(values)
