"""`nlpkit graph remove`, `merge`, `diff`, `verify`, `merges` and `undo`: a graph as a whole."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nlpkit.cli.output import emit, note, show, show_table
from nlpkit.cli.progress import Bar

if TYPE_CHECKING:
    from nlpkit.graph.differences import Difference
    from nlpkit.graph.kg import KnowledgeGraph


def remove(
    kg: Path = typer.Argument(help="The graph's file."),
    documents: list[str] = typer.Argument(help="Ids of documents, as evidence names them."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would go, on a copy."),
) -> None:
    """Take documents out, with all that only they support; all of them, or none where one is not there."""
    from nlpkit.graph.kg import KnowledgeGraph

    with _tried(kg, dry_run) as path, KnowledgeGraph.open(path) as graph:
        before = _counts(graph)
        graph.remove(*documents)
        after = _counts(graph)
        gone = ", ".join(f"{n - after[what]:,} {what}" for what, n in before.items())
    note(f"{'would remove' if dry_run else 'removed'} {gone}")


def merge(
    kg: Path = typer.Argument(help="The graph's file, which takes the other in."),
    other: Path = typer.Argument(help="The other graph's file; it stays as it is."),
    theirs: bool = typer.Option(False, "--theirs", help="Of documents that differ, take the other graph's version."),
    adapter: list[str] = typer.Option([], "--adapter", "-a", help="A pack whose aliases are to be known."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would come in, on a copy."),
) -> None:
    """Take another graph's documents in; its entities are linked to those known here. Stopped, it goes on."""
    import nlpkit
    from nlpkit.graph.kg import KnowledgeGraph

    kit = nlpkit.load(*adapter) if adapter else None
    with (
        KnowledgeGraph.open(other) as coming,
        _tried(kg, dry_run) as path,
        KnowledgeGraph.open(path, kit) as graph,
        Bar("joining", "documents") as bar,
    ):
        before = _counts(graph)
        joined = graph.join(coming, theirs=theirs, progress=lambda done, total: bar.update(done, total, ""))
        after = _counts(graph)
        more = ", ".join(f"{after[what] - n:,} {what}" for what, n in before.items())
    for name in joined.differing:
        note(f"{name} differs: {'theirs' if theirs else 'ours'} {'would be' if dry_run else 'was'} kept")
    note(f"{'would add' if dry_run else 'added'} {more}; {joined.unchanged:,} documents were there")


def diff(
    kg: Path = typer.Argument(help="A graph's file."),
    other: Path = typer.Argument(help="The file of another, or of the same at another time."),
    json: bool = typer.Option(False, "--json", help="One JSON object a line, and nothing else."),
) -> None:
    """Show what the second graph has less (-), more (+) or otherwise (~); exit status 1 where they differ."""
    from nlpkit.graph.kg import KnowledgeGraph

    with KnowledgeGraph.open(kg) as graph, KnowledgeGraph.open(other) as second:
        found = graph.differences(second)
    for one in found:
        if json:
            emit(one.to_dict())
        else:
            show(f"{one.change} {_named(one)}")
    if found:
        raise typer.Exit(1)


def verify(kg: Path = typer.Argument(help="The graph's file.")) -> None:
    """Tell whether the file is whole: nothing lost, nothing doubled, all sums right; exit status 1 where it is not."""
    from nlpkit.graph.kg import KnowledgeGraph

    with KnowledgeGraph.open(kg) as graph:
        faults, counts = graph.faults(), _counts(graph)
    for fault in faults:
        show(fault)
    if faults:
        note("go back to a copy, or build the graph again")
        raise typer.Exit(1)
    note("whole: " + ", ".join(f"{n:,} {what}" for what, n in counts.items()))


def _named(one: Difference) -> str:
    if one.kind != "fact":
        amount = "" if one.change != "~" or one.kind == "document" else f": {one.before} -> {one.after} mentions"
        return f"{one.kind} {' '.join(part for part in one.name if part)}{amount}"
    subject, _, relation, object_, _ = one.name
    scores = [score for score in (one.before, one.after) if score is not None]
    return f"{subject} -- {relation} --> {object_}{'  ' * bool(scores)}{' -> '.join(f'{s:.2f}' for s in scores)}"


def _counts(graph: KnowledgeGraph) -> dict[str, int]:
    tables = {"documents": "document", "entities": "entity", "facts": "fact", "evidence": "evidence"}
    return {what: graph.store.count(table) for what, table in tables.items()}


@contextmanager
def _tried(kg: Path, dry_run: bool) -> Iterator[Path]:
    """Give a graph's file, or for a dry run a copy that is thrown away."""
    from nlpkit.graph.kg import KnowledgeGraph

    if not dry_run:
        yield kg
        return
    with tempfile.TemporaryDirectory(prefix="nlpkit-") as folder:
        copy = Path(folder, kg.name)
        with KnowledgeGraph.open(kg) as graph:
            graph.copy(copy)
        yield copy


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
