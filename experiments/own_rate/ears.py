"""The taggers mn04 and fcn_msd, frozen, behind front ends at their own rates made of sound at 22,050 Hz.

mn04 was trained on 100 frames a second of 25 ms, fcn_msd on 62.5 of 32 ms. Both are had from the samples that earmark
decodes anyway, in frames of 32 ms; of what lies above 11 kHz nothing is known, as of most compressed music.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from earmark.estimators.torch.mobilenet import load_mobile
from earmark.features import FeatureSpec, mel_frequencies
from earmark.features.stft import hann

N_FFT = 704  # bins of 31.32 Hz, where both taggers have 31.25
N_MN, N_MN_HEARD = 128, 115  # mn04's bands reach to 15 kHz; so many of them lie below 11
MN_STEP = 1127 * math.log(1 + 15000 / 700) / (N_MN + 1)  # mel from one band to the next
MN = FeatureSpec(
    n_fft=N_FFT, hop_length=221, n_mels=N_MN_HEARD, fmax=700 * (math.exp((N_MN_HEARD + 1) * MN_STEP / 1127) - 1),
    htk=True, norm=None,
)  # fmt: skip
TAG = FeatureSpec(n_fft=N_FFT, hop_length=352, n_mels=96, fmax=8000, htk=True, norm=None)
TAG_PERIOD = 192  # frames after which fcn_msd's third layer comes round
SILENT = 1e-6  # what a filter's largest weight, times its norm's gain, must at least be
MN_LEVEL_DB, TAG_LEVEL_DB = 3.0, 10.0  # mean power of a band, about the median of the collections
WINDOW = (
    129 * 512
)  # samples from the centre of a window's first frame to that of its last, in earmark's own front end


def n_frames(spec: FeatureSpec) -> int:
    """Frames of a window: as many as surely lie in it, wherever between two of them it begins."""
    return 1 + (WINDOW - spec.hop_length // 2) // spec.hop_length


def cut(S_db: np.ndarray, starts: list[int], spec: FeatureSpec) -> Tensor:
    """Windows that begin with these frames of earmark's own front end [shape=(n, n_mels, n_frames)]."""
    n = n_frames(spec)
    firsts = [round(start * 512 / spec.hop_length) for start in starts]
    return torch.from_numpy(np.stack([S_db[:, first : first + n] for first in firsts]))


def mn_gain() -> np.ndarray:
    """Power in our bands to power in mn04's: its rate, its window and its emphasis."""
    ours = MN.sr * (hann(N_FFT) ** 2).sum()
    emphasis = np.abs(1 - 0.97 * np.exp(-2j * np.pi * mel_frequencies(MN) / 32000)) ** 2
    return 32000 * (np.hanning(800) ** 2).sum() / ours * emphasis


def levelled(S_db: Tensor, gain: Tensor, level_db: float) -> Tensor:
    """Power of windows that are brought to one level."""
    power = torch.exp(S_db * (math.log(10) / 10)) * gain[:, None]
    return power * (10 ** (level_db / 10) / power.mean((1, 2), keepdim=True).clamp(min=1e-10))


class MnEars(nn.Module):
    """mn04: windows in dB [shape=(n, 115, 299)] -> embedding (n, 384) and logits (n, 527)."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        self.network = load_mobile(weights)
        self.register_buffer("gain", torch.tensor(mn_gain(), dtype=torch.float32))

    def picture(self, S_db: Tensor) -> Tensor:
        power = levelled(S_db, self.gain, MN_LEVEL_DB)
        power = nn.functional.pad(power, (0, 0, 0, N_MN - N_MN_HEARD))
        return ((torch.log(power + 1e-5) + 4.5) / 5)[:, None]

    def forward(self, S_db: Tensor) -> Tensor:
        return torch.cat(self.network(self.picture(S_db)), 1)


class TagEars(nn.Module):
    """fcn_msd: windows in dB [shape=(n, 96, 188)] -> embedding (n, 64) and logits (n, 50).

    A window is taken to come round for ever, so that no layer sees an edge in time and one turn says all.
    """

    def __init__(self, weights: Path) -> None:
        super().__init__()
        from safetensors.torch import load_file

        own = {name: v for name, v in load_file(weights).items() if not name.startswith("spec.")}
        learnt = ("weight", "bias")
        self.w = nn.ParameterDict(
            {
                n.replace(".", "_"): nn.Parameter(v, n.endswith(learnt))
                for n, v in own.items()
                if v.is_floating_point()
            }
        )
        gain = 16000 * (hann(512) ** 2).sum() / (TAG.sr * (hann(N_FFT) ** 2).sum())
        self.register_buffer("gain", torch.full((TAG.n_mels,), float(gain)))

    def norm(self, x: Tensor, name: str) -> Tensor:
        mean, variance, weight, bias = (
            self.w[f"{name}_{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return nn.functional.batch_norm(x, mean, variance, weight, bias)

    def layer(self, x: Tensor, i: int) -> Tensor:
        x = nn.functional.pad(torch.cat([x[..., -1:], x, x[..., :1]], -1), (0, 0, 1, 1))
        x = nn.functional.conv2d(x, self.w[f"layer{i}_conv_weight"], self.w[f"layer{i}_conv_bias"])
        return torch.relu(self.norm(x, f"layer{i}_bn"))

    def forward(self, S_db: Tensor) -> Tensor:
        power = levelled(S_db, self.gain, TAG_LEVEL_DB)
        power = torch.cat([power, power[..., : TAG_PERIOD - power.shape[-1]]], -1)
        x = self.norm(10 * torch.log10(power.clamp(min=1e-10))[:, None], "spec_bn")
        pool = nn.functional.max_pool2d
        for i in (1, 2, 3):
            x = pool(self.layer(x, i), (2, 4))
        x = pool(self.layer(x, 4), (3, 1)).amax(-1, keepdim=True).expand(-1, -1, -1, 2)
        x = self.layer(x, 5).amax((2, 3))
        return torch.cat([x, x @ self.w["dense_weight"].T + self.w["dense_bias"]], 1)


@torch.no_grad()
def leave_out_silent(tag: TagEars) -> None:
    """Take out fcn_msd's channels that never say anything: their filters are nought and their offset is below it."""
    w = tag.w
    for i in range(1, 5):
        part = lambda name: w[f"layer{i}_{name}"]  # noqa: B023, E731
        gain = part("bn_weight") / torch.sqrt(part("bn_running_var") + 1e-5)
        loudness = part("conv_weight").abs().amax((1, 2, 3)) * gain.abs()
        rest = part("bn_bias") + (part("conv_bias") - part("bn_running_mean")) * gain
        heard = (loudness > SILENT) | (rest > 0)
        n_kept = -int(heard.sum()) // 8 * -8  # a convolution of a multiple of 8 is faster
        kept = torch.argsort(heard + loudness / (1 + loudness), descending=True)[:n_kept].sort().values
        names = ("conv_weight", "conv_bias", "bn_weight", "bn_bias", "bn_running_mean", "bn_running_var")
        for name in names:
            w[f"layer{i}_{name}"] = nn.Parameter(part(name)[kept], name.endswith(("weight", "bias")))
        following = w[f"layer{i + 1}_conv_weight"]
        w[f"layer{i + 1}_conv_weight"] = nn.Parameter(following[:, kept])
