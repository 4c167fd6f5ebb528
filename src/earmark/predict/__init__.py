"""From sound to scores and to a `Prediction`: the one inference path; and a prediction as JSON."""

from earmark.predict.classify import SourceScores, classify, score_source
from earmark.predict.frame_track import FrameTrack
from earmark.predict.front_end import PendingWindows
from earmark.predict.head_scores import Affect, Instrument, Quadrant, Score, SoundClass, Voice
from earmark.predict.prediction import (
    ERROR_SCHEMA,
    SCHEMA,
    VERDICTS,
    ModelId,
    Part,
    Prediction,
    Segment,
    error_dict,
)
from earmark.predict.priors import Prior, PriorShift, parse_prior, prior_shift
from earmark.predict.scorer import WindowScorer, push_together, score_spectrogram
from earmark.predict.window_scores import WindowScores

__all__ = [
    "ERROR_SCHEMA",
    "SCHEMA",
    "VERDICTS",
    "Affect",
    "FrameTrack",
    "Instrument",
    "ModelId",
    "Part",
    "PendingWindows",
    "Prediction",
    "Prior",
    "PriorShift",
    "Quadrant",
    "Score",
    "Segment",
    "SoundClass",
    "SourceScores",
    "Voice",
    "WindowScorer",
    "WindowScores",
    "classify",
    "error_dict",
    "parse_prior",
    "prior_shift",
    "push_together",
    "score_source",
    "score_spectrogram",
]
