"""Stage three: measure what `heads.py` makes, choose thresholds, and write the bundle with its card.

python ship.py DATA TEACHER RUN BUNDLE --ears CHECKPOINT --tag-ears CHECKPOINT
"""

from __future__ import annotations

import argparse
import io
import sys
import warnings
from pathlib import Path
from typing import Any

import corpus
import heads as stage
import measure
import numpy as np
import torch
from network import BothEars, Ears, Heads, TagEars, leave_out_silent, read_ears
from report import Report
from robust import CONDITIONS
from torch import Tensor, nn
from training import ROOM_HOLD_OUT
from zero_shot import tag_scores

from earmark.features import FeatureSpec
from earmark.models import Head, ModelCard, save_bundle

MUSIC_LOST = 0.005  # share of songs that the threshold of `music` may cost
N_GAME_PIECES = 296  # recordings of 20 s or more whose mixtures the first distillation had
DUST = 1e-30  # weights below it are nought (the taggers' page gives the same limit)
UNSURE_LOST = 0.10  # share of songs that get no answer


class Whole(nn.Module):
    """Log-mel in dB -> probabilities of every head, and the embedding: the graph that ships."""

    def __init__(
        self, ears: nn.Module, heads: Heads, scales: dict[str, tuple[float, float]], moods: list[int]
    ) -> None:
        super().__init__()
        self.ears, self.heads, self.scales, self.moods = ears, heads, scales, moods

    def forward(self, S_db: Tensor) -> tuple[Tensor, ...]:
        x = self.ears(S_db)
        logits, embedding = self.heads(x), self.heads.embed(x)
        scale, offset = self.scales["genres"]
        return (
            torch.sigmoid(scale * logits["genres"] + offset),
            torch.softmax(self.scales["quadrant"][0] * logits["quadrant"], 1),
            torch.sigmoid(logits["moods"][:, self.moods]),
            torch.softmax(logits["sound"], 1),
            embedding,
        )


def both_ears(teacher: Path, ears: Path, tag_ears: Path) -> BothEars:
    """Ears of two checkpoints as they ship: without what says nothing."""
    both = BothEars(
        read_ears(Ears(teacher / "mn04_as.safetensors"), ears),
        read_ears(TagEars(teacher / "fcn_msd.safetensors"), tag_ears),
    )
    leave_out_silent(both.tag_ears)
    without_dust(both)
    return both.eval().to(memory_format=torch.channels_last)


@torch.no_grad()
def without_dust(ears: nn.Module) -> None:
    """Weights that say nothing as nought: what is multiplied by them is denormal, and slow."""
    for weight in ears.parameters():
        weight[weight.abs() < DUST] = 0


def export(model: Whole) -> bytes:
    buffer = io.BytesIO()
    names = [*stage.LABELS, "embedding"]
    axes = {"S_db": {0: "n", 2: "n_frames"}, **{name: {0: "n"} for name in names}}
    example = torch.full((2, 128, stage.N_FRAMES), -40.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model.eval(), (example,), buffer, input_names=["S_db"], output_names=names,
                          dynamic_axes=axes, opset_version=17, dynamo=False)  # fmt: skip
    return buffer.getvalue()


def licences(data: Path, tracks: list[corpus.Track]) -> list[dict[str, object]]:
    said = {
        "gtzan": ("GTZAN Genre Collection, `train` of the fault-filtered split", "research copy"),
        "panda4q": ("4Q audio emotion data set (Panda, Malheiro & Paiva 2018)", "research copy"),
        "mirex_mood": ("MIREX-like mood data set (Panda et al. 2013)", "research copy"),
        "free_music": ("free music: CC0, CC BY, CC BY-SA, public domain", "by piece"),
        "nonmusic": ("speech, environment, noise, applause", "by clip"),
    }
    taught = [
        {"name": f"{what} {name}", "licence": "MIT"}
        for what, name in (
            ("built on and distilled from", "EfficientAT mn04_as"),
            ("built on and distilled from", "sota-music-tagging-models fcn (MSD)"),
            ("distilled from", "sota-music-tagging-models fcn (MTG-Jamendo)"),
        )
    ]
    taught += [
        {"name": f"distilled from {name}", "licence": "ISC"}
        for name in ("musicnn MSD_musicnn", "musicnn MSD_vgg")
    ]
    heard = [
        {
            "name": text,
            "licence": licence,
            "n": sum(t.collection == key and t.split not in ("valid", "excluded") for t in tracks),
        }
        for key, (text, licence) in said.items()
    ]
    games = {
        "name": "music of free games (Debian), without labels, laid over the rest: "
        "experiments/earmark_base/RECIPE.md names the packages",
        "licence": "by piece: GPL, CC BY-SA, CC BY, CC0, public domain",
        "n": N_GAME_PIECES,
    }
    rooms = {
        "name": "impulse responses of rooms and devices, to hear through",
        "licence": "by file",
        "n": sum(i % ROOM_HOLD_OUT > 0 for i in range(len(corpus.rows(data / "rooms")))),
    }
    return [*taught, *heard, games, rooms]


