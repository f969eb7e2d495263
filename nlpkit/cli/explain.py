"""`nlpkit explain`: which words carried an adapter's decision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nlpkit.cli.output import emit, note, show, show_table

if TYPE_CHECKING:
    from nlpkit.explaining import Explanation

_SHOWN = 8


def explain(
    adapter: str = typer.Argument(help="An adapter: its name or folder."),
    text: str = typer.Argument(help="The text; <e1>...</e1> and <e2>...</e2> mark two entities that are given."),
    query: str = typer.Option("", "--query", "-q", help="The question to the text, or the first text of a pair."),
    task: str | None = typer.Option(None, "--task", "-t", help="The kind of task, where the adapter has several."),
    label: str | None = typer.Option(None, "--label", "-l", help="The label whose decisions to explain."),
    most: int = typer.Option(3, "--most", min=1, help="Decisions of each kind of task at most, the surest first."),
    html: Path | None = typer.Option(None, "--html", help="A page to show the words and the attention on."),
    json: bool = typer.Option(False, "--json", help="One JSON object, and nothing else."),
) -> None:
    """Show which words carried a decision, and where the model looked."""
    from nlpkit import checkpoint, explaining, highlighting
    from nlpkit.errors import InputError
    from nlpkit.types import Document

    document = Document.marked(text) if "<e1>" in text and "<e2>" in text else Document(text, query=query)
    loaded = checkpoint.load(checkpoint.locate(adapter))
    if loaded.recipe.writes:
        raise InputError(f"{adapter!r} writes texts; what carried a decision is told of adapters that read")
    found = explaining.explain(loaded, document, kind=task, label=label, most=most)
    if html is not None:
        part = html.with_name(f".{html.name}.part")
        part.write_text(highlighting.page(document, found, task=loaded.recipe.name), encoding="utf-8")
        part.replace(html)
        note(f"wrote {html}")
    if json:
        query_of = {"query": query} if query else {}
        explanations = [explanation.to_dict() for explanation in found]
        emit({"adapter": loaded.recipe.name, "text": document.text, **query_of, "explanations": explanations})
        return
    _show(found)


def _show(explanations: Sequence[Explanation]) -> None:
    for number, explanation in enumerate(explanations):
        decision = explanation.decision
        places = " -> ".join(place.text for place in decision.places)
        score = "" if decision.score is None else f"  {decision.score:.2f}"
        if number:
            show()
        show(f"{explanation.kind}: {decision.label}{f'  {places}' if places else ''}{score}")
        words = sorted(explanation.words, key=lambda w: -abs(w.weight))[:_SHOWN]
        rows = ((f"{w.text} (query)" if w.query else w.text, f"{w.weight:+.2f}", f"{w.attention:.2f}") for w in words)
        show_table(("word", "adds", "attention"), rows)
