"""Annotated clips, folds by artist, and what the models are trained on, computed once and kept in a cache folder."""

from __future__ import annotations

import csv
import hashlib
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from earmark.audio import load
from earmark.features import FeatureSpec, FrameStream, TonalStream
from earmark.features.pulse_network import bands
from earmark.features.subsonic import SubsonicFilter

SPEC = FeatureSpec()
FRAME_SECONDS = SPEC.hop_length / SPEC.sr
FOLDS = 4
PLENTIFUL = ("blues", "classical", "country", "metal")  # genres of which nearly all clips are there


@dataclass(frozen=True)
class Annotated:
    """A clip of GTZAN with what people annotated; `key` may be empty, `beats` are (time, place in the bar)."""

    id: str
    path: Path
    genre: str
    artist: str
    tempo: float
    key: str
    beats: tuple[tuple[float, int], ...]


def read(folder: Path) -> list[Annotated]:
    """Return the annotated clips but for those marked `excluded`: their recordings are among the held-back ones."""
    tracks = _table(folder / "tracks.csv")
    beats = _table(folder / "beats.csv")
    clips = []
    for id_, row in sorted(_table(folder / "tempo_key.csv").items()):
        track = tracks[id_]
        if track["split"] != "excluded":
            pairs = (pair.split(":") for pair in beats[id_]["beats"].split())
            places = tuple((float(t), int(place)) for t, place in pairs)
            clips.append(
                Annotated(
                    id_,
                    folder / track["audio"],
                    track["genre"],
                    track["artist"] or id_,
                    float(row["tempo"]),
                    row["key"],
                    places,
                )
            )
    return clips


def _table(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def folds(clips: list[Annotated]) -> dict[str, int]:
    """Return the fold of each clip: no artist in two, genres spread evenly, the same for everyone."""
    groups: dict[str, list[Annotated]] = defaultdict(list)
    for clip in clips:
        groups[clip.artist].append(clip)
    of_genre: dict[str, list[int]] = defaultdict(lambda: [0] * FOLDS)
    total, found = [0] * FOLDS, {}
    hashed = {artist: hashlib.sha256(artist.encode()).hexdigest() for artist in groups}
    for artist in sorted(groups, key=lambda artist: (-len(groups[artist]), hashed[artist])):
        genre, n = groups[artist][0].genre, len(groups[artist])
        fold = min(range(FOLDS), key=lambda k: (of_genre[genre][k], total[k], k))
        found |= {clip.id: fold for clip in groups[artist]}
        of_genre[genre][fold] += n
        total[fold] += n
    return found


def digest(of: dict[str, int]) -> str:
    """Return what names a division into folds."""
    return hashlib.sha256("\n".join(f"{id_} {of[id_]}" for id_ in sorted(of)).encode()).hexdigest()[:12]


def analysed(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the log-mel of a sound and its twelve-note vectors, as `earmark.classify` computes them."""
    audible, tonal = SubsonicFilter(SPEC.sr), TonalStream(SPEC)
    stream = FrameStream(SPEC, spectra=tonal.push)
    clean = np.concatenate([audible.push(y.astype(np.float32)), audible.close()])
    parts = [stream.push(clean).S_db, stream.close().S_db]
    return np.concatenate(parts, axis=1), tonal.vectors()


class Cache:
    """Log-mel and vectors of clips, kept in a file for each collection."""

    def __init__(self, folder: Path, name: str, paths: dict[str, Path]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file, self._paths = folder / f"{name}.npz", paths

    @cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        if not self._file.exists():
            found = {}
            for id_, path in self._paths.items():
                S_db, vectors = analysed(load(path).y)
                found[f"{id_} mel"], found[f"{id_} tonal"] = S_db.astype(np.float16), vectors
            np.savez(self._file, **found)
        with np.load(self._file) as arrays:
            return dict(arrays)

    def log_mel(self, id_: str) -> np.ndarray:
        return self._arrays[f"{id_} mel"].astype(np.float32)

    def bands(self, id_: str) -> np.ndarray:
        return bands(self.log_mel(id_))

    def vectors(self, id_: str) -> np.ndarray:
        return self._arrays[f"{id_} tonal"]
