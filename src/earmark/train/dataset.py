"""From a manifest to what a family learns from: windows of tracks, whose they are, and what they weigh."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.data import Manifest, Skipped, read_cached
from earmark.errors import InputError
from earmark.features import FeatureSpec
from earmark.predict.listening import SILENCE_DB
from earmark.train.cache import FeatureCache, Wanted
from earmark.train.extract import Array, Ints, Recipe

Report = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Part:
    """Windows of some tracks.

    Parameters
    ----------
    X : np.ndarray, float32 [shape=(n, n_mels, n_frames) or (n, d)]
        Log-mel windows in dB, or descriptors.
    tracks : np.ndarray [shape=(n,)]
        Place of the track of each window in the manifest.
    y : np.ndarray [shape=(n,) or (n, n_classes)]
        Its label, or 0 and 1.
    groups : np.ndarray of str [shape=(n,)]
        Its group.
    """

    X: Array
    tracks: Ints
    y: np.ndarray
    groups: np.ndarray

    def __len__(self) -> int:
        return len(self.X)

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weight of each window, so that every track counts alike however long it is; their mean is 1."""
        _, place, n = np.unique(self.tracks, return_inverse=True, return_counts=True)
        weights = 1.0 / n[place]
        return np.asarray(weights / weights.mean(), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Features:
    """The windows of a data set, read from the cache when they are asked for.

    Parameters
    ----------
    manifest : Manifest
        Tracks with at least one window that is not silent.
    recipe : Recipe
        What a window is.
    starts : tuple of np.ndarray
        First frame (of spectrograms) or row (of descriptors) of each window that is not silent, per track.
    skipped : tuple of Skipped
        What was left out, and why.
    load : callable
        Gives the array of one track by its place: spectrogram [shape=(n_mels, k)] or rows [shape=(n, d)].
    """

    manifest: Manifest
    recipe: Recipe
    starts: tuple[Ints, ...]
    skipped: tuple[Skipped, ...]
    load: Callable[[int], Array]

    @property
    def n_windows(self) -> Ints:
        """Number of windows of each track [shape=(n,)]."""
        return np.array([len(starts) for starts in self.starts], dtype=np.int64)

    def part(self, pairs: Ints) -> Part:
        """Windows by track and number within the track.

        Parameters
        ----------
        pairs : np.ndarray [shape=(n, 2)]
            As `Split.windows` gives them.
        """
        targets = self.manifest.targets()
        tracks = pairs[:, 0]
        X: Array | None = None
        for track in np.unique(tracks).tolist():
            rows = np.flatnonzero(tracks == track)
            windows = self._cut(self.load(track), self.starts[track][pairs[rows, 1]])
            if X is None:
                X = np.empty((len(pairs), *windows.shape[1:]), np.float32)
            X[rows] = windows
        X = np.empty((0, 0), np.float32) if X is None else X
        return Part(X, tracks, targets[tracks], self.manifest.groups[tracks])

    def _cut(self, values: Array, starts: Ints) -> Array:
        if self.recipe.input == "descriptors":
            return values[starts]
        n_frames = self.recipe.card.n_frames
        return np.stack([values[:, start : start + n_frames] for start in starts.tolist()])


def prepare(
    manifest: Manifest,
    recipe: Recipe,
    *,
    cache: FeatureCache,
    jobs: int | None = None,
    progress: Report | None = None,
) -> Features:
    """Compute or find the features of a data set.

    Parameters
    ----------
    manifest : Manifest
        Tracks; of cached log-mels, they are taken as they are.
    recipe : Recipe
        What to compute.
    cache : FeatureCache
        Where features are kept.
    jobs : int, optional
        Worker processes.
    progress : callable, optional
        Told how many files are done, and of how many.

    Returns
    -------
    Features
        Of the tracks that can be used; the others are in `Features.skipped`.

    Raises
    ------
    InputError
        A class has no usable track, or the cached features do not fit the recipe.
    OutputError
        The cache cannot be written.
    """
    features = (
        _from_npz(manifest, recipe)
        if manifest.cache
        else _from_files(manifest, recipe, cache, jobs, progress)
    )
    _check_classes(manifest, features)
    return features


def _from_files(
    manifest: Manifest, recipe: Recipe, cache: FeatureCache, jobs: int | None, progress: Report | None
) -> Features:
    wanted = [Wanted(track.path, track.sha256) for track in manifest.tracks]
    checksums, missing = cache.fill(wanted, recipe, jobs=jobs, progress=progress)
    reasons = {lost.path: str(lost.error) for lost in missing}
    kept, starts, skipped = [], [], list(manifest.skipped)
    for place, track in enumerate(manifest.tracks):
        found, reason = np.empty(0, np.int64), reasons.get(track.path, "")
        if not reason:
            found, reason = _loud_windows(cache, checksums[track.path], recipe)
        if reason:
            skipped.append(Skipped(track.path, reason))
        else:
            kept.append(place)
            starts.append(found)
    usable = dataclasses.replace(manifest.take(kept), skipped=tuple(skipped))
    found_by = [checksums[track.path] for track in usable.tracks]
    return Features(usable, recipe, tuple(starts), tuple(skipped), _Loader(cache, recipe, found_by))


@dataclass(frozen=True)
class _Loader:
    cache: FeatureCache
    recipe: Recipe
    checksums: list[str]

    def __call__(self, place: int) -> Array:
        entry = self.cache.get(self.checksums[place], self.recipe)
        if entry is None:
            raise InputError(
                f"features of {self.checksums[place][:12]}... have gone from {self.cache.folder}",
                hint="Something cleared the cache meanwhile: run the command again.",
            )
        return entry["X" if self.recipe.input == "descriptors" else "S_db"]


def _loud_windows(cache: FeatureCache, sha256: str, recipe: Recipe) -> tuple[Ints, str]:
    """First frame or row of the windows that are not silent, and else why there is none."""
    power = cache.get_power(sha256, recipe)
    if power is None:
        return np.empty(0, np.int64), "its features have gone from the cache meanwhile"
    if recipe.input == "descriptors":
        rows, levels = np.arange(len(power)), power
    else:
        rows, n_steps = recipe.starts(len(power) + 1), recipe.card.n_frames - 1
        levels = np.array([power[start : start + n_steps].mean() for start in rows.tolist()])
    if not len(rows):
        return rows, f"shorter than window={recipe.window:g} s"
    loud = rows[10 * np.log10(np.maximum(levels, 1e-20)) > SILENCE_DB].astype(np.int64)
    return loud, "" if len(loud) else f"silent: no window above {SILENCE_DB:g} dBFS"


def _from_npz(manifest: Manifest, recipe: Recipe) -> Features:
    cached = read_cached(manifest.cache)
    if recipe.input != "log_mel":
        raise InputError(
            f"{manifest.cache} holds log-mels, the model hears descriptors",
            hint="Give the sound files, or choose a model that hears spectrograms.",
        )
    spec = FeatureSpec.from_dict(cached.spec)
    if spec.digest != recipe.spec.digest:
        raise InputError(
            f"{manifest.cache} was made with spec {spec.digest}, wanted is {recipe.spec.digest}",
            hint=f"Its numbers: {cached.spec}.",
        )
    starts = recipe.starts(cached.S_db.shape[2])
    if not len(starts):
        raise InputError(
            f"{manifest.cache} holds {cached.S_db.shape[2]} frames a track, a window {recipe.card.n_frames}",
            hint="Choose a shorter window.",
        )
    row = {name: i for i, name in enumerate(cached.ids)}
    places = [row[track.id] for track in manifest.tracks]
    windows = (starts,) * len(places)
    return Features(manifest, recipe, windows, manifest.skipped, lambda place: cached.S_db[places[place]])


def _check_classes(manifest: Manifest, features: Features) -> None:
    """Say which classes are left without tracks, and why."""
    usable, before = features.manifest.counts(), manifest.counts()
    lost = [name for name, n in before.items() if n and not usable[name]]
    reasons = {skipped.path: skipped.reason for skipped in features.skipped}
    for name in lost:
        paths = [track.path for track in manifest.tracks if name in track.labels]
        raise InputError(
            f"class {name!r}: none of its {len(paths)} files can be used; {paths[0]}: "
            f"{reasons.get(paths[0], 'left out')}",
            hint="Mend or remove the files, or leave the class out.",
        )
    check_counts(usable, multilabel=features.manifest.multilabel)


def check_counts(counts: dict[str, int], *, multilabel: bool) -> None:
    """Refuse a data set of one class, or with a class of one track.

    Parameters
    ----------
    counts : dict of str to int
        Tracks of each class.
    multilabel : bool
        Whether a track may have several labels, or none.

    Raises
    ------
    InputError
        Nothing could be told by it, or nothing would be left to test on.
    """
    if len(counts) < (1 if multilabel else 2):
        raise InputError(
            f"the data set has one class: {', '.join(counts) or 'none'}",
            hint="A model needs two classes to tell apart: a folder for each, with sound files in it.",
        )
    few = [f"{name} ({n})" for name, n in counts.items() if n < 2]
    if few:
        raise InputError(
            f"too few usable tracks of {', '.join(few[:5])}{' and others' if len(few) > 5 else ''}",
            hint="Each class needs at least 2 tracks, one to learn from and one to test on. 20 are a start.",
        )
