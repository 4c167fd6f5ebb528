"""The query language: what people type, what it is read as, and what is said where it cannot be read."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from queries import QUERIES

from earmark.errors import InputError
from earmark.library import keys
from earmark.library.mixing import camelot
from earmark.library.query import (
    And,
    Choice,
    Keys,
    Label,
    Missing,
    Not,
    Or,
    Range,
    Words,
    format_query,
    formatter,
    from_arguments,
    parse,
    parser,
)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("", And()),
        ("genre:jazz", Label("genre", "jazz")),
        ("genre:jazz>0.3", Label("genre", "jazz", 0.3, above=True)),
        ('Genres:"hip hop">=30%', Label("genre", "hip hop", 0.3)),
        ("genre:jazz<0.3", And((Not(Missing("genre")), Not(Label("genre", "jazz", 0.3))))),
        ("genre:jazz,blues", Or((Label("genre", "jazz"), Label("genre", "blues")))),
        ("genre:none", Missing("genre")),
        ("voice:instrumental", Label("voice", "instrumental")),
        ("Vocals:sung", Label("voice", "sung")),
        ("instruments:piano>0.3", Label("instrument", "piano", 0.3, above=True)),
        ("-instrument:drums", Not(Label("instrument", "drums"))),
        ("voice:none", Missing("voice")),
        ("bpm:90..110", Range("bpm", 90, 110)),
        ("tempo:110-90", Range("bpm", 90, 110)),
        ("bpm:>90", Range("bpm", 90, None, is_open=True)),
        ("bpm<=110", Range("bpm", None, 110)),
        ("bpm:120", Range("bpm", 119.5, 120.5)),
        ("bpm:120.5", Range("bpm", 120.45, 120.55)),
        ("score>80%", Range("score", 0.8, None, is_open=True)),
        ("bpm-confidence>0.7", Range("bpm-confidence", 0.7, None, is_open=True)),
        ("tempo-confidence:>70%", Range("bpm-confidence", 0.7, None, is_open=True)),
        ("key-confidence:0.5..0.8", Range("key-confidence", 0.5, 0.8)),
        ("key-confidence:none", Missing("key-confidence")),
        ("year:1970..", Range("year", 1970, None)),
        ("year:1970s", Range("year", 1970, 1979)),
        ("year:80s", Range("year", 1980, 1989)),
        ("year:1969", Range("year", 1969, 1969)),
        ("duration:>5m", Range("duration", 300, None, is_open=True)),
        ("length:4:30..1h30m", Range("duration", 270, 5400)),
        ("added:<7d", Range("added", None, 604800, is_open=True, is_ago=True)),
        ("added:7d", Range("added", None, 604800, is_ago=True)),
        ("added:1970-01-02", Range("added", 86400, 172800)),
        ("added>1970-01", Range("added", 31 * 86400, None, is_open=True)),
        ("key:Am", Keys(("A minor",))),
        ("key:8B,Gb", Keys(("C major", "F# major"))),
        ("key:none", Missing("key")),
        ("is:vanished", Choice("is", "vanished")),
        ("is:unsure", Choice("verdict", "unsure")),
        ("state:failed", Choice("state", "failed")),
        ("format:.FLAC", Choice("ext", "flac")),
        ("blue moon*", And((Words("blue"), Words("moon", prefix=True)))),
        ('"blue moon"*', Words("blue moon", prefix=True)),
        (r'title:"a \"b\" \\ c"', Words(r'a "b" \ c', field="title")),
        ("a or b c", Or((Words("a"), And((Words("b"), Words("c")))))),
        ("(a or b) -c", And((Or((Words("a"), Words("b"))), Not(Words("c"))))),
        ("NOT (a b)", Not(And((Words("a"), Words("b"))))),
        ("Simon & Garfunkel - Live", And((Words("Simon"), Words("Garfunkel"), Words("Live")))),
        ("12:30", Words("12:30")),
        ("a -", Words("a")),
        ("x !!! or y", Or((Words("x"), Words("y")))),
        ("Mission: x", And((Words("Mission:"), Words("x")))),
        ("http://example.org/a", Words("http://example.org/a")),
    ],
)
def test_a_query_is_read_as_people_mean_it(text: str, node: object) -> None:
    assert parse(text) == node


@pytest.mark.parametrize(
    ("text", "at", "words"),
    [
        ("a genr:jazz", 3, "Try: genre"),
        ("genre:", 1, "without a value"),
        ("(a", 1, "not closed"),
        ("a)", 2, "without '('"),
        ("a or", 5, "nothing after"),
        ("or a", 1, "nothing before"),
        ("()", 2, "nothing before"),
        ("!!!", 1, "no letter"),
        ('a "b', 3, "not closed"),
        ("bpm:fast", 5, "120, 90..110"),
        ("bpm:..", 5, "90..110"),
        ("bpm>90..110", 5, "90..110"),
        ("year:12345", 6, "1970s"),
        ("added:2026-13", 7, "2026-05"),
        ("added:7d..2026", 7, "7d"),
        ("key:H#x", 5, "8A"),
        ("is:vanishd", 4, "Try: vanished"),
        ("verdict:unsur", 9, "Try: unsure"),
        ("genre:jazz>0.01", 7, "0.05 to 1"),
        ("genre:jazz>2", 7, "0.05 to 1"),
        ("genre>0.3", 7, "genre:LABEL>0.3"),
        ("title<3", 1, "title:VALUE"),
        ("(" * 60 + "a" + ")" * 60, 41, "up to 40"),
        ("NOT " * 60 + "a", 161, "up to 40"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(text: str, at: int, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert f"at character {at}" in caught.value.message and words in str(caught.value)
    assert caught.value.hint.startswith(("Accepted: ", "Try: ")) and caught.value.hint.endswith(".")


def test_a_query_has_an_end() -> None:
    for text, words in (("a" * 5000, "5,000 characters"), ("a " * 300, "300 terms")):
        with pytest.raises(InputError, match=words):
            parse(text)
    with pytest.raises(InputError, match="1 to 50 values"):
        parse("genre:" + ",".join(["a"] * 60))


@given(QUERIES)
@settings(max_examples=400, deadline=None)
def test_a_query_is_written_as_it_is_read(text: str) -> None:
    node = parse(text)
    assert parse(format_query(node)) == node


@given(st.text(alphabet='ab:-(") *<>=.,|!\\019%os\0\n\udc80é♯', max_size=30) | st.text(max_size=30))
@settings(max_examples=600, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        node = parse(text)
    except InputError as error:
        assert error.hint
    else:
        assert parse(format_query(node)) == node


@pytest.mark.parametrize(
    ("spelling", "key"),
    [
        ("Am", "A minor"), ("am", "A minor"), ("a minor", "A minor"), ("A-moll", "A minor"),
        ("Amin", "A minor"),
        ("AM", "A major"), ("A", "A major"), ("A Dur", "A major"), ("F#", "F# major"), ("Gb", "F# major"),
        ("F♯m", "F# minor"), ("g flat minor", "F# minor"), ("fis-moll", "F# minor"), ("Es-Dur", "D# major"),
        ("As-Dur", "G# major"), ("h-moll", "B minor"), ("b-moll", "A# minor"), ("Bm", "B minor"),
        ("Cb", "B major"), ("8A", "A minor"), ("08a", "A minor"), ("8B", "C major"), ("12B", "E major"),
        ("1m", "A minor"), ("1d", "C major"), ("6d", "B major"),
    ],
)  # fmt: skip
def test_a_key_is_known_in_every_spelling(spelling: str, key: str) -> None:
    assert keys.keys_of(spelling) == (key,)


@pytest.mark.parametrize("text", ["", "Z", "13A", "0A", "Amx", "As", "A#b", "nothing", "8", "A  minor major"])
def test_what_is_no_key_is_none(text: str) -> None:
    assert keys.keys_of(text) == ()


def test_the_wheel_has_each_key_once() -> None:
    places = {"".join(map(str, camelot(key) or ())): key for key in keys.KEYS}
    assert len(places) == 24 and all(keys.keys_of(place) == (key,) for place, key in places.items())
    assert len(keys.keys_of("minor")) == len(keys.keys_of("Major")) == 12


def test_what_a_shell_took_for_one_argument_stays_one_value() -> None:
    assert from_arguments(["artist:miles davis", "-genre:hip hop"]) == 'artist:"miles davis" -genre:"hip hop"'
    for whole in (
        "artist:miles bpm:90..110",
        "artist:miles or b",
        "artist:miles -b",
        'artist:"a b" c',
        "bpm:1 x",
    ):
        assert from_arguments([whole]) == whole


def test_the_examples_hold() -> None:
    for module in (parser, formatter, keys):
        assert doctest.testmod(module).failed == 0
