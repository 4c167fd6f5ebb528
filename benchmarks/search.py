"""Search in a library of 200,000 simulated tracks: milliseconds for each query, to its list of ids.

Then of lists in an order: to the first 50, as a page or a table shows them, and whole.

    python benchmarks/search.py [--tracks N] [--library PATH]

The rows are made by SQL, with blobs as large as those of a real track, so that the file has the size of a
real one. For scale, each query is given as a ratio to counting the tracks that have not vanished, one pass
over the index that search uses. The times are those of this process alone.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from earmark.features.key import KEYS
from earmark.library import Library
from earmark.vocabulary import GENRES, QUADRANTS

QUERIES = (
    "genre:jazz",
    "genre:jazz mood:calm bpm:90..110",
    "genre:rock -genre:metal year:1970..1985",
    "(genre:jazz or genre:blues) key:Am score>0.8",
    "artist:miles",
    'artist:"miles davis" album:blue',
    "blue moon*",
    "bpm:120..125 key:8A",
    "genre:electronic>0.3 added:<30d",
    "quadrant:calm valence>0.6 duration:>5m",
    "tag:jazz -genre:jazz",
    "verdict:unsure",
    "ext:flac year:1990s",
    "bpm:120..125 bpm-confidence>0.8",
    "is:vanished",
    "",
)
SORTS = ("-added", "tempo", "-score", "title", "artist", "path")
PAGE = 50
MOODS = ("calm", "dark", "energetic", "happy", "sad", "tense", "dreamy", "fierce", "gentle", "lively")
_TEXT = (
    "blue moon river love night day rain sun road home dance fire heart dream sky star time world summer "
    "winter light shadow dark water ocean wind song soul train city street girl boy king queen"
)
WORDS = _TEXT.split()
NAMES = ("miles", "john", "ella", "nina", "bill", "duke", "sarah", "davis", "coltrane", "evans", "young")
TAGS = ("Jazz", "Rock", "Pop", "Electronic", "Classical", "Blues", "Hard Rock", "Hip Hop", "Folk")
ENDINGS = ("mp3", "mp3", "flac", "m4a")
# Of the genres, as of a mixed collection.
WEIGHTS = [
    5,
    9,
    4,
    2,
    18,
    5,
    8,
    8,
    4,
    7,
    2,
    12,
    5,
    3,
    22,
    4,
    1,
    1,
    4,
]


def tracks(n: int, rng: random.Random, now: float) -> Iterator[dict[str, object]]:
    blob = rng.randbytes(4096)
    for i in range(1, n + 1):
        words = rng.choices(WORDS, k=3)
        artist = f"{rng.choice(NAMES)} {rng.choice(NAMES)}"
        yield {
            "id": i,
            "folder": i // 12 + 1,
            "name": f"{i % 12 + 1:02d} {' '.join(words)}.{(ending := rng.choice(ENDINGS))}".encode(),
            "ending": ending,
            "size": rng.randrange(3_000_000, 30_000_000),
            "mtime_ns": i,
            "device": 1,
            "sound": rng.randbytes(32),
            "fingerprint": blob[: 900 + 7919 * i % 601],  # of various lengths, for pages hold whole rows
            "vanished": now if rng.random() < 0.01 else None,
            "added": now - rng.random() * 3e7,
            "analysed": now,
            "title": " ".join(words),
            "artist": artist,
            "album": f"{rng.choice(WORDS)} {i // 12}",
            "year": rng.randrange(1955, 2026) if rng.random() < 0.9 else None,
            "tags": json.dumps({"genres": [rng.choice(TAGS)]}),
            "duration": rng.uniform(60, 600),
            "verdict": rng.choices(["music", "unsure", "not-music"], [90, 8, 2])[0],
            "genre": rng.choices(GENRES, WEIGHTS)[0],
            "quadrant": rng.choice(QUADRANTS),
            "valence": rng.random(),
            "arousal": rng.random(),
            "tempo": rng.gauss(118, 25),
            "tempo_confidence": 7919 * i % 10_000,  # spread evenly
            "key": rng.choice(KEYS),
            "key_confidence": 7907 * i % 10_000,
            "scores": blob[:160],
            "timeline": blob[:600],
            "embedding": blob[:512],
        }


def labels(track: dict[str, object], rng: random.Random) -> Iterator[tuple[object, ...]]:
    if track["verdict"] == "not-music":
        return
    other = [label for label in rng.sample(GENRES, 5) if label != track["genre"]]
    for rank, label in enumerate([track["genre"], *other]):
        score = rng.randrange(300, 1000) if not rank else rng.randrange(50, 300)
        yield track["id"], "genres", label, score, rank
    for rank, label in enumerate(rng.sample(MOODS, 6)):
        yield track["id"], "moods", label, 600 - 90 * rank + rng.randrange(90), rank
    for rank, label in enumerate([track["quadrant"], *(q for q in QUADRANTS if q != track["quadrant"])]):
        yield track["id"], "quadrant", label, 700 if not rank else 100, rank
    for rank, label in enumerate(json.loads(str(track["tags"]))["genres"]):
        yield track["id"], "tags", label.lower(), 1000, rank


def build(library: Library, n: int) -> None:
    rng, now = random.Random(0), time.time()
    heads = {"genres": GENRES, "moods": MOODS, "quadrant": QUADRANTS}
    library.query("PRAGMA cache_size = -500000")  # KB
    indices = library.query("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    with library.transaction():
        for index in indices:
            library.query(f"DROP INDEX {index['name']}")  # made anew from sorted rows, which is faster
        sql = "INSERT INTO models VALUES (1, 'simulated', '0', '0', '0', ?, 256)"
        library.db.execute(sql, (json.dumps(heads),))
        folders = [(i, f"/music/{i // 20}/{i}".encode()) for i in range(1, n // 12 + 2)]
        library.db.executemany("INSERT INTO folders VALUES (?, ?)", folders)
        rows = list(tracks(n, rng, now))
        columns = ", ".join(rows[0])
        marks = ", ".join(f":{name}" for name in rows[0])
        sql = f"INSERT INTO tracks ({columns}, state, model) VALUES ({marks}, 'done', 1)"
        library.db.executemany(sql, rows)
        names: dict[tuple[object, object], int] = {}
        found = []
        for row in rows:
            for id, head, label, score, rank in labels(row, rng):
                found.append((names.setdefault((head, label), len(names) + 1), id, score, rank))
        of_names = [(number, *name) for name, number in names.items()]
        library.db.executemany("INSERT INTO label_names (id, head, label) VALUES (?, ?, ?)", of_names)
        library.db.executemany("INSERT INTO track_labels VALUES (?, ?, ?, ?)", sorted(found))
        library.query("""UPDATE tracks SET score =
            (SELECT score FROM labels WHERE track = tracks.id AND head = 'genres' AND rank = 0)""")
        for index in indices:
            library.query(index["sql"])


def seconds_of(work: Callable[[], object], repeats: int = 7) -> float:
    """The fastest of some runs, in s of this process: another program's work is not counted."""
    seconds = []
    for _ in range(repeats):
        begin = time.process_time()
        work()
        seconds.append(time.process_time() - begin)
    return min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tracks", type=int, default=200_000)
    parser.add_argument("--library", type=Path, help="where to keep it; by default it is removed afterwards")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = wanted.library or Path(folder) / "library.sqlite"
        is_new = not path.exists()
        with Library(path) as library:
            if is_new:
                build(library, wanted.tracks)
            size = path.stat().st_size
            n = len(library)
            print(f"{n:,} tracks, {size / 1e6:,.0f} MB, {size / max(n, 1):,.0f} bytes a track")
            counted = "SELECT count(*) FROM tracks INDEXED BY tracks_facts WHERE vanished IS NULL"
            unit = seconds_of(lambda: library.query(counted))
            print(f"one pass over the index: {1000 * unit:.1f} ms\n\n    ms  ratio    found  query")
            for query in QUERIES:
                seconds, found = seconds_of(partial(library.search, query)), len(library.search(query))
                print(f"{1000 * seconds:6.1f} {seconds / unit:6.2f} {found:8,}  {query or '(everything)'}")
            print(f"\n    ms  whole, order of everything and of genre:jazz: the first {PAGE}, and all")
            for sort in SORTS:
                for query in ("", "genre:jazz"):
                    page = seconds_of(partial(library.search, query, sort=sort, limit=PAGE))
                    whole = seconds_of(partial(library.search, query, sort=sort), repeats=3)
                    print(f"{1000 * page:6.1f} {1000 * whole:6.1f}  {sort} {query}")


if __name__ == "__main__":
    main()
