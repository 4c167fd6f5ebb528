"""Tags of files: read them, plan changes, preview, apply and undo them.

>>> tags = read_tags("song.mp3")      # doctest: +SKIP
>>> tags.genres
('Hard Rock', 'Blues')

One container family a file: `id3` (MP3, TTA), `chunks` (WAV, AIFF), `vorbis` (FLAC), `ogg`, `mp4`, `asf`,
`ape` (APE, WavPack, Musepack, TAK). Each finds the bytes that hold tags and says by which `Splice` they
change; all other bytes of a file stay. `verify` has earmark and mutagen read the result before it replaces
the file.
"""

from earmark.library.tags.apply import Outcome, apply, new_run, undo
from earmark.library.tags.fields import Tags
from earmark.library.tags.journal import Journal, Run, default_journal
from earmark.library.tags.plan import Change, FilePlan, PlanOptions, Wanted, make_plan
from earmark.library.tags.plan_file import read_plan, write_plan
from earmark.library.tags.preview import Line, preview, totals
from earmark.library.tags.read import read_tags

__all__ = [
    "Change",
    "FilePlan",
    "Journal",
    "Line",
    "Outcome",
    "PlanOptions",
    "Run",
    "Tags",
    "Wanted",
    "apply",
    "default_journal",
    "make_plan",
    "new_run",
    "preview",
    "read_plan",
    "read_tags",
    "totals",
    "undo",
    "write_plan",
]
