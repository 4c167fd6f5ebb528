"""The files of deploy/ name only what there is: options, variables, extras, paths."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from earmark.cli.app import app

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
FILES = sorted(DEPLOY.iterdir())
TEXTS = {path.name: path.read_text() for path in FILES}


def serve_help() -> str:
    return CliRunner().invoke(app, ["serve", "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}).output


@pytest.mark.parametrize("name", TEXTS)
def test_options_exist(name: str) -> None:
    lines = [line for line in TEXTS[name].splitlines() if "serve" in line]
    options = {option for line in lines for option in re.findall(r"--[a-z][a-z-]+", line)}
    known = serve_help()
    assert {option for option in options if option not in known} == set()


def test_some_options_were_looked_up() -> None:
    assert sum("serve" in text for text in TEXTS.values()) >= 5
    assert "--nothing-of-the-kind" not in serve_help()


@pytest.mark.parametrize("name", TEXTS)
def test_variables_are_read_somewhere(name: str) -> None:
    source = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    for variable in set(re.findall(r"\bEARMARK_[A-Z_]+", TEXTS[name])):
        assert f'"{variable}"' in source, f"{name} sets {variable}, which nothing reads"


def test_extras_of_the_container_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = re.search(r'"\.\[([a-z,]+)\]"', TEXTS["Containerfile"])
    assert named is not None
    assert set(named[1].split(",")) <= set(extras)


def test_the_container_copies_what_is_there() -> None:
    for line in re.findall(r"^COPY (?!--)(.+)$", TEXTS["Containerfile"], re.MULTILINE):
        *sources, _ = line.split()
        assert all((ROOT / source).exists() for source in sources), line


@pytest.mark.parametrize("name", [name for name in TEXTS if name.endswith(".yaml")])
def test_secrets_are_not_in_the_files(name: str) -> None:
    for document in yaml.safe_load_all(TEXTS[name]):
        for token in re.findall(r"EARMARK_TOKEN['\"]?: ['\"]?([^$\s'\"].*)", yaml.safe_dump(document)):
            pytest.fail(f"{name} holds a token: {token}")


def test_nobody_is_root() -> None:
    assert re.search(r"^USER [1-9]", TEXTS["Containerfile"], re.MULTILINE)
    assert re.search(r"^User=(?!root)\w+$", TEXTS["earmark.service"], re.MULTILINE)
    pod = next(d for d in yaml.safe_load_all(TEXTS["kubernetes.yaml"]) if d["kind"] == "Deployment")
    assert pod["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"] is True
