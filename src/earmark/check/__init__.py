"""Checks of a data set before a model is trained on it: copies, leaks, unreadable files, label errors.

>>> report = check(read_manifest("genres/"))            # doctest: +SKIP
>>> write_manifest(cleaned(report), "clean.csv")       # doctest: +SKIP

One idea per file: `measure` reads each file once, `earmark.duplicates` finds recordings that are the same,
`outliers` and `label_errors` find tracks unlike their class, `check` makes `findings` of it all, `clean`
removes faulty tracks and `html` makes the page.
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
