"""A batch answers for every source, whatever some of them do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import AudioNotFoundError, CrashError, EarmarkError, InputError, InternalError
from earmark.workers import Done, Failed, default_jobs, run


def misbehave(source: Any) -> Any:
    """Do what the source says; everything else is doubled."""
    match source:
        case "missing":
            raise AudioNotFoundError("no file 'missing'", hint="Look again.")
        case "bug":
            raise ZeroDivisionError("division\nby zero")
        case "segfault":
            signal.raise_signal(signal.SIGSEGV)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os._exit(7)
        case "sys.exit":
            sys.exit(3)
        case "unpicklable":
            return lambda: None
        case "slow":
            time.sleep(0.5)
    return source * 2


def first_after_second(path: Path) -> None:
    """Finish the first only when the second's result has long been sent."""
    if path.name == "second":
        path.touch()
        return
    until = time.monotonic() + 20
    while not path.with_name("second").exists() and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.3)


def number_and_process(source: int) -> tuple[int, int]:
    return source, os.getpid()


def count_of_setups(counter: Path) -> Path:
    counter.with_name(f"{counter.name}.{os.getpid()}").touch(exist_ok=False)
    return counter


def with_state(state: Path, source: int) -> str:
    return f"{state.name} {source}"


def fail_setup() -> None:
    raise AudioNotFoundError("no weights", hint="Fetch them.")


def break_setup() -> None:
    raise RuntimeError("broken")


def die_in_setup() -> None:
    os._exit(9)


def thread_limits(_: int) -> list[str | None]:
    return [os.environ.get("OMP_NUM_THREADS"), os.environ.get("OPENBLAS_NUM_THREADS")]


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
    sources = [tmp_path / "first", tmp_path / "second"]
    results = run(first_after_second, sources, jobs=2, in_order=in_order)
    assert [result.source.name for result in results] == expected


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
from test_workers import misbehave

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
