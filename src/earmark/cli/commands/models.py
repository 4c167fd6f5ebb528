"""``earmark models``: which models there are, and the card of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from earmark.cli.terminal import columns, console, write_line

if TYPE_CHECKING:
    from earmark.models import ModelCard


def models(
    *,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME|DIR]", help="Show the card of this model.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The card, or the list, as JSON.")] = False,
) -> None:
    """List the models, or show the card of one."""
    import json

    from earmark.estimators import list_families
    from earmark.models import list_models, load_model

    if name is not None:
        card = load_model(name).card
        if as_json:
            write_line(json.dumps(card.to_dict()))
        else:
            console().print(columns(_card_rows(card), styles=("bold", "bright_black")))
        return
    infos: list[tuple[str, str, str]] = [(info.name, info.summary, info.origin) for info in list_models()]
    infos += [(info.name, info.summary, "to be trained") for info in list_families()]
    if as_json:
        write_line(json.dumps([{"name": a, "summary": b, "origin": c} for a, b, c in infos]))
        return
    console().print(columns((name, f"{summary} ({origin})") for name, summary, origin in infos))


def _card_rows(card: ModelCard) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = [
        (card.name, card.summary),
        ("licence", card.licence),
        ("hears", f"windows of {card.window:g} s, a new one every {card.hop:g} s, at {card.spec.sr:,} Hz"),
        *((head.name, f"{', '.join(head.classes)} ({head.kind})") for head in card.heads),
        *(("believes", _belief(name, shares)) for name, shares in card.priors.items()),
        ("embedding", f"{card.embedding_size} numbers" if card.embedding_size else "none"),
        ("weights", f"sha256 {card.sha256}" if card.sha256 else "none"),
        ("features", f"digest {card.spec.digest}"),
        *(("learned from", _collection(entry)) for entry in card.training_data),
        *(("measured", _metric(entry)) for entry in card.metrics),
        *(("limit", limit) for limit in card.limits),
    ]
    return [(key, text) for key, text in rows if text]


def _belief(name: str, shares: Mapping[str, float]) -> str:
    told = sorted(shares.items(), key=lambda entry: -entry[1])
    return f"{name} beforehand: {', '.join(f'{label} {100 * share:.2g} %' for label, share in told)}"


def _collection(entry: Any) -> str:
    rest = [f"{key}={value}" for key, value in entry.items() if key not in ("name", "n")]
    count = f", {entry['n']} recordings" if "n" in entry else ""
    return f"{entry.get('name', '?')}{count}" + (f" ({', '.join(rest)})" if rest else "")


def _metric(entry: Any) -> str:
    text = f"{entry.get('name', '?')}: {_rounded(entry.get('value'))}"
    if entry.get("low") is not None and entry.get("high") is not None:
        text += f" ({_rounded(entry['low'])} to {_rounded(entry['high'])})"
    return text + "".join(f", {key}={entry[key]}" for key in ("n", "split") if entry.get(key) is not None)


def _rounded(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
