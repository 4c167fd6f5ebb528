"""The network that finds the beat: frame by frame, whether a beat falls there, and a guess at the tempo.

A temporal convolutional network (M. Davies and S. Böck, "Temporal convolutional networks for musical audio
beat tracking", EUSIPCO 2019), much smaller: 24 bands of the log-mel, 16 channels, dilations 1 to 128, so that
a frame sees 6 s to either side. A second output, from the mean over time of its channels, is a
distribution over tempi, which is what knows at which level people count such music. In NumPy: each dilated
convolution is one product of matrices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from earmark.arrays import Float32
from earmark.features.stored import weights

REACH = 512  # frames to either side that an output depends on
N_POOLED = 32  # numbers a frame whose mean gives the tempo
SLOWEST_BPM, BINS_PER_OCTAVE, N_BINS = 30.0, 24, 80
_WIDTHS = (2,) * 6 + (3,) * 4 + (5,) * 6 + (8,) * 4 + (10,) * 3 + (12,)  # mel bands of each of the 24 bands
_FLOOR_DB = np.float32(-80.0)
_DILATIONS = (1, 2, 4, 8, 16, 32, 64, 128)
N_MELS = sum(_WIDTHS)


@dataclass(frozen=True, eq=False)
class Pulse:
    """Outputs for consecutive frames.

    Parameters
    ----------
    beat : np.ndarray [shape=(n,)]
        Probability that a beat falls into the frame.
    pooled : np.ndarray [shape=(32, n)]
        Channels whose mean over time gives the tempo: see `tempo_log_probability`.
    """

    beat: Float32
    pooled: Float32


def bands(S_db: Float32) -> Float32:
    """Return the 24 bands [shape=(24, n)] of a log-mel of 128 bands, scaled for the network."""
    level = np.maximum(S_db, _FLOOR_DB)
    sums: Float32 = np.add.reduceat(level, np.cumsum((0, *_WIDTHS[:-1])), axis=0)
    sums /= np.float32(25) * np.array(_WIDTHS, dtype=np.float32)[:, None]
    return sums + np.float32(1)


def pulse(x: Float32) -> Pulse:
    """Run the network on bands [shape=(24, n)], taken to begin and end with the sound."""
    w = weights("pulse")
    h = _elu(_convolved(x, w["inp.weight"], w["inp.bias"], 1))
    h = _elu(_mixed(h, w["red.weight"], w["red.bias"]))
    skip = np.zeros_like(h)
    for k, dilation in enumerate(_DILATIONS):
        g = _elu(_convolved(h, w[f"dil.{k}.weight"], w[f"dil.{k}.bias"], dilation))
        h = h + _mixed(g, w[f"mix.{k}.weight"], w[f"mix.{k}.bias"])
        skip += g
    logit = _mixed(_elu(h.copy()), w["out.weight"][:1], w["out.bias"][:1])[0]
    return Pulse(1 / (1 + np.exp(-logit)), np.concatenate([_elu(skip), np.abs(h)]))


def tempo_log_probability(pooled_mean: Float32) -> Float32:
    """Return the log probability of each tempo [shape=(80,)], 24 an octave from 30 BPM."""
    w = weights("pulse")
    logit = w["temp.weight"] @ pooled_mean + w["temp.bias"]
    logit = logit - logit.max()
    found: Float32 = logit - np.log(np.exp(logit).sum())
    return found


def _convolved(x: Float32, weight: Float32, bias: Float32, dilation: int) -> Float32:
    """Convolution over time with zeros beyond the ends; weight [shape=(n_out, n_in, taps)]."""
    n_out, n_in, taps = weight.shape
    n, half = x.shape[1], taps // 2 * dilation
    padded = np.zeros((n_in, n + 2 * half), dtype=np.float32)
    padded[:, half : half + n] = x
    stacked = np.empty((taps, n_in, n), dtype=np.float32)
    for tap in range(taps):
        stacked[tap] = padded[:, tap * dilation : tap * dilation + n]
    flat = weight.transpose(0, 2, 1).reshape(n_out, taps * n_in)
    y: Float32 = flat @ stacked.reshape(taps * n_in, n)
    y += bias[:, None]
    return y


def _mixed(x: Float32, weight: Float32, bias: Float32) -> Float32:
    y: Float32 = weight[:, :, 0] @ x
    y += bias[:, None]
    return y


def _elu(x: Float32) -> Float32:
    """Exponential linear unit, in place."""
    negative = np.minimum(x, 0)
    np.exp(negative, out=negative)
    negative -= 1
    np.maximum(x, 0, out=x)
    x += negative
    return x
