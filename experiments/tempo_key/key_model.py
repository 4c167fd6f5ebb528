"""Training of `earmark.features.key_choice`: multinomial logistic regression that is the same for all twelve tonics."""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch

from earmark.features import KEYS
from earmark.features.key_choice import moved

PENALTY = 0.04
SYNTHETIC = 0.25  # weight of the synthetic progressions in all
BALANCE = 0.5  # a clip weighs the frequency of its genre to that negative power


def train(
    vectors: list[np.ndarray], keys: list[str], genres: list[str], synthetic: np.ndarray
) -> dict[str, np.ndarray]:
    """Train on vectors of `TonalStream` [shape=(9, 12)] with their keys, and on progressions.

    `synthetic` [shape=(n, 2, 9, 12)] are of pieces in C major and of as many in C minor.
    """
    rows = [*vectors, *synthetic[:, 0], *synthetic[:, 1]]
    X = torch.tensor(np.array([moved(v[:-1]) for v in rows]), dtype=torch.float32)
    n = len(synthetic)
    y = torch.tensor([KEYS.index(key) for key in keys] + [0] * n + [12] * n)
    count = Counter(genres)
    weights = np.array([count[genre] ** -BALANCE for genre in genres])
    weights *= (1 - SYNTHETIC) / weights.sum()
    share = torch.tensor([*weights, *[SYNTHETIC / (2 * n)] * (2 * n)], dtype=torch.float32)
    weight, bias = torch.zeros(2, X.shape[2], requires_grad=True), torch.zeros(2, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=300, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        score = torch.einsum("ntf,mf->nmt", X, weight) + bias[None, :, None]
        entropy = torch.nn.functional.cross_entropy(score.reshape(len(X), 24), y, reduction="none")
        value = (share * entropy).sum() + PENALTY * (weight**2).sum()
        value.backward()
        return value

    optimiser.step(loss)
    return {"weight": weight.detach().numpy(), "bias": bias.detach().numpy()}
