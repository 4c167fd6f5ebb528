"""Parameters of estimators, each declared once: default, what is accepted, and where tuning searches.

A family is a dataclass whose fields are made by `param`:

    >>> C: float = param(3.0, Real(above=0), search=Search(0.3, 100, log=True))

Validation, the search space of ``earmark tune``, ``earmark models NAME`` and the contract suite, which tries
illegal values for every parameter, all read that declaration.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from earmark.errors import InputError

_KEY = "earmark"


class Accepted(Protocol):
    """The values that a parameter may have; its text follows "Accepted: " in an error."""

    def allows(self, value: Any) -> bool:
        """Whether a value is one of them."""
        ...

    def illegal(self) -> list[Any]:
        """Some values that are not: at the limits, and of other types."""
        ...

    def suggest(self, trial: Any, name: str, search: Search) -> Any:
        """Value of an Optuna trial."""
        ...


@dataclass(frozen=True)
class Search:
    """Where tuning looks for the values of a parameter.

    Parameters
    ----------
    low, high : float
        The ends of the range, both included.
    log : bool
        Whether to search evenly in the logarithm.
    choices : tuple
        Instead of a range: these values.
    """

    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[Any, ...] = ()

    def __str__(self) -> str:
        if self.choices:
            return ", ".join(map(str, self.choices))
        return f"{self.low:g} to {self.high:g}" + (" (logarithmic)" if self.log else "")


@dataclass(frozen=True)
class _Bounded:
    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None

    def _within(self, value: float) -> bool:
        return not (
            (self.least is not None and value < self.least)
            or (self.above is not None and value <= self.above)
            or (self.most is not None and value > self.most)
            or (self.below is not None and value >= self.below)
        )

    def _range(self) -> str:
        lower = f"{self.least} or more" if self.least is not None else ""
        lower = f"above {self.above}" if self.above is not None else lower
        upper = f"at most {self.most}" if self.most is not None else ""
        upper = f"below {self.below}" if self.below is not None else upper
        return ", ".join(part for part in (lower, upper) if part)


@dataclass(frozen=True)
class Real(_Bounded):
    """A finite number within bounds."""

    def allows(self, value: Any) -> bool:
        """Whether it is a finite number within the bounds; True and False are none."""
        is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        return is_number and math.isfinite(value) and self._within(float(value))

    def illegal(self) -> list[Any]:
        """Just outside the bounds, not finite, and other types."""
        ends = (self.least, -1.0), (self.above, 0.0), (self.most, 1.0), (self.below, 0.0)
        outside: list[Any] = [limit + step for limit, step in ends if limit is not None]
        return [*outside, "abc", None, True, [1.0], math.nan, math.inf, -math.inf]

    def suggest(self, trial: Any, name: str, search: Search) -> Any:
        """Value of an Optuna trial."""
        if search.choices:
            return trial.suggest_categorical(name, list(search.choices))
        return trial.suggest_float(name, search.low, search.high, log=search.log)

    def __str__(self) -> str:
        return f"a number {self._range()}".strip()


@dataclass(frozen=True)
class Whole(_Bounded):
    """A whole number within bounds."""

    def allows(self, value: Any) -> bool:
        """Whether it is an integer within the bounds; True and False are none."""
        is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        return is_whole and self._within(int(value))

    def illegal(self) -> list[Any]:
        """Just outside the bounds, fractions, and other types."""
        limits = (self.least, -1), (self.most, 1)
        outside: list[Any] = [int(limit) + step for limit, step in limits if limit is not None]
        return [*outside, 2.5, "abc", None, True, [1], math.nan]

    def suggest(self, trial: Any, name: str, search: Search) -> Any:
        """Value of an Optuna trial."""
        if search.choices:
            return trial.suggest_categorical(name, list(search.choices))
        return trial.suggest_int(name, int(search.low), int(search.high), log=search.log)

    def __str__(self) -> str:
        return f"a whole number, {self._range()}"


@dataclass(frozen=True)
class Wholes:
    """A sequence of whole numbers, at least one.

    Parameters
    ----------
    least : int
        Of each.
    """

    least: int = 1

    def allows(self, value: Any) -> bool:
        """Whether it is a list or tuple of integers that are large enough."""
        each = Whole(least=self.least)
        return isinstance(value, list | tuple) and bool(value) and all(map(each.allows, value))

    def illegal(self) -> list[Any]:
        """Not a sequence, an empty one, one with a number too small or of another type."""
        return [self.least, [], [self.least - 1], [self.least, 2.5], ["abc"], "abc", None]

    def suggest(self, trial: Any, name: str, search: Search) -> Any:
        """One number, in a list."""
        return [Whole(least=self.least).suggest(trial, name, search)]

    def __str__(self) -> str:
        return f"a list of whole numbers, each {self.least} or more, such as [128]"


@dataclass(frozen=True)
class Choice:
    """One of a few values.

    Parameters
    ----------
    values : tuple
        The values.
    """

    values: tuple[Any, ...]

    def allows(self, value: Any) -> bool:
        """Whether it is one of them, and of the same type."""
        return any(type(value) is type(one) and value == one for one in self.values)

    def illegal(self) -> list[Any]:
        """Other texts, numbers and types."""
        return ["none of these", 3, ["balanced"], *([] if None in self.values else [None])]

    def suggest(self, trial: Any, name: str, search: Search) -> Any:
        """Value of an Optuna trial."""
        return trial.suggest_categorical(name, list(search.choices or self.values))

    def __str__(self) -> str:
        return " or ".join(map(repr, self.values))


@dataclass(frozen=True)
class Text:
    """A text that is not empty.

    Parameters
    ----------
    optional : bool
        Whether None is accepted, too.
    """

    optional: bool = False

    def allows(self, value: Any) -> bool:
        """Whether it is a text, or None where that is accepted."""
        return (isinstance(value, str) and bool(value)) or (self.optional and value is None)

    def illegal(self) -> list[Any]:
        """An empty text and other types."""
        return ["", 3, ["abc"], *([] if self.optional else [None])]

    def suggest(self, trial: Any, name: str, search: Search) -> Any:
        """Value of an Optuna trial."""
        return trial.suggest_categorical(name, list(search.choices))

    def __str__(self) -> str:
        return "a text, or None" if self.optional else "a text"


@dataclass(frozen=True)
class Settings:
    """Parameters of another estimator by name, or None for its defaults."""

    def allows(self, value: Any) -> bool:
        """Whether it is a mapping of texts to values, or None."""
        return value is None or (isinstance(value, Mapping) and all(isinstance(key, str) for key in value))

    def illegal(self) -> list[Any]:
        """Other types."""
        return ["C=1", 3, ["C"], {1: 2}]

    def suggest(self, trial: Any, name: str, search: Search) -> Any:
        """Nothing to search by itself."""
        raise NotImplementedError

    def __str__(self) -> str:
        return "parameters by name, or None"


BALANCED = Choice(("balanced", None))  # class_weight: whether rare classes count as much as common ones
SEED = Whole(least=0, most=2**32 - 1)  # what NumPy, scikit-learn and torch all take
SWITCH = Choice((True, False))
FRACTION = Real(least=0, below=1)


@dataclass(frozen=True)
class Parameter:
    """Declaration of one parameter.

    Parameters
    ----------
    name : str
        Its name.
    default : object
        Its value unless another is given.
    accepted : Accepted
        The values that it may have.
    search : Search or None
        Where tuning looks for values; None for a parameter that is not tuned.
    """

    name: str
    default: Any
    accepted: Accepted
    search: Search | None = None

    def check(self, value: Any) -> None:
        """Refuse an illegal value.

        Raises
        ------
        InputError
            Names the parameter, the value and what is accepted.
        """
        if not self.accepted.allows(value):
            raise InputError(f"{self.name}={value!r}", hint=f"Accepted: {self.accepted}.")


def param(default: Any, accepted: Accepted, *, search: Search | None = None) -> Any:
    """Field of a dataclass that is a declared parameter.

    Parameters
    ----------
    default : object
        Its value unless another is given.
    accepted : Accepted
        The values that it may have.
    search : Search, optional
        Where tuning looks for values.
    """
    return dataclasses.field(default=default, metadata={_KEY: (accepted, search)})


def declared(kind: type) -> dict[str, Parameter]:
    """Parameters of a class by name, in the order of its constructor; none where it is no dataclass."""
    fields: Sequence[Any] = dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ()
    return {
        field.name: Parameter(field.name, field.default, *field.metadata[_KEY])
        for field in fields
        if _KEY in field.metadata
    }
