"""A run: its result, and its files on disk.

::

    out/
        params.json      everything that decides the result; only the same command continues a run
        manifest.jsonl   the tracks, as they were read
        log.jsonl        one event a line
        checkpoints/     what an interrupted training continues from
        curves.png       loss by step, recall by class
        report.html      all of it, to be read in a browser
        bundle/          card.json and model.onnx; written last
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earmark.data import Manifest, Skipped, write_manifest
from earmark.errors import BundleError, InputError, OutputError
from earmark.evaluate import Estimate
from earmark.models import ModelCard
from earmark.models.bundle import RUN_BUNDLE, read_card, read_weights
from earmark.storage import write_atomic
from earmark.train.settings import upgraded

SCHEMA, SCHEMA_1 = "earmark.run/2", "earmark.run/1"
Clock = Callable[[], float]
_NEW = "Try: -o with the name of a new folder."


@dataclass(frozen=True, eq=False)
class Run:
    """Result of a training.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    card : ModelCard
        Card of the bundle.
    metrics : tuple of Estimate
        Metrics on the test part, with intervals; meaningless where `leaky`.
    leaky : bool
        Whether windows of one track were in training and test.
    skipped : tuple of Skipped
        Files that were left out, and why.
    balance : str
        How even the classes are, and what was done about it.
    warnings : tuple of str
        What the split could not satisfy, and damage that was repaired.
    resumed : bool
        Whether it continued, or found complete, an earlier run.
    split, split_reason : str
        Protocol that divided the tracks, and why this one.
    """

    folder: Path
    card: ModelCard
    metrics: tuple[Estimate, ...]
    leaky: bool = False
    skipped: tuple[Skipped, ...] = ()
    balance: str = ""
    warnings: tuple[str, ...] = ()
    resumed: bool = False
    split: str = ""
    split_reason: str = ""

    @property
    def bundle(self) -> Path:
        """Folder of the bundle, which every command takes as ``--model``."""
        return self.folder / RUN_BUNDLE


@dataclass(frozen=True)
class RunFolder:
    """Files of one run.

    Parameters
    ----------
    path : Path
        The folder.
    clock : callable
        Seconds since 1970, for the log.
    """

    path: Path
    clock: Clock = time.time

    @property
    def manifest(self) -> Path:
        """The tracks, as they were read."""
        return self.path / "manifest.jsonl"

    @property
    def params(self) -> Path:
        """Everything that decides the result."""
        return self.path / "params.json"

    @property
    def log(self) -> Path:
        """One event a line."""
        return self.path / "log.jsonl"

    @property
    def checkpoints(self) -> Path:
        """What an interrupted training continues from."""
        return self.path / "checkpoints"

    @property
    def checkpoint(self) -> Path:
        """State of a family that is trained step by step."""
        return self.checkpoints / "training"

    @property
    def candidate(self) -> Path:
        """Bundle of a training that is done, until it is scored and reported."""
        return self.checkpoints / "candidate"

    @property
    def curves(self) -> Path:
        """Picture of loss by step and recall by class."""
        return self.path / "curves.png"

    @property
    def report(self) -> Path:
        """The page that shows all of it."""
        return self.path / "report.html"

    @property
    def bundle(self) -> Path:
        """Card and weights, once the run is complete."""
        return self.path / RUN_BUNDLE

    @property
    def complete(self) -> bool:
        """Whether the bundle is there, with weights that match the checksum on its card."""
        return self.bundle.exists() and not self.damage

    @property
    def damage(self) -> str:
        """What is wrong with a bundle that is there; "" if it is complete, or was not written yet."""
        if not self.bundle.exists():
            return ""
        try:
            read_weights(self.bundle, read_card(self.bundle))
        except BundleError as error:
            return error.message
        return ""

    @property
    def has_progress(self) -> bool:
        """Whether there is a checkpoint, a candidate or a bundle: something that training made."""
        kept = [self.bundle, *self.checkpoints.glob("[!.]*")]
        return any(path.exists() for path in kept)

    def open(self, params: Mapping[str, Any], manifest: Manifest) -> bool:
        """Begin the run, or continue it.

        Parameters
        ----------
        params : mapping
            Everything that decides the result, ready for JSON.
        manifest : Manifest
            The tracks.

        Returns
        -------
        bool
            Whether it had begun before.

        Raises
        ------
        OutputError
            The folder holds a run of other parameters or things that are no run, or cannot be written.
        """
        params = {"schema": SCHEMA, **params}
        before = read_params(self.path) if self.params.exists() else None
        if before is not None:
            _refuse_difference(self.path, before, json.loads(json.dumps(params)))
        elif self.path.is_dir() and any(not entry.name.startswith(".") for entry in self.path.iterdir()):
            if not self.manifest.exists():
                raise OutputError(
                    f"{self.path} is not empty and holds no run",
                    hint=_NEW,
                )
        elif self.path.exists() and not self.path.is_dir():
            raise OutputError(f"{self.path} is a file", hint=_NEW)
        try:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.path} cannot be made: {error.strerror or error}") from error
        if not self.manifest.exists():
            write_manifest(_absolute(manifest), self.manifest)
        if before is None:
            write_json(self.params, params)
        self.note("resume" if before is not None else "start", model=params["settings"]["model"])
        return before is not None

    def note(self, event: str, **facts: Any) -> None:
        """Append an event to the log.

        Raises
        ------
        OutputError
            It cannot be written.
        """
        line = json.dumps({"time": round(self.clock(), 3), "event": event, **facts})
        try:
            with self.log.open("ab") as file:
                if file.tell() and not _ends_a_line(self.log):
                    file.write(b"\n")  # what a kill left of a line stays, but by itself
                file.write(line.encode() + b"\n")
        except OSError as error:
            raise OutputError(f"{self.log} cannot be written: {error.strerror or error}") from error

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Events of the log, of one kind or all; broken lines are left out."""
        found = []
        with suppress(OSError):
            for line in self.log.read_bytes().splitlines():
                with suppress(ValueError):
                    event = json.loads(line)
                    if isinstance(event, dict) and kind in (None, event.get("event")):
                        found.append(event)
        return found

    def finish(self) -> None:
        """Remove what only an interrupted run needs."""
        shutil.rmtree(self.checkpoints, ignore_errors=True)

    def discard(self) -> None:
        """Remove a run that has no progress: the files that `open` and `note` wrote, and nothing else."""
        with suppress(OSError):
            self.checkpoints.rmdir()  # refused, and all is kept, if there is a checkpoint in it
            for path in (self.params, self.manifest, self.log):
                path.unlink(missing_ok=True)
            self.path.rmdir()


