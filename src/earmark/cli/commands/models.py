"""``earmark models``: which models and families there are, the card of one, the parameters of another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from earmark.cli.terminal import columns, console, write_line

if TYPE_CHECKING:
    from earmark.estimators import FamilyInfo
    from earmark.models import ModelCard


def models(
    *,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME|DIR]", help="Show the card of this model, or the parameters of this family."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The card, or the list, as JSON.")] = False,
) -> None:
    """List the models and families, or show the card of one."""
    from earmark.estimators import list_families
    from earmark.models import list_models

    if name is not None:
        _show(name, as_json=as_json)
        return
    infos: list[tuple[str, str, str]] = [(info.name, info.summary, info.origin) for info in list_models()]
    infos += [(info.name, info.summary, "to be trained") for info in list_families()]
    if as_json:
        write_line(json.dumps([{"name": a, "summary": b, "origin": c} for a, b, c in infos]))
        return
    console().print(columns((label, f"{summary} ({origin})") for label, summary, origin in infos))


def _show(name: str, *, as_json: bool) -> None:
    """Print the parameters of a family, or the card of a model."""
    from earmark.estimators import list_families
    from earmark.models import load_model

    info = next((info for info in list_families() if info.name == name), None)
    if info is not None:
        content, rows = _family(info)
    else:
        card = load_model(name).card
        content, rows = card.to_dict(), _card_rows(card)
    if as_json:
        write_line(json.dumps(content))
    else:
        console().print(columns(rows, styles=("bold", "bright_black")))


def _family(info: FamilyInfo) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Parameters of a family, for JSON and for people."""
    from earmark.estimators import family

    declared = family(info.name).parameters().values()
    content = {
        "name": info.name,
        "summary": info.summary,
        "input": info.input,
        "parameters": [
            {
                "name": one.name,
                "default": one.default,
                "accepted": str(one.accepted),
                "search": None if one.search is None else str(one.search),
            }
            for one in declared
        ],
    }
    rows = [(info.name, info.summary), ("input", info.input)]
    for one in declared:
        tuned = "" if one.search is None else f"; tuned over {one.search}"
        rows.append((one.name, f"{one.default!r}: {one.accepted}{tuned}"))
    rows.append(("train it", f"earmark train DATA --model {info.name} --set NAME=VALUE"))
    return content, rows


def _card_rows(card: ModelCard) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = [
        (card.name, card.summary),
        ("licence", card.licence),
        ("input", f"windows of {card.window:g} s, a new one every {card.hop:g} s, at {card.spec.sr:,} Hz"),
        *((head.name, f"{', '.join(head.classes)} ({head.kind})") for head in card.heads),
        *(("class priors", _priors(name, priors)) for name, priors in card.priors.items()),
        ("embedding", f"{card.embedding_size} numbers" if card.embedding_size else "none"),
        ("weights", f"sha256 {card.sha256}" if card.sha256 else "none"),
        *(("features", f"digest {frames.spec.digest}") for frames in card.front_ends),
        *(("trained on", _collection(entry)) for entry in card.training_data),
        *(("measured", _metric(entry)) for entry in card.metrics),
        *(("limit", limit) for limit in card.limits),
        *(row for base in card.based_on for row in _base_rows(base)),
    ]
    return [(key, text) for key, text in rows if text]


def _base_rows(base: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A model that the model builds on, and those that it builds on in turn."""
    weights = f", sha256 {base['sha256']}" if base.get("sha256") else ""
    rows = [("based on", f"{base.get('name', '?')}, licence {base.get('licence') or 'not known'}{weights}")]
    rows += [("  trained on", _collection(entry)) for entry in base.get("training_data", ())]
    rows += [("  limit", str(limit)) for limit in base.get("limits", ())]
    return rows + [row for inner in base.get("based_on", ()) for row in _base_rows(inner)]


def _priors(name: str, priors: Mapping[str, float]) -> str:
    ordered = sorted(priors.items(), key=lambda entry: -entry[1])
    return f"{name}: {', '.join(f'{label} {100 * prior:.2g} %' for label, prior in ordered)}"


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
