"""Evaluation of models: metrics with intervals that resample artists, and the errors.

>>> evaluation = evaluate("earmark-base", "genres/")      # doctest: +SKIP
>>> evaluation.metric("track accuracy").text             # doctest: +SKIP
'71.4 %'

`metrics` are pure functions on arrays, `bootstrap` gives their intervals; `subsets` chooses the tracks,
`labels` finds their classes, `scoring` runs the model, `estimates` and `evaluate` put it together, `compare`
sets two models side by side, and `html` makes the page.
"""

from earmark.evaluate.bootstrap import Interval, bootstrap, mcnemar
from earmark.evaluate.compare import Comparison, Difference, compare
from earmark.evaluate.estimates import ClassMetrics, Estimate, GroupErrors, TrackResult
from earmark.evaluate.evaluate import Evaluation, evaluate, name_of
from earmark.evaluate.labels import LabelMap, map_labels
from earmark.evaluate.subsets import Subset, choose

__all__ = [
    "ClassMetrics",
    "Comparison",
    "Difference",
    "Estimate",
    "Evaluation",
    "GroupErrors",
    "Interval",
    "LabelMap",
    "Subset",
    "TrackResult",
    "bootstrap",
    "choose",
    "compare",
    "evaluate",
    "map_labels",
    "mcnemar",
    "name_of",
]
