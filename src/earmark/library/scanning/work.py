"""What a worker process of a scan does with one track."""

from __future__ import annotations

import os
from collections.abc import Set
from dataclasses import dataclass

from earmark.audio import open_audio, sound_digest
from earmark.errors import EarmarkError
from earmark.library.analyse import analyse
from earmark.library.row import FileState, Item, Row
from earmark.library.tags import Tags, read_tags
from earmark.models import Model, load_model
from earmark.workers import default_deadline

TOLERANCE = 0.1  # s by which the length of one recording may differ: containers round


@dataclass(frozen=True, slots=True)
class Work:
    """One track to look at.

    Parameters
    ----------
    item : Item
        Which.
    before : Row or None
        What the catalogue has at its place.
    decided : bool
        Whether it must be analysed: its sound need not be compared with what is known.
    keeps : bool
        Whether the analysis stays if only the tags have changed.
    whole : bool
        Whether all of it is analysed, whatever the scan does with others.
    """

    item: Item
    before: Row | None = None
    decided: bool = False
    keeps: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Recognised:
    """A track whose sound is known: it has other tags, or another place.

    Parameters
    ----------
    file : FileState
        As it is now.
    tags : Tags
        As they are now.
    sound : str
        Digest of its sound.
    whole : float or None
        Length of its file in s.
    """

    file: FileState
    tags: Tags
    sound: str
    whole: float | None


@dataclass(frozen=True)
class Setup:
    """What all tracks of a scan have in common.

    Parameters
    ----------
    model : Model
        Loaded.
    excerpts : (int, float) or None
        As of `analyse`.
    gone : set of (str, int)
        Digest and number of tracks whose files are gone: one of them may come again elsewhere.
    """

    model: Model
    excerpts: tuple[int, float] | None
    gone: Set[tuple[str, int]]


def set_up(
    model: str | os.PathLike[str] | Model, excerpts: tuple[int, float] | None, gone: Set[tuple[str, int]]
) -> Setup:
    """Load the model, with one thread, unless it is loaded."""
    loaded = load_model(model) if isinstance(model, str | os.PathLike) else model
    return Setup(loaded, excerpts, gone)


def process(setup: Setup, work: Work) -> Row | Recognised:
    """Analyse a track, unless its sound is known."""
    before, excerpts = work.before, None if work.whole else setup.excerpts
    if not work.decided:
        if before is None and not setup.gone:
            return analyse(work.item, setup.model, excerpts=excerpts)
        try:
            found = _recognised(setup, work)
        except (OSError, EarmarkError):
            found = None  # what is wrong with it, `analyse` finds as well
        if isinstance(found, Recognised):
            return found
        before = found
    return analyse(work.item, setup.model, excerpts=excerpts, before=before)


def deadline_of(work: Work) -> float:
    """Return how many seconds a track may take, by the size of its file."""
    return default_deadline(work.item.path)


def _recognised(setup: Setup, work: Work) -> Recognised | Row:
    """Return what is known by the sound, or a row with its digest alone."""
    item, before = work.item, work.before
    file = FileState.of(os.stat(item.path))
    sound = sound_digest(item.path)
    is_kept = work.keeps and before is not None and before.sound == sound
    if is_kept or (before is None and (sound, item.number) in setup.gone):
        with open_audio(item.path) as stream:
            whole = stream.measured_duration()
        if not is_kept or _is_still(item, before, file.size, whole):
            return Recognised(file, item.tags or read_tags(item.path), sound, whole)
    return Row(item, file, sound=sound)


def _is_still(item: Item, before: Row | None, size: int, whole: float | None) -> bool:
    if before is None or before.prediction is None:
        return False
    span = (before.item.start, before.item.stop, before.prediction.duration)
    return is_same_span(item, whole, span) or (
        size == before.file.size and span[:2] == (item.start, item.stop)
    )


def is_same_span(item: Item, whole: float | None, span: tuple[float, float | None, float | None]) -> bool:
    """Whether a track is as long as one with the same first packets: its digest is of no more than these.

    Parameters
    ----------
    item : Item
        The track.
    whole : float or None
        Length of its file in s.
    span : (float, float or None, float or None)
        Start, stop and duration of the other.
    """
    start, stop, duration = span
    if whole is None or duration is None or (item.start, item.stop) != (start, stop):
        return False
    return whole >= stop - TOLERANCE if stop is not None else abs(whole - start - duration) <= TOLERANCE
