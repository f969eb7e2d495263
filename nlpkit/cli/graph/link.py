"""`nlpkit graph link`: which rows of a table the entities of a graph are."""

from __future__ import annotations

from pathlib import Path

import typer

from nlpkit.cli.output import emit, note, show_table

_GRAPH = ".kg"


def link(
    kg: Path = typer.Argument(help="The graph's file."),
    catalogue: Path = typer.Argument(help="A table with id and name (.csv, .tsv, .jsonl), or another graph (.kg)."),
    names_only: bool = typer.Option(False, "--names-only", help="Go by names; load no model."),
    json: bool = typer.Option(False, "--json", help="One JSON object an entity, and nothing else."),
) -> None:
    """Tell which row each entity is, by names, type and what stands around it; entities in no row are counted."""
    import nlpkit
    from nlpkit.graph.kg import KnowledgeGraph
    from nlpkit.graph.linking import Catalogue

    kit = None if names_only else nlpkit.load()
    with KnowledgeGraph.open(kg) as graph:
        if catalogue.suffix.lower() == _GRAPH:
            with KnowledgeGraph.open(catalogue) as other:
                rows = Catalogue.of(other.store, kit)
        else:
            rows = Catalogue.read(catalogue, kit)
        links = graph.link(rows)
    if json:
        for node, found in links.items():
            emit({"node": node, **found.to_dict()})
        return
    known = [(node, found, found.entry) for node, found in links.items() if found.entry is not None]
    if known:
        shown = ((node, one.name, one.type, entry.id, entry.name, f"{one.score:.2f}") for node, one, entry in known)
        show_table(("node", "name", "type", "id", "row", "score"), shown)
    note(f"{len(known):,} of {len(links):,} entities are in {catalogue}")
