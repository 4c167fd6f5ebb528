"""Weights of the small models of this room, as plain arrays beside it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np

from earmark.arrays import Float32


@lru_cache(maxsize=8)
def weights(name: str) -> Mapping[str, Float32]:
    """Return the arrays of ``weights/<name>.npz`` by name, as float32; do not write to them.

    Parameters
    ----------
    name : str
        ``"pulse"``, ``"tempo"`` or ``"key"``; how each was made: ``experiments/tempo_key``.
    """
    with np.load(Path(__file__).parent / "weights" / f"{name}.npz", allow_pickle=False) as arrays:
        found = {key: np.ascontiguousarray(arrays[key], dtype=np.float32) for key in arrays.files}
    for array in found.values():
        array.flags.writeable = False
    return found
