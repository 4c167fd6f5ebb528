"""Answers of OpenSubsonic, one value as XML and as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from fastapi.responses import Response

import earmark

VERSION = "1.16.1"  # of the protocol
NAMESPACE = "http://subsonic.org/restapi"
GENERIC, MISSING, WRONG_PASSWORD, CONFLICTING, WRONG_KEY, NOT_FOUND = 0, 10, 40, 43, 44, 70

# What XML 1.0 has no way to write.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Fault(Exception):
    """A request that cannot be served, as the protocol reports it.

    Parameters
    ----------
    code : int
        Of the protocol.
    message : str
        In words.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def answer(payload: Mapping[str, Any], format: str = "xml") -> Response:
    """Return a successful response.

    Parameters
    ----------
    payload : mapping
        What the response holds: scalars, lists and mappings.
    format : {"xml", "json"}
        As the request wants it.
    """
    return _response({"status": "ok", **_envelope(), **payload}, format)


def failure(fault: Fault, format: str = "xml", *, status: int = 200) -> Response:
    """Return a response that reports a fault; the protocol does so with status 200."""
    error = {"code": fault.code, "message": fault.message}
    return _response({"status": "failed", **_envelope(), "error": error}, format, status)


def to_xml(name: str, value: Any, namespace: str = "") -> str:
    """Return a value as an element: scalars of a mapping are attributes, all else is a child.

    Examples
    --------
    >>> to_xml("song", {"id": "7", "isDir": False, "moods": ["calm", "sad"]})
    '<song id="7" isDir="false"><moods>calm</moods><moods>sad</moods></song>'
    """
    if not isinstance(value, Mapping):
        return f"<{name}>{escape(_text(value))}</{name}>"
    plain = {key: each for key, each in value.items() if not isinstance(each, Mapping | list)}
    attributes = "".join(f" {key}={quoteattr(_text(each))}" for key, each in plain.items())
    inner = "".join(to_xml(key, each) for key, each in _children(value))
    space = f" xmlns={quoteattr(namespace)}" if namespace else ""
    return f"<{name}{space}{attributes}>{inner}</{name}>" if inner else f"<{name}{space}{attributes}/>"


def _children(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, each in value.items():
        if isinstance(each, list):
            yield from ((key, one) for one in each)
        elif isinstance(each, Mapping):
            yield key, each


def _text(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return _UNWRITABLE.sub("\ufffd", text)


def _envelope() -> dict[str, Any]:
    return {
        "version": VERSION,
        "type": "earmark",
        "serverVersion": earmark.__version__,
        "openSubsonic": True,
    }


def _response(content: Mapping[str, Any], format: str, status: int = 200) -> Response:
    if format == "json":
        return Response(json.dumps({"subsonic-response": content}), status, media_type="application/json")
    text = to_xml("subsonic-response", content, NAMESPACE)
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}', status, media_type="text/xml")
