"""The parameters of a request of OpenSubsonic, and whether whoever sends it knows the token."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from earmark.web.subsonic.answer import CONFLICTING, MISSING, NOT_FOUND, WRONG_KEY, WRONG_PASSWORD, Fault

FORMATS = ("xml", "json")


class Parameters:
    """What was sent in the address or, as the extension ``formPost`` has it, in a form.

    Parameters
    ----------
    values : mapping of str to str
        By name.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def text(self, name: str, default: str | None = None) -> str:
        """Return a parameter.

        Raises
        ------
        Fault
            It is missing, and has no default.
        """
        value = self._values.get(name, default)
        if value is None:
            raise Fault(MISSING, f"required parameter is missing: {name}")
        return value

    def number(self, name: str, default: int, *, least: int = 0, most: int = 500) -> int:
        """Return a number within limits; one beyond them is the limit.

        Raises
        ------
        Fault
            It is none.
        """
        text = self.text(name, str(default)).strip()
        if not text.isascii() or not text.lstrip("-").isdecimal() or len(text) > 18:
            raise Fault(MISSING, f"{name} is no number")
        return max(least, min(most, int(text)))

    def id(self, name: str = "id") -> int:
        """Return the id of a track.

        Raises
        ------
        Fault
            It is missing, or none of ours.
        """
        text = self.text(name)
        if not text.isascii() or not text.isdecimal() or len(text) > 18:
            raise Fault(NOT_FOUND, "there is no song of this id")
        return int(text)

    @property
    def format(self) -> str:
        """In which form the answer is wanted; XML for what is not known."""
        wanted = self._values.get("f", "xml")
        return wanted if wanted in FORMATS else "xml"

    def __contains__(self, name: str) -> bool:
        return name in self._values


def check_access(parameters: Parameters, token: str | None) -> None:
    """Check the token of the service, shown as an API key, as a password, or as its digest with a salt.

    Parameters
    ----------
    parameters : Parameters
        Of the request. Any user name will do, for the service has one user.
    token : str or None
        None lets everybody in.

    Raises
    ------
    Fault
        It is missing, wrong, or shown in two ways.
    """
    if token is None:
        return
    ways = [name for name in ("apiKey", "t", "p") if name in parameters]
    if len(ways) > 1 or ("apiKey" in ways and "u" in parameters):
        raise Fault(CONFLICTING, "multiple conflicting authentication mechanisms provided")
    if not ways:
        raise Fault(MISSING, "required parameter is missing: apiKey, or u and p, or u, t and s")
    if ways == ["apiKey"]:
        if not _same(parameters.text("apiKey"), token):
            raise Fault(WRONG_KEY, "invalid API key")
        return
    parameters.text("u")
    if ways == ["t"]:
        salted = f"{token}{parameters.text('s')}".encode("utf-8", "replace")
        right = _same(parameters.text("t").lower(), hashlib.md5(salted, usedforsecurity=False).hexdigest())
    else:
        right = _same(_decoded(parameters.text("p")), token)
    if not right:
        raise Fault(WRONG_PASSWORD, "wrong username or password")


def _same(shown: str, wanted: str) -> bool:
    # Of bytes, and in the same time wherever they differ.
    return hmac.compare_digest(shown.encode("utf-8", "replace"), wanted.encode("utf-8", "replace"))


def _decoded(password: str) -> str:
    """Return a password that may be written in hexadecimal digits."""
    if not password.startswith("enc:"):
        return password
    try:
        return bytes.fromhex(password[4:]).decode()
    except ValueError:
        return ""
