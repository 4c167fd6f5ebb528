"""``earmark doctor``: what is installed, what works, and how fast."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from earmark import __version__
from earmark.cli.options import LibraryOption
from earmark.cli.terminal import console, plural
from earmark.errors import EarmarkError
from earmark.vocabulary import DEFAULT_MODEL

NEEDED = ("numpy", "soundfile", "av", "soxr", "onnxruntime", "typer", "rich", "platformdirs")
# The extra that brings a package, and what it is for.
OPTIONAL = {
    "matplotlib": ("plot", "pictures"),
    "pyarrow": ("parquet", "tables in Parquet"),
    "scikit-learn": ("train", "training the small families"),
    "torch": ("torch", "training the networks"),
    "sounddevice": ("live", "the microphone"),
    "watchfiles": ("watch", "earmark scan --watch"),
}
# Codec as people know it, and FFmpeg's name of its decoder.
CODECS = {
    "MP3": "mp3", "AAC": "aac", "ALAC": "alac", "FLAC": "flac", "Vorbis": "vorbis", "Opus": "opus",
    "WMA": "wmav2", "WavPack": "wavpack", "AC-3": "ac3",
}  # fmt: skip

MARKS = {True: ("ok", "green"), False: ("!!", "bold red"), None: ("--", "bright_black")}
Check = tuple[str, bool | None, str]  # what, whether it is well (None: optional and absent), and details


def doctor(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out the timing.")] = False,
    library: LibraryOption = None,
) -> None:
    """Show versions, codecs, checksums, library, microphone and speed.

    The exit status is 1 if something that earmark needs does not work.
    """
    from rich.text import Text

    checks: list[Callable[[], Iterator[Check]]] = [
        _versions,
        _codecs,
        _models,
        partial(_library, library),
        _microphone,
    ]
    checks += [] if quick else [_timing]
    terminal, well = console(), True
    for check in checks:
        for what, good, details in check():
            mark, style = MARKS[good]
            line = Text("  ").append(mark, style=style).append(f"  {what:<12}  {details}")
            terminal.print(line, soft_wrap=True)  # as one line, to be copied
            well = well and good is not False
    if not well:
        raise typer.Exit(1)


def _versions() -> Iterator[Check]:
    from earmark.models.onnx import without_telemetry

    machine = f"{platform.system()} {platform.release()} ({platform.machine()})"
    yield "earmark", True, f"{__version__}, Python {platform.python_version()}, {machine}"
    without_telemetry()
    for name in NEEDED:
        try:
            __import__(name)
            yield name, True, metadata.version(name)
        except Exception as error:  # a broken wheel may raise anything
            yield name, False, f"cannot be imported: {error}"
    for name, (extra, purpose) in OPTIONAL.items():
        try:
            yield name, True, f"{metadata.version(name)}, for {purpose}"
        except metadata.PackageNotFoundError:
            yield name, None, f"for {purpose}: pip install 'earmark[{extra}]'"


def _codecs() -> Iterator[Check]:
    try:
        import av
        import soundfile

        ffmpeg = ".".join(map(str, av.library_versions["libavcodec"]))
        yield "decoders", True, f"libsndfile {soundfile.__libsndfile_version__}, FFmpeg's libavcodec {ffmpeg}"
        missing = [name for name, codec in CODECS.items() if codec not in av.codecs_available]
    except Exception as error:
        yield "decoders", False, str(error)
        return
    found = [name for name in CODECS if name not in missing]
    yield "codecs", not missing, ", ".join(found) + (f"; missing: {', '.join(missing)}" if missing else "")


def _models() -> Iterator[Check]:
    from earmark.models import list_models, load_model

    for info in list_models():
        if info.origin != "bundle":
            continue
        try:
            card = load_model(info.name).card
            yield "model", True, f"{info.name}, sha256 {card.sha256[:16]}… verified"
        except EarmarkError as error:
            yield "model", False, f"{info.name}: {error}"


def _library(path: Path | None) -> Iterator[Check]:
    """The library, if there is one: reading all of it shows whether it is whole."""
    from earmark.library import Library, default_path

    place = path or default_path()
    if not place.exists():
        yield "library", None, f"none at {place}: earmark scan DIR makes one"
        return
    try:
        with Library(place, create=False, read_only=True) as library:
            wrong, n = library.check(), len(library)
        yield "library", not wrong, f"{place}, {plural(n, 'track')}, {wrong[0] if wrong else 'nothing wrong'}"
    except EarmarkError as error:
        yield "library", False, str(error)


def _microphone() -> Iterator[Check]:
    try:
        import sounddevice

        device = sounddevice.query_devices(kind="input")
        yield "microphone", True, f"{device['name']}, {device['default_samplerate']:.0f} Hz"
    except ImportError:
        yield "microphone", None, "not looked for: pip install 'earmark[live]'"
    except Exception as error:  # PortAudio raises errors of its own
        yield "microphone", None, f"none found ({error})"


def _timing() -> Iterator[Check]:
    from earmark.demo import demo_medley
    from earmark.models import load_model
    from earmark.predict import classify

    try:
        model = load_model(DEFAULT_MODEL)
        clip = demo_medley()
        classify(clip, model=model)
        before = time.perf_counter()
        classify(clip, model=model)
        seconds = time.perf_counter() - before
    except EarmarkError as error:
        yield "speed", False, str(error)
        return
    times = f"{clip.duration / seconds:.0f} times real time"
    yield "speed", True, f"{clip.duration:.0f} s of sound in {1000 * seconds:.0f} ms: {times}, one thread"
