"""A library: what was found about thousands of files, kept in one file and searched.

>>> with Library() as library:            # doctest: +SKIP
...     scan(library, ["Music"])
...     for row in library.rows():
...         print(row.name, row.genres, row.prediction.tempo)

`scan` brings a library up to date with folders, `watch` follows them; their steps are in `scanning`.
`analyse` makes a `Row` of a file, `Library` keeps rows. `schema` has the tables, `records` and `packing` turn
rows into records; `query` reads the query language, `tags` reads and writes the tags of files.
"""

from earmark.library.analyse import analyse
from earmark.library.catalogue import Library, default_path
from earmark.library.duplicates import Copies, find_duplicates
from earmark.library.embeddings import Embeddings, embeddings
from earmark.library.moods import MoodGroup, moods, tracks_of_mood
from earmark.library.playlist import Order, Rules, make_playlist
from earmark.library.playlist_files import playlist_text, save_playlist
from earmark.library.row import FileState, Item, ModelInfo, Row
from earmark.library.scanning.scan import scan
from earmark.library.scanning.summary import ScanSummary
from earmark.library.scanning.watch import watch
from earmark.library.similar import Neighbour, similar
from earmark.library.smart import refresh
from earmark.library.song_path import song_path
from earmark.library.tags import Tags, read_tags

__all__ = [
    "Copies",
    "Embeddings",
    "FileState",
    "Item",
    "Library",
    "ModelInfo",
    "MoodGroup",
    "Neighbour",
    "Order",
    "Row",
    "Rules",
    "ScanSummary",
    "Tags",
    "analyse",
    "default_path",
    "embeddings",
    "find_duplicates",
    "make_playlist",
    "moods",
    "playlist_text",
    "read_tags",
    "refresh",
    "save_playlist",
    "scan",
    "similar",
    "song_path",
    "tracks_of_mood",
    "watch",
]
