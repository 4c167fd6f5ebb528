"""How everything that takes a while reports how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Progress(Protocol):
    """What a long task calls after each step. An error that it raises ends the task."""

    def __call__(self, stage: str, done: int, total: int, metrics: Mapping[str, float], /) -> object:
        """Take how far the task is.

        Parameters
        ----------
        stage : str
            What is being done, such as ``"features"`` or ``"training"``. Stages come one after the other.
        done, total : int
            Steps of this stage that are done, and how many there are; 0 of 0 where that is not known yet.
        metrics : mapping of str to float
            Numbers of the step, such as ``loss``; most stages have none.
        """


def no_progress(stage: str, done: int, total: int, metrics: Mapping[str, float], /) -> None:
    """Do nothing with what is reported."""
