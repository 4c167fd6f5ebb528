"""Which recordings are the same one, at another bitrate, level, offset or speed.

>>> index = CopyIndex(rate=64)                                         # doctest: +SKIP
>>> for landmarks in library: index.add(landmarks)                     # doctest: +SKIP
>>> [compare(library[i], new) for i in index.candidates(new)]          # doctest: +SKIP

`compare` judges two recordings, `index` finds those among many that are worth it, `search` does both for all
pairs of a data set.
"""

from earmark.duplicates.compare import Copy, compare
from earmark.duplicates.index import CopyIndex
from earmark.duplicates.search import find_copies

__all__ = ["Copy", "CopyIndex", "compare", "find_copies"]
