"""A run on disk: what was asked for, what happened, and whether it may go on.

::

    out/
        params.json      everything that decides the result; a run goes on only with the same
        manifest.jsonl   the tracks, as they were read
        log.jsonl        one event a line
        checkpoints/     what an interrupted training goes on from
        curves.png       figures by step, recall by class
        report.html      all of it to look at
        bundle/          card.json and model.onnx: the last to appear
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earmark.data import Manifest, write_manifest
from earmark.errors import InputError, OutputError
from earmark.models.bundle import RUN_BUNDLE
from earmark.storage import write_atomic

SCHEMA = "earmark.run/1"
Clock = Callable[[], float]


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
    clock: Clock

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
        """What an interrupted training goes on from."""
        return self.path / "checkpoints"

    @property
    def bundle(self) -> Path:
        """Card and weights, once the run is complete."""
        return self.path / RUN_BUNDLE

    @property
    def complete(self) -> bool:
        """Whether the bundle is there: it is the last to appear."""
        return (self.bundle / "card.json").is_file()

    def open(self, params: Mapping[str, Any], manifest: Manifest) -> bool:
        """Begin the run, or go on with it.

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
                    f"{self.path} is not empty and holds no run", hint="Name a new folder: --out."
                )
        elif self.path.exists() and not self.path.is_dir():
            raise OutputError(f"{self.path} is a file", hint="Name a new folder: --out.")
        try:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.path} cannot be made: {error.strerror or error}") from error
        if not self.manifest.exists():
            write_manifest(_absolute(manifest), self.manifest)
        if before is None:
            write_json(self.params, params)
        self.note("resume" if before is not None else "start", model=params["model"])
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
        """What the log has, of one kind or all; broken lines are left out."""
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


def read_params(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what a run was asked for.

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
            f"{folder} holds no run of earmark train ({error})", hint="Give the folder that --out named."
        ) from None
    if not isinstance(params, dict) or params.get("schema") != SCHEMA:
        raise InputError(f"{path} is not {SCHEMA}", hint="Upgrade earmark, or train again.")
    return params


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
    for key in sorted({*before, *now}):
        if before.get(key) != now.get(key):
            raise OutputError(
                f"{folder} holds a run with {key}={_short(before.get(key))}, not {_short(now.get(key))}",
                hint="Name another folder (--out), or remove that one.",
            )


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."