def again(
    windows: stage.Windows,
    logits: dict[str, np.ndarray],
    crossed: dict[str, tuple[np.ndarray, list[tuple[float, float]]]],
    condition: str,
) -> list[dict[str, object]]:
    """Genre and quadrant of the same tracks under another condition, by the same heads and scales."""
    fold, p = stage.folds(windows), {}
    for name, squash in (("genres", stage.sigmoid), ("quadrant", stage.softmax)):
        scale, offset = np.array(crossed[name][1])[fold].T[:, :, None]
        p[name] = squash(scale * logits[name] + offset)
    report = Report(windows, logits, p)
    report.genres(gtzan=False)
    report.quadrant()
    kept = ("top genre is one of the artist's", "the same, panda4q alone", "mood quadrant")
    return [{**f, "name": f"{f['name']}: {condition}"} for f in report.figures if f["name"] in kept]


def believing(report: Report, priors: dict[str, float]) -> str:
    """What `--prior even` is worth: the odds of each genre as if all were as likely, and what is then right."""
    old = np.array([priors[genre] for genre in corpus.GENRES])
    p = np.clip(report.p["genres"], 1e-6, 1 - 1e-6)
    odds = p / (1 - p) * (old.mean() / (1 - old.mean())) / (old / (1 - old))
    even = Report(report.windows, report.logits, {**report.p, "genres": odds / (1 + odds)})
    even.genres()
    asked = [(f["name"], f["value"]) for f in even.figures]
    return f"even: mean recall {report.mean_recall():.4f} -> {even.mean_recall():.4f}, {asked}"


def calibration_of(report: Report, scales: dict[str, tuple[float, float]]) -> dict[str, object]:
    """The scales that ship, and the errors under the scales of the other folds."""
    confidence, hit = report.top
    return {
        "method": "one scale and offset for all genres, one temperature for the quadrant, fitted on tracks by artists unseen",
        "genres_scale_offset": [round(v, 4) for v in scales["genres"]],
        "quadrant_scale": round(scales["quadrant"][0], 4),
        "genres_top_ece": round(measure.calibration_error(confidence, hit), 4),
        "quadrant_top_ece": round(measure.calibration_error(*report.quadrant_top), 4),
        "risk": [{"coverage": c, "accuracy": round(float(hit[confidence >= np.quantile(confidence, 1 - c)].mean()), 4)}
                 for c in (1.0, 0.9, 0.8, 0.6, 0.4, 0.2)],
    }  # fmt: skip


def card_of(report: Report, moods: list[str], **measured: Any) -> ModelCard:
    """The card: what is always true of this model, and what was measured."""
    heads = (("genres", corpus.GENRES, "multilabel"), ("quadrant", corpus.QUADRANTS, "softmax"),
             ("moods", moods, "multilabel"), ("sound", corpus.SOUNDS, "softmax"))  # fmt: skip
    return ModelCard(
        name="earmark-lite",
        summary="small and fast, one front end, also for log-mels that were computed before: 19 genres, mood quadrant, mood words, music or not, an embedding",
        licence="Apache-2.0",
        heads=tuple(Head(name, tuple(classes), kind) for name, classes, kind in heads),
        spec=FeatureSpec(), window=3.0, hop=3.0, embedding_size=Heads.N_SOUND + len(corpus.GENRES) + len(corpus.QUADRANTS),
        metrics=tuple(report.figures), split_digest=report.fold_digest,
        limits=(
            "Genres as Western listeners and shops name them; what it has hardly heard: classical outside GTZAN, disco, world, new-age.",
            "An artist's genre is not always the track's: the labels are of artists. Of free music (much electronic, soundtrack and new-age) they are guesses from title and source.",
            "Ten nearest are counted among the 240 tracks of a fold: a larger library has nearer ones.",
            "Mood words with an area under the ROC curve of at least 0.75 in cross-validation were kept, by that same figure.",
            "Sung or played alone, a voice or an instrument may be called not-music.",
            "Music heard by a phone across a room is told less well: see the figures that name it, made in sound with rooms never heard, but with noises and voices that distillation had heard too.",
            "All figures were looked at between tries, and the share of the taggers' words, the quadrant's penalty and that AllMusic's word counts were chosen with them in view; the threshold of `music` was set by one of them, music called not-music.",
            "Heads that never met GTZAN stand on a network that had heard its `train` part, with answers of classifiers that had learnt its labels.",
        ),
        **measured,
    )  # fmt: skip


