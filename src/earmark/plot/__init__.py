"""Pictures: the spectrogram page that tutorials of the field show, and a prediction at a glance.

Figures are built on `matplotlib.figure.Figure` itself, without pyplot: no window, no global state.
matplotlib belongs to the extra ``plot`` and is imported when the first picture is drawn.
"""

from earmark.plot.figures import (
    FORMATS,
    RANGE_DB,
    check_picture_path,
    figure_bytes,
    leading_genres,
    prediction_figure,
    save_figure,
    spectrogram_figure,
)
from earmark.plot.moods import mood_figure
from earmark.plot.sound_map import map_figure

__all__ = [
    "FORMATS",
    "RANGE_DB",
    "check_picture_path",
    "figure_bytes",
    "leading_genres",
    "map_figure",
    "mood_figure",
    "prediction_figure",
    "save_figure",
    "spectrogram_figure",
]
