"""``earmark cache``: what is kept of features that were computed for training, and how to be rid of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from earmark.cli.options import JsonOption
from earmark.cli.terminal import plural, say, write_line


def cache(
    *,
    folder: Annotated[
        Path | None,
        typer.Option("--cache", metavar="DIR", help="Folder of features.", show_default="the user's cache"),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove all features.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show or remove the features that training has computed.

    Beyond the limit, features that were not used for the longest time are removed by themselves. It is 50 GB;
    EARMARK_CACHE_LIMIT=GB sets another.
    """
    from earmark.train import FeatureCache

    store = FeatureCache(folder)
    before = sum(file.size for file in store.files())
    if clear:
        say(f"{_size(before - store.trim(limit=0))} removed from {store.folder}")
    files = store.files()
    size = sum(file.size for file in files)
    if as_json:
        facts = {"folder": str(store.folder), "files": len(files), "bytes": size, "limit": store.limit}
        write_line(json.dumps(facts))
    elif not clear:
        write_line(
            f"{store.folder}: {plural(len(files), 'file')}, {_size(size)} of at most {_size(store.limit)}"
        )


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.1f} MB"
