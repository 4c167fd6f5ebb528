"""Trains the network of beats, the choice of a tempo and the model of keys; writes weights and answers by folds.

    python experiments/tempo_key/train.py ../shared/data EXPECTED.json --cache runs/tempo_key [--ship]

EXPECTED.json is of `own_rate/pace.py`: the tempo to expect of each clip. Answers go to CACHE/folds.json, and those without
it to CACHE/folds_plain.json: each clip's are of models that no clip of its artist was shown to. With `--ship`, models of
all clips go to src/earmark/features/weights/.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import beat_network
import key_model
import numpy as np
import tempo_model
import torch
from beat_network import Example
from drums import club_track, drum_track
from material import FOLDS, FRAME_SECONDS, Annotated, Cache, analysed, digest, folds, read
from progressions import progression

from earmark.features import KEYS
from earmark.features.beat_path import beat_path
from earmark.features.key_choice import moved
from earmark.features.pulse_network import bands

WEIGHTS = Path(__file__).parents[2] / "src" / "earmark" / "features" / "weights"
N_DRUM_TRACKS, DRUM_SEED = 240, 21
N_CLUB_TRACKS, CLUB_SEED = 200, 22
N_PROGRESSIONS, PROGRESSION_SEED = 100, 5  # of each mode
EXPECTED_WEIGHT = 0.6  # of the choice that knows what to expect: no electronic music is among the clips
USUAL_BPM = 110.0  # from which the expected tempi are counted in octaves


def extras(data: Path, cache: Path) -> list[Example]:
    """Music whose composer states the tempo (no beats), and drum tracks."""
    with (data / "free_labelled" / "tracks.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["id"]: row for row in csv.DictReader(file) if row["bpm"]}
    kept = Cache(
        cache, "free_labelled", {id_: data / "free_labelled" / row["path"] for id_, row in rows.items()}
    )
    usual = {id_: float(row["bpm"]) for id_, row in rows.items() if 30 <= float(row["bpm"]) <= 300}
    found = [Example(kept.bands(id_), bpm, None, 0.5, 0.25) for id_, bpm in usual.items()]
    rng = np.random.default_rng(DRUM_SEED)
    for _ in range(N_DRUM_TRACKS):
        y, bpm, beat_places = drum_track(rng)
        S_db = analysed(y)[0]
        found.append(Example(bands(S_db), bpm, tuple(beat_places), 0.5, 0.15))
    return found


def club_examples() -> list[Example]:
    """Dance and slow tracks with as much between the beats as on them."""
    rng, found = np.random.default_rng(CLUB_SEED), []
    for _ in range(N_CLUB_TRACKS):
        y, bpm, beat_places = club_track(rng)
        found.append(Example(bands(analysed(y)[0]), bpm, tuple(beat_places), 0.5, 1.2))
    return found


def networks(
    clips: list[Annotated], of: dict[str, int], kept: Cache, data: Path, cache: Path, ship: bool
) -> dict:
    """Train what is not in the cache yet; return the outputs for each clip of a network without its fold."""
    found, more, club = {}, None, None
    for fold in (*range(FOLDS), *(["all"] if ship else [])):
        file = cache / f"network_{fold}.pt"
        net = beat_network.Net().eval()
        if file.exists():
            net.load_state_dict(torch.load(file))
        else:
            more = extras(data, cache) if more is None else more
            shown = [clip for clip in clips if of[clip.id] != fold]
            own = [Example(kept.bands(c.id), c.tempo, c.beats or None, 1.0, 1.0) for c in shown]
            steps = beat_network.STEPS if fold == "all" else beat_network.STEPS_OF_FOLD
            net = beat_network.train(own + more, f"network {fold}", steps=steps)
            club = club_examples() if club is None else club
            steps = beat_network.FURTHER_STEPS
            net = beat_network.train(own + more + club, f"further {fold}", steps=steps, begun=net)
            torch.save(net.state_dict(), file)
        if fold == "all":
            rounded = {name: value.numpy().astype(np.float16) for name, value in net.state_dict().items()}
            np.savez_compressed(WEIGHTS / "pulse.npz", **rounded)
        else:
            ids = [clip.id for clip in clips if of[clip.id] == fold]
            found |= {id_: beat_network.outputs(net, kept.bands(id_)) for id_ in ids}
    return found


def synthetic_keys(cache: Path) -> np.ndarray:
    """Return the vectors of progressions in C major and C minor [shape=(n, 2, 9, 12)]."""
    file = cache / "progressions.npy"
    if not file.exists():
        rng = np.random.default_rng(PROGRESSION_SEED)
        pairs = [
            [analysed(progression(rng, mode))[1] for mode in ("major", "minor")]
            for _ in range(N_PROGRESSIONS)
        ]
        np.save(file, pairs)
    return np.load(file)


def key_of(model: dict[str, np.ndarray], vectors: np.ndarray) -> tuple[str, float]:
    score = (moved(vectors[:-1]) @ model["weight"].T + model["bias"]).T.ravel()
    probability = np.exp(score - score.max())
    return KEYS[int(score.argmax())], float(1 / probability.sum())


def answer(
    one: tempo_model.Candidates, weight: np.ndarray, beat: np.ndarray, key: tuple[str, float]
) -> dict[str, object]:
    score = one.described @ weight
    probability = np.exp(score - score.max())
    order = np.argsort(-score)
    bpm = float(one.bpm[order[0]])
    return {
        "tempo": bpm,
        "tempo_confidence": float(probability.max() / probability.sum()),
        "second": float(one.bpm[order[1]]) if len(order) > 1 else None,
        "beats": (beat_path(beat, 60 / FRAME_SECONDS / bpm) * FRAME_SECONDS).tolist(),
        "key": key[0],
        "key_confidence": key[1],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("expected", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("runs/tempo_key"))
    parser.add_argument("--ship", action="store_true")
    options = parser.parse_args()
    clips = read(options.data / "gtzan")
    of = folds(clips)
    kept = Cache(options.cache, "gtzan", {clip.id: clip.path for clip in clips})
    found = networks(clips, of, kept, options.data, options.cache, options.ship)
    plain = {c.id: tempo_model.candidates(kept.log_mel(c.id), *found[c.id]) for c in clips}
    octaves = json.loads(options.expected.read_text())
    synthetic = synthetic_keys(options.cache)
    answers: dict[str, dict] = {"folds": {}, "folds_plain": {}}
    for fold in (*range(FOLDS), "all"):
        shown = [clip for clip in clips if of[clip.id] != fold]
        keyed, tempi = [clip for clip in shown if clip.key], [clip.tempo for clip in shown]
        expecting = {
            id_: one.expecting(USUAL_BPM * 2 ** octaves[str(fold)][id_]) for id_, one in plain.items()
        }
        ways = (expecting, plain)
        weights = [tempo_model.train([way[c.id] for c in shown], tempi)["weight"] for way in ways]
        weights[0] = EXPECTED_WEIGHT * weights[0] + (1 - EXPECTED_WEIGHT) * np.append(weights[1], [0, 0])
        key = key_model.train(
            [kept.vectors(c.id) for c in keyed], [c.key for c in keyed], [c.genre for c in keyed], synthetic
        )
        if fold == "all" and options.ship:
            expected, usual = (weight.astype(np.float32) for weight in weights)
            np.savez(WEIGHTS / "tempo.npz", weight=usual, weight_expected=expected)
            np.savez(WEIGHTS / "key.npz", **key)
        for clip in (clip for clip in clips if of[clip.id] == fold):
            named = key_of(key, kept.vectors(clip.id))
            for name, way, weight in zip(answers, ways, weights, strict=True):
                answers[name][clip.id] = answer(way[clip.id], weight, found[clip.id][0], named)
    for name, of_clips in answers.items():
        (options.cache / f"{name}.json").write_text(json.dumps({"split": digest(of), "clips": of_clips}))


if __name__ == "__main__":
    main()
