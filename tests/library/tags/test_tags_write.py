"""Writing tags: in whatever state a file is, its sound and its other tags stay, and all can be taken back."""

from __future__ import annotations

import functools
import hashlib
import io

import numpy as np
import pytest
from conditions import V1, Make, cases, comment, frame, id3_tag
from hypothesis import given, settings
from hypothesis import strategies as st
from tagged import KINDS, plain, rich

import sounds
from earmark.audio import load
from earmark.errors import TagFormatError
from earmark.library.tags import ape, chunks, id3, mp4, ogg, verify, vorbis
from earmark.library.tags.read import tags_of
from earmark.library.tags.splice import Splice, inverse, ordered, pack, rewrite, unpack
from earmark.library.tags.write import digest_sound, edits

Values = dict[str, tuple[str, ...]]
EDITS: dict[str, Values] = {
    "all fields": {
        "genre": ("rock", "r&b"),
        "mood": ("calm", "sad"),
        "bpm": ("121",),
        "key": ("F#m",),
        "EARMARK_GENRES": ("rock=0.81; metal=0.34",),
    },
    "one field in Cyrillic": {"genre": ("рок", "шансон")},
    "more than there is room for": {"comment": ("c" * 4000,), "genre": ("jazz",)},
}
CASES = [(fmt, name, edit) for fmt, name, _ in cases() for edit in EDITS]
MAKERS: dict[tuple[str, str], Make] = {(fmt, name): make for fmt, name, make in cases()}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@functools.cache
def made(fmt: str, name: str) -> bytes:
    return MAKERS[fmt, name](fmt)


def changed(data: bytes, values: Values) -> tuple[bytes, list[Splice]]:
    """A file with other tags, judged as `apply` judges it, and the splices that take it back."""
    old, new = io.BytesIO(data), io.BytesIO()
    splices = edits(old, values)
    rewrite(old, splices, new)
    verify.check(old, new, values)
    return new.getvalue(), inverse(old, splices)


def test_there_are_as_many_cases_as_were_asked_for() -> None:
    assert len(CASES) >= 300


@pytest.mark.parametrize(("fmt", "name", "edit"), CASES)
def test_values_arrive_and_can_be_taken_back(fmt: str, name: str, edit: str) -> None:
    data, values = made(fmt, name), EDITS[edit]
    new, back = changed(data, values)
    found = verify.written_values(io.BytesIO(new))
    assert {field: found[field] for field in values} == values
    restored = io.BytesIO()
    rewrite(io.BytesIO(new), unpack(pack(back)), restored)
    assert sha256(restored.getvalue()) == sha256(data)
    # What is there already is not written again.
    again, _ = changed(new, values)
    assert sha256(again) == sha256(new)


@pytest.mark.parametrize(("fmt", "name"), MAKERS)
def test_other_fields_and_the_decoded_sound_stay(fmt: str, name: str) -> None:
    data = made(fmt, name)
    new, _ = changed(data, EDITS["all fields"])
    before, after = tags_of(io.BytesIO(data)), tags_of(io.BytesIO(new))
    for field in ("title", "artist", "album_artist", "album", "year", "recording_id", "release_id"):
        assert getattr(before, field) == getattr(after, field), field
    old, sound = load(data), load(new)
    assert old.sr == sound.sr and np.array_equal(old.y, sound.y)
    assert digest_sound(io.BytesIO(data)) == digest_sound(io.BytesIO(new))


@pytest.mark.parametrize("fmt", [fmt for fmt, kind in KINDS.items() if kind == "id3"])
@pytest.mark.parametrize("name", [name for f, name in MAKERS if f == "mp3" and "nobody" in name])
def test_frames_that_nobody_knows_stay_byte_for_byte(fmt: str, name: str) -> None:
    new, _ = changed(made(fmt, name), EDITS["all fields"])
    block = id3.parse(_tag_of(new))
    old = id3.parse(_tag_of(made(fmt, name)))
    assert block.version == old.version
    kept = [f.raw for f in old.frames if f.name != "TCON"]
    assert [f.raw for f in block.frames][-len(kept) :] == kept


def _tag_of(data: bytes) -> bytes:
    """The ID3 tag of a file, wherever it is."""
    at = data.index(b"ID3", 12) if data[:3] != b"ID3" else 0
    at = data.index(b"ID3", at + 8) if data[at + 3] > 4 else at
    return data[at : at + 10 + id3.synchsafe(data[at + 6 : at + 10])]


