"""The tempo to expect of such music, which decides between a tempo and its double or half.

Music repeats at its beat, at every second beat and between beats. At which of these people count it depends
on what it is: a ballad and drum and bass can have the same pulse. A model with the head `pace` says how fast
music that sounds like this is usually counted.
"""

from __future__ import annotations

from earmark.predict.window_scores import WindowScores

HEAD = "pace"  # and its only class
_USUAL_BPM, _OCTAVES = 110.0, 4.0  # at the amount 0.5; from the amount 0 to 1


def expected_tempo(scores: WindowScores) -> float | None:
    """Return the tempo to expect of some windows.

    Parameters
    ----------
    scores : WindowScores
        Of music; silent windows do not count.

    Returns
    -------
    float or None
        In beats per minute, to 0.1; None for silence, and from a model without such a head of amounts: one
        that was trained on labels may have the same name.
    """
    head = scores.card.head(HEAD)
    if head is None or (head.kind, head.classes) != ("amount", (HEAD,)) or HEAD not in scores.heads:
        return None
    if scores.silent.all():
        return None
    amount = float(scores.mean(HEAD)[0])
    return round(_USUAL_BPM * 2 ** (_OCTAVES * (amount - 0.5)), 1)
