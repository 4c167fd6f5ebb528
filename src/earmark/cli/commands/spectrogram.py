"""``earmark spectrogram``: the picture of a file's sound."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.cli.options import ForceOption
from earmark.cli.sources import STDIN, check_free, check_writable
from earmark.cli.terminal import say
from earmark.errors import InputError

LONGEST = 600.0  # s; a picture is a few thousand points wide, and the sound must fit into memory


def spectrogram(
    *,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A sound file, or - for stdin.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="PICTURE", help="Where to: .png, .svg, .pdf, .webp or .jpg."),
    ] = None,
    start: Annotated[float, typer.Option(min=0.0, metavar="SECONDS", help="Where to begin.")] = 0.0,
    duration: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="How much to draw.", show_default="all, up to 10 minutes"),
    ] = None,
    dpi: Annotated[
        int, typer.Option(min=30, max=600, help="Pixels per inch; the picture is 11 inches wide.")
    ] = 130,
    force: ForceOption = False,
) -> None:
    """Draw waveform, log-mel spectrogram, MFCC and chroma of a file.

    Without --output the picture is named after the file and goes into the current folder: song.png. A file of
    that name is not replaced without --force.
    """
    if duration is not None and not 0 < duration <= LONGEST:
        raise InputError(f"--duration {duration:g}", hint=f"Accepted: above 0, up to {LONGEST:g} s.")
    target = output or Path("stdin.png" if file == STDIN else f"{Path(file).stem}.png")
    from earmark.audio import load
    from earmark.plot import check_picture_path, save_figure, spectrogram_figure

    check_picture_path(target)
    check_writable(target, "--output")
    if output is None:
        check_free(target, force=force)
    clip = load(file, start=start, duration=duration or LONGEST)
    if duration is None and clip.duration >= LONGEST:
        say(f"drawing the first {LONGEST / 60:.0f} minutes; --start and --duration choose another part")
    for warning in clip.warnings:
        say(f"warning: {warning}")
    save_figure(spectrogram_figure(clip), target, dpi=dpi)
    say(f"drew {target}")
