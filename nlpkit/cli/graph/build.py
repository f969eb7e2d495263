"""`nlpkit graph build`: texts become a graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nlpkit.cli.output import emit, note, show
from nlpkit.cli.progress import Bar

if TYPE_CHECKING:
    from nlpkit.graph.build import Progress
    from nlpkit.graph.records import Extractor


def build(
    corpus: list[str] = typer.Argument(help="Files (.txt, .md, .jsonl) and folders; - is standard input."),
    out: Path = typer.Option(..., "--out", "-o", help="The graph's file; one that exists is added to."),
    adapter: list[str] = typer.Option(
        [], "--adapter", "-a", help="An adapter to read with, by folder or name; again for more."
    ),
    json: bool = typer.Option(False, "--json", help="The summary as one JSON object, and nothing else."),
) -> None:
    """Read texts into a graph. Stopped at any moment and started again, it goes on; a text is read once."""
    import nlpkit

    summary = build_graph(corpus, out, nlpkit.load(*adapter))
    if json:
        emit(summary)
    else:
        show(f"{out}: {summary['documents']} documents, {summary['nodes']} entities, {summary['facts']} facts")


def build_graph(corpus: list[str], out: Path, kit: Extractor) -> dict[str, Any]:
    """Build the graph with a bar on standard error; return its summary and what this build did."""
    from nlpkit.graph.kg import KnowledgeGraph

    with Bar("reading", "documents") as bar:

        def tell(progress: Progress) -> None:
            bar.update(progress.done, progress.total, f"{progress.facts} facts")

        with KnowledgeGraph.build(corpus, kit, out, progress=tell) as graph:
            summary, report = graph.summary().to_dict(), graph.report
    if report is None:
        return summary
    for skipped in report.skipped:
        note(f"skipped {skipped.id}: {skipped.reason}")
    for name in report.empty:
        note(f"{name} holds no text")
    return {**summary, "added": report.added, "unchanged": report.unchanged, "skipped": len(report.skipped)}
