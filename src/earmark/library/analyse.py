"""From a file to a `Row`: everything that the catalogue keeps, from one pass over the sound."""

from __future__ import annotations

import dataclasses
import os
import time

import numpy as np

from earmark.audio import load, sound_digest
from earmark.audio.source import not_found
from earmark.errors import EarmarkError, UnreadableAudioError
from earmark.features import method_digest
from earmark.features.fingerprint import SPEC, peaks
from earmark.features.stft import magnitudes
from earmark.library.packing import Peaks
from earmark.library.row import FileState, Item, ModelInfo, Row
from earmark.library.tags import Tags, read_tags
from earmark.models import Model
from earmark.predict import score_source

EXCERPTS = (3, 10.0)
# In the middle of every track, whatever is classified of it: seconds that are cut off a copy at one end move
# its middle by half as many, so that most of these are still common.
FINGERPRINTED = 20.0


def analyse(
    item: Item | str | os.PathLike[str],
    model: Model,
    *,
    excerpts: tuple[int, float] | None = EXCERPTS,
    before: Row | None = None,
) -> Row:
    """Analyse one track; its file is read and nothing else is touched.

    Parameters
    ----------
    item : Item or path
        What to analyse.
    model : Model
        A loaded model.
    excerpts : (int, float) or None
        What is classified, as in `classify`; None is the whole track.
    before : Row, optional
        What is known of the same sound: its digest and fingerprint are taken from there.

    Returns
    -------
    Row
        Of a file that could not be analysed, with ``error`` set and with what was found until then.
    """
    if not isinstance(item, Item):
        item = Item(os.path.abspath(os.fspath(item)))
    row = Row(item, FileState(0, 0, 0), analysed=time.time(), model=ModelInfo.of(model.card))
    try:
        row = dataclasses.replace(row, file=FileState.of(os.stat(item.path)))
        row = dataclasses.replace(row, tags=item.tags or read_tags(item.path))
        sound = before.sound if before and before.sound else sound_digest(item.path)
        row = dataclasses.replace(row, sound=sound)
        return _scored(row, model, excerpts, before)
    except FileNotFoundError:
        return dataclasses.replace(row, error=not_found(item.path, item.path).to_dict())
    except OSError as error:
        reason = UnreadableAudioError(
            f"{item.path} cannot be read ({error.strerror or error})",
            hint="Try: check its permissions, or the disk.",
        )
        return dataclasses.replace(row, error=reason.to_dict())
    except EarmarkError as error:
        return dataclasses.replace(row, error=error.to_dict())


def failed(item: Item, error: EarmarkError) -> Row:
    """Return the row of a track whose analysis did not come to an end; its process may have died.

    Parameters
    ----------
    item : Item
        The track.
    error : EarmarkError
        What became of it.
    """
    try:
        file = FileState.of(os.stat(item.path))
    except OSError:
        file = FileState(0, 0, 0)
    return Row(item, file, item.tags or Tags(), error=error.to_dict(), analysed=time.time())


def _scored(row: Row, model: Model, excerpts: tuple[int, float] | None, before: Row | None) -> Row:
    item = row.item
    length = None if item.stop is None else item.stop - item.start
    scored = score_source(item.path, model=model, start=item.start, duration=length, excerpts=excerpts)
    prediction = scored.prediction()
    embedding = scored.scores.mean_embedding().astype(np.float32)
    return dataclasses.replace(
        row,
        method=method_digest(),
        prediction=prediction,
        embedding=embedding if len(embedding) else None,
        peaks=(before and before.peaks) or middle_peaks(item.path, item.start, prediction.duration),
    )


def middle_peaks(path: str, start: float, duration: float) -> Peaks:
    """Return the peaks of the middle of a track, by which copies of it are recognised."""
    length = min(FINGERPRINTED, duration)
    clip = load(path, sr=SPEC.sr, start=start + (duration - length) / 2, duration=length)
    times, pitches = peaks(magnitudes(clip, SPEC))
    return Peaks(times, pitches, SPEC.n_frames(clip.duration))
