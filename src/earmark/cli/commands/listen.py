"""``earmark listen``: the last seconds of a microphone, or of a file that is replayed, as bars."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from earmark.cli.options import JsonOption, ModelOption, PriorOption
from earmark.cli.terminal import console, plural, printable, say, write_line
from earmark.vocabulary import DEFAULT_MODEL

if TYPE_CHECKING:
    from earmark.audio import AudioStream
    from earmark.audio.microphone import Block, Notice
    from earmark.live import Answer, Session
    from earmark.predict import Prediction

    Event = Block | Notice

_BLOCK_SECONDS = 0.05  # of a file that is replayed
_LINE_SECONDS = 1.0  # between lines where there is no terminal
_LINE_GENRES = 3

Device = Annotated[
    str | None,
    typer.Option("--device", metavar="NAME", help="Part of the input's name.", show_default="the system's"),
]
ListDevices = Annotated[bool, typer.Option("--list-devices", help="List the inputs and exit.")]
SourceOption = Annotated[
    str | None, typer.Option("--source", metavar="FILE|-", help="Replay a file, or stdin, instead.")
]
Speed = Annotated[
    float, typer.Option("--speed", min=0, metavar="N", help="Replay N times as fast; 0 as fast as it goes.")
]
Duration = Annotated[
    float | None,
    typer.Option("--duration", min=0.5, metavar="SECONDS", help="Stop after so much sound."),
]
Window = Annotated[
    float | None,
    typer.Option(
        "--window",
        metavar="SECONDS",
        help="The bars are the mean of so many seconds.",
        show_default="one window of the model, 3 s",
    ),
]
Hop = Annotated[float, typer.Option("--hop", metavar="SECONDS", help="Seconds between two updates.")]
Top = Annotated[int, typer.Option("--top", min=1, metavar="N", help="Genres to show.")]


def listen(
    *,
    device: Device = None,
    list_devices: ListDevices = False,
    source: SourceOption = None,
    speed: Speed = 1.0,
    duration: Duration = None,
    window: Window = None,
    hop: Hop = 0.25,
    top: Top = 6,
    as_json: JsonOption = False,
    prior: PriorOption = None,
    model: ModelOption = DEFAULT_MODEL,
) -> None:
    """Listen to a microphone, or replay a file, and show genre and mood of the last seconds.

    Ctrl-C ends it with the prediction of the whole. No file is written.

    Smoothing: the bars are the plain mean over --window, no more; the verdict changes once two updates in a
    row agree, silence at once; tempo and key are of the last 30 s, from 8 s on and then every 2 s.
    """
    if list_devices:
        _list_devices()
        return
    from earmark.live import Session
    from earmark.models import load_model
    from earmark.predict import parse_prior

    loaded = load_model(model)
    priors = None if prior is None else parse_prior(prior)
    begun = partial(Session, loaded, hop=hop, window=window, prior=priors)
    begun()  # what is not accepted is reported before anything is opened
    with _input(device, source, speed, loaded.card.spec.sr) as sound:
        session = begun(rate=sound.sr)
        heads = [head.name for head in loaded.card.heads]
        with _output(sound.name, top, as_json, heads) as show:
            _run(session, sound.events, show, duration=duration, every=source is not None)
        prediction = session.final(source=source, warnings=tuple(sound.warnings()))
    _show_final(prediction, top, as_json)


def _run(
    session: Session,
    events: Iterable[Event],
    show: Callable[[Answer | None, str], None],
    *,
    duration: float | None,
    every: bool,
) -> None:
    """Push what comes until it ends, the time is over, or Ctrl-C."""
    from earmark.audio.microphone import Notice

    with suppress(KeyboardInterrupt), _Interrupt() as interrupt:
        for event in events:
            if isinstance(event, Notice):
                show(None, event.text)
                continue
            with interrupt.held_back():
                for answer in _pushed(session, event, duration, every):
                    show(answer, "")
            if duration is not None and session.seconds >= duration:
                return


def _pushed(session: Session, block: Block, duration: float | None, every: bool) -> list[Answer]:
    if block.sr != session.rate:
        session.change_rate(block.sr)
    session.skip(block.n_dropped)
    left = len(block.y) if duration is None else max(0, round((duration - session.seconds) * block.sr))
    return session.push(block.y[:left], every=every)


class _Interrupt:
    """Lets Ctrl-C come only where the session is whole."""

    def __init__(self) -> None:
        self._is_held, self._has_come = False, False
        self._before = signal.getsignal(signal.SIGINT)

    def __enter__(self) -> _Interrupt:
        if callable(self._before):  # else whoever started this wants it ignored
            signal.signal(signal.SIGINT, self._come)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _come(self, signum: int, frame: Any) -> None:
        if self._is_held:
            self._has_come = True
        elif callable(self._before):
            self._before(signum, frame)

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Hold an interruption back until the end of the block."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
        if self._has_come:
            self._has_come = False
            raise KeyboardInterrupt


# ---------------------------------------------------------------- where sound comes from


@dataclass(frozen=True)
class _Sound:
    """What is listened to: its name and rate, what comes from it, and what went wrong so far."""

    name: str
    sr: int
    events: Iterable[Event]
    warnings: Callable[[], list[str]]


@contextmanager
def _input(device: str | None, source: str | None, speed: float, sr: int) -> Iterator[_Sound]:
    if source is not None:
        from earmark.audio import open_audio
        from earmark.cli.render import name_of

        with open_audio(source, sr=sr) as stream:
            yield _Sound(name_of(stream.path), sr, _replayed(stream, speed), lambda: stream.warnings)
        return
    from earmark.audio.microphone import Microphone

    with Microphone(device) as microphone:
        yield _Sound(printable(microphone.device.name), microphone.sr, microphone, list)


def _replayed(stream: AudioStream, speed: float) -> Iterator[Event]:
    """Blocks of a file at `speed` times the pace of the clock; 0 for no pace at all."""
    from earmark.audio.microphone import Block

    began, seconds = time.monotonic(), 0.0
    for y in stream.blocks(block_length=round(_BLOCK_SECONDS * stream.sr)):
        seconds += len(y) / stream.sr
        if speed:
            time.sleep(max(0.0, began + seconds / speed - time.monotonic()))
        yield Block(y, stream.sr)


def _list_devices() -> None:
    from earmark.audio.microphone import input_devices

    devices = input_devices()
    for device in devices:
        mark = "*" if device.is_default else " "
        write_line(f"{mark} {device}, {device.sr} Hz, {plural(device.channels, 'channel')}")
    if not devices:
        say("there is no input device")


# ---------------------------------------------------------------- where answers go


@contextmanager
def _output(
    name: str, top: int, as_json: bool, heads: Sequence[str]
) -> Iterator[Callable[[Answer | None, str], None]]:
    """What takes each answer, or None and a notice."""
    terminal = console()
    if as_json or not terminal.is_terminal:
        yield _Lines(as_json)
        return
    from rich.live import Live

    from earmark.cli.live_view import view

    latest: list[Answer | None] = [None]
    draw = partial(view, top=top, width=min(terminal.width, 100), what=name, heads=heads)
    with Live(draw(None), console=terminal, auto_refresh=False, transient=True) as live:

        def show(answer: Answer | None, notice: str) -> None:
            latest[0] = answer or latest[0]
            live.update(draw(latest[0], notice=notice), refresh=True)

        yield show


class _Lines:
    """Lines for pipes: JSON for each answer, else one a second for people."""

    def __init__(self, as_json: bool) -> None:
        self._as_json, self._next = as_json, 0.0

    def __call__(self, answer: Answer | None, notice: str) -> None:
        """Write a line, and a notice to stderr."""
        if notice:
            say(notice)
        if answer is None:
            return
        if self._as_json:
            write_line(answer.to_json())
        elif answer.time >= self._next:
            from earmark.cli.live_view import line

            self._next = answer.time + _LINE_SECONDS - 0.01
            write_line(line(answer, _LINE_GENRES))


def _show_final(prediction: Prediction, top: int, as_json: bool) -> None:
    if as_json:
        write_line(prediction.to_json())
        return
    from earmark.cli.render import card

    terminal = console()
    terminal.print(card(prediction, terminal, top=top))
