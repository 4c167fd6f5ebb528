"""Stage two: heads on what the ears say, learnt with masks for what a collection does not say.

The ears stay frozen here, so that five folds and the final heads take a minute. What is learnt from is each track's
mean over its windows (heads that learnt from single windows were worse, also at telling single windows), clean,
through `augment.py`, and as copies.py spoilt it. `ship.py` runs this, measures it and writes the bundle.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import corpus
import numpy as np
import torch
from augment import Augment
from copies import N_COPIES
from network import Heads, side_by_side
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from training import ridge, training_rooms

from earmark.features import mel_frequencies

N_FOLDS, SEED = 5, 0
N_MEMBERS, EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY, DROPOUT = 5, 100, 256, 1e-3, 0.02, 0.3
N_FRAMES, HOP_FRAMES = 130, 129
PRIOR = 0.5  # a genre's share among what is learnt from, to this power, is what the heads believe beforehand
# How often a clip of these is drawn, for one of the artists' collections: GTZAN's ten genres are another way to divide
# music, and free music's styles are guesses.
SHARES = {"gtzan": 0.5, "free_music": 0.6}
QUADRANT_C, MOODS_C = 0.002, 0.005  # the inverse of the penalty on the squares of their weights
MIN_MOOD_AUC = 0.75
LABELS = ("genres", "quadrant", "moods", "sound")


@dataclass
class Windows:
    """All windows of all tracks: the ears' values, clean and spoilt, and which track each belongs to."""

    names: np.ndarray  # track id, or "3s:" + id for the published log-mels
    clean: Tensor
    spoilt: list[Tensor]
    tracks: list[corpus.Track]


def cut(S_db: np.ndarray) -> list[np.ndarray]:
    starts = list(range(0, S_db.shape[1] - N_FRAMES + 1, HOP_FRAMES))
    if starts[-1] + N_FRAMES < S_db.shape[1]:
        starts.append(S_db.shape[1] - N_FRAMES)
    return [S_db[:, s : s + N_FRAMES] for s in starts]


def clips(data: Path, cache: Path) -> list[tuple[str, np.ndarray]]:
    found = []
    for collection in corpus.COLLECTIONS:
        found += list(corpus.spectrograms(data, cache / "logmel", collection).items())
    return found + [(f"3s:{name}", S_db) for name, S_db in corpus.gtzan_3s(data).items()]


@torch.no_grad()
def listen(ears: nn.Module, cuts: list[np.ndarray]) -> Tensor:
    parts = [np.stack(cuts[i : i + 128]).astype(np.float32) for i in range(0, len(cuts), 128)]
    return torch.cat([ears(torch.from_numpy(part)) for part in parts])


@torch.no_grad()
def hear(ears: nn.Module, data: Path, cache: Path, file: Path) -> Windows:
    table = {track.id: track for track in corpus.tracks(data)}
    cuts = [(name, window) for name, S_db in clips(data, cache) for window in cut(S_db)]
    names = np.array([name for name, _ in cuts])
    tracks = [table[name.removeprefix("3s:")] for name in names]
    if not file.exists():
        spoil = Augment(training_rooms(data), mel_frequencies(), SEED)
        noises = [i for i, track in enumerate(tracks) if track.kind in corpus.PLAIN_OTHERS]
        parts: tuple[list[Tensor], list[Tensor]] = ([], [])
        for begin in range(0, len(cuts), 128):
            batch = torch.from_numpy(np.stack([w for _, w in cuts[begin : begin + 128]]).astype(np.float32))
            noise = np.stack([cuts[i][1] for i in spoil.rng.choice(noises, len(batch))]).astype(np.float32)
            parts[0].append(ears(batch))
            parts[1].append(ears(spoil(batch, torch.from_numpy(noise))))
        clean, spoilt = (torch.cat(part).numpy() for part in parts)
        arrays = [clean, spoilt]
        for copy in range(N_COPIES):  # what has no copies stays as it was spoilt above
            arrays.append(spoilt.copy())
            for name, windows in copied(cache, copy).items():
                arrays[-1][names == name] = listen(ears, windows).numpy()
        np.savez(file, *arrays)
    with np.load(file) as archive:
        values = [torch.from_numpy(archive[key]) for key in archive.files]
    return Windows(names, values[0], values[1:], tracks)


def copied(cache: Path, copy: int) -> dict[str, list[np.ndarray]]:
    """Windows of the copies that copies.py made, by track."""
    found = {}
    for file in sorted((cache / "copies").glob(f"*.{copy}.npz")):
        with np.load(file) as archive:
            found.update({name: cut(archive[name]) for name in archive.files})
    return found


