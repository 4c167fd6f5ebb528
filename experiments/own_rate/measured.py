"""Measure a bundle on music that nothing has heard, and write the metrics into its card.

    python measured.py ../../../shared BUNDLE

The exam's two collections as they are, `own_songs` spoilt in sound as well, GTZAN's `valid` part, and the reserved fold,
which is marked: earmark-lite was trained on it.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import corpus
import measure
import numpy as np
import robust

from earmark import classify, load
from earmark.audio import Clip
from earmark.errors import TooShortError
from earmark.evaluate.bootstrap import bootstrap
from earmark.models import Model, load_model
from earmark.models.onnx import OnnxModel
from earmark.predict import Prediction

CONDITIONS = ("a phone across a room, noise, 10 dB", "telephone, 8 kHz (300 to 3,400 Hz)", "pink noise, 10 dB",
              "MP3, 32 kbit/s", "30 dB softer")  # fmt: skip
UNHEARD = "exam, {}: nothing of the model has processed it"
TITLES = {
    "own_songs": "people's own songs, 12 s",
    "emotify": "Emotify, 12 s, four genres",
    "reserved": "reserved artists",
}
PROCESSED = "reserved fold by artist: earmark-lite was trained on its sound and its labels"


@cache
def model_of(bundle: Path) -> Model:
    return load_model(bundle)


def predicted(job: tuple[Path, Path, str, int, Path]) -> dict[str, object]:
    """The parts of a prediction that are asked about; of a clip that is spoilt first, where a condition is named."""
    bundle, path, condition, number, data = job
    source: object = path
    if condition:
        y = load(path).y.astype(np.float64)
        y = robust.CONDITIONS[condition](y, data, np.random.default_rng(number))
        source = Clip(np.ascontiguousarray(y, np.float32), robust.SR)
    try:
        found: Prediction = classify(source, model=model_of(bundle))  # type: ignore[arg-type]
    except TooShortError:  # a bird
        return {"verdict": "too short"}
    return found.to_dict() | {"segments": [], "parts": []}


def ranking(scores: list[dict[str, object]], *, four: bool = False, ten: bool = False) -> list[str]:
    known = {str(s["label"]): float(s["score"]) for s in scores}  # type: ignore[arg-type]
    if four:
        rock = max(known["rock"], known["metal"])
        known = {g: known[g] for g in ("classical", "electronic", "pop")} | {"rock": rock}
    if ten:
        known = {g: known[g] for g in corpus.GTZAN_UNSURE}
    return sorted(known, key=lambda label: -known[label])


def row(name: str, right: list[bool], groups: list[str], split: str, digest: str) -> dict[str, object]:
    values = np.array(right, float)
    interval = bootstrap(lambda w: float(w @ values / w.sum()), groups)[0]
    return {"name": name, "value": round(float(values.mean()), 4), "low": round(interval.low, 4),
            "high": round(interval.high, 4), "n": len(right), "split": split, "split_digest": digest}  # fmt: skip


class Exam:
    def __init__(self, shared: Path, bundle: Path) -> None:
        self.shared, self.bundle, self.metrics = shared, bundle, []
        self.called: dict[str, dict[str, dict[str, int]]] = {}

    def ask(self, paths: list[Path], condition: str = "") -> list[dict[str, object]]:
        jobs = [(self.bundle, path, condition, i, self.shared / "data") for i, path in enumerate(paths)]
        with ProcessPoolExecutor(2) as pool:
            return list(pool.map(predicted, jobs, chunksize=8))

    def of(self, collection: measure.Collection, condition: str = "") -> None:
        tracks = collection.tracks
        found = self.ask([t.path for t in tracks], condition)
        groups = [t.group for t in tracks]
        ranks = [ranking(p["genres"], four=collection.four) for p in found]
        split = PROCESSED if collection.name == "reserved" else UNHEARD.format(collection.name)
        tail = f": {condition}" if condition else ""

        def add(name: str, right: list[bool], whose: list[str] = groups) -> None:
            self.metrics.append(
                row(f"{TITLES[collection.name]}: {name}{tail}", right, whose, split, collection.digest)
            )

        add("top genre", [r[0] in t.labels for r, t in zip(ranks, tracks, strict=True)])
        if not collection.four:
            add(
                "among the first two",
                [bool(set(r[:2]) & set(t.labels)) for r, t in zip(ranks, tracks, strict=True)],
            )
        add("called not-music", [p["verdict"] == "not-music" for p in found])
        named = [(p, t) for p, t in zip(found, tracks, strict=True) if t.quadrant and p["quadrant"]]
        if named:
            add(
                "mood quadrant",
                [p["quadrant"]["label"] == t.quadrant for p, t in named],
                [t.group for _, t in named],
            )
        if condition or collection.four:
            return
        top = np.array([max(s["score"] for s in p["genres"]) for p in found])
        hit = np.array([r[0] in t.labels for r, t in zip(ranks, tracks, strict=True)])
        bins = np.array_split(np.argsort(top), 10)
        error = sum(len(b) * abs(top[b].mean() - hit[b].mean()) for b in bins) / len(top)
        print(collection.name, "ECE of the top score", round(float(error), 4), "mean", top.mean(), hit.mean())
        print("voices", Counter(p["voice"]["label"] if p.get("voice") else None for p in found))
        called: dict[str, Counter[str]] = {}
        for r, t in zip(ranks, tracks, strict=True):
            for label in t.labels:
                called.setdefault(label, Counter())[r[0]] += 1
        self.called[collection.name] = {label: dict(c.most_common(4)) for label, c in called.items()}

    def gtzan(self) -> None:
        tracks = [t for t in corpus.gtzan(self.shared / "data") if t.split == "valid" and t.path]
        found = self.ask([self.shared / "data" / "gtzan" / t.path for t in tracks])
        right = [ranking(p["genres"], ten=True)[0] in t.positives for p, t in zip(found, tracks, strict=True)]
        name, split = "GTZAN, up to 30 s, best of ten", "GTZAN fault-filtered valid"
        self.metrics.append(row(name, right, [t.group for t in tracks], split, "7eef8ac907c2c6ff"))

    def nonmusic(self) -> None:
        tracks = [t for t in corpus.nonmusic(self.shared / "data") if t.kind]
        found = self.ask([self.shared / "data" / "nonmusic" / t.path for t in tracks])
        for kind in sorted({t.kind for t in tracks}):
            of = [p for p, t in zip(found, tracks, strict=True) if t.kind == kind]
            print(
                kind,
                Counter(p["verdict"] for p in of),
                Counter(p["voice"]["label"] if p.get("voice") else None for p in of),
            )


def main(shared: Path, bundle: Path) -> None:
    exam = Exam(shared, bundle)
    own, four, reserved = measure.collections(shared)
    for collection in (own, four, reserved):
        exam.of(collection)
    exam.gtzan()
    for condition in CONDITIONS:
        exam.of(own, condition)
    exam.nonmusic()
    for metric in exam.metrics:
        print(
            f"{metric['name']:<75} {metric['value']:.3f} [{metric['low']:.3f}, {metric['high']:.3f}] n={metric['n']}"
        )
    print(json.dumps(exam.called, indent=1))
    model = OnnxModel.load(bundle)
    names = {m["name"] for m in exam.metrics}
    kept = [m for m in model.card.metrics if m["name"] not in names]
    OnnxModel(dataclasses.replace(model.card, metrics=(*exam.metrics, *kept)), model.weights).save(bundle)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
