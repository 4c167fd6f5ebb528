"""Sound that a client sends: streamed into a temporary file, never kept, whatever its form.

The limits of size and of speed are those of `earmark.web.security.bodies`, which every message passes.
"""

from __future__ import annotations

import os
import tempfile
import unicodedata
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Any, BinaryIO

from fastapi import Depends, Query, Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from earmark.errors import EmptyAudioError, InputError, OutputError
from earmark.web.places import Places
from earmark.web.scoring import Scoring
from earmark.web.security import body_of
from earmark.web.security.rates import client_of
from earmark.web.state import State, state_of
from earmark.web.work import Sound

FIELD = "file"
NO_NAME = "upload"
LONGEST_NAME = 200  # characters
MULTIPART_ROOM = 64 * 1024  # bytes for boundaries, headers and other fields
READ_LENGTH = 1024 * 1024


class Uploads:
    """How many bodies are arriving.

    Parameters
    ----------
    state : State
        Its settings name the limit.
    """

    def __init__(self, state: State) -> None:
        self._places = Places(state.settings.uploads)

    @contextmanager
    def of(self, client: str) -> Iterator[None]:
        """Count one body of a client, until the block ends.

        Raises
        ------
        BusyError
            Too many are arriving, or too many of this client.
        """
        self._places.take(client, "uploads are arriving")
        try:
            yield
        finally:
            self._places.give_back(client)


async def received(
    request: Request,
    state: Annotated[State, Depends(state_of)],
    name: Annotated[str, Query(max_length=1000, description="What to call the sound in answers.")] = "",
) -> AsyncIterator[Sound]:
    """Receive the sound that a request brings; a FastAPI dependency. Its file is removed with the response.

    Yields
    ------
    Sound
        The file, and a name without folders and control characters.

    Raises
    ------
    BusyError
        Too much is arriving or waiting, so that this need not be sent at all.
    TooLargeError, SlowError
        It breaks the limits.
    EmptyAudioError, InputError
        There is nothing in it, or it is no multipart body.
    """
    body_of(request).allow(state.settings.max_bytes + MULTIPART_ROOM)
    state.part(Scoring).check_room(request)
    descriptor, path = tempfile.mkstemp(prefix="earmark-upload-")
    try:
        with state.part(Uploads).of(client_of(request)), os.fdopen(descriptor, "wb") as file:
            sent = await _stream(request, file)
            n_bytes = file.tell()
        if not n_bytes:
            raise EmptyAudioError("the body holds no bytes", hint="Try: send a sound file.")
        yield Sound(path, shown_name(name or sent), state.settings.max_seconds)
    finally:
        with suppress(OSError):
            os.unlink(path)


def shown_name(name: str) -> str:
    r"""Return the name of a file as it may be shown: its last part, without what a terminal or a page obeys.

    Markup stays what it is, text: whoever builds a page of it has to treat all names so.

    Examples
    --------
    >>> shown_name("../../etc/pass\x07wd"), shown_name("C:\\Music\\a.mp3"), shown_name("..")
    ('passwd', 'a.mp3', 'upload')
    """
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    kept = "".join(c for c in unicodedata.normalize("NFC", last) if unicodedata.category(c)[0] != "C")
    return kept.strip()[-LONGEST_NAME:] if kept.strip(" .") else NO_NAME


async def _stream(request: Request, file: BinaryIO) -> str:
    """Write the sound of a body to a file; return the name that came with it."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    part = _FilePart(options.get(b"boundary", b""), file) if kind == b"multipart/form-data" else None
    try:
        async for chunk in request.stream():
            if part is None:
                file.write(chunk)
            else:
                part.write(chunk)
    except OSError as error:
        raise OutputError(
            f"the upload could not be stored: {error.strerror}", hint="Try: again later; the disk is full."
        ) from error
    return "" if part is None else part.finish()


class _FilePart:
    """The field `file` of a multipart body, written to a file as it comes; other fields are passed over."""

    def __init__(self, boundary: bytes, file: BinaryIO) -> None:
        self._file = file
        self._headers: dict[bytes, bytes] = {}
        self._field, self._value = b"", b""
        self._wanted = self._found = False
        self._name = ""
        self._ended = False
        try:
            self._parser = MultipartParser(boundary, _callbacks(self)) if boundary else None
        except FormParserError as error:
            raise _no_multipart(str(error)) from error
        if self._parser is None:
            raise _no_multipart("no boundary")

    def write(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        assert self._parser is not None
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _no_multipart(str(error)) from error

    def finish(self) -> str:
        """Return the name of the file at the end of the body."""
        if not self._ended:
            raise _no_multipart("it breaks off")
        if not self._found:
            raise InputError(
                f"no field {FIELD!r} in the multipart body", hint=f"Accepted: a file in the field {FIELD!r}."
            )
        return self._name

    # What the parser calls.

    def on_part_begin(self) -> None:
        self._headers.clear()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field, self._value = b"", b""

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._wanted = options.get(b"name") == FIELD.encode() and not self._found
        if self._wanted:
            self._found = True
            self._name = options.get(b"filename", b"").decode("utf-8", "replace")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._wanted:
            self._file.write(data[start:end])

    def on_end(self) -> None:
        self._ended = True


def _callbacks(part: _FilePart) -> Any:
    return {name: getattr(part, name) for name in vars(_FilePart) if name.startswith("on_")}


def _no_multipart(why: str) -> InputError:
    return InputError(
        f"the body is no multipart/form-data: {why:.100}",
        hint="Try: the sound alone as the body, with ?name=.",
    )
