"""A run again, from its folder: for whoever wants to look into what was trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from earmark.data import Manifest, read_manifest
from earmark.errors import InputError
from earmark.train.feature_cache import FeatureCache
from earmark.train.job import Job, Request, plan
from earmark.train.run_folder import read_params


def reopen(folder: Path, *, cache: FeatureCache, jobs: int | None = None) -> Job:
    """The job of a run, as it was.

    Parameters
    ----------
    folder : Path
        Of a complete run.
    cache : FeatureCache
        Where features are kept; what is missing there is computed again.
    jobs : int, optional
        Processes that compute features.

    Raises
    ------
    InputError
        No complete run, or its data are no longer what they were.
    """
    facts = read_params(folder)
    if not (folder / "bundle" / "card.json").is_file():
        raise InputError(f"{folder} holds a run that is not complete", hint="Give its earmark train again.")
    request = Request(
        model=facts["model"],
        params=facts["params"],
        split=facts["split"]["protocol"],
        test=facts["split"]["test"],
        valid=facts["split"]["valid"],
        augment=tuple(facts["augment"]),
        seed=facts["seed"],
        window=facts["features"]["window"],
        hop=facts["features"]["hop"],
        threads=facts["threads"],
        name=facts["name"],
        licence=facts["licence"],
    )
    job = plan(_manifest(folder, facts["data"]), request, cache=cache, jobs=jobs)
    now = job.facts()["data"]
    same = all(now[key] == facts["data"][key] for key in ("digest", "content"))
    if not same or job.split.digest != facts["split"]["digest"]:
        raise InputError(
            f"the data of {folder} have changed since it was trained",
            hint="Files were moved, altered or removed: train again, or bring them back.",
        )
    return job


def _manifest(folder: Path, data: dict[str, Any]) -> Manifest:
    if data["cache"]:
        return read_manifest(data["cache"])
    path = folder / "manifest.jsonl"
    manifest = read_manifest(path)
    # Where no group was known, none shall be looked for now.
    return manifest if manifest.digest == data["digest"] else read_manifest(path, group="none")
