"""The page of a report and its parts: text, tables, pictures, players.

No template engine: each part is a function from values to `Html`. The page carries its style, and a
policy that lets it load nothing from elsewhere.
"""

from __future__ import annotations

import base64
import html
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from earmark.errors import InputError
from earmark.report.style import STYLE
from earmark.storage import write_atomic

# A page shows what it carries, plays what lies beside it, and asks no server for anything.
POLICY = "default-src 'none'; img-src data:; media-src data: file: 'self'; style-src 'unsafe-inline'"
NOTHING = "–"  # what an empty cell shows
_NUMERIC = ' class="n"'

_PICTURES = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"<?xml": "image/svg+xml",
    b"<svg": "image/svg+xml",
}
_SOUNDS = {
    b"RIFF": "audio/wav",
    b"OggS": "audio/ogg",
    b"fLaC": "audio/flac",
    b"ID3": "audio/mpeg",
    b"\xff\xfb": "audio/mpeg",
    b"\xff\xf3": "audio/mpeg",
    b"\xff\xf2": "audio/mpeg",
}  # fmt: skip


class Html(str):
    """Text that is markup already. Only functions that escape what they are given should make it."""

    __slots__ = ()


@dataclass(frozen=True)
class Section:
    """A part of a page with a heading.

    Parameters
    ----------
    title : str
        Heading, also in the contents at the top of the page.
    parts : sequence of Html or str
        What it shows; a plain text is a paragraph.
    lead : str
        One sentence below the heading: how to read what follows.
    """

    title: str
    parts: Sequence[Html | str]
    lead: str = ""


def escaped(value: object) -> str:
    """Any value as text that is safe between tags and in attributes; `Html` as it is."""
    if isinstance(value, Html):
        return str(value)
    shown = "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in str(value))
    return html.escape(shown)


def text(paragraph: str) -> Html:
    """A paragraph."""
    return Html(f"<p>{escaped(paragraph)}</p>")


def notice(message: str, *, kind: str = "warning") -> Html:
    """A message that must not be overlooked.

    Parameters
    ----------
    message : str
        What is to be known.
    kind : {"warning", "note"}
        How loudly it is said.
    """
    if kind not in {"warning", "note"}:
        raise InputError(f"kind={kind!r}", hint="Accepted: 'warning' or 'note'.")
    return Html(f'<p class="{kind}" role="note">{escaped(message)}</p>')


def facts(values: Mapping[str, object], *, notes: Mapping[str, object] | None = None) -> Html:
    """Figures that are read first, each large over its name.

    Parameters
    ----------
    values : mapping
        Name of each figure, and the figure as it is to be shown.
    notes : mapping, optional
        Small print below some of them, such as an interval.
    """
    notes = notes or {}
    cards = "".join(
        f"<div><b>{escaped(_shown(value))}</b><span>{escaped(name)}</span>"
        + (f"<small>{escaped(notes[name])}</small>" if name in notes else "")
        + "</div>"
        for name, value in values.items()
    )
    return Html(f'<div class="facts">{cards}</div>')


