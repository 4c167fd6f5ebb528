"""Searching a library: SQL finds what plain Python finds row by row."""

from __future__ import annotations

import dataclasses
import doctest
import re
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest
from catalogues import row
from hypothesis import given, settings
from hypothesis import strategies as st
from queries import ERROR, QUERIES, YEAR_2026, fill

from earmark.errors import InputError
from earmark.library import Library, Row, Tags
from earmark.library.export import flat
from earmark.library.query import And, Choice, Keys, Label, Missing, Node, Not, Or, Range, Words, parse
from earmark.library.search import SORTS, condition_of, count, fold, search
from earmark.vocabulary import QUADRANT_WORDS

# ---------------------------------------------------------------- the meaning of a query, in plain Python

HEADS = {"genre": "genres", "mood": "moods", "quadrant": "quadrant"}
HEADS |= {"voice": "voice", "instrument": "instruments"}
LIKELY = {"genre": 500, "mood": 400, "quadrant": 500, "voice": 500}


def scores_of(track: Row, field: str) -> list[tuple[str, int]]:
    """Labels and scores in 1/1000, the first first; what the user said in place of what the model said."""
    if said := track.corrections.get(HEADS[field]):
        return [(label, 1000) for label in said]
    found = track.prediction
    if found is None or found.verdict not in ("music", "unsure"):
        return []
    if field == "quadrant":
        assert found.quadrant
        scores = sorted(found.quadrant.scores.items(), key=lambda item: -item[1])
    elif field == "voice":
        scores = sorted(found.voice.scores.items(), key=lambda item: -item[1]) if found.voice else []
    else:
        of_field = {"genre": found.genres, "mood": found.moods, "instrument": found.instruments}
        scores = [(s.label, s.score) for s in of_field[field]]
    return [(label, round(1000 * score)) for label, score in scores]


def has_label(track: Row, node: Label) -> bool:
    field, label = node.field, node.label
    words = {word: q for q, text in QUADRANT_WORDS.items() for word in text.split(", ")}
    known = {fold(name) for name, _ in scores_of(track, field)}
    if field in ("mood", "quadrant") and fold(label) not in known and label in words:
        field, label = "quadrant", words[label]
    for rank, (name, score) in enumerate(scores_of(track, field)):
        if fold(name) == fold(label):
            if node.limit is None and field == "instrument":
                return name in flat(track)["instruments"]
            if node.limit is None:
                return rank == 0 or score >= LIKELY[field]
            return score > 1000 * node.limit if node.above else score >= round(1000 * node.limit, 9)
    return False


def number_of(track: Row, field: str) -> float | None:
    found = track.prediction
    match field:
        case "year":
            return track.tags.year
        case "id":
            return track.id
        case "added" | "analysed":
            return float(getattr(track, field))
        case "score":
            scores = scores_of(track, "genre")
            return scores[0][1] / 1000 if scores else None
        case "bpm":
            return found.tempo if found else None
        case "bpm-confidence":
            return found.tempo_confidence if found else None
        case "key-confidence":
            return found.key_confidence if found else None
        case _:
            return getattr(found, field) if found else None


def words_of(text: str) -> list[str]:
    plain = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c))
    return re.findall("[a-z0-9]+", plain)


def has_words(track: Row, node: Words) -> bool:
    tags, path = track.tags, track.path
    texts = {
        "title": [tags.title], "artist": [tags.artist, tags.album_artist], "album": [tags.album],
        "path": [path],
        "tag": list(tags.genres), "": [tags.title, tags.artist, tags.album_artist, tags.album, path],
    }[node.field]  # fmt: skip
    wanted = " " + " ".join(words_of(node.text)) + ("" if node.prefix else " ")
    return any(wanted in f" {' '.join(words_of(text))} " for text in texts)


def in_range(track: Row, node: Range, now: float) -> bool:
    value = number_of(track, node.field)
    if value is None:
        return False
    low, high = node.low, node.high
    if node.is_ago:
        value = now - value
    elif node.field in ("added", "analysed"):
        local = datetime.fromtimestamp(value)
        value = local.replace(tzinfo=UTC).timestamp()
    if node.is_open:
        return (low is None or value > low) and (high is None or value < high)
    return (low is None or value >= low) and (high is None or value <= high)


def chosen(track: Row, node: Choice) -> bool:
    match node.field, node.value:
        case "is", "vanished":
            return track.vanished is not None
        case "is", "corrected":
            return bool(track.corrections)
        case "state", value:
            return track.state == value
        case "verdict", value:
            return track.prediction is not None and track.prediction.verdict == value
        case "ext", value:
            return track.path.lower().endswith(f".{value}")
        case _, value:
            return track.model is not None and track.model.name == value


