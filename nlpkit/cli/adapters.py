"""`nlpkit adapters`: the trained adapters at hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from nlpkit.card import label_names
from nlpkit.cli.output import emit, show_table


def adapters(json: bool = typer.Option(False, "--json", help="One JSON object a line, and nothing else.")) -> None:
    """List the trained adapters that can be loaded by name."""
    from nlpkit import checkpoint

    found = [describe(name, checkpoint.account(checkpoint.locate(name))) for name in checkpoint.shipped_names()]
    if json:
        for adapter in found:
            emit(adapter)
        return
    rows = [
        (a["name"], a["task"], len(a["labels"]), a["backbone"], _scores(a["scores"]), a["licence"], f"{a['bytes']:,}")
        for a in found
    ]
    show_table(("name", "task", "labels", "backbone", "scores", "licence", "bytes"), rows)


def describe(name: str, account: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is told of an adapter; the scores are those on its test data, or on its dev data if it has none."""
    scores = account["scores"]
    return {
        "name": name,
        "task": "+".join(account["heads"]),
        "labels": [label for head in account["heads"].values() for label in label_names(head)],
        "backbone": account["backbone"]["name"],
        "scores": scores.get("test") or scores.get("dev", {}),
        "licence": account["recipe"]["licence"],
        "bytes": account["bytes"],
    }


def _scores(scores: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in scores.items() if name.endswith(("f1", "accuracy")))