def hear_again(ears: nn.Module, table: dict[str, corpus.Track], file: Path) -> Windows:
    """Windows of clips that robust.py spoilt in sound."""
    with np.load(file) as archive:
        cuts = [(name, window) for name in archive.files for window in cut(archive[name])]
    names = np.array([name for name, _ in cuts])
    return Windows(names, listen(ears, [window for _, window in cuts]), [], [table[name] for name in names])


def means(windows: Windows) -> Windows:
    """One row for each track (and each of the published log-mels): the mean of its windows."""
    names, first, index, counts = np.unique(
        windows.names, return_index=True, return_inverse=True, return_counts=True
    )

    def mean(values: Tensor) -> Tensor:
        sums = torch.zeros(len(names), values.shape[1]).index_add_(0, torch.from_numpy(index), values)
        return sums / torch.from_numpy(counts).float()[:, None]

    spoilt = [mean(values) for values in windows.spoilt]
    return Windows(names, mean(windows.clean), spoilt, [windows.tracks[i] for i in first])


def targets(tracks: list[corpus.Track], moods: list[str]) -> dict[str, Tensor]:
    return {
        "genres": torch.from_numpy(np.stack([corpus.genre_lesson(t) for t in tracks])),
        "quadrant": torch.tensor([t.quadrant for t in tracks]),
        "moods": torch.from_numpy(np.stack([corpus.mood_target(t, moods) for t in tracks])),
        "sound": torch.tensor([t.sound for t in tracks]),
    }


def weights(tracks: list[corpus.Track], use: np.ndarray) -> Tensor:
    """How often a track is drawn: all alike, but a rare genre more often (see PRIOR), and SHARES."""
    frequency = np.zeros(len(corpus.GENRES))
    for i in np.flatnonzero(use):
        for genre in tracks[i].positives:
            frequency[corpus.GENRES.index(genre)] += 1
    drawn = np.zeros(len(tracks))
    for i in np.flatnonzero(use):
        track = tracks[i]
        rarity = [(frequency[corpus.GENRES.index(g)] / 100) ** -(1 - PRIOR) for g in track.positives]
        drawn[i] = np.mean(rarity) * SHARES.get(track.collection, 1.0) if rarity else 1.0
    return torch.tensor(drawn, dtype=torch.float32)


def masked_bce(logits: Tensor, target: Tensor) -> Tensor:
    known = ~torch.isnan(target)
    return nn.functional.binary_cross_entropy_with_logits(logits[known], target[known])


