"""The labels that earmark's own models answer with, in the order of their columns."""

from __future__ import annotations

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
