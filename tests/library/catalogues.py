"""Catalogues for tests: rows with stated scores and embeddings, without any sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from earmark.features import TempoCandidate, method_digest
from earmark.library import FileState, Item, Library, ModelInfo, Row, Tags
from earmark.library.packing import Peaks
from earmark.predict import Affect, Instrument, ModelId, Prediction, Quadrant, Score, Voice
from earmark.vocabulary import GENRES, QUADRANTS, VOICES

MOODS = ("calm", "energetic", "happy", "sad")
MODEL = ModelInfo(
    "test", "ab" * 32, "cd" * 8, "space", {"genres": GENRES, "moods": MOODS, "quadrant": QUADRANTS}, 8
)

METHOD = method_digest()
INSTRUMENTS = ("guitar", "piano", "drums", "strings")
VOICED = ModelInfo(
    "voiced",
    "ef" * 32,
    "cd" * 8,
    "space",
    {**MODEL.heads, "voice": VOICES, "instruments": INSTRUMENTS, "affect": ("valence", "arousal")},
    8,
)


def row(
    path: str,
    embedding: npt.ArrayLike | None = None,
    *,
    genres: Mapping[str, float] = {"rock": 0.9},
    moods: Mapping[str, float] = {},
    quadrant: Sequence[float] = (0.4, 0.3, 0.2, 0.1),
    tempo: float | None = 120.0,
    key: str | None = "A minor",
    duration: float = 180.0,
    verdict: str = "music",
    tags: Tags | None = None,
    sound: str = "",
    peaks: Peaks | None = None,
    model: ModelInfo = MODEL,
    size: int = 3_000_000,
    voice: Sequence[float] = (),
    instruments: Mapping[str, tuple[float, bool]] = {},
    affect: tuple[float, float] | None = None,
    tempo_confidence: float | None = None,
    second: tuple[float, float] | None = None,
    key_confidence: float | None = None,
    method: str = METHOD,
) -> Row:
    """A row as `analyse` would have given it; with a voice, instruments or affect, of the model VOICED.

    `second` is the tempo that comes next, with its probability.
    """
    model = VOICED if voice or instruments or affect else model
    voices = dict(zip(VOICES, voice, strict=True)) if voice else {}
    likeliest = QUADRANTS[int(np.argmax(quadrant))]
    return Row(
        Item(path),
        FileState(size, 1, 1),
        tags=tags or Tags(),
        sound=sound,
        peaks=peaks,
        model=model,
        method=method,
        prediction=Prediction(
            source=path,
            duration=duration,
            model=ModelId(model.name, model.sha256),
            verdict=verdict,
            genres=_ranked(genres, GENRES),
            moods=_ranked(moods, MOODS),
            quadrant=Quadrant(likeliest, dict(zip(QUADRANTS, quadrant, strict=True))),
            tempo=tempo,
            key=key,
            segments=(),
            voice=Voice(max(voices, key=voices.__getitem__), voices) if voices else None,
            instruments=_instruments(instruments) if model is VOICED else (),
            affect=Affect(*affect) if affect else None,
            tempo_confidence=tempo_confidence,
            tempo_candidates=_tempi((tempo, tempo_confidence), second),
            key_confidence=key_confidence,
        ),
        embedding=None if embedding is None else np.asarray(embedding, dtype=np.float32),
    )


def filled(library: Library, n: int, *, seed: int = 0, n_artists: int = 10) -> list[int]:
    """Put tracks with random embeddings, tempos, keys and artists; return their ids."""
    rng = np.random.default_rng(seed)
    keys = [f"{pitch} {mode}" for pitch in ("C", "D", "E", "G", "A", "B") for mode in ("major", "minor")]
    ids = []
    with library.transaction():
        for i in range(n):
            ids.append(
                library.put(
                    row(
                        f"/music/{i:04d}.mp3",
                        rng.standard_normal(MODEL.embedding_size),
                        genres={str(rng.choice(GENRES)): 0.8},
                        quadrant=rng.dirichlet(np.ones(4)),
                        tempo=float(rng.uniform(70, 180)),
                        key=str(rng.choice(keys)),
                        duration=float(rng.uniform(120, 300)),
                        tags=Tags(title=f"Title {i}", artist=f"Artist {i % n_artists}"),
                    )
                )
            )
    return ids


def _ranked(scores: Mapping[str, float], labels: Sequence[str]) -> tuple[Score, ...]:
    return tuple(
        sorted((Score(label, scores.get(label, 0.0)) for label in labels), key=lambda score: -score.score)
    )


def _tempi(*candidates: tuple[float | None, float | None] | None) -> tuple[TempoCandidate, ...]:
    known = (one for one in candidates if one and None not in one)
    return tuple(TempoCandidate(*one) for one in known)  # type: ignore[arg-type]


def _instruments(scores: Mapping[str, tuple[float, bool]]) -> tuple[Instrument, ...]:
    found = [Instrument(label, *scores.get(label, (0.0, False))) for label in INSTRUMENTS]
    return tuple(sorted(found, key=lambda one: -one.score))