def read_params(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the content of a run's ``params.json``; that of an older version in the places of this one.

    Raises
    ------
    InputError
        The folder holds no run, or one of a newer version.
    """
    path = Path(folder) / "params.json"
    try:
        params = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder} holds no run of earmark train ({error})",
            hint="Accepted: a folder that earmark train -o wrote.",
        ) from None
    schema = params.get("schema") if isinstance(params, dict) else None
    if schema not in (SCHEMA, SCHEMA_1):
        raise InputError(f"{path} is not {SCHEMA}", hint="Try: upgrade earmark, or train again.")
    try:
        return upgraded(params) if schema == SCHEMA_1 else params
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} lacks {error}", hint="Try: train again.") from None


def write_json(path: Path, content: object) -> None:
    """Write JSON for people, whole or not at all.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomic(path, text)


def _absolute(manifest: Manifest) -> Manifest:
    """The manifest with paths that hold wherever the run's folder lies."""
    if manifest.cache:
        return manifest
    tracks = tuple(dataclasses.replace(track, path=os.path.abspath(track.path)) for track in manifest.tracks)
    return dataclasses.replace(manifest, tracks=tracks)


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _refuse_difference(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    before, now = _flat(before), _flat(now)
    for key in sorted({*before, *now}, key=lambda key: (key.startswith("params."), key)):
        if before.get(key) != now.get(key):
            raise OutputError(
                f"{folder} holds a run with {key}={_short(before.get(key))}, not {_short(now.get(key))}",
                hint="Try: -o with another folder, or remove that one.",
            )


def _flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Settings and parameters by name, so that a difference can be named."""
    settings = facts["settings"]
    params = {f"params.{name}": value for name, value in settings["params"].items()}
    return {**facts, **settings, **params, "settings": "", "params": ""}


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."
