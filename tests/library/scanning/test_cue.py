"""CUE sheets of every make: what they divide, and that none of them breaks anything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark import load_model
from earmark.errors import InputError
from earmark.library import Library, scan
from earmark.library.scanning.cue import items_of, parse_cue
from sounds import noise, tone, write

SHEET = """REM GENRE "Réggae"
REM DATE 1977
PERFORMER "The Band"
TITLE "Żółw"
FILE "C:\\rips\\album.wav" WAVE
  TRACK 01 AUDIO
    TITLE "One"
    INDEX 01 00:00:00
  TRACK 02 AUDIO
    TITLE "Two"
    PERFORMER "A Guest"
    PREGAP 00:02:00
    INDEX 00 00:03:50
    INDEX 01 00:04:00
  TRACK 03 AUDIO
    FLAGS DCP
    TITLE "Three "quoted" inside"
    INDEX 01 01:00:37
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_sheet_divides_the_file_of_its_folder_in_any_encoding(encoding: str, newline: str) -> None:
    sheet = parse_cue(SHEET.replace("\n", newline).encode(encoding))
    found = items_of(sheet, "/m", ["cover.jpg", "Album.FLAC"])
    [items] = found.values()
    assert list(found) == ["/m/Album.FLAC"] and [item.number for item in items] == [1, 2, 3]
    spans = [(item.start, item.stop) for item in items]
    assert spans == [(0.0, 4.0), (4.0, pytest.approx(60 + 37 / 75)), (pytest.approx(60 + 37 / 75), None)]
    tags = [item.tags for item in items]
    assert [tag.title for tag in tags if tag] == ["One", "Two", 'Three "quoted" inside']
    assert tags[1] is not None and tags[1].artist == "A Guest" and tags[1].album_artist == "The Band"
    assert tags[0] is not None and (tags[0].album, tags[0].year) == ("Żółw", 1977)
    assert tags[0].genres == ("Réggae",)


def test_a_sheet_in_windows_1252_is_read() -> None:
    text = 'TITLE "Café à l’œuvre"\nFILE "a.wav" WAVE\nTRACK 1 AUDIO\nINDEX 1 0:0:0\n'
    assert parse_cue(text.encode("cp1252")).texts["TITLE"] == "Café à l’œuvre"


def test_a_track_belongs_to_the_file_in_which_it_sounds() -> None:
    """Gaps at the end of the file before: INDEX 00 there, INDEX 01 in the next."""
    text = (
        'FILE "a.wav" WAVE\nTRACK 01 AUDIO\nINDEX 01 00:00:00\nTRACK 02 AUDIO\nINDEX 01 01:00:00\n'
        'TRACK 03 AUDIO\nINDEX 00 02:00:00\nFILE "b.wav" WAVE\nINDEX 01 00:00:00\n'
        "TRACK 04 AUDIO\nINDEX 01 03:00:00\n"
    )
    found = items_of(parse_cue(text.encode()), "/m", ["a.wav", "b.wav"])
    assert [[item.number for item in items] for items in found.values()] == [[1, 2], [3, 4]]
    only_b = items_of(parse_cue(text.encode()), "/m", ["b.wav"])
    assert list(only_b) == ["/m/b.wav"]


def test_a_sheet_whose_tracks_have_files_of_their_own_divides_nothing() -> None:
    text = "".join(f'FILE "{i}.wav" WAVE\nTRACK 0{i} AUDIO\nINDEX 01 00:00:00\n' for i in (1, 2, 3))
    assert items_of(parse_cue(text.encode()), "/m", ["1.wav", "2.wav", "3.wav"]) == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no TRACK"),
        ("nothing of the kind", "no TRACK"),
        ('FILE "a.wav" WAVE\nTRACK 01 AUDIO\nINDEX 01 soon\n', "INDEX 01 'soon'"),
        ('FILE "gone.wav" WAVE\nTRACK 01 AUDIO\nINDEX 01 00:00:00\n', "gone.wav"),
        ('FILE "a.wav" WAVE\nTRACK 01 AUDIO\n', "is not there"),
        ('FILE "a.wav" WAVE\nTRACK 1 AUDIO\nINDEX 01 1:0:0\nTRACK 2 AUDIO\nINDEX 01 0:0:0\n', "order"),
        ('FILE "a.wav" WAVE\nTRACK 1 AUDIO\nINDEX 01 1:0:0\nTRACK 1 AUDIO\nINDEX 01 2:0:0\n', "order"),
        ('FILE "a.wav" WAVE\nTRACK 0 AUDIO\nINDEX 01 1:0:0\nTRACK 1 AUDIO\nINDEX 01 2:0:0\n', "order"),
        ('FILE "../../a.wav/" WAVE\nTRACK 1 AUDIO\nINDEX 01 1:0:0\n', "is not there"),
    ],
)
def test_a_broken_sheet_says_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        items_of(parse_cue(text.encode()), "/m", ["a.wav"])