def genre_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Each genre against the rest (for a score of its own), and against each other (for the right order)."""
    some = torch.nan_to_num(target).sum(1) > 0
    share = torch.nan_to_num(target[some])
    masked = logits[some].masked_fill(torch.isnan(target[some]), -1e4)
    rivalry = -(share / share.sum(1, keepdim=True) * nn.functional.log_softmax(masked, 1)).sum(1).mean()
    return rivalry + 4 * masked_bce(logits, target)


def platt_scaled(said: np.ndarray, tracks: list[corpus.Track], use: np.ndarray) -> np.ndarray:
    """Taggers' logits for each genre's name (`zero_shot.tag_scores`) as log odds of the genre, the mean of the taggers
    [shape=(n, 19)]: a scale and an offset for each word (Platt 1999), yes and no weighing the same, so that what it takes
    to call a song rock does not hang on how much rock was learnt from. NaN where nobody was asked."""
    known = np.stack([t.genres for t in tracks])
    odds = np.full(said.shape, np.nan)
    for tagger, genre in np.ndindex(said.shape[0], said.shape[2]):
        s, y = said[tagger, :, genre], known[:, genre]
        rows = use & np.isfinite(s) & np.isfinite(y)
        if len(np.unique(y[rows])) == 2:
            scale = s[rows].std()
            model = LogisticRegression(class_weight="balanced").fit(s[rows, None] / scale, y[rows])
            asked = np.isfinite(s)
            odds[tagger, asked, genre] = model.decision_function(s[asked, None] / scale)
    n = np.isfinite(odds).sum(0)
    return np.where(n > 0, np.nansum(odds, 0) / np.maximum(n, 1), np.nan)


@torch.no_grad()
def fit_zero_shot(heads: Heads, tracks: Windows, odds: np.ndarray, use: np.ndarray) -> None:
    """Teach heads the taggers' words: the linear map from the ears' values, clean and spoilt, to their log odds."""
    # the taggers were asked about whole clips, not about their first 3 s
    whole = np.array([not name.startswith("3s:") for name in tracks.names])
    for genre in range(odds.shape[1]):
        rows = torch.from_numpy(use & whole & np.isfinite(odds[:, genre]))
        if rows.any():
            x = torch.cat([heads.standard(values[rows]) for values in (tracks.clean, *tracks.spoilt)])
            y = torch.from_numpy(odds[rows.numpy(), genre]).float().repeat(1 + len(tracks.spoilt))
            weight, bias = ridge(x, y[:, None])
            heads.zero_shot.weight[genre], heads.zero_shot.bias[genre] = weight[:, 0], bias[0]


def fit_lines(heads: Heads, tracks: Windows, target: dict[str, Tensor], use: np.ndarray) -> None:
    """Teach heads the quadrant and the mood words: logistic regressions on the ears' values.

    A hidden layer learns the one collection that knows of quadrants, and not what they are: it tells no more of its
    songs, and less of what other collections call happy or dark (LOG.md).
    """
    quadrant, moods = target["quadrant"].numpy(), target["moods"].numpy()
    copy_line(heads.lines["quadrant"], *line(heads, tracks, quadrant, use & (quadrant >= 0), QUADRANT_C))
    fitted = [line(heads, tracks, word, use & ~np.isnan(word), MOODS_C) for word in moods.T]
    copy_line(heads.lines["moods"], *(np.concatenate(part) for part in zip(*fitted, strict=True)))


def line(
    heads: Heads, tracks: Windows, y: np.ndarray, rows: np.ndarray, C: float
) -> tuple[np.ndarray, np.ndarray]:
    """Weights and offsets by these rows; copies made in sound weigh, together, as much as the clean clips."""
    inputs = [tracks.clean, *tracks.spoilt[1:]]
    x = torch.cat([heads.standard(values[torch.from_numpy(rows)]) for values in inputs]).numpy()
    shares = np.repeat([1.0] + [1 / (len(inputs) - 1)] * (len(inputs) - 1), rows.sum())
    model = LogisticRegression(C=C, max_iter=1000).fit(x, np.tile(y[rows], len(inputs)), sample_weight=shares)
    return model.coef_, model.intercept_


@torch.no_grad()
def copy_line(linear: nn.Linear, weight: np.ndarray, bias: np.ndarray) -> None:
    linear.weight.copy_(torch.from_numpy(weight))
    linear.bias.copy_(torch.from_numpy(bias))


def member(tracks: Windows, target: dict[str, Tensor], use: np.ndarray, seed: int) -> Heads:
    torch.manual_seed(seed)
    sizes = {"genres": len(corpus.GENRES), "quadrant": 4, "moods": target["moods"].shape[1], "sound": 4}
    inputs, kept = [tracks.clean, *tracks.spoilt], tracks.clean[torch.from_numpy(use)]
    heads = Heads(sizes, kept.mean(0), kept.std(0) + 1e-4, DROPOUT)
    optimiser = torch.optim.AdamW(heads.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    n_steps = EPOCHS * int(use.sum()) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=n_steps)
    draw = weights(tracks.tracks, use)
    for _ in range(n_steps):
        rows = torch.multinomial(draw, BATCH, replacement=True)
        which = int(torch.randint(2 * len(tracks.spoilt), ()))  # half of the batches are clean
        x = inputs[max(0, which - len(tracks.spoilt) + 1)][rows]
        answers, wanted = heads(x), {name: values[rows] for name, values in target.items()}
        loss = genre_loss(answers["genres"], wanted["genres"])
        loss = loss + 0.3 * nn.functional.cross_entropy(
            answers["sound"], wanted["sound"], ignore_index=-1, label_smoothing=0.05
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return heads.eval()


def fit(tracks: Windows, target: dict[str, Tensor], said: np.ndarray, use: np.ndarray, seed: int) -> Heads:
    """Heads that learnt from these tracks (`means`): several members with seeds of their own, and the taggers' words."""
    whole = side_by_side([member(tracks, target, use, N_MEMBERS * seed + j) for j in range(N_MEMBERS)])
    fit_lines(whole, tracks, target, use)
    fit_zero_shot(whole, tracks, platt_scaled(said, tracks.tracks, use), use)
    music = use & np.array([t.collection != "nonmusic" for t in tracks.tracks])
    whole.look_along(tracks.clean[torch.from_numpy(music)])
    return whole


@torch.no_grad()
def ask(heads: Heads, x: Tensor) -> dict[str, np.ndarray]:
    return {
        **{name: logits.numpy() for name, logits in heads(x).items()},
        "embedding": heads.embed(x).numpy(),
    }


def by_fold(tracks: Windows, target: dict[str, Tensor], said: np.ndarray) -> list[Heads]:
    """Heads that never met the artists of one fold, for each fold (nor any GTZAN `valid`)."""
    fold = folds(tracks)
    return [fit(tracks, target, said, (fold != k) & ~unseen(tracks), SEED + k) for k in range(N_FOLDS)]


