"""`nlpkit graph ask`: questions answered from a graph."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nlpkit.cli.output import emit, note, show
from nlpkit.cli.progress import Bar
from nlpkit.cli.texts import read_texts
from nlpkit.errors import InputError

if TYPE_CHECKING:
    from nlpkit.graph.kg import KnowledgeGraph
    from nlpkit.graph.records import GraphAnswer
    from nlpkit.graph.snapshot import Snapshot
    from nlpkit.types import Document

_TOPIC = re.compile(r"\[([^\[\]]+)\]")
_EVIDENCE_SHOWN = 3
READS = "qa/squad"
"""The shipped adapter that answers from texts."""


def ask(
    kg: Path = typer.Argument(help="The graph's file."),
    question: str | None = typer.Argument(None, help="The question; its topic may stand in [square brackets]."),
    questions: str | None = typer.Option(
        None, "--questions", "-q", help="A file of questions, one a line; - is standard input."
    ),
    adapter: list[str] = typer.Option(
        [],
        "--adapter",
        "-a",
        help="The adapter or pack that the graph was built with; again for more.",
    ),
    at: str = typer.Option("", "--at", help="Answer from what held at this time: 1905, June 1905, 1901/1905."),
    documents: list[str] = typer.Option(
        [], "--documents", "-d", help="A file or folder of texts to read where the graph does not say; again for more."
    ),
    plan: bool = typer.Option(False, "--plan", help="Show the plan that was followed."),
    query: str = typer.Option("", "--query", help="Show it as a query over an export too: cypher or sparql."),
    json: bool = typer.Option(False, "--json", help="One JSON object a line, and nothing else."),
) -> None:
    """Answer questions with the path and the evidence, or say that the graph does not know."""
    import nlpkit
    from nlpkit.graph.kg import KnowledgeGraph
    from nlpkit.loading import DEFAULT_PACK

    if (question is None) == (questions is None):
        raise typer.BadParameter("give one question, or a file of them with --questions", param_hint="QUESTION")
    asked = [question] if question is not None else (d.text for d in read_texts(questions or "-") if d.text.strip())
    if documents and at:
        raise InputError("--documents are read as they are, whatever the time; leave out --at or --documents")
    kit = nlpkit.load(*(adapter or ([DEFAULT_PACK, READS] if documents else [])))
    index = kit.index(_texts(documents)) if documents else None
    with KnowledgeGraph.open(kg, kit=kit) as graph:
        for line in asked:
            answer = answer_line(graph.at(at), line) if at else answer_line(graph, line, documents=index)
            if json:
                emit(answer.to_dict())
                continue
            show_answer(answer, plan=plan or bool(query))
            if query and (followed := next((p.plan for p in graph.plan(line) if str(p.plan) == answer.plan), None)):
                show(graph.as_query(followed, query))


def evaluate(
    kg: Path = typer.Argument(help="The graph's file."),
    questions: Path = typer.Option(..., "--questions", "-q", help="Questions with their answers, as `train` reads."),
    adapter: list[str] = typer.Option([], "--adapter", "-a", help="Adapters to ask with; again for more."),
    threshold: float = typer.Option(0.5, "--threshold", help="Least confidence in a plan; 0 answers whenever it can."),
    json: bool = typer.Option(False, "--json", help="One JSON object, and nothing else."),
) -> None:
    """Measure answers on questions whose answers are known."""
    import nlpkit
    from nlpkit.data import read
    from nlpkit.graph.kg import KnowledgeGraph
    from nlpkit.graph.score import match, mean_match

    asked = [example.document for example in read(questions)]
    matches = []
    with KnowledgeGraph.open(kg, kit=nlpkit.load(*adapter)) as graph, Bar("asking", "questions") as bar:
        for n, document in enumerate(asked, start=1):
            topic = document.metadata.get("topic")
            found = graph.ask(document.text, topics=[topic] if topic else None, threshold=threshold)
            matches.append(match(found, [str(answer) for answer in document.metadata.get("answers", ())]))
            bar.update(n, len(asked), "")
    scores = {name: round(value, 4) for name, value in mean_match(matches).items()}
    if json:
        emit({"task": "kgqa", "data": questions.name, "n": len(asked), "scores": scores, "per_label": {}})
        return
    show(f"{questions.name}: {len(asked):,} questions")
    for name, value in scores.items():
        show(f"  {name:15} {value:.4f}")


def _texts(sources: list[str]) -> list[Document]:
    from nlpkit.graph.sources import read

    return list(read(sources, lambda name, why: note(f"left out {name}: {why}"))[0])


def answer_line(graph: KnowledgeGraph | Snapshot, line: str, **options: Any) -> GraphAnswer:
    """Answer one line: a question whose topics may be marked by square brackets."""
    topics = _TOPIC.findall(line)
    answer = graph.ask(_TOPIC.sub(r"\1", line), topics=topics or None, **options)
    return replace(answer, question=line)


def show_answer(answer: GraphAnswer, *, plan: bool = False) -> None:
    """Print an answer: what it is, how it was reached, where it is said."""
    show(answer.question)
    if answer.abstained:
        show(f"  I don't know. {answer.note}".rstrip())
    for found in answer.answers:
        show(f"  {found.text}" + ("" if found.score is None else f"  {found.score:.2f}"))
    if answer.source == "text":
        show("  read in the documents; the graph does not say")
    if plan and answer.plan:
        show(f"  plan: {answer.plan}")
    for subject, relation, obj in answer.path:
        show(f"  path: {subject} -- {relation} --> {obj}")
    for evidence in answer.evidence[:_EVIDENCE_SHOWN]:
        show(f'  {evidence.document} [{evidence.start}:{evidence.end}]: "{" ".join(evidence.text.split())}"')