LINES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(SHEET.splitlines()),
    st.builds("INDEX {:02} {}:{}:{}".format, st.integers(0, 3), *[st.integers(-1, 10**6)] * 3),
    st.builds("TRACK {} AUDIO".format, st.integers(-5, 2000)),
    st.builds('FILE "{}" WAVE'.format, st.sampled_from(["a.wav", "b.flac", "", "..", "x\0y", "\\"])),
)


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=400),
        st.builds(
            lambda lines, encoding: "\n".join(lines).encode(encoding, "surrogatepass"),
            st.lists(LINES, max_size=30),
            st.sampled_from(["utf-8", "utf-16", "utf-16-be"]),
        ),
    )
)
def test_whatever_a_sheet_holds_its_tracks_follow_each_other_or_it_is_refused(content: bytes) -> None:
    try:
        found = items_of(parse_cue(content), "/m", ["a.wav", "b.flac"])
    except InputError:
        return
    for path, items in found.items():
        assert path in ("/m/a.wav", "/m/b.flac") and len(items) > 1
        for item, following in zip(items, [*items[1:], None], strict=True):
            assert item.number >= 1 and item.start >= 0 and item.tags is not None
            assert item.stop == (following.start if following else None)
            assert item.stop is None or item.stop > item.start


@given(
    st.lists(st.integers(0, 75 * 60 * 80), min_size=2, max_size=30, unique=True).map(sorted),
    st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=20),
)
@settings(max_examples=100, deadline=None)
def test_what_is_written_as_a_sheet_is_read(starts: list[int], title: str) -> None:
    lines = ['FILE "a.wav" WAVE']
    for number, start in enumerate(starts, 1):
        minutes, frames = divmod(start, 75 * 60)
        lines += [f"  TRACK {number:02} AUDIO", f'    TITLE "{title}"']
        lines += [f"    INDEX 01 {minutes:02}:{frames // 75:02}:{frames % 75:02}"]
    [items] = items_of(parse_cue("\n".join(lines).encode()), "/m", ["a.wav"]).values()
    assert [item.start for item in items] == pytest.approx([start / 75 for start in starts])
    assert all(
        item.tags is not None and item.tags.title == " ".join(title.strip().split("\0")) for item in items
    )


# ---------------------------------------------------------------- in a scan


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    parts = [tone(4.0, hz=300) + noise(4.0, amplitude=0.05), noise(5.0, amplitude=0.1)]
    write(folder / "album.flac", np.concatenate(parts), 44100, "flac")
    (folder / "album.cue").write_text(SHEET.partition("  TRACK 03")[0], encoding="utf-8")
    return folder


def test_a_scan_has_the_tracks_of_a_sheet(album: Path, tmp_path: Path) -> None:
    echo = load_model("echo")
    with Library(tmp_path / "library.sqlite") as library:
        assert scan(library, [album], echo).new == 2
        one, two = library.rows()
        assert (one.item.number, one.tags.title, two.tags.title) == (1, "One", "Two")
        assert one.prediction is not None and two.prediction is not None
        assert (one.prediction.duration, two.prediction.duration) == (
            pytest.approx(4.0, abs=0.05),
            pytest.approx(5.0, abs=0.05),
        )
        assert scan(library, [album], echo).unchanged == 2
        text = (album / "album.cue").read_text(encoding="utf-8")
        (album / "album.cue").write_text(text.replace('"Two"', '"Zwei"'), encoding="utf-8")
        done = scan(library, [album], echo)
        assert (done.retagged, done.analysed) == (2, 0) and library.get(two.id).tags.title == "Zwei"
        (album / "album.cue").write_text(text.replace("00:04:00", "00:05:00"), encoding="utf-8")
        done = scan(library, [album], echo)
        assert (done.changed, done.retagged) == (2, 0)
        album.rename(tmp_path / "music 2")
        done = scan(library, [tmp_path / "music 2"], echo)
        assert (done.moved, done.new) == (2, 0) and library.get(two.id).path.startswith(
            str(tmp_path / "music 2")
        )


def test_a_sheet_that_comes_or_goes_makes_other_tracks(album: Path, tmp_path: Path) -> None:
    echo = load_model("echo")
    (album / "album.cue").rename(tmp_path / "album.cue")
    with Library(tmp_path / "library.sqlite") as library:
        assert scan(library, [album], echo).new == 1
        (tmp_path / "album.cue").rename(album / "album.cue")
        done = scan(library, [album], echo)
        assert (done.new, done.vanished, done.left_out) == (2, 1, 1)
        (album / "album.cue").write_text("no sheet any more")
        done = scan(library, [album], echo)
        assert (done.vanished, done.returned, list(done.unused)) == (2, 1, [str(album / "album.cue")])
