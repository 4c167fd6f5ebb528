"""A batch answers for every source, whatever some of them do."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import (
    AudioNotFoundError,
    CancelledError,
    CrashError,
    DeadlineError,
    EarmarkError,
    InputError,
    InternalError,
    MemoryLimitError,
)
from earmark.workers import Done, Failed, Pool, default_deadline, default_jobs, default_memory, run
from earmark.workers.machine import cpu_quota, memory_limit
from tasks import (
    break_setup,
    count_of_setups,
    die_in_setup,
    fail_setup,
    hang,
    hang_in_deadline,
    misbehave,
    no_time_for_hangs,
    number_and_process,
    take_memory,
    take_memory_in_c,
    thread_limits,
    wait_for_order,
    wait_until,
    with_state,
)


@given(st.lists(st.one_of(st.integers(), st.sampled_from(["missing", "bug", "fine"]))))
def test_in_process_answers_every_source_in_order(sources: list[Any]) -> None:
    results = list(run(misbehave, sources))
    assert [result.source for result in results] == sources
    for source, result in zip(sources, results, strict=True):
        if source == "missing":
            assert isinstance(result, Failed) and result.error.code == "not-found"
        elif source == "bug":
            assert isinstance(result, Failed) and result.error.code == "internal"
            assert str(result.error) == "ZeroDivisionError: division by zero"
            assert "misbehave" in result.trace
        else:
            assert result == Done(source, source * 2)


def test_workers_blame_the_right_source_and_the_rest_go_on() -> None:
    sources = [1, "missing", 2, "segfault", 3, "exit", 4, "bug", "sys.exit", 5, "unpicklable", "killed", 6]
    results = list(run(misbehave, sources, jobs=2))
    assert [result.source for result in results] == sources
    values = {result.source: result.value for result in results if isinstance(result, Done)}
    assert values == {n: 2 * n for n in range(1, 7)}
    errors = {result.source: result.error for result in results if isinstance(result, Failed)}
    assert isinstance(errors["missing"], AudioNotFoundError) and errors["missing"].hint == "Look again."
    assert isinstance(errors["bug"], InternalError)
    assert isinstance(errors["unpicklable"], InternalError)
    for name, cause in [
        ("segfault", "SIGSEGV"),
        ("exit", "status 7"),
        ("sys.exit", "status 3"),
        ("killed", "memory"),
    ]:
        assert isinstance(errors[name], CrashError) and cause in str(errors[name])


@pytest.mark.parametrize(
    ("in_order", "expected"), [(True, ["first", "second"]), (False, ["second", "first"])]
)
def test_results_come_in_order_or_as_they_finish(tmp_path: Path, in_order: bool, expected: list[str]) -> None:
    with Pool(jobs=2) as pool:
        results = pool.map(partial(wait_for_order, tmp_path), ["first", "second"], in_order=in_order)
        arrived: list[Any] = []
        reader = threading.Thread(target=lambda: arrived.extend(results))
        reader.start()
        for name in ("first", "second"):
            wait_until((tmp_path / f"{name}.begun").exists)
        (tmp_path / "second.go").touch()
        if not in_order:
            wait_until(lambda: len(arrived) == 1)
        (tmp_path / "first.go").touch()
        reader.join(60)
    assert [result.source for result in arrived] == expected


def test_no_more_workers_than_sources_and_all_in_other_processes() -> None:
    results = list(run(number_and_process, range(3), jobs=8))
    pids = {result.value[1] for result in results if isinstance(result, Done)}
    assert 1 <= len(pids) <= 3 and os.getpid() not in pids


def test_sources_are_read_as_needed() -> None:
    read = []

    def many() -> Any:
        for n in range(10_000):
            read.append(n)
            yield n

    results = run(number_and_process, many(), jobs=2)
    for _ in range(3):
        next(results)
    results.close()  # type: ignore[attr-defined]
    assert len(read) < 200


@pytest.mark.parametrize("jobs", [1, 2])
def test_setup_runs_once_in_each_worker(tmp_path: Path, jobs: int) -> None:
    counter = tmp_path / "made"
    results = list(run(with_state, range(6), jobs=jobs, setup=partial(count_of_setups, counter)))
    assert [result.value for result in results if isinstance(result, Done)] == [f"made {n}" for n in range(6)]
    assert 1 <= len(list(tmp_path.iterdir())) <= jobs


@pytest.mark.parametrize("jobs", [1, 2])
def test_setup_that_fails_is_the_callers_error(jobs: int) -> None:
    with pytest.raises(AudioNotFoundError, match=r"no weights\. Fetch them\."):
        list(run(with_state, range(3), jobs=jobs, setup=fail_setup))


def test_setup_that_breaks_or_dies() -> None:
    with pytest.raises(InternalError, match="RuntimeError: broken"):
        list(run(with_state, range(3), jobs=2, setup=break_setup))
    with pytest.raises(CrashError, match=r"die while they start: exit status 9.*jobs=1"):
        list(run(with_state, range(3), jobs=2, setup=die_in_setup))


def test_no_sources_no_results() -> None:
    assert list(run(misbehave, [], jobs=2)) == []


def test_sources_that_cannot_travel_do_not_stop_the_others() -> None:
    odd = [lambda: None, lambda: None, lambda: None, 4]
    results = list(run(misbehave, odd, jobs=2))
    assert [isinstance(result, Failed) for result in results] == [True, True, True, False]
    assert [result.source for result in results] == odd


def test_workers_keep_to_one_thread() -> None:
    assert [result.value for result in run(thread_limits, [0, 1], jobs=2) if isinstance(result, Done)] == [
        ["1", "1"],
        ["1", "1"],
    ]


@pytest.mark.parametrize("jobs", [0, -1])
def test_jobs_out_of_range(jobs: int) -> None:
    with pytest.raises(InputError, match=f"jobs={jobs}"):
        run(misbehave, [1], jobs=jobs)


def test_default_jobs() -> None:
    assert default_jobs(1) == 1
    assert default_jobs(0) == 1
    assert 1 <= default_jobs() == default_jobs(10_000)


SCRIPT = """
import signal, sys, time
from earmark.workers import run
sys.path.insert(0, {tests!r})
from tasks import misbehave

