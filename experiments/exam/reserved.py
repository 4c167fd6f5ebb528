"""The fold by artist of panda4q and mirex_mood that nothing may process: no label, no distillation, no threshold.

Chosen once, by a hash of the artist's name, so that it needs no list and takes in what is added later. It is for
models that are made from now on: the backbone of earmark-base, as shipped on 2026-11-29, has processed it.
"""

from __future__ import annotations

import hashlib

PARTS = 5


def is_reserved(artist: str) -> bool:
    """Whether the tracks of an artist belong to the reserved fold; spelling in capitals or with spaces is one."""
    name = " ".join(artist.casefold().split())
    return hashlib.sha256(f"reserved:{name}".encode()).digest()[0] % PARTS == 0
