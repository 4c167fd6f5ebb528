"""What all commands share: errors as one line, results on stdout, everything else on stderr."""

from __future__ import annotations

import _thread
import codecs
import errno
import functools
import io
import os
import signal
import sys
import threading
import traceback
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from earmark.errors import EarmarkError, OutputError

if TYPE_CHECKING:
    from types import FrameType

    from rich.console import Console, RenderableType
    from rich.segment import Segment
    from rich.table import Table
    from rich.text import Text

R = TypeVar("R")

INTERRUPTED, BROKEN_PIPE, TERMINATED = 130, 141, 143  # 128 + the signal, as shells have it
RETRY_SECONDS = 0.001
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


JOINERS = "\u200c\u200d"  # within words of Persian and Hindi, and within emoji

# What stands for the characters of bars and strips where the terminal has ASCII only.
PLAIN = {"━": "#", "╸": "+", "─": "-", "█": "#", "■": "*", "·": "|", "…": "~"}


def prepare_streams() -> None:
    """Let no character break the output: odd bytes pass through, what the terminal lacks is replaced."""
    codecs.register_error("earmark", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            utf8 = stream.encoding.lower().replace("-", "") == "utf8"
            stream.reconfigure(errors="surrogateescape" if utf8 else "earmark")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(PLAIN.get(c, "?") for c in error.object[error.start : error.end]), error.end


def guarded(command: Callable[..., R]) -> Callable[..., R]:
    """Turn what a command raises into one line on stderr and an exit status, never a traceback.

    Parameters
    ----------
    command : callable
        May raise `EarmarkError`, whose `exit_code` becomes the exit status.

    Returns
    -------
    callable
        With the same signature.
    """

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> R:
        import typer

        _stop_on_signals()
        try:
            return command(*args, **kwargs)
        except typer.Exit:
            raise
        except EarmarkError as error:
            _trace()
            say(complaint(error))
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            say("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            _close_stdout()
            raise typer.Exit(BROKEN_PIPE) from None
        except Exception as error:
            _trace()
            failure = _unplanned(error)
            say(complaint(failure))
            raise typer.Exit(failure.exit_code) from None

    return run


def _unplanned(error: Exception) -> EarmarkError:
    if isinstance(error, OSError) and error.errno in FULL:
        where = error.filename or "the output"
        return OutputError(
            f"cannot write {where}: {error.strerror}", hint="Try: free some space, or write elsewhere."
        )
    hint = "" if debugging() else "Try: EARMARK_DEBUG=1, which shows where; this is a fault of earmark."
    return EarmarkError(f"{type(error).__name__}: {' '.join(str(error).split())}", hint=hint)


def debugging() -> bool:
    """Whether tracebacks are wanted."""
    return os.environ.get("EARMARK_DEBUG", "") not in ("", "0")


def _trace() -> None:
    if debugging():
        say(*traceback.format_exc().splitlines())


def _stop_on_signals() -> None:
    """End on SIGTERM, and on Ctrl-C, wherever Python is; within a callback of libsndfile, a moment later.

    What is raised in a callback goes no further: the signal would be lost, the file judged by its beginning.
    """

    def stop(signum: int, frame: FrameType | None) -> None:
        if _in_callback(frame):
            again = threading.Timer(RETRY_SECONDS, _thread.interrupt_main, (signum,))
            again.daemon = True
            again.start()
        elif signum == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            sys.exit(TERMINATED)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, stop)
        # Whoever started this may want Ctrl-C ignored, as a shell does for what runs behind it.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, stop)


def _in_callback(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name.startswith("vio_"):  # soundfile's names for what libsndfile calls
            return True
        frame = frame.f_back
    return False


def _close_stdout() -> None:
    """Whoever read the output has gone: let the flush at exit go nowhere instead of failing."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def printable(text: str, *, keep: str = "") -> str:
    """Return text that is safe on a terminal.

    Control characters, escape sequences, changes of direction (bidi), line breaks and bytes that are no text
    become ``�``. All that is printed here goes through this: no caller has to.

    Parameters
    ----------
    text : str
        Any, such as the name of a file.
    keep : str
        Characters that stay although they are none of the above.
    """
    if text.isascii() and text.isprintable():
        return text
    keep += JOINERS
    return "".join(
        c if c.isprintable() or c in keep or unicodedata.category(c) == "Zs" else "�" for c in text
    )


def say(*lines: str) -> None:
    """Write lines to stderr; each stays one line, whatever is in it."""
    sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))
    sys.stderr.flush()


def complaint(error: EarmarkError, source: object = None) -> str:
    """One line that says what is wrong, and with which source unless the message names it."""
    text, name = str(error), "" if source is None else str(source)
    return f"error: {text}" if not name or name in text else f"error: {name}: {text}"


def plural(n: int, noun: str) -> str:
    """Count of things: ``1 file``, ``3 files``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def write_line(line: str) -> None:
    """Write one whole line to stdout at once, so that whoever is reading never sees half of it."""
    # A program gets the bytes as they are, a person nothing that the terminal would obey.
    sys.stdout.write((printable(line, keep="\n\t") if sys.stdout.isatty() else line) + "\n")
    sys.stdout.flush()


def console(stderr: bool = False) -> Console:
    """Terminal that knows its width and whether colours are wanted."""
    from rich.console import Console
    from rich.segment import Segment

    class Terminal(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # for `guarded`, instead of an exit of its own

        def render_str(self, text: str, **options: Any) -> Text:
            return super().render_str(printable(text), **options)

        def render(self, renderable: RenderableType, options: Any = None) -> Iterator[Segment]:
            # What a renderable holds; the codes of rich's own styles are added to it later.
            for text, style, control in super().render(renderable, options):
                yield Segment(text if control else printable(text, keep="\n"), style, control)

        def out(self, *objects: Any, **options: Any) -> None:
            super().out(*(printable(str(one), keep="\n\t") for one in objects), **options)

    return Terminal(stderr=stderr, highlight=False, markup=False, emoji=False)


def columns(rows: Iterable[tuple[str, str]], *, styles: Sequence[str] = ("bold",)) -> Table:
    """Two columns, the second wrapped below itself; a style for each name, the last for all that follow."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for i, (name, text) in enumerate(rows):
        style = styles[min(i, len(styles) - 1)]
        grid.add_row(Text(printable(f"  {name}"), style=style), Text(printable(text)))
    return grid


def wants_colours(stream: TextIO) -> bool:
    """Whether escape sequences may be written: on a terminal, unless ``NO_COLOR`` is set or it is dumb."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not plain


def has_colours(terminal: Console) -> bool:
    """Whether colours tell anything there: not in pipes, not with ``NO_COLOR``."""
    return terminal.color_system is not None and not terminal.no_color


class Screen:
    """Where readable results go: stdout, and on a terminal together with a progress bar on stderr."""

    def __init__(self, stdout: Console, progress: Any = None, task: Any = None) -> None:
        self.stdout = stdout
        self._progress, self._task = progress, task

    def show(self, renderable: RenderableType) -> None:
        """Print a result; a single line is never broken."""
        from rich.text import Text

        line = isinstance(renderable, Text)
        if self._progress is not None and self.stdout.is_terminal:
            self._progress.console.print(renderable, soft_wrap=line)  # above the bar, on the same terminal
        else:
            self.stdout.print(renderable, soft_wrap=line)
            self.stdout.file.flush()

    def write(self, line: str) -> None:
        """Write a line that another program may read."""
        if self._progress is not None and self.stdout.is_terminal:
            self._progress.console.out(line, highlight=False)
        else:
            write_line(line)

    def complain(self, error: EarmarkError, source: object) -> None:
        """Report a file that could not be done."""
        if self._progress is None:
            say(complaint(error, source))
        else:
            line = printable(complaint(error, source))
            self._progress.console.out(line, style="red", highlight=False)

    def advance(self) -> None:
        """One more file is done."""
        if self._progress is not None:
            self._progress.advance(self._task)


@contextmanager
def screen(n_files: int, what: str) -> Iterator[Screen]:
    """Screen with a progress bar if there are several files and stderr is a terminal.

    Parameters
    ----------
    n_files : int
        How many files there are.
    what : str
        What is done, such as ``"classifying"``.

    Yields
    ------
    Screen
    """
    if n_files < 2 or not sys.stderr.isatty():
        yield Screen(console())
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("left"))
    with Progress(*columns, console=console(stderr=True), transient=True, redirect_stdout=False) as progress:
        yield Screen(console(), progress, progress.add_task(what, total=n_files))
