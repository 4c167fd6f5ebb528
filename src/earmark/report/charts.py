"""Charts as inline SVG, in the colours of the page: bars with intervals, lines, a matrix.

Enough for a report, and drawn without any library. All numbers in a chart can also be read: a bar has
its value beside it, a point tells its own when pointed at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from earmark.errors import InputError
from earmark.report.page import Html, escaped

N_COLOURS = 4  # as the style has them


@dataclass(frozen=True)
class Bar:
    """A bar with a name.

    Parameters
    ----------
    label : str
        Its name.
    value : float
        Its length; NaN draws nothing.
    low, high : float or None
        Ends of its interval.
    note : str
        Small print behind the value, such as a count.
    """

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Line:
    """A line with a name.

    Parameters
    ----------
    label : str
        Its name in the legend.
    x, y : array_like [shape=(n,)]
        Points, from left to right; where `y` is NaN the line breaks.
    low, high : array_like [shape=(n,)], optional
        Edges of a band around it.
    dots : bool
        Whether each point is marked.
    """

    label: str
    x: ArrayLike
    y: ArrayLike
    low: ArrayLike | None = None
    high: ArrayLike | None = None
    dots: bool = False


def bar_chart(bars: Sequence[Bar], *, limit: float = 1.0, percent: bool = True, colour: int = 0) -> Html:
    """Horizontal bars from 0, one below another, each with its value and interval.

    Parameters
    ----------
    bars : sequence of Bar
        From top to bottom.
    limit : float
        Value at the right end, above 0.
    percent : bool
        Whether values are fractions, to be written as per cent.
    colour : int
        Which colour of the style, 0 to 3.

    Returns
    -------
    Html
    """
    if not limit > 0:
        raise InputError(f"limit={limit!r}", hint="Accepted: a number above 0.")
    left = min(200, 16 + 7 * max((len(bar.label) for bar in bars), default=0))
    width, right, step = 640, 130, 24
    scale = (width - left - right) / limit
    height = step * len(bars) + 6
    rows = []
    for i, bar in enumerate(bars):
        middle = i * step + step / 2 + 3
        rows.append(f'<text x="{left - 8}" y="{middle + 4:g}" text-anchor="end">{_short(bar.label)}</text>')
        if not np.isfinite(bar.value):
            continue
        length = min(max(bar.value, 0.0), limit) * scale
        shown = _number(bar.value, percent)
        end = length
        rows.append(
            f'<rect class="fill" x="{left}" y="{middle - 7:g}" width="{max(length, 1):.1f}" height="14" '
            f'rx="2"><title>{escaped(bar.label)}: {shown}</title></rect>'
        )
        if bar.low is not None and bar.high is not None:
            a, b = (left + min(max(edge, 0.0), limit) * scale for edge in (bar.low, bar.high))
            end = max(end, b - left)
            rows.append(
                f'<path class="whisker" d="M{a:.1f} {middle:g}H{b:.1f}M{a:.1f} {middle - 4:g}v8'
                f'M{b:.1f} {middle - 4:g}v8"/>'
            )
        rows.append(
            f'<text x="{left + end + 8:.1f}" y="{middle + 4:g}">{shown}'
            f'<tspan class="soft" dx="6">{escaped(bar.note)}</tspan></text>'
        )
    return _svg(width, height, f'<g class="c{colour % N_COLOURS}">{"".join(rows)}</g>', "Bar chart")


def line_chart(
    lines: Sequence[Line],
    *,
    x_label: str = "",
    y_label: str = "",
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    diagonal: bool = False,
    percent: bool = False,
) -> Html:
    """Lines over common axes.

    Parameters
    ----------
    lines : sequence of Line
        The first four have colours of their own.
    x_label, y_label : str
        What the axes show.
    x_range, y_range : (float, float), optional
        Ends of the axes; by default those of the data.
    diagonal : bool
        Whether to draw a dashed line from corner to corner, where points would ideally lie.
    percent : bool
        Whether both axes are fractions, to be written as per cent.

    Returns
    -------
    Html
    """
    plot = _Plot(
        x_range or _range([line.x for line in lines]),
        y_range
        or _range([edge for line in lines for edge in (line.y, line.low, line.high) if edge is not None]),
    )
    parts = [plot.axes(x_label, y_label, percent)]
    if diagonal:
        parts.append(f'<path class="ideal" d="M{plot.left} {plot.bottom}L{plot.right} {plot.top}"/>')
    parts += [plot.line(i % N_COLOURS, line, percent) for i, line in enumerate(lines)]
    if len(lines) > 1:
        parts += [plot.legend(i, line.label) for i, line in enumerate(lines)]
    return _svg(plot.width, plot.height, "".join(parts), f"{y_label} over {x_label}")


def matrix_chart(counts: ArrayLike, rows: Sequence[str], columns: Sequence[str], *, corner: str = "") -> Html:
    """A matrix of counts whose cells are the darker the larger their fraction of the row.

    Parameters
    ----------
    counts : array_like [shape=(n_rows, n_columns)]
        Whole numbers; those on the diagonal are drawn as right, the others as wrong.
    rows, columns : sequence of str
        Names.
    corner : str
        What rows and columns are.

    Returns
    -------
    Html

    Raises
    ------
    InputError
        Names and counts do not fit together.
    """
    values = np.asarray(counts)
    if values.shape != (len(rows), len(columns)):
        raise InputError(
            f"counts has shape {values.shape}, there are {len(rows)} rows, {len(columns)} columns"
        )
    head = "".join(f"<th scope=col>{escaped(name)}</th>" for name in columns)
    body = []
    for name, row in zip(rows, values, strict=True):
        fractions = row / max(row.sum(), 1)
        cells = "".join(
            _cell(count, fraction, f"{name} → {column}", own=name == column)
            for count, fraction, column in zip(row.tolist(), fractions.tolist(), columns, strict=True)
        )
        body.append(f"<tr><th scope=row>{escaped(name)}</th>{cells}<td class=none></td></tr>")
    return Html(
        f'<div class="wide"><table class="matrix"><thead><tr><th class="n">{escaped(corner)}</th>{head}</tr>'
        f"</thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _cell(count: float, fraction: float, title: str, *, own: bool) -> str:
    kinds = [
        *(["own"] if own else []),
        *(["none"] if not count else []),
        *(["strong"] if fraction > 0.55 else []),
    ]
    tooltip = f"{escaped(title)}: {count:g}, {fraction:.0%}"
    return f'<td class="{" ".join(kinds)}" style="--w:{fraction**0.5:.2f}" title="{tooltip}">{count:g}</td>'


class _Plot:
    """Axes: where values come to lie on the picture."""

    width, height = 460, 300
    left, right, top, bottom = 64, 436, 12, 252

    def __init__(self, x_range: tuple[float, float], y_range: tuple[float, float]) -> None:
        self.x_range, self.y_range = x_range, y_range

    def at(self, x: float, y: float) -> tuple[float, float]:
        (x0, x1), (y0, y1) = self.x_range, self.y_range
        across = (min(max(x, x0), x1) - x0) / (x1 - x0)
        up = (min(max(y, y0), y1) - y0) / (y1 - y0)
        return self.left + across * (self.right - self.left), self.bottom - up * (self.bottom - self.top)

    def axes(self, x_label: str, y_label: str, percent: bool) -> str:
        parts = []
        for tick in _ticks(*self.y_range):
            y = self.at(self.x_range[0], tick)[1]
            parts.append(f'<path class="grid" d="M{self.left} {y:.1f}H{self.right}"/>')
            parts.append(_label(self.left - 8, y + 4, "end", _number(tick, percent)))
        for tick in _ticks(*self.x_range):
            x = self.at(tick, self.y_range[0])[0]
            parts.append(_label(x, self.bottom + 18, "middle", _number(tick, percent)))
        parts.append(f'<path class="axis" d="M{self.left} {self.bottom}H{self.right}"/>')
        middle = (self.left + self.right) / 2
        parts.append(_label(middle, self.height - 8, "middle", escaped(x_label)))
        turned = f'transform="rotate(-90 12 {self.height / 2 - 18:g})"'
        parts.append(_label(12, self.height / 2 - 18, "middle", escaped(y_label), turned))
        return "".join(parts)

    def line(self, colour: int, line: Line, percent: bool) -> str:
        x, y = np.asarray(line.x, float), np.asarray(line.y, float)
        if x.shape != y.shape or x.ndim != 1:
            raise InputError(f"line {line.label!r}: x has shape {x.shape}, y has {y.shape}")
        parts = []
        if line.low is not None and line.high is not None:
            low, high = np.asarray(line.low, float), np.asarray(line.high, float)
            edge = [*zip(x, high, strict=True), *zip(x[::-1], low[::-1], strict=True)]
            corners = " ".join(
                f"{a:.1f},{b:.1f}" for a, b in (self.at(*p) for p in edge if np.isfinite(p).all())
            )
            parts.append(f'<polygon class="band" points="{corners}"/>')
        command, path = "M", []
        for a, b in zip(x.tolist(), y.tolist(), strict=True):
            if not np.isfinite(b):
                command = "M"
                continue
            across, down = self.at(a, b)
            path.append(f"{command}{across:.1f} {down:.1f}")
            command = "L"
            if line.dots:
                text = f"{_number(a, percent)}: {_number(b, percent)}"
                dot = f'<circle class="fill" cx="{across:.1f}" cy="{down:.1f}" r="3.5">'
                parts.append(f"{dot}<title>{text}</title></circle>")
        parts.append(f'<path class="line" d="{"".join(path)}"/>')
        return f'<g class="c{colour}">{"".join(parts)}</g>'

    def legend(self, number: int, label: str) -> str:
        y = self.top + 10 + 18 * number
        mark = f'<rect class="fill" x="{self.left + 12}" y="{y - 6}" width="12" height="4"/>'
        shown = f'<text x="{self.left + 30}" y="{y}">{escaped(label)}</text>'
        return f'<g class="c{number % N_COLOURS}">{mark}</g>{shown}'


def _svg(width: int, height: int, inside: str, label: str) -> Html:
    name = f'role="img" aria-label="{escaped(label)}"'
    return Html(f'<svg viewBox="0 0 {width} {height}" width="{width}" {name}>{inside}</svg>')


def _label(x: float, y: float, anchor: str, shown: str, more: str = "") -> str:
    return f'<text class="soft" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{shown}</text>'


def _short(label: str) -> str:
    return escaped(label if len(label) <= 27 else label[:26] + "…")


def _number(value: float, percent: bool) -> str:
    if not percent:
        return f"{value:.4g}"
    shown = f"{100 * value + 0.0:.1f}".removesuffix(".0")
    return f"{shown.removeprefix('-') if shown == '-0' else shown} %"


def _range(arrays: Sequence[ArrayLike]) -> tuple[float, float]:
    values = np.concatenate([np.ravel(np.asarray(a, float)) for a in arrays]) if arrays else np.zeros(0)
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between two, about five."""
    rough = (high - low) / 5
    size = 10 ** np.floor(np.log10(rough))
    step = float(size * next(m for m in (1, 2, 2.5, 5, 10) if m * size >= rough * 0.999))
    first = np.ceil(low / step - 1e-9)
    return [float(v) for v in np.arange(first, np.floor(high / step + 1e-9) + 1) * step + 0.0]