@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_tag_keeps_its_version_and_puts_moods_where_it_has_a_place_for_them(version: int) -> None:
    body = b"TT2\0\0\2\0x" if version == 2 else frame(b"TIT2", b"\0x", version=version)
    data = id3_tag(body, version=version) + plain("mp3")
    new, _ = changed(data, EDITS["all fields"])
    block = id3.parse(_tag_of(new))
    names = [f.name for f in block.frames]
    assert block.version == version
    assert ("TMOO" in names) == (version == 4) and names.count("TXXX") == (1 if version == 4 else 2)
    texts = {f.name: f.body for f in block.frames}
    assert texts["TCON"] == (b"\3rock\0r&b" if version == 4 else b"\0rock/r&b")
    assert texts["TBPM"][1:] == b"121" and texts["TKEY"][1:] == b"F#m"


def test_what_an_id3v1_tag_says_goes_into_a_new_tag() -> None:
    new, _ = changed(plain("mp3") + V1, EDITS["all fields"])
    block = id3.parse(_tag_of(new))
    assert {f.name for f in block.frames} >= {"TIT2", "TPE1", "TALB", "TDRC", "TRCK", "COMM", "TCON"}
    assert new.endswith(V1)


def test_a_second_tag_loses_the_values_that_the_first_gets() -> None:
    new, _ = changed(made("mp3", "two tags"), EDITS["all fields"])
    first = _tag_of(new)
    second = id3.parse(_tag_of(new[len(first) :]))
    assert "TCON" not in {f.name for f in second.frames} and "TIT2" in {f.name for f in second.frames}


def test_comments_in_other_languages_stay() -> None:
    body = (
        frame(b"COMM", b"\0eng\0one") + frame(b"COMM", b"\0deu\0zwei") + frame(b"COMM", b"\0engiTunNORM\0 00")
    )
    new, _ = changed(id3_tag(body) + plain("mp3"), {"comment": ("new",)})
    bodies = [f.body for f in id3.parse(_tag_of(new)).frames]
    assert bodies == [b"\3eng\0new", b"\0deu\0zwei", b"\0engiTunNORM\0 00"]


@pytest.mark.parametrize("fmt", ["flac", "ogg", "opus", "oggflac"])
def test_comments_that_are_no_text_stay_byte_for_byte(fmt: str) -> None:
    new, _ = changed(made(fmt, "odd comments"), EDITS["all fields"])
    for entry in (b"TITLE=Gr\xfc\xdfe", b"title=zwei", b"no equals sign", b"EMPTY="):
        assert len(entry).to_bytes(4, "little") + entry in new
    assert b"Genre=Rock" not in new and b"KEY=F#m" in new and b"INITIALKEY=F#m" in new


def test_padding_of_flac_is_used_and_given_back() -> None:
    data = made("flac", "padding before the comments")
    more, _ = changed(data, EDITS["all fields"])
    assert len(more) == len(data)
    less, _ = changed(more, {"EARMARK_GENRES": ("x",)})
    assert len(less) == len(data)