def missing(track: Row, field: str) -> bool:
    if field in HEADS:
        return not scores_of(track, field)
    if field == "key":
        return track.prediction is None or track.prediction.key is None
    return number_of(track, field) is None


def holds(node: Node, track: Row, now: float) -> bool:
    match node:
        case And(parts):
            return all(holds(part, track, now) for part in parts)
        case Or(parts):
            return any(holds(part, track, now) for part in parts)
        case Not(part):
            return not holds(part, track, now)
        case Words():
            return has_words(track, node)
        case Label():
            return has_label(track, node)
        case Range():
            return in_range(track, node, now)
        case Keys(keys):
            return track.prediction is not None and track.prediction.key in keys
        case Missing(field):
            return missing(track, field)
        case Choice():
            return chosen(track, node)


@pytest.fixture(scope="module")
def library() -> Library:
    library = Library(":memory:")
    fill(library)
    return library


@given(QUERIES)
@settings(max_examples=500, deadline=None)
def test_sql_finds_what_plain_python_finds(library: Library, query: str) -> None:
    node = parse(query)
    tracks = [track for track in library.rows() if "vanished" in query or track.vanished is None]
    expected = [track.id for track in tracks if holds(node, track, YEAR_2026)]
    assert search(library, query, now=YEAR_2026) == expected
    assert count(library, query, now=YEAR_2026) == len(expected)


def test_the_random_queries_find_some_and_not_all(library: Library) -> None:
    sizes = [
        len(search(library, query)) for query in ("genre:jazz", "mood:angry", "blue", "tag:rock", "key:minor")
    ]
    assert all(0 < size < len(library) for size in sizes)


@given(st.text(max_size=40) | st.text(alphabet="abor(\") -:*'\0^{}+\udcff%_;", max_size=40))
@settings(max_examples=500, deadline=None)
def test_nothing_that_is_typed_gives_another_error_than_ours(library: Library, query: str) -> None:
    try:
        found = search(library, query)
    except InputError:
        return
    assert set(found) <= set(range(1, 61))


# ---------------------------------------------------------------- what people expect


@pytest.fixture
def empty() -> Library:
    return Library(":memory:")


def test_a_label_is_the_first_or_likely_and_corrections_win(empty: Library) -> None:
    first = empty.put(row("/a.mp3", genres={"jazz": 0.3, "rock": 0.2}))
    likely = empty.put(row("/b.mp3", genres={"rock": 0.9, "jazz": 0.5}))
    unlikely = empty.put(row("/c.mp3", genres={"rock": 0.9, "jazz": 0.4}))
    assert empty.search("genre:jazz") == [first, likely]
    assert empty.search("genre:jazz>0.35") == [likely, unlikely]
    assert empty.search("-genre:jazz") == [unlikely]
    empty.correct(first, genres=["Holiday"])
    assert empty.search("genre:jazz") == [likely] and empty.search("genre:holiday") == [first]
    assert empty.search("score>0.95") == empty.search("is:corrected") == [first]


def test_a_corrected_quadrant_is_found_in_any_spelling(empty: Library) -> None:
    id = empty.put(row("/a.mp3", genres={"jazz": 0.9}))
    empty.correct(id, quadrant=["Q3"])
    assert empty.search("quadrant:Q3") == empty.search("quadrant:sad") == empty.search("mood:gloomy") == [id]
    assert empty.search("quadrant:Q1") == []


def test_a_mood_of_the_model_goes_before_the_quadrant_of_that_name(empty: Library) -> None:
    by_word = empty.put(row("/a.mp3", genres={"pop": 1}, moods={"calm": 0.7}, quadrant=(0.1, 0.7, 0.1, 0.1)))
    by_quadrant = empty.put(
        row("/b.mp3", genres={"pop": 1}, moods={"sad": 0.7}, quadrant=(0.1, 0.1, 0.1, 0.7))
    )
    assert empty.search("mood:calm") == [by_word]
    assert empty.search("quadrant:calm") == empty.search("mood:relaxed") == [by_quadrant]


def test_voice_and_instruments_are_found(empty: Library) -> None:
    played = {"guitar": (0.9, True), "drums": (0.3, False), "piano": (0.2, True)}
    song = empty.put(row("/song.mp3", voice=(0.05, 0.85, 0.06, 0.04), instruments=played))
    tune = empty.put(row("/tune.mp3", voice=(0.6, 0.2, 0.1, 0.1), instruments={"piano": (0.4, False)}))
    older = empty.put(row("/older.mp3"))
    assert empty.search("voice:instrumental") == [tune] and empty.search("vocals:Sung") == [song]
    assert empty.search("voice:instrumental>0.9") == [] and empty.search("voice:sung>0.15") == [song, tune]
    assert empty.search("voice:none") == empty.search("instrument:none") == [older]
    assert empty.search("instrument:piano") == [song] and empty.search("instrument:piano>0.1") == [song, tune]
    assert empty.search("-instrument:drums") == [song, tune, older]
    assert empty.search("instrument:drums>0.25") == [song]
    empty.correct(tune, voice=["sung"], instruments=["drums", "theremin"])
    assert empty.search("voice:sung") == [song, tune]
    assert empty.search("instrument:drums,theremin") == [tune]
    with pytest.raises(InputError, match=r"unknown instrument 'pianoo'.*Try: piano"):
        empty.search("instrument:pianoo")