if __name__ == "__main__":
    sources = iter(["slow", 1, 2, 3] + ["slow"] * 1000)
    try:
        for result in run(misbehave, sources, jobs=2):
            print(result.source, flush=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals to one process")
@pytest.mark.parametrize(
    ("signum", "status", "last"), [(signal.SIGINT, 0, "interrupted"), (signal.SIGTERM, -15, None)]
)
def test_signals_stop_cleanly_and_keep_what_is_finished(
    tmp_path: Path, signum: int, status: int, last: str | None
) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(tests=str(Path(__file__).parent)))
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline().strip() for _ in range(4)]
    process.send_signal(signum)
    rest, _ = process.communicate(timeout=20)
    assert lines == ["slow", "1", "2", "3"]
    assert process.returncode == status
    assert last is None or rest.splitlines()[-1] == last
    assert len(rest.splitlines()) < 100


def test_failed_keeps_the_kind_of_error_across_processes() -> None:
    (result,) = [r for r in run(misbehave, ["missing", 1], jobs=2) if isinstance(r, Failed)]
    assert type(result.error) is AudioNotFoundError and isinstance(result.error, EarmarkError)


# ---------------------------------------------------------------- deadlines and memory


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes and signals")
@pytest.mark.parametrize("jobs", [1, 2])
def test_what_hangs_is_reported_and_the_others_are_done(tmp_path: Path, jobs: int) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    sources = ["a", "sleep", "loop", str(pipe), "ignores signals", "b"]
    results = list(run(hang, sources, jobs=jobs, deadline=no_time_for_hangs))
    assert [result.source for result in results] == sources
    assert [isinstance(result, Done) for result in results] == [True, False, False, False, False, True]
    for result in results[1:-1]:
        assert isinstance(result, Failed) and type(result.error) is DeadlineError
        assert result.error.code == "deadline" and "deadline=1.5 s" in result.error.message
        assert "--deadline" in result.error.hint


