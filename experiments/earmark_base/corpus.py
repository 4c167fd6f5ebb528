"""The recordings that the default model learns from, as one table of tracks with masked labels.

Every collection says something else: GTZAN knows one of ten genres, panda4q a quadrant and mood words,
the non-musical sounds only what they are. A label that a collection does not speak of is NaN, and NaN
never enters a loss or a score.
"""

from __future__ import annotations

import csv
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from earmark import vocabulary

GENRES = list(vocabulary.GENRES)
QUADRANTS = list(vocabulary.QUADRANTS)
SOUNDS = ["music", "speech", "noise", "silence"]
COLLECTIONS = ("gtzan", "panda4q", "mirex_mood", "free_music", "nonmusic")

# Genres outside GTZAN's ten that its clips of a class may also be: unknown there, not absent. Among the ten its
# word is taken, for a first try that left "blues or rock?" unknown taught the network to say rock.
GTZAN_UNSURE = {
    "blues": "r&b folk",
    "classical": "soundtrack vocal new-age",
    "country": "folk",
    "disco": "r&b electronic",
    "hip-hop": "r&b electronic",
    "jazz": "vocal latin r&b",
    "metal": "",
    "pop": "r&b electronic vocal latin",
    "reggae": "world latin",
    "rock": "folk",
}
# The same for the genres that the annotators gave an artist: what a track of theirs may well be besides.
ARTIST_UNSURE = {"jazz": "vocal", "vocal": "jazz pop"}
# AllMusic's genres, as ours. It gives several a track, and generously, so that they are no measure of the one best genre;
# to learn from, its yes counts where the annotators' no does.
ALLMUSIC = {"Jazz": "jazz", "Electronic": "electronic", "International": "world", "R&B": "r&b", "Vocal": "vocal",
            "Country": "country", "Blues": "blues", "Rap": "hip-hop", "Latin": "latin", "Folk": "folk",
            "Reggae": "reggae", "New Age": "new-age"}  # fmt: skip
# What free music's styles, which are guesses, teach: a genre, and others that it may be besides. A piece with none of
# these styles teaches the genres nothing. With any piece taken for a possible soundtrack, all of it became one.
STYLES = {
    "acoustic": ("", "folk pop"), "ambient": ("new-age", "electronic soundtrack"), "baroque": ("classical", ""),
    "bluegrass": ("country folk", ""), "blues": ("blues", "rock jazz"), "bossa nova": ("latin", "jazz"),
    "chiptune": ("electronic", ""), "choral": ("", "classical vocal soundtrack"), "classical": ("classical", ""),
    "country": ("country", "folk"), "dance": ("electronic", "disco pop"), "disco": ("disco", "electronic"),
    "dub": ("reggae", "electronic"), "electronic": ("electronic", "new-age disco"),
    "epic": ("soundtrack", "classical"), "folk": ("folk", "country"), "funk": ("r&b", "disco jazz"),
    "hip-hop": ("hip-hop", "electronic r&b"), "house": ("electronic", "disco"),
    "jazz": ("jazz", ""), "lo-fi": ("hip-hop", "electronic jazz"), "medieval": ("", "folk classical soundtrack"),
    "metal": ("metal", "rock"), "orchestral": ("soundtrack", "classical new-age"),
    "piano": ("", "classical new-age jazz soundtrack"), "polka": ("", "world folk"), "pop": ("pop", "electronic rock"),
    "ragtime": ("jazz", ""), "reggae": ("reggae", ""), "rock": ("rock", "metal pop"),
    "soundtrack": ("soundtrack", "classical new-age electronic"), "surf rock": ("rock", ""),
    "synth": ("electronic", "new-age"), "synthwave": ("electronic", "disco"),
    "western": ("", "country folk soundtrack"),
}  # fmt: skip
# Non-musical kinds -> what they teach the head `sound`. The hard cases teach it nothing.
KINDS = {"speech": "speech", "environment": "noise", "noise": "noise", "applause": "noise",
         "test_tone": "noise", "music": "music"}  # fmt: skip
PLAIN_OTHERS = ("speech", "environment", "noise", "applause")  # what is plainly no music
MOOD_MIN_TRACKS = 24
# Words of other people for valence and arousal, high and low: free music's styles and moods, mirex_mood's clusters. Nothing
# learns quadrants from them; they tell how the quadrant fares where it was not learnt.
HAPPY = {"happy", "bright", "funny", "uplifting", "cheerful", "joyful", "humorous", "comedy", "bouncy", "holiday",
         "inspiring", "fun", "C2"}  # fmt: skip
