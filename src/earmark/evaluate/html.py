"""Evaluations and comparisons as HTML pages, with excerpts of the errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from earmark import __version__
from earmark.audio import load
from earmark.errors import EarmarkError
from earmark.evaluate.compare import Comparison, Disagreement
from earmark.evaluate.estimates import TrackResult
from earmark.evaluate.evaluate import Evaluation
from earmark.report import (
    Bar,
    Html,
    Line,
    Section,
    audio,
    bar_chart,
    columns,
    encode_sound,
    facts,
    figure,
    fold,
    line_chart,
    matrix_chart,
    notice,
    page,
    table,
)

EXCERPT = 6.0  # s of sound for each error: enough to judge, and some 50 kB of page
N_GROUPS = 15
N_TRACKS = 10  # on which two models disagree, for each


def evaluation_page(evaluation: Evaluation, *, sound: bool = True) -> str:
    """Return the HTML report of an evaluation.

    Parameters
    ----------
    evaluation : Evaluation
        What is reported.
    sound : bool
        Whether the page carries excerpts of the worst errors. Leave them out of a page that is passed on:
        they are somebody's recordings.

    Returns
    -------
    str
        One HTML document that loads nothing.
    """
    sections = [
        _glance(evaluation),
        _classes(evaluation),
        _confusion(evaluation),
        _confidence(evaluation),
        *_errors(evaluation, sound),
        *_groups(evaluation),
        *_not_music(evaluation),
        _tracks(evaluation),
    ]
    title = f"{evaluation.model.name} on {evaluation.data}"
    return page(title, sections, subtitle=_subtitle(evaluation), footer=_footer(evaluation))


def comparison_page(comparison: Comparison, *, sound: bool = True) -> str:
    """Return the HTML report of a comparison; parameters as for `evaluation_page`."""
    a, b = comparison.a.model.name, comparison.b.model.name
    rows = [
        [one.a.name, one.a.text, one.b.text, one.text, one.interval, one.a.n]
        for one in comparison.differences
    ]
    header = ["metric", a, b, f"{b} − {a}", "95 % interval", "n"]
    n_a, n_b = len(comparison.only_a), len(comparison.only_b)
    p_value = f"p = {comparison.p_value:.3g} by the exact test of McNemar, which takes tracks as independent"
    parts = [
        *_notices(comparison.notes, comparison.a.subset.leaky),
        table(header, rows),
        f"Of {comparison.n} tracks, {a} alone is right on {n_a}, {b} alone on {n_b}: {p_value}.",
        "The intervals resample groups for both models alike. Trust them where they and the test disagree.",
    ]
    sections = [Section("At a glance", parts, comparison.verdict)]
    for name, other, tracks in ((a, b, comparison.only_a), (b, a, comparison.only_b)):
        if tracks:
            lead = f"The most confident errors of {other} first."
            sections.append(
                Section(f"Only {name} is right", [_disagreements(comparison, tracks, sound)], lead)
            )
    return page(
        f"{a} or {b} on {comparison.a.data}?",
        sections,
        subtitle=_subtitle(comparison.a, comparison.n),
        footer=_footer(comparison.a, comparison.b),
    )


def _subtitle(evaluation: Evaluation, n: int | None = None) -> str:
    subset = evaluation.subset
    n_tracks = len(evaluation.tracks) if n is None else n
    return (
        f"{n_tracks} tracks, {evaluation.n_groups} groups · {subset.text} · "
        f"digest {subset.digest} · {evaluation.head.name}"
    )


def _footer(*evaluations: Evaluation) -> str:
    models = [one.model for one in evaluations]
    named = [f"{one.name}, weights {one.sha256[:12]}" if one.sha256 else one.name for one in models]
    return (
        f"earmark {__version__}; {'; '.join(named)}; split {evaluations[0].subset.digest}. "
        "Intervals: 95 %, by resampling groups. A track is the mean of its windows."
    )


def _notices(notes: Sequence[str], leaky: bool) -> list[Html]:
    return [notice(note, kind="warning" if leaky and note.startswith("leaky") else "note") for note in notes]


def _glance(evaluation: Evaluation) -> Section:
    values = {one.name: one.text for one in evaluation.metrics}
    notes = {one.name: one.interval for one in evaluation.metrics if one.interval}
    n_right = sum(track.hit for track in evaluation.tracks)
    several = any(len(track.labels) > 1 for track in evaluation.tracks)
    what = "is among the labels" if several else "is the label"
    lead = f"The predicted class {what} for {n_right} of {len(evaluation.tracks)} tracks."
    lead += " These metrics are leaky." if evaluation.subset.leaky else ""
    return Section(
        "At a glance",
        [facts(values, notes=notes), *_notices(evaluation.notes, evaluation.subset.leaky)],
        lead,
    )


def _classes(evaluation: Evaluation) -> Section:
    leaky = " leaky" if evaluation.subset.leaky else ""
    known = [one for one in evaluation.classes if one.n]
    bars = [Bar(one.label, one.recall, note=f"of {one.n}{leaky}") for one in known]
    rows = [
        [one.label, one.n, one.recall, one.precision, one.f1, one.roc_auc, one.average_precision]
        for one in evaluation.classes
    ]
    header = ["class", "tracks", "recall", "precision", "F1", "ROC-AUC", "average precision"]
    return Section(
        "Classes",
        [
            figure(bar_chart(bars)),
            fold("All metrics of each class", table(header, rows, caption=leaky.strip())),
        ],
        "Recall: the fraction of the tracks of each class that were classified correctly.",
    )


def _confusion(evaluation: Evaluation) -> Section:
    counts = evaluation.confusion
    used = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1))
    rows = np.flatnonzero(counts.sum(axis=1))
    names = evaluation.head.classes
    chart = matrix_chart(
        counts[np.ix_(rows, used)],
        [names[i] for i in rows],
        [names[i] for i in used],
        corner="true ↓ predicted →",
    )
    leaky = " Leaky." if evaluation.subset.leaky else ""
    return Section(
        "Confusion",
        [chart],
        f"Green is correct; the redder, the more of a class was predicted as that.{leaky}",
    )


def _confidence(evaluation: Evaluation) -> Section:
    curve, (coverage, risk) = evaluation.reliability, evaluation.risk
    full = curve.n > 0
    leaky = " Leaky." if evaluation.subset.leaky else ""
    reliability = line_chart(
        [Line("tracks", curve.confidence[full], curve.accuracy[full], dots=True)],
        x_label="score of the predicted class", y_label="fraction correct", x_range=(0, 1), y_range=(0, 1),
        diagonal=True, percent=True,
    )  # fmt: skip
    top = max(0.1, math.ceil(float(risk.max()) * 10) / 10)
    covered = line_chart(
        [Line("tracks", coverage, risk)],
        x_label="coverage, most confident tracks first", y_label="risk: fraction wrong", x_range=(0, 1),
        y_range=(0, top), percent=True,
    )  # fmt: skip
    bins = np.column_stack([curve.confidence[full], curve.accuracy[full]]).tolist()
    bins = [[*row, int(n)] for row, n in zip(bins, curve.n[full], strict=True)]
    half = risk[(len(risk) - 1) // 2]
    ece = evaluation.metric("ECE")
    reliable = f"Below the diagonal the model is overconfident. ECE {ece.text}, in ten bins.{leaky}"
    selective = f"Of the most confident half, {1 - half:.0%} are correct; of all, {1 - risk[-1]:.0%}.{leaky}"
    return Section(
        "Confidence",
        [
            columns(figure(reliability, caption=reliable), figure(covered, caption=selective)),
            fold("The bins", table(["mean score", "fraction correct", "tracks"], bins)),
        ],
        "Whether a high score can be trusted.",
    )


def _errors(evaluation: Evaluation, sound: bool) -> list[Section]:
    worst = evaluation.worst()
    if not worst:
        return []
    rows = [
        [track.id, ", ".join(track.labels), track.predicted, track.score, track.group, _player(track, sound)]
        for track in worst
    ]
    header = ["track", "label", "predicted", "score", "group", "listen"]
    lead = (
        "The most confident errors, from where the score is highest: is the prediction wrong, or the label?"
    )
    return [Section("Confident errors", [table(header, rows)], lead)]


def _groups(evaluation: Evaluation) -> list[Section]:
    groups = [group for group in evaluation.groups if group.n > 1][:N_GROUPS]
    if not groups:
        return []
    rows = [
        [one.name, f"{one.n_missed} of {one.n}", ", ".join(one.labels), ", ".join(one.predicted)]
        for one in groups
    ]
    header = ["group", "errors", "label", "predicted"]
    return [
        Section(
            "Artists with most errors",
            [table(header, rows)],
            "Groups of two tracks or more, most errors first.",
        )
    ]


def _not_music(evaluation: Evaluation) -> list[Section]:
    sections = []
    if evaluation.refused:
        rows = list(evaluation.refused.items())
        lead = "Tracks to which no class applies, by their verdict. They count in no metric above."
        sections.append(Section("Not of any class", [table(["verdict", "tracks"], rows)], lead))
    if evaluation.failed:
        missing = [[one.source.id, one.error.code, str(one.error)] for one in evaluation.failed]
        parts = [table(["track", "error", "what"], missing)]
        sections.append(Section("Not read", parts, "These count in no metric."))
    return sections


def _tracks(evaluation: Evaluation) -> Section:
    rows = [
        [
            one.id,
            ", ".join(one.labels),
            one.predicted or "silence",
            one.score,
            one.hit,
            one.verdict,
            one.group,
        ]
        for one in evaluation.tracks
    ]
    header = ["track", "label", "predicted", "score", "correct", "verdict", "group"]
    return Section("All tracks", [fold(f"{len(rows)} tracks", table(header, rows))])


def _disagreements(comparison: Comparison, tracks: Sequence[Disagreement], sound: bool) -> Html:
    a, b = comparison.a.model.name, comparison.b.model.name
    rows = []
    for two in tracks[:N_TRACKS]:
        wrong = two.b if two.a.hit else two.a
        predicted = [f"{one.predicted or 'silence'} {one.score:.2f}" for one in (two.a, two.b)]
        rows.append([two.id, ", ".join(two.labels), *predicted, _player(wrong, sound)])
    more = f"{len(tracks)} in all" if len(tracks) > N_TRACKS else ""
    return table(["track", "label", a, b, "listen"], rows, caption=more)


def _player(track: TrackResult, sound: bool) -> Html | None:
    """Return a player of the part where the predicted class scores highest; None without sound."""
    if not sound or not Path(track.path).is_file():
        return None
    try:
        clip = load(track.path, start=track.start, duration=EXCERPT)
    except EarmarkError:
        return None  # gone or damaged since: the table has the rest
    return audio(encode_sound(clip.y, clip.sr), label=f"{track.id}, from {track.start:.0f} s")
