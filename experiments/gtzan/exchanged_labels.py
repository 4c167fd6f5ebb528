"""How many exchanged labels of GTZAN `earmark check` doubts, and how many of its doubts are right (docs/check.md).

The clips are measured once, not once a draw, and by the two functions that `check` itself calls.

   python experiments/gtzan/exchanged_labels.py path/to/data/gtzan [MODEL]      # or none, for descriptors alone
"""

from __future__ import annotations

import dataclasses
import importlib
import sys
from pathlib import Path

import numpy as np

from earmark.data import read_manifest
from earmark.evaluate.bootstrap import bootstrap
from earmark.progress import no_progress

checking = importlib.import_module("earmark.check.check")  # the package has a function of that name

SHARE, N_DRAWS = 0.05, 10


def main(folder: Path, model: str = "earmark-base") -> None:
    manifest = read_manifest(folder)
    measured, _ = checking._measured(manifest, None if model == "none" else model, 2, None, no_progress)
    found, right = [], []
    for draw in range(N_DRAWS):
        rng = np.random.default_rng(draw)
        wrong = set(rng.choice(len(manifest), round(SHARE * len(manifest)), replace=False).tolist())
        tracks = list(manifest.tracks)
        for i in wrong:
            others = [name for name in manifest.classes if name not in tracks[i].labels]
            tracks[i] = dataclasses.replace(tracks[i], labels=(str(rng.choice(others)),))
        spoilt = dataclasses.replace(manifest, tracks=tuple(tracks))
        findings = checking._outliers_and_labels(spoilt, measured, 3.0, draw, [])
        doubted = {finding.tracks[0] for finding in findings if finding.kind == "label"}
        hits = doubted & {manifest.tracks[i].id for i in wrong}
        found.append(len(hits) / len(wrong))
        right.append(len(hits) / max(1, len(doubted)))
    print(f"{len(manifest)} clips: {over_draws(found)} found, {over_draws(right)} of the doubts right")


def over_draws(values: list[float]) -> str:
    """Mean and its 95 % interval, by resampling the draws."""
    interval = bootstrap(lambda w: float(w @ np.array(values) / w.sum()), range(len(values)))[0]
    return f"{np.mean(values):.0%} ({interval.low:.0%} to {interval.high:.0%})"


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
