"""By what method tempo and key are found: one digest of all that can change them for the same sound.

What was stored with another digest may differ from what the same sound gives now.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from earmark.features.spec import FeatureSpec
from earmark.features.stored import weights
from earmark.storage import digest

# Raised with every change of the code, from the frames on, that can give another tempo, key or confidence;
# weights and front end count by themselves.
VERSION = 1
_NAMES = ("pulse", "tempo", "key")


@lru_cache(maxsize=1)
def method_digest() -> str:
    """Return 16 hex digits of the method: version of the code, weights, and their front end.

    The front end is the one that the weights were trained on; which one a sound was processed with, the card
    of its model states.
    """
    facts = {"version": VERSION, "front_end": FeatureSpec().digest}
    return digest({**facts, "weights": {name: _content(name) for name in _NAMES}})


def _content(name: str) -> dict[str, list[object]]:
    """Return shape and checksum of each array, which do not depend on how the file was compressed."""
    return {
        key: [list(array.shape), hashlib.sha256(array.astype("<f4").tobytes()).hexdigest()]
        for key, array in weights(name).items()
    }
