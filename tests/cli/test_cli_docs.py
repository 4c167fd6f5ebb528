"""Help and docs/cli.md say what the commands take: every command, every option."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from test_cli import Run, run  # noqa: F401 (run is a fixture)
from typer.main import get_command

from earmark.cli.app import COMMANDS, app

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
NAMES = [command.__name__ for command in COMMANDS]


def options_of(name: str) -> list[str]:
    """Options of a command, as it will parse them."""
    params = get_command(app).commands[name].params  # type: ignore[attr-defined]
    return [option for param in params if param.param_type_name == "option" for option in param.opts]


def section(name: str) -> str:
    found = re.search(rf"^## earmark {name}$(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    assert found, f"docs/cli.md has no section on {name}"
    return found[1]


def test_options_are_found() -> None:
    assert {"--json", "--csv", "--top", "--labels", "--jobs", "--plot"} <= set(options_of("classify"))
    assert {"--output", "-o"} <= set(options_of("features"))


@pytest.mark.parametrize("name", NAMES)
def test_the_page_has_every_option_and_no_other(name: str) -> None:
    text = section(name)
    for option in options_of(name):
        assert f"`{option}" in text, f"{option} of {name} is not in docs/cli.md"
    rows = re.findall(r"^\| `(--[a-z-]+)", text, re.M)
    assert set(rows) <= set(options_of(name))


@pytest.mark.parametrize("name", NAMES)
def test_help(run: Run, name: str) -> None:  # noqa: F811
    outcome = run(name, "--help")
    assert outcome.status == 0 and outcome.err == ""
    for option in options_of(name):
        assert option in outcome.out
    first_line = (inspect.getdoc(next(c for c in COMMANDS if c.__name__ == name)) or "").splitlines()[0]
    assert " ".join(first_line.split()[:4]) in outcome.out


def test_the_overview_names_every_command(run: Run) -> None:  # noqa: F811
    outcome = run("--help")
    assert outcome.status == 0
    for name in NAMES:
        assert re.search(rf"│ {name} ", outcome.out) and f"earmark {name} " in PAGE


def test_pictures_that_the_page_shows_are_there() -> None:
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", PAGE):
        assert (Path(__file__).parents[2] / "docs" / picture).is_file(), picture