def test_pages_of_ogg_are_numbered_anew_when_there_are_more() -> None:
    data = plain("ogg")
    old = list(ogg.pages(io.BytesIO(data)))
    new, _ = changed(data, {"EARMARK_GENRES": ("x" * 4000,), "comment": ("y" * 4000,)})
    big, _ = changed(data, {f"EARMARK_{i}": ("x" * 4000,) for i in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"})
    for made_ in (new, big):
        found = list(ogg.pages(io.BytesIO(made_)))
        assert [page.sequence for page in found] == list(range(len(found)))
        for page in found:
            raw = made_[page.start : page.stop]
            assert ogg.checksum(raw[:22] + bytes(4) + raw[26:]) == raw[22:26]
    assert len(list(ogg.pages(io.BytesIO(big)))) > len(old)


def test_the_checksum_of_a_page_is_that_of_libogg() -> None:
    data = plain("ogg")
    for page in ogg.pages(io.BytesIO(data)):
        raw = data[page.start : page.stop]
        assert ogg.checksum(raw[:22] + bytes(4) + raw[26:]) == raw[22:26]


def test_an_mp4_whose_sound_moves_has_its_positions_moved() -> None:
    data = made("m4a", "tables before the sound")
    new, _ = changed(data, EDITS["all fields"])
    assert new.index(b"mdat") > data.index(b"mdat")
    roomy = made("m4a", "room behind the tables")
    kept, _ = changed(roomy, EDITS["all fields"])
    assert kept.index(b"mdat") == roomy.index(b"mdat") and len(kept) == len(roomy)


def test_atoms_that_nobody_knows_stay_and_genres_by_number_go() -> None:
    data = made("m4a", "atoms that nobody knows")
    new, _ = changed(data, EDITS["all fields"])
    assert b"XyZ1" in new and b"de.me" in new and b"gnre" in data and b"gnre" not in new


@pytest.mark.parametrize(
    ("fmt", "hint"),
    [("aac", "FLAC"), ("webm", "FLAC"), ("mka", "FLAC"), ("w64", "FLAC"), ("caf", "FLAC"), ("au", "FLAC")],
)
def test_formats_whose_tags_cannot_be_kept_are_refused(fmt: str, hint: str) -> None:
    with pytest.raises(TagFormatError, match="are not written") as caught:
        edits(io.BytesIO(plain(fmt)), EDITS["all fields"])
    assert hint in caught.value.hint


def _broken() -> dict[str, bytes]:
    wav, flac, m4a, wma, wv = (rich(fmt) for fmt in ("wav16", "flac", "m4a", "wma", "wv"))
    ilst = m4a.index(b"ilst")
    ape_at = wv.rindex(b"APETAGEX") + 16
    fragmented = sounds.encode(sounds.noise(0.3), 44100, "m4a", movflags="empty_moov+frag_keyframe")
    return {
        "a WAV that claims more": wav[:4] + (1 << 30).to_bytes(4, "little") + wav[8:],
        "an RF64": plain("rf64"),
        "a FLAC cut within its metadata": flac[:5] + b"\xff" + flac[6:200],
        "an MP4 list with a box too long": m4a[: ilst + 4] + b"\0\xff" + m4a[ilst + 6 :],
        "an MP4 without its end": m4a[:-5],
        "a fragmented MP4": fragmented,
        "an ASF whose objects are miscounted": wma[:24] + b"\x63" + wma[25:],
        "an APE tag with an item too long": wv[: ape_at - 4] + bytes([wv[ape_at - 4] + 9]) + wv[ape_at - 3 :],
        "an ID3 tag of version 2.1": id3_tag(b"abc", version=1) + plain("mp3"),
        "an Ogg whose comments do not end": plain("ogg")[:90],
        "a FLAC with a list that lies": b"fLaC" + plain("flac")[4:42] + b"\x84\0\0\x08" + b"\xff" * 8,
    }


@pytest.mark.parametrize("what", _broken())
def test_what_is_damaged_is_left_alone(what: str) -> None:
    data = _broken()[what]
    with pytest.raises(TagFormatError) as caught:
        changed(data, EDITS["all fields"])
    assert caught.value.hint.endswith(".")


@pytest.mark.parametrize("fmt", KINDS)
def test_no_damage_makes_a_change_that_is_not_taken_back(fmt: str) -> None:
    """Of a damaged file either nothing is changed, or the sound stays and the way back is exact."""
    rng = np.random.default_rng(7)
    others = [rich(other) for other in KINDS]
    done = 0
    for _ in range(40):
        data = sounds.mutate(rich(fmt), rng, others)
        old, new, back = io.BytesIO(data), io.BytesIO(), io.BytesIO()
        try:
            splices = edits(old, EDITS["all fields"])
        except TagFormatError:
            continue
        rewrite(old, splices, new)
        rewrite(new, inverse(old, splices), back)
        assert sha256(back.getvalue()) == sha256(data)
        done += 1
    assert done


splices_of = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 9), st.binary(max_size=9)), max_size=6
).map(lambda found: [Splice(start, start + n, data) for start, n, data in found])


@settings(max_examples=200, deadline=None)
@given(data=st.binary(min_size=70, max_size=90), splices=splices_of)
def test_splices_are_taken_back_by_their_inverse(data: bytes, splices: list[Splice]) -> None:
    try:
        splices = ordered(splices)
    except ValueError:
        return
    old, new, back = io.BytesIO(data), io.BytesIO(), io.BytesIO()
    rewrite(old, splices, new)
    rewrite(new, unpack(pack(inverse(old, splices))), back)
    assert back.getvalue() == data


def test_a_judge_refuses_what_differs() -> None:
    """The judge is no ornament: each of its questions can say no."""
    from earmark.errors import TagError

    data = rich("mp3")
    values = {"genre": ("rock",)}
    new, _ = changed(data, values)

    def judged(other: bytes, wanted: Values = values) -> None:
        verify.check(io.BytesIO(data), io.BytesIO(other), wanted)

    judged(new)
    with pytest.raises(TagError, match="its sound would have changed"):
        judged(new[:-100] + bytes([new[-100] ^ 1]) + new[-99:])
    with pytest.raises(TagError, match="read back as rock"):
        judged(new, {"genre": ("jazz",)})
    with pytest.raises(TagError, match="its tag TALB would have changed"):
        judged(new.replace("Album".encode("utf-16-le"), "Alien".encode("utf-16-le")))


def test_empty_comments_and_helpers_are_what_they_seem() -> None:
    found = vorbis.parse(comment(b"A=1"))
    assert found is not None and vorbis.values_of(found) == {"A": ["1"]}
    assert ape.find(io.BytesIO(b"x" * 40), 40).items == ()
    assert list(chunks.chunks(io.BytesIO(b"nothing"), 7)) == []
    assert mp4.find_path(io.BytesIO(b"nothing"), 7) == []
