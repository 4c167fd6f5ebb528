"""What three excerpts of a clip lose against all of it: the table of docs/library.md.

    python benchmarks/excerpts.py ../shared [--model earmark-lite]

On the two collections of the exam and on GTZAN's clips of the fault-filtered valid split: in how many clips
the first of all genres is the same, in how many it is right both ways, and the difference, with intervals of
95 % (artists resampled, where they are known). Right is what `experiments/exam/measure.py` takes for right;
of GTZAN, the highest of its ten genres is compared. Nothing is measured where the recordings are missing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from earmark.evaluate.bootstrap import bootstrap
from earmark.models import Model, load_model
from earmark.predict import Prediction, classify
from earmark.vocabulary import DEFAULT_MODEL

sys.path.append(str(Path(__file__).parents[1] / "experiments" / "exam"))
import measure

N_EXCERPTS = 3


@dataclass(frozen=True, eq=False)
class Gtzan(measure.Collection):
    """Clips of which only ten genres compete."""

    ten: frozenset[str] = frozenset()

    def ranking(self, prediction: Prediction) -> list[str]:
        return [label for label in super().ranking(prediction) if label in self.ten]


def gtzan(folder: Path) -> Gtzan:
    """Take the clips of the valid split that have sound."""
    table = measure.table(folder / "tracks.csv")
    genres = [row["genre"].replace("hiphop", "hip-hop") for row in table]
    tracks = [
        measure.Track(row["id"], folder / row["audio"], (genre,), row["artist"] or row["id"])
        for row, genre in zip(table, genres, strict=True)
        if row["split"] == "valid" and row["audio"]
    ]
    return Gtzan("GTZAN, valid", tracks, ten=frozenset(genres))


def collections(shared: Path) -> Iterator[measure.Collection]:
    yield gtzan(shared / "data" / "gtzan")
    yield from (found for found in measure.collections(shared) if found.name != "reserved")


def measured(collection: measure.Collection, model: Model, seconds: float) -> dict[str, np.ndarray]:
    """What is compared, of each clip [shape=(n,)]."""
    found: dict[str, list[float]] = {"same": [], "whole": [], "excerpts": [], "read": []}
    for track in collection.tracks:
        whole = classify(track.path, model=model)
        part = classify(track.path, model=model, excerpts=(N_EXCERPTS, seconds))
        found["same"].append(whole.genres[0].label == part.genres[0].label)
        found["whole"].append(collection.ranking(whole)[0] in track.labels)
        found["excerpts"].append(collection.ranking(part)[0] in track.labels)
        found["read"].append(min(1.0, N_EXCERPTS * seconds / whole.duration))
    columns = {name: np.array(values, float) for name, values in found.items()}
    return columns | {"lost": columns["whole"] - columns["excerpts"]}


def percent(values: np.ndarray, groups: list[str]) -> str:
    interval = bootstrap(lambda w: float(w @ values / w.sum()), groups)[0]
    return f"{100 * values.mean():6.1f} ({100 * interval.low:.1f} to {100 * interval.high:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "shared", type=Path, nargs="?", default=Path("../shared"), help="with exam/ and data/"
    )
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of each excerpt")
    options = parser.parse_args()
    if not options.shared.exists():
        print(f"{options.shared} is missing: nothing is measured")
        return
    model = load_model(options.model)
    print(f"{model.card.name}, weights {model.card.sha256[:12]}; {N_EXCERPTS} x {options.seconds:g} s; in %")
    for collection in collections(options.shared):
        columns = measured(collection, model, options.seconds)
        groups = [track.group for track in collection.tracks]
        print(f"\n{collection.name} (digest {collection.digest}), n = {len(groups)}")
        print(f"  {'part that is classified':25} {100 * columns.pop('read').mean():6.1f}")
        titles = ("same first genre", "right, whole", "right, excerpts", "whole less excerpts")
        for title, values in zip(titles, columns.values(), strict=True):
            print(f"  {title:25} {percent(values, groups)}")


if __name__ == "__main__":
    main()
