"""The yardstick: tempo, beats and key of annotated clips, with intervals that resample artists.

    python experiments/tempo_key/measure.py ../shared/data/gtzan --cache runs/tempo_key [--answers essentia.json ...]

Rows: what earmark answered before (`tempo`, `estimate_key`), its models by folds (`train.py`), and any file with
{"clips": {id: {"tempo": BPM, "beats": [s, ...], "key": "A minor"}}}. Accuracy 1: within 4 % of the annotation;
accuracy 2: of its double, half, triple or third too. F of beats: 70 ms, from 5 s on. MIREX: a fifth off 0.5,
relative 0.3, parallel 0.2. *few*: the six genres of which few clips are here, as among the held-back ones.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from material import PLENTIFUL, Annotated, Cache, digest, folds, read

from earmark.features import KEYS, beats, estimate_key, onset_strength, tempo

TOLERANCE = 0.04
DRAWS = 2000


def within(found: float, annotated: float, ratios: tuple[float, ...] = (1.0,)) -> float:
    return float(any(abs(found / (annotated * ratio) - 1) <= TOLERANCE for ratio in ratios))


def f_measure(
    found: list[float], annotated: list[float], *, start: float = 5.0, window: float = 0.07
) -> float:
    """F of matching beats one to one, in order of time; 0 if none was found."""
    found, annotated = ([t for t in times if t >= start] for times in (found, annotated))
    i = j = hits = 0
    while i < len(found) and j < len(annotated):
        late = found[i] - annotated[j]
        hits += abs(late) <= window
        i, j = i + (late <= window), j + (late >= -window)
    return 2 * hits / max(1, len(found) + len(annotated))


def mirex(found: str, annotated: str) -> float:
    if found == annotated:
        return 1.0
    if found not in KEYS:
        return 0.0
    (a, minor), (b, true_minor) = (
        (KEYS.index(key) % 12, KEYS.index(key) >= 12) for key in (found, annotated)
    )
    if minor == true_minor:
        return 0.5 if (a - b) % 12 in (5, 7) else 0.0
    if (a - b) % 12 == (3 if true_minor else 9):
        return 0.3
    return 0.2 if a == b else 0.0


Score = Callable[[dict, Annotated], float | None]
SCORES: dict[str, Score] = {
    "tempo, accuracy 1": lambda one, clip: within(one["tempo"], clip.tempo),
    "tempo, accuracy 2": lambda one, clip: within(one["tempo"], clip.tempo, (1, 2, 1 / 2, 3, 1 / 3)),
    "F of beats": lambda one, clip: (
        f_measure(one["beats"], [t for t, _ in clip.beats]) if clip.beats else None
    ),
    "key, exact": lambda one, clip: float(one["key"] == clip.key) if clip.key else None,
    "key, MIREX": lambda one, clip: mirex(one["key"], clip.key) if clip.key else None,
}


def interval(values: dict[str, list[float]]) -> str:
    """Return the mean over clips in per cent, its 95 % interval by resampling artists, and the number of clips."""
    sums = np.array([sum(one) for one in values.values()])
    counts = np.array([len(one) for one in values.values()])
    drawn = np.random.default_rng(0).integers(0, len(sums), (DRAWS, len(sums)))
    low, high = np.percentile(100 * sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), [2.5, 97.5])
    return f"{100 * sums.sum() / counts.sum():5.1f} ({low:.0f} to {high:.0f}, n = {counts.sum()})"


def before(clips: list[Annotated], kept: Cache) -> dict[str, dict]:
    """What earmark answered before: autocorrelation with a prior, and profiles on the mean chroma."""
    found = {}
    for clip in clips:
        onsets = onset_strength(kept.log_mel(clip.id))
        key = estimate_key(kept.vectors(clip.id)[-1])
        found[clip.id] = {"tempo": tempo(onsets), "beats": beats(onsets).tolist(), "key": key}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("gtzan", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("runs/tempo_key"))
    parser.add_argument("--answers", type=Path, nargs="*", default=[])
    options = parser.parse_args()
    clips = read(options.gtzan)
    kept = Cache(options.cache, "gtzan", {clip.id: clip.path for clip in clips})
    rows = {"before": before(clips, kept)}
    for file in (options.cache / "folds.json", *options.answers):
        rows[file.stem] = json.loads(file.read_text())["clips"]
    print(f"split {digest(folds(clips))}: {len(clips)} clips, {len({clip.artist for clip in clips})} artists")
    for name, answers in rows.items():
        for score, of in SCORES.items():
            lines = []
            for chosen in (clips, [clip for clip in clips if clip.genre not in PLENTIFUL]):
                values: dict[str, list[float]] = {}
                for clip in chosen:
                    value = of(answers[clip.id], clip)
                    if value is not None:
                        values.setdefault(clip.artist, []).append(value)
                lines.append(interval(values))
            print(f"{name:10} {score:18} {lines[0]:30} few: {lines[1]}")


if __name__ == "__main__":
    main()
