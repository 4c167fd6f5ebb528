"""Measure a model on music that nothing may learn from: `make exam`.

    python experiments/exam/measure.py ../shared --model earmark-base

Three collections, each with n, a 95 % interval (artists resampled, where they are known) and a digest of ids and labels:

* own_songs: songs out of people's own collections; right is a top genre that is one of the song's
* emotify: four genres; right is the highest of classical, electronic, pop, and the higher of rock and metal
* reserved: the fold of `reserved.py`; right as for own_songs, and the quadrant. For a model that was trained
  on it, as earmark-lite and so earmark-base were, it is marked and proves nothing.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from reserved import is_reserved

from earmark.evaluate.bootstrap import bootstrap
from earmark.models import Model, load_model
from earmark.predict import Prediction, classify
from earmark.vocabulary import DEFAULT_MODEL

TRAINED_ON_RESERVED = {
    "ae0ac093f8bae7bad55140e3d2573b04813c0b9c578ddd4197f6069dbcb4051e",  # earmark-lite
    "76dec6c34d538af7d0877b933b1410993a87813afaee9f1e91ae8609ba6170e4",  # earmark-base, half of whose answer is earmark-lite's
}  # weights, by digest
ROCK = ("rock", "metal")


@dataclass(frozen=True)
class Track:
    """A clip, and the labels that count as right; `group` is its artist."""

    id: str
    path: Path
    labels: tuple[str, ...]
    group: str
    quadrant: str = ""


@dataclass(frozen=True, eq=False)
class Collection:
    """Tracks, and which labels of a prediction compete for them."""

    name: str
    tracks: list[Track]
    four: bool = False

    @property
    def digest(self) -> str:
        lines = sorted(f"{track.id}:{'|'.join(track.labels)}" for track in self.tracks)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]

    def ranking(self, prediction: Prediction) -> list[str]:
        """Labels, highest first."""
        scores = {score.label: score.score for score in prediction.genres}
        if self.four:
            both = max(scores.get(label, 0.0) for label in ROCK)
            scores = {label: scores.get(label, 0.0) for label in ("classical", "electronic", "pop")} | {
                "rock": both
            }
        return sorted(scores, key=lambda label: -scores[label])


def collections(shared: Path) -> list[Collection]:
    exam = shared / "exam"
    own = [
        Track(r["id"], exam / "own_songs" / r["path"], tuple(r["genre"].split("|")), r["artist"] or r["id"])
        for r in table(exam / "own_songs" / "tracks.csv")
    ]
    four = [
        Track(r["id"], exam / "emotify" / r["path"], (r["genre"],), r["id"])
        for r in table(exam / "emotify" / "tracks.csv")
    ]
    return [
        Collection("own_songs", own),
        Collection("emotify", four, four=True),
        Collection("reserved", reserved(shared / "data")),
    ]


def reserved(data: Path) -> list[Track]:
    genres = {
        r["artist"]: tuple(r["genres"].split("|")) for r in table(data / "artist_genres.csv") if r["genres"]
    }
    return [
        Track(
            f"{name}/{r['id']}",
            data / name / r["path"],
            genres[r["artist"]],
            r["artist"],
            r.get("quadrant") or "",
        )
        for name in ("panda4q", "mirex_mood")
        for r in table(data / name / "tracks.csv")
        if is_reserved(r["artist"]) and r["artist"] in genres
    ]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def measured(collection: Collection, model: Model) -> dict[str, object]:
    """The metrics of a model on a collection, and what it confuses."""
    predictions = [classify(track.path, model=model) for track in collection.tracks]
    rankings = [collection.ranking(prediction) for prediction in predictions]
    pairs = list(zip(collection.tracks, rankings, strict=True))
    metrics = {
        "top genre": [ranking[0] in track.labels for track, ranking in pairs],
        "among the first two": [bool(set(ranking[:2]) & set(track.labels)) for track, ranking in pairs],
        "called not-music": [prediction.verdict == "not-music" for prediction in predictions],
    }
    groups = [track.group for track in collection.tracks]
    rows = [row(name, np.array(right, float), groups) for name, right in metrics.items()]
    placed = [
        (p.quadrant is not None and p.quadrant.label == t.quadrant, t.group)
        for p, t in zip(predictions, collection.tracks, strict=True)
        if t.quadrant
    ]
    if placed:
        rows.append(
            row("quadrant", np.array([right for right, _ in placed], float), [group for _, group in placed])
        )
    called: dict[str, Counter[str]] = {}
    for track, ranking in pairs:
        for label in track.labels:
            called.setdefault(label, Counter())[ranking[0]] += 1
    return {"collection": collection.name, "digest": collection.digest, "metrics": rows, "called": called}


def row(name: str, right: np.ndarray, groups: list[str]) -> dict[str, object]:
    interval = bootstrap(lambda w: float(w @ right / w.sum()), groups)[0]
    return {"name": name, "value": right.mean(), "low": interval.low, "high": interval.high, "n": len(right)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shared", type=Path, help="the folder with exam/ and data/")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("-o", "--output", type=Path, help="also as JSON")
    options = parser.parse_args()
    model = load_model(options.model)
    results = [measured(collection, model) for collection in collections(options.shared)]
    print(f"{model.card.name}, weights {model.card.sha256[:12]}\n")
    for result in results:
        known = result["collection"] == "reserved" and model.card.sha256 in TRAINED_ON_RESERVED
        print(
            f"{result['collection']} (digest {result['digest']})"
            + ("; THE MODEL WAS TRAINED ON IT" if known else "")
        )
        for m in result["metrics"]:
            print(f"  {m['name']:<22} {m['value']:6.1%}  ({m['low']:.0%} to {m['high']:.0%}), n = {m['n']}")
        for label, counts in sorted(result["called"].items()):
            found = ", ".join(f"{other} {n}" for other, n in counts.most_common(5))
            print(f"    {label:<11} {counts[label]:>3} of {counts.total():>3}: {found}")
        print()
    if options.output:
        options.output.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
