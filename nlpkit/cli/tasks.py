"""`nlpkit tasks`: the recipes that travel with nlpkit."""

from __future__ import annotations

import typer

from nlpkit.cli.output import emit, show_table


def tasks(json: bool = typer.Option(False, "--json", help="One JSON object a line, and nothing else.")) -> None:
    """List the recipes: what can be trained with one command; and the kinds of texts that can be written."""
    from nlpkit import recipes, writings

    found = [recipes.find(name) for name in recipes.names()]
    if json:
        for recipe in found:
            emit(recipe.to_dict())
        for name in writings.names():
            emit({"name": f"{recipes.GENERATION}/{name}", "title": writings.find(name).title})
        return
    rows = [(r.name, ", ".join(r.heads), r.backbone, r.title) for r in found]
    rows += [(f"{recipes.GENERATION}/{name}", "", "", writings.find(name).title) for name in writings.names()]
    show_table(("name", "heads", "backbone", "what it is"), rows)
