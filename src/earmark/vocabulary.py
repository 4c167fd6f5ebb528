"""The words that stand everywhere: labels, colours, pitch classes, the default model."""

from __future__ import annotations

import zlib

DEFAULT_MODEL = "earmark-base"

# In the order of the columns of the models.
GENRES = (
    "blues",
    "classical",
    "country",
    "disco",
    "electronic",
    "folk",
    "hip-hop",
    "jazz",
    "latin",
    "metal",
    "new-age",
    "pop",
    "r&b",
    "reggae",
    "rock",
    "soundtrack",
    "spoken",
    "vocal",
    "world",
)

# Russell's circle of valence and arousal: happy-excited, angry-tense, sad-gloomy, calm-relaxed.
QUADRANTS = ("Q1", "Q2", "Q3", "Q4")
QUADRANT_WORDS = {"Q1": "happy, excited", "Q2": "angry, tense", "Q3": "sad, gloomy", "Q4": "calm, relaxed"}

VOICES = ("instrumental", "sung", "rapped", "spoken")

PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")

# One for each genre, wherever a genre is drawn (pictures, terminal, pages).
GENRE_COLOURS = {
    "blues": "#3f6fd8",
    "classical": "#c9a227",
    "country": "#b5702a",
    "disco": "#e0409a",
    "electronic": "#12b5cb",
    "folk": "#7cb342",
    "hip-hop": "#8e5bd0",
    "jazz": "#f29a1f",
    "latin": "#ff7043",
    "metal": "#5f7488",
    "new-age": "#6fc3b2",
    "pop": "#ff86ab",
    "r&b": "#a85a3c",
    "reggae": "#2eb872",
    "rock": "#e5453b",
    "soundtrack": "#7286d3",
    "spoken": "#9e9e9e",
    "vocal": "#c39bea",
    "world": "#a3a52d",
}
_OTHER_COLOURS = tuple(GENRE_COLOURS.values())


def genre_colour(label: str) -> str:
    """Colour of a label as ``#rrggbb``: its own, or for a label of another vocabulary a stable choice.

    Parameters
    ----------
    label : str
        Name of a class.

    Returns
    -------
    str
    """
    choice = zlib.crc32(label.encode("utf-8", "replace")) % len(_OTHER_COLOURS)
    return GENRE_COLOURS.get(label, _OTHER_COLOURS[choice])
