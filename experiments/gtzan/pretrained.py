"""Networks that others have designed, on GTZAN's first 3 s, from nothing and from weights that others have trained.

    EARMARK_WEIGHTS=path/to/teacher python experiments/gtzan/pretrained.py path/to/data/gtzan runs/pretrained_gtzan

`train` and `valid` of the fault-filtered split. Settings are those that the families come with, or were written down
before the first training, and nothing was chosen by `valid`. `mn04_as` has been trained on AudioSet's two million
clips, genres among them: what it reaches is not what 436 windows teach. The residual networks from ImageNet need the
hub; without it there is no figure. `experiments/gtzan/page.py` writes what comes of it to docs/benchmarks.md.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from protocol import given, measured, read

AUGMENT = ("time-shift", "specaugment")
THAW = {"epochs": 12, "learning_rate": 1e-3, "unfreeze_every": 2, "layer_decay": 0.4}

# label: family, number of seeds, parameters
RUNS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "`mn`, from `mn04_as` (learned from AudioSet too)": ("mn", 5, {"weights": "mn04_as", **THAW}),
    "`mn`, from nothing": ("mn", 1, {}),
    "`resnet34`, from nothing": ("resnet34", 1, {"weights": None, "unfreeze_every": 0, "layer_decay": 1.0}),
}


def main(folder: Path, keep: Path) -> None:
    deals = given(read(folder, "3 s"))
    for label, (name, n_seeds, params) in RUNS.items():
        measured(label, name, deals[:n_seeds], keep, augment=AUGMENT, bf16=True, **params)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
