"""Models that need no weights: `dummy`, the baseline to beat, and `echo`, for tests."""

from earmark.models.builtin.dummy import Dummy
from earmark.models.builtin.echo import Echo

BUILTIN: dict[str, type[Dummy] | type[Echo]] = {"dummy": Dummy, "echo": Echo}

__all__ = ["BUILTIN", "Dummy", "Echo"]
