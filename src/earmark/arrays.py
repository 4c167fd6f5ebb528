"""Types of arrays, for annotations: the one home of their names."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Floats = NDArray[np.floating]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Indices = NDArray[np.intp]
