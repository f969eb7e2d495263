"""Questions of one, two and three hops on MetaQA (Zhang et al., AAAI 2018), answered without any training.

The graph is imported from the triples of `kb.txt`; 1,000 test questions of each hop are drawn with a fixed seed, the
topic entity as the set marks it. Nothing is learnt from any question; the development questions were looked at while
the method was written, the test questions only here. One-hop scores have a ceiling below 1: the published answers
leave out some of the triples' objects (about 5 % of the questions; films that share a title).

hits@1 counts the first answer; "over ties" is its expected value if answers of equal score come in any order.
An abstention counts as wrong everywhere. The rules of the ranker were mended while looking at development questions;
their phrasings are those of the test questions, so the figures say little about phrasings never seen.
"""

from __future__ import annotations

import gzip
import random
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from _report import Row, options, show, write
from numpy.typing import NDArray

from nlpkit import KnowledgeGraph
from nlpkit.backbone import Backbone
from nlpkit.graph.score import match
from nlpkit.types import Document

SEED = 20
N_QUESTIONS = 1000
GOALS = {1: 0.70, 2: 0.40, 3: 0.30}


class Reader:
    """The frozen backbone as an embedder; topics are marked, so nothing is ever read for names."""

    revision = ""

    def __init__(self) -> None:
        self.backbone = Backbone.from_pretrained("default")

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text. *Shape:* (n_texts, width)."""
        return self.backbone.embed(list(texts))

    def __call__(self, texts: Sequence[str]) -> list[Document]:
        """Return the texts with nothing found in them."""
        return [Document(text) for text in texts]


def questions(folder: Path, hops: int, split: str) -> list[tuple[str, frozenset[str]]]:
    """Return (question with its topic in brackets, gold answers) of a split."""
    asked = lines(folder / f"{hops}-hop" / "vanilla" / f"qa_{split}.txt")
    return [(question, frozenset(gold.split("|"))) for question, gold in (line.split("\t") for line in asked)]


def lines(path: Path) -> Iterator[str]:
    """Go through the lines of a file, packed or not."""
    packed = path.with_name(path.name + ".gz")
    with gzip.open(packed, "rt", encoding="utf-8") if packed.exists() else path.open(encoding="utf-8") as file:
        yield from (line.rstrip("\n") for line in file)


def measure(graph: KnowledgeGraph, drawn: Sequence[tuple[str, frozenset[str]]], hops: int) -> list[Row]:
    """Ask the questions and return the rows of one hop count."""
    answers = [graph.ask(question) for question, _ in drawn]
    scored = [match(answer, gold) for answer, (_, gold) in zip(answers, drawn, strict=True)]
    times = np.array([answer.seconds for answer in answers]) * 1000
    name = f"{hops} hop" + ("s" if hops > 1 else "")
    spread = float(np.std([s.hits1 for s in scored]) / len(scored) ** 0.5)
    answered = [s.hits1 for s in scored if not s.abstained]
    return [
        Row(f"{name}: hits@1", statistics.fmean(s.hits1 for s in scored), "", GOALS[hops], spread),
        Row(f"{name}: hits@1 over ties", statistics.fmean(s.expected_hits1 for s in scored), ""),
        Row(f"{name}: set F1", statistics.fmean(s.set_f1 for s in scored), ""),
        Row(f"{name}: exact set", statistics.fmean(s.exact_set for s in scored), ""),
        Row(f"{name}: abstained", statistics.fmean(s.abstained for s in scored), ""),
        Row(f"{name}: hits@1 of the answered", statistics.fmean(answered) if answered else 0.0, ""),
        Row(f"{name}: median time", float(np.median(times)), "ms", 50.0),
        Row(f"{name}: 99th percentile of time", float(np.quantile(times, 0.99)), "ms"),
    ]


def main() -> None:
    """Measure, show and write the table."""
    parser = options(__doc__, "100 questions of each hop")
    parser.add_argument("--split", choices=["dev", "test"], default="test", help="dev writes no result")
    arguments = parser.parse_args()
    folder = arguments.data / "kgqa" / "metaqa"
    n_questions = 100 if arguments.quick else N_QUESTIONS
    triples = next(path for name in ("kb.txt.gz", "kb.txt") if (path := folder / name).exists())
    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        KnowledgeGraph.load_file(triples, Path(scratch, "metaqa.kg"), Reader()) as graph,
    ):
        for hops in GOALS:
            drawn = random.Random(SEED).sample(questions(folder, hops, arguments.split), n_questions)
            rows += measure(graph, drawn, hops)
    show(f"MetaQA {arguments.split}, {n_questions} questions of each hop, no training", rows)
    if arguments.split == "test" and not arguments.quick:
        write("kgqa_metaqa", rows, f"MetaQA vanilla test, {n_questions} of each hop, seed {SEED}; graph from kb.txt")


if __name__ == "__main__":
    main()
