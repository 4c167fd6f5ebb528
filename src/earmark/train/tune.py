"""Tuning: Optuna over what a family declares, judged by folds that keep artists together.

The test part is dealt out first and never looked at; folds are made of the rest. The study is a SQLite file,
so an interrupted tuning goes on, and with the same seed it tries what it would have tried.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from earmark.data import Manifest, Split
from earmark.data import split as deal
from earmark.errors import InputError, OutputError
from earmark.estimators.base import requires_extra
from earmark.progress import Progress
from earmark.storage import digest
from earmark.train.dataset import Part
from earmark.train.feature_cache import FeatureCache
from earmark.train.job import Job, Request, plan
from earmark.train.run_folder import write_json
from earmark.train.scores import answers
from earmark.train.settings import estimator, limited_threads
from earmark.train.windows import Ints

if TYPE_CHECKING:
    import optuna

RUNS = Path("runs")
BEST, STUDY = "best.json", "study.db"
N_STARTUP = 5  # complete trials before the first may be pruned
_FACTS, _DEFAULT = "facts", "default"


@dataclass(frozen=True)
class Tuning:
    """What came of a tuning.

    Parameters
    ----------
    folder : Path
        Where the study and the best parameters are.
    params : dict
        The best that were found, and those that were given; nothing else if nothing was better.
    score, default : float
        Mean over the folds of the balanced accuracy by track (of the mean average precision, where a track
        may have several labels), of the best and of the defaults.
    n_trials, n_pruned : int
        How many were finished, and how many of them early.
    """

    folder: Path
    params: dict[str, Any]
    score: float
    default: float
    n_trials: int
    n_pruned: int

    @property
    def file(self) -> Path:
        """The best parameters, as ``earmark train --params`` takes them."""
        return self.folder / BEST


def tune(
    data: str | os.PathLike[str] | Manifest,
    *,
    model: str = "logistic",
    trials: int = 30,
    out: str | os.PathLike[str] | None = None,
    params: Mapping[str, Any] | None = None,
    folds: int = 3,
    split: str = "grouped",
    test: float = 0.2,
    valid: float = 0.15,
    augment: Sequence[str] = (),
    seed: int = 0,
    window: float = 3.0,
    hop: float | None = None,
    threads: int = 1,
    jobs: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Tuning:
    """Find good parameters for a family on a data set.

    Parameters
    ----------
    data : path or Manifest
        A data set, as `earmark.data.read_manifest` takes it.
    model : str
        Name of a family.
    trials : int
        How many sets of parameters to try in all; those of an earlier call with the same folder count.
    out : path, optional
        Folder of the study; by default one below ``runs``.
    params : mapping, optional
        Parameters that stay as they are.
    folds : int
        How many parts of the tracks outside the test part each set of parameters is tested on in turn.
    split, test, valid, augment, seed, window, hop, threads, jobs, cache, progress
        As for `earmark.train.train`: with the same ones, its test part is the one that was not looked at.

    Returns
    -------
    Tuning

    Raises
    ------
    InputError
        The family declares no space, or the data do not allow so many folds.
    OutputError
        The folder cannot be written, or holds another study.
    MissingExtraError
        Optuna is not installed.
    """
    if trials < 1:
        raise InputError(f"trials={trials}", hint="At least 1.")
    if split == "windows":
        raise InputError("split='windows' would tune the leak", hint="Choose grouped.")
    request = Request(
        model=model, params=dict(params or {}), split=split, test=test, valid=valid, augment=tuple(augment),
        seed=seed, window=window, hop=hop, threads=threads,
    )  # fmt: skip
    with limited_threads(threads), _quiet_optuna():
        job = plan(data, request, cache=FeatureCache(cache), jobs=jobs, progress=progress)
        facts = {**job.facts(), "folds": folds}
        folder = Path(out) if out is not None else RUNS / f"{job.name}-tune-{digest(facts)[:8]}"
        judge = _Judge(job, _folds(job, folds))
        study = _study(folder, facts)
        _search(study, judge, trials, progress)
    tuning = _outcome(study, folder, request.params)
    best = dataclasses.asdict(tuning) | {"model": model, "folds": folds, "split": facts["split"]}
    del best["folder"]
    write_json(tuning.file, {"model": best.pop("model"), "params": best.pop("params"), **best})
    return tuning


# ---------------------------------------------------------------- the folds


def _folds(job: Job, folds: int) -> list[tuple[Ints, Ints]]:
    """Windows to learn from and to be tested on, for each fold of the tracks outside the test part."""
    outside = np.unique(np.concatenate([job.pairs["train"][:, 0], job.pairs["valid"][:, 0]]))
    protocol = "grouped" if job.split.protocol == "given" else job.split.protocol
    rest = job.manifest.take(outside)
    seed = job.request.seed
    splits: list[Split] = deal(rest, protocol=protocol, folds=folds, valid=0.0, seed=seed)
    n_windows = job.features.n_windows[outside]
    found = []
    for fold in splits:
        pairs = fold.windows(n_windows)
        for part in pairs.values():
            part[:, 0] = outside[part[:, 0]]
        found.append((pairs["train"], pairs["test"]))
    return found


class _Judge:
    """Scores sets of parameters, fold by fold."""

    def __init__(self, job: Job, folds: list[tuple[Ints, Ints]]) -> None:
        self.job = job
        self.folds = folds
        self.kind = type(job.model())

    def scores(self, params: Mapping[str, Any]) -> Iterator[float]:
        """Score on each fold in turn."""
        request = self.job.request
        for train, test in self.folds:
            model = estimator(request.model, {**params, **request.params}, seed=request.seed)
            part = self.job.features.part(train)
            self._fit(model, part)
            told = answers(model.predict_proba, self.job.features.part(test), self.job.manifest)
            if told is not None:
                yield told.balanced_accuracy

    def _fit(self, model: Any, part: Part) -> None:
        model.fit(
            part.X,
            part.y,
            classes=self.job.manifest.classes,
            groups=part.groups,
            sample_weight=part.weights,
            **self.job.fit_options(model),
        )


# ---------------------------------------------------------------- the study


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Let Optuna say nothing inside but errors."""
    with requires_extra():
        import optuna
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _study(folder: Path, facts: dict[str, Any]) -> optuna.Study:
    """Study of the folder, new or begun before with the same facts."""
    import optuna

    path = folder / STUDY
    if folder.exists() and not path.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder} is not empty and holds no study", hint="Name a new folder: --out.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        study = optuna.create_study(
            storage=f"sqlite:///{quote(str(path.absolute()))}",
            study_name="earmark",
            direction="maximize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=N_STARTUP),
            load_if_exists=True,
        )
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror or error}") from error
    before = study.user_attrs.get(_FACTS)
    if before is None:
        study.set_user_attr(_FACTS, facts)
    elif before != facts:
        differing = sorted(key for key in {*before, *facts} if before.get(key) != facts.get(key))
        raise OutputError(
            f"{folder} holds a study with another {', '.join(differing)}", hint="Name a new folder: --out."
        )
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)  # a kill left it
    return study


