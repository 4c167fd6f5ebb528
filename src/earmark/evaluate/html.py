"""Evaluations and comparisons as pages that a person reads at a glance, with the mistakes to listen to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from earmark import __version__
from earmark.audio import load
from earmark.errors import EarmarkError
from earmark.evaluate.compare import Comparison, TwoAnswers
from earmark.evaluate.estimates import TrackAnswer
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

EXCERPT = 6.0  # s of sound for each mistake: enough to judge, and some 50 kB of page
N_GROUPS = 15
N_TRACKS = 10  # on which two models disagree, for each


def evaluation_page(evaluation: Evaluation, *, sound: bool = True) -> str:
    """HTML report of an evaluation.

    Parameters
    ----------
    evaluation : Evaluation
        What is told.
    sound : bool
        Whether the page carries excerpts of the worst mistakes. Leave them out of a page that is given away:
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
        *_mistakes(evaluation, sound),
        *_groups(evaluation),
        *_not_music(evaluation),
        _tracks(evaluation),
    ]
    title = f"{evaluation.model.name} on {evaluation.data}"
    return page(title, sections, subtitle=_subtitle(evaluation), footer=_footer(evaluation))


def comparison_page(comparison: Comparison, *, sound: bool = True) -> str:
    """HTML report of a comparison; parameters as for `evaluation_page`."""
    a, b = comparison.a.model.name, comparison.b.model.name
    rows = [
        [one.a.name, one.a.shown, one.b.shown, one.shown, one.interval, one.a.n]
        for one in comparison.differences
    ]
    header = ["figure", a, b, f"{b} − {a}", "95 % interval", "n"]
    n_a, n_b = len(comparison.only_a), len(comparison.only_b)
    p_value = f"p = {comparison.p_value:.3g} by the exact test of McNemar, which takes tracks as independent"
    parts = [
        *_notices(comparison.notes, comparison.a.chosen.leaky),
        table(header, rows),
        f"Of {comparison.n} tracks, {a} alone is right on {n_a}, {b} alone on {n_b}: {p_value}.",
        "The intervals resample groups for both models alike. Trust them where they and the test disagree.",
    ]
    sections = [Section("At a glance", parts, comparison.verdict)]
    for name, other, tracks in ((a, b, comparison.only_a), (b, a, comparison.only_b)):
        if tracks:
            lead = f"The surest misses of {other} first."
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
    chosen = evaluation.chosen
    n_tracks = len(evaluation.tracks) if n is None else n
    return (
        f"{n_tracks} tracks, {evaluation.n_groups} groups · {chosen.shown} · "
        f"digest {chosen.digest} · {evaluation.head.name}"
    )


def _footer(*evaluations: Evaluation) -> str:
    models = [one.model for one in evaluations]
    named = [f"{one.name}, weights {one.sha256[:12]}" if one.sha256 else one.name for one in models]
    return (
        f"earmark {__version__}; {'; '.join(named)}; split {evaluations[0].chosen.digest}. "
        "Intervals: 95 %, by resampling groups. A track is the mean of its windows."
    )


def _notices(notes: Sequence[str], leaky: bool) -> list[Html]:
    return [notice(note, kind="warning" if leaky and note.startswith("leaky") else "note") for note in notes]


def _glance(evaluation: Evaluation) -> Section:
    shown = {one.name: one.shown for one in evaluation.figures}
    notes = {one.name: one.interval for one in evaluation.figures if one.interval}
    n_right = sum(track.hit for track in evaluation.tracks)
    several = any(len(track.labels) > 1 for track in evaluation.tracks)
    what = "is among the labels" if several else "is the label"
    lead = f"The answer {what} for {n_right} of {len(evaluation.tracks)} tracks."
    lead += " These figures are leaky." if evaluation.chosen.leaky else ""
    return Section(
        "At a glance", [facts(shown, notes=notes), *_notices(evaluation.notes, evaluation.chosen.leaky)], lead
    )


def _classes(evaluation: Evaluation) -> Section:
    leaky = " leaky" if evaluation.chosen.leaky else ""
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
            fold("All figures of each class", table(header, rows, caption=leaky.strip())),
        ],
        "How many of the tracks of each class were told right.",
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
        corner="is ↓ heard as →",
    )
    leaky = " Leaky." if evaluation.chosen.leaky else ""
    return Section(
        "Confusion", [chart], f"Green is right; the redder, the more of a class went there.{leaky}"
    )


