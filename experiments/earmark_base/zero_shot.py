"""What two taggers call the genres by words of their own: the same music, named by other people.

Heads that learn from a few collections learn those collections, too: taught without GTZAN they find the genre of 70 % of
its clips, where the taggers' own words, weighed by the same collections, find it in 86 % (LOG.md). So the words have a say
of their own beside what was learnt.
"""

from __future__ import annotations

import csv
from pathlib import Path

import corpus
import numpy as np

MN04 = {
    "blues": ("Blues",), "classical": ("Classical music", "Opera"), "country": ("Country", "Bluegrass"),
    "disco": ("Disco",),
    "electronic": ("Electronic music", "Electronica", "Electronic dance music", "Ambient music"),
    "folk": ("Folk music", "Traditional music"), "hip-hop": ("Hip hop music",), "jazz": ("Jazz", "Swing music"),
    "latin": ("Music of Latin America", "Salsa music", "Flamenco"), "metal": ("Heavy metal",),
    "new-age": ("New-age music", "Ambient music"), "pop": ("Pop music",),
    "r&b": ("Rhythm and blues", "Soul music", "Funk"), "reggae": ("Reggae", "Ska"),
    "rock": ("Rock music", "Punk rock", "Rock and roll"),
    "soundtrack": ("Soundtrack music", "Theme music", "Video game music"),
    "spoken": ("Speech", "Narration, monologue"), "vocal": ("Vocal music",),
    "world": ("Middle Eastern music", "Music of Africa", "Music of Asia"),
}  # fmt: skip
MSD = {
    "blues": ("blues",), "country": ("country",), "electronic": ("electronic", "electronica", "House"),
    "folk": ("folk",), "hip-hop": ("Hip-Hop",), "jazz": ("jazz",), "metal": ("metal", "heavy metal"),
    "new-age": ("ambient",), "pop": ("pop",), "r&b": ("soul", "rnb", "funk"),
    "rock": ("rock", "alternative rock", "classic rock", "hard rock", "indie rock", "punk"),
}  # fmt: skip


def words(teacher: Path) -> dict[str, tuple[list[str], dict[str, tuple[str, ...]]]]:
    """Each tagger's vocabulary in the order of its logits, and what of it means which genre."""
    with open(teacher / "audioset_labels.csv", encoding="utf-8") as file:
        audioset = [row["display_name"] for row in csv.DictReader(file)]
    msd = (teacher / "fcn_msd_tags.txt").read_text(encoding="utf-8").split("\n")
    return {"mn04": (audioset, MN04), "msd": ([word for word in msd if word], MSD)}


def tag_scores(teacher: Path, cache: Path, tracks: list[corpus.Track]) -> np.ndarray:
    """How loudly each tagger says each genre's name [shape=(2, n, 19)]: the highest of its logits for it, the mean
    over its views; NaN where it has no word, or was not asked (teachers.py asks), and for what is no music."""
    said: dict[str, np.ndarray] = {}
    for collection in sorted({t.collection for t in tracks}):
        if (file := cache / "teachers" / f"{collection}.npz").exists():
            with np.load(file) as archive:
                said.update({name: archive[name] for name in archive.files})
    if not said:
        raise SystemExit(
            f"No tagger was asked: {cache / 'teachers'} holds no answers. Run teachers.py first."
        )
    out = np.full((2, len(tracks), len(corpus.GENRES)), np.nan)
    for tagger, (name, (vocabulary, meaning)) in enumerate(words(teacher).items()):
        columns = {g: [vocabulary.index(word) for word in meant] for g, meant in meaning.items()}
        for i, track in enumerate(tracks):
            answer = said.get(f"{track.id}|{name}")
            if answer is not None and track.collection != "nonmusic":
                logits = np.atleast_2d(answer).mean(0)[-len(vocabulary) :]
                for genre, picked in columns.items():
                    out[tagger, i, corpus.GENRES.index(genre)] = logits[picked].max()
    return out
