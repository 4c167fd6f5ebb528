"""The spectrogram page that tutorials of the field show, a prediction at a glance, and how both are drawn."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from earmark.audio import Clip
from earmark.errors import InputError, MissingExtraError
from earmark.features import FeatureSpec, FrameStream, hz_to_mel, mfcc
from earmark.features.subsonic import SubsonicFilter
from earmark.storage import atomic_file
from earmark.vocabulary import PITCH_CLASSES, QUADRANT_WORDS, genre_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from earmark.predict import Prediction, Quadrant, Score, Segment

Array = NDArray[np.float32]
FORMATS = (".png", ".svg", ".pdf", ".webp", ".jpg")
_BLOCK = 65_536  # samples at a time
RANGE_DB = 80.0  # what a picture shows below the loudest point
_INK, FAINT, _ACCENT, _EMPTY = "#22262e", "#8a93a3", "#35608c", "#eef0f4"
_STYLE = {
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.color": _INK,
    "axes.edgecolor": "#c4cad4",
    "axes.labelcolor": _INK,
    "axes.linewidth": 0.8,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.color": "#5b6472",
    "ytick.color": "#5b6472",
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "svg.hashsalt": "earmark",  # the same picture gives the same bytes
}


# ---------------------------------------------------------------- spectrogram


def spectrogram_figure(clip: Clip, *, spec: FeatureSpec | None = None, title: str = "") -> Figure:
    """Waveform, log-mel spectrogram, MFCC and chroma of a clip over one time axis.

    The waveform is that of the file, its offset included; the rest is of what `SubsonicFilter` leaves, as
    models get it.

    Parameters
    ----------
    clip : Clip
        At the sampling rate of `spec`.
    spec : FeatureSpec, optional
        Front end of the spectrogram.
    title : str
        Heading; by default the name of the source.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingExtraError
        Without matplotlib.
    AudioError, InputError
        As `earmark.log_mel` raises them.
    """
    spec = spec or FeatureSpec()
    with style() as figure_of:
        S_db, chroma = _frames(clip, spec)
        figure = figure_of(11, 9.6)
        grid = figure.add_gridspec(
            4, 2, height_ratios=[1, 3.6, 1.5, 1.7], width_ratios=[62, 1], hspace=0.3, wspace=0.13,
            left=0.062, right=0.948, top=0.915, bottom=0.055,
        )  # fmt: skip
        rows = [figure.add_subplot(grid[0, 0])]
        rows += [figure.add_subplot(grid[i, 0], sharex=rows[0]) for i in (1, 2, 3)]
        bars = [figure.add_subplot(grid[i, 1]) for i in (1, 2, 3)]
        span = (clip.start, clip.start + clip.duration)
        _draw_waveform(rows[0], clip)
        _draw_log_mel(rows[1], bars[0], S_db, spec, span)
        _draw_mfcc(rows[2], bars[1], mfcc(S_db, n_mfcc=min(20, spec.n_mels)), span)
        _draw_chroma(rows[3], bars[2], chroma, span)
        _time_axis(rows, span)
        name = drawable(title or os.path.basename(clip.path or "") or "sound")
        figure.text(0.062, 0.965, name, fontsize=15, weight="bold", parse_math=False)
        facts = f"{_clock(clip.duration)} · {clip.sr:,} Hz · n_fft {spec.n_fft} · hop {spec.hop_length}"
        figure.text(0.948, 0.965, facts, fontsize=8.5, color=FAINT, ha="right")
    return figure


def _frames(clip: Clip, spec: FeatureSpec) -> tuple[Array, Array]:
    """Log-mel [shape=(n_mels, k)] and chroma [shape=(12, k)] of the frames above the level of silence."""
    if clip.sr != spec.sr:
        raise InputError(f"clip.sr={clip.sr}, spec.sr={spec.sr}", hint=f"Try: load(source, sr={spec.sr}).")
    audible, stream = SubsonicFilter(spec.sr), FrameStream(spec, chroma=True)
    parts = [stream.push(audible.push(clip.y[i : i + _BLOCK])) for i in range(0, len(clip.y), _BLOCK)]
    parts += [stream.push(audible.close()), stream.close()]
    S_db = np.concatenate([part.S_db for part in parts], axis=1)
    return S_db, np.concatenate([part.chroma for part in parts if part.chroma is not None], axis=1)


def _draw_waveform(ax: Axes, clip: Clip) -> None:
    n_columns = min(2400, len(clip.y))
    edges = np.linspace(0, len(clip.y), n_columns + 1).astype(int)[:-1]
    high, low = np.maximum.reduceat(clip.y, edges), np.minimum.reduceat(clip.y, edges)
    power = np.add.reduceat(clip.y.astype(np.float64) ** 2, edges) / np.diff([*edges, len(clip.y)])
    times = clip.start + edges / clip.sr
    ax.fill_between(times, low, high, color=_ACCENT, alpha=0.45, linewidth=0)
    ax.fill_between(times, -np.sqrt(power), np.sqrt(power), color=_ACCENT, linewidth=0)
    ax.axhline(0, color="white", linewidth=0.4)
    top = max(float(np.abs(clip.y).max(initial=0)) * 1.05, 1e-3)
    ax.set_ylim(-top, top)
    _title(ax, "Waveform", "light: peaks, dark: RMS")
    ax.set_ylabel("full scale 1")


def _draw_log_mel(ax: Axes, bar: Axes, S_db: Array, spec: FeatureSpec, span: tuple[float, float]) -> None:
    top = max(float(S_db.max()), spec.floor_db + RANGE_DB / 4)
    image = _image(ax, S_db, span, cmap="magma", vmin=max(top - RANGE_DB, spec.floor_db), vmax=top)
    low, high = hz_to_mel([spec.fmin, spec.top_hz], htk=spec.htk)

    def row(hz: float) -> float:
        return float((hz_to_mel(hz, htk=spec.htk) - low) / (high - low) * (spec.n_mels + 1) - 1)

    notes = [(f"C{octave}", 440.0 * 2 ** (octave - 4.75)) for octave in range(2, 10)]
    notes = [(name, hz) for name, hz in notes if spec.fmin <= hz <= spec.top_hz]
    ax.set_yticks([row(hz) for _, hz in notes], [name for name, _ in notes])
    for _, hz in notes:
        ax.axhline(row(hz), color="white", linewidth=0.4, alpha=0.28)
    # In the bass octaves are narrow on the mel scale: push the lowest name away from the next.
    for lowest in ax.get_yticklabels()[:1]:
        lowest.set_verticalalignment("top")
    _title(ax, "Log-mel spectrogram", f"{spec.n_mels} bands, {spec.fmin:g} to {spec.top_hz:,g} Hz")
    ax.set_ylabel("note")
    right = ax.secondary_yaxis("right")
    hertz = [hz for hz in (250, 500, 1000, 2000, 4000, 8000, 16000) if spec.fmin <= hz <= spec.top_hz]
    right.set_yticks(
        [row(hz) for hz in hertz], [f"{hz // 1000} kHz" if hz >= 1000 else f"{hz} Hz" for hz in hertz]
    )
    right.tick_params(labelsize=7.5)
    _colour_bar(ax, bar, image, "dB (absolute)")


def _draw_mfcc(ax: Axes, bar: Axes, coefficients: Array, span: tuple[float, float]) -> None:
    from matplotlib.colors import AsinhNorm

    shape = coefficients[1:]  # coefficient 0 is the level, ten times the others
    reach = max(float(np.abs(shape).max()), 1.0)
    # Later coefficients are ever smaller: linear up to a twentieth, logarithmic above.
    norm = AsinhNorm(linear_width=reach / 20, vmin=-reach, vmax=reach)
    image = _image(ax, shape, span, cmap="RdBu_r", norm=norm, interpolation="nearest")
    ticks = [n for n in (1, 5, 10, 15) if n < len(shape)] + [len(shape)]
    ax.set_yticks([n - 1 for n in ticks], [str(n) for n in ticks])
    _title(ax, "MFCC", "the shape of the spectrum; coefficient 0, its level, left out")
    ax.set_ylabel("coefficient")
    marks = [-100.0, -10.0, 0.0, 10.0, 100.0] if reach >= 50 else [-reach, 0.0, reach]
    _colour_bar(ax, bar, image, "dB", ticks=marks)


def _draw_chroma(ax: Axes, bar: Axes, chroma: Array, span: tuple[float, float]) -> None:
    image = _image(ax, chroma, span, cmap="YlGnBu", vmin=0, vmax=1, interpolation="nearest")
    ax.set_yticks(range(12), [name.replace("#", "♯") for name in PITCH_CLASSES], fontsize=7)
    _title(ax, "Chroma", "energy by pitch class, of the greatest in each frame")
    ax.set_ylabel("pitch class")
    _colour_bar(ax, bar, image, "relative")


def _title(ax: Axes, title: str, note: str = "") -> None:
    ax.set_title(title)
    ax.annotate(
        note, (1, 1), (0, 6.5), xycoords="axes fraction", textcoords="offset points",
        ha="right", va="baseline", fontsize=7.5, color=FAINT,
    )  # fmt: skip


def _image(ax: Axes, values: Array, span: tuple[float, float], **options: Any) -> Any:
    extent = (*span, -0.5, len(values) - 0.5)
    return ax.imshow(values, origin="lower", aspect="auto", extent=extent, rasterized=True, **options)


def _colour_bar(ax: Axes, bar: Axes, image: Any, label: str, *, ticks: list[float] | None = None) -> None:
    colour_bar = ax.figure.colorbar(image, cax=bar, ticks=ticks)
    if ticks:
        colour_bar.set_ticks(ticks, labels=[f"{tick:.3g}".replace("-", "−") for tick in ticks])
        colour_bar.minorticks_off()
    colour_bar.set_label(label, fontsize=7.5)
    colour_bar.outline.set_linewidth(0)
    bar.tick_params(labelsize=7, length=2)


def _time_axis(rows: list[Axes], span: tuple[float, float]) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    rows[-1].set_xlim(*span)
    steps = [1, 2, 5, 10] if span[1] < 60 else [1, 1.5, 3, 6, 10]
    rows[-1].xaxis.set_major_locator(MaxNLocator(12, steps=steps))
    rows[-1].xaxis.set_major_formatter(FuncFormatter(lambda t, _: _clock(t, span[1] - span[0])))
    for ax in rows[:-1]:
        ax.tick_params(labelbottom=False)
    for ax in rows:
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)


def _clock(seconds: float, span: float | None = None) -> str:
    """Time as people read it: ``2.5 s``, ``3:05``, ``1:02:03``."""
    if max(seconds, span or 0) < 60:
        return f"{seconds:.4g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


# ---------------------------------------------------------------- prediction


def prediction_figure(prediction: Prediction, *, top: int = 8, title: str = "") -> Figure:
    """Genres as bars, mood on Russell's circle, and the genre over time as a strip.

    Parameters
    ----------
    prediction : Prediction
        What `earmark.classify` returned.
    top : int
        Number of genres and mood words to show.
    title : str
        Heading; by default the name of the source.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingExtraError
        Without matplotlib.
    """
    with style() as figure_of:
        figure = figure_of(11, 6.4)
        grid = figure.add_gridspec(
            2, 3, height_ratios=[3, 1.9], width_ratios=[1.35, 1, 0.95], hspace=0.3, wspace=0.55,
            left=0.095, right=0.965, top=0.83, bottom=0.075,
        )  # fmt: skip
        genres, moods = (_above_zero(scores)[:top] for scores in (prediction.genres, prediction.moods))
        _draw_scores(figure.add_subplot(grid[0, 0]), "Genres", genres, top, genre_colour)
        _draw_scores(figure.add_subplot(grid[0, 1]), "Moods", moods, top, lambda _: _ACCENT)
        _draw_quadrants(figure.add_subplot(grid[0, 2]), prediction.quadrant)
        _draw_timeline(figure.add_subplot(grid[1, :]), prediction)
        name = drawable(title or os.path.basename(prediction.source or "") or "sound")
        figure.text(0.035, 0.937, name, fontsize=15, weight="bold", parse_math=False)
        figure.text(0.035, 0.893, _headline(prediction), fontsize=10, color=FAINT)
    return figure


def _above_zero(scores: Sequence[Score]) -> list[Score]:
    return [score for score in scores if score.score > 0]


def _headline(prediction: Prediction) -> str:
    parts = [prediction.verdict, _clock(prediction.duration)]
    parts += [f"{prediction.tempo:.0f} BPM"] if prediction.tempo else []
    parts += [prediction.key] if prediction.key else []
    return "  ·  ".join([*parts, f"model {prediction.model.name}"])


def _draw_scores(
    ax: Axes, title: str, scores: Sequence[Score], n_rows: int, colour: Callable[[str], str]
) -> None:
    ax.set_title(title)
    labels, values = [s.label for s in scores], [s.score for s in scores]
    places = range(len(scores))
    ax.barh(places, [1.0] * len(scores), height=0.66, color=_EMPTY)
    ax.barh(places, values, height=0.66, color=[colour(label) for label in labels])
    for place, value in zip(places, values, strict=True):
        ax.text(1.015, place, f"{100 * value:.0f} %", va="center", fontsize=8, color=_INK)
    ax.set_yticks(places, labels, fontsize=9.5)
    ax.set_xlim(0, 1)
    ax.set_ylim(max(n_rows, 4) - 0.5, -0.5)
    ax.set_xticks([])
    ax.tick_params(length=0)
    _bare(ax)
    if not scores:
        ax.text(0.5, 0.5, "none", transform=ax.transAxes, ha="center", color=FAINT)


def _draw_quadrants(ax: Axes, quadrant: Quadrant | None) -> None:
    ax.set_title("On Russell's circle", loc="center")
    ax.set_anchor("N")
    ax.set_xlim(-1.1, 1.1)
    ax.set_ylim(-1.2, 1.2)
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.set_yticks([])
    _bare(ax)
    from matplotlib.patches import Circle, Wedge

    scores = quadrant.scores if quadrant else {}
    colours = {"Q1": "#f2b01e", "Q2": "#e5453b", "Q3": "#4a6fb5", "Q4": "#45ad80"}
    for i, (name, words) in enumerate(QUADRANT_WORDS.items()):
        score = float(scores.get(name, 0.0))
        shade = 0.08 + 0.8 * score  # as strong as the score
        ax.add_patch(Wedge((0, 0), 1, 90 * i, 90 * (i + 1), color=colours[name], alpha=shade, lw=0))
        x, y = 0.46 * (1 if i in (0, 3) else -1), 0.44 * (1 if i < 2 else -1)
        label = words.replace(", ", ",\n") + (f"\n{100 * score:.0f} %" if scores else "")
        ax.text(x, y, label, ha="center", va="center", fontsize=8.5)
    ax.add_patch(Circle((0, 0), 1, fill=False, color="#c4cad4", lw=0.8))
    ax.plot([-1, 1], [0, 0], [0, 0], [-1, 1], color="#c4cad4", lw=0.8, zorder=0)
    for x, y, text, ha, va in (
        (0, 1.05, "energetic", "center", "bottom"),
        (0, -1.05, "quiet", "center", "top"),
        (1.05, 0, "positive", "left", "center"),
        (-1.05, 0, "negative", "right", "center"),
    ):
        ax.text(x, y, text, fontsize=7.5, color=FAINT, ha=ha, va=va)


def _draw_timeline(ax: Axes, prediction: Prediction) -> None:
    """Strip of the best genre on top; below, a row for each of the leading genres, as strong as its score."""
    ax.set_title("Over time")
    segments = prediction.segments
    rows = leading_genres(segments, 5)
    spans = [(s.start, s.end - s.start) for s in segments]
    best = [s.genres[0].label if s.genres else "" for s in segments]
    colours = [genre_colour(label) if label else _EMPTY for label in best]
    ax.broken_barh(spans, (-0.5, 0.9), facecolors=colours)
    for i, label in enumerate(rows, start=1):
        ax.broken_barh(spans, (i - 0.4, 0.8), facecolors=_EMPTY)
        scores = [next((g.score for g in s.genres if g.label == label), 0.0) for s in segments]
        ax.broken_barh(spans, (i - 0.4, 0.8), facecolors=[(genre_colour(label), float(s)) for s in scores])
    ax.set_yticks(range(len(rows) + 1), ["best", *rows], fontsize=9)
    ax.set_ylim(len(rows) + 0.5, -0.6)
    ax.tick_params(axis="y", length=0)
    end = max([prediction.start + prediction.duration, *(s.end for s in segments), 0.1])
    _time_axis([ax], (prediction.start, end))
    _bare(ax)


def leading_genres(segments: Sequence[Segment], n: int) -> list[str]:
    """Labels that are the best of the most segments, then those of the highest mean score.

    Parameters
    ----------
    segments : sequence of Segment
        Of a prediction.
    n : int
        How many at most.

    Returns
    -------
    list of str
    """
    wins: dict[str, tuple[int, float]] = {}
    for segment in segments:
        for rank, genre in enumerate(segment.genres):
            count, total = wins.get(genre.label, (0, 0.0))
            wins[genre.label] = (count + (rank == 0), total + genre.score)
    return sorted(wins, key=lambda label: wins[label], reverse=True)[:n]


def _bare(ax: Axes) -> None:
    for spine in ax.spines.values():
        spine.set_visible(False)


# ---------------------------------------------------------------- writing


def save_figure(figure: Figure, path: str | os.PathLike[str], *, dpi: int = 130) -> None:
    """Write a figure, whole or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What to draw.
    path : path
        Its ending chooses the format: png, svg, pdf, webp or jpg.
    dpi : int
        Pixels per inch.

    Raises
    ------
    InputError
        If the ending is none of these.
    OutputError
        If the file cannot be written.
    """
    check_picture_path(path)
    with atomic_file(path) as file:
        file.write(figure_bytes(figure, Path(path).suffix[1:].lower(), dpi=dpi))


def figure_bytes(figure: Figure, picture_format: str = "png", *, dpi: int = 130) -> bytes:
    """Return a figure as a picture file of a format."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes; that is no news for a user.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(file, dpi=dpi, format=picture_format)
    return file.getvalue()


def check_picture_path(path: str | os.PathLike[str]) -> None:
    """Refuse a picture that cannot be drawn, before any work is done.

    Raises
    ------
    InputError
        No format has this ending.
    MissingExtraError
        Matplotlib is not installed.
    """
    suffix = Path(path).suffix
    if suffix.lower() not in FORMATS:
        raise InputError(f"no picture format for suffix={suffix!r}", hint=f"Accepted: {', '.join(FORMATS)}.")
    if find_spec("matplotlib") is None:
        raise _missing()


def _missing() -> MissingExtraError:
    return MissingExtraError("pictures need matplotlib", hint="Try: pip install 'earmark[plot]'.")


def drawable(name: str) -> str:
    """Return a name without characters that a picture cannot show."""
    return "".join(c if c.isprintable() else "�" for c in name)


@contextmanager
def style() -> Iterator[Callable[[float, float], Figure]]:
    """Style and a function that makes a figure of a size in inches; MissingExtraError without matplotlib."""
    try:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise _missing() from error

    def figure_of(width: float, height: float) -> Figure:
        figure = Figure(figsize=(width, height), facecolor="white")
        FigureCanvasAgg(figure)
        return figure

    with matplotlib.rc_context(_STYLE):
        yield figure_of
