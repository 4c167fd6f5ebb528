"""Live: sound goes in as it comes, answers about the last seconds come out, at the end a `Prediction`.

`Session` is one stream of sound; `answer_together` advances several with one call of the model. Neither
reads a device, a file or a clock: a microphone, a socket or a file at any speed pushes what it has.
"""

from earmark.live.answer import ANSWER_SCHEMA, Answer
from earmark.live.listen import listen
from earmark.live.session import HOP, LONGEST, SETTLE_SECONDS, Session, answer_together

__all__ = [
    "ANSWER_SCHEMA",
    "HOP",
    "LONGEST",
    "SETTLE_SECONDS",
    "Answer",
    "Session",
    "answer_together",
    "listen",
]
