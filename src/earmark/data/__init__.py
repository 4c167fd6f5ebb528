"""Labelled music: data sets (`Manifest`), and their subsets for training and testing (`Split`).

>>> manifest = read_manifest("genres/")                 # doctest: +SKIP
>>> parts = split(manifest, protocol="grouped").parts   # doctest: +SKIP

One idea per file: `manifest` defines a data set, `read` chooses among the `layouts`, `locate` finds the files
of tables, `artists` the groups, `hashing` the checksums, `write` puts a manifest on disk, `split` makes
subsets and `stratify` does the arithmetic of that.
"""

from earmark.data.hashing import with_hashes
from earmark.data.layouts.npz import CachedFeatures, read_cached, write_cached
from earmark.data.manifest import EXCLUDED, PARTS, Manifest, Skipped, Track
from earmark.data.read import NON_EVENTS, read_manifest
from earmark.data.split import PROTOCOLS, Split, default_protocol, shared_groups, split
from earmark.data.write import write_manifest

__all__ = [
    "EXCLUDED",
    "NON_EVENTS",
    "PARTS",
    "PROTOCOLS",
    "CachedFeatures",
    "Manifest",
    "Skipped",
    "Split",
    "Track",
    "default_protocol",
    "read_cached",
    "read_manifest",
    "shared_groups",
    "split",
    "with_hashes",
    "write_cached",
    "write_manifest",
]
