"""docs/newcomer.md keeps its word: every command, in order, in an empty folder."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnx")
pytest.importorskip("optuna")

PAGE = (Path(__file__).parents[2] / "docs" / "newcomer.md").read_text()
BLOCKS = re.findall(r"^\*\*(\d+)\. .*?^```bash\n(.*?)^```$", PAGE, re.M | re.S)


def test_there_are_ten() -> None:
    assert [int(number) for number, _ in BLOCKS] == list(range(1, 11))
    assert all(command.startswith("earmark ") for _, command in BLOCKS[1:])


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="a shell")
def test_each_of_them_works(tmp_path: Path) -> None:
    program = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{program}{os.pathsep}{os.environ['PATH']}",
        "EARMARK_CACHE": str(tmp_path / "cache"),
    }
    output = {}
    for number, command in BLOCKS:
        done = subprocess.run(
            command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{number}. {command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        output[int(number)] = done.stdout
    assert "track accuracy" in output[3] and "12 tracks" in output[3]
    assert "house" in output[4] and "grouped, test" in output[5] and "brightness" in output[9]
    with open(tmp_path / "genres.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 60
    right = sum(row["source"].split("/")[1] in row["genre"] for row in rows)
    assert right >= 57
