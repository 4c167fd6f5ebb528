"""States in which files of people's libraries are: tags of every kind, age and oddness, by format."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mutagen.apev2
from mutagen import apev2, id3
from tagged import KINDS, PICTURE, RICH, plain, rich, tag

import sounds

Make = Callable[[str], bytes]
V1 = b"TAG" + b"Title".ljust(30, b"\0") + b"Artist".ljust(30) + b"Album".ljust(30, b"\0") + b"1987"
V1 += b"note".ljust(28, b"\0") + b"\0\x05" + bytes([17])


def synchsafe(number: int) -> bytes:
    return bytes(number >> shift & 127 for shift in (21, 14, 7, 0))


def id3_tag(body: bytes, *, version: int = 4, flags: int = 0) -> bytes:
    return b"ID3" + bytes([version, 0, flags]) + synchsafe(len(body)) + body


def frame(name: bytes, body: bytes, *, version: int = 4, flags: bytes = b"\0\0") -> bytes:
    size = synchsafe(len(body)) if version == 4 else len(body).to_bytes(4, "big")
    return name + size + flags + body


def _frames(version: int) -> bytes:
    """Frames that no reader, or not every reader, knows; two of one name, dates as of that version."""
    return b"".join(
        [
            frame(b"TIT2", b"\0Title", version=version),
            frame(b"XYZ9", bytes(range(256)), version=version),
            frame(b"PRIV", b"owner\0\xff\xfe\0\xff", version=version),
            frame(b"TXXX", b"\0Odd\0one", version=version),
            frame(b"TXXX", b"\0Odd\0two", version=version),
            frame(b"RVAD" if version == 3 else b"RVA2", b"track\0\1\0\0\0", version=version),
            frame(b"TYER" if version == 3 else b"TDRC", b"\x001987", version=version),
            frame(b"TCON", b"\0(17)" if version == 3 else b"\x0017", version=version),
        ]
    )


def _known() -> bytes:
    return frame(b"TIT2", b"\0Title") + frame(b"TALB", b"\0Album") + frame(b"TCON", b"\0Rock")


def _in_id3(fmt: str, data: bytes) -> bytes:
    """A file with this ID3 tag: in front, or in a chunk."""
    base = plain(fmt)
    if fmt in ("mp3", "tta"):
        return data + base[len(b"") :]
    order: Any = "little" if fmt.startswith("wav") else "big"
    chunk = (b"id3 " if order == "little" else b"ID3 ") + len(data).to_bytes(4, order) + data
    chunk += bytes(len(data) % 2)
    return base[:4] + (len(base) - 8 + len(chunk)).to_bytes(4, order) + base[8:] + chunk


def _chapters(fmt: str) -> bytes:
    tags = id3.ID3()
    sub = [id3.TIT2(encoding=3, text=["Part"])]
    tags.add(id3.CTOC(element_id="toc", flags=3, child_element_ids=["c1"], sub_frames=[]))
    times = {"start_time": 0, "end_time": 100, "start_offset": 0, "end_offset": 0}
    tags.add(id3.CHAP(element_id="c1", sub_frames=sub, **times))
    file = io.BytesIO()
    tags.save(file)
    return _in_id3(fmt, file.getvalue())


def _with_ape(data: bytes) -> bytes:
    tags = apev2.APEv2()
    tags["Genre"], tags["Replaygain_Track_Gain"] = "Ape", "-3 dB"
    file = io.BytesIO(data)
    tags.save(file)
    return file.getvalue()


def _first_chunk(fmt: str) -> bytes:
    """The tag before the sound, and a chunk that nobody knows behind it."""
    order: Any = "little" if fmt.startswith("wav") else "big"
    base = plain(fmt)
    data = id3_tag(_frames(4) + bytes(31))
    front = (b"ID3 ") + len(data).to_bytes(4, order) + data + bytes(len(data) % 2)
    back = b"junk" + (3).to_bytes(4, order) + b"abc\0"
    body = base[8:12] + front + base[12:] + back
    return base[:4] + len(body).to_bytes(4, order) + body


def _junk_behind(fmt: str) -> bytes:
    return plain(fmt) + V1


ID3: dict[str, Make] = {
    "2.3 with every field": lambda fmt: tag(plain(fmt), "id3", RICH, version=3),
    "2.3 with frames that nobody knows": lambda fmt: _in_id3(fmt, id3_tag(_frames(3), version=3)),
    "2.4 with frames that nobody knows": lambda fmt: _in_id3(fmt, id3_tag(_frames(4))),
    "2.4 with much padding": lambda fmt: _in_id3(fmt, id3_tag(_frames(4) + bytes(5000))),
    "2.3 unsynchronised": lambda fmt: _in_id3(
        fmt, id3_tag(_frames(3).replace(b"\xff", b"\xff\0") + bytes(64), version=3, flags=0x80)
    ),
    "2.4 with an extended header": lambda fmt: _in_id3(
        fmt, id3_tag(b"\0\0\0\x06\1\0" + _frames(4) + bytes(64), flags=0x40)
    ),
    "2.4 with a footer": lambda fmt: _in_id3(fmt, _with_footer(_frames(4))),
    "2.4 with plain lengths, as iTunes had them": lambda fmt: _in_id3(
        fmt, id3_tag(frame(b"APIC", b"\0image/png\0\3\0" + PICTURE, version=3) + _known() + bytes(64))
    ),
    "2.2": lambda fmt: _in_id3(
        fmt, id3_tag(b"TT2\0\0\4\0OldTCO\0\0\5\0(17)XYZ\0\0\2ab" + bytes(99), version=2)
    ),
    "2.4 with garbage behind the frames": lambda fmt: _in_id3(fmt, id3_tag(_frames(4) + b"\1garbage" * 9)),
    "chapters": _chapters,
}
IN_FRONT: dict[str, Make] = {
    "ID3v1 alone": lambda fmt: plain(fmt) + V1,
    "ID3v1 and 2.4": lambda fmt: rich(fmt) + V1,
    "APE behind": lambda fmt: _with_ape(rich(fmt)),
    "APE and ID3v1 behind": lambda fmt: _with_ape(plain(fmt)) + V1,
    "two tags": lambda fmt: id3_tag(_frames(4)) + rich(fmt),
    "zeros behind the tag": lambda fmt: id3_tag(_frames(4)) + bytes(333) + plain(fmt),
}
CHUNKS: dict[str, Make] = {"the tag before the sound": _first_chunk, "an ID3v1 behind all": _junk_behind}


def _with_footer(body: bytes) -> bytes:
    head = id3_tag(body, flags=0x10)
    return head + b"3DI" + head[3:10]


def _flac_blocks(fmt: str, blocks: list[tuple[int, bytes]]) -> bytes:
    """A FLAC file whose blocks behind the first are these."""
    base = plain(fmt)
    position, found = 4, []
    while True:
        length = int.from_bytes(base[position + 1 : position + 4], "big")
        found.append((base[position] & 127, base[position + 4 : position + 4 + length]))
        last = base[position] & 128
        position += 4 + length
        if last:
            break
    blocks = [found[0], *blocks]
    head = b"".join(
        bytes([kind | (128 if i == len(blocks) - 1 else 0)]) + len(body).to_bytes(3, "big") + body
        for i, (kind, body) in enumerate(blocks)
    )
    return b"fLaC" + head + base[position:]


def comment(*entries: bytes) -> bytes:
    data = b"\x03\0\0\0Foo" + len(entries).to_bytes(4, "little")
    return data + b"".join(len(entry).to_bytes(4, "little") + entry for entry in entries)


ODD = (b"TITLE=Gr\xfc\xdfe", b"title=zwei", b"Genre=Rock", b"no equals sign", b"=", b"EMPTY=")
FLAC: dict[str, Make] = {
    "no comments": lambda fmt: _flac_blocks(fmt, []),
    "odd comments": lambda fmt: _flac_blocks(fmt, [(4, comment(*ODD))]),
    "padding before the comments": lambda fmt: _flac_blocks(fmt, [(1, bytes(5000)), (4, comment(*ODD))]),
    "padding behind": lambda fmt: _flac_blocks(fmt, [(4, comment(*ODD)), (2, b"appl1234"), (1, bytes(500))]),
    "padding of just what is needed": lambda fmt: _flac_blocks(fmt, [(4, comment(*ODD)), (1, bytes(60))]),
    "a tag of ID3 in front": lambda fmt: id3_tag(_frames(4)) + rich(fmt),
}


def _ogg_odd(fmt: str) -> bytes:
    """Comments that are no UTF-8, put in by earmark's own pages, which mutagen reads."""
    from earmark.library.tags import ogg, vorbis
    from earmark.library.tags.splice import ordered, rewrite

    file = io.BytesIO(plain(fmt))
    made = vorbis.edit_comment
    try:
        vorbis.edit_comment = lambda *_: comment(*ODD)  # type: ignore[assignment]
        splices = ordered(ogg.edit(file, len(file.getvalue()), 0, {}))
    finally:
        vorbis.edit_comment = made
    new = io.BytesIO()
    rewrite(file, splices, new)
    return new.getvalue()


