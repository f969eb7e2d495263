"""`nlpkit tasks`: the recipes that travel with nlpkit."""

from __future__ import annotations

import typer

from nlpkit.cli.output import emit, show_table


def tasks(json: bool = typer.Option(False, "--json", help="One JSON object a line, and nothing else.")) -> None:
    """List the recipes: what can be trained with one command."""
    from nlpkit import recipes

    found = [recipes.find(name) for name in recipes.names()]
    if json:
        for recipe in found:
            emit(recipe.to_dict())
        return
    rows = [(r.name, ", ".join(r.heads), r.backbone, r.title) for r in found]
    show_table(("name", "heads", "backbone", "what it learns"), rows)