def test_a_deadline_function_that_hangs_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at a file of a hung share does not come back; it is taken in the worker."""
    monkeypatch.setattr("earmark.workers.pool.LOOK_SECONDS", 1.5)
    first, second = run(hang, ["hung", "b"], jobs=1, deadline=hang_in_deadline)
    assert isinstance(first, Failed) and first.error.code == "deadline" and isinstance(second, Done)


def test_the_default_deadline_grows_with_the_file(tmp_path: Path) -> None:
    small, large = tmp_path / "a", tmp_path / "b"
    small.write_bytes(b"x")
    with large.open("wb") as file:
        file.truncate(10_000_000)
    assert default_deadline(small) == pytest.approx(120, abs=1)
    assert default_deadline(str(large)) == pytest.approx(520)
    assert default_deadline(tmp_path / "gone") == 120 and default_deadline(object()) == 4 * 3600
    with large.open("wb") as file:
        file.truncate(10**12)
    assert default_deadline(large) == 4 * 3600


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has such a limit")
@pytest.mark.parametrize("function", [take_memory, take_memory_in_c])
def test_a_task_that_wants_too_much_memory_is_reported(function: Any) -> None:
    sources = [1_000_000, 4_000_000_000, 2_000_000]
    first, greedy, last = run(function, sources, jobs=1, memory=500_000_000)
    assert isinstance(first, Done) and isinstance(last, Done)
    assert isinstance(greedy, Failed) and type(greedy.error) is MemoryLimitError
    assert greedy.error.code == "memory" and greedy.error.hint


def test_the_default_of_memory_is_less_than_there_is() -> None:
    memory = default_memory()
    assert memory is None or 100_000_000 < memory < 2**48


@pytest.mark.parametrize("options", [{"deadline": 0}, {"deadline": -1.0}, {"memory": 0}])
def test_limits_out_of_range(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"{next(iter(options))}=.*Accepted: a positive number"):
        run(misbehave, [1], **options)


# ---------------------------------------------------------------- the pool


def test_tasks_of_a_pool_are_futures(tmp_path: Path) -> None:
    with Pool(setup=partial(count_of_setups, tmp_path / "made"), jobs=1) as pool:
        called: list[Any] = []
        task = pool.submit(with_state, 1)
        task.add_done_callback(called.append)
        assert task.result(60) == Done(1, "made 1") and called == [task]
        assert asyncio.run(awaited(pool)) == [Done(2, "made 2"), Done(3, "made 3")]
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(CancelledError, match="closed"):
        pool.submit(with_state, 1)


async def awaited(pool: Pool) -> list[Any]:
    return await asyncio.gather(*(asyncio.wrap_future(pool.submit(with_state, n)) for n in (2, 3)))


def test_a_task_can_be_cancelled_before_and_while_it_runs() -> None:
    with Pool(jobs=1) as pool:
        running, pending, after = (pool.submit(misbehave, name) for name in ("forever", "next", 3))
        wait_until(lambda: not pool._pending or (pool._workers and pool._workers[0].task is running))
        assert pending.cancel() and running.cancel()
        for task in (running, pending):
            outcome = task.result(60)
            assert isinstance(outcome, Failed) and type(outcome.error) is CancelledError
        assert after.result(60) == Done(3, 6) and not after.cancel()


def test_closing_a_pool_ends_its_tasks() -> None:
    pool = Pool(jobs=1)
    tasks = [pool.submit(misbehave, "forever"), pool.submit(misbehave, 1)]
    pool.close()
    assert {task.result(60).error.code for task in tasks} == {"cancelled"}
    pool.close()


def test_workers_are_replaced_after_some_tasks() -> None:
    with Pool(jobs=1, max_tasks=2) as pool:
        pids = [
            result.value[1] for result in pool.map(number_and_process, range(5)) if isinstance(result, Done)
        ]
    assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4]


def test_threads_share_a_pool() -> None:
    """As the threads of a web server do: each gets its own results."""
    with Pool(jobs=2) as pool, ThreadPoolExecutor(4) as threads:
        asked = [range(n, n + 20) for n in range(4)]
        results = list(threads.map(lambda ns: list(pool.map(misbehave, ns)), asked))
    assert results == [[Done(n, 2 * n) for n in ns] for ns in asked]


# ---------------------------------------------------------------- containers


def grouped(root: Path, cgroup: str, mountinfo: str, files: dict[str, str]) -> Path:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(cgroup)
    (root / "proc/self/mountinfo").write_text(mountinfo)
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


V2 = "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = (
    "32 31 0:29 {top} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 {top} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
)
QUOTAS: dict[str, tuple[str, str, dict[str, str], float | None]] = {
    "version 2, in a container": ("0::/\n", V2, {"cpu.max": "50000 100000\n"}, 0.5),
    "version 2, no limit": ("0::/a\n", V2, {"cpu.max": "max 100000\n", "a/cpu.max": "max 100000\n"}, None),
    "version 2, nested": (
        "0::/a/b\n",
        V2,
        {"a/cpu.max": "150000 100000\n", "a/b/cpu.max": "max 100000\n"},
        1.5,
    ),
    "version 1": (
        "4:memory:/\n2:cpu,cpuacct:/a\n",
        V1.format(top="/"),
        {"cpu,cpuacct/a/cpu.cfs_quota_us": "200000\n", "cpu,cpuacct/a/cpu.cfs_period_us": "100000\n"},
        2.0,
    ),
    "version 1, no limit": (
        "2:cpuacct,cpu:/\n",
        V1.format(top="/"),
        {"cpu,cpuacct/cpu.cfs_quota_us": "-1\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"},
        None,
    ),
    "version 1, in a container that sees the names of its host": (
        "2:cpu,cpuacct:/docker/abc\n",
        V1.format(top="/docker/abc"),
        {"cpu,cpuacct/cpu.cfs_quota_us": "50000\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"},
        0.5,
    ),
    "nothing mounted": ("0::/\n", "", {}, None),
    "damaged": ("0::/\n", V2, {"cpu.max": "much\n"}, None),
}


@pytest.mark.parametrize("case", QUOTAS)
def test_the_quota_of_a_container_is_seen(tmp_path: Path, case: str) -> None:
    cgroup, mountinfo, files, expected = QUOTAS[case]
    files = {f"sys/fs/cgroup/{name}": content for name, content in files.items()}
    assert cpu_quota(grouped(tmp_path, cgroup, mountinfo, files)) == expected


@pytest.mark.parametrize(("quota", "jobs"), [(0.5, 1), (1.5, 2), (2.0, 2), (None, 8), (64.0, 8)])
def test_jobs_are_what_quota_and_processors_allow(
    monkeypatch: pytest.MonkeyPatch, quota: float | None, jobs: int
) -> None:
    monkeypatch.setattr("earmark.workers.machine.cpu_quota", lambda: quota)
    monkeypatch.setattr("earmark.workers.machine._n_processors", lambda: 8)
    assert default_jobs(100) == jobs and default_jobs(1) == 1


def test_the_memory_of_a_container_is_seen(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/memory.max": "1000000\n", "sys/fs/cgroup/a/memory.max": "max\n"}
    assert memory_limit(grouped(tmp_path, "0::/a\n", V2, files)) == 1_000_000
