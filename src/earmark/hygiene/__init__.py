"""Is this data set fit to learn from? What `earmark check` finds before a model learns it by heart.

>>> report = check(read_manifest("genres/"))            # doctest: +SKIP
>>> write_manifest(cleaned(report), "clean.csv")       # doctest: +SKIP

One idea per file: `listening` hears each file once, `fingerprint` and `copies` find recordings that are the
same, `space` finds what sounds like nothing else, `doubts` the labels that cross-validation does not believe,
`checking` puts it all together as `findings`, `cleaning` draws the consequences and `show` makes the page.
"""

from .checking import check
from .cleaning import cleaned
from .copies import Copy, find_copies
from .findings import KINDS, Finding, HygieneReport, Kind
from .fingerprint import Fingerprint, fingerprint
from .show import hygiene_page

__all__ = [
    "KINDS",
    "Copy",
    "Finding",
    "Fingerprint",
    "HygieneReport",
    "Kind",
    "check",
    "cleaned",
    "find_copies",
    "fingerprint",
    "hygiene_page",
]
