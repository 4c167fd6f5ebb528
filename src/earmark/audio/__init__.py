"""Reading sound: the only room that opens audio.

>>> clip = load("song.mp3", start=60, duration=10)      # doctest: +SKIP
>>> for block in open_audio("song.mp3").blocks(): ...   # doctest: +SKIP

One idea per file: `source` gets the bytes, `formats.sniff` names their format, `decode.soundfile`
(libsndfile) and `decode.ffmpeg` decode, `mixdown` makes one channel, `resample` changes the rate, `stream`
puts these together.
"""

from earmark.audio.clip import Clip
from earmark.audio.digest import sound_digest
from earmark.audio.excerpts import spread
from earmark.audio.find import EXTENSIONS, find_audio
from earmark.audio.info import AudioInfo
from earmark.audio.source import Source
from earmark.audio.stream import AudioStream, load, open_audio, probe
from earmark.audio.wav import WavExcerpt

__all__ = [
    "EXTENSIONS",
    "AudioInfo",
    "AudioStream",
    "Clip",
    "Source",
    "WavExcerpt",
    "find_audio",
    "load",
    "open_audio",
    "probe",
    "sound_digest",
    "spread",
]