def table(header: Sequence[object], rows: Iterable[Sequence[object]], *, caption: str = "") -> Html:
    """A table; numbers stand on the right, and the first column names the row.

    Parameters
    ----------
    header : sequence
        Name of each column.
    rows : iterable of sequence
        Cells: text, numbers (three decimals are shown), None for nothing, or `Html`.
    caption : str
        What it shows.

    Raises
    ------
    InputError
        A row with another number of cells than the header.
    """
    body = []
    n_numbers = [0] * len(header)
    for row in rows:
        if len(row) != len(header):
            raise InputError(f"a row has {len(row)} cells, the header has {len(header)}")
        cells = []
        for i, cell in enumerate(row):
            is_number = _is_number(cell)
            n_numbers[i] += is_number
            tag = "th scope=row" if i == 0 else "td"
            style = _NUMERIC if is_number else ""
            cells.append(f"<{tag}{style}>{escaped(_shown(cell))}</{tag[:2]}>")
        body.append(f"<tr>{''.join(cells)}</tr>")
    head = "".join(
        f"<th scope=col{_NUMERIC if n else ''}>{escaped(name)}</th>"
        for name, n in zip(header, n_numbers, strict=True)
    )
    title = f"<caption>{escaped(caption)}</caption>" if caption else ""
    return Html(
        f'<div class="wide"><table>{title}<thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def figure(picture: bytes | Html, *, caption: str = "", alt: str = "") -> Html:
    """A picture with a caption.

    Parameters
    ----------
    picture : bytes or Html
        A PNG, JPEG or SVG file, which the page will carry; or a chart of this package.
    caption, alt : str
        What it shows; what is read aloud to those who cannot see it (by default the caption).

    Raises
    ------
    InputError
        Bytes of another kind.
    """
    if isinstance(picture, Html):
        shown = str(picture)
    else:
        shown = f'<img src="{_data_uri(picture, _PICTURES, "picture")}" alt="{escaped(alt or caption)}">'
    below = f"<figcaption>{escaped(caption)}</figcaption>" if caption else ""
    return Html(f"<figure>{shown}{below}</figure>")


def audio(sound: str | os.PathLike[str] | bytes, *, label: str = "") -> Html:
    """A player.

    Parameters
    ----------
    sound : path or bytes
        A file, which the page will only link to (a relative path is seen from where the page lies), or
        the bytes of a short one, which it will carry: see `encode_sound`.
    label : str
        What the recording is, as a caption.

    Raises
    ------
    InputError
        Bytes that no browser plays.
    """
    if isinstance(sound, bytes):
        address, preload = (
            _data_uri(sound, _SOUNDS, "sound"),
            "metadata",
        )  # it is here, so show how long it is
    else:
        path, preload = Path(sound), "none"
        address = path.as_uri() if path.is_absolute() else quote(os.fsencode(path.as_posix()))
    name = f' aria-label="{escaped(label)}" title="{escaped(label)}"' if label else ""
    return Html(f'<audio controls preload="{preload}" src="{address}"{name}></audio>')


def encode_sound(y: NDArray[np.float32], sr: int) -> bytes:
    """Sound as a small file that every browser plays, for `audio`.

    Parameters
    ----------
    y : np.ndarray, float [shape=(n,)]
        A few seconds; turned down where it exceeds full scale, so that nothing is clipped.
    sr : int
        Its sampling rate.

    Returns
    -------
    bytes
        MP3, some 8 kB a second; WAV where the decoder library has no MP3.
    """
    import soundfile

    quiet = (y / max(1.0, float(np.abs(y).max(initial=0.0)))).astype(np.float32)
    file = io.BytesIO()
    if "MP3" in soundfile.available_formats():
        soundfile.write(file, quiet, sr, format="MP3")
    else:
        soundfile.write(file, quiet, sr, format="WAV", subtype="PCM_16")
    return file.getvalue()


def columns(*parts: Html | str) -> Html:
    """Parts beside each other, where there is room."""
    return Html(f'<div class="columns">{"".join(f"<div>{_part(part)}</div>" for part in parts)}</div>')


def card(title: str, *parts: Html | str) -> Html:
    """Parts that belong together, below a title of their own."""
    return Html(f'<div class="card"><b>{escaped(title)}</b>{"".join(map(_part, parts))}</div>')


def fold(summary: str, *parts: Html | str) -> Html:
    """Parts that are hidden until their summary is clicked."""
    return Html(f"<details><summary>{escaped(summary)}</summary>{''.join(map(_part, parts))}</details>")


def page(title: str, sections: Sequence[Section], *, subtitle: str = "", footer: str = "") -> str:
    """A whole page.

    Parameters
    ----------
    title, subtitle : str
        What the report is on.
    sections : sequence of Section
        In order; from three on, contents with links stand above them.
    footer : str
        The last line, such as what made the page.

    Returns
    -------
    str
        One HTML document that loads nothing.
    """
    links = "".join(f'<a href="#s{i}">{escaped(s.title)}</a>' for i, s in enumerate(sections))
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escaped(title)}</title><style>{STYLE}</style></head><body>",
            f"<header><h1>{escaped(title)}</h1>",
            f'<p class="sub">{escaped(subtitle)}</p>' if subtitle else "",
            f"<nav>{links}</nav>" if len(sections) > 2 else "",
            "</header><main>",
            *(_section(i, section) for i, section in enumerate(sections)),
            "</main>",
            f"<footer>{escaped(footer)}</footer>" if footer else "",
            "</body></html>\n",
        ]
    )


def save_page(document: str, path: str | os.PathLike[str]) -> None:
    """Write a page, whole or not at all.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    write_atomic(path, document)


def _section(number: int, section: Section) -> str:
    lead = f'<p class="lead">{escaped(section.lead)}</p>' if section.lead else ""
    parts = "".join(map(_part, section.parts))
    return f'<section id="s{number}"><h2>{escaped(section.title)}</h2>{lead}{parts}</section>'


def _part(part: Html | str) -> str:
    return str(part) if isinstance(part, Html) else str(text(part))


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float | np.number) and not isinstance(cell, bool)


def _shown(cell: object) -> object:
    """A cell as it is read: no endless decimals, nothing for None and NaN."""
    if cell is None or (isinstance(cell, float | np.floating) and np.isnan(cell)):
        return NOTHING
    if isinstance(cell, bool | np.bool_):
        return "yes" if cell else "no"
    return f"{cell:.3f}" if isinstance(cell, float | np.floating) else cell


def _data_uri(data: bytes, kinds: Mapping[bytes, str], what: str) -> str:
    for magic, kind in kinds.items():
        if data.startswith(magic):
            return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
    accepted = ", ".join(sorted({kind.partition("/")[2] for kind in kinds.values()}))
    raise InputError(f"{what} begins with {data[:4]!r}", hint=f"Accepted: {accepted}.")
