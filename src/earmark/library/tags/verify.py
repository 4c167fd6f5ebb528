"""The last look at a file with new tags before it takes the place of the old: by earmark, and by mutagen.

What earmark writes is judged by a program that other people wrote. Where mutagen cannot read a file, or finds
anything but what was planned, the file is left alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

from earmark.errors import TagError, TagFormatError
from earmark.library.tags.containers import CONTAINERS
from earmark.library.tags.fields import EVIDENCE, WRITABLE, written_names
from earmark.library.tags.read import natives_of, tags_of
from earmark.library.tags.write import digest_sound, format_of

View = dict[str, list[str]]


def check(old: BinaryIO, new: BinaryIO, values: Mapping[str, Sequence[str]]) -> None:
    """Compare a file with what is to take its place.

    Parameters
    ----------
    old, new : binary file
    values : mapping of str to sequence of str
        What was to be changed: by field or name of evidence.

    Raises
    ------
    TagError
        The sound differs, another tag than those of `values` does, or a value is not found.
    TagFormatError
        mutagen cannot read the old file.
    """
    if digest_sound(old) != digest_sound(new):
        raise _refused("its sound would have changed")
    found = written_values(new)
    for field, wanted in values.items():
        if tuple(wanted) != found.get(field, ()):
            raise _refused(
                f"{field} would have been read back as {', '.join(found.get(field, ())) or 'nothing'}"
            )
    fmt = format_of(old)
    try:
        before, _ = view(old, fmt)
    except Exception as error:  # mutagen raises what it meets
        raise TagFormatError(
            f"its tags are damaged ({type(error).__name__}: {' '.join(str(error).split())[:200]})",
            hint="Try: let a tag editor write its tags anew, then plan again.",
        ) from None
    try:
        after, version = view(new, fmt)
    except Exception as error:
        raise _refused(f"another program could not read it ({type(error).__name__})") from None
    kind = CONTAINERS[fmt].kind
    _compare(before, after, written_names(values, kind, version), version if kind == "id3" else 4)


def written_values(file: BinaryIO) -> dict[str, tuple[str, ...]]:
    """Values of a file that earmark may write: by field, and by the names of evidence."""
    tags = tags_of(file)
    bpm = "" if tags.bpm is None else f"{tags.bpm:g}"
    found = {
        "genre": tags.genres,
        "mood": tags.moods,
        "bpm": (bpm,),
        "key": (tags.key,),
        "comment": (tags.comment,),
    }
    for _, native in natives_of(file):
        for name, values in native.items():
            plain = name.rpartition(":")[2]
            if plain.startswith(EVIDENCE):
                found.setdefault(plain, tuple(values))
    assert set(WRITABLE) <= set(found)
    return {name: kept for name, values in found.items() if (kept := tuple(filter(None, values)))}


def _refused(why: str) -> TagError:
    return TagError(f"{why}: the file is left alone", hint="Try: report this file to the makers of earmark.")


def _compare(before: View, after: View, names: Mapping[str, Sequence[str]], version: int) -> None:
    """Compare what mutagen sees: the values that were wanted, and all others unchanged."""
    changed = {name.upper(): list(values) for name, values in names.items()}
    for name in before.keys() | after.keys():
        if name not in changed and before.get(name) != after.get(name):
            raise _refused(f"its tag {name} would have changed")
    for name, wanted in changed.items():
        values = ["/".join(wanted)] if version < 4 and wanted else wanted
        seen = after.get(name, [])
        if (["/".join(seen)] if version < 4 and seen else seen) != values:
            raise _refused(f"another program would have read {name} as {', '.join(seen) or 'nothing'}")


def view(file: BinaryIO, fmt: str) -> tuple[View, int]:
    """What mutagen finds in a file: values by name in upper case, and the version of an ID3 tag."""
    file.seek(0)
    readers: dict[str, Callable[[BinaryIO], View]] = {
        "flac": _flac,
        "ogg": _ogg,
        "mp4": _mp4,
        "asf": _asf,
    }
    if CONTAINERS[fmt].kind == "id3":
        return _id3(file, fmt)
    return readers.get(fmt, _ape)(file), 4


def _short(value: object) -> str:
    """Digest of what is no text, such as a picture."""
    return hashlib.sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()


def _id3(file: BinaryIO, fmt: str) -> tuple[View, int]:
    from mutagen.aiff import AIFF
    from mutagen.id3 import ID3, ID3NoHeaderError
    from mutagen.wave import WAVE

    tags: Any
    if fmt in ("wav", "aiff"):
        tags = (WAVE if fmt == "wav" else AIFF)(file, load_v1=False).tags
    else:
        try:
            tags = ID3(file)
        except ID3NoHeaderError:
            tags = None
    found: View = {}
    for frame in tags.values() if tags is not None else ():
        first = frame.FrameID == "COMM" and not frame.desc and "COMM" not in found
        name = "COMM" if first else str(frame.HashKey)
        values = frame.genres if frame.FrameID == "TCON" else getattr(frame, "text", None)
        text = values if isinstance(values, list) else [_short(frame)]
        found.setdefault(name.upper(), []).extend(map(str, text))
    unknown = getattr(tags, "unknown_frames", [])
    if unknown:
        found["UNKNOWN"] = sorted(_short(frame) for frame in unknown)
    return found, tags.version[1] if tags is not None and tags.version[0] == 2 else 4


def _flac(file: BinaryIO) -> View:
    from mutagen.flac import FLAC

    opened = FLAC(file)
    found = _comments(opened.tags)
    found["PICTURES"] = [_short(picture.write()) for picture in opened.pictures]
    return found


def _ogg(file: BinaryIO) -> View:
    import mutagen
    from mutagen.oggflac import OggFLAC
    from mutagen.oggopus import OggOpus
    from mutagen.oggspeex import OggSpeex
    from mutagen.oggvorbis import OggVorbis

    opened: Any = mutagen.File(file, options=[OggVorbis, OggOpus, OggFLAC, OggSpeex])
    return _comments(opened.tags)


def _comments(tags: Any) -> View:
    found: View = {}
    for name, value in tags or ():
        # mutagen numbers the entries that have no name.
        found.setdefault(re.sub(r"^unknown\d+$", "unknown", name).upper(), []).append(value)
    return found


def _mp4(file: BinaryIO) -> View:
    from mutagen.mp4 import MP4

    found: View = {}
    for name, values in (MP4(file).tags or {}).items():
        listed = values if isinstance(values, list) else [values]
        found[name.upper()] = [_plain(value) for value in listed]
    return found


def _plain(value: object) -> str:
    if isinstance(value, bytes) and len(value) < 1 << 16:
        return value.decode("utf-8", "backslashreplace")
    return str(value) if isinstance(value, str | int) else _short(value)


def _asf(file: BinaryIO) -> View:
    from mutagen.asf import ASF

    found: View = {}
    for name, value in ASF(file).tags or ():
        found.setdefault(name.upper(), []).append(
            str(value) if isinstance(value.value, str) else _short(value)
        )
    return found


def _ape(file: BinaryIO) -> View:
    from mutagen.apev2 import APENoHeaderError, APEv2

    try:
        tags = APEv2(file)
    except APENoHeaderError:
        return {}
    return {
        name.upper(): list(value) if value.kind == 0 else [_short(bytes(value))]
        for name, value in tags.items()
    }
