"""The digest of the method for tempo and key: it changes with what can change them alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pytest
from feature_sounds import A_CADENCE, C_CADENCE, music, notes
from test_features_rhythm import drums

from earmark.features import FeatureSpec, FrameStream, PulseStream, TonalStream, method, method_digest
from earmark.features.stored import weights

SOUNDS = {
    "drums": drums(123.0, 15.0),
    "music": music(12.0),
    "major": notes(*C_CADENCE, *C_CADENCE, tuning=0.3),
    "minor": notes(*A_CADENCE, *A_CADENCE, seconds=0.37),
}
# What version 1 finds: the first two tempi with their probabilities, the key with its own.
FOUND: dict[str, list[float | str]] = {
    "drums": [123.012, 0.963, 246.024, 0.027],
    "music": [120.039, 0.971, 59.999, 0.024, "A minor", 0.491],
    "major": [119.745, 0.967, 59.879, 0.024, "C major", 0.928],
    "minor": [161.720, 0.968, 80.983, 0.032, "A minor", 0.691],
}
DIGEST = "c7e9bd75f9597cbd"
TOLERANCE = (
    0.01  # of a probability, of BPM relative to 100: float32 sums differ by machine, far less than that
)


@pytest.fixture
def fresh() -> Iterator[None]:
    """Let the digest be computed anew, and again afterwards."""
    method_digest.cache_clear()
    yield
    method_digest.cache_clear()


def found(y: np.ndarray) -> list[float | str]:
    pulse, tonal = PulseStream(), TonalStream()
    frames = FrameStream(spectra=tonal.push)
    for made in (frames.push(y), frames.close()):
        pulse.push(made.S_db)
    tempi = [x for one in pulse.candidates()[:2] for x in (one.tempo, one.score)]
    return [*tempi, *(x for one in tonal.key_candidates()[:1] for x in (one.key, one.score))]


@pytest.mark.parametrize("sound", SOUNDS)
def test_what_a_version_finds_does_not_change(sound: str) -> None:
    """Where it does, on purpose: raise `method.VERSION`, so that libraries notice, and write it down here."""
    now, before = found(SOUNDS[sound]), FOUND[sound]
    assert [x for x in now if isinstance(x, str)] == [x for x in before if isinstance(x, str)]
    for here, there in zip(now, before, strict=True):
        if not isinstance(here, str):
            assert here == pytest.approx(there, abs=TOLERANCE, rel=TOLERANCE / 100)


def test_the_digest_is_the_one_of_before() -> None:
    """Another one makes every track of every library one to analyse again: never by accident."""
    assert method_digest() == DIGEST


def test_a_version_a_weight_and_a_front_end_change_it(monkeypatch: pytest.MonkeyPatch, fresh: None) -> None:
    digests = {method_digest()}

    def anew() -> str:
        method_digest.cache_clear()
        return method_digest()

    assert anew() in digests
    with monkeypatch.context() as patched:
        patched.setattr(method, "VERSION", method.VERSION + 1)
        digests.add(anew())
    for name in ("pulse", "tempo", "key"):
        with monkeypatch.context() as patched:
            patched.setattr(method, "weights", lambda asked, name=name: _weights(asked, changed=name))
            digests.add(anew())
    with monkeypatch.context() as patched:
        patched.setattr(method, "FeatureSpec", lambda: FeatureSpec(hop_length=256))
        digests.add(anew())
    assert len(digests) == 6 and all(len(one) == 16 for one in digests)


def _weights(name: str, *, changed: str) -> Mapping[str, np.ndarray]:
    """Return the weights of a name; those of `changed` with the last bit of one number flipped."""
    arrays = {key: array.copy() for key, array in weights(name).items()}
    if name == changed:
        first = next(iter(arrays.values())).ravel()
        first[0] = np.nextafter(first[0], np.float32(np.inf))
    return arrays
