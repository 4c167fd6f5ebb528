"""Jobs: one at a time of each kind, bounded, reported, cancelled; scans and maps over HTTP."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient
from libraries import SECRET, Shelf, make_shelf

from earmark import load_model
from earmark.errors import AbsentError, BusyError, InputError
from earmark.library import Library
from earmark.web import create_app
from earmark.web.jobs import KEPT_SECONDS, Job, Jobs
from earmark.web.routes.jobs import job_events
from earmark.web.settings import Settings


def wait(job: Job, state: str | None = None) -> None:
    """Until a job has ended, or is in a state."""
    until = time.monotonic() + 20
    while not (job.state == state if state else job.has_ended):
        assert time.monotonic() < until, job.to_dict()
        time.sleep(0.005)


def ends(jobs: Jobs) -> None:
    asyncio.run(jobs.close())


class Steps:
    """Work that goes on step by step, as it is let."""

    def __init__(self) -> None:
        self.steps = threading.Semaphore(0)

    def __call__(self, job: Job) -> dict[str, Any]:
        job.when_cancelled(lambda: self.steps.release(9))
        for i in range(3):
            job("steps", i, 3, {})
            assert self.steps.acquire(timeout=10)
        return {"n": 3}


def test_a_job_reports_and_gives_a_result() -> None:
    jobs, work = Jobs(), Steps()
    job = jobs.start("a", work)
    work.steps.release()
    wait(job, "running")
    while job.done < 1:
        time.sleep(0.005)
    assert job.to_dict() | {"created": "", "id": ""} == {
        "id": "", "kind": "a", "state": "running", "done": 1, "total": 3, "rate": None, "eta": None,
        "text": "steps", "result": None, "error": None, "created": "",
    }  # fmt: skip
    work.steps.release(2)
    wait(job)
    assert job.state == "done" and job.result == {"n": 3} and jobs.get(job.id) is job
    ends(jobs)


def test_errors_are_reported_and_faults_are_not_told() -> None:
    def refuses(job: Job) -> dict[str, Any]:
        raise InputError("n=3", hint="Accepted: 2.")

    def breaks(job: Job) -> dict[str, Any]:
        raise RuntimeError("/secret/path")

    jobs = Jobs()
    first, second = jobs.start("a", refuses), jobs.start("a", breaks)
    wait(first), wait(second)
    assert first.to_dict()["error"] == {"code": "input", "message": "n=3", "hint": "Accepted: 2."}
    assert second.state == "failed" and second.to_dict()["error"]["code"] == "internal"
    assert "secret" not in str(second.to_dict())
    ends(jobs)


def test_jobs_of_one_kind_wait_for_each_other_and_only_so_many_may() -> None:
    jobs, works = Jobs(), [Steps() for _ in range(4)]
    running = jobs.start("a", works[0])
    wait(running, "running")
    queued = [jobs.start("a", work) for work in works[1:]]
    with pytest.raises(BusyError) as raised:
        jobs.start("a", works[0])
    assert raised.value.retry_after > 1
    other = jobs.start("b", lambda job: {})
    wait(other)
    assert [job.state for job in queued] == ["queued"] * 3 and running.state == "running"
    assert [job.id for job in jobs.all()] == [job.id for job in [other, *queued[::-1], running]]
    jobs.cancel(queued[0].id)
    assert queued[0].state == "cancelled"
    for work in (works[0], works[2], works[3]):
        work.steps.release(3)
    for job in (running, *queued[1:]):
        wait(job)
        assert job.state == "done"
    ends(jobs)


def test_a_cancelled_job_ends_at_its_next_report() -> None:
    jobs, work = Jobs(), Steps()
    job = jobs.start("a", work)
    wait(job, "running")
    jobs.cancel(job.id)
    wait(job)
    assert job.state == "cancelled" and job.result is None and job.done < 3
    assert jobs.cancel(job.id).state == "cancelled"
    ends(jobs)


def test_the_end_of_the_service_ends_the_jobs() -> None:
    jobs, work = Jobs(), Steps()
    running, queued = jobs.start("a", work), jobs.start("a", Steps())
    wait(running, "running")
    ends(jobs)
    assert running.state == queued.state == "cancelled"
    with pytest.raises(BusyError):
        jobs.start("a", work)


def test_jobs_are_forgotten_after_a_day() -> None:
    now = 0.0
    jobs = Jobs(clock=lambda: now)
    job = jobs.start("a", lambda job: {})
    wait(job)
    now = KEPT_SECONDS
    assert jobs.get(job.id) is job
    now += 1
    with pytest.raises(AbsentError):
        jobs.get(job.id)
    assert jobs.all() == []
    ends(jobs)


def test_events_end_with_the_job_and_come_once_a_second() -> None:
    jobs = Jobs()

    def work(job: Job) -> dict[str, Any]:
        for i in range(150):
            job("steps", i, 150, {})
            time.sleep(0.01)
        return {}

    async def events(job: Job) -> list[tuple[float, str]]:
        return [(time.monotonic(), event) async for event in job_events(job)]

    found = asyncio.run(events(jobs.start("a", work)))
    states = [json.loads(event.removeprefix("event: job\ndata: "))["state"] for _, event in found]
    assert 3 <= len(found) <= 4 and states[-1] == "done" and states[-2] == "running"
    gaps = np.diff([at for at, _ in found])
    assert (gaps[:-1] >= 0.99).all()
    ends(jobs)


# ---------------------------------------------------------------- over HTTP


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return make_shelf(tmp_path)


def ended(client: TestClient, id: str) -> dict[str, Any]:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        job = client.get(f"/api/jobs/{id}").json()
        if job["state"] in ("done", "failed", "cancelled"):
            return job
        time.sleep(0.02)
    raise AssertionError(job)


def test_a_scan_finds_what_is_new_in_the_known_folders(shelf: Shelf) -> None:
    y = 0.2 * np.sin(0.05 * np.arange(4 * 22050))
    soundfile.write(shelf.music / "new.wav", y, 22050)
    client = TestClient(create_app(load_model("echo"), shelf.path, Settings(hosts=("testserver",))))
    answer = client.post("/api/jobs", json={"kind": "scan"})
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/api/jobs/{answer.json()['id']}"
    job = ended(client, answer.json()["id"])
    assert job["state"] == "done", job
    assert job["result"]["new"] == 1 and job["result"]["roots"] == ["music"]
    assert client.get("/api/tracks", params={"q": "title:new or new"}).status_code == 200
    assert SECRET not in str(job)
    with client.stream("GET", f"/api/jobs/{job['id']}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in stream.iter_lines() if line]
    assert lines[0] == "event: job" and json.loads(lines[1].removeprefix("data: ")) == job


def test_a_cancelled_scan_loses_nothing(tmp_path: Path) -> None:
    music = tmp_path / "music"
    music.mkdir()
    for i in range(12):
        soundfile.write(music / f"{i}.wav", 0.2 * np.sin(0.01 * (i + 3) * np.arange(3 * 22050)), 22050)
    with Library(tmp_path / "library.sqlite") as library:
        library.add_root(str(music))
    echo = load_model("echo")
    gate = threading.Semaphore(4)

    class Slow:
        card = echo.card

        def predict_proba(self, X: np.ndarray) -> np.ndarray:
            gate.acquire(timeout=10)
            return echo.predict_proba(X)

    client = TestClient(create_app(Slow(), tmp_path / "library.sqlite", Settings(hosts=("testserver",))))
    id = client.post("/api/jobs", json={"kind": "scan"}).json()["id"]
    until = time.monotonic() + 20
    while client.get(f"/api/jobs/{id}").json()["done"] < 3 and time.monotonic() < until:
        time.sleep(0.01)
    assert client.delete(f"/api/jobs/{id}").status_code == 200
    gate.release(100)
    assert ended(client, id)["state"] == "cancelled"
    n = client.get("/api/tracks").json()["total"]
    assert 3 <= n < 12
    again = ended(client, client.post("/api/jobs", json={"kind": "scan"}).json()["id"])
    assert again["result"]["new"] == 12 - n and client.get("/api/tracks").json()["total"] == 12


@pytest.mark.slow
def test_a_cancelled_scan_ends_its_worker_processes(tmp_path: Path) -> None:
    music = tmp_path / "music"
    music.mkdir()
    for i in range(400):
        soundfile.write(music / f"{i}.wav", 0.2 * np.sin(0.001 * (i + 30) * np.arange(9 * 22050)), 22050)
    with Library(tmp_path / "library.sqlite") as library:
        library.add_root(str(music))
    before = set(multiprocessing.active_children())
    client = TestClient(create_app("echo", tmp_path / "library.sqlite", Settings(hosts=("testserver",))))
    id = client.post("/api/jobs", json={"kind": "scan"}).json()["id"]
    until = time.monotonic() + 60
    while client.get(f"/api/jobs/{id}").json()["done"] < 2 and time.monotonic() < until:
        time.sleep(0.02)
    assert set(multiprocessing.active_children()) - before
    client.delete(f"/api/jobs/{id}")
    assert ended(client, id)["state"] == "cancelled"
    while set(multiprocessing.active_children()) - before and time.monotonic() < until:
        time.sleep(0.05)
    assert not set(multiprocessing.active_children()) - before
    assert 2 <= client.get("/api/tracks").json()["total"] < 400


@pytest.mark.parametrize("body", [{}, {"kind": "delete"}, {"kind": "scan", "path": "/etc"}, {"kind": 3}, []])
def test_other_jobs_are_refused(shelf: Shelf, body: Any) -> None:
    assert shelf.client.post("/api/jobs", json=body).status_code == 400


@pytest.mark.parametrize("call", ["get", "delete"])
def test_a_job_that_is_not_there_is_404(shelf: Shelf, call: str) -> None:
    act: Callable[[str], Any] = getattr(shelf.client, call)
    assert act("/api/jobs/none").status_code == 404
    assert shelf.client.get("/api/jobs/none/events").status_code == 404


def test_without_a_library_there_is_nothing_to_scan() -> None:
    client = TestClient(create_app("echo", None, Settings(hosts=("testserver",))))
    answer = client.post("/api/jobs", json={"kind": "scan"})
    assert answer.status_code == 404 and answer.json()["code"] == "no_library"
