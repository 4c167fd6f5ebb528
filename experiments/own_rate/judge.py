"""Which ears are worth having: classifiers on what they say, judged on music that nothing has learnt from.

    python judge.py ../../../shared RUNS

Trained on panda4q and mirex_mood without the reserved fold, GTZAN's `train` and free_labelled; judged on the exam and on
the reserved fold. A track is the mean of its windows.
"""

from __future__ import annotations

import csv
import sys
import warnings
from pathlib import Path

import corpus
import numpy as np
from probes import Examples
from reserved import is_reserved
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

PRIOR = 0.5
FOUR = {
    "classical": ("classical",),
    "electronic": ("electronic",),
    "pop": ("pop",),
    "rock": ("rock", "metal"),
}


class Heard:
    """What was said of each clip, by the means of its windows."""

    def __init__(self, runs: Path) -> None:
        self.files = {file.stem: np.load(file) for file in runs.glob("*.npz")}

    def mean(self, collection: str, ids: list[str], ear: str) -> np.ndarray:
        file = self.files[collection]
        return np.stack([file[f"{name}|{ear}"].astype(np.float64).mean(0) for name in ids])


class Table:
    """Tracks of a collection with their labels."""

    def __init__(
        self,
        collection: str,
        ids: list[str],
        labels: list[tuple[str, ...]],
        groups: list[str],
        quadrants: list[str] | None = None,
    ) -> None:
        self.collection, self.ids, self.labels, self.groups = collection, ids, labels, groups
        self.quadrants = quadrants or [""] * len(ids)

    def take(self, use: list[bool]) -> Table:
        pick = lambda values: [v for v, u in zip(values, use, strict=True) if u]  # noqa: E731
        return Table(
            self.collection, pick(self.ids), pick(self.labels), pick(self.groups), pick(self.quadrants)
        )


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def tables(shared: Path) -> tuple[list[Table], list[Table]]:
    """To learn from, and to judge by."""
    data, learnt, judged = shared / "data", [], []
    known = {
        r["artist"]: tuple(g for g in r["genres"].split("|") if g) for r in rows(data / "artist_genres.csv")
    }
    held = []
    for name in ("panda4q", "mirex_mood"):
        found = [r for r in rows(data / name / "tracks.csv")]
        table = Table(name, [r["id"] for r in found], [known[r["artist"]] for r in found],
                      [corpus.artist_key(r["artist"]) for r in found], [r.get("quadrant") or "" for r in found])  # fmt: skip
        reserved = [is_reserved(r["artist"]) for r in found]
        learnt.append(table.take([not r for r in reserved]))
        held.append(table.take(reserved))
    found = [r for r in rows(data / "gtzan" / "tracks.csv") if r["audio"]]
    table = Table("gtzan", [r["id"] for r in found], [({"hiphop": "hip-hop"}.get(r["genre"], r["genre"]),) for r in found],
                  ["gtzan " + corpus.artist_key(r["artist"]) for r in found])  # fmt: skip
    learnt.append(table.take([r["split"] == "train" for r in found]))
    judged.append(table.take([r["split"] == "valid" for r in found]))
    found = [r for r in rows(data / "free_labelled" / "tracks.csv") if r["genre"]]
    learnt.append(Table("free_labelled", [r["id"] for r in found], [tuple(r["genre"].split("|")) for r in found],
                        [r["artist"] for r in found]))  # fmt: skip
    for name in ("own_songs", "emotify"):
        found = rows(shared / "exam" / name / "tracks.csv")
        judged.append(Table(name, [r["id"] for r in found], [tuple(r["genre"].split("|")) for r in found],
                            [r.get("artist") or r["id"] for r in found]))  # fmt: skip
    return learnt, judged + held


def features(heard: Heard, table: Table, ears: tuple[str, ...]) -> np.ndarray:
    return np.hstack([heard.mean(table.collection, table.ids, ear) for ear in ears])


