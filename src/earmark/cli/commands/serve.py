"""``earmark serve``: the page and the REST service, for this machine or for the network at home."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.options import JobsOption, LibraryOption, ModelOption
from earmark.cli.terminal import printable, say, wants_colours
from earmark.errors import InputError, MissingExtraError
from earmark.vocabulary import DEFAULT_MODEL

if TYPE_CHECKING:
    from earmark.web.serving import Access, Certificate

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = ("0.0.0.0", "::")
PORT = 8765
MEGABYTE = 1_000_000

Host = Annotated[
    str | None,
    typer.Option(
        "--host", metavar="ADDRESS", help="Where to listen.", show_default="127.0.0.1: this machine"
    ),
]
Port = Annotated[
    int, typer.Option("--port", min=0, max=65535, metavar="N", help="Port; 0 is any that is free.")
]
Lan = Annotated[
    bool, typer.Option("--lan", help="Serve the network by HTTPS, for phones: a token, shown as a QR code.")
]
TokenOption = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="TOKEN",
        envvar="EARMARK_TOKEN",
        help="What clients must show.",
        show_default="kept for --lan, none on this machine",
    ),
]
NoToken = Annotated[
    bool, typer.Option("--no-token", help="Let in whoever reaches the port: behind a proxy that checks.")
]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="NAME",
        envvar="EARMARK_ALLOW",
        help="Name that a proxy or DNS gives the service. Repeatable.",
    ),
]
MaxSize = Annotated[int, typer.Option("--max-size", min=1, metavar="MB", help="Largest upload.")]
MaxDuration = Annotated[
    float, typer.Option("--max-duration", min=1, metavar="SECONDS", help="Longest sound of an upload.")
]
Open = Annotated[bool, typer.Option("--open", help="Open the page in the browser.")]
Log = Annotated[bool, typer.Option("--log", help="Write a line for each request to stderr, without secrets.")]


def serve(
    *,
    host: Host = None,
    port: Port = PORT,
    lan: Lan = False,
    token: TokenOption = None,
    no_token: NoToken = False,
    allow: Allow = None,
    model: ModelOption = DEFAULT_MODEL,
    library: LibraryOption = None,
    jobs: JobsOption = None,
    max_size: MaxSize = 500,
    max_duration: MaxDuration = 7200.0,
    open_page: Open = False,
    log: Log = False,
) -> None:
    """Serve the page, live listening and the REST service.

    Only this machine can reach it, unless --lan or --host says otherwise. Stops on Ctrl-C.
    """
    _check_extra()
    from earmark.web import Settings, create_app
    from earmark.web.serving import Service, bind
    from earmark.workers import default_jobs

    place = _Place.of(host, lan=lan, token=token, no_token=no_token)
    file = _library_file(library)
    settings = Settings(
        token=place.token,
        hosts=tuple(dict.fromkeys([*LOOPBACK, *place.names, *(allow or [])])),
        max_bytes=max_size * MEGABYTE,
        max_seconds=max_duration,
        jobs=jobs or default_jobs(),
    )
    bound = bind(place.host, port)
    with bound:
        app = create_app(model, file, settings)
        _log_to_stderr(requests=log)
        port = bound.getsockname()[1]
        certificate = place.certificate()
        service = Service(
            app,
            bound,
            certificate=certificate,
            on_ready=lambda: _announce(place, port, certificate, open_page),
        )
        service.run()
    say("stopped")


@dataclass(frozen=True)
class _Place:
    """Where the service listens, and how it is protected there."""

    host: str
    token: str | None
    lan: bool

    @classmethod
    def of(cls, host: str | None, *, lan: bool, token: str | None, no_token: bool) -> _Place:
        from earmark.web.serving import saved_token

        if no_token and (token or lan):
            other = "--token" if token else "--lan"
            raise InputError(f"--no-token and {other} exclude each other", hint="Try: one of them.")
        if token is not None and not (8 <= len(token) <= 200 and token.isascii() and token.isprintable()):
            raise InputError(
                "--token is too short or has odd characters", hint="Accepted: 8 to 200 of ASCII."
            )
        host = host or ("0.0.0.0" if lan else LOOPBACK[0])
        needed = (lan or host not in LOOPBACK) and not no_token
        return cls(host, token or (saved_token() if needed else None), lan)

    @property
    def addresses(self) -> list[str]:
        """Addresses for people, the likeliest first."""
        from earmark.web.serving import lan_addresses

        found = lan_addresses() if self.host in EVERYWHERE else [self.host]
        return [address for address in found if self.host != EVERYWHERE[0] or ":" not in address]

    @property
    def names(self) -> list[str]:
        """Names by which it is known."""
        from earmark.web.serving import machine_names

        names = machine_names() if self.host not in LOOPBACK else []
        return [*names, *self.addresses]

    def certificate(self) -> Certificate | None:
        """Certificate for the network; None where there is no HTTPS."""
        if not self.lan:
            return None
        from earmark.web.serving import certificate_for

        return certificate_for([*LOOPBACK, *self.names])

    def access(self, port: int) -> list[Access]:
        """Addresses of the page."""
        from earmark.web.serving import Access

        hosts = [*self.addresses, LOOPBACK[0]] if self.host in EVERYWHERE else [self.host]
        return [Access(host, port, secure=self.lan, token=self.token) for host in hosts]


def _check_extra() -> None:
    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            f"the service needs {error.name}", hint="Try: pip install 'earmark[web]'."
        ) from error


def _library_file(wanted: Path | None) -> Path:
    """File of the library: as wanted, or the user's own, which a scan may still have to make."""
    from earmark.library import Library, default_path

    file = wanted or default_path()
    if wanted is not None or file.exists():
        Library(file, create=False, read_only=True).close()  # refused now rather than with each request
    return file


def _log_to_stderr(*, requests: bool) -> None:
    handler = _Lines(sys.stderr)
    for name, level in (("earmark.web", logging.INFO), ("uvicorn.error", logging.ERROR)):
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(level)
    if requests:
        logging.getLogger("earmark.access").addHandler(handler)
        logging.getLogger("earmark.access").setLevel(logging.INFO)


class _Lines(logging.StreamHandler):  # type: ignore[type-arg]
    """Lines on stderr in which nothing can move the cursor."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record), keep="\n")


def _announce(place: _Place, port: int, certificate: Certificate | None, open_page: bool) -> None:
    """Print where the page is."""
    from earmark.web.serving import qr_lines

    found = place.access(port)
    if certificate is not None:
        colours = wants_colours(sys.stderr)
        sys.stderr.write("\n" + "\n".join(qr_lines(found[0].url, colours=colours)) + "\n\n")
        say("Scan this with the phone. It warns once, since the certificate is this machine's own: go on.")
        say(f"Its SHA-256 begins with {certificate.fingerprint[:23]}.")
    for access in found:
        say(f"serving on {access.url}")
    if not place.lan and place.host in LOOPBACK:
        say("only this machine can reach it; --lan lets phones in, with HTTPS")
    say("Ctrl-C stops it")
    if open_page:
        import webbrowser

        webbrowser.open(found[-1].url)