def _confidence(evaluation: Evaluation) -> Section:
    curve, (coverage, risk) = evaluation.reliability, evaluation.risk
    full = curve.n > 0
    leaky = " Leaky." if evaluation.chosen.leaky else ""
    reliability = line_chart(
        [Line("tracks", curve.confidence[full], curve.accuracy[full], dots=True)],
        x_label="score of the answer", y_label="share that is right", x_range=(0, 1), y_range=(0, 1),
        diagonal=True, percent=True,
    )  # fmt: skip
    top = max(0.1, math.ceil(float(risk.max()) * 10) / 10)
    covered = line_chart(
        [Line("tracks", coverage, risk)],
        x_label="share of tracks answered, surest first", y_label="share that is wrong", x_range=(0, 1),
        y_range=(0, top), percent=True,
    )  # fmt: skip
    bins = np.column_stack([curve.confidence[full], curve.accuracy[full]]).tolist()
    bins = [[*row, int(n)] for row, n in zip(bins, curve.n[full], strict=True)]
    half = risk[(len(risk) - 1) // 2]
    ece = evaluation.figure("ECE")
    told = f"Below the diagonal it is surer than it should be. ECE {ece.shown}, in ten bins.{leaky}"
    spared = f"Of the surest half, {1 - half:.0%} are right; of all, {1 - risk[-1]:.0%}.{leaky}"
    return Section(
        "Confidence",
        [
            columns(figure(reliability, caption=told), figure(covered, caption=spared)),
            fold("The bins", table(["mean score", "share that is right", "tracks"], bins)),
        ],
        "Whether a high score can be trusted.",
    )


def _mistakes(evaluation: Evaluation, sound: bool) -> list[Section]:
    worst = evaluation.worst()
    if not worst:
        return []
    rows = [
        [track.id, ", ".join(track.labels), track.answer, track.score, track.group, _player(track, sound)]
        for track in worst
    ]
    header = ["track", "is", "heard as", "score", "group", "listen"]
    lead = "The misses that the model was surest of, where it was surest: wrong answers, or wrong labels?"
    return [Section("Confident mistakes", [table(header, rows)], lead)]


def _groups(evaluation: Evaluation) -> list[Section]:
    groups = [group for group in evaluation.groups if group.n > 1][:N_GROUPS]
    if not groups:
        return []
    rows = [
        [one.name, f"{one.n_missed} of {one.n}", ", ".join(one.labels), ", ".join(one.answers)]
        for one in groups
    ]
    header = ["group", "missed", "is", "heard as"]
    return [
        Section(
            "Artists that are missed",
            [table(header, rows)],
            "Groups of two tracks or more, most misses first.",
        )
    ]


def _not_music(evaluation: Evaluation) -> list[Section]:
    sections = []
    if evaluation.refused:
        rows = list(evaluation.refused.items())
        lead = "Tracks to which no class applies, by the verdict they got. They count in no figure above."
        sections.append(Section("Not of any class", [table(["verdict", "tracks"], rows)], lead))
    if evaluation.failed:
        missing = [[one.source.id, one.error.code, str(one.error)] for one in evaluation.failed]
        parts = [table(["track", "error", "what"], missing)]
        sections.append(Section("Not read", parts, "These count in no figure."))
    return sections


def _tracks(evaluation: Evaluation) -> Section:
    rows = [
        [one.id, ", ".join(one.labels), one.answer or "silence", one.score, one.hit, one.verdict, one.group]
        for one in evaluation.tracks
    ]
    header = ["track", "is", "heard as", "score", "right", "verdict", "group"]
    return Section("All tracks", [fold(f"{len(rows)} tracks", table(header, rows))])


def _disagreements(comparison: Comparison, tracks: Sequence[TwoAnswers], sound: bool) -> Html:
    a, b = comparison.a.model.name, comparison.b.model.name
    rows = []
    for two in tracks[:N_TRACKS]:
        wrong = two.b if two.a.hit else two.a
        said = [f"{one.answer or 'silence'} {one.score:.2f}" for one in (two.a, two.b)]
        rows.append([two.id, ", ".join(two.labels), *said, _player(wrong, sound)])
    more = f"{len(tracks)} in all" if len(tracks) > N_TRACKS else ""
    return table(["track", "is", a, b, "listen"], rows, caption=more)


def _player(track: TrackAnswer, sound: bool) -> Html | None:
    """Player of the part where the answer scores highest; None where there is nothing to hear."""
    if not sound or not Path(track.path).is_file():
        return None
    try:
        clip = load(track.path, start=track.start, duration=EXCERPT)
    except EarmarkError:
        return None  # gone or damaged since it was heard: the table tells the rest
    return audio(encode_sound(clip.y, clip.sr), label=f"{track.id}, from {track.start:.0f} s")