def test_a_library_of_older_models_has_no_voice_and_names_no_instrument(empty: Library) -> None:
    older = empty.put(row("/older.mp3"))
    assert empty.search("voice:instrumental") == [] and empty.search("-voice:sung") == [older]
    with pytest.raises(InputError, match="no model of this library gives the instrument"):
        empty.search("instrument:piano")


def test_vanished_tracks_are_left_out_unless_asked_for(empty: Library) -> None:
    ids = [empty.put(row(f"/{name}.mp3", genres={"jazz": 1})) for name in "ab"]
    empty.mark_vanished(ids[:1])
    assert empty.search("") == empty.search("-is:corrected") == ids[1:]
    assert empty.search("is:vanished") == ids[:1]
    assert empty.search("genre:jazz (is:vanished or -is:vanished)") == ids


def test_an_unknown_label_is_named_with_the_nearest_of_the_library(empty: Library) -> None:
    id = empty.put(row("/a.mp3", genres={"jazz": 1}))
    empty.correct(id, genres=["synthwave"])
    for query, near in (
        ("genre:synthwav", "synthwave"), ("bpm:90.. genre:jaz", "jazz"), ("mood:clam", "calm"),
        ("quadrant:hapy", "happy"), ("model:tes", "test"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=f"at character {query.rindex(':') + 2}.*Try: .*{near}"):
            empty.search(query)
    for query in ("genre:hiphop", "genre:'hip hop'", "genre:RnB", 'genre:"R and B"', "genre:newage"):
        empty.search(query.replace("'", '"'))


def test_words_are_whole_words_of_any_text_and_quotes_hold_them_together(empty: Library) -> None:
    tags = Tags(title="Blue in Green", artist="Miles Davis", album_artist="The Sextet", album="Kind of Blue")
    id = empty.put(row("/jazz/Kind of Blue/03.flac", genres={"jazz": 1}, tags=tags))
    for query in (
        "green",
        "blue miles",
        '"in green"',
        "mile*",
        '"miles da"*',
        "artist:sextet",
        "path:jazz",
        "03",
    ):
        assert empty.search(query) == [id], query
    for query in ("gree", '"green in"', "title:miles", "artist:green", '"blue miles"'):
        assert empty.search(query) == [], query


def test_a_tag_is_what_the_file_says_of_itself(empty: Library) -> None:
    id = empty.put(row("/a.mp3", genres={"pop": 1}, tags=Tags(genres=("Hard Rock", "Rock & Roll"))))
    failed = empty.put(
        dataclasses.replace(row("/b.mp3", tags=Tags(genres=("Polka",))), prediction=None, error=ERROR)
    )
    assert empty.search('tag:rock tag:"hard rock" tag:rol*') == [id]
    assert empty.search("tag:har") == [] and empty.search("tag:polka") == [failed]
    assert empty.search("genre:pop -tag:polka") == [id]


def test_tracks_without_a_tempo_are_not_in_a_range_but_in_its_opposite(empty: Library) -> None:
    ids = [empty.put(row(f"/{tempo}", tempo=tempo)) for tempo in (None, 95.0, 130.0)]
    assert empty.search("bpm:90..110") == [ids[1]]
    assert empty.search("-bpm:90..110") == [ids[0], ids[2]] and empty.search("bpm:none") == [ids[0]]


def test_uncertain_tempi_and_keys_are_sorted_out(empty: Library) -> None:
    confidences = ((0.95, 0.4), (0.5, 0.9), (0.70004, None), (None, 0.69996))
    ids = [
        empty.put(row(f"/{i}.mp3", tempo_confidence=of_tempo, key_confidence=of_key))
        for i, (of_tempo, of_key) in enumerate(confidences)
    ]
    sure, unsure, even, unknown = ids
    assert empty.search("bpm-confidence>0.7") == empty.search("Tempo-Confidence:>70%") == [sure]
    assert empty.search("bpm-confidence>=0.7") == [sure, even] and empty.search("bpm-confidence<0.7") == [
        unsure
    ]
    assert empty.search("bpm-confidence:none") == [unknown]
    assert empty.search("-bpm-confidence>0.6") == [unsure, unknown]
    assert empty.search("key-confidence:0.5..0.9") == [unsure, unknown]
    assert empty.search("key-confidence:none") == [even]
    assert empty.search("", sort="bpm-confidence") == [unsure, even, sure, unknown]
    assert empty.search("", sort="-key-confidence") == [unsure, unknown, sure, even]
    with pytest.raises(InputError, match=r"bpm-confidence:'high' is not accepted.*0\.8, 80%"):
        empty.search("bpm-confidence:high")
    with pytest.raises(InputError, match=r"unknown field 'bpm-confidense'.*Try: bpm-confidence"):
        empty.search("bpm-confidense:0.7")


@pytest.mark.parametrize("sort", [name for name in SORTS if name != "random"])
def test_every_order_and_its_reverse_have_the_unknown_last(library: Library, sort: str) -> None:
    up, down = (library.search("id:..30", sort=order) for order in (sort, f"-{sort}"))
    assert sorted(up) == sorted(down) == library.search("id:..30")
    track = {row.id: row for row in library.rows(up)}

    def value(id: int) -> object:
        found = track[id]
        text = {"title": found.tags.title, "artist": found.tags.artist, "album": found.tags.album}
        if sort in text:
            return text[sort].lower() or None
        if sort in ("key", "tempo"):
            return found.prediction and getattr(found.prediction, sort)
        return found.path if sort == "path" else number_of(found, sort)

    values = [value(id) for id in up]
    known = [one for one in values if one is not None]
    assert len(known) > 3 and values[: len(known)] == known
    if sort != "path":
        assert known == sorted(known)  # type: ignore[type-var]
        assert [v for v in map(value, down) if v is not None] == known[::-1]


def test_limit_random_and_wrong_orders(library: Library) -> None:
    assert library.search("", limit=3) == library.search("")[:3] and library.search("", limit=0) == []
    shuffled = [search(library, "", sort="random", seed=seed) for seed in (1, 1, 2)]
    assert shuffled[0] == shuffled[1] != shuffled[2] and sorted(shuffled[0]) == library.search("")
    assert library.search("", limit=3, offset=2) == library.search("")[2:5]
    assert library.search("", sort="-artist", offset=50) == library.search("", sort="-artist")[50:]
    pages = [search(library, "", sort="random", seed=1, limit=30, offset=i) for i in (0, 30)]
    assert [*pages[0], *pages[1]] == shuffled[0]
    with pytest.raises(InputError, match="offset=-1"):
        library.search("", offset=-1)
    with pytest.raises(InputError, match="Try: tempo"):
        library.search("", sort="-temp")
    with pytest.raises(InputError, match="limit=-1"):
        library.search("", limit=-1)


def test_a_search_reads_the_slim_index_and_not_the_rows(library: Library) -> None:
    for query in (
        "genre:jazz",
        "bpm:90..110 key:Am bpm-confidence>0.7 key-confidence<0.5",
        "a or genre:rock",
        "added:<7d -verdict:unsure",
    ):
        condition, values = condition_of(library, parse(query))
        sql = (
            f"EXPLAIN QUERY PLAN SELECT id FROM tracks INDEXED BY tracks_facts WHERE {condition} ORDER BY id"
        )
        plan = " ".join(step["detail"] for step in library.query(sql, values))
        assert "COVERING INDEX tracks_facts" in plan
        assert "SEARCH tracks USING INTEGER PRIMARY KEY" not in plan and "SCAN tracks USING INDEX" not in plan


def test_lists_are_sorted_without_reading_the_rows(library: Library) -> None:
    for sort in SORTS:
        statement, *order = SORTS[sort]
        sql = statement.format(condition="vanished IS NULL", order=", ".join(order))
        steps = [step["detail"] for step in library.query(f"EXPLAIN QUERY PLAN {sql}")]
        assert all("COVERING INDEX" in step for step in steps if step.startswith(("SCAN", "SEARCH"))), sort


def test_one_list_is_walked_and_the_other_terms_are_looked_up(library: Library) -> None:
    for query, n in (("genre:jazz mood:calm -genre:rock", 1), ("blue genre:jazz", 1), ("a b genre:jazz", 2)):
        condition, values = condition_of(library, parse(query))
        sql = f"EXPLAIN QUERY PLAN SELECT id FROM tracks INDEXED BY tracks_facts WHERE {condition}"
        steps = [step["detail"] for step in library.query(sql, values)]
        assert sum(step.startswith("LIST SUBQUERY") for step in steps) == n, query


def test_an_old_file_without_a_track_is_searched(tmp_path: Path) -> None:
    with Library(tmp_path / "library.sqlite") as library:
        assert library.search("genre:jazz mood:happy bpm:90.. tag:x word") == []
        with pytest.raises(InputError, match="nothing is scanned yet"):
            library.search("model:x")


def test_the_examples_hold() -> None:
    import sys

    assert doctest.testmod(sys.modules["earmark.library.search"]).failed == 0