DARK = {"dark", "sad", "spooky", "creepy", "suspense", "suspenseful", "tense", "scary", "horror", "melancholic", "eerie",
        "mysterious", "C3", "C5"}  # fmt: skip
EXCITED = {"energetic", "action", "battle", "boss", "dance", "driving", "run", "fast", "intense", "metal", "aggressive",
           "C1", "C5"}  # fmt: skip
QUIET = {"calm", "chill", "relaxing", "sad", "peaceful", "ambient", "lo-fi", "slow", "soft", "C3"}
# The same word in two vocabularies.
MOOD_ALIASES = {"agressive": "aggressive", "tense - anxious": "tense", "tense/anxious": "tense",
                "calm/peaceful": "calm", "amiable-good natured": "amiable", "nervous/jittery": "nervous",
                "anguished/distraught": "anguished", "soft/quiet": "soft"}  # fmt: skip


@dataclass
class Track:
    """One recording and what is known of it."""

    id: str
    collection: str
    path: str
    group: str
    split: str = ""
    genres: np.ndarray = field(default_factory=lambda: np.full(len(GENRES), np.nan, np.float32))
    quadrant: int = -1
    moods: frozenset[str] | None = None
    sound: int = -1
    positives: tuple[str, ...] = ()
    allmusic: tuple[str, ...] = ()
    kind: str = ""
    said: frozenset[str] = frozenset()  # of HAPPY, DARK, EXCITED, QUIET


