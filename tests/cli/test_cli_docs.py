"""Help and docs/cli.md say what the commands take: every command, every option."""

from __future__ import annotations

import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_cli import Run, run  # noqa: F401 (run is a fixture)

from earmark.cli import commands
from earmark.cli.app import load
from earmark.cli.index import COMMANDS, GROUPS, overview

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
NAMES = list(COMMANDS)


def options_of(name: str) -> list[str]:
    """Options of a command, as it will parse them."""
    params = load(name).params
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
    assert " ".join(COMMANDS[name].split()[:4]) in outcome.out


@pytest.mark.parametrize("name", NAMES)
def test_the_index_has_the_first_line_of_each_command(name: str) -> None:
    assert (load(name).help or "").splitlines()[0] == COMMANDS[name]


def test_every_module_of_a_command_is_in_the_index() -> None:
    modules = {module.name for module in pkgutil.iter_modules(commands.__path__)}
    assert modules == set(COMMANDS)


def test_the_overview_names_every_command(run: Run) -> None:  # noqa: F811
    outcome = run("--help")
    assert outcome.status == 0 and outcome.out.strip() == overview().strip()
    assert all(title in outcome.out for title in GROUPS)
    for name in NAMES:
        assert re.search(rf"^  {name} ", outcome.out, re.M) and f"earmark {name} " in PAGE.split("```")[1]


def test_the_overview_is_shown_without_the_library_of_the_command_line() -> None:
    code = "import sys; sys.argv = ['earmark', '--help']; from earmark.cli import main; main();"
    code += "assert not {'typer', 'rich', 'numpy'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == overview()


def test_a_command_is_loaded_without_the_others() -> None:
    code = "import sys; from earmark.cli.app import load; load('doctor');"
    code += "print(*[m for m in sys.modules if m.startswith('earmark.cli.commands.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["earmark.cli.commands.doctor"]


def test_a_misspelt_command_is_answered_with_the_nearest(run: Run) -> None:  # noqa: F811
    outcome = run("clasify", "song.mp3")
    assert outcome.status == 2 and "Did you mean 'classify'?" in outcome.err


@pytest.mark.parametrize("name", NAMES)
def test_options_of_one_name_mean_one_thing_in_every_command(name: str) -> None:
    for param in load(name).params:
        if "--json" in param.opts or "--force" in param.opts:
            assert param.is_flag, f"{name} {param.opts}: a switch everywhere"
        if "-o" in param.opts or "--output" in param.opts:
            assert {"-o", "--output"} <= set(param.opts), f"{name} {param.opts}: both spellings everywhere"
        assert not {"--out", "--write"} & set(param.opts), f"{name} {param.opts}: it is --output"


def test_pictures_that_the_page_shows_are_there() -> None:
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", PAGE):
        assert (Path(__file__).parents[2] / "docs" / picture).is_file(), picture
