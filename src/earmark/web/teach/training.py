"""Training of boxes as a job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from earmark.errors import InputError
from earmark.train.boxes import (
    MOST_BOXES,
    MOST_CLIPS,
    BoxClip,
    TrainedBoxes,
    bundle_name,
    check_base,
    check_boxes,
    train_boxes,
)
from earmark.web.jobs import Job
from earmark.web.state import State
from earmark.web.teach.keeping import Clips, Trained

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
ClipId = Annotated[str, StringConstraints(max_length=40)]


class Box(BaseModel):
    """A word, and the clips of it by their ids."""

    model_config = ConfigDict(extra="forbid")

    name: Words
    clips: list[ClipId] = Field(max_length=MOST_CLIPS)


class TeachRequest(BaseModel):
    """What to train: boxes of clips, each of 8 at least. One of them may be for what is none of the words."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "my-words",
                    "boxes": [
                        {"name": "my hall", "clips": ["..."]},
                        {"name": "none of these", "clips": ["..."]},
                    ],
                }
            ]
        },
    )

    name: Words = "my-words"
    boxes: list[Box] = Field(min_length=2, max_length=MOST_BOXES)


def boxes_of(state: State, wanted: TeachRequest) -> dict[str, list[BoxClip]]:
    """Return the clips of the boxes.

    Raises
    ------
    InputError
        Two boxes of one name, what `earmark.train.boxes.check_boxes` refuses, or a service whose model has no
        embedding to build on.
    AbsentError
        A clip is no longer kept.
    """
    check_base(state.model)
    names = [box.name for box in wanted.boxes]
    if len({name.casefold() for name in names}) < len(names):
        raise InputError("two boxes have the same name", hint="Accepted: a different name for each box.")
    clips = state.part(Clips)
    found = {box.name: clips.of(box.clips) for box in wanted.boxes}
    check_boxes(found)
    return found


def teach_work(state: State, boxes: dict[str, list[BoxClip]], name: str) -> Callable[[Job], dict[str, Any]]:
    """Return the work of training; its result names the model for classifying and listening."""

    def work(job: Job) -> dict[str, Any]:
        made = train_boxes(boxes, state.model, name=bundle_name(name), progress=job)
        id = state.part(Trained).add(made.bundle, made.card.name)
        return {"model": id, **result_of(made)}

    return work


def result_of(made: TrainedBoxes) -> dict[str, Any]:
    """Return what a training has come to, ready for JSON."""
    overall = made.overall
    return {
        "name": made.card.name,
        "accuracy": round(overall.value, 4),
        "low": round(overall.interval.low, 4),
        "high": round(overall.interval.high, 4),
        "n": overall.n_clips,
        "recordings": overall.n_recordings,
        "each": [
            [one.name, round(one.value, 4), round(one.interval.low, 4), round(one.interval.high, 4)]
            for one in made.each
        ],
        "how": made.text,
        "bytes": len(made.bundle),
    }
