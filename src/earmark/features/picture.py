"""A picture of any length of sound in a fixed size: peaks of the waveform and columns of a log-mel.

What a page draws of a song. Both are kept as a growing row of cells; whenever there are too many, neighbours
are merged, so that two hours of sound take the memory of a minute.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from earmark.arrays import Float32
from earmark.features.log_mel import FrameStream
from earmark.features.spec import FeatureSpec
from earmark.features.stft import vector

SCHEMA = "earmark.picture/1"
N_PEAKS, N_COLUMNS, N_BANDS = 1800, 1000, 72
LOWEST_HZ, HIGHEST_HZ = 30.0, 11_025.0
FLOOR_DB = -80.0

_SPARE = 4  # cells for each of the picture, at most: bounds of what is drawn move by a quarter of one
_FIRST_STEP = 16  # samples in the first cells of the waveform

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Picture:
    """Peaks and log-mel of a sound.

    Parameters
    ----------
    duration : float
        In seconds.
    low, high : np.ndarray, float32 [shape=(n,)]
        Least and greatest sample of each n-th part of the sound.
    log_mel : np.ndarray, uint8 [shape=(columns, bands)]
        Mean power of each part by mel band, the lowest first: 0 is -80 dB or less, 255 is 0 dB, which a sine
        of full scale has in its band.
    fmin, fmax : float
        Ends of the mel scale (Slaney's) in Hz.
    """

    duration: float
    low: Float32
    high: Float32
    log_mel: Bytes
    fmin: float
    fmax: float

    def to_dict(self) -> dict[str, Any]:
        """Return the picture as ``earmark.picture/1``, ready for JSON."""
        columns, bands = self.log_mel.shape
        return {
            "schema": SCHEMA,
            "duration": round(self.duration, 3),
            "peaks": {"n": len(self.low), "min": _rounded(self.low), "max": _rounded(self.high)},
            "log_mel": {
                "columns": columns,
                "bands": bands,
                "fmin": self.fmin,
                "fmax": self.fmax,
                "db": [FLOOR_DB, 0.0],
                "data": base64.b64encode(self.log_mel.tobytes()).decode("ascii"),
            },
        }


class PictureStream:
    """Draws a sound that arrives in blocks, in constant memory.

    Parameters
    ----------
    sr : int
        Samples per second.
    n_peaks, n_columns, n_bands : int
        Size of the picture; a short sound gives fewer peaks and columns.

    Examples
    --------
    >>> stream = PictureStream(22050)
    >>> stream.push(np.zeros(220_500, np.float32))
    >>> picture = stream.close()
    >>> picture.duration, len(picture.low), picture.log_mel.shape
    (10.0, 1800, (431, 72))
    """

    def __init__(
        self, sr: int, *, n_peaks: int = N_PEAKS, n_columns: int = N_COLUMNS, n_bands: int = N_BANDS
    ) -> None:
        top_hz = min(HIGHEST_HZ, sr / 2)
        self.spec = FeatureSpec(sr=sr, n_mels=n_bands, fmin=LOWEST_HZ, fmax=top_hz, norm=None)
        # A sine of full scale has the power (sum of the window / 2) ** 2.
        self._full_db = 20 * np.log10(self.spec.n_fft / 4)
        self._frames = FrameStream(self.spec)
        self._low = _Cells(n_peaks, np.minimum, 1, step=_FIRST_STEP)
        self._high = _Cells(n_peaks, np.maximum, 1, step=_FIRST_STEP)
        self._power = _Cells(n_columns, np.add, n_bands)
        self._n_samples = 0

    def push(self, y: npt.NDArray[np.floating]) -> None:
        """Take samples [shape=(n,)].

        Raises
        ------
        InputError, BadSamplesError
            As of `FrameStream.push`.
        """
        y = vector(y)
        self._n_samples += len(y)
        self._low.push(y[:, None])
        self._high.push(y[:, None])
        self._push_frames(self._frames.push(y).S_db)

    def close(self) -> Picture:
        """Return the picture."""
        self._push_frames(self._frames.close().S_db)
        power, counts = self._power.row()
        mean = power / np.maximum(counts, 1)[:, None]
        db = 10 * np.log10(np.maximum(mean, 1e-30))
        scaled = np.clip(255 * (1 - db / FLOOR_DB), 0, 255)
        low, high = (cells.row()[0][:, 0].astype(np.float32) for cells in (self._low, self._high))
        seconds = self._n_samples / self.spec.sr
        return Picture(
            seconds, low, high, np.round(scaled).astype(np.uint8), self.spec.fmin, self.spec.top_hz
        )

    def _push_frames(self, S_db: Float32) -> None:
        self._power.push(10 ** ((S_db.T - self._full_db) / 10))


class _Cells:
    """A row of cells, each of which holds `step` things merged; in bounded memory."""

    def __init__(self, n: int, merge: np.ufunc, width: int, *, step: int = 1) -> None:
        self._n, self._merge, self._step = n, merge, step
        self._cells = np.empty((0, width))
        self._rest = np.empty((0, width))  # things that fill no cell yet

    def push(self, things: npt.NDArray[np.floating]) -> None:
        """Take things [shape=(k, width)]."""
        joined = np.concatenate([self._rest, things]) if len(self._rest) else things
        n = len(joined) // self._step * self._step
        self._rest = np.array(joined[n:], np.float64)
        made = self._merged(np.asarray(joined[:n]), self._step)
        self._cells = np.concatenate([self._cells, made])
        while len(self._cells) > _SPARE * self._n:
            self._double()

    def row(self) -> tuple[np.ndarray, np.ndarray]:
        """Return at most n cells [shape=(n, width)] and how many things each holds [shape=(n,)]."""
        cells, counts = self._cells, np.full(len(self._cells), self._step)
        if len(self._rest):
            cells = np.concatenate([cells, self._merge.reduce(self._rest, axis=0)[None]])
            counts = np.append(counts, len(self._rest))
        n = min(self._n, len(cells))
        if not n:
            return cells, counts
        places = np.arange(n) * len(cells) // n
        return self._merge.reduceat(cells, places, axis=0), np.add.reduceat(counts, places)

    def _double(self) -> None:
        """Merge neighbours; an odd one at the end becomes part of the rest, as the things it holds."""
        even = len(self._cells) // 2 * 2
        odd = self._cells[even:]
        self._cells = self._merged(self._cells[:even], 2)
        if len(odd):
            # For a sum the cell is spread over its things, so that it weighs as much as before.
            share = odd / self._step if self._merge is np.add else odd
            self._rest = np.concatenate([np.repeat(share, self._step, axis=0), self._rest])
        self._step *= 2

    def _merged(self, things: np.ndarray, k: int) -> np.ndarray:
        grouped = things.reshape(len(things) // k, k, things.shape[1])
        return np.asarray(self._merge.reduce(grouped, axis=1), np.float64)


def _rounded(values: Float32) -> list[float]:
    return [round(value, 3) for value in np.clip(values, -1, 1).tolist()]
