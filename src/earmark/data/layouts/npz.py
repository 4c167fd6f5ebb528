"""Log-mels on disk: one npz with ids, decibels and the numbers of the front end that made them."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from earmark.data.columns import Columns
from earmark.data.layout import Layout
from earmark.data.layouts.tables import tracks_of
from earmark.data.manifest import Manifest, Track, clean_labels, part_name
from earmark.data.rows import parse_rows
from earmark.errors import InputError
from earmark.storage import atomic_file

_TABLES = ("tracks.csv", "tracks.jsonl")
_ZIP = b"PK\x03\x04"
_SPEC_FIELDS = ("sr", "n_fft", "hop_length", "n_mels", "fmin", "fmax", "power", "htk", "norm", "amin")


@dataclass(frozen=True, eq=False)
class CachedFeatures:
    """Log-mel spectrograms of one length.

    Parameters
    ----------
    ids : tuple of str
        Of the tracks, in the order of the rows.
    S_db : np.ndarray [shape=(n, n_mels, n_frames)]
        Absolute dB, float32.
    spec : dict
        Fields of the FeatureSpec that made them; a field that is missing has its default.
    digest : str
        Of that FeatureSpec as the file states it; ``""`` if it does not.
    """

    ids: tuple[str, ...]
    S_db: npt.NDArray[np.float32]
    spec: dict[str, Any]
    digest: str = ""


def write_cached(
    path: str | os.PathLike[str],
    *,
    ids: Sequence[str],
    S_db: npt.NDArray[np.floating],
    spec: Mapping[str, Any],
    digest: str = "",
    labels: Sequence[Sequence[str]] | None = None,
    groups: Sequence[str] | None = None,
) -> None:
    """Write log-mels, with the labels if given, so that `read_manifest` can read the file.

    Parameters
    ----------
    path : path
        Ends in ``.npz``.
    ids : sequence of str [len=n]
    S_db : np.ndarray [shape=(n, n_mels, n_frames)]
    spec : mapping
        ``FeatureSpec.to_dict()``.
    digest : str
        ``FeatureSpec.digest``.
    labels, groups : sequence [len=n], optional
        Of the tracks.

    Raises
    ------
    InputError
        If the numbers of rows differ.
    OutputError
        If the file cannot be written.
    """
    columns: dict[str, Any] = {"id": np.array(ids, dtype=np.str_), "S_db": np.asarray(S_db, dtype=np.float32)}
    if labels is not None:
        columns["labels"] = np.array(["|".join(names) or "-" for names in labels], dtype=np.str_)
    if groups is not None:
        columns["group"] = np.array(groups, dtype=np.str_)
    for name, column in columns.items():
        if len(column) != len(ids):
            raise InputError(
                f"len({name})={len(column)}, len(ids)={len(ids)}", hint="Accepted: one row for each track."
            )
    columns |= {"spec": np.array(json.dumps(dict(spec), sort_keys=True)), "spec_digest": np.array(digest)}
    with atomic_file(path) as file:
        np.savez_compressed(file, **columns)


def read_cached(path: str | os.PathLike[str]) -> CachedFeatures:
    """Read log-mels.

    Parameters
    ----------
    path : path
        An npz with ``id``; ``S_db``, or ``S_db_u8`` with ``step_db`` and ``offset_db``; and ``spec`` (JSON,
        with ``spec_digest``) or the numbers themselves (``sr``, ``n_fft``, ...).

    Raises
    ------
    InputError
        If it is another kind of file, or lacks an array.
    """
    arrays = _arrays(Path(path))
    S_db = _decibels(arrays, Path(path))
    ids = tuple(str(name) for name in np.atleast_1d(arrays["id"]))
    if S_db.ndim != 3 or len(S_db) != len(ids):
        raise InputError(
            f"{path}: S_db.shape={S_db.shape} for {len(ids)} ids",
            hint="Accepted: (n, n_mels, n_frames), n the number of ids.",
        )
    return CachedFeatures(ids, S_db, _spec(arrays, Path(path)), str(arrays.get("spec_digest", "")))


def _arrays(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
        raise InputError(
            f"{path} is no npz that can be read ({error})", hint="Try: write it again with write_cached."
        ) from None
    if "id" not in arrays or not {"S_db", "S_db_u8"} & arrays.keys():
        raise InputError(
            f"{path} has the arrays {', '.join(arrays) or '(none)'}",
            hint="Accepted: id, and S_db or S_db_u8 with step_db and offset_db.",
        )
    return arrays


def _decibels(arrays: Mapping[str, Any], path: Path) -> npt.NDArray[np.float32]:
    if "S_db" in arrays:
        return np.asarray(arrays["S_db"], dtype=np.float32)
    try:
        step, offset = np.float32(arrays["step_db"]), np.float32(arrays["offset_db"])
    except KeyError as missing:
        raise InputError(
            f"{path} has S_db_u8 but no {missing}",
            hint="Accepted: step_db and offset_db, with S_db = S_db_u8 * step_db + offset_db.",
        ) from None
    S_db = np.asarray(arrays["S_db_u8"], dtype=np.float32)
    S_db *= step
    S_db += offset
    return S_db


def _spec(arrays: Mapping[str, Any], path: Path) -> dict[str, Any]:
    if "spec" not in arrays:
        return {name: arrays[name].item() for name in _SPEC_FIELDS if name in arrays}
    try:
        spec = json.loads(str(arrays["spec"]))
    except ValueError as error:
        raise InputError(
            f"{path}: spec is not JSON ({error})", hint="Accepted: FeatureSpec.to_dict() as JSON."
        ) from None
    if not isinstance(spec, dict):
        raise InputError(
            f"{path}: spec is a {type(spec).__name__}",
            hint="Accepted: the dictionary of FeatureSpec.to_dict() as JSON.",
        )
    return spec


def read_cached_manifest(path: Path, *, columns: Columns | None = None) -> Manifest:
    """Read what an npz of log-mels says of its tracks: labels in it, or in a table beside it by id.

    Parameters
    ----------
    path : Path
        As for `read_cached`. Without an array ``labels`` in it, ``tracks.csv`` or ``tracks.jsonl`` of the
        same folder is read.
    columns : Columns
        Names of columns of the table that are not the usual ones.

    Raises
    ------
    InputError
        If there are no labels for any id.
    """
    arrays = _arrays(path)
    ids = [str(name) for name in np.atleast_1d(arrays["id"])]
    known = _stated(arrays, ids) if "labels" in arrays else _beside(path, columns or Columns())
    tracks = []
    for name in ids:
        if (track := known.get(name)) is not None:
            tracks.append(
                Track(
                    name, f"{path}::{name}", track.labels, track.group, track.split,
                    licence=track.licence, source=track.source,
                )
            )  # fmt: skip
    if not tracks:
        raise InputError(
            f"{path}: none of its {len(ids)} ids has a label",
            hint="Try: add an array `labels` (joined with |), or put tracks.csv with id and label beside it.",
        )
    return Manifest(tuple(tracks), root=str(path.parent), cache=str(path))


def _stated(arrays: Mapping[str, Any], ids: Sequence[str]) -> dict[str, Track]:
    def column(name: str) -> list[str]:
        cells = [str(cell) for cell in np.atleast_1d(arrays[name])] if name in arrays else [""] * len(ids)
        if len(cells) != len(ids):
            raise InputError(f"{len(cells)} {name} for {len(ids)} ids", hint="Accepted: one for each id.")
        return cells

    rows = zip(ids, column("labels"), column("group"), column("split"), strict=True)
    return {
        name: Track(name, "", clean_labels([labels]), group, part_name(part))
        for name, labels, group, part in rows
        if labels.strip()
    }


def _beside(path: Path, columns: Columns) -> dict[str, Track]:
    for name in _TABLES:
        table = path.parent / name
        if table.is_file():
            rows = parse_rows(table.read_bytes(), name=str(table))
            parsed = tracks_of(rows, folder=None, columns=columns, name=str(table))
            return {track.id: track for track in parsed.tracks}
    return {}


def _matches(place: Path) -> bool:
    if not place.is_file():
        return False
    with place.open("rb") as file:
        return file.read(len(_ZIP)) == _ZIP


LAYOUT = Layout(
    name="npz",
    summary="An .npz of cached log-mels; labels in it, or in a tracks.csv beside it, by id.",
    order=20,
    matches=_matches,
    read=lambda place, columns: read_cached_manifest(place, columns=columns),
)