def without_gtzan(tracks: Windows, target: dict[str, Tensor], said: np.ndarray) -> Heads:
    """Heads that never met a whole collection: what may be hoped for on music from elsewhere."""
    return fit(tracks, target, said, np.array([t.collection != "gtzan" for t in tracks.tracks]), SEED)


def unseen(windows: Windows) -> np.ndarray:
    """What nothing learns from."""
    return np.array([t.split in ("valid", "excluded") for t in windows.tracks])


def folds(windows: Windows) -> np.ndarray:
    return np.array([corpus.fold_of(t.group, N_FOLDS, SEED) for t in windows.tracks])


def crossed(heads: list[Heads], windows: Windows, which: int = 0) -> dict[str, np.ndarray]:
    """Every window's logits from the heads that never met its artist; clean (0) or spoilt (1, 2)."""
    fold, inputs = folds(windows), [windows.clean, *windows.spoilt][which]
    out: dict[str, np.ndarray] = {}
    for k in range(N_FOLDS):
        rows = np.flatnonzero(fold == k)
        for name, values in ask(heads[k], inputs[torch.from_numpy(rows)]).items():
            out.setdefault(name, np.zeros((len(fold), values.shape[1]), np.float32))[rows] = values
    return out


def by_track(windows: Windows, rows: np.ndarray, values: np.ndarray) -> tuple[list[corpus.Track], np.ndarray]:
    names, first, index = np.unique(windows.names[rows], return_index=True, return_inverse=True)
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, index, values[rows])
    picked = np.flatnonzero(rows)[first] if rows.dtype == bool else rows[first]
    return [windows.tracks[i] for i in picked], sums / np.bincount(index)[:, None]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def calibrate(windows: Windows, rows: np.ndarray, logits: np.ndarray, head: str) -> tuple[float, float]:
    """Scale and offset of the logits under which the mean of a track's windows is its probability.

    For the genres two things at once: that each label's score is its probability, and that the best one's is the
    probability of being right (the best of 19 is chosen for being high, so that alone it would promise too much).
    """
    best = (np.inf, 1.0, 0.0)
    squash = softmax if head == "quadrant" else sigmoid
    for scale in np.geomspace(0.3, 3, 24):
        for offset in [0.0] if head == "quadrant" else np.linspace(-1.5, 1.5, 13):
            tracks, p = by_track(windows, rows, squash(scale * logits + offset))
            p = np.clip(p, 1e-4, 1 - 1e-4)
            if head == "quadrant":
                loss = -np.mean(np.log(p[np.arange(len(p)), [t.quadrant for t in tracks]]))
            else:
                y = np.stack([t.genres for t in tracks])
                top, hit = p.max(1), y[np.arange(len(y)), p.argmax(1)] == 1
                loss = -np.nanmean(y * np.log(p) + (1 - y) * np.log(1 - p))
                loss -= np.mean(np.where(hit, np.log(top), np.log(1 - top)))
            best = min(best, (float(loss), float(scale), float(offset)))
    return best[1], best[2]


def calibrated(
    windows: Windows, rows: np.ndarray, logits: np.ndarray, head: str
) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """Each fold's probabilities by the scale and offset of the other folds: what a figure may be taken from."""
    fold, out, scales = folds(windows), np.zeros_like(logits), []
    for k in range(N_FOLDS):
        scale, offset = calibrate(windows, rows & (fold != k), logits, head)
        mine = fold == k
        out[mine] = (softmax if head == "quadrant" else sigmoid)(scale * logits[mine] + offset)
        scales.append((scale, offset))
    return out, scales


def label_thresholds(windows: Windows, rows: np.ndarray, p: np.ndarray) -> dict[str, float]:
    """For each genre the score from which to say it: where precision and recall balance best (F1)."""
    tracks, scores = by_track(windows, rows, p)
    known = np.stack([t.genres for t in tracks])
    out = {}
    for j, genre in enumerate(corpus.GENRES):
        asked = ~np.isnan(known[:, j])
        score, y = scores[asked, j], known[asked, j]
        steps = np.unique(np.quantile(score, np.linspace(0.5, 0.995, 60)))
        f1 = [2 * y[score >= t].sum() / max((score >= t).sum() + y.sum(), 1) for t in steps]
        out[genre] = round(float(steps[int(np.argmax(f1))]), 4)
    return out


def priors(tracks: Windows) -> dict[str, float]:
    """How often each genre occurs in what the heads learn from, as they draw it."""
    draw, y = weights(tracks.tracks, ~unseen(tracks)).numpy(), np.stack([t.genres for t in tracks.tracks])
    known = ~np.isnan(y) * draw[:, None]
    share = (np.nan_to_num(y) * known).sum(0) / known.sum(0)
    return {genre: round(float(s), 5) for genre, s in zip(corpus.GENRES, share, strict=True)}
