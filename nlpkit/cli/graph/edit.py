"""`nlpkit graph remove`, `merges` and `undo`: take back what a document said or a merge joined."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import typer

from nlpkit.cli.output import emit, note, show_table


def remove(
    kg: Path = typer.Argument(help="The graph's file."),
    document: str = typer.Argument(help="The document's id, as evidence names it."),
) -> None:
    """Take a document out, with all that only it supports."""
    from nlpkit.graph.kg import KnowledgeGraph

    with KnowledgeGraph.open(kg) as graph:
        graph.remove(document)
    note(f"removed {document}")


def merges(
    kg: Path = typer.Argument(help="The graph's file."),
    json: bool = typer.Option(False, "--json", help="One JSON object a line, and nothing else."),
) -> None:
    """List which names were taken for one entity, and why."""
    from nlpkit.graph.kg import KnowledgeGraph

    with KnowledgeGraph.open(kg) as graph:
        found = [asdict(merge) for merge in graph.merges()]
    if json:
        for merge in found:
            emit(merge)
    elif found:
        show_table(list(found[0]), (list(merge.values()) for merge in found))


def undo(
    kg: Path = typer.Argument(help="The graph's file."),
    merge: int = typer.Argument(help="The merge's id (nlpkit graph merges lists them)."),
) -> None:
    """Take a merge back: its two entities are two again."""
    from nlpkit.graph.kg import KnowledgeGraph

    with KnowledgeGraph.open(kg) as graph:
        graph.undo(merge)
    note(f"merge {merge} is undone")
