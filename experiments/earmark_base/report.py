"""Every figure of the card, from logits of heads that never met the artist (or, for GTZAN, never met `valid`)."""

from __future__ import annotations

import corpus
import measure
import numpy as np
from heads import Windows, by_track, sigmoid, softmax

TEN = list(corpus.GTZAN_UNSURE)
TEN_INDEX = [corpus.GENRES.index(g) for g in TEN]
# Said with every figure by fold: distillation had the sound of all folds, and of their labels what probes.py lets through.
FOLDS = "5 folds by artist; distillation heard their sound, with answers of classifiers that had never met the artist"


class Report:
    """Figures of one set of out-of-fold answers."""

    def __init__(
        self,
        windows: Windows,
        logits: dict[str, np.ndarray],
        p: dict[str, np.ndarray],
    ) -> None:
        self.windows = windows
        self.p = {**p, "moods": sigmoid(logits["moods"]), "sound": softmax(logits["sound"])}
        self.logits = logits
        self.collection = np.array([t.collection for t in windows.tracks])
        self.first_seconds = np.char.startswith(windows.names, "3s:")
        self.valid = np.array([t.split == "valid" for t in windows.tracks])
        self.artists = np.isin(self.collection, ["panda4q", "mirex_mood"])
        self.figures: list[dict[str, object]] = []
        folds = {
            t.id: corpus.fold_of(t.group, 5, 0)
            for t in windows.tracks
            if t.collection in ("panda4q", "mirex_mood")
        }
        self.fold_digest = measure.digest(folds)
        self.gtzan_digest = measure.digest({t.id: t.split for t in windows.tracks if t.collection == "gtzan"})

    def add(self, name: str, values: np.ndarray, tracks: list[corpus.Track], *, gtzan: bool = False) -> None:
        split = "GTZAN fault-filtered valid" if gtzan else FOLDS
        digest = self.gtzan_digest if gtzan else self.fold_digest
        self.figures.append(measure.metric(name, values, [t.group for t in tracks], split, digest))

    def genres(self, *, gtzan: bool = True) -> None:
        tracks, p = by_track(self.windows, self.artists, self.p["genres"])
        named = [i for i, t in enumerate(tracks) if t.positives]
        tracks, p = [tracks[i] for i in named], p[named]
        top = p.argmax(1)
        hit = np.array([corpus.GENRES[a] in t.positives for a, t in zip(top, tracks, strict=True)])
        self.add("top genre is one of the artist's", hit, tracks)
        panda = np.array([t.collection == "panda4q" for t in tracks])
        self.add("the same, panda4q alone", hit[panda], [t for t in tracks if t.collection == "panda4q"])
        self.top = p.max(1), hit
        self.majority = np.mean(["rock" in t.positives for t in tracks])
        if not gtzan:
            return
        self.ten(self.p["genres"], "best of ten")

    def ten(self, p: np.ndarray, said: str) -> None:
        """GTZAN's `valid` part, by these scores of all windows."""
        for name, rows in (
            ("GTZAN, first 3 s", self.first_seconds),
            ("GTZAN, up to 30 s", ~self.first_seconds),
        ):
            tracks, scores = by_track(self.windows, rows & self.valid, p)
            best = scores[:, TEN_INDEX].argmax(1)
            hit = np.array([TEN[a] == t.positives[0] for a, t in zip(best, tracks, strict=True)])
            self.add(f"{name}, {said}", hit, tracks, gtzan=True)

    def mean_recall(self) -> float:
        """Over the first genres of the artists: how often the best genre is one of the artist's."""
        tracks, p = by_track(self.windows, self.artists, self.p["genres"])
        right: dict[str, list[bool]] = {}
        for track, best in zip(tracks, p.argmax(1), strict=True):
            if track.positives:
                right.setdefault(track.positives[0], []).append(corpus.GENRES[best] in track.positives)
        return float(np.mean([np.mean(values) for values in right.values()]))

    def allmusic(self) -> dict[str, float]:
        tracks, p = by_track(self.windows, self.collection == "panda4q", self.p["genres"])
        areas, precisions = [], []
        pop_rock = p[:, [corpus.GENRES.index(g) for g in ("pop", "rock", "metal")]].max(1)
        columns = {
            "Pop/Rock": pop_rock,
            **{a: p[:, corpus.GENRES.index(g)] for a, g in corpus.ALLMUSIC.items()},
        }
        for label, score in columns.items():
            positive = np.array([label in t.allmusic for t in tracks])
            areas.append(measure.auc(score, positive))
            precisions.append(measure.average_precision(score, positive))
        return {"roc_auc": float(np.mean(areas)), "map": float(np.mean(precisions))}

    def quadrant(self) -> None:
        tracks, p = by_track(self.windows, self.collection == "panda4q", self.p["quadrant"])
        quadrant = np.array([t.quadrant for t in tracks])
        hit = p.argmax(1) == quadrant
        self.add("mood quadrant", hit, tracks)
        # valence is Q1 + Q4, arousal Q1 + Q2: does the higher half of each lie where the listeners' word is?
        self.add(
            "valence above or below the middle",
            (p[:, 0] + p[:, 3] > 0.5) == np.isin(quadrant, (0, 3)),
            tracks,
        )
        self.add(
            "arousal above or below the middle",
            (p[:, 0] + p[:, 1] > 0.5) == np.isin(quadrant, (0, 1)),
            tracks,
        )
        self.quadrant_top = p.max(1), hit

    def quadrant_elsewhere(self) -> dict[str, float]:
        """Areas under the ROC curve of valence and arousal by the words of collections that taught no quadrant."""
        areas = {}
        for collection in ("free_music", "mirex_mood"):
            tracks, p = by_track(self.windows, self.collection == collection, self.p["quadrant"])
            for name, score, high, low in (
                ("valence", p[:, 0] + p[:, 3], corpus.HAPPY, corpus.DARK),
                ("arousal", p[:, 0] + p[:, 1], corpus.EXCITED, corpus.QUIET),
            ):
                is_high, is_low = (np.array([bool(t.said & words) for t in tracks]) for words in (high, low))
                known = is_high != is_low
                areas[f"{collection} {name} n={known.sum()}"] = measure.auc(score[known], is_high[known])
        return areas

    def sound(self, threshold: float) -> None:
        kinds = np.isin([t.kind for t in self.windows.tracks], corpus.PLAIN_OTHERS)
        tracks, p = by_track(self.windows, kinds, self.p["sound"])
        self.add("speech, noise, environment, applause called not-music", p[:, 0] < threshold, tracks)
        tracks, p = by_track(self.windows, self.artists, self.p["sound"])
        self.add("music called not-music", p[:, 0] < threshold, tracks)
        self.music = p[:, 0]

    def moods(self, words: list[str]) -> dict[str, float]:
        tracks, p = by_track(self.windows, self.collection == "panda4q", self.p["moods"])
        target = np.stack([corpus.mood_target(t, words) for t in tracks]) > 0
        return {word: measure.auc(p[:, j], target[:, j]) for j, word in enumerate(words)}

    def similarity(self) -> float:
        """Ten nearest among the tracks of the same fold, since each fold's heads have an embedding of their own.

        Returns the hubness, the mean over the folds.
        """
        tracks, e = by_track(self.windows, self.artists, self.logits["embedding"])
        fold = np.array([corpus.fold_of(t.group, 5, 0) if t.positives else -1 for t in tracks])
        genres, quadrants, hubness = [], [], []
        for k in range(5):
            inside = np.flatnonzero(fold == k)
            mine = [tracks[i] for i in inside]
            y = np.nan_to_num(np.stack([t.genres for t in mine]))
            alike, skew = measure.neighbours(e[inside], [t.group for t in mine], (y @ y.T > 0).astype(float))
            genres += list(zip(mine, alike, strict=True))
            hubness.append(skew)
            inside = inside[[t.quadrant >= 0 for t in mine]]
            mine = [tracks[i] for i in inside]
            quadrant = np.array([t.quadrant for t in mine])
            same = (quadrant[:, None] == quadrant[None]).astype(float)
            alike, _ = measure.neighbours(e[inside], [t.group for t in mine], same)
            quadrants += list(zip(mine, alike, strict=True))
        for name, found in (("a genre", genres), ("the quadrant, panda4q", quadrants)):
            said = f"ten nearest by other artists, of one fold, share {name}"
            self.add(said, np.array([a for _, a in found]), [t for t, _ in found])
        return float(np.mean(hubness))

    def free_music(self) -> None:
        """A weak label: is the best genre one that the piece's style, a guess from its title, allows?"""
        rows = self.collection == "free_music"
        tracks, p = by_track(self.windows, rows, self.p["genres"])
        named = [i for i, t in enumerate(tracks) if t.positives]
        hit = np.array([tracks[i].genres[p[i].argmax()] != 0 for i in named])
        self.add("free music: top genre is none that its style denies", hit, [tracks[i] for i in named])
