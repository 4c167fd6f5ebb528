"""From sound to a `Prediction`, the one inference path; and a prediction as JSON."""

from earmark.predict.classify import classify
from earmark.predict.prediction import (
    ERROR_SCHEMA,
    SCHEMA,
    VERDICTS,
    ModelId,
    Prediction,
    Quadrant,
    Score,
    Segment,
    error_dict,
)
from earmark.predict.priors import Prior, PriorShift, parse_prior, prior_shift

__all__ = [
    "ERROR_SCHEMA",
    "SCHEMA",
    "VERDICTS",
    "ModelId",
    "Prediction",
    "Prior",
    "PriorShift",
    "Quadrant",
    "Score",
    "Segment",
    "classify",
    "error_dict",
    "parse_prior",
    "prior_shift",
]
