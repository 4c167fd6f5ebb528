"""Is this data set fit to learn from? What `earmark check` finds before a model learns it by heart.

>>> report = check(read_manifest("genres/"))            # doctest: +SKIP
>>> write_manifest(cleaned(report), "clean.csv")       # doctest: +SKIP

One idea per file: `listening` hears each file once, `fingerprint` and `copies` find recordings that are the
same, `space` finds what sounds like nothing else, `doubts` the labels that cross-validation does not believe,
`checking` puts it all together as `findings`, `cleaning` draws the consequences and `show` makes the page.
"""

from earmark.check.check import check
from earmark.check.clean import cleaned
from earmark.check.findings import KINDS, CheckReport, Finding, Kind
from earmark.check.html import check_page
from earmark.duplicates import Copy, find_copies
from earmark.features.fingerprint import Fingerprint, fingerprint

__all__ = [
    "KINDS",
    "CheckReport",
    "Copy",
    "Finding",
    "Fingerprint",
    "Kind",
    "check",
    "check_page",
    "cleaned",
    "find_copies",
    "fingerprint",
]
