"""A plugin of beets: genres, moods, tempo and key from the sound, on import and by ``beet earmark``.

In beets' configuration::

    plugins: earmark
    earmark:
        auto: yes                                       # on import too
        force: no                                       # replace what is there
        fields: [genres, moods, bpm, initial_key]
        model: earmark-base
        min_score: 0.5                                  # of a second and third genre, and of moods
        max_genres: 1
        max_moods: 3
        words: {hip-hop: Hip-Hop, r&b: R&B}             # your spelling of a label
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import mediafile
from beets import ui, util
from beets.dbcore import types
from beets.plugins import BeetsPlugin

from earmark.errors import EarmarkError
from earmark.vocabulary import DEFAULT_MODEL

if TYPE_CHECKING:
    from earmark.models import Model
    from earmark.predict import Prediction, Score

FIELDS = ("genres", "moods", "bpm", "initial_key")
EXCERPTS = (3, 10.0)  # of each track, as `earmark scan` takes them

# Where MusicBrainz Picard keeps moods; beets itself has no such field.
_MOODS = mediafile.ListMediaField(
    mediafile.MP3ListStorageStyle("TMOO"),
    mediafile.MP4ListStorageStyle("----:com.apple.iTunes:MOOD"),
    mediafile.ListStorageStyle("MOOD"),
    mediafile.ASFStorageStyle("WM/Mood"),
)


class EarmarkPlugin(BeetsPlugin):
    """Fills fields that are empty; with ``force``, others too."""

    item_types = {"moods": types.MULTI_VALUE_DSV}  # noqa: RUF012  (what beets declares)

    def __init__(self) -> None:
        super().__init__()
        self.config.add(
            {
                "auto": True,
                "force": False,
                "fields": list(FIELDS),
                "model": DEFAULT_MODEL,
                "min_score": 0.5,
                "max_genres": 1,
                "max_moods": 3,
                "words": {},
            }
        )
        self.add_media_field("moods", _MOODS)
        self._model: Model | None = None
        if self.config["auto"].get(bool):
            self.import_stages = [self.imported]

    def commands(self) -> list[Any]:
        """Return ``beet earmark``."""
        command = ui.Subcommand("earmark", help="genre, mood, tempo and key from the sound")
        command.parser.add_option(
            "-f", "--force", action="store_true", help="replace what is there", default=None
        )
        command.parser.add_option(
            "-p", "--pretend", action="store_true", help="show what would change, and change nothing"
        )
        command.func = self.run
        return [command]

    def run(self, lib: Any, opts: Any, args: list[str]) -> None:
        """Do what the command asks for."""
        force = self.config["force"].get(bool) if opts.force is None else opts.force
        self.mark(lib.items(args), force=force, write=ui.should_write(), pretend=opts.pretend)

    def imported(self, session: Any, task: Any) -> None:
        """Fill the fields of what was imported."""
        self.mark(task.imported_items(), force=self.config["force"].get(bool), write=False)

    def mark(self, items: Iterable[Any], *, force: bool, write: bool, pretend: bool = False) -> None:
        """Fill the fields of items; one that cannot be classified is reported, and the others go on.

        Parameters
        ----------
        items : iterable of beets.library.Item
            What to fill.
        force : bool
            Whether fields that have a value are replaced.
        write : bool
            Whether the tags of the files are written too.
        pretend : bool
            Whether changes are only shown.
        """
        fields = self.config["fields"].as_str_seq()
        if unknown := sorted(set(fields) - set(FIELDS)):
            raise ui.UserError(f"earmark: unknown fields {unknown}; accepted: {', '.join(FIELDS)}")
        for item in items:
            wanted = [field for field in fields if force or not item.get(field)]
            if not wanted:
                continue
            try:
                found = self.values(self.classify(util.syspath(item.path)))
            except EarmarkError as error:
                self._log.warning("{}: {}", item, error)
                continue
            changes = {field: found[field] for field in wanted if found.get(field)}
            for field, value in changes.items():
                text = "; ".join(value) if isinstance(value, list) else value
                ui.print_(f"{item}: {field}: {text}") if pretend else self._log.info(
                    "{}: {} {}", item, field, text
                )
            if changes and not pretend:
                item.update(changes)
                if write:
                    item.try_write()
                item.store()

    def classify(self, path: str | bytes) -> Prediction:
        """Classify a file by three excerpts of 10 s."""
        from earmark.models import load_model
        from earmark.predict import classify

        if self._model is None:
            self._model = load_model(self.config["model"].as_str())
        return classify(path, model=self._model, excerpts=EXCERPTS)

    def values(self, prediction: Prediction) -> dict[str, Any]:
        """Return the values of the fields of a prediction; none of what is no music or not sure."""
        if prediction.verdict != "music":
            return {}
        least = self.config["min_score"].as_number()
        likely = [score for score in prediction.genres[1:] if score.score >= least]
        genres = [*prediction.genres[:1], *likely][: self.config["max_genres"].get(int)]
        moods = [score for score in prediction.moods if score.score >= least]
        return {
            "genres": self.spelt(genres),
            "moods": self.spelt(moods[: self.config["max_moods"].get(int)]),
            "bpm": round(prediction.tempo) if prediction.tempo else None,
            "initial_key": prediction.key,
        }

    def spelt(self, scores: Sequence[Score]) -> list[str]:
        """Return labels as the configuration spells them."""
        words = self.config["words"].get(dict)
        return [str(words.get(score.label, score.label)) for score in scores]
