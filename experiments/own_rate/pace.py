"""The tempo to expect of such music, from the outputs of both taggers: it decides between a tempo and its double or half.

    python pace.py ../../../shared RUNS EXPECTED.json

Ridge regressions of the logarithm of the tempo, one on mn04's embedding and one on fcn_msd, averaged: annotated clips of
GTZAN, music whose composer states the tempo, and synthesised dance music. `ship.py` puts the line of all clips into the
graph, as the amount ``pace``. EXPECTED.json holds what is expected of each GTZAN clip, in octaves from 110 BPM, by lines that were trained
on no clip of its artist, for `tempo_key/train.py`: of each fold there, its own clips by the other folds, the others by inner folds.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import lines
import numpy as np
from hear import listener
from lessons import corpus
from said import Said

sys.path.append(str(Path(__file__).parents[1] / "tempo_key"))
from drums import club_track
from material import FOLDS, folds
from material import read as annotated

USUAL_BPM, OCTAVES = 110.0, 4.0  # pace 0.5, and from 0 to 1
PENALTY = 1.0  # for each column, of unit deviation
FREE = 0.3  # weight of music whose composer states the tempo: most of it is by one
CLUB = 0.3  # of synthesised tracks
N_CLUB_TRACKS, CLUB_SEED = 100, 23
INNER_FOLDS = 5
EARS = (np.arange(384), np.arange(911, 1025))  # mn04's embedding; fcn_msd


@dataclass
class Paces:
    """Clips of known tempo."""

    ids: list[str]
    x: np.ndarray  # what the ears say [shape=(n, 1025)]
    octaves: np.ndarray  # from USUAL_BPM
    weights: np.ndarray
    artists: list[str]  # "" for what is in no fold
    fold: np.ndarray  # -1 for that


def read(shared: Path, said: Said) -> Paces:
    data = shared / "data"
    clips = annotated(data / "gtzan")
    of = folds(clips)
    own = [said.named_own("gtzan", clip.id) for clip in clips]
    free = [r for r in corpus.rows(data / "free_labelled") if r["bpm"] and 30 <= float(r["bpm"]) <= 300]
    more = [said.named_own("free_labelled", row["id"]) for row in free]
    club, club_bpm = club_tracks(shared, said.runs / "club.npz")
    bpm = np.array([c.tempo for c in clips] + [float(r["bpm"]) for r in free] + club_bpm.tolist())
    others = len(free) + len(club)
    return Paces(
        [c.id for c in clips] + [r["id"] for r in free] + [f"club{k}" for k in range(len(club))],
        np.stack([x.mean(0) for x in (*own, *more)] + list(club)),
        np.log2(bpm / USUAL_BPM),
        np.repeat([1.0, FREE, CLUB], [len(clips), len(free), len(club)]),
        [c.artist for c in clips] + [""] * others,
        np.array([of[c.id] for c in clips] + [-1] * others),
    )


def club_tracks(shared: Path, file: Path) -> tuple[np.ndarray, np.ndarray]:
    """What the ears say of synthesised dance music, whose tempo is known; made once."""
    if not file.exists():
        rng = np.random.default_rng(CLUB_SEED)
        tracks = [club_track(rng) for _ in range(N_CLUB_TRACKS)]
        heard = [listener(shared).windows(y) for y, _, _ in tracks]
        x = [np.hstack([one[ear] for ear in ("mn22", "msd22")]).mean(0) for one in heard]
        np.savez(file, x=np.stack(x), bpm=[bpm for _, bpm, _ in tracks])
    with np.load(file) as archive:
        return archive["x"], archive["bpm"]


def line(paces: Paces, scaler: lines.Scaler, use: np.ndarray | None = None) -> lines.Line:
    """Pace, 0 to 1, of standardised values: the mean of one ridge regression for each ear."""
    rows = np.ones(len(paces.ids), bool) if use is None else use
    X, y, w = scaler(paces.x[rows]), 0.5 + paces.octaves[rows, None] / OCTAVES, paces.weights[rows]
    weight, bias = np.zeros((X.shape[1], 1)), np.zeros(1)
    for columns in EARS:
        one = lines.ridge(X[:, columns], y, w, PENALTY * len(columns))
        weight[columns] += one.weight / len(EARS)
        bias += one.bias / len(EARS)
    return lines.Line(weight, bias)


def expected(paces: Paces, scaler: lines.Scaler) -> dict[str, dict[str, float]]:
    """Octaves from USUAL_BPM of each annotated clip, for each fold that is left out, and for none."""
    names = sorted(set(paces.artists) - {""})
    inner = np.array([names.index(a) % INNER_FOLDS if a else -1 for a in paces.artists])
    found: dict[str, dict[str, float]] = {}
    for fold in (*range(FOLDS), "all"):
        shown = paces.fold != fold
        p = line(paces, scaler, shown)(scaler(paces.x))[:, 0]
        for k in range(INNER_FOLDS):
            mine = shown & (inner == k)
            p[mine] = line(paces, scaler, shown & (inner != k))(scaler(paces.x[mine]))[:, 0]
        found[str(fold)] = {
            i: round(OCTAVES * (v - 0.5), 4)
            for i, v, f in zip(paces.ids, p.tolist(), paces.fold, strict=True)
            if f >= 0
        }
    return found


def main(shared: Path, runs: Path, file: Path) -> None:
    said = Said(runs)
    paces = read(shared, said)
    found = expected(paces, lines.Scaler.of(paces.x))
    own = paces.fold >= 0
    unmet = [found[str(fold)][clip] for clip, fold in zip(paces.ids, paces.fold, strict=True) if fold >= 0]
    off, spread = np.sqrt(np.mean((unmet - paces.octaves[own]) ** 2)), paces.octaves[own].std()
    print(f"octaves off, root mean square: {off:.3f}; spread of the tempi: {spread:.3f}")
    file.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
