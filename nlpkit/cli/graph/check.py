"""`nlpkit graph check`: facts that cannot all be true, with their evidence."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nlpkit.cli.output import emit, note, show

if TYPE_CHECKING:
    from nlpkit.graph.conflicts import Conflict
    from nlpkit.graph.kg import KnowledgeGraph

_EVIDENCE_SHOWN = 2


def check(
    kg: Path = typer.Argument(help="The graph's file."),
    adapter: list[str] = typer.Option(
        [], "--adapter", "-a", help="A pack whose relations are to be known; again for more."
    ),
    json: bool = typer.Option(False, "--json", help="One JSON object a conflict, and nothing else."),
) -> None:
    """List facts that cannot all be true, with their evidence; exit status 1 where there are any."""
    import nlpkit
    from nlpkit.graph.kg import KnowledgeGraph

    with KnowledgeGraph.open(kg, kit=nlpkit.load(*adapter) if adapter else None) as graph:
        found = graph.check()
        for conflict in found:
            if json:
                emit(conflict.to_dict(graph.store))
            else:
                _show(conflict, graph)
    if not json:
        counts = Counter(conflict.kind for conflict in found)
        note(", ".join(f"{kind}: {n:,}" for kind, n in counts.items()) or "no conflict")
    if found:
        raise typer.Exit(1)


def _show(conflict: Conflict, graph: KnowledgeGraph) -> None:
    show(f"{conflict.kind}: {conflict.message}")
    for fact in conflict.facts:
        score = "" if fact.score is None else f"  {fact.score:.2f}"
        show(f"  {graph.node(fact.subject).name} -- {fact.relation} --> {graph.node(fact.object).name}{score}")
        for evidence in graph.store.evidence(fact)[:_EVIDENCE_SHOWN]:
            text = " ".join(evidence.text.split())
            show(f'    {evidence.document} [{evidence.start}:{evidence.end}]: "{text}"')
