"""The bytes of a table as rows: CSV of every dialect that programs write, and JSON Lines."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping

from earmark.data.columns import COLUMNS
from earmark.errors import InputError
from earmark.storage import from_cell

Row = Mapping[str, object]

_BOMS = (  # the longer first: that of UTF-16 is the beginning of that of UTF-32
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DELIMITERS = (",", ";", "\t")
_SEP = re.compile(r'"?sep=(.)"?[ \t]*(?:\r\n|\r|\n)', re.IGNORECASE)  # the first line of Excel's own files


def parse_rows(content: bytes, *, name: str) -> list[Row]:
    """Return the rows of a CSV or JSONL file as mappings from column to value.

    Parameters
    ----------
    content : bytes
        UTF-8, with or without a mark of it, or UTF-16 or UTF-32. Other bytes become surrogates.
    name : str
        Of the table, for messages.

    Raises
    ------
    InputError
        If it is no text, or a line is malformed; the message names the line.
    """
    text = _decoded(content, name)
    if text.lstrip()[:1] == "{":
        return [_json_row(line, number, name) for number, line in _lines(text)]
    return list(_csv_rows(text, name))


def _decoded(content: bytes, name: str) -> str:
    """Decode text; bytes that are not UTF-8 stay, for names of files may have them."""
    encoding = next((encoding for bom, encoding in _BOMS if content.startswith(bom)), _unmarked(content))
    if encoding:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError as error:
            raise InputError(
                f"{name} is not {encoding.upper()} ({error.reason})", hint="Try: save it as UTF-8."
            ) from None
    if b"\0" in content:
        raise InputError(f"{name} is not text", hint="Accepted: a folder, .csv, .jsonl or .npz.")
    return content.decode("utf-8-sig", "surrogateescape")


def _unmarked(content: bytes) -> str:
    """Return the kind of UTF-16 that text without a mark is in: every other byte of its header is zero."""
    head = content[: min(64, len(content) // 2 * 2)]
    for zeros, others, encoding in (
        (head[1::2], head[::2], "utf-16-le"),
        (head[::2], head[1::2], "utf-16-be"),
    ):
        if len(head) >= 8 and not any(zeros) and all(others):
            return encoding
    return ""


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, with their numbers; only a newline ends one, as JSON Lines says."""
    return ((i, line) for i, line in enumerate(text.split("\n"), start=1) if line.strip())


def _json_row(line: str, number: int, name: str) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{name}, line {number} is not JSON ({error})", hint="Accepted: one object a line."
        ) from None
    if not isinstance(row, dict):
        raise InputError(
            f"{name}, line {number} is a {type(row).__name__}", hint="Accepted: one object a line."
        )
    return row


def _csv_rows(text: str, name: str) -> Iterator[Row]:
    text = text.lstrip("\r\n")
    if stated := _SEP.match(text):
        text = text[stated.end() :]
    reader = csv.DictReader(
        io.StringIO(text, newline=""),
        delimiter=stated[1] if stated else _delimiter(text),
        restkey="",
        strict=True,
    )
    try:
        for row in reader:
            # Cells beyond the header, or below none, belong to nothing.
            yield {key: from_cell(value or "") for key, value in row.items() if key}
    except csv.Error as error:
        raise InputError(
            f"{name} is not CSV after line {reader.line_num} ({error})",
            hint="Try: check its quotation marks.",
        ) from None


def _delimiter(text: str) -> str:
    """Return the mark that cuts the header into the most columns that are known."""
    header = re.split(r"[\r\n]", text, maxsplit=1)[0]
    known = {alias for usual in COLUMNS.values() for alias in usual}

    def n_known(mark: str) -> tuple[int, int]:
        cells = [cell.strip(' "').lower() for cell in header.split(mark)]
        return len(known.intersection(cells)), len(cells)

    return max(_DELIMITERS, key=n_known)
