"""Figures with intervals: every one resamples whole artists, for two songs of one artist are not two opinions."""

from __future__ import annotations

import hashlib

import numpy as np

N_BOOTSTRAP = 2000


def interval(values: np.ndarray, groups: list[str], seed: int = 0) -> tuple[float, float, float]:
    """Mean and 95 % percentile interval of per-track values, artists resampled."""
    names, index = np.unique(groups, return_inverse=True)
    sums, counts = np.bincount(index, values, len(names)), np.bincount(index, minlength=len(names))
    draws = np.random.default_rng(seed).multinomial(
        len(names), np.full(len(names), 1 / len(names)), N_BOOTSTRAP
    )
    means = (draws @ sums) / (draws @ counts)
    return float(values.mean()), *(float(v) for v in np.percentile(means, [2.5, 97.5]))


def metric(name: str, values: np.ndarray, groups: list[str], split: str, digest: str) -> dict[str, object]:
    value, low, high = interval(np.asarray(values, float), groups)
    return {"name": name, "value": round(value, 4), "low": round(low, 4), "high": round(high, 4), "n": len(values),
            "split": split, "split_digest": digest}  # fmt: skip


def digest(assignment: dict[str, object]) -> str:
    """Digest of a split: every track's id with the part that it is in."""
    text = "\n".join(f"{name}\t{part}" for name, part in sorted(assignment.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def auc(score: np.ndarray, positive: np.ndarray) -> float:
    """Area under the ROC curve: the share of pairs in the right order (Mann & Whitney)."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    n, m = positive.sum(), (~positive).sum()
    return float((rank[positive].sum() - n * (n + 1) / 2) / (n * m)) if n and m else float("nan")


def average_precision(score: np.ndarray, positive: np.ndarray) -> float:
    hits = positive[np.argsort(-score, kind="stable")]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean()) if hits.any() else float("nan")


def calibration_error(confidence: np.ndarray, correct: np.ndarray, n_bins: int = 10) -> float:
    """Expected calibration error over bins of equal count."""
    order = np.argsort(confidence, kind="stable")
    bins = np.array_split(order, n_bins)
    return float(sum(len(b) * abs(confidence[b].mean() - correct[b].mean()) for b in bins) / len(order))


def neighbours(
    embedding: np.ndarray, groups: list[str], share: np.ndarray, k: int = 10
) -> tuple[np.ndarray, float]:
    """Per track, the share of its k nearest by other artists that `share` says are alike; and the hubness
    (skewness of how often a track is among the ten; Radovanovic et al. 2010)."""
    unit = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
    similarity = unit @ unit.T
    names = np.array(groups)
    similarity[names[:, None] == names[None]] = -np.inf
    nearest = np.argsort(-similarity, axis=1)[:, :k]
    occurrence = np.bincount(nearest.ravel(), minlength=len(unit)).astype(float)
    centred = occurrence - occurrence.mean()
    return np.take_along_axis(share, nearest, 1).mean(1), float(
        (centred**3).mean() / (centred**2).mean() ** 1.5
    )
