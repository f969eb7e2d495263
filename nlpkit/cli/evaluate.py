"""`nlpkit evaluate`: an adapter's scores on a test file."""

from __future__ import annotations

from pathlib import Path

import typer

from nlpkit.cli.output import emit, show, show_table


def evaluate(
    adapter: str = typer.Argument(help="An adapter: its name (nlpkit adapters lists them) or its folder."),
    data: Path = typer.Option(..., "--data", help="The test file, in the format of the adapter's recipe."),
    json: bool = typer.Option(False, "--json", help="One JSON object, and nothing else."),
) -> None:
    """Measure an adapter on data with known answers."""
    import nlpkit

    evaluation = nlpkit.evaluate(adapter, data=data).to_dict()
    if json:
        emit(evaluation)
        return
    show(f"{evaluation['task']} on {evaluation['data']}, {evaluation['n']} documents")
    show_table(("score", "value"), ((name, f"{value:.4f}") for name, value in evaluation["scores"].items()))
