"""`nlpkit graph suggest`: facts that may be missing, and why."""

from __future__ import annotations

from pathlib import Path

import typer

from nlpkit.cli.output import emit, note, show
from nlpkit.cli.progress import Bar

_RULES_SHOWN = 2


def suggest(
    kg: Path = typer.Argument(help="The graph's file."),
    relation: str = typer.Option("", "--relation", help="This relation alone."),
    least: float = typer.Option(0.5, "--least", min=0.0, max=1.0, help="The confidence that a rule must have."),
    support: int = typer.Option(3, "--support", min=1, help="How many facts must bear a rule out."),
    limit: int = typer.Option(20, "--limit", min=0, help="The likeliest so many; 0 shows all."),
    adapter: list[str] = typer.Option([], "--adapter", "-a", help="A pack whose relations are to be known."),
    json: bool = typer.Option(False, "--json", help="One JSON object a line, and nothing else."),
) -> None:
    """List facts that the graph does not say and that rules found in it make likely, each with what it rests on."""
    import nlpkit
    from nlpkit.graph.kg import KnowledgeGraph

    with KnowledgeGraph.open(kg, nlpkit.load(*adapter) if adapter else None) as graph:
        with Bar("rules", "paths") as bar:
            found = graph.suggest(
                relation=relation or None,
                least=least,
                support=support,
                progress=lambda done, total: bar.update(done, total),
            )
        for one in found[: limit or None]:
            if json:
                emit(one.to_dict(graph.store))
                continue
            show(f"{one.score:.2f}  {one.subject.name} -- {one.relation} --> {one.object.name}")
            for fact in one.path:
                show(f"      {graph.node(fact.subject).name} -- {fact.relation} --> {graph.node(fact.object).name}")
            for rule in one.rules[:_RULES_SHOWN]:
                show(f"      {rule.confidence:.2f} ({rule.support:,} of {rule.joined:,})  {rule}")
    if not json:
        note(
            f"{len(found):,} facts may be missing" if found else "no rule foretells a fact; lower --least or --support"
        )
