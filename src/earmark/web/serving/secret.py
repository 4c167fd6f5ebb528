"""The token of the network, kept between runs so that a phone that was let in stays in."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from earmark.storage import make_folder, user_dirs, write_atomic

FILE = "token"
LENGTH = 24  # bytes, as many as a QR code of moderate size takes


def folder() -> Path:
    """Return where token and certificate are kept."""
    return user_dirs().data / "serve"


def saved_token(place: Path | None = None) -> str:
    """Return the token of this user, made when it is first wanted; readable by that user alone.

    Raises
    ------
    OutputError
        It cannot be kept.
    """
    path = (place or folder()) / FILE
    try:
        token = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        token = ""
    if not re.fullmatch(r"[\w-]{20,}", token, re.ASCII):
        token = new_token()
        make_folder(path.parent)
        write_atomic(path, token + "\n", private=True)
    return token


def new_token() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(LENGTH)
