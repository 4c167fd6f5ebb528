"""The network: EfficientAT's mn04 and what fcn_msd hears, both behind earmark's own front end; tutors for
distillation; heads.

mn04's layers and the map from our bands to its own are the product's (`earmark.estimators.torch.mobilenet`).
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from earmark.estimators.torch.mobilenet import FrontEnd, load_mobile
from earmark.features import FeatureSpec, mel_frequencies

N_EMBEDDING = 384
N_TAG_EMBEDDING = 64
LEVEL_DB = 8.0  # mean power of a mel band, about the median of the collections
TAG_LEVEL_DB = 12.1  # the same of fcn_msd's own bands
# fcn_msd's second layer says something every 256 ms, which is 11 of our frames, so near that 3 s are 7 ms off.
STEP_FRAMES, STEPS_A_MAP = 11, 4  # and its third, a quarter as often
SILENT = 0.01  # the least that a filter's largest weight, times its norm's gain, must be

# What each tagger answers: its embedding, then its logits.
N_ANSWERS = {"mn04": 384 + 527, "msd": 64 + 50, "jamendo": 64 + 50}


class Ears(nn.Module):
    """mn04 as it ships: front end and backbone, the mean of the last channels over frequency and time.

    Each window is first brought to one level: how loud a recording is says more of its transfer than of its genre,
    and 30 dB less cost 14 points.
    """

    def __init__(self, weights: Path) -> None:
        super().__init__()
        self.front_end, self.backbone = FrontEnd(), load_mobile(weights).features

    def forward(self, S_db: Tensor) -> Tensor:
        return self.backbone(self.front_end(at_level(S_db, LEVEL_DB))).mean((2, 3))


def at_level(S_db: Tensor, level_db: float) -> Tensor:
    """Each window with this mean power over its bands and frames."""
    power = torch.exp(S_db * (math.log(10) / 10)).mean((1, 2), keepdim=True)
    return S_db - 10 * torch.log10(power.clamp(min=1e-10)) + level_db


def read_ears(ears: nn.Module, checkpoint: Path) -> nn.Module:
    """Backbone of a checkpoint of distill_windows.py, recover.py or average.py, without its training targets."""
    state = torch.load(checkpoint, weights_only=True)["student"]
    own = {key: v for key, v in state.items() if key.startswith("ears.")}
    ears.load_state_dict({key.removeprefix("ears."): v for key, v in own.items()})
    return ears


def write_ears(ears: nn.Module, checkpoint: Path) -> None:
    """Backbone alone as a checkpoint, from which distill_windows.py can begin and ship.py makes a bundle."""
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"student": {f"ears.{name}": v for name, v in ears.state_dict().items()}}, checkpoint)


def tag_map(filters: np.ndarray) -> np.ndarray:
    """Power in our Slaney bands to power in fcn_msd's [shape=(96, 128)], as `mobile.mel_map` does it for mn04.

    `filters` [shape=(257, 96)] are its own, over bins of 31.25 Hz, of a periodic Hann window of 512 at 16 kHz.
    """
    spec = FeatureSpec()
    centres_hz, bins_hz = mel_frequencies(spec), np.arange(257) * 31.25
    density = np.stack([np.interp(bins_hz, centres_hz, row) for row in np.eye(len(centres_hz))], axis=1)
    window, tagger_window = np.hanning(spec.n_fft + 1)[:-1], np.hanning(513)[:-1]
    return 16000 * (tagger_window**2).sum() / (spec.n_fft * (window**2).sum()) * filters.T @ density


class Narrow(nn.Module):
    """A convolution of 3 x 3 by way of few channels: the principal ones of what the whole would say."""

    def __init__(self, n_in: int, n_out: int, n_few: int) -> None:
        super().__init__()
        self.filter = nn.Conv2d(n_in, n_few, 3, padding=1, bias=False)
        self.spread = nn.Conv2d(n_few, n_out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.spread(self.filter(x))

    @torch.no_grad()
    def begin(self, weight: Tensor, heard: Tensor) -> None:
        """Take the place of a convolution, best for sounds of which its input [shape=(n, n_in, h, w)] is known."""
        said = nn.functional.conv2d(heard, weight, padding=1).movedim(1, -1).flatten(0, 2)
        said = said - said.mean(0)
        axes = torch.linalg.eigh(said.T @ said)[1][:, -self.spread.in_channels :]
        self.filter.weight.copy_(torch.einsum("or,oikl->rikl", axes, weight))
        self.spread.weight.copy_(axes[:, :, None, None])


class TagMaps(nn.Module):
    """fcn_msd's first three layers on our log-mel, at 31 frames a second instead of its 62.5.

    Our windows of 93 ms blur what its own of 32 ms show, so these were trained to give its maps.
    """

    N_PHASES, CONTEXT = 8, 15  # frames made of every STEP_FRAMES of ours, out of so many
    N_FEW = (24, 48)  # channels that the second and the third layer go by
    FLOOR = 1e-5  # power of a band below which nothing is heard

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        filters = weights["spec.mel_scale.fb"].numpy()
        self.register_buffer("map", torch.tensor(tag_map(filters), dtype=torch.float32))
        self.phases = nn.Conv2d(1, self.N_PHASES, (1, self.CONTEXT), (1, STEP_FRAMES), bias=False)
        self.first = nn.Conv2d(1, 64, 3, padding=1, bias=False)
        self.second, self.third = Narrow(64, 128, self.N_FEW[0]), Narrow(128, 128, self.N_FEW[1])
        self.norms = nn.ModuleList([nn.BatchNorm2d(n, momentum=None) for n in (64, 128, 128)])
        self.gain = float(weights["spec_bn.weight"] / torch.sqrt(weights["spec_bn.running_var"] + 1e-5))
        self.offset = float(weights["spec_bn.bias"] - weights["spec_bn.running_mean"] * self.gain)

    @torch.no_grad()
    def begin(self, weights: dict[str, Tensor], heard: list[Tensor]) -> None:
        """Set out from fcn_msd's own weights; `heard` is what its second and third layers were given of some music."""
        self.phases.weight.copy_(self.between())
        before, at, after = weights["layer1.conv.weight"].unbind(-1)
        # of three frames of its own, those beside lie half way between ours
        self.first.weight.copy_(torch.stack([before / 2, at + (before + after) / 2, after / 2], -1))
        for i, layer in enumerate((self.second, self.third)):
            layer.begin(weights[f"layer{i + 2}.conv.weight"], heard[i])
        for i, norm in enumerate(self.norms, start=1):
            norm.weight.copy_(weights[f"layer{i}.bn.weight"])
            norm.bias.copy_(weights[f"layer{i}.bn.bias"])

    def between(self) -> Tensor:
        """Weights that find the phases on lines between our frames."""
        weight = torch.zeros(self.N_PHASES, 1, 1, self.CONTEXT)
        for p in range(self.N_PHASES):
            at = (p + 0.5) * STEP_FRAMES / self.N_PHASES - 0.5 + 2  # two frames lie before the first step
            weight[p, 0, 0, int(at)] = 1 - at % 1
            weight[p, 0, 0, int(at) + 1] += at % 1
        return weight

    def frames(self, S_db: Tensor) -> Tensor:
        """Windows of 11 k - 2 of our frames as 8 k of the first layer's [shape=(n, 1, 96, 8 k)]."""
        power = torch.exp(S_db * (math.log(10) / 10))
        x = (10 * torch.log10(self.map @ power + self.FLOOR) * self.gain + self.offset)[:, None]
        x = self.phases(nn.functional.pad(x, (2, 4, 0, 0), mode="replicate"))
        n, n_phases, n_bands, n_steps = x.shape
        return x.permute(0, 2, 3, 1).reshape(n, 1, n_bands, n_steps * n_phases)

    def both(self, S_db: Tensor) -> tuple[Tensor, Tensor]:
        """What the second and the third layer say of windows at `TAG_LEVEL_DB`."""
        x, pool = self.frames(S_db), nn.functional.max_pool2d
        # the largest of what is at least nought is the same either way, and this way a fraction of the work
        x = torch.relu(pool(self.norms[0](self.first(x)), (2, 2)))
        second = torch.relu(pool(self.norms[1](self.second(x)), (2, 4)))
        return second, torch.relu(pool(self.norms[2](self.third(second)), (2, STEPS_A_MAP)))

    def forward(self, S_db: Tensor) -> Tensor:
        return self.both(S_db)[1]


