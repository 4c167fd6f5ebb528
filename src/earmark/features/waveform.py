"""Two descriptors of the waveform itself: loudness and zero crossings, in the frames of the spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from earmark.arrays import Float32
from earmark.features.spec import FeatureSpec
from earmark.features.stft import CHUNK, Framer, samples

if TYPE_CHECKING:
    from earmark.audio import Clip

_SILENT = np.float32(1e-10)  # smaller values have no sign, as in librosa


def rms(source: Clip | npt.NDArray[np.floating], spec: FeatureSpec | None = None) -> Float32:
    """Return the root mean square of each frame [shape=(n_frames,)]; full scale is 1.

    The frames are those of `log_mel`, without window, with silence beyond the ends.
    """
    spec = spec or FeatureSpec()
    framer = Framer(spec.n_fft, spec.hop_length)
    y = samples(source, spec)
    return np.concatenate([frame_rms(framer.push(y)), frame_rms(framer.close())])


def frame_rms(frames: Float32) -> Float32:
    """Return the root mean square of each row [shape=(k,)]."""
    parts = [frames[start : start + CHUNK] for start in range(0, len(frames), CHUNK)]
    power = [np.vecdot(part, part) / np.float32(part.shape[1]) for part in parts]
    loudness: Float32 = np.sqrt(np.concatenate([np.zeros(0, dtype=np.float32), *power]))
    return loudness


def zero_crossing_rate(source: Clip | npt.NDArray[np.floating], spec: FeatureSpec | None = None) -> Float32:
    """Return the share of samples in each frame whose sign is not that of the one before [shape=(n_frames,)].

    Beyond the ends the first and the last sample are repeated, so that nothing crosses there.
    """
    spec = spec or FeatureSpec()
    y = samples(source, spec)
    negative = y < -_SILENT
    crossings = np.zeros(len(y) + 1, dtype=np.int32)  # before each sample: [0, 0, those up to sample 1, ...]
    np.cumsum(negative[1:] != negative[:-1], out=crossings[2:])
    starts = np.arange(1 + len(y) // spec.hop_length) * spec.hop_length - spec.n_fft // 2
    first = np.clip(starts + 1, 1, len(y))
    after = np.clip(starts + spec.n_fft, 1, len(y))
    count: Float32 = (crossings[after] - crossings[first]).astype(np.float32)
    return count / np.float32(spec.n_fft)
