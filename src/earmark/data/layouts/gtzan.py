"""The layout of GTZAN (Tzanetakis & Cook 2002, "Musical genre classification of audio signals").

The folders of genres lie in ``genres`` (the collection itself) or ``genres_original``
(Kaggle's copy, beside pictures of spectrograms).
"""

from __future__ import annotations

from pathlib import Path

from earmark.data.columns import Columns
from earmark.data.layout import Layout
from earmark.data.layouts.folders import read_folders
from earmark.data.layouts.split_folders import is_split, read_split_folders
from earmark.data.manifest import Manifest

_FOLDERS = ("genres_original", "Data/genres_original", "genres")


def _folder(place: Path) -> Path | None:
    return next((place / name for name in _FOLDERS if (place / name).is_dir()), None)


def _read(place: Path, _: Columns) -> Manifest:
    folder = _folder(place) or place
    return read_split_folders(folder) if is_split(folder) else read_folders(folder)


LAYOUT = Layout(
    name="gtzan",
    summary="A folder with genres_original (Kaggle) or genres: a folder for each genre.",
    order=40,
    matches=lambda place: _folder(place) is not None,
    read=_read,
)
