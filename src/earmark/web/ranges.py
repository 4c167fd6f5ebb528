"""Parts of a file by HTTP: `RFC 9110, section 14 <https://www.rfc-editor.org/rfc/rfc9110#section-14>`_."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from typing import BinaryIO
from urllib.parse import quote

import anyio.to_thread
from fastapi import Request
from fastapi.responses import Response, StreamingResponse

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


def file_response(file: BinaryIO, request: Request, *, media_type: str, name: str) -> Response:
    """Answer with a file, or with the part of it that a request wants.

    Parameters
    ----------
    file : BinaryIO
        Open; it is closed when all was sent.
    request : Request
        GET or HEAD, with or without ``Range`` and ``If-Range``.
    media_type : str
        Content type.
    name : str
        Under which a browser would save it.
    """
    status = os.fstat(file.fileno())
    size, tag = status.st_size, f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
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
        file.close()
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    if span:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    headers["Content-Length"] = str(stop - start)
    code = 206 if span else 200
    if request.method == "HEAD":
        file.close()
        return Response(status_code=code, headers=headers, media_type=media_type)
    return StreamingResponse(_chunks(file, start, stop), code, headers, media_type)


async def _chunks(file: BinaryIO, start: int, stop: int) -> AsyncIterator[bytes]:
    with file:
        await anyio.to_thread.run_sync(file.seek, start)
        while start < stop:
            data = await anyio.to_thread.run_sync(file.read, min(_CHUNK, stop - start))
            if not data:  # cut while it was sent
                return
            start += len(data)
            yield data
