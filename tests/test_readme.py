"""The README leads to every page of the documentation, and its list of pages names each once."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def linked(text: str) -> list[str]:
    return re.findall(r"\]\((?!http)([^)#]+)", text)


def test_every_page_can_be_reached() -> None:
    pages = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    assert pages and pages <= set(linked(README))
    assert [link for link in linked(README) if not (ROOT / link).exists()] == []


def test_the_list_names_each_page_once() -> None:
    pages = linked(README.split("\n## More\n")[1])
    assert [page for page, n in Counter(pages).items() if n > 1] == []
