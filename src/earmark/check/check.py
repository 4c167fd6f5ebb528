"""All checks of a data set, and what they found."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from earmark.check.findings import KINDS, CheckReport, Finding
from earmark.check.label_errors import LabelError, agreement, cross_validated, label_errors_of
from earmark.check.measure import SILENT, Measured, measure, measure_cached
from earmark.check.outliers import MIN_TRACKS, OUTLIER_SCORE, Floats, Ints, outlier_scores
from earmark.data import PARTS, Manifest, Track, read_cached, split, with_hashes
from earmark.duplicates import Copy, find_copies
from earmark.errors import EarmarkError, InputError
from earmark.features import FeatureSpec
from earmark.models import Model, load_model
from earmark.progress import Progress, no_progress
from earmark.vocabulary import DEFAULT_MODEL
from earmark.workers import Deadline, Done, default_deadline, default_memory, run

_N_FOLDS = 5
_LEAST_OF_LABEL = 10  # tracks with and without a label, below which its classifier would be guessing
_AGREEMENT = 0.4  # Cohen's kappa, "moderate" (Landis & Koch 1977): below, what is found is noise
_SURE = 0.5  # probability of another label
_CLIPPED = 0.001  # of the samples
_GAP = 10.0  # s: a pause is shorter, and so is what players leave between songs
_UNBALANCED = 5.0  # times as many tracks in the largest class as in the smallest


def check(
    manifest: Manifest,
    *,
    jobs: int = 1,
    min_seconds: float = 3.0,
    seed: int = 0,
    model: str | None = DEFAULT_MODEL,
    deadline: Deadline | None = default_deadline,
    progress: Progress | None = None,
) -> CheckReport:
    """Read every track once and report what is wrong with the data set.

    Parameters
    ----------
    manifest : Manifest
        Of files, or of cached features; these are checked as far as is possible without sound.
    jobs : int
        Worker processes.
    min_seconds : float
        Minimum duration in seconds.
    seed : int
        Of the folds of the cross-validation.
    model : str or None
        Name or folder of the model whose embedding is used to cross-validate the labels; without one, the
        descriptors are used, which is less accurate.
    deadline : float or callable, optional
        Seconds that a track may take, or a function from its path to them. None processes everything in this
        process where `jobs` is 1: a track that hangs would stop all.
    progress : callable, optional
        Called after each track of each stage.

    Returns
    -------
    CheckReport

    Raises
    ------
    InputError
        If `jobs` or `min_seconds` is out of range.
    """
    if not min_seconds >= 0:
        raise InputError(f"min_seconds={min_seconds}", hint="Accepted: seconds from 0.")
    progress = progress or no_progress
    manifest = _hashed(manifest, jobs, progress)
    measured, errors = _measured(manifest, model, jobs, deadline, progress)
    exact = _exact_copies(manifest, measured)
    near = _near_copies(manifest, measured, exact, progress)
    notes = list(manifest.notes)
    findings = [
        *(_unreadable(manifest.tracks[i], error) for i, error in errors.items()),
        *_of_sound(manifest, measured, min_seconds),
        *_of_copies(manifest, measured, exact, near),
        *_of_groups(manifest),
        *_outliers_and_labels(manifest, measured, min_seconds, seed, notes),
        *_of_balance(manifest),
    ]
    order = {kind: i for i, kind in enumerate(KINDS)}
    findings.sort(key=lambda finding: (order[finding.kind], -finding.score))
    durations = {manifest.tracks[i].id: one.duration for i, one in measured.items()}
    return CheckReport(manifest, tuple(findings), tuple(notes), durations)


# ---------------------------------------------------------------- measuring


def _hashed(manifest: Manifest, jobs: int, progress: Progress) -> Manifest:
    hashed = with_hashes(manifest, jobs=jobs, progress=progress)
    # A file that cannot be hashed is reported as unreadable by whoever measures it.
    found = {track.id: track for track in hashed.tracks}
    return dataclasses.replace(manifest, tracks=tuple(found.get(t.id, t) for t in manifest.tracks))


def _measured(
    manifest: Manifest, model: str | None, jobs: int, deadline: Deadline | None, progress: Progress
) -> tuple[dict[int, Measured], dict[int, EarmarkError]]:
    """Return what was measured of each track, and why the others could not be."""
    if manifest.cache:
        return _measured_cached(manifest), {}
    measured: dict[int, Measured] = {}
    errors: dict[int, EarmarkError] = {}
    paths = [track.path for track in manifest.tracks]
    memory = None if deadline is None else default_memory()
    setup = partial(_loaded, model)
    results = run(measure, paths, jobs=jobs, setup=setup, deadline=deadline, memory=memory)
    for i, result in enumerate(results):
        if isinstance(result, Done):
            measured[i] = result.value
        else:
            errors[i] = result.error
        progress("measuring", i + 1, len(paths), {})
    return measured, errors


def _unreadable(track: Track, error: EarmarkError) -> Finding:
    return Finding("unreadable", (track.id,), error.message, error=error.to_dict())


def _loaded(model: str | None) -> Model | None:
    """Load a model, in each worker; one without an embedding is of no use."""
    loaded = None if model is None else load_model(model)
    if loaded is not None and not loaded.card.embedding_size:
        raise InputError(f"model={model!r} has no embedding", hint="Try: another model, or model=None.")
    return loaded


def _measured_cached(manifest: Manifest) -> dict[int, Measured]:
    cached = read_cached(manifest.cache)
    row = {name: i for i, name in enumerate(cached.ids)}
    spec = FeatureSpec.from_dict(cached.spec)
    seconds = spec.seconds(cached.S_db.shape[2])
    return {i: measure_cached(cached.S_db[row[track.id]], seconds) for i, track in enumerate(manifest.tracks)}


# ---------------------------------------------------------------- one track alone


def _of_sound(manifest: Manifest, measured: dict[int, Measured], min_seconds: float) -> Iterator[Finding]:
    for i, one in measured.items():
        name = (manifest.tracks[i].id,)
        if one.silence >= SILENT:
            yield Finding("silent", name, f"{one.silence:.0%} of {one.duration:.1f} s", one.silence)
        elif one.duration < min_seconds:
            yield Finding("short", name, f"{one.duration:.2f} s", -one.duration)
        length, start = one.gap
        if one.silence < SILENT and length >= _GAP:
            yield Finding("gap", name, f"{length:.0f} s of silence from {start:.0f} s", length, (start,))
        if one.clipped >= _CLIPPED:
            where = f" in the two minutes from {one.clipped_at:.0f} s" if one.clipped_at else ""
            text = f"{one.clipped:.2%} of the samples{where}"
            yield Finding("clipped", name, text, one.clipped, (one.clipped_at,))
        for warning in one.warnings:
            yield Finding("truncated", name, warning)


# ---------------------------------------------------------------- copies


def _exact_copies(manifest: Manifest, measured: dict[int, Measured]) -> list[list[int]]:
    """Return the places of tracks with the same content, for each content that comes more than once."""
    same: dict[object, list[int]] = defaultdict(list)
    for i, track in enumerate(manifest.tracks):
        if track.sha256:
            same[track.sha256].append(i)
        elif i in measured and manifest.cache:
            same[measured[i].numbers.tobytes()].append(i)
    return [places for places in same.values() if len(places) > 1]


def _near_copies(
    manifest: Manifest, measured: dict[int, Measured], exact: Sequence[Sequence[int]], progress: Progress
) -> list[Copy]:
    """Return pairs of places whose sound is the same though their bytes are not."""
    again = {i for places in exact for i in places[1:]}
    places, prints = [], []
    for i, one in sorted(measured.items()):
        if one.landmarks is not None and i not in again:
            places.append(i)
            prints.append(one.landmarks)
    return [
        dataclasses.replace(copy, a=places[copy.a], b=places[copy.b])
        for copy in find_copies(prints, progress=progress)
    ]


def _of_copies(
    manifest: Manifest, measured: dict[int, Measured], exact: Sequence[Sequence[int]], near: Sequence[Copy]
) -> Iterator[Finding]:
    content = "features" if manifest.cache else "bytes"
    for places in exact:
        finding = Finding("exact-copy", _ids(manifest, places), f"{len(places)} of the same {content}")
        yield from _with_consequences(manifest, places, finding)
    for copy in near:
        length = {i: measured[i].duration for i in (copy.a, copy.b)}
        if length[copy.b] > length[copy.a] + 0.1:  # the longer one first, for it is kept
            copy = copy.turned()  # noqa: PLW2901
        finding = _near_finding(_ids(manifest, (copy.a, copy.b)), copy)
        yield from _with_consequences(manifest, (copy.a, copy.b), finding)


def _near_finding(names: tuple[str, ...], copy: Copy) -> Finding:
    facts = [f"{copy.overlap:.1f} s in common", f"{copy.similarity:.0%} of the landmarks agree"]
    if abs(copy.offset) >= 0.05:
        facts.append(f"begins {abs(copy.offset):.2f} s {'later' if copy.offset > 0 else 'earlier'}")
    if abs(copy.speed - 1) >= 0.001:
        facts.append(f"{abs(copy.speed - 1):.1%} {'faster' if copy.speed > 1 else 'slower'}")
    starts = (max(0.0, copy.offset), max(0.0, -copy.offset / copy.speed))
    return Finding("near-copy", names, ", ".join(facts), copy.similarity, starts, copy.partial)


def _with_consequences(manifest: Manifest, places: Sequence[int], finding: Finding) -> Iterator[Finding]:
    """Yield a finding of copies, and whether they contradict each other or part what belongs together."""
    yield finding
    tracks = [manifest.tracks[i] for i in places]
    labels = {tuple(sorted(track.labels)) for track in tracks}
    if len(labels) > 1:
        names = " against ".join(sorted("|".join(names) or "none" for names in labels))
        yield dataclasses.replace(finding, kind="conflict", text=f"{names}; {finding.text}")
    parts = {track.split for track in tracks} & set(PARTS)
    if len(parts) > 1:
        text = f"in {' and '.join(sorted(parts))}; {finding.text}"
        yield dataclasses.replace(finding, kind="leak", text=text)


def _ids(manifest: Manifest, places: Sequence[int]) -> tuple[str, ...]:
    return tuple(manifest.tracks[i].id for i in places)


# ---------------------------------------------------------------- groups and classes


def _of_groups(manifest: Manifest) -> Iterator[Finding]:
    members: dict[str, list[Track]] = defaultdict(list)
    for track in manifest.tracks:
        if track.group and track.split in PARTS:
            members[track.group].append(track)
    for group, tracks in members.items():
        parts = Counter(track.split for track in tracks)
        if len(parts) > 1:
            fractions = ", ".join(f"{n} in {part}" for part, n in sorted(parts.items()))
            yield Finding("artist", tuple(t.id for t in tracks), f"{group}: {fractions}", len(tracks))


def _of_balance(manifest: Manifest) -> Iterator[Finding]:
    counts = manifest.counts()
    if len(counts) < 2:
        yield Finding("balance", (), f"one class only: {', '.join(counts) or 'none'}", 2.0)
        return
    most, least = max(counts, key=lambda c: counts[c]), min(counts, key=lambda c: counts[c])
    if counts[most] >= _UNBALANCED * counts[least]:
        text = f"{most} has {counts[most]} tracks, {least} {counts[least]}: one for every "
        yield Finding("balance", (), text + f"{counts[most] / max(1, counts[least]):.1f}", 1.0)
    table, groups = manifest.indicators(), manifest.groups
    if not any(track.group for track in manifest.tracks):
        return
    for column, name in enumerate(manifest.classes):
        own = set(groups[table[:, column] > 0].tolist())
        if len(own) == 1 and counts[name] > 1:
            yield Finding("balance", (), f"all {counts[name]} tracks of {name} are by {own.pop()}", 0.5)


# ---------------------------------------------------------------- outliers and label errors


def _outliers_and_labels(
    manifest: Manifest, measured: dict[int, Measured], min_seconds: float, seed: int, notes: list[str]
) -> Iterator[Finding]:
    """Yield outliers and probable label errors among the tracks that are neither silent nor too short."""
    fit = [i for i, one in sorted(measured.items()) if one.silence < SILENT and one.duration >= min_seconds]
    if len(fit) < MIN_TRACKS:
        notes.append(f"outliers and labels were not checked: {len(fit)} tracks, {MIN_TRACKS} are needed")
        return
    known = manifest.take(fit)
    X = np.stack([measured[i].numbers for i in fit])
    kinds = np.unique([" ".join(sorted(track.labels)) for track in known.tracks], return_inverse=True)[1]
    for i, score in enumerate(outlier_scores(X, kinds.reshape(-1))):
        if score > OUTLIER_SCORE:
            text = f"{score:.1f} deviations from {'|'.join(known.tracks[i].labels) or 'its class'}"
            yield Finding("outlier", (known.tracks[i].id,), text, float(score))
    folds = _folds(known, seed, notes)
    if folds is not None:
        yield from _of_labels(known, _embeddings(X, [measured[i] for i in fit]), folds, notes)


def _embeddings(X: Floats, measured: Sequence[Measured]) -> Floats:
    """Return the embeddings of the tracks; the descriptors where there was no model."""
    found = [one.embedding for one in measured if one.embedding is not None]
    if not found:
        return X
    middle = np.median(found, axis=0)
    return np.stack([middle if one.embedding is None else one.embedding for one in measured])


def _folds(manifest: Manifest, seed: int, notes: list[str]) -> list[Ints] | None:
    """Return the folds of a cross-validation, by groups where there are enough; None if it cannot be."""
    plain = dataclasses.replace(
        manifest, tracks=tuple(dataclasses.replace(track, split="") for track in manifest.tracks)
    )
    for protocol in ("grouped", "stratified"):
        try:
            splits = split(plain, protocol=protocol, folds=_N_FOLDS, valid=0, seed=seed)
        except InputError as error:
            reason = error.message
        else:
            if protocol != "grouped":
                notes.append("labels were cross-validated without regard to groups: there are too few")
            return [one.parts["test"] for one in splits]
    notes.append(f"labels were not cross-validated: {reason}")
    return None


def _of_labels(manifest: Manifest, X: Floats, folds: Sequence[Ints], notes: list[str]) -> Iterator[Finding]:
    if not manifest.multilabel:
        numbers = manifest.indicators().argmax(axis=1)
        probabilities = cross_validated(X, numbers, folds, len(manifest.classes))
        if (kappa := agreement(probabilities, numbers)) < _AGREEMENT:
            notes.append(
                "label errors were not searched: the classes can hardly be separated "
                f"(kappa {kappa:.2f}, {_AGREEMENT} is needed)"
            )
            return
        for error in _likely(label_errors_of(probabilities, numbers)):
            likely = manifest.classes[error.likely]
            yield _label_finding(
                manifest.tracks[error.track], error, f"rather {likely} ({error.p_likely:.0%})"
            )
        return
    yield from _of_many_labels(manifest, X, folds, notes)


def _likely(found: Sequence[LabelError]) -> list[LabelError]:
    """Return the errors that are more likely than not: confident learning alone reports too many."""
    return [error for error in found if error.p_likely >= _SURE]


def _of_many_labels(
    manifest: Manifest, X: Floats, folds: Sequence[Ints], notes: list[str]
) -> Iterator[Finding]:
    """Yield, for each label by itself, tracks that have it in error or lack it."""
    table = manifest.indicators().astype(np.int64)
    scored = []
    for column, name in enumerate(manifest.classes):
        n_with = int(table[:, column].sum())
        if min(n_with, len(table) - n_with) < _LEAST_OF_LABEL:
            continue
        probabilities = cross_validated(X, table[:, column], folds, 2)
        if agreement(probabilities, table[:, column]) < _AGREEMENT:
            continue
        scored.append(name)
        for error in _likely(label_errors_of(probabilities, table[:, column])):
            text = f"{name} ({error.p_likely:.0%}) is missing" if error.likely else f"not {name}"
            yield _label_finding(manifest.tracks[error.track], error, text)
    if len(scored) < len(manifest.classes):
        notes.append(f"labels that could be scored: {', '.join(scored) or 'none'}")


def _label_finding(track: Track, error: LabelError, text: str) -> Finding:
    given = "|".join(track.labels) or "none"
    return Finding(
        "label", (track.id,), f"{given} ({error.p_given:.0%}): {text}", error.p_likely - error.p_given
    )
