"""`nlpkit graph export` and `nlpkit graph import`: graphs to and from other programs' files."""

from __future__ import annotations

from pathlib import Path

import typer

from nlpkit.cli.output import note, show


def export(
    kg: Path = typer.Argument(help="The graph's file."),
    file: Path = typer.Argument(
        help="Where to: .json (node-link), .graphml, .gexf, .ttl, .nt, .jsonld, .cypher, .zip (Neo4j's tables) or .tsv "
        "(triples), also .gz."
    ),
) -> None:
    """Write a graph as node-link JSON, GraphML, GEXF, RDF, TSV triples or for Neo4j."""
    from nlpkit.graph.kg import KnowledgeGraph

    with KnowledgeGraph.open(kg) as graph:
        graph.export(file)
    note(f"wrote {file}")


def import_(
    file: Path = typer.Argument(
        help="From where: .json (node-link), .graphml, .ttl, .nt, .jsonld, .rdf or .tsv (triples), also .gz; "
        "FILE.tar.gz#NAME."
    ),
    out: Path = typer.Option(..., "--out", "-o", help="The graph's file to make."),
    columns: str = typer.Option("subject,relation,object", help="What the columns of triples are, in their order."),
) -> None:
    """Make a graph of node-link JSON, GraphML, RDF or TSV triples."""
    from nlpkit.graph.kg import KnowledgeGraph

    with KnowledgeGraph.load_file(file, out, columns=columns.split(",")) as graph:
        summary = graph.summary()
    show(f"{out}: {summary.nodes} entities, {summary.facts} facts")
