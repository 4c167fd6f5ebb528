"""Bundles: a card and the weights that its checksum vouches for, in a folder or in one file.

The file is a zip of both, by custom with the ending ``.earmark``. Nothing is ever unpacked to disk: the two
members are read by their names, and no more of them than a limit.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path

from earmark.errors import BundleError, OutputError
from earmark.models.card import ModelCard
from earmark.storage import cannot_write, make_folder, sync_folder, write_atomic

CARD_FILE = "card.json"
WEIGHTS_FILE = "model.onnx"
RUN_BUNDLE = "bundle"  # folder of the bundle in that of a run of `earmark train`
ARCHIVE_SUFFIX = ".earmark"
MOST_BYTES = {CARD_FILE: 8_000_000, WEIGHTS_FILE: 2_000_000_000}  # of a member of an archive, unpacked
_MOST_RATIO = 200  # of its packed size: weights and cards come to 1.1 and 5
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first that zip knows: the same bundle gives the same bytes

SWAP_ATTEMPTS = 10  # of writers that put a bundle into one place at the same time


def is_bundle(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder, or an archive, holds a card; of no account is whether card and weights are whole."""
    place = _standing(folder)
    return (place / CARD_FILE).is_file() or CARD_FILE in _members(place)


def read_card(folder: str | os.PathLike[str]) -> ModelCard:
    """Card of the bundle in a folder or an archive, without touching the weights.

    Parameters
    ----------
    folder : path
        Folder, or zip, that holds ``card.json``.

    Returns
    -------
    ModelCard

    Raises
    ------
    BundleError
        There is no card, it cannot be read, or it is not valid.
    """
    path = _standing(folder) / CARD_FILE
    text = _read(path)
    try:
        return ModelCard.from_json(text)
    except BundleError as error:
        raise BundleError(f"{path}: {error.message}", hint=error.hint) from error


def read_weights(folder: str | os.PathLike[str], card: ModelCard) -> bytes:
    """Weights of the bundle in a folder or an archive, once they are known to be those of the card.

    Parameters
    ----------
    folder : path
        Folder, or zip, that holds ``model.onnx``.
    card : ModelCard
        Its card, as `read_card` gives it.

    Returns
    -------
    bytes
        The ONNX graph. What was hashed is what is returned: the file is read once.

    Raises
    ------
    BundleError
        There are no weights, or they were altered after the card was written.
    """
    path = _standing(folder) / WEIGHTS_FILE
    weights = _read(path)
    found = hashlib.sha256(weights).hexdigest()
    if found != card.sha256:
        raise BundleError(
            f"{path} was altered: sha256={found}, its card states {card.sha256 or 'nothing'}",
            hint="Try: copy or download the bundle again; card.json and model.onnx belong together.",
        )
    return weights


def pack_bundle(folder: str | os.PathLike[str]) -> bytes:
    """Return a bundle as the bytes of one file, which `read_card` and `read_weights` take as well.

    Parameters
    ----------
    folder : path
        Of the bundle.

    Raises
    ------
    BundleError
        It is incomplete or was altered.
    """
    card = read_card(folder)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(zipfile.ZipInfo(CARD_FILE, _EPOCH), card.to_json(), zipfile.ZIP_DEFLATED)
        weights = read_weights(folder, card)
        archive.writestr(zipfile.ZipInfo(WEIGHTS_FILE, _EPOCH), weights, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _read(path: Path) -> bytes:
    if path.parent.is_file():
        return _read_member(path.parent, path.name)
    try:
        return path.read_bytes()
    except OSError as error:
        reason = "missing" if isinstance(error, FileNotFoundError) else f"unreadable ({error.strerror})"
        raise BundleError(
            f"{path.name} is {reason} in {path.parent}",
            hint=f"Accepted: a folder with {CARD_FILE} and {WEIGHTS_FILE}, or that of a complete run.",
        ) from error


def _read_member(path: Path, name: str) -> bytes:
    """Read a member of an archive; what it claims to hold is not believed."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(name) as member:
            packed = archive.getinfo(name).compress_size
            most = min(MOST_BYTES[name], _MOST_RATIO * packed + 1000)
            content = member.read(most + 1)
    except (OSError, KeyError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise BundleError(
            f"{name} cannot be read from {path}: {error}",
            hint=f"Accepted: a zip of {CARD_FILE} and {WEIGHTS_FILE}, such as the page's Teach view gives.",
        ) from error
    if len(content) > most:
        raise BundleError(
            f"{name} in {path} unpacks to more than {most} bytes", hint="Accepted: a bundle of earmark."
        )
    return content


def _members(path: Path) -> list[str]:
    """Return the names of what is in an archive; nothing of what is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile):
        return []


