"""Every family of models that learns in seconds, on GTZAN, and the two-genre task.

    python experiments/gtzan/families.py path/to/data/gtzan runs/families_gtzan

Trained on `train` of the fault-filtered split, measured on `valid` (no artist in both). All families have the
parameters that they come with, which were chosen by folds by artist of `train`, but for `knn-kl`, which was tried on
`valid` itself, so that its figure flatters it. Two tasks, ten genres each:

* 30 s: the 57 librosa descriptors of the whole clip that the Kaggle edition of GTZAN publishes.
* 3 s: the first 3 s, as log-mels. The families of descriptors are given the mean and deviation of 20 MFCC and
  the deviation of their deltas, 60 numbers.

`experiments/gtzan/page.py` writes what comes of it to docs/benchmarks.md.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from protocol import SEEDS, Examples, dealt, given, measured, read

from earmark.features import delta, mfcc
from earmark.models import load_model

NAMES = ("logistic", "svm", "mlp", "boosting", "knn", "scratch-logistic", "scratch-mlp")
LISTENER = "earmark-lite"  # takes the log-mels of the 3 s
ON_EMBEDDINGS = {
    "embedding, `logistic`": {"bundle": LISTENER},
    "embedding, `svm`": {"bundle": LISTENER, "classifier": "svm"},
}
FROM_SCRATCH = ("scratch-logistic", "scratch-mlp")
TWO_GENRES = ("classical", "pop")

Rows = dict[str, dict[str, Any]]


def statistics(examples: Examples) -> Examples:
    rows = []
    for S_db in examples.X:
        C = mfcc(S_db, n_mfcc=20)
        rows.append(np.concatenate([C.mean(axis=1), C.std(axis=1), delta(C).std(axis=1)]))
    return replace(examples, X=np.array(rows, np.float32))


def listener() -> str:
    """First digits of the weights that `embedding` listens with."""
    return load_model(LISTENER).card.sha256[:12]


def ten_genres(folder: Path, keep: Path) -> dict[str, Rows]:
    """Answers by task and family."""
    spectra = read(folder, "3 s")
    tasks = {"30 s": given(read(folder, "30 s")), "3 s": given(statistics(spectra))}
    found = {
        task: {f"`{name}`": measured(f"{name} {task}", name, deals, keep) for name in NAMES}
        for task, deals in tasks.items()
    }
    heard = given(spectra)
    found["3 s"]["`knn-kl`"] = measured("knn-kl 3 s", "knn-kl", heard, keep)
    of_listener = keep / listener()  # what the model is may change
    for label, params in ON_EMBEDDINGS.items():
        found["3 s"][label] = measured(label, "embedding", heard, of_listener, **params)
    return found


def two_genres(folder: Path, keep: Path) -> dict[str, Rows]:
    """Pop against classical: answers by protocol and family."""
    both = read(folder, "30 s").of(*TWO_GENRES)
    deals = {"given": given(both), "folds": dealt(both, "grouped", folds=5)}
    return {
        protocol: {f"`{name}`": measured(f"two {protocol} {name}", name, some, keep) for name in FROM_SCRATCH}
        for protocol, some in deals.items()
    }


def honest_and_leaky(folder: Path, keep: Path) -> Rows:
    """`scratch-mlp` on ten genres, asked about as many tracks by other artists, and dealt out at random."""
    long = read(folder, "30 s")
    honest = given(long)
    share = len(honest[0].test.y) / len(long.y)
    return {
        "honest": measured("scratch-mlp 30 s", "scratch-mlp", honest, keep),
        "leaky": measured("scratch-mlp leaky", "scratch-mlp", dealt(long, "random", test=share), keep),
    }


if __name__ == "__main__":
    for measure in (ten_genres, two_genres, honest_and_leaky):
        measure(*map(Path, sys.argv[1:3]))
    print(len(SEEDS), "seeds")
