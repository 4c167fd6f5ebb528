"""Tuning: Optuna over the space of a family, scored by cross-validation that keeps artists together.

The test part is split off first and never used; the folds are made of the rest. The study is a SQLite file,
so an interrupted tuning continues, and with the same seed it tries what it would have tried.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from earmark.data import Manifest, Split
from earmark.data import split as split_tracks
from earmark.errors import InputError, OutputError
from earmark.estimators import TrainableModel, build
from earmark.estimators.base import requires_extra
from earmark.progress import Progress
from earmark.storage import digest
from earmark.train.dataset import Part
from earmark.train.feature_cache import FeatureCache
from earmark.train.plan import Job, plan
from earmark.train.run_folder import write_json
from earmark.train.scores import score_part
from earmark.train.settings import TrainSettings, limited_threads
from earmark.train.windows import Ints

if TYPE_CHECKING:
    import optuna

RUNS = Path("runs")
BEST, STUDY = "best.json", "study.db"
N_STARTUP = 5  # complete trials before the first may be pruned
_FACTS, _DEFAULT = "facts", "default"
_NEW = "Try: -o with the name of a new folder."


@dataclass(frozen=True)
class Tuning:
    """Result of a tuning.

    Parameters
    ----------
    folder : Path
        Folder of the study and the best parameters.
    params : dict
        The best parameters that were found, and the given ones; these alone if nothing beat the defaults.
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
    settings: TrainSettings | None = None,
    *,
    trials: int = 30,
    folds: int = 3,
    out: str | os.PathLike[str] | None = None,
    jobs: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Tuning:
    """Find good parameters for a family on a data set.

    Parameters
    ----------
    data : path or Manifest
        A data set, as `earmark.data.read_manifest` takes it.
    settings : TrainSettings, optional
        Options of the training; its `params` stay as they are. Trained with the same settings, the test part
        is the one that the tuning did not use.
    trials : int
        How many sets of parameters to try in all; those of an earlier call with the same folder count.
    folds : int
        How many parts of the tracks outside the test part each set of parameters is tested on in turn.
    out : path, optional
        Folder of the study; by default one below ``runs``.
    jobs, cache
        As for `earmark.train.train`.
    progress : callable, optional
        Called after each file (``"features"``) and each trial (``"tuning"``).
    **options
        Fields of `TrainSettings` by name; they go before those of `settings`.

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
        Optuna, or a package that the family needs, is not installed.
    """
    settings = TrainSettings.build(settings, **options)
    if trials < 1:
        raise InputError(f"trials={trials}", hint="Accepted: 1 or more.")
    if settings.split == "windows":
        raise InputError("split='windows' would tune the leak", hint="Try: split='grouped'.")
    if type(settings.estimator()).space is TrainableModel.space:
        raise InputError(f"model={settings.model!r} has nothing to tune", hint="Try: train it as it is.")
    with limited_threads(settings.threads), _quiet_optuna():
        job = plan(data, settings, cache=FeatureCache(cache), jobs=jobs, progress=progress)
        facts = {**job.facts(), "folds": folds}
        folder = Path(out) if out is not None else RUNS / f"{job.name}-tune-{digest(facts)[:8]}"
        scorer = _CrossValidation(job, _folds(job, folds))
        study = _study(folder, facts)
        _search(study, scorer, trials, progress)
    tuning = _outcome(study, folder, settings.params)
    content = {name: value for name, value in dataclasses.asdict(tuning).items() if name != "folder"}
    used = {"model": settings.model, "folds": folds, "split_digest": facts["split_digest"]}
    write_json(tuning.file, {"model": settings.model, "params": tuning.params, **content, **used})
    return tuning


# ---------------------------------------------------------------- the folds


def _folds(job: Job, folds: int) -> list[tuple[Ints, Ints]]:
    """Windows to train and to test on, for each fold of the tracks outside the test part."""
    outside = np.unique(np.concatenate([job.pairs["train"][:, 0], job.pairs["valid"][:, 0]]))
    protocol = "grouped" if job.split.protocol == "given" else job.split.protocol
    rest = job.manifest.take(outside)
    seed = job.settings.seed
    splits: list[Split] = split_tracks(rest, protocol=protocol, folds=folds, valid=0.0, seed=seed)
    n_windows = job.features.n_windows[outside]
    found = []
    for fold in splits:
        pairs = fold.windows(n_windows)
        for part in pairs.values():
            part[:, 0] = outside[part[:, 0]]
        found.append((pairs["train"], pairs["test"]))
    return found


class _CrossValidation:
    """Scores sets of parameters, fold by fold."""

    def __init__(self, job: Job, folds: list[tuple[Ints, Ints]]) -> None:
        self.job = job
        self.folds = folds
        self.kind = type(job.model())

    def scores(self, params: Mapping[str, Any]) -> Iterator[float]:
        """Score on each fold in turn."""
        settings = self.job.settings
        for train, test in self.folds:
            whole = build(settings.model, {**params, **settings.params}, seed=settings.seed)
            model = whole.trained_part()
            part = self.job.features.part(train)
            self._fit(model, part)
            found = score_part(model.predict_proba, self.job.features.part(test), self.job.manifest)
            if found is not None:
                yield found.balanced_accuracy

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
    """Let Optuna log errors only."""
    with requires_extra():
        import optuna
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _study(folder: Path, facts: dict[str, Any]) -> optuna.Study:
    """Study of the folder: a new one, or one of the same facts."""
    import optuna

    path = folder / STUDY
    if folder.exists() and not path.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder} is not empty and holds no study", hint=_NEW)
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
        raise OutputError(f"{folder} holds a study with another {', '.join(differing)}", hint=_NEW)
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)  # a kill left it
    return study


def _search(study: optuna.Study, scorer: _CrossValidation, trials: int, progress: Progress | None) -> None:
    """Try until so many trials are finished."""
    import optuna

    if _DEFAULT not in study.user_attrs:
        study.set_user_attr(_DEFAULT, float(np.mean(list(scorer.scores({})))))
    objective = _objective(scorer)
    while (done := len(_finished(study))) < trials:
        _report(study, done, trials, progress)
        # Seeded by the number of the trial, so that a study that continues tries what it would have tried.
        study.sampler = optuna.samplers.TPESampler(seed=scorer.job.settings.seed + done)
        study.optimize(objective, n_trials=1)
    _report(study, done, trials, progress)


def _objective(scorer: _CrossValidation) -> Callable[[optuna.Trial], float]:
    import optuna

    def objective(trial: optuna.Trial) -> float:
        params = scorer.kind.space(trial)
        trial.set_user_attr("params", params)
        scores: list[float] = []
        for fold, score in enumerate(scorer.scores(params)):
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


def _report(study: optuna.Study, done: int, trials: int, progress: Progress | None) -> None:
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
