"""`texture`: a perceptron over descriptors that the graph itself computes from the log-mel."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from earmark.estimators.examples import Examples
from earmark.estimators.parameters import FRACTION, Search, Whole, param
from earmark.estimators.torch.base import TorchModel
from earmark.estimators.torch.layers import Network
from earmark.estimators.torch.loop import LEARNING_RATE, MIXUP
from earmark.models.base import Array

_N_MFCC = 20
_N_CORRELATED = 13  # MFCCs whose correlations and modulations are taken
_FLOOR = 0.1  # added to a deviation before its logarithm, in the unit of an MFCC
_LIMIT = 6.0  # deviations from the training set's mean at which a descriptor is cut off


class Texture(nn.Module):
    """Statistics over time of a log-mel [shape=(n, n_mels, n_frames)] that have no weights [shape=(n, size)].

    In this order: mean, log deviation and log deviation of the difference of 20 MFCCs (Davis & Mermelstein
    1980; their statistics: Tzanetakis & Cook 2002); correlations of the first 13 (the shape of the Gaussian
    that Mandel & Ellis 2005 compare songs by); mean, deviation, deviation of the difference and mean rise
    of 32 wide bands; mean and deviation of the contrast within 16 (after Jiang et al. 2002, between the
    loudest and the quietest mel band); modulation spectra, in ten ranges of rate, of 16 wide bands and of
    13 MFCCs (after McKinney & Breebaart 2003 and Lee et al. 2009).
    """

    def __init__(self, n_mels: int, n_frames: int) -> None:
        super().__init__()
        self.register_buffer("dct", torch.from_numpy(_dct(min(_N_MFCC, n_mels), n_mels)))
        self.register_buffer("wide", torch.from_numpy(_means(min(32, n_mels), n_mels)))
        self.register_buffer("coarse", torch.from_numpy(_means(min(16, n_mels), n_mels)))
        real, imaginary = _fourier(n_frames)
        self.register_buffer("real", torch.from_numpy(real))
        self.register_buffer("imaginary", torch.from_numpy(imaginary))
        self.register_buffer("rates", torch.from_numpy(_ranges(real.shape[1])))
        n = min(_N_CORRELATED, n_mels)
        self.pairs = [i * n + j for i in range(n) for j in range(i + 1, n)]
        self.n_correlated, self.n_groups = n, min(16, n_mels)
        with torch.no_grad():
            self.size = int(self(torch.zeros(1, n_mels, n_frames)).shape[1])

    def forward(self, S_db: Tensor) -> Tensor:
        """All descriptors side by side."""
        mfcc = self.dct @ S_db
        wide = self.wide @ S_db
        some = mfcc[:, : self.n_correlated]
        return torch.cat(
            [
                *self._cepstrum(mfcc),
                self._correlations(some),
                *_course(wide),
                *self._contrast(S_db),
                self._modulation(self.coarse @ S_db),
                self._modulation(some),
            ],
            dim=1,
        )

    def _cepstrum(self, mfcc: Tensor) -> list[Tensor]:
        change = mfcc[..., 1:] - mfcc[..., :-1]
        return [mfcc.mean(-1), torch.log(_deviation(mfcc) + _FLOOR), torch.log(_deviation(change) + _FLOOR)]

    def _correlations(self, rows: Tensor) -> Tensor:
        rows = rows - rows.mean(-1, keepdim=True)
        covariance = rows @ rows.transpose(1, 2) / rows.shape[-1]
        deviation = _deviation(rows)
        matrix = covariance / (deviation[:, :, None] * deviation[:, None] + 1e-3)
        return matrix.flatten(1)[:, self.pairs]

    def _contrast(self, S_db: Tensor) -> list[Tensor]:
        height = S_db.shape[1] // self.n_groups
        groups = S_db[:, : height * self.n_groups].reshape(-1, self.n_groups, height, S_db.shape[2])
        contrast = groups.amax(2) - groups.amin(2)
        return [contrast.mean(-1), _deviation(contrast)]

    def _modulation(self, rows: Tensor) -> Tensor:
        """Logarithm of the mean magnitude in each range of rates."""
        rows = rows - rows.mean(-1, keepdim=True)
        magnitude = torch.sqrt((rows @ self.real) ** 2 + (rows @ self.imaginary) ** 2 + 1e-9)
        return torch.log(magnitude @ self.rates + 1).flatten(1)


class TextureNetwork(Network):
    """`Texture`, standardised by the training set, and a perceptron of one hidden layer."""

    def __init__(self, X: Array, n_classes: int, *, n_hidden: int, dropout: float) -> None:
        super().__init__()
        self.texture = Texture(X.shape[1], X.shape[2])
        rows = _all(self.texture, X)
        mean, deviation = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-3)
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("deviation", torch.from_numpy(deviation))
        self.embedding_size = n_hidden
        self.body = nn.Sequential(
            nn.Dropout(dropout / 2),
            nn.Linear(self.texture.size, n_hidden),
            nn.BatchNorm1d(n_hidden),
            nn.ReLU(),
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(n_hidden, n_classes))

    def embed(self, S_db: Tensor) -> Tensor:
        """The hidden layer."""
        rows = (self.texture(S_db) - self.mean) / self.deviation
        embedding: Tensor = self.body(rows.clamp(-_LIMIT, _LIMIT))
        return embedding


def _all(texture: Texture, X: Array) -> Array:
    with torch.no_grad():
        parts = [texture(torch.from_numpy(X[begin : begin + 256])) for begin in range(0, len(X), 256)]
    rows: Array = torch.cat(parts).numpy()
    return rows


def _deviation(values: Tensor) -> Tensor:
    centred = values - values.mean(-1, keepdim=True)
    return torch.sqrt((centred**2).mean(-1) + 1e-9)


def _course(rows: Tensor) -> list[Tensor]:
    """How rows go on: mean, deviation, deviation of the difference, mean rise."""
    change = rows[..., 1:] - rows[..., :-1]
    return [rows.mean(-1), _deviation(rows), _deviation(change), change.clamp(min=0).mean(-1)]


def _dct(n_out: int, n_in: int) -> Array:
    """Orthonormal DCT-II, as `earmark.features.mfcc` has it."""
    place = (np.arange(n_in) + 0.5) / n_in
    matrix = np.cos(np.pi * np.arange(n_out)[:, None] * place) * math.sqrt(2 / n_in)
    matrix[0] /= math.sqrt(2)
    basis: Array = matrix.astype(np.float32)
    return basis


def _means(n_out: int, n_in: int) -> Array:
    """Means of groups of neighbours, as equal in size as they can be [shape=(n_out, n_in)]."""
    group = np.arange(n_in) * n_out // n_in
    matrix = (group == np.arange(n_out)[:, None]).astype(np.float32)
    means: Array = matrix / matrix.sum(axis=1, keepdims=True)
    return means


def _fourier(n_frames: int) -> tuple[Array, Array]:
    """Hann window and Fourier transform as two matrices [shape=(n_frames, n_frames // 2 + 1)]."""
    angle = 2 * np.pi * np.outer(np.arange(n_frames), np.arange(n_frames // 2 + 1)) / n_frames
    window = np.hanning(n_frames)[:, None]
    return (window * np.cos(angle)).astype(np.float32), (window * np.sin(angle)).astype(np.float32)


def _ranges(n_bins: int) -> Array:
    """Means over about ten ranges of modulation rate, equally wide in octaves [shape=(n_bins, n_ranges)]."""
    edges = np.unique(np.geomspace(1, n_bins - 1, 11).round().astype(int))
    bins = np.arange(n_bins)[:, None]
    inside = ((bins >= edges[:-1]) & (bins < edges[1:])).astype(np.float32)
    ranges: Array = inside / inside.sum(axis=0, keepdims=True)
    return ranges


@dataclass(kw_only=True, eq=False, repr=False)
class TextureModel(TorchModel):
    """Statistics of timbre and rhythm over the window, and one hidden layer.

    The descriptors (MFCC statistics and correlations, contrast, modulations) have no weights. They are layers
    of the graph, so that its input is a log-mel as for any network; training takes seconds.

    Parameters
    ----------
    n_hidden : int
        Hidden units.
    dropout : float
        Before the last layer; half as much of the descriptors.
    """

    n_hidden: int = param(256, Whole(least=1, most=65536), search=Search(choices=(128, 256, 512)))
    dropout: float = param(0.5, FRACTION, search=Search(0.3, 0.7))
    epochs: int = param(25, Whole(least=1))
    learning_rate: float = param(2e-3, LEARNING_RATE, search=Search(5e-4, 8e-3, log=True))
    mixup: float = param(0.3, MIXUP, search=Search(0.0, 1.0))
    average: float = param(0.99, FRACTION)

    def _network(self, train: Examples, n_classes: int) -> Network:
        return TextureNetwork(train.X, n_classes, n_hidden=self.n_hidden, dropout=self.dropout)
