"""Queries of every kind and rows of every kind, for property tests."""

from __future__ import annotations

import dataclasses
import hashlib
import random
from typing import Any

from catalogues import INSTRUMENTS, MOODS, row
from hypothesis import strategies as st

from earmark.features.key import KEYS
from earmark.library import Library, Row, Tags

YEAR_2026 = 1_767_225_600.0  # s since 1970
ERROR = {"code": "corrupt", "message": "cannot be decoded", "hint": ""}
WORDS = ("blue", "moon", "Épicentre", "river", "O'Hara", "AC/DC", "x_y", "Blue", "no. 9")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _numbers(*values: str) -> st.SearchStrategy[str]:
    one = st.sampled_from(values)
    return st.one_of(
        one,
        st.builds("{}..{}".format, one, one),
        st.builds("{}..".format, one),
        st.builds("..{}".format, one),
        st.builds("{}{}".format, st.sampled_from(("<", "<=", ">", ">=")), one),
    )


WORD = st.sampled_from([*WORDS, "blue moon", "hara", "music", "flac", "9", "mo", 'a"b', "nothing"])
TEXT = st.builds(
    "{}{}{}".format,
    st.sampled_from(("", "title:", "artist:", "album:", "path:", "tag:")),
    WORD.map(_quoted),
    st.sampled_from(("", "*")),
)
LIMIT = st.sampled_from(("", ">0.3", ">=0.3", "<0.3", "<=0.8", ">0.5", ">5%"))
LABEL = st.one_of(
    st.builds("genre:{}{}".format, st.sampled_from(("jazz", "Rock", "R&B", "rnb", "holiday", "none")), LIMIT),
    st.builds("mood:{}{}".format, st.sampled_from((*MOODS, "angry", "none")), LIMIT),
    st.builds("quadrant:{}".format, st.sampled_from(("Q1", "q2", "sad", "relaxed", "none"))),
    st.builds("voice:{}{}".format, st.sampled_from(("sung", "Instrumental", "none")), LIMIT),
    st.builds("instrument:{}{}".format, st.sampled_from((*INSTRUMENTS, "none")), LIMIT),
    st.just("genre:jazz,pop"),
).filter(lambda text: "none" not in text or text.endswith("none"))
NUMBER = st.one_of(
    st.builds("bpm:{}".format, _numbers("90", "89.6", "100.3", "110", "120")),
    st.builds("year:{}".format, _numbers("1970", "1979", "1970s", "2000")),
    st.builds("score:{}".format, _numbers("0.3", "0.5", "0.8", "80%")),
    st.builds("valence:{}".format, _numbers("0.15", "0.75")),
    st.builds("arousal:{}".format, _numbers("0.15", "0.75")),
    st.builds("bpm-confidence:{}".format, _numbers("0.3", "0.7", "70%", "0.29")),
    st.builds("key-confidence:{}".format, _numbers("0.3", "0.7", "70%", "0.29")),
    st.builds("duration:{}".format, _numbers("300", "5m", "0:59", "3m1s")),
    st.builds("added:{}".format, _numbers("7d", "2w", "1m", "1y", "86400s")),
    st.builds("added:{}".format, _numbers("2025-12-20", "2025-12", "2025", "2025-12-20T10:00")),
    st.builds("id:{}".format, _numbers("7", "20", "3000")),
    st.just("id:3,5,9"),
    st.builds(
        "{}:none".format, st.sampled_from(("bpm", "year", "key", "score", "valence", "bpm-confidence"))
    ),
)
OTHER = st.one_of(
    st.builds("key:{}".format, st.sampled_from((*KEYS[::5], "Am", "8A", "minor", "Gb,C")).map(_quoted)),
    st.sampled_from(
        ("key:Am", "key:minor", "verdict:unsure", "verdict:not-music", "state:failed", "is:done")
    ),
    st.sampled_from(("is:vanished", "is:corrected", "ext:flac", "format:MP3,flac", "model:test")),
)
TERMS = st.one_of(TEXT, LABEL, NUMBER, OTHER)
QUERIES = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        st.builds("{} {}".format, inner, inner),
        st.builds("{} or {}".format, inner, inner),
        st.builds("({})".format, inner),
        st.builds("-({})".format, inner),
        inner.map(lambda text: f"NOT {text}" if not text.startswith("-") else text),
    ),
    max_leaves=6,
)


def fill(library: Library, n: int = 60, seed: int = 0) -> None:
    """Put random rows into a library: some failed, some vanished, some corrected."""
    rng = random.Random(seed)
    for i in range(n):
        path = f"/music/{rng.choice(WORDS)}/{i} {rng.choice(WORDS)}.{rng.choice(['mp3', 'flac', 'FLAC'])}"
        added = YEAR_2026 - rng.randrange(40) * 86400
        made = dataclasses.replace(_random_row(path, rng), added=added, analysed=YEAR_2026)
        if rng.random() < 0.1:
            made = dataclasses.replace(made, prediction=None, embedding=None, model=None, error=ERROR)
        number = library.put(made)
        if rng.random() < 0.15:
            library.correct(number, genres=rng.sample(("jazz", "rock", "holiday"), 2))
        if rng.random() < 0.1:
            library.mark_vanished([number], now=YEAR_2026)


def _random_row(path: str, rng: random.Random) -> Row:
    genres = rng.sample(("jazz", "rock", "pop", "r&b"), 3)
    return row(
        path,
        [rng.gauss(0, 1) for _ in range(8)],
        genres={label: rng.choice((0.03, 0.05, 0.3, 0.5, 0.8)) for label in genres},
        moods={label: rng.choice((0.1, 0.4, 0.6)) for label in rng.sample(MOODS, 2)},
        quadrant=rng.sample((0.7, 0.1, 0.1, 0.1), 4),
        tempo=rng.choice((None, 89.6, 90.0, 100.3, 110.0, 120.4)),
        key=rng.choice((None, *KEYS)),
        **_random_heads(random.Random(path)),
        **_random_confidences(random.Random(path)),
        duration=rng.choice((59.0, 180.0, 300.0, 301.0)),
        verdict=rng.choice(("music", "music", "music", "unsure", "not-music")),
        sound=hashlib.sha256(path.encode()).hexdigest(),
        tags=Tags(
            title=" ".join(rng.choices(WORDS, k=2)),
            artist=rng.choice(("", *WORDS)),
            album=rng.choice(WORDS),
            year=rng.choice((None, 1969, 1970, 1979, 1980, 2001)),
            genres=tuple(rng.sample(("Jazz", "Hard Rock", "Rock & Roll"), rng.randrange(3))),
        ),
    )


def _random_confidences(rng: random.Random) -> dict[str, Any]:
    """How sure tempo and key are, of most rows."""
    steps = (None, 0.2999, 0.3, 0.7, 0.70004, 0.95)
    return {"tempo_confidence": rng.choice(steps), "key_confidence": rng.choice(steps)}


def _random_heads(rng: random.Random) -> dict[str, Any]:
    """Voice, instruments and affect, of half of the rows."""
    if rng.random() < 0.5:
        return {}
    instruments = {
        label: (score := rng.choice((0.01, 0.06, 0.3, 0.8)), score > rng.choice((0.0, 0.5, 0.9)))
        for label in rng.sample(INSTRUMENTS, 3)
    }
    affect = (rng.random(), rng.random())
    return {"voice": rng.sample((0.55, 0.35, 0.06, 0.04), 4), "instruments": instruments, "affect": affect}
