"""Tables that were written elsewhere are read as their twin that was written here."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.data import Manifest, Track, read_manifest, write_manifest
from earmark.data.locate import Locator
from earmark.errors import InputError

NAMES = ["rock/röck 0.ogg", "rock/röck 1.ogg", "drums/drums0.ogg", "drums/drums1.ogg"]
LABELS = ["rock", "rock", "drums", "drums"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tables")
    for name in NAMES:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def read(root: Path, text: str, encoding: str = "utf-8") -> Manifest:
    table = root / "table.csv"
    table.write_bytes(text.encode(encoding))
    return read_manifest(table, group="none")


def table(
    cells: list[str], *, mark: str = ",", end: str = "\n", head: tuple[str, str] = ("path", "label")
) -> str:
    rows = [head, *zip(cells, LABELS, strict=True)]
    return "".join(mark.join(row) + end for row in rows)


def same(manifest: Manifest, root: Path) -> bool:
    """Whether a table was read as if it had the paths of `NAMES`, with slashes."""
    twin = read(root, table(NAMES))
    assert len(twin) == 4 and twin.classes == ("drums", "rock")
    return manifest.tracks == twin.tracks and manifest.digest == twin.digest


def windows(prefix: str = "") -> list[str]:
    return [prefix + name.replace("/", "\\") for name in NAMES]


@pytest.mark.parametrize(
    "cells",
    [
        windows(),
        windows(".\\"),
        windows("C:\\Users\\me\\My Music\\"),
        windows("D:"),
        windows("\\\\nas\\share\\music\\"),
        [f"C:/Users/me/{name}" for name in NAMES],
        [f"file:///C:/Users/me/{name.replace(' ', '%20')}" for name in NAMES],
        [f"FILE://localhost/home/me/{name}".replace("ö", "%C3%B6") for name in NAMES],
        [f"/home/somebody/else/{name}" for name in NAMES],
        [name.replace(" ", "%20") for name in NAMES],
        [f"'{name}'" for name in NAMES],
        [f'"""{name}"""' for name in NAMES],
        [name.upper() for name in NAMES],
        [*windows("c:\\MUSIC\\")[:3], "C:\\Music\\DRUMS\\Drums1.OGG"],
        [unicodedata.normalize("NFD", name) for name in NAMES],
        [f" {name} " for name in NAMES],
    ],
    ids=[
        "backslashes", "dot", "drive", "drive-relative", "share", "drive-slashes", "url", "url-host",
        "elsewhere", "percent", "quoted", "quoted-twice", "upper-case", "mixed", "decomposed", "spaces",
    ],
)  # fmt: skip
def test_paths_of_another_system(root: Path, cells: list[str]) -> None:
    assert same(read(root, table(cells)), root)


def test_file_urls_of_this_machine_may_lie_anywhere(root: Path, tmp_path: Path) -> None:
    manifest = read(tmp_path, table([(root / name).as_uri() for name in NAMES]))
    assert [track.path for track in manifest.tracks] == [str(root / name) for name in NAMES]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_encoding_separator_and_end_of_line(root: Path, encoding: str, mark: str, end: str) -> None:
    manifest = read(root, table(windows(), mark=mark, end=end), encoding)
    assert same(manifest, root)
    assert [note for note in manifest.notes if "Windows-1252" in note] == (
        ["2 rows are not UTF-8 and were read as Windows-1252"] if encoding == "cp1252" else []
    )


def test_excels_own_first_line(root: Path) -> None:
    assert same(read(root, "sep=;\r\n" + table(windows(), mark=";", end="\r\n")), root)
    assert same(read(root, '"sep=\t"\r\n' + table(windows(), mark="\t", end="\r\n"), "utf-16"), root)


def test_labels_and_groups_of_windows_1252(root: Path) -> None:
    text = f"path,label,artist\n{NAMES[0]},Chançon,Beyoncé\n{NAMES[2]},drums,Måneskin\n"
    (root / "table.csv").write_bytes(text.encode("cp1252"))
    tracks = read_manifest(root / "table.csv").tracks
    assert [(track.labels, track.group) for track in tracks] == [
        (("Chançon",), "Beyoncé"),
        (("drums",), "Måneskin"),
    ]


def test_what_was_moved_is_reported(root: Path) -> None:
    (note,) = read(root, table(windows("C:\\Users\\me\\"))).notes
    assert note.startswith("4 paths are of another place") and "C:\\Users\\me\\rock\\röck 0.ogg" in note
    assert read(root, table(windows())).notes == ()


def test_two_paths_of_elsewhere_are_not_one_file(root: Path) -> None:
    """Only the name of the file is here: of two that have it, one is taken and the other said."""
    (root / "01.ogg").write_bytes(b"x")
    manifest = read(root, "path,label\nC:\\a\\01.ogg,rock\nC:\\b\\01.ogg,drums\n")
    assert [track.id for track in manifest.tracks] == ["01.ogg"]
    assert "only its end was found" in manifest.skipped[0].reason


def test_a_relative_path_means_its_folder_alone(root: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read(root, "path,label\nother\\rock\\röck 0.ogg,rock\n")


def test_what_exists_as_it_stands_is_taken_as_it_stands(tmp_path: Path) -> None:
    names = ["a%20b.ogg", "'q'.ogg", "Case.ogg", "case.ogg"]
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "a b.ogg").write_bytes(b"another")
    manifest = read(tmp_path, "path,label\n" + "".join(f"{name},x\n" for name in names))
    assert [track.id for track in manifest.tracks] == names
    ambiguous = "path,label\ncase.ogg,x\nCASE.ogg,y\n"  # two files are meant as well as each other
    assert [track.id for track in read(tmp_path, ambiguous).tracks] == ["case.ogg"]


@pytest.mark.shared
def test_the_field_case(shared: Path) -> None:
    folder = shared / "field/windows-table"
    manifest = read_manifest(folder / "windows.csv", group="none")
    assert len(manifest) == 6 and len(manifest.classes) == 2
    assert manifest.tracks == read_manifest(folder / "posix.csv", group="none").tracks


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("aA.:/\\%20\"'ü=fileFILE\udce9\x00\x81[]#?@"), max_size=30))
def test_no_cell_is_too_odd(cell: str) -> None:
    found = Locator(Path("/nowhere/at/all")).find(cell)
    assert found is None or Path(found.path).exists()


# ---------------------------------------------------------------- spreadsheets

FORMULAS = [
    "=1+1.ogg",
    "+a.ogg",
    "-a.ogg",
    "@sum.ogg",
    "'=quoted.ogg",
    "''+two.ogg",
    "'plain.ogg",
    "＝wide.ogg",
]


def test_no_cell_is_a_formula_and_all_are_read_again(tmp_path: Path) -> None:
    for name in FORMULAS:
        (tmp_path / name).write_bytes(b"x")
    tracks = tuple(
        Track(
            name, str(tmp_path / name), ("=label", "-other"), group="@artist", licence="+1", source="=cmd()"
        )
        for name in FORMULAS
    )
    write_manifest(Manifest(tracks), tmp_path / "t.csv")
    cells = [cell for line in (tmp_path / "t.csv").read_text().splitlines() for cell in line.split(",")]
    assert not [cell for cell in cells if cell[:1] in "=+-@＝" and len(cell) > 1]
    assert read_manifest(tmp_path / "t.csv").tracks == tracks
