"""From a manifest to what a family is trained on: windows of tracks, their owners and their weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.data import Manifest, Skipped, read_cached
from earmark.errors import InputError, TooShortError
from earmark.features import FeatureSpec
from earmark.models import OnnxModel
from earmark.models.windows import silence_db, window_levels, window_weights
from earmark.progress import Progress, no_progress
from earmark.train.feature_cache import FeatureCache, Wanted
from earmark.train.windows import Array, Ints, Recipe, embedded_spectrogram


@dataclass(frozen=True, eq=False)
class Part:
    """Windows of some tracks.

    Parameters
    ----------
    X : np.ndarray, float32 [shape=(n, n_mels, n_frames) or (n, d)]
        Log-mel windows in dB, those of several front ends joined to a row each, embeddings or descriptors.
    tracks : np.ndarray [shape=(n,)]
        Place of the track of each window in the manifest.
    y : np.ndarray [shape=(n,) or (n, n_classes)]
        Its label, or 0 and 1.
    groups : np.ndarray of str [shape=(n,)]
        Its group.
    fractions : np.ndarray [shape=(n,)]
        What it counts for in the mean of its track.
    """

    X: Array
    tracks: Ints
    y: np.ndarray
    groups: np.ndarray
    fractions: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.X)

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weight of each window, so that every track counts alike however long it is; their mean is 1."""
        _, place, n = np.unique(self.tracks, return_inverse=True, return_counts=True)
        weights = 1.0 / n[place]
        return np.asarray(weights / weights.mean(), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows of a track that are not silent.

    Parameters
    ----------
    rows : np.ndarray [shape=(n,)]
        First frame of each in a spectrogram, or its row where the recipe has rows.
    fractions : np.ndarray [shape=(n,)]
        Fraction of it that no window before covers: 1 but for a last window that was moved back.
    """

    rows: Ints
    fractions: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)


NO_WINDOWS = Windows(np.empty(0, np.int64), np.empty(0))


@dataclass(frozen=True, eq=False)
class Features:
    """The windows of a data set, read from the cache when they are needed.

    Parameters
    ----------
    manifest : Manifest
        All tracks; those that cannot be used have no windows.
    recipe : Recipe
        What a window is.
    windows : tuple of Windows
        Of each track.
    skipped : tuple of Skipped
        What was left out, and why.
    load : callable
        Gives the array of one track by its place: spectrogram [shape=(n_mels, k)] or rows [shape=(n, d)].
    """

    manifest: Manifest
    recipe: Recipe
    windows: tuple[Windows, ...]
    skipped: tuple[Skipped, ...]
    load: Callable[[int], Array]

    @property
    def n_windows(self) -> Ints:
        """Number of windows of each track [shape=(n,)]."""
        return np.array([len(windows) for windows in self.windows], dtype=np.int64)

    @property
    def usable(self) -> Manifest:
        """The tracks that have windows."""
        return self.manifest.take(np.flatnonzero(self.n_windows))

    def part(self, pairs: Ints) -> Part:
        """Windows by track and number within the track.

        Parameters
        ----------
        pairs : np.ndarray [shape=(n, 2)]
            As `Split.windows` gives them.
        """
        tracks, X = pairs[:, 0], np.empty((0, *self.recipe.row_shape), np.float32)
        fractions = np.empty(len(pairs))
        for i, track in enumerate(np.unique(tracks).tolist()):
            places = np.flatnonzero(tracks == track)
            numbers = pairs[places, 1]
            if i == 0:
                X = np.empty((len(pairs), *X.shape[1:]), np.float32)
            X[places] = self._cut(self.load(track), self.windows[track].rows[numbers])
            fractions[places] = self.windows[track].fractions[numbers]
        return Part(X, tracks, self.manifest.targets()[tracks], self.manifest.groups[tracks], fractions)

    def _cut(self, values: Array, rows: Ints) -> Array:
        if self.recipe.has_rows:
            return values[rows]
        n_frames = self.recipe.card.n_frames
        return np.stack([values[:, start : start + n_frames] for start in rows.tolist()])


def prepare(
    manifest: Manifest,
    recipe: Recipe,
    *,
    cache: FeatureCache,
    model: OnnxModel | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
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
    model : OnnxModel, optional
        That of `Recipe.embedder`.
    jobs : int, optional
        Worker processes.
    progress : callable, optional
        Called after each file (``"features"``).

    Returns
    -------
    Features
        What cannot be used is in `Features.skipped`.

    Raises
    ------
    InputError
        A class has no usable track, or the cached features do not fit the recipe.
    OutputError
        The cache cannot be written.
    """
    features = (
        _from_npz(manifest, recipe, model, progress or no_progress)
        if manifest.cache
        else _from_files(manifest, recipe, cache, model=model, jobs=jobs, progress=progress)
    )
    _check_classes(manifest, features)
    return features


def _from_files(
    manifest: Manifest,
    recipe: Recipe,
    cache: FeatureCache,
    *,
    model: OnnxModel | None,
    jobs: int | None,
    progress: Progress | None,
) -> Features:
    wanted = [Wanted(track.path, track.sha256) for track in manifest.tracks]
    checksums, failed = cache.fill(wanted, recipe, model=model, jobs=jobs, progress=progress)
    unusable = {one.source.path: Skipped.by(one.source.path, one.error) for one in failed}
    windows, skipped = [], list(manifest.skipped)
    for track in manifest.tracks:
        found = NO_WINDOWS
        if track.path not in unusable:
            found, why = _loud_windows(cache, checksums[track.path], recipe)
            if why:
                unusable[track.path] = Skipped(track.path, **why)
        if track.path in unusable:
            skipped.append(unusable[track.path])
        windows.append(found)
    found_by = [checksums.get(track.path, "") for track in manifest.tracks]
    return Features(manifest, recipe, tuple(windows), tuple(skipped), _Loader(cache, recipe, found_by))


@dataclass(frozen=True)
class _Loader:
    cache: FeatureCache
    recipe: Recipe
    checksums: list[str]

    def __call__(self, place: int) -> Array:
        entry = self.cache.get(self.checksums[place], self.recipe)
        if entry is None:
            raise InputError(
                f"features of {self.checksums[place][:12]}... are no longer in {self.cache.folder}",
                hint="Try: run the command again; another program cleared the cache meanwhile.",
            )
        return entry["X" if self.recipe.has_rows else "S_db"]


def _loud_windows(cache: FeatureCache, sha256: str, recipe: Recipe) -> tuple[Windows, dict[str, str]]:
    """The windows that are not silent, and else why there is none: fields of `Skipped`."""
    power = cache.get_power(sha256, recipe)
    if power is None:
        gone = "its features have gone from the cache meanwhile"
        return NO_WINDOWS, {"reason": gone, "code": "not-found", "hint": "Try: the same command again."}
    starts, silence = recipe.starts(len(power) + 1), silence_db(recipe.card)
    if not len(starts):
        short = f"shorter than window={recipe.window:g} s"
        return NO_WINDOWS, {"reason": short, "code": TooShortError.code, "hint": "Try: a shorter --window."}
    loud = window_levels(power, starts, recipe.card) > silence
    windows = _windows(starts, recipe)
    kept = Windows(windows.rows[loud], windows.fractions[loud])
    return kept, {} if len(kept) else {
        "reason": f"silent: no window above {silence:g} dBFS",
        "code": "silent",
    }


def _windows(starts: Ints, recipe: Recipe) -> Windows:
    """All windows of a track."""
    rows = np.arange(len(starts)) if recipe.has_rows else starts
    return Windows(rows, window_weights(starts, recipe.card))


def _from_npz(manifest: Manifest, recipe: Recipe, model: OnnxModel | None, progress: Progress) -> Features:
    cached = read_cached(manifest.cache)
    if recipe.input != "log_mel":
        several = f"those of {len(recipe.card.front_ends)} front ends"
        raise InputError(
            f"{manifest.cache} holds log-mels of one front end, but the model takes "
            f"{several if recipe.more_specs else recipe.input}",
            hint="Try: the sound files, or a model that takes log-mels by one front end, such as "
            "--set bundle=earmark-lite.",
        )
    spec = FeatureSpec.from_dict(cached.spec)
    if spec.digest != recipe.spec.digest:
        raise InputError(
            f"{manifest.cache} was made with spec {spec.digest}, wanted is {recipe.spec.digest}",
            hint=f"Try: write it again with the spec of the model; now it is {cached.spec}.",
        )
    starts = recipe.starts(cached.S_db.shape[2])
    if not len(starts):
        raise InputError(
            f"{manifest.cache} holds {cached.S_db.shape[2]} frames a track, a window {recipe.card.n_frames}",
            hint="Try: a shorter window.",
        )
    row = {name: i for i, name in enumerate(cached.ids)}
    places = [row[track.id] for track in manifest.tracks]
    windows = (_windows(starts, recipe),) * len(places)
    kept: Sequence[Array] = [cached.S_db[place] for place in places]
    if model is not None:
        kept = list(_embedded(kept, recipe, model, progress))
    return Features(manifest, recipe, windows, manifest.skipped, kept.__getitem__)


def _embedded(
    spectrograms: Sequence[Array], recipe: Recipe, model: OnnxModel, progress: Progress
) -> Iterator[Array]:
    """Yield the embeddings of each spectrogram."""
    for done, S_db in enumerate(spectrograms):
        progress("features", done, len(spectrograms), {})
        yield embedded_spectrogram(S_db, recipe, model)
    progress("features", len(spectrograms), len(spectrograms), {})


def _check_classes(manifest: Manifest, features: Features) -> None:
    """Refuse a class that is left without usable tracks, with the reason."""
    usable, before = features.usable.counts(), manifest.counts()
    lost = [name for name, n in before.items() if n and not usable[name]]
    reasons = {skipped.path: skipped.reason for skipped in features.skipped}
    for name in lost:
        paths = [track.path for track in manifest.tracks if name in track.labels]
        raise InputError(
            f"class {name!r}: none of its {len(paths)} files can be used; {paths[0]}: "
            f"{reasons.get(paths[0], 'left out')}",
            hint="Try: repair or replace the files, or leave the class out.",
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
        There is only one class, or a class would have no track left to test on.
    """
    if len(counts) < (1 if multilabel else 2):
        raise InputError(
            f"the data set has one class: {', '.join(counts) or 'none'}",
            hint="Accepted: at least two classes. Try: a folder for each class, with sound files in it.",
        )
    few = [f"{name} ({n})" for name, n in counts.items() if n < 2]
    if few:
        raise InputError(
            f"too few usable tracks of {', '.join(few[:5])}{' and others' if len(few) > 5 else ''}",
            hint="Accepted: at least 2 tracks of each class, to train and to test on. Try: 20 or more.",
        )