def rows(folder: Path, name: str = "tracks.csv") -> list[dict[str, str]]:
    try:
        with open(folder / name, encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError as error:
        raise SystemExit(
            f"There is no {error.filename}: DATA is the folder of {', '.join(COLLECTIONS)}"
        ) from error


def artist_key(name: str) -> str:
    """One spelling for "Brown, Ruth" and "Ruth Brown", so that an artist never parts."""
    if name.count(",") == 1:
        last, first = name.split(",")
        name = f"{first} {last}"
    words = re.sub(r"[^\w ]", " ", name.lower().replace("&", " and ")).split()
    return " ".join(w for w in words if w != "the")


def words(text: str) -> list[str]:
    found = [word.strip().lower() for word in text.split("|") if word.strip()]
    return [MOOD_ALIASES.get(word, word) for word in found]


def genre_target(positive: list[str], unsure: list[str]) -> np.ndarray:
    target = np.zeros(len(GENRES), np.float32)
    for name in unsure:
        target[GENRES.index(name)] = np.nan
    for name in positive:
        target[GENRES.index(name)] = 1.0
    return target


def gtzan(data: Path) -> list[Track]:
    tracks = []
    for row in rows(data / "gtzan"):
        genre = {"hiphop": "hip-hop"}.get(row["genre"], row["genre"])
        target = genre_target([genre], GTZAN_UNSURE[genre].split())
        tracks.append(Track(row["id"], "gtzan", row["audio"], "gtzan " + artist_key(row["artist"]), row["split"],
                            target, sound=0, positives=(genre,)))  # fmt: skip
    return tracks


def allmusic(data: Path, collection: str) -> list[Track]:
    known = {row["artist"]: row for row in rows(data, "artist_genres.csv")}
    tracks = []
    for row in rows(data / collection):
        says = known[row["artist"]]
        positive = [g for g in says["genres"].split("|") if g]
        unsure = [g for g in says["disputed"].split("|") if g]
        unsure += [u for g in positive for u in ARTIST_UNSURE.get(g, "").split()]
        quadrant = QUADRANTS.index(row["quadrant"]) if row.get("quadrant") else -1
        moods = frozenset(words(row.get("moods") or row.get("mood") or ""))
        tracks.append(Track(f"{collection}.{row['id']}", collection, row["path"], artist_key(row["artist"]), "",
                            genre_target(positive, unsure), quadrant, moods, 0, tuple(positive),
                            tuple((row.get("genres") or "").split("|")),
                            said=frozenset({row.get("cluster", "")})))  # fmt: skip
    return tracks


def free_music(data: Path) -> list[Track]:
    tracks = []
    for row in rows(data / "free_music"):
        known = [STYLES[style] for style in row["style"].split("|") if style in STYLES]
        positive = sorted({genre for genres, _ in known for genre in genres.split()})
        unsure = [genre for _, genres in known for genre in genres.split()]
        target = genre_target(positive, unsure) if positive else np.full(len(GENRES), np.nan, np.float32)
        tracks.append(Track(row["id"], "free_music", row["path"], "free " + row["piece"], "",
                            target, sound=0, positives=tuple(positive),
                            said=frozenset(f"{row['style']}|{row['mood']}".lower().split("|"))))  # fmt: skip
    return tracks


def nonmusic(data: Path) -> list[Track]:
    tracks = []
    for row in rows(data / "nonmusic"):
        sound = SOUNDS.index(KINDS[row["kind"]]) if row["kind"] in KINDS else -1
        tracks.append(
            Track(row["id"], "nonmusic", row["path"], "non " + row["group"], sound=sound, kind=row["kind"])
        )
    return tracks


def tracks(data: Path) -> list[Track]:
    return [*gtzan(data), *allmusic(data, "panda4q"), *allmusic(data, "mirex_mood"), *free_music(data),
            *nonmusic(data)]  # fmt: skip


def genre_lesson(track: Track) -> np.ndarray:
    """What a track teaches the genres: its target, and where that says no but AllMusic yes, yes."""
    target = track.genres.copy()
    for word in track.allmusic:
        if word in ALLMUSIC and target[GENRES.index(ALLMUSIC[word])] == 0:
            target[GENRES.index(ALLMUSIC[word])] = 1.0
    return target


def mood_vocabulary(table: list[Track]) -> list[str]:
    """Mood words of panda4q (several a track) that occur often enough to be learnt, in alphabetical order."""
    counts: dict[str, int] = {}
    for track in table:
        for word in track.moods or ():
            counts[word] = counts.get(word, 0) + 1
    return sorted(word for word, n in counts.items() if n >= MOOD_MIN_TRACKS)


def mood_target(track: Track, vocabulary: list[str]) -> np.ndarray:
    """mirex_mood gives one word a track, so that only that word is known there; panda4q gives a list."""
    if track.moods is None:
        return np.full(len(vocabulary), np.nan, np.float32)
    absent = 0.0 if track.collection == "panda4q" else np.nan
    return np.array([1.0 if word in track.moods else absent for word in vocabulary], np.float32)


def fold_of(group: str, n_folds: int, seed: int) -> int:
    """Fold of an artist: a stable hash, the same in every run and for every collection."""
    from hashlib import sha256

    return int(sha256(f"{seed}:{group}".encode()).hexdigest(), 16) % n_folds


def _log_mel(path: str) -> np.ndarray:
    from earmark import load, log_mel

    clip = load(path)
    y = np.pad(clip.y, (0, max(0, 129 * 512 - len(clip.y))))
    return log_mel(y).astype(np.float16)


def spectrograms(data: Path, cache: Path, collection: str) -> dict[str, np.ndarray]:
    """Log-mel [shape=(128, n_frames)] of every clip of a collection, by id; made once, then read from the cache."""
    file = cache / f"{collection}.npz"
    if not file.exists():
        clips = [(r["id"], str(data / collection / (r.get("path") or r["audio"])))
                 for r in rows(data / collection) if r.get("path") or r.get("audio")]  # fmt: skip
        with ProcessPoolExecutor() as pool:
            arrays = pool.map(_log_mel, [path for _, path in clips], chunksize=8)
            found = dict(zip((name for name, _ in clips), arrays, strict=True))
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(file, **found)
        print(f"{collection}: {len(found)} clips", file=sys.stderr)
    prefix = f"{collection}." if collection in ("panda4q", "mirex_mood") else ""
    with np.load(file) as archive:
        return {prefix + name: archive[name] for name in archive.files}


def gtzan_3s(data: Path) -> dict[str, np.ndarray]:
    """The published log-mels of the first 3.02 s, all ten genres, by id."""
    with np.load(data / "gtzan" / "logmel_3s.npz") as archive:
        S_db = archive["S_db_u8"].astype(np.float32) * archive["step_db"] + archive["offset_db"]
        return dict(zip(archive["id"].tolist(), S_db, strict=True))
