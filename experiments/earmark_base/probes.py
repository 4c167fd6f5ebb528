"""What the taggers' answers say of genre, quadrant and mood, by classifiers that never met the track's artist.

The second stage of distillation learns these too: of the thousand numbers that the taggers answer, they are the
directions that matter. Each track is answered by classifiers trained on the folds without its artist, so that no
track ever brings its own label into the backbone; tracks without labels get the mean of all folds.

    python probes.py DATA RUNS/teachers RUNS/probes.npz
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import corpus
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

N_FOLDS, SEED = 5, 0
PRIOR = 0.5  # as in heads.py
LABELLED = ("gtzan", "panda4q", "mirex_mood")


def answers(tracks: list[corpus.Track], folder: Path) -> np.ndarray:
    """All that the taggers said of each track, the mean over its views [shape=(n, 1695)]."""
    said: dict[str, np.ndarray] = {}
    for collection in corpus.COLLECTIONS:
        with np.load(folder / f"{collection}.npz") as archive:
            said.update({name: archive[name] for name in archive.files})
    names = ("mn04", "msd", "jamendo", "musicnn", "vgg")
    return np.stack(
        [np.concatenate([np.atleast_2d(said[f"{t.id}|{name}"]).mean(0) for name in names]) for t in tracks]
    )


class Examples:
    """One row for each label of a track, as many as it has."""

    def __init__(self, labels: list[tuple[str, ...]]) -> None:
        found = [(i, label, 1 / len(said)) for i, said in enumerate(labels) for label in said]
        self.rows, self.labels, self.weights = (np.array(column) for column in zip(*found, strict=True))

    def of(self, use: np.ndarray, prior: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        kept = use[self.rows]
        rows, labels, weights = self.rows[kept], self.labels[kept], self.weights[kept]
        names, index = np.unique(labels, return_inverse=True)
        weights = weights * np.bincount(index, weights)[index] ** -(1 - prior)
        return rows, np.searchsorted(names, labels), weights * len(weights) / weights.sum()


def crossed(Z: np.ndarray, examples: Examples, fold: np.ndarray, prior: float) -> np.ndarray:
    """Probabilities of each track by the mean of a linear and a kernel classifier, its own fold left out."""
    n_labels = len(np.unique(examples.labels))
    out = np.zeros((len(Z), n_labels))
    for k in range(N_FOLDS):
        rows, y, weights = examples.of((fold != k) & (fold >= 0), prior)
        scaler = StandardScaler().fit(Z[np.unique(rows)])
        X = np.clip(scaler.transform(Z), -5, 5)
        members = (
            LogisticRegression(C=0.003, max_iter=300),
            SVC(C=3, gamma=0.3 / X.shape[1], probability=True, random_state=SEED),
        )
        for member in members:
            p = member.fit(X[rows], y, sample_weight=weights).predict_proba(X)
            out += np.where((fold == k)[:, None], p, np.where((fold < 0)[:, None], p / N_FOLDS, 0)) / len(
                members
            )
    return out


def words(Z: np.ndarray, target: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Probabilities of the mood words, each for itself, in the same way."""
    out = np.zeros(target.shape)
    for k in range(N_FOLDS):
        learnt = (fold != k) & (fold >= 0)
        X = np.clip(StandardScaler().fit(Z[learnt]).transform(Z), -5, 5)
        for j in range(target.shape[1]):
            rows = np.flatnonzero(learnt & ~np.isnan(target[:, j]))
            model = LogisticRegression(C=0.001, max_iter=300).fit(X[rows], target[rows, j])
            p = model.predict_proba(X)[:, 1]
            out[:, j] += np.where(fold == k, p, np.where(fold < 0, p / N_FOLDS, 0))
    return out


def main(args: argparse.Namespace) -> None:
    warnings.simplefilter("ignore")
    table = corpus.tracks(args.data)
    # GTZAN's `valid` and `excluded` are asked about by nobody and taught by nobody
    tracks = [
        t for t in table if t.path and t.collection != "nonmusic" and t.split not in ("valid", "excluded")
    ]
    Z = answers(tracks, args.teachers)
    fold = np.array(
        [corpus.fold_of(t.group, N_FOLDS, SEED) if t.collection in LABELLED else -1 for t in tracks]
    )
    genres = Examples([tuple(t.positives) for t in tracks])
    assert list(np.unique(genres.labels)) == sorted(corpus.GENRES)
    order = [sorted(corpus.GENRES).index(g) for g in corpus.GENRES]
    quadrants = Examples([(str(t.quadrant),) if t.quadrant >= 0 else () for t in tracks])
    vocabulary = corpus.mood_vocabulary(table)
    moods = np.stack([corpus.mood_target(t, vocabulary) for t in tracks])
    said = {
        "genres": crossed(Z, genres, fold, PRIOR)[:, order],
        "quadrant": crossed(Z, quadrants, fold, 1.0),
        "moods": words(Z, moods, fold),
    }
    right = [corpus.GENRES[said["genres"][i].argmax()] in t.positives for i, t in enumerate(tracks)]
    for name in LABELLED:
        of = [i for i, t in enumerate(tracks) if t.collection == name]
        print(name, "genres", np.mean([right[i] for i in of]))
    four = [i for i, t in enumerate(tracks) if t.quadrant >= 0]
    print("quadrant", np.mean([said["quadrant"][i].argmax() == tracks[i].quadrant for i in four]))
    np.savez(args.out, id=[t.id for t in tracks], **{k: v.astype(np.float32) for k, v in said.items()})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("data", "teachers", "out"):
        parser.add_argument(name, type=Path)
    main(parser.parse_args())
