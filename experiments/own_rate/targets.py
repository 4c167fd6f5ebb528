"""What the tracks say of genre, quadrant, mood words, kind of sound, voice, instruments, and place on the mood plane."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from lessons import corpus

PRIOR = 0.75  # of how often a genre occurs, to this power, is what the heads believe beforehand
SHARES = {"gtzan": 0.5, "free_labelled": 0.25}
SHRINK = 4  # tracks of no place that are counted with each mood word
PLACES = {0: (1, 1), 1: (-1, 1), 2: (-1, -1), 3: (1, -1)}  # valence and arousal of Q1 to Q4
VOICES = ("instrumental", "sung", "rapped", "spoken")
SINGERS = {"pop", "rock", "metal", "country", "r&b", "folk", "vocal", "blues", "reggae", "latin", "disco"}
PLAYED = {
    "ambient",
    "baroque",
    "chiptune",
    "classical",
    "orchestral",
    "piano",
    "ragtime",
    "synth",
    "synthwave",
}
# Kevin MacLeod's words for what plays, as ours; of those that his catalogue names often enough
INSTRUMENTS = {
    "accordion": ("accordion",), "banjo": ("banjo",), "bass": ("bass", "synth bass", "basses"), "brass": ("trumpet", "trombone", "tuba", "horn", "brass"),
    "choir": ("choir",), "drums": ("kit", "drums", "snare"), "flute": ("flute",),
    "guitar": ("guitar",), "mallets": ("marimba", "xylophone", "glock", "vibes", "celesta"), "organ": ("organ",),
    "percussion": ("percussion",), "piano": ("piano",), "reeds": ("clarinet", "oboe", "bassoon", "english horn"), "saxophone": ("sax",),
    "strings": ("strings", "violin", "viola", "cello"), "synthesizer": ("synth", "ep", "mellotron"),
}  # fmt: skip


def genres(tracks: list[corpus.Track]) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the genres [shape=(n, 19)] and the weight of each track; 0 where it names none."""
    Y = np.zeros((len(tracks), len(corpus.GENRES)))
    for row, track in zip(Y, tracks, strict=True):
        for genre in track.positives:
            row[corpus.GENRES.index(genre)] = 1 / len(track.positives)
    base = np.array([SHARES.get(t.collection, 1.0) for t in tracks]) * (Y.sum(1) > 0)
    often = (Y * base[:, None]).sum(0)
    weights = base * (Y @ np.maximum(often, 1e-9) ** (PRIOR - 1))
    return Y, weights * (weights > 0).sum() / weights.sum()


def places(tracks: list[corpus.Track]) -> np.ndarray:
    """Valence and arousal of each track by its mood words [shape=(n, 2)]; NaN where it has none that is placed.

    A word lies where the quadrants of panda4q's tracks lie that carry it, SHRINK tracks of no place among them; a
    track at the mean of its words.
    """
    sums: dict[str, np.ndarray] = {}
    for track in tracks:
        for word in (track.moods or ()) if track.quadrant >= 0 else ():
            sums[word] = sums.get(word, np.zeros(3)) + np.array((*PLACES[track.quadrant], 1))
    placed = {word: s[:2] / (s[2] + SHRINK) for word, s in sums.items()}
    found = [[placed[w] for w in track.moods or () if w in placed] for track in tracks]
    return np.array([np.mean(one, axis=0) if one else (np.nan, np.nan) for one in found])


def voices(tracks: list[corpus.Track], data: Path) -> np.ndarray:
    """Which of VOICES each track is, -1 where nothing tells.

    Nobody wrote it down: free_labelled is instrumental where its maker names no voice, free music is of styles that
    are played, as is most of GTZAN's classical music; speech is spoken, an artist of hip-hop alone raps, and one of
    song genres alone sings. Some of each are wrong.
    """
    rows = {row["id"]: row for row in corpus.rows(data / "free_labelled")}
    out = np.full(len(tracks), -1)
    for i, track in enumerate(tracks):
        if track.collection == "free_labelled":
            says = rows[track.id]["instruments"].lower()
            out[i] = 0 if says and not any(w in says for w in ("voice", "choir", "vocal")) else -1
        elif track.collection == "free_music":
            out[i] = 0 if track.said & PLAYED else -1
        elif track.collection == "gtzan":
            out[i] = 0 if track.positives == ("classical",) else -1
        elif track.collection == "nonmusic":
            out[i] = 3 if track.kind == "speech" else -1
        elif track.collection in ("panda4q", "mirex_mood"):
            named = set(track.positives)
            out[i] = 2 if named == {"hip-hop"} else 1 if named and named <= SINGERS else -1
    return out


def instruments(tracks: list[corpus.Track], data: Path) -> np.ndarray:
    """Which of INSTRUMENTS the maker names [shape=(n, n_instruments)]; NaN for music of others."""
    with (data / "free_labelled" / "tracks.csv").open(newline="", encoding="utf-8") as file:
        said = {
            row["id"]: row["instruments"].lower().split("|")
            for row in csv.DictReader(file)
            if row["instruments"]
        }
    out = np.full((len(tracks), len(INSTRUMENTS)), np.nan)
    for row, track in zip(out, tracks, strict=True):
        if track.id in said:
            named = said[track.id]
            row[:] = [
                any(w in part for w in words for part in named if not ("bass" in part and w == "ep"))
                for words in INSTRUMENTS.values()
            ]
    return out