def _search(study: optuna.Study, judge: _Judge, trials: int, progress: Progress | None) -> None:
    """Try until so many trials are finished."""
    import optuna

    if _DEFAULT not in study.user_attrs:
        study.set_user_attr(_DEFAULT, float(np.mean(list(judge.scores({})))))
    objective = _objective(judge)
    while (done := len(_finished(study))) < trials:
        _tell(study, done, trials, progress)
        # Seeded by the number of the trial: whoever goes on tries what would have been tried.
        study.sampler = optuna.samplers.TPESampler(seed=judge.job.request.seed + done)
        study.optimize(objective, n_trials=1)
    _tell(study, done, trials, progress)


def _objective(judge: _Judge) -> Callable[[optuna.Trial], float]:
    import optuna

    def objective(trial: optuna.Trial) -> float:
        params = judge.kind.space(trial)
        if not params:
            raise InputError(
                f"model={judge.job.request.model!r} has nothing to tune", hint="Train it as it is."
            )
        trial.set_user_attr("params", params)
        scores: list[float] = []
        for fold, score in enumerate(judge.scores(params)):
            scores.append(score)
            trial.report(float(np.mean(scores)), fold)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(np.mean(scores))

    return objective


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    import optuna

    states = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return study.get_trials(deepcopy=False, states=states)


def _tell(study: optuna.Study, done: int, trials: int, progress: Progress | None) -> None:
    if progress is not None:
        default = float(study.user_attrs[_DEFAULT])
        scores = [default, *(trial.value for trial in _complete(study))]
        progress("tuning", done, trials, {"best": max(scores), "default": default})


def _complete(study: optuna.Study) -> list[Any]:
    import optuna

    return study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))


def _outcome(study: optuna.Study, folder: Path, fixed: Mapping[str, Any]) -> Tuning:
    complete, finished = _complete(study), _finished(study)
    default = float(study.user_attrs[_DEFAULT])
    best = max(complete, key=lambda trial: (trial.value, -trial.number), default=None)
    if best is not None and best.value <= default:
        best = None
    found = {} if best is None else best.user_attrs["params"]
    score = default if best is None else float(best.value)
    return Tuning(folder, {**found, **fixed}, score, default, len(finished), len(finished) - len(complete))