def members(kinds: str):
    if "l" in kinds:
        yield lambda n: LogisticRegression(C=0.003, max_iter=300)
    if "s" in kinds:
        yield lambda n: SVC(C=3, gamma=0.3 / n, probability=True, random_state=0)


def classifier(
    X: np.ndarray, labels: list[tuple[str, ...]], kinds: str = "ls", shares: np.ndarray | None = None
):
    examples = Examples(labels)
    if shares is not None:
        examples.weights = examples.weights * shares[examples.rows]
    chosen, y, weights = examples.of(np.ones(len(X), bool), PRIOR)
    scaler = StandardScaler().fit(X[np.unique(chosen)])
    fit_on = np.clip(scaler.transform(X), -5, 5)[chosen]
    fitted = [make(X.shape[1]).fit(fit_on, y, sample_weight=weights) for make in members(kinds)]
    names = np.unique(examples.labels)
    order = [list(names).index(g) if g in names else -1 for g in corpus.GENRES]

    def ask(X: np.ndarray) -> np.ndarray:
        p = np.mean([f.predict_proba(np.clip(scaler.transform(X), -5, 5)) for f in fitted], axis=0)
        return np.stack([p[:, o] if o >= 0 else np.zeros(len(p)) for o in order], 1)

    return ask


def right(table: Table, p: np.ndarray) -> np.ndarray:
    if table.collection == "emotify":
        names = list(FOUR)
        scores = np.stack([p[:, [corpus.GENRES.index(g) for g in FOUR[n]]].max(1) for n in names], 1)
        return np.array([names[i] in said for i, said in zip(scores.argmax(1), table.labels, strict=True)])
    if table.collection == "gtzan":
        ten = [corpus.GENRES.index(g) for g in corpus.GTZAN_UNSURE]
        return np.array(
            [corpus.GENRES[ten[i]] in said for i, said in zip(p[:, ten].argmax(1), table.labels, strict=True)]
        )
    return np.array([corpus.GENRES[i] in said for i, said in zip(p.argmax(1), table.labels, strict=True)])


def first_two(table: Table, p: np.ndarray) -> np.ndarray:
    best = np.argsort(-p, 1)[:, :2]
    return np.array(
        [
            bool({corpus.GENRES[i] for i in pair} & set(said))
            for pair, said in zip(best, table.labels, strict=True)
        ]
    )


def show(name: str, judged: list[Table], answers: list[np.ndarray]) -> None:
    parts = []
    for table, p in zip(judged, answers, strict=True):
        parts.append(f"{100 * right(table, p).mean():5.1f}")
        if table.collection == "own_songs":
            parts.append(f"({100 * first_two(table, p).mean():4.1f})")
    print(f"{name:<44} " + " ".join(parts), flush=True)


def main(shared: Path, runs: Path) -> None:
    warnings.simplefilter("ignore")
    heard = Heard(runs)
    learnt, judged = tables(shared)
    learnt = [t for t in learnt if t.collection in heard.files]
    print("judged:", *[f"{t.collection} n={len(t.ids)}" for t in judged])
    shipped = [heard.mean(t.collection, t.ids, "genres") for t in judged]
    show("shipped", judged, shipped)
    labels = [said for t in learnt for said in t.labels]
    shares = np.concatenate(
        [np.full(len(t.ids), 0.25 if t.collection == "free_labelled" else 1.0) for t in learnt]
    )
    for ears in (("mn32",), ("msd16",), ("mn32", "msd16"), ("mn22",), ("msd22",), ("mn22", "msd22"), ("shipped",),
                 ("shipped", "mn22"), ("shipped", "msd22"), ("shipped", "mn22", "msd22"), ("mn32", "msd16", "jamendo16")):  # fmt: skip
        X = np.vstack([features(heard, t, ears) for t in learnt])
        ask = classifier(X, labels, shares=shares)
        answers = [ask(features(heard, t, ears)) for t in judged]
        show("+".join(ears), judged, answers)
        show(
            "   with shipped, half and half",
            judged,
            [(a + b) / 2 for a, b in zip(answers, shipped, strict=True)],
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