def _big_picture(fmt: str) -> bytes:
    opened: Any = mutagen.File(io.BytesIO(plain(fmt)))
    opened.tags["metadata_block_picture"] = ["A" * 200_000]
    opened.tags["genre"] = ["Rock"]
    file = io.BytesIO(plain(fmt))
    opened.save(file)
    return file.getvalue()


OGG: dict[str, Make] = {"odd comments": _ogg_odd, "a picture over several pages": _big_picture}


def _fast_start(fmt: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:  # FFmpeg opens it twice
        path = Path(folder) / "song.m4a"
        sounds.write(path, sounds.noise(0.3, channels=2), 44100, fmt, movflags="faststart")
        return path.read_bytes()


def _free_behind(fmt: str) -> bytes:
    """The sound behind the tables, and room between them."""
    data = _fast_start(fmt)
    at = data.index(b"moov") - 4
    end = at + int.from_bytes(data[at : at + 4], "big")
    return _shifted(data, end, b"\0\0\x20\0free" + bytes(0x2000 - 8))


def _shifted(data: bytes, at: int, more: bytes) -> bytes:
    """A file with bytes put in before the sound, and its tables of positions adjusted."""
    table = data.index(b"stco") + 8
    count = int.from_bytes(data[table : table + 4], "big")
    table += 4
    moved = b"".join(
        (int.from_bytes(data[i : i + 4], "big") + len(more)).to_bytes(4, "big")
        for i in range(table, table + 4 * count, 4)
    )
    data = data[:table] + moved + data[table + 4 * count :]
    return data[:at] + more + data[at:]


def _unknown_atoms(fmt: str) -> bytes:
    tagged = rich(fmt, picture=True)
    at = tagged.index(b"\xa9nam") - 4

    def box(name: bytes, body: bytes) -> bytes:
        return (8 + len(body)).to_bytes(4, "big") + name + body

    free = tagged.index(b"free", at) - 4
    more = box(b"gnre", box(b"data", bytes(8) + b"\0\x12")) + box(
        b"XyZ1", box(b"data", b"\0\0\0\x15" + bytes(5))
    )
    more += box(
        b"----",
        box(b"mean", bytes(4) + b"de.me") + box(b"name", bytes(4) + b"Odd") + box(b"data", bytes(8) + b"x"),
    )
    length = int.from_bytes(tagged[free : free + 4], "big") - len(more)
    assert length >= 8
    data = tagged[:at] + more + tagged[at:free] + length.to_bytes(4, "big") + b"free" + bytes(length - 8)
    data += tagged[free + len(more) + length :]
    ilst = data.index(b"ilst") - 4
    size = int.from_bytes(data[ilst : ilst + 4], "big") + len(more)
    return data[:ilst] + size.to_bytes(4, "big") + data[ilst + 4 :]


MP4: dict[str, Make] = {
    "tables before the sound": _fast_start,
    "tables before the sound, with tags": lambda fmt: tag(_fast_start(fmt), "mp4", RICH),
    "room behind the tables": _free_behind,
    "atoms that nobody knows": _unknown_atoms,
}


def _asf_odd(fmt: str) -> bytes:
    from mutagen import asf

    opened: Any = mutagen.File(io.BytesIO(plain(fmt)))
    opened.tags["WM/IsVBR"] = [asf.ASFBoolAttribute(True)]
    opened.tags["Odd"] = [asf.ASFQWordAttribute(2**40), asf.ASFUnicodeAttribute("двa")]
    opened.tags["Stream"] = [asf.ASFWordAttribute(3, stream=1)]
    opened.tags["WM/Genre"] = [asf.ASFUnicodeAttribute(v) for v in ("Rock", "Pop", "Jazz")]
    file = io.BytesIO(plain(fmt))
    opened.save(file, padding=lambda _: 0)
    return file.getvalue()


ASF: dict[str, Make] = {"odd attributes": _asf_odd}


def _ape_odd(fmt: str) -> bytes:
    tags = apev2.APEv2()
    tags["Genre"] = ["Rock", "Pop"]
    tags["Link"] = apev2.APEValue("http://example.org", apev2.EXTERNAL)
    tags["Bytes"] = apev2.APEValue(bytes(range(256)), apev2.BINARY)
    file = io.BytesIO(plain(fmt))
    tags.save(file)
    return file.getvalue()


APE: dict[str, Make] = {
    "odd items": _ape_odd,
    "ID3v1 behind": lambda fmt: _ape_odd(fmt) + V1,
    "ID3v1 alone": lambda fmt: plain(fmt) + V1,
}


def cases() -> list[tuple[str, str, Make]]:
    """Format, name and maker of every state."""
    found: list[tuple[str, str, Make]] = []
    for fmt, kind in KINDS.items():
        chosen: dict[str, Make] = {
            "no tags": plain,
            "every field": rich,
            "a picture": lambda fmt: rich(fmt, picture=True),
        }
        if kind == "id3":
            chosen |= ID3 | (IN_FRONT if fmt in ("mp3", "tta") else CHUNKS)
        chosen |= {"flac": FLAC, "ogg": OGG, "opus": OGG, "oggflac": OGG, "wma": ASF, "wv": APE}.get(fmt, {})
        chosen |= MP4 if kind == "mp4" else {}
        found += [(fmt, name, make) for name, make in chosen.items()]
    return found
