"""What a worker process does with a clip: its embeddings, its digest and a small picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from earmark.arrays import Float32
from earmark.audio import sound_digest
from earmark.errors import EmptyAudioError, InputError
from earmark.features import PictureStream
from earmark.predict import score_source
from earmark.train.boxes import spread
from earmark.web.work import Models, Sound

LONGEST = 600.0  # s of a clip
N_COLUMNS, N_BANDS, N_PEAKS = 44, 24, 44


@dataclass(frozen=True, eq=False)
class EmbeddedClip:
    """A clip without its sound.

    Parameters
    ----------
    vectors : np.ndarray, float32 [shape=(n, embedding_size)]
        Embeddings of windows that are not silent, spread over the clip.
    recording : str
        Digest of the sound: the same file twice is one recording.
    seconds : float
        Length.
    picture : dict
        As the page draws it.
    """

    vectors: Float32
    recording: str
    seconds: float
    picture: dict[str, Any]


def embed_clip(models: Models, sound: Sound) -> EmbeddedClip:
    """Make the embeddings of a clip, in a worker.

    Raises
    ------
    EarmarkError
        As of `earmark.classify`.
    InputError
        The model has no embedding.
    EmptyAudioError
        The clip holds silence alone.
    """
    model = models.get(None)
    if not model.card.embedding_size:
        raise InputError(
            f"model {model.card.name!r} has no embedding", hint="Try: a service with earmark-base."
        )
    drawing = PictureStream(model.card.spec.sr, n_peaks=N_PEAKS, n_columns=N_COLUMNS, n_bands=N_BANDS)
    scored = score_source(
        sound.path,
        model=model,
        max_duration=min(LONGEST, sound.max_seconds),
        embedding=True,
        name=sound.name,
        on_block=drawing.push,
    )
    loud = scored.scores.take(~scored.scores.silent)
    if loud.embeddings is None or not len(loud):
        raise EmptyAudioError(f"{sound.name} is silent", hint="Try: a clip with sound in it.")
    recording = sound_digest(sound.path)
    return EmbeddedClip(spread(loud.embeddings), recording, scored.duration, drawing.close().to_dict())
