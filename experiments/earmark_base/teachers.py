"""What public taggers say of every clip: the targets that the default model is distilled from.

mn04 (AudioSet) hears windows of 10 s every 5 s; the two FCNs (Choi et al. 2016; Won et al. 2020) hear 29 s, a
shorter clip wrapping around. Each hears the clean clip through its own front end at its own rate. What musicnn's two say
besides, of 3 s every 6 s, goes to the classifiers of probes.py alone.

    python teachers.py DATA TEACHER RUNS        # once convert_musicnn.py has made RUNS/musicnn
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from musicnn import Musicnn
from torch import Tensor, nn

from earmark.estimators.torch.mobilenet import load_mobile, tagger_filters

FCN_LAYERS = [(64, (2, 4)), (128, (2, 4)), (128, (2, 4)), (128, (3, 5)), (64, (4, 4))]
MN04_SR, FCN_SR, FCN_SAMPLES = 32000, 16000, 464000


def mn04_input(y: Tensor) -> Tensor:
    """(n_samples,) at 32 kHz -> (128, n_frames), 100 frames a second."""
    window = torch.zeros(1024)
    window[112:912] = torch.hann_window(800, periodic=False)
    y = y[1:] - 0.97 * y[:-1]
    power = torch.stft(y, 1024, 320, 1024, window, pad_mode="reflect", return_complex=True).abs() ** 2
    return (torch.log(torch.tensor(tagger_filters(), dtype=torch.float32) @ power + 1e-5) + 4.5) / 5


class FCN(nn.Module):
    """Fully convolutional tagger of five layers: (n, 464000) at 16 kHz -> embedding (n, 64), tag logits (n, 50)."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        from safetensors.torch import load_file

        self.w = load_file(weights)

    def norm(self, x: Tensor, name: str) -> Tensor:
        get = lambda part: self.w[f"{name}.{part}"]  # noqa: E731
        return nn.functional.batch_norm(
            x, get("running_mean"), get("running_var"), get("weight"), get("bias")
        )

    def spectrogram(self, y: Tensor) -> Tensor:
        """Mel bands in dB [shape=(n, 96, n_frames)] of sound at 16 kHz, 62.5 frames a second."""
        window = self.w["spec.spectrogram.window"]
        power = torch.stft(y, 512, 256, 512, window, pad_mode="reflect", return_complex=True).abs() ** 2
        mel = (power.transpose(1, 2) @ self.w["spec.mel_scale.fb"]).transpose(1, 2)
        return 10 * torch.log10(mel.clamp(min=1e-10))

    def standard(self, S_db: Tensor) -> Tensor:
        """What the first layer takes, of bands in dB."""
        return self.norm(S_db[:, None], "spec_bn")

    def filtered(self, x: Tensor, layer: int) -> Tensor:
        """What a layer (from 1 on) says before it pools."""
        name = f"layer{layer}"
        x = nn.functional.conv2d(x, self.w[f"{name}.conv.weight"], self.w[f"{name}.conv.bias"], padding=1)
        return torch.relu(self.norm(x, f"{name}.bn"))

    def layer(self, x: Tensor, layer: int) -> Tensor:
        """A whole layer, from 1 on."""
        return nn.functional.max_pool2d(self.filtered(x, layer), FCN_LAYERS[layer - 1][1])

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        x = self.standard(self.spectrogram(y))
        for layer in range(1, len(FCN_LAYERS) + 1):
            x = self.layer(x, layer)
        embedding = x.flatten(1)
        return embedding, embedding @ self.w["dense.weight"].T + self.w["dense.bias"]


def decode(path: Path, rate: int) -> np.ndarray:
    """The way in which the reference answers were made: FFmpeg's decoder and resampler, float, mono."""
    import av

    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
        frames = [*container.decode(audio=0), None]
        parts = [part.to_ndarray().ravel() for frame in frames for part in resampler.resample(frame)]
    return np.concatenate(parts)


class Teachers:
    """All three, by clip."""

    def __init__(self, folder: Path) -> None:
        self.mn04 = load_mobile(folder / "mn04_as.safetensors").eval()
        self.fcns = {name: FCN(folder / f"fcn_{name}.safetensors").eval() for name in ("msd", "jamendo")}

    def __call__(self, path: Path) -> dict[str, np.ndarray]:
        return self.hear(decode(path, MN04_SR), decode(path, FCN_SR))

    @torch.no_grad()
    def hear(self, y32: np.ndarray, y16: np.ndarray) -> dict[str, np.ndarray]:
        """Embedding and logits of each [shape=(n_views, n)], of the same sound at 32 and at 16 kHz."""
        # a click shorter than a second wraps around
        y = torch.from_numpy(np.resize(y32, max(len(y32), MN04_SR)))
        n = 10 * MN04_SR
        starts = range(0, max(1, len(y) - n // 2 + 1), n // 2) if len(y) > n else [0]
        views = [mn04_input(y[s : s + n]) for s in starts if len(y[s : s + n]) > MN04_SR // 2]
        answers = [self.mn04(view[None, None]) for view in views]
        out = {"mn04": torch.cat([torch.cat(a, 1) for a in answers]).numpy()}
        wave = torch.from_numpy(np.resize(y16, FCN_SAMPLES))[None]
        for name, fcn in self.fcns.items():
            out[name] = torch.cat(fcn(wave), 1).numpy()
        return out


def main(data: Path, teacher: Path, runs: Path) -> None:
    import corpus

    torch.set_num_threads(1)
    teachers, musicnn, cache = Teachers(teacher), Musicnn(runs / "musicnn"), runs / "teachers"
    cache.mkdir(parents=True, exist_ok=True)
    for collection in corpus.COLLECTIONS:
        file = cache / f"{collection}.npz"
        if file.exists():
            continue
        found = {}
        for track in corpus.tracks(data):
            if track.collection == collection and track.path:
                path = data / collection / track.path
                for name, values in (teachers(path) | musicnn(decode(path, FCN_SR))).items():
                    found[f"{track.id}|{name}"] = values.astype(np.float32)
        np.savez(file, **found)
        print(collection, len(found) // 5, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
