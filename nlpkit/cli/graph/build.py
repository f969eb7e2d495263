"""`nlpkit graph build`, `add` and `re-extract`: texts become a graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nlpkit.cli.output import emit, note, show
from nlpkit.cli.progress import Bar, duration

if TYPE_CHECKING:
    from nlpkit.graph.build import Progress
    from nlpkit.graph.records import Extractor


_CORPUS = typer.Argument(help="Files (.txt, .md, .jsonl) and folders; - is standard input.")
_GRAPH = typer.Argument(help="The graph's file.")
_ADAPTER = typer.Option([], "--adapter", "-a", help="An adapter to read with, by folder or name; again for more.")
_DRY = typer.Option(False, "--dry-run", help="Say what would be done, and how long reading would take.")
_JSON = typer.Option(False, "--json", help="The summary as one JSON object, and nothing else.")


def build(
    corpus: list[str] = _CORPUS,
    out: Path = typer.Option(..., "--out", "-o", help="The graph's file; one that exists is added to."),
    adapter: list[str] = _ADAPTER,
    dry_run: bool = _DRY,
    json: bool = _JSON,
) -> None:
    """Read texts into a graph. Stopped at any moment and started again, it goes on; a text is read once."""
    _do(corpus, out, adapter, dry_run, json)


def add(
    kg: Path = _GRAPH,
    corpus: list[str] = _CORPUS,
    adapter: list[str] = _ADAPTER,
    dry_run: bool = _DRY,
    json: bool = _JSON,
) -> None:
    """Read more texts into a graph that is there; a text of the same name takes the place of its older version."""
    _there(kg)
    _do(corpus, kg, adapter, dry_run, json)


def re_extract(
    kg: Path = _GRAPH,
    corpus: list[str] = _CORPUS,
    adapter: list[str] = _ADAPTER,
    dry_run: bool = _DRY,
    json: bool = _JSON,
) -> None:
    """Read those texts again that other adapters, or older ones, have read; the graph keeps no texts, so name them."""
    _there(kg)
    _do(corpus, kg, adapter, dry_run, json, again=True)


def _there(kg: Path) -> None:
    from nlpkit.graph.kg import KnowledgeGraph

    KnowledgeGraph.open(kg).close()


def _do(corpus: list[str], out: Path, adapter: list[str], dry_run: bool, json: bool, *, again: bool = False) -> None:
    import nlpkit
    from nlpkit.graph.kg import KnowledgeGraph

    kit = nlpkit.load(*adapter)
    if dry_run:
        expected = KnowledgeGraph.estimate(corpus, kit, out, again=again)
        if json:
            emit(expected.to_dict())
        else:
            show(f"{expected.new} new, {expected.changed} to be read again, {expected.unchanged} stay as they are")
            if expected.seconds is not None:
                show(f"{expected.characters:,} characters to read: about {duration(expected.seconds)}")
        return
    summary = build_graph(corpus, out, kit, again=again)
    if json:
        emit(summary)
    else:
        show(f"{out}: {summary['documents']} documents, {summary['nodes']} entities, {summary['facts']} facts")


def build_graph(corpus: list[str], out: Path, kit: Extractor, *, again: bool = False) -> dict[str, Any]:
    """Build the graph with a bar on standard error; return its summary and what this build did."""
    from nlpkit.graph.kg import KnowledgeGraph

    with Bar("reading", "documents") as bar:

        def tell(progress: Progress) -> None:
            bar.update(progress.done, progress.total, f"{progress.facts} facts")

        with KnowledgeGraph.build(corpus, kit, out, progress=tell, again=again) as graph:
            summary, report = graph.summary().to_dict(), graph.report
    if report is None:
        return summary
    for skipped in report.skipped:
        note(f"skipped {skipped.id}: {skipped.reason}")
    for name in report.empty:
        note(f"{name} holds no text")
    return {**summary, "added": report.added, "unchanged": report.unchanged, "skipped": len(report.skipped)}
