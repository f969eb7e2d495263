"""The sample corpus from text to answers, with and without the pronoun rule; and what the rule does to triples.

Builds the graph of `examples/corpus`, asks `examples/questions.jsonl`, and scores triples from raw text on
Re-DocRED's test file, once with pronouns and nominals in the chains and once without.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from _report import Row, options, show, write

import nlpkit
from nlpkit import chains, data, engine
from nlpkit.graph.score import OUTCOMES, read_questions, score_questions
from nlpkit.heads import relation
from nlpkit.kit import Kit
from nlpkit.metrics import total, triple_counts

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def main() -> None:
    """Measure and write benchmarks/results/sample.json."""
    arguments = options(__doc__, "the sample only").parse_args()
    kit = nlpkit.load()
    rows = answered(kit, "")
    if not arguments.quick:
        rows += triples(kit, arguments.data, "with pronouns")
        with without_pronouns():
            rows += answered(kit, "without pronouns: ")
            rows += triples(kit, arguments.data, "without pronouns")
    show("The sample", rows)
    write("sample", rows, "examples/corpus and examples/questions.jsonl; Re-DocRED test_revised for the triples")


def answered(kit: Kit, prefix: str) -> list[Row]:
    """Build the graph, ask the questions, return how many answers came out how."""
    questions = read_questions(EXAMPLES / "questions.jsonl")
    with nlpkit.KnowledgeGraph.build(EXAMPLES / "corpus", kit) as graph:
        found = graph.summary()
        totals = score_questions(questions, [graph.ask(q.question) for q in questions])
    counts = [
        Row(f"{prefix}documents", found.documents, ""),
        Row(f"{prefix}entities", found.nodes, ""),
        Row(f"{prefix}facts", found.facts, ""),
        Row(f"{prefix}questions", totals.n, ""),
    ]
    return counts + [Row(f"{prefix}{outcome}", totals.share(outcome), "share") for outcome in OUTCOMES]


def triples(kit: Kit, folder: Path, name: str) -> list[Row]:
    """Return precision, recall and F1 of triples from raw text on Re-DocRED test."""
    golds = [e.document for e in data.read(folder / "re" / "re-docred" / "test_revised.json.gz", "redocred")]
    counts = total(triple_counts(p, g) for p, g in zip(kit([g.text for g in golds]), golds, strict=True))
    return [Row(f"triples {name}: {metric}", value, "") for metric, value in counts.to_dict().items()]


@contextmanager
def without_pronouns() -> Iterator[None]:
    """Leave pronouns and nominals out of the chains for a while."""
    bare = partial(chains.chains_of, pronouns=False)
    for module in (engine, relation):
        setattr(module, "chains_of", bare)  # noqa: B010 (mypy knows no assignment to an imported name)
    try:
        yield
    finally:
        for module in (engine, relation):
            setattr(module, "chains_of", chains.chains_of)  # noqa: B010


if __name__ == "__main__":
    main()
