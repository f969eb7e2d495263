"""`nlpkit demo`: the sample corpus, its graph, its questions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

import nlpkit as package
from nlpkit.cli.graph.ask import answer_line
from nlpkit.cli.graph.build import build_graph
from nlpkit.cli.output import fail, note, show, show_table
from nlpkit.cli.progress import Bar

if TYPE_CHECKING:
    from nlpkit import GraphAnswer, Kit, KnowledgeGraph
    from nlpkit.graph.score import Question, Totals

_SENTENCE = (
    "Marie Curie, who was born in Warsaw, discovered polonium with her husband Pierre at the University of Paris."
)


def demo(
    out: Path = typer.Option(Path("demo"), "--out", "-o", help="The folder for the graph and its picture."),
) -> None:
    """Read the sample corpus, build its graph, ask it the sample questions and draw it."""
    from nlpkit.graph.kg import KnowledgeGraph
    from nlpkit.graph.score import read_questions, score_questions

    examples = examples_folder()
    questions = read_questions(examples / "questions.jsonl")
    out.mkdir(parents=True, exist_ok=True)
    kit = package.load()
    _show_reading(kit)
    built = build_graph([str(examples / "corpus")], out / "demo.kg", kit)
    show(f"The graph: {built['documents']} documents, {built['nodes']} entities, {built['facts']} facts")
    with KnowledgeGraph.open(out / "demo.kg", kit=kit) as graph:
        graph.to_html(out / "graph.html")
        answers = _answers(graph, questions)
    _show_answers(questions, answers)
    _show_totals(score_questions(questions, answers))
    note(f"wrote the graph {out / 'demo.kg'} and its picture {out / 'graph.html'}")
    note(f'ask it more: nlpkit graph ask {out / "demo.kg"} "..."')


def examples_folder() -> Path:
    """Return where the sample lies: inside the package in a wheel, beside it in a checkout."""
    home = Path(package.__file__).resolve().parent
    for folder in (home / "_examples", home.parent / "examples"):
        if (folder / "corpus").is_dir() and (folder / "questions.jsonl").is_file():
            return folder
    fail(f"the sample corpus is neither in {home / '_examples'} nor beside the package; install nlpkit again")


def _show_reading(kit: Kit) -> None:
    """Show what is found in one sentence, so that what follows needs no explaining."""
    document = kit(_SENTENCE)
    show(f"One sentence: {_SENTENCE}\n")
    show_table(("entity", "type", "score"), ((e.text, e.label, e.score) for e in document.entities))
    show()
    show_table(
        ("subject", "relation", "object", "score"),
        ((r.subject.text, r.label, r.object.text, r.score) for r in document.relations),
    )
    show()


def _answers(graph: KnowledgeGraph, questions: list[Question]) -> list[GraphAnswer]:
    answers = []
    with Bar("asking", "questions") as bar:
        for question in questions:
            answers.append(answer_line(graph, question.question))
            bar.update(len(answers), len(questions))
    return answers


def _show_answers(questions: list[Question], answers: list[GraphAnswer]) -> None:
    from nlpkit.graph.score import OUTCOMES, outcome_of

    judged = [(outcome_of(q, a), q, a) for q, a in zip(questions, answers, strict=True)]
    for wanted in OUTCOMES:
        group = [(q, a) for outcome, q, a in judged if outcome == wanted]
        if group:
            show(f"\n{wanted.capitalize()} ({len(group)})")
            show_table(
                ("question", "answer", "asked for"),
                ((q.question, _given(a), "; ".join(w[0] for w in q.answers) or "nothing") for q, a in group),
            )


def _given(answer: GraphAnswer) -> str:
    return "I don't know" if answer.abstained else "; ".join(found.text for found in answer.answers)


def _show_totals(totals: Totals) -> None:
    show()
    kinds = [(kind or "-", *counts.values()) for kind, counts in totals.by_kind.items()]
    show_table(("kind", *totals.outcomes), kinds)
    show(f"\n{totals.n} questions")
    rows = [(outcome, count, f"{100 * totals.share(outcome):.0f} %") for outcome, count in totals.outcomes.items()]
    show_table(("outcome", "questions", "share"), rows)
