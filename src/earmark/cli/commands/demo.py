"""``earmark demo``: try it without a recording of your own."""

from __future__ import annotations

import io
import itertools
import os
import shutil
import sys
import tempfile
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.options import ForceOption, ModelOption
from earmark.cli.terminal import console, say
from earmark.errors import OutputError
from earmark.storage import write_atomic
from earmark.vocabulary import DEFAULT_MODEL

if TYPE_CHECKING:
    from earmark.audio import Clip

FILE = "demo.wav"


def demo(
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="WAV", help="Where to put the music.", show_default=FILE),
    ] = None,
    model: ModelOption = DEFAULT_MODEL,
    force: ForceOption = False,
) -> None:
    """Synthesise a demo clip, classify it, and show what to try next.

    The music is synthesised: the same tune as rock, house and a ballad, in 30 seconds.
    """
    from earmark.cli.render import card
    from earmark.demo import demo_medley
    from earmark.models import load_model
    from earmark.predict import classify

    loaded = load_model(model)
    path = _write(demo_medley(), output, force=force)
    say(f"Synthesised rock, house and a ballad of ten seconds each: {path}", "")
    terminal = console()
    terminal.print(card(classify(str(path), model=loaded), terminal, top=5))
    program = "earmark" if shutil.which("earmark") else sys.argv[0]
    say(
        "Now your own music:",
        "",
        f"    {program} classify SONG.mp3",
        f"    {program} classify ~/Music --json",
        "",
    )


def _write(clip: Clip, output: Path | None, *, force: bool) -> Path:
    """Write the clip to `output`; without one here, or in a temporary folder where this one is read-only."""
    if output is not None:
        return _write_wav(clip, output)
    try:
        return _write_wav(clip, Path(FILE) if force else _free_name(clip))
    except OutputError:
        return _write_wav(clip, Path(tempfile.mkdtemp(prefix="earmark-")) / FILE)


def _free_name(clip: Clip) -> Path:
    """``demo.wav``, or the first of ``demo-2.wav``, ... that would replace nobody's file."""
    stem, suffix = os.path.splitext(FILE)
    for i in itertools.count(1):
        path = Path(FILE if i == 1 else f"{stem}-{i}{suffix}")
        if not os.path.lexists(path) or _holds(path, _wav(clip)):
            return path
    raise AssertionError("unreachable")


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False


def _wav(clip: Clip) -> bytes:
    raw = io.BytesIO()
    with wave.open(raw, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(clip.sr)
        file.writeframes((clip.y * 32767).round().astype("<i2").tobytes())
    return raw.getvalue()


def _write_wav(clip: Clip, path: Path) -> Path:
    write_atomic(path, _wav(clip))
    return path
