"""How good a model is, with intervals that resample artists, and where it fails.

>>> evaluation = evaluate("earmark-base", "genres/")      # doctest: +SKIP
>>> evaluation.figure("track accuracy").shown             # doctest: +SKIP
'71.4 %'

`metrics` are pure functions on arrays, `resampling` says how far chance may have moved them; `parts` chooses
the tracks, `labels` finds their classes, `answers` lets the model hear them, `figures` and `evaluation` put
it together, `comparison` sets two models side by side, and `page` makes it readable.
"""

from earmark.evaluate.bootstrap import Interval, bootstrap, mcnemar
from earmark.evaluate.compare import Comparison, Difference, compare
from earmark.evaluate.estimates import ClassFigures, Figure, GroupFigures, TrackAnswer
from earmark.evaluate.evaluate import Evaluation, evaluate, name_of
from earmark.evaluate.labels import LabelMap, map_labels
from earmark.evaluate.subsets import Chosen, choose

__all__ = [
    "Chosen",
    "ClassFigures",
    "Comparison",
    "Difference",
    "Evaluation",
    "Figure",
    "GroupFigures",
    "Interval",
    "LabelMap",
    "TrackAnswer",
    "bootstrap",
    "choose",
    "compare",
    "evaluate",
    "map_labels",
    "mcnemar",
    "name_of",
]
