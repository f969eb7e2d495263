"""`nlpkit graph show`: what a graph holds, in numbers or as a page."""

from __future__ import annotations

from pathlib import Path

import typer

from nlpkit.cli import output


def show(
    kg: Path = typer.Argument(help="The graph's file."),
    html: Path | None = typer.Option(
        None, "--html", help="Write one self-contained page here: move, search, read the evidence."
    ),
    json: bool = typer.Option(False, "--json", help="The summary as one JSON object, and nothing else."),
) -> None:
    """Sum a graph up: counts, the most connected entities, relations by how often they are said."""
    from nlpkit.graph.kg import KnowledgeGraph

    with KnowledgeGraph.open(kg) as graph:
        if html is not None:
            graph.to_html(html)
            output.note(f"wrote {html}")
        summary = graph.summary()
    if json:
        output.emit(summary.to_dict())
        return
    output.show(f"{summary.documents} documents, {summary.nodes} entities, {summary.facts} facts")
    output.show()
    output.show_table(("most connected", "type", "facts"), ((n.name, n.type, c) for n, c in summary.connected))
    output.show()
    output.show_table(("relation", "facts"), summary.relations.items())