def save_bundle(folder: str | os.PathLike[str], card: ModelCard, onnx_bytes: bytes) -> ModelCard:
    """Write a bundle, all of it or nothing.

    The bundle is written beside `folder` and then renamed, so that no reader meets half of one. A bundle
    that is already there is moved aside for the rename, to a name that `read_card` and `read_weights` know:
    should the process be killed between the two renames, they read it from there.

    Parameters
    ----------
    folder : path
        Where to; a bundle there is replaced, its parents are made.
    card : ModelCard
        Its card; `sha256` is filled in here.
    onnx_bytes : bytes
        The serialised ONNX graph, in one piece (no external data).

    Returns
    -------
    ModelCard
        The card as it was written.

    Raises
    ------
    OutputError
        The folder cannot be written, or holds something else than a bundle.
    InputError
        The card does not fit into JSON.
    """
    target = Path(folder).absolute()
    card = dataclasses.replace(card, sha256=hashlib.sha256(onnx_bytes).hexdigest())
    text = card.to_json()
    _refuse_other_things(target)
    make_folder(target.parent)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as temporary:
            fresh = Path(temporary) / "new"
            fresh.mkdir()
            write_atomic(fresh / WEIGHTS_FILE, onnx_bytes)
            write_atomic(fresh / CARD_FILE, text)
            _swap(fresh, target)
    except OSError as error:
        raise cannot_write(target, error) from error
    except OutputError as error:  # of a file in a folder that has gone by now
        raise OutputError(error.message.replace(str(fresh), str(target)), hint=error.hint) from error
    return card


def _refuse_other_things(target: Path) -> None:
    """A replaced folder is deleted: be sure that it holds nothing but a bundle."""
    if not target.exists():
        return
    others = [] if target.is_dir() else [target.name]
    if target.is_dir():
        others = sorted(
            entry.name for entry in target.iterdir() if entry.name not in {CARD_FILE, WEIGHTS_FILE}
        )
    if others:
        raise OutputError(
            f"{target} exists and is not a bundle: it holds {', '.join(others[:3])}",
            hint="Try: a new folder for the bundle.",
        )


def _swap(fresh: Path, target: Path) -> None:
    """Put a folder in the place of another; two renames, since no system has one call for it everywhere."""
    aside = _aside(target)
    for attempt in range(SWAP_ATTEMPTS):
        try:
            if target.exists():
                shutil.rmtree(aside, ignore_errors=True)
                target.rename(aside)
            fresh.rename(target)
            break
        except OSError:  # somebody else is putting a bundle there at the same time
            if attempt == SWAP_ATTEMPTS - 1:
                if not target.exists() and aside.exists():
                    aside.rename(target)
                raise
    sync_folder(target.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _aside(folder: Path) -> Path:
    """Where a bundle is while another takes its place."""
    return folder.with_name(f".{folder.name}.replaced")


def _standing(folder: str | os.PathLike[str]) -> Path:
    """Folder of a bundle, or where it was moved by a process that died before it had put another there."""
    path = Path(os.path.abspath(folder))
    return path if path.exists() or not _aside(path).is_dir() else _aside(path)