class TagTop(nn.Module):
    """fcn_msd's last two layers over a sound that goes on and on: the third's maps -> the embedding [shape=(n, 64)].

    The layers were made for 29 s. A shorter sound repeated until then would say the same at every turn, so that one turn
    says it all.
    """

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        self.fourth, self.fifth = (nn.Sequential(nn.Conv2d(128, n, 3), nn.BatchNorm2d(n)) for n in (128, 64))
        for layer, (filters, norm) in ((4, self.fourth), (5, self.fifth)):
            for module, part in ((filters, "conv"), (norm, "bn")):
                own = {
                    n: weights[f"layer{layer}.{part}.{n}"] for n in module.state_dict() if "tracked" not in n
                }
                module.load_state_dict(own, strict=False)

    def forward(self, maps: Tensor) -> Tensor:
        pad, pool = nn.functional.pad, nn.functional.max_pool2d
        x = pad(torch.cat([maps[..., -1:], maps, maps[..., :1]], -1), (0, 0, 1, 1))
        x = pool(torch.relu(self.fourth(x)), (3, 1)).amax(-1, keepdim=True)
        return torch.relu(self.fifth(pad(x.expand(-1, -1, -1, 3), (0, 0, 1, 1)))).amax((2, 3))


class TagEars(nn.Module):
    """fcn_msd as it ships: windows of our log-mel -> its embedding [shape=(n, 64)]."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        from safetensors.torch import load_file

        values = load_file(weights)
        self.local, self.top = TagMaps(values), TagTop(values)

    def forward(self, S_db: Tensor) -> Tensor:
        return self.top(self.local(at_level(S_db, TAG_LEVEL_DB)))


@torch.no_grad()
def leave_out_silent(ears: TagEars) -> None:
    """Take out the channels of fcn_msd that never say anything: a third of them, whatever is heard.

    Training left them with filters of nothing (up to `SILENT`) and an offset below nought. The loudest of them stay
    where that makes the number a multiple of 8: ONNX Runtime has a faster convolution for those.
    """
    local, top = ears.local, ears.top
    chain = (
        (local.first, local.norms[0], local.second.filter),
        (local.second.spread, local.norms[1], local.third.filter),
        (local.third.spread, local.norms[2], top.fourth[0]),
    )
    for layer, norm, following in chain:
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        loudness = layer.weight.abs().amax((1, 2, 3)) * gain.abs()
        heard = (loudness > SILENT) | (norm.bias > norm.running_mean * gain)
        n_kept = -int(heard.sum()) // 8 * -8
        kept = torch.argsort(heard + loudness / (1 + loudness), descending=True)[:n_kept].sort().values
        layer.weight = nn.Parameter(layer.weight[kept])
        norm.weight, norm.bias = nn.Parameter(norm.weight[kept]), nn.Parameter(norm.bias[kept])
        norm.running_mean, norm.running_var = norm.running_mean[kept], norm.running_var[kept]
        following.weight = nn.Parameter(following.weight[:, kept])


class BothEars(nn.Module):
    """mn04's values and fcn_msd's, side by side: what the heads hear."""

    def __init__(self, ears: Ears, tag_ears: TagEars) -> None:
        super().__init__()
        self.ears, self.tag_ears = ears, tag_ears

    def forward(self, S_db: Tensor) -> Tensor:
        return torch.cat([self.ears(S_db), self.tag_ears(S_db)], 1)


class Heads(nn.Module):
    """The ears' values -> an embedding for similarity, and every head's logits.

    One hidden layer, made of those of several members that learnt apart: side by side their layers are one wider
    layer, and the mean of their logits is one linear map from it. Quadrant and mood words are straight lines in the
    ears' values (why: `heads.fit_lines`).
    """

    LINES = ("quadrant", "moods")
    N_HIDDEN = 192  # of each member
    N_SOUND = 192  # values of the embedding that say how it sounds; the others, which genre and quadrant
    SHARE_GENRES, SHARE_QUADRANT = 1.5, 1.0
    SHARPER = 3.0  # the quadrant's logits in the embedding: so much penalty leaves them small
    SHARE_ZERO_SHOT = 0.25  # of the log odds by which the taggers call a genre by name, added to its logit

    def __init__(
        self, sizes: dict[str, int], mean: Tensor, deviation: Tensor, dropout: float, members: int = 1
    ) -> None:
        super().__init__()
        n_hidden = members * self.N_HIDDEN
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.register_buffer("origin", torch.zeros(n_hidden))
        self.register_buffer("axes", torch.eye(n_hidden)[:, : self.N_SOUND])
        n_all = self.N_SOUND + sizes["genres"] + sizes["quadrant"]
        noise = torch.randn(n_all, n_all, generator=torch.Generator().manual_seed(0))
        self.register_buffer("turn", torch.linalg.qr(noise).Q)
        self.body = nn.Sequential(nn.Dropout(dropout), nn.Linear(len(mean), n_hidden), nn.ReLU())
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(n_hidden, size) for name, size in sizes.items() if name not in self.LINES}
        )
        self.lines = nn.ModuleDict({name: self.fitted(sizes[name]) for name in self.LINES})
        self.zero_shot = self.fitted(sizes["genres"])

    def fitted(self, size: int) -> nn.Linear:
        """A map from the ears' values that is not trained here, but fitted when the members are (`heads.fit`)."""
        linear = nn.Linear(len(self.mean), size).requires_grad_(False)
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
        return linear

    def standard(self, x: Tensor) -> Tensor:
        return ((x - self.mean) / self.deviation).clamp(-5, 5)

    def hidden(self, x: Tensor) -> Tensor:
        return self.body(self.standard(x))

    def words(self, x: Tensor) -> Tensor:
        """What the taggers' own words add to the genres' logits."""
        return self.SHARE_ZERO_SHOT * self.zero_shot(self.standard(x))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        hidden = self.dropout(self.hidden(x))
        answers = {name: head(hidden) for name, head in self.heads.items()}
        lines = {name: line(self.standard(x)) for name, line in self.lines.items()}
        return {**answers, **lines, "genres": answers["genres"] + self.words(x)}

    def embed(self, x: Tensor) -> Tensor:
        """Values whose cosine is a weighted mean of three: of the hidden layer's, and of what genre and quadrant
        have in common (the roots of two distributions have their Bhattacharyya coefficient as inner product)."""
        hidden = self.hidden(x)
        sound = nn.functional.normalize((hidden - self.origin) @ self.axes)
        genres = torch.softmax(self.heads["genres"](hidden) + self.words(x), 1).sqrt()
        quadrant = torch.softmax(self.SHARPER * self.lines["quadrant"](self.standard(x)), 1).sqrt()
        parts = torch.cat([sound, self.SHARE_GENRES * genres, self.SHARE_QUADRANT * quadrant], 1)
        # a turn leaves cosines alone, and no number with little to say, which whoever scales each by itself would raise
        return parts @ self.turn

    @torch.no_grad()
    def look_along(self, x: Tensor) -> None:
        """Choose the axes of the embedding: the first principal ones of these examples."""
        hidden = self.hidden(x)
        self.origin = hidden.mean(0)
        self.axes = (
            torch.linalg.svd(hidden - self.origin, full_matrices=False).Vh[: self.N_SOUND].T.contiguous()
        )


@torch.no_grad()
def side_by_side(members: list[Heads]) -> Heads:
    """Members as one network, whose logits are the mean of theirs."""
    first = members[0]
    sizes = {name: head.out_features for part in (first.heads, first.lines) for name, head in part.items()}
    whole = Heads(sizes, first.mean, first.deviation, 0.0, len(members))
    whole.body[1].weight.copy_(torch.cat([m.body[1].weight for m in members]))
    whole.body[1].bias.copy_(torch.cat([m.body[1].bias for m in members]))
    for name, head in whole.heads.items():
        head.weight.copy_(torch.cat([m.heads[name].weight for m in members], 1) / len(members))
        head.bias.copy_(torch.stack([m.heads[name].bias for m in members]).mean(0))
    return whole.eval()
