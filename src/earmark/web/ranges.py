"""Parts of a file by HTTP: `RFC 9110, section 14 <https://www.rfc-editor.org/rfc/rfc9110#section-14>`_."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO, Protocol
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from earmark.errors import BusyError
from earmark.web.security.rates import client_of
from earmark.web.streams import Streams

_CHUNK = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def span_of(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the first byte that a Range header means, and the one behind the last.

    Parameters
    ----------
    header : str or None
        Such as ``"bytes=0-99"`` or ``"bytes=-500"``.
    size : int
        Of the file.

    Returns
    -------
    (int, int) or None
        The same number twice if the file has nothing there. None for what is malformed, of another unit or
        of several parts: the standard allows to answer that with the whole file.

    Examples
    --------
    >>> span_of("bytes=10-", 100), span_of("bytes=-30", 100), span_of("bytes=0-1,5-6", 100)
    ((10, 100), (70, 100), None)
    >>> span_of("bytes=100-", 100)
    (100, 100)
    """
    match = _RANGE.fullmatch((header or "").replace(" ", ""))
    if match is None or match[1] == match[2] == "":
        return None
    if not match[1]:
        return max(0, size - int(match[2])), size
    first, last = int(match[1]), int(match[2] or size)
    if last < first and match[2]:
        return None
    return min(first, size), min(last + 1, size)


class Content(Protocol):
    """What can be sent from any byte on.

    Attributes
    ----------
    size : int
        Number of bytes.
    """

    size: int

    def chunks(self, begin: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from `begin` to before `end`."""

    def close(self) -> None:
        """Free what it holds."""


class FileContent:
    """An open file as a `Content`, as long as it is now."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.size = file, os.fstat(file.fileno()).st_size

    def chunks(self, begin: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from `begin` to before `end`, or less if the file is cut while it is sent."""
        self._file.seek(begin)
        while begin < end and (data := self._file.read(min(_CHUNK, end - begin))):
            begin += len(data)
            yield data

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def tag_of(file: BinaryIO, *more: object) -> str:
    """Return an entity tag of a file as it is now, and of whatever else the answer depends on."""
    status = os.fstat(file.fileno())
    return f'"{"-".join([f"{status.st_mtime_ns:x}", f"{status.st_size:x}", *map(str, more)])}"'


def content_response(
    content: Content, request: Request, streams: Streams, *, tag: str, media_type: str, name: str
) -> Response:
    """Answer with a content, or with the part of it that a request wants.

    Parameters
    ----------
    content : Content
        It is closed when all was sent, or the client has gone.
    request : Request
        With or without ``Range`` and ``If-Range``; of HEAD, nothing is read.
    streams : Streams
        Where a place is taken until then.
    tag : str
        Entity tag: see `tag_of`.
    media_type : str
        Content type.
    name : str
        Under which a browser would save it.

    Raises
    ------
    BusyError
        Too many are being sent; the content is closed.
    """
    size = content.size
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": tag,
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(name, safe='')}",
    }
    fresh = request.headers.get("if-range", tag) == tag
    span = span_of(request.headers.get("range"), size) if fresh else None
    start, stop = span or (0, size)
    if span and start >= stop:
        content.close()
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    if span:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    headers["Content-Length"] = str(stop - start)
    code = 206 if span else 200
    if request.method == "HEAD":
        content.close()
        return Response(status_code=code, headers=headers, media_type=media_type)
    client = client_of(request)
    try:
        streams.take(client)
    except BusyError:
        content.close()
        raise
    end = partial(_end, content, streams, client)
    return _Sending(content.chunks(start, stop), code, headers, media_type, end=end)


def _end(content: Content, streams: Streams, client: str) -> None:
    content.close()
    streams.give_back(client)


class _Sending(StreamingResponse):
    """A response that calls `end` however it ends."""

    def __init__(self, *arguments: Any, end: Callable[[], None]) -> None:
        super().__init__(*arguments)
        self._end = end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._end()
