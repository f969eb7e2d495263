"""`nlpkit graph query`: a graph asked in SPARQL."""

from __future__ import annotations

from pathlib import Path

import typer

from nlpkit.cli.output import emit, show_table


def query(
    kg: Path = typer.Argument(help="The graph's file."),
    sparql: str = typer.Option(..., "--sparql", help="The query; wdt:P19, rdfs:label and the like need no PREFIX."),
    json: bool = typer.Option(False, "--json", help="One JSON object a row, and nothing else."),
) -> None:
    """Ask a graph in SPARQL, over what its Turtle export holds."""
    from nlpkit.graph.kg import KnowledgeGraph

    with KnowledgeGraph.open(kg) as graph:
        found = graph.query(sparql)
    if json:
        for row in found.rows:
            emit(dict(zip(found.columns, row, strict=True)))
    else:
        show_table(found.columns, found.rows)
