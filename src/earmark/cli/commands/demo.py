"""``earmark demo``: hear it work, without a recording of one's own."""

from __future__ import annotations

import shutil
import sys
import tempfile
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.options import DEFAULT_MODEL, ModelOption
from earmark.cli.terminal import console, say
from earmark.errors import OutputError
from earmark.storage import atomic_file

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
) -> None:
    """Play a band that does not exist, classify what it plays, and say what to try next.

    The music is synthesised: the same tune as rock, house and a ballad, in 24 seconds.
    """
    from earmark.cli.render import card
    from earmark.demo import demo_medley
    from earmark.models import load_model
    from earmark.predict import classify

    listener = load_model(model)
    path = _write(demo_medley(), output)
    say(f"Synthesised rock, house and a ballad of eight seconds each: {path}\n")
    terminal = console()
    terminal.print(card(classify(str(path), model=listener).to_dict(), terminal, top=5))
    program = "earmark" if shutil.which("earmark") else sys.argv[0]
    say(f"Now your own music:\n\n    {program} classify SONG.mp3\n    {program} classify ~/Music --json\n")


def _write(clip: Clip, output: Path | None) -> Path:
    """Write the clip where it was asked for; else here, or in the folder for temporary files."""
    if output is not None:
        return _write_wav(clip, output)
    try:
        return _write_wav(clip, Path(FILE))
    except OutputError:
        return _write_wav(clip, Path(tempfile.mkdtemp(prefix="earmark-")) / FILE)


def _write_wav(clip: Clip, path: Path) -> Path:
    samples = (clip.y * 32767).round().astype("<i2")
    with atomic_file(path) as raw, wave.open(raw, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(clip.sr)
        file.writeframes(samples.tobytes())
    return path