def music_threshold(report: Report) -> float:
    """Probability of music below which MUSIC_LOST of the songs lie, and never above a half."""
    report.sound(0.5)
    report.figures = report.figures[:-2]
    return float(min(0.5, np.quantile(report.music, MUSIC_LOST)))


def tell(report: Report, priors: dict[str, float]) -> None:
    """Every figure of the card, and those that it has no room for."""
    for figure in report.figures:
        value = f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}] n={figure['n']}"
        print(f"{figure['name']:75s} {value}")
    print(believing(report, priors), file=sys.stderr)
    print("majority", report.majority, "allmusic", report.allmusic(), file=sys.stderr)
    print("quadrant elsewhere", report.quadrant_elsewhere(), file=sys.stderr)


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    ears = both_ears(args.teacher, args.ears, args.tag_ears)
    args.run.mkdir(parents=True, exist_ok=True)
    windows = stage.hear(ears, args.data, args.run.parent, args.run / "windows.npz")
    table = corpus.tracks(args.data)
    words = corpus.mood_vocabulary(table)
    means = stage.means(windows)
    target = stage.targets(means.tracks, words)
    said = tag_scores(args.teacher, args.run.parent, means.tracks)
    fold_heads = stage.by_fold(means, target, said)
    logits = stage.crossed(fold_heads, windows)
    collection = np.array([t.collection for t in windows.tracks])
    rows = {"genres": np.isin(collection, ["panda4q", "mirex_mood"]), "quadrant": collection == "panda4q"}
    scales = {name: stage.calibrate(windows, of, logits[name], name) for name, of in rows.items()}
    crossed = {name: stage.calibrated(windows, of, logits[name], name) for name, of in rows.items()}
    report = Report(windows, logits, {name: p for name, (p, _) in crossed.items()})
    report.genres()
    elsewhere = stage.ask(stage.without_gtzan(means, target, said), windows.clean)["genres"]
    report.ten(stage.sigmoid(elsewhere), "best of ten, by heads that never met GTZAN")
    report.quadrant()
    music = music_threshold(report)
    report.sound(music)
    hubness = report.similarity()
    report.free_music()
    areas = report.moods(words)
    kept = [j for j, word in enumerate(words) if areas[word] >= stage.MIN_MOOD_AUC]
    report.figures += again(
        windows, stage.crossed(fold_heads, windows, 1), crossed, "simulated room, noise, phone"
    )
    table_by_id = {t.id: t for t in table}
    for i, condition in enumerate(CONDITIONS):
        heard = stage.hear_again(ears, table_by_id, args.run.parent / "robust" / f"{i}.npz")
        report.figures += again(heard, stage.crossed(fold_heads, heard), crossed, condition)
    heads = stage.fit(means, target, said, ~stage.unseen(means), stage.SEED)
    onnx = export(Whole(ears, heads, scales, kept))
    thresholds = {
        "unsure": round(float(np.quantile(report.top[0], UNSURE_LOST)), 4),
        "music": round(music, 4),
        "silence_db": -60.0,
        "labels": stage.label_thresholds(windows, rows["genres"], report.p["genres"]),
    }
    calibration = calibration_of(report, scales)
    priors = stage.priors(means)
    card = card_of(
        report, [words[j] for j in kept], thresholds=thresholds, calibration=calibration,
        training_data=tuple(licences(args.data, table)), priors={"genres": priors},
    )  # fmt: skip
    card = save_bundle(args.bundle, card, onnx)
    tell(report, priors)
    rest = {"hubness": hubness, "moods": len(kept), "thresholds": card.thresholds, "calibration": calibration,
            "bytes": len(onnx)}  # fmt: skip
    print(rest, file=sys.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("data", "teacher", "run", "bundle"):
        parser.add_argument(name, type=Path)
    for name in ("--ears", "--tag-ears"):
        parser.add_argument(name, type=Path, required=True, metavar="CHECKPOINT")
    main(parser.parse_args())
