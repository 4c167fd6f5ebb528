"""Training of `earmark.features.tempo_choice`: a conditional logistic regression over the candidates of a clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from material import SPEC

from earmark.features import onset_strength
from earmark.features.tempo_choice import candidates_of, with_expected

PENALTY = 0.01
RIGHT = 0.05  # relative: the candidate that is meant


@dataclass(frozen=True)
class Candidates:
    """Tempi that are considered for a clip [shape=(n,)], and what is known of each [shape=(n, 17 or 19)]."""

    bpm: np.ndarray
    described: np.ndarray

    def expecting(self, bpm: float) -> Candidates:
        """The same, with the tempo to expect of such music known."""
        return Candidates(self.bpm, with_expected(self.bpm, self.described, bpm)) if len(self.bpm) else self


def candidates(S_db: np.ndarray, beat: np.ndarray, log_probability: np.ndarray) -> Candidates:
    """Return the candidates of a clip from the outputs of a network that was not trained on it."""
    return Candidates(*candidates_of(beat, log_probability, onset_strength(S_db), SPEC))


def train(clips: list[Candidates], tempi: list[float]) -> dict[str, np.ndarray]:
    """Train on clips of known tempo, without those where no candidate is right."""
    chosen = []
    for clip, tempo in zip(clips, tempi, strict=True):
        error = np.abs(clip.bpm / tempo - 1)
        if len(error) and error.min() < RIGHT:
            chosen.append((clip, int(error.argmin())))
    n = max(len(clip.bpm) for clip, _ in chosen)
    X = np.zeros((len(chosen), n, chosen[0][0].described.shape[1]), np.float32)
    absent = np.full((len(chosen), n), -1e4, np.float32)
    for k, (clip, _) in enumerate(chosen):
        X[k, : len(clip.bpm)], absent[k, : len(clip.bpm)] = clip.described, 0
    spread = X[absent == 0].std(axis=0) + 1e-3
    inputs, missing = torch.tensor(X / spread), torch.tensor(absent)
    right = torch.tensor([k for _, k in chosen])
    weight = torch.zeros(X.shape[2], requires_grad=True)
    optimiser = torch.optim.LBFGS([weight], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = torch.nn.functional.cross_entropy(inputs @ weight + missing, right)
        value = value + PENALTY * (weight**2).sum()
        value.backward()
        return value

    optimiser.step(loss)
    return {"weight": weight.detach().numpy() / spread}
