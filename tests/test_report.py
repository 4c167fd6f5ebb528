"""Reports: nothing breaks out of its place or is loaded from elsewhere, charts draw what they are given."""

from __future__ import annotations

import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from earmark.errors import InputError, OutputError
from earmark.report import (
    Bar,
    Html,
    Line,
    Section,
    audio,
    bar_chart,
    card,
    columns,
    encode_sound,
    facts,
    figure,
    fold,
    line_chart,
    matrix_chart,
    notice,
    page,
    save_page,
    table,
    text,
)

VOID = {"meta", "img", "br", "hr", "link"}
EVIL = "<script>alert(\"1\")</script> & 'x' \x00\x1b[31m \udce9"


class Reader(HTMLParser):
    """Tags in order, with every tag that is opened also closed, and the text between."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(document)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def png() -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"rest"


def full_page(words: str = "plain") -> str:
    parts = [
        text(words),
        words,
        notice(words),
        facts({words: 0.5}, notes={words: words}),
        table([words, "n"], [[words, 3], [None, float("nan")]], caption=words),
        figure(png(), caption=words),
        audio(b"ID3rest", label=words),
        audio(words or "x", label=words),
        columns(words, text(words)),
        card(words, words, text(words)),
        fold(words, words),
        figure(bar_chart([Bar(words, 0.4, 0.3, 0.6, words)]), caption=words),
        figure(line_chart([Line(words, [0, 1], [1, 2])], x_label=words, y_label=words)),
        matrix_chart([[1, 2]], [words], [words, "other"], corner=words),
    ]
    return page(words, [Section(words, parts, words)] * 3, subtitle=words, footer=words)


def test_a_page_is_well_formed_and_names_its_sections() -> None:
    reader = Reader(full_page())
    assert [attrs["href"] for attrs in reader.named("a")] == ["#s0", "#s1", "#s2"]
    assert [attrs["id"] for attrs in reader.named("section")] == ["s0", "s1", "s2"]


@pytest.mark.parametrize("words", [EVIL, "</style></title>", "\" onload='x'", "javascript:alert(1)", "]]>"])
def test_text_never_becomes_markup(words: str) -> None:
    plain, evil = Reader(full_page()), Reader(full_page(words))
    assert [tag for tag, _ in evil.tags] == [tag for tag, _ in plain.tags]
    assert [sorted(attrs) for tag, attrs in evil.tags if tag != "audio"] == [
        sorted(attrs) for tag, attrs in plain.tags if tag != "audio"
    ]


@example("\ud800 \udce9")  # halves of characters, as JSON may have them and as odd bytes of a name come
@given(st.text(st.characters(), min_size=1, max_size=40))
def test_any_text_can_be_written(words: str) -> None:
    document = page(words, [Section(words, [words, table([words], [[words]])])])
    document.encode("utf-8")
    assert [tag for tag, _ in Reader(document).tags].count("p") == 1


def test_an_odd_byte_of_a_name_is_one_mark() -> None:
    assert text("caf\udce9\ud800.mp3") == "<p>caf\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}.mp3</p>"


def test_only_sound_that_the_page_carries_is_looked_into_at_once() -> None:
    assert 'preload="metadata"' in audio(b"ID3rest") and 'preload="none"' in audio("a.mp3")


def test_nothing_is_loaded_from_elsewhere() -> None:
    reader = Reader(full_page("a.mp3"))
    policy = next(
        a["content"] for a in reader.named("meta") if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None and policy.startswith("default-src 'none'") and "http" not in policy
    assert not {tag for tag, _ in reader.tags} & {"script", "link", "iframe", "object"}
    addresses = [a["src"] or "" for _, a in reader.tags if "src" in a]
    assert all(address.startswith("data:") or address == "a.mp3" for address in addresses)


def test_addresses_of_sound_keep_odd_names(tmp_path: Path) -> None:
    absolute = tmp_path / "ä #1?.mp3"
    assert f'src="{absolute.as_uri()}"' in audio(absolute)
    assert 'src="javascript%3Aalert%281%29"' in audio("javascript:alert(1)")
    assert 'src="b%E9.mp3"' in audio("b\udce9.mp3")


def test_bytes_of_an_unknown_kind_are_refused() -> None:
    with pytest.raises(InputError, match=r"picture begins with b'GIF8'.*png"):
        figure(b"GIF89a")
    with pytest.raises(InputError, match=r"sound begins with"):
        audio(b"MThd")


def test_sound_is_encoded_small_and_unclipped(tmp_path: Path) -> None:
    from earmark.audio import load

    sr = 22050
    y = (1.5 * np.sin(2 * np.pi * 440 * np.arange(4 * sr) / sr)).astype(np.float32)
    data = encode_sound(y, sr)
    assert len(data) < len(y) and 'src="data:audio/mpeg' in audio(data)
    heard = load(data, sr=sr).y
    middle = heard[sr : 2 * sr]
    assert np.abs(middle).max() == pytest.approx(1.0, abs=0.05)
    power = np.abs(np.fft.rfft(middle)) ** 2
    assert power.argmax() == 440 and power[430:450].sum() / power.sum() > 0.999  # a sine still: no clipping


def test_cells() -> None:
    made = table(
        ["name", "x"], [["a", 0.12345], ["b", None], ["c", np.float64("nan")], ["d", Html("<b>y</b>")]]
    )
    assert '<td class="n">0.123</td>' in made and "<td>–</td>" in made and "<td><b>y</b></td>" in made
    assert '<th scope=col class="n">x</th>' in made and "<th scope=col>name</th>" in made
    assert "<td>yes</td>" in table(["a", "b"], [["x", True]])
    with pytest.raises(InputError, match="a row has 1 cells, the header has 2"):
        table(["a", "b"], [["x"]])


def test_notices_are_of_two_kinds() -> None:
    with pytest.raises(InputError, match="kind='loud'"):
        notice("x", kind="loud")


def widths(chart: Html) -> list[float]:
    return [float(r.attrib["width"]) for r in ElementTree.fromstring(chart).iter("rect")]


def test_bars_are_as_long_as_their_values() -> None:
    chart = bar_chart([Bar("a", 0.25), Bar("b", 0.5), Bar("c", 1.0), Bar("d", 7.0), Bar("e", float("nan"))])
    a, b, c, d = widths(chart)
    assert b == pytest.approx(2 * a, abs=0.3) and c == pytest.approx(4 * a, abs=0.3) and d == c
    assert ">25 %<" in chart and "nan" not in chart
    with pytest.raises(InputError, match="limit=0"):
        bar_chart([], limit=0)


def test_whiskers_span_the_interval() -> None:
    chart = bar_chart([Bar("a", 0.5, 0.4, 0.6), Bar("b", 1.0)])
    full = widths(chart)[1]
    found = re.search(r'class="whisker" d="M([\d.]+) [\d.]+H([\d.]+)', chart)
    assert found and float(found[2]) - float(found[1]) == pytest.approx(0.2 * full, abs=0.2)


def points(chart: Html) -> list[tuple[float, float]]:
    path = next(p.attrib["d"] for p in ElementTree.fromstring(chart).iter("path") if p.get("class") == "line")
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)]


def test_lines_go_through_their_points() -> None:
    (x0, y0), (x1, y1), (x2, y2) = points(line_chart([Line("a", [0, 1, 4], [0, 1, 4], dots=True)]))
    assert x1 - x0 == pytest.approx((x2 - x0) / 4, abs=0.1) and y0 - y1 == pytest.approx(
        (y0 - y2) / 4, abs=0.1
    )
    assert x2 > x0 and y2 < y0  # up is up


def test_lines_break_where_nothing_is_known() -> None:
    chart = line_chart([Line("a", [0, 1, 2, 3], [0, 1, float("nan"), 2], low=[0] * 4, high=[2] * 4)])
    assert len(points(chart)) == 3 and chart.count("M", chart.index('class="line"')) == 2
    assert "nan" not in chart
    ElementTree.fromstring(line_chart([Line("none", [], []), Line("one", [1.0], [5.0])]))
    with pytest.raises(InputError, match=r"x has shape \(2,\), y has \(1,\)"):
        line_chart([Line("a", [0, 1], [0])])


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_few_and_inside(low: float, span: float) -> None:
    from earmark.report.charts import _ticks

    high = low + span
    if high - low < 1e-9 * abs(low):
        return
    ticks = _ticks(low, high)
    room = 1e-6 * (high - low) + 1e-9 * abs(low)
    assert 1 <= len(ticks) <= 7 and all(low - room <= tick <= high + room for tick in ticks)


def test_matrix_marks_what_is_right() -> None:
    chart = matrix_chart([[9, 1], [0, 0]], ["a", "b"], ["a", "b"], corner="truth")
    cells = Reader(chart).named("td")
    assert [cell["class"] for cell in cells[:2]] == ["own strong", ""]
    assert cells[0]["title"] == "a → a: 9, 90%" and "--w:0.95" in (cells[0]["style"] or "")
    with pytest.raises(InputError, match=r"counts has shape \(1, 1\)"):
        matrix_chart([[1]], ["a", "b"], ["a"])


def test_the_same_report_gives_the_same_bytes() -> None:
    assert zlib.crc32(full_page().encode()) == zlib.crc32(full_page().encode())


def test_a_page_is_saved_whole_or_not_at_all(tmp_path: Path) -> None:
    save_page("x" * 10, tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text() == "x" * 10
    with pytest.raises(OutputError, match="cannot write"):
        save_page("y", tmp_path / "no" / "r.html")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(OutputError):
        save_page("y", tmp_path / "folder.html")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.html", "r.html"]
