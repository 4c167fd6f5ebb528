"""Layouts of data sets, one file each: a module here with a `LAYOUT` is found by its being here."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from earmark.data.layout import Layout


@functools.cache
def layouts() -> tuple[Layout, ...]:
    """Return all layouts, the most special first."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    found: list[Layout] = [importlib.import_module(f"{__name__}.{name}").LAYOUT for name in names]
    return tuple(sorted(found, key=lambda layout: (layout.order, layout.name)))
