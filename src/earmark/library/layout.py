"""A map of the library: a place on a plane for each track, so that near ones sound alike.

The places come from t-SNE of scikit-learn (van der Maaten and Hinton 2008, "Visualizing data using t-SNE",
JMLR 9), which begins at the two principal components, so that the same library gives the same map and far
groups lie as far as they are unlike (Kobak and Linderman 2021, "Initialization is critical for preserving
global data structure in both t-SNE and UMAP", Nature Biotechnology 39). Without scikit-learn the principal
components themselves are the map. It lies in a file beside the catalogue.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from earmark.library.catalogue import Library
from earmark.library.embeddings import Embeddings, embeddings, stamp_of
from earmark.library.stats import principal
from earmark.storage import atomic_file

Floats = npt.NDArray[np.float64]

TSNE, PCA = "t-SNE", "PCA"
_FORMAT = "earmark.layout/1"
_LEAST = 10  # tracks of which t-SNE means anything
_PERPLEXITY = 30.0
_COMPONENTS = 50  # that t-SNE is given: the rest is noise, and distances cost
_MOST = 25_000  # tracks that t-SNE places itself, in a few minutes; the others go to their nearest
_NEAREST, _BLOCK = 5, 1024
_SPREAD = 1e-6  # of vectors that are not all the same: of those, t-SNE of scikit-learn 1.9 crashes
_DECIMALS = 4
_START = 1e-4  # spread of the beginning, as t-SNE wants it


@dataclass(frozen=True, eq=False)
class Layout:
    """Where each track of a library is on its map.

    Parameters
    ----------
    method : {"t-SNE", "PCA"}
        What made it.
    made : str
        When, in ISO 8601.
    stamp : int
        State of the embeddings that it was made of.
    ids : np.ndarray, int64 [shape=(n,)]
        Of the tracks, ascending.
    points : np.ndarray, float32 [shape=(n, 2)]
        Places, from -1 to 1.
    """

    method: str
    made: str
    stamp: int
    ids: npt.NDArray[np.int64]
    points: npt.NDArray[np.float32]

    def is_stale(self, library: Library) -> bool:
        """Whether tracks were added, analysed again or removed since it was made."""
        return self.stamp != stamp_of(library)


def layout_path(library: Library) -> Path:
    """Where the map of a library lies."""
    return library.path.with_name(f"{library.path.name}.layout.npz")


def make_layout(
    library: Library, *, vectors: Embeddings | None = None, jobs: int = 1, method: str | None = None
) -> Layout:
    """Compute the map of a library; with t-SNE it takes about a minute for 10,000 tracks.

    Parameters
    ----------
    library : Library
        Whose tracks.
    vectors : Embeddings, optional
        Those of the library, where they are at hand.
    jobs, method
        As of `place`.

    Raises
    ------
    InputError
        No track has an embedding.
    """
    stamp = stamp_of(library)
    found = vectors or embeddings(library)
    points, method = place(np.asarray(found.vectors, np.float64), jobs=jobs, method=method)
    made = datetime.now(UTC).isoformat(timespec="seconds")
    return Layout(method, made, stamp, np.asarray(found.ids), scaled(points))


def place(vectors: Floats, *, jobs: int = 1, method: str | None = None) -> tuple[Floats, str]:
    """Place vectors on a plane.

    Parameters
    ----------
    vectors : np.ndarray [shape=(n, d)]
        Of unit length.
    jobs : int
        Threads.
    method : {"t-SNE", "PCA"}, optional
        By default t-SNE, where there are tracks enough and scikit-learn is installed.

    Returns
    -------
    points : np.ndarray [shape=(n, 2)]
    method : str
        What was used.
    """
    flat, _ = principal(vectors)
    possible = len(vectors) >= _LEAST and find_spec("sklearn") is not None and flat.std() > _SPREAD
    if method == PCA or not possible:
        return flat, PCA
    if len(vectors) <= _MOST:
        return _by_neighbours(vectors, flat, jobs), TSNE
    chosen = np.sort(np.random.default_rng(0).choice(len(vectors), _MOST, replace=False))
    return _around(vectors, chosen, _by_neighbours(vectors[chosen], flat[chosen], jobs)), TSNE


def _by_neighbours(vectors: Floats, flat: Floats, jobs: int) -> Floats:
    """Place vectors by t-SNE, which begins at their places `flat` [both shape=(n, ...)]."""
    from joblib import parallel_config
    from sklearn.decomposition import PCA as Components
    from sklearn.manifold import TSNE as Neighbours

    n = min(_COMPONENTS, *vectors.shape)
    reduced = Components(n, svd_solver="full").fit_transform(vectors)
    perplexity = min(_PERPLEXITY, (len(vectors) - 1) / 3)
    start = flat / flat[:, 0].std() * _START
    made = Neighbours(perplexity=perplexity, init=start.astype(np.float32), n_jobs=jobs, random_state=0)
    with parallel_config("threading"):  # a worker process may not start processes of its own
        return np.asarray(made.fit_transform(reduced), dtype=np.float64)


def _around(vectors: Floats, chosen: npt.NDArray[np.int64], points: Floats) -> Floats:
    """Place all vectors where those nearest to them are among some that have places.

    The median of each coordinate: a mean would lie between two groups, where nothing is.
    """
    placed = vectors[chosen].astype(np.float32)
    found = np.empty((len(vectors), 2))
    for start in range(0, len(vectors), _BLOCK):
        products = vectors[start : start + _BLOCK].astype(np.float32) @ placed.T
        nearest = np.argpartition(-products, _NEAREST, axis=1)[:, :_NEAREST]
        found[start : start + _BLOCK] = np.median(points[nearest], axis=1)
    found[chosen] = points
    return found


def scaled(points: Floats) -> npt.NDArray[np.float32]:
    """Return points within -1 to 1, both axes by the same factor [shape=(n, 2)]."""
    if not len(points):
        return np.zeros((0, 2), np.float32)
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    reach = np.abs(points - middle).max() or 1.0
    return np.asarray(np.round((points - middle) / reach, _DECIMALS), np.float32)


def save_layout(library: Library, layout: Layout) -> None:
    """Write a map beside the catalogue, all of it or nothing.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    facts = {"format": _FORMAT, "method": layout.method, "made": layout.made, "stamp": layout.stamp}
    with atomic_file(layout_path(library)) as file:
        np.savez(file, facts=np.array(json.dumps(facts)), ids=layout.ids, points=layout.points)


def load_layout(library: Library) -> Layout | None:
    """Return the map of a library; None if it was never computed, or its file is damaged."""
    try:
        with np.load(layout_path(library), allow_pickle=False) as stored:
            facts = json.loads(str(stored["facts"]))
            ids, points = stored["ids"], stored["points"]
        known = facts.get("format") == _FORMAT and facts["method"] in (TSNE, PCA)
        if not known or ids.ndim != 1 or points.shape != (len(ids), 2) or not np.isfinite(points).all():
            return None
        return Layout(facts["method"], str(facts["made"]), int(facts["stamp"]), ids, points)
    except (OSError, ValueError, KeyError, TypeError, EOFError, AttributeError, zipfile.BadZipFile):
        return None
