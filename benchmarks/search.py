"""Finding the paragraph that answers a question: frozen sentence embeddings against BM25, on SQuAD v1.1 dev.

The documents are all paragraphs of the dev set, the questions 1,000 of its 10,570, drawn with a fixed seed. With
`--adapter` the passages found are read too, and the answers scored as SQuAD scores them: from the whole collection,
and from the gold paragraph alone.
"""

from __future__ import annotations

import math
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from _report import Row, options, show, write

import nlpkit
from nlpkit import Document, data
from nlpkit.backbone import Backbone
from nlpkit.metrics import answer_exact, answer_scores, expected_calibration_error
from nlpkit.search import Index
from nlpkit.text import words
from nlpkit.types import Answer

AT = (1, 5, 20)
SEED = 13

Rank = Callable[[str], Sequence[str]]
"""A question -> ids of the paragraphs, the likeliest first."""


def main() -> None:
    """Measure and write benchmarks/results/search.json."""
    parser = options(__doc__, "100 questions, 200 paragraphs")
    parser.add_argument("--adapter", help="a folder or a shipped name with a qa head: reads what was found")
    arguments = parser.parse_args()
    path = arguments.data / "qa" / "squad_v1.1" / "dev-v1.1.rebuilt.json.gz"
    paragraphs, questions = sample(path, *((200, 100) if arguments.quick else (None, 1000)))
    backbone = Backbone.from_pretrained()
    index = Index.build(paragraphs, backbone.embed, model=backbone.fingerprint)
    vectors = dict(zip((q.query for q in questions), backbone.embed([q.query for q in questions]), strict=True))
    rows = [
        *recall("frozen embeddings", lambda question: by_meaning(index, vectors[question]), questions),
        *recall("BM25", Bm25({p.id: p.text for p in paragraphs}), questions),
        Row("passages indexed", len(index), "passages"),
    ]
    if arguments.adapter:
        rows += read(nlpkit.load(arguments.adapter), index, questions)
    show("Search, SQuAD v1.1 dev", rows)
    if not arguments.quick:
        write("search", rows, f"SQuAD v1.1 dev, {len(paragraphs):,} paragraphs, {len(questions):,} questions")


def sample(path: Path, n_paragraphs: int | None, n_questions: int) -> tuple[list[Document], list[Document]]:
    """Return the paragraphs, and questions whose `id` is that of their paragraph and whose `text` is its text."""
    asked = [e.document for e in data.read(path, "squad")]
    texts = list(dict.fromkeys(d.text for d in asked))[:n_paragraphs]
    ids = {text: f"paragraph {n}" for n, text in enumerate(texts)}
    within = [Document(d.text, ids[d.text], query=d.query, answers=d.answers) for d in asked if d.text in ids]
    return [Document(text, name) for text, name in ids.items()], random.Random(SEED).sample(within, n_questions)


def by_meaning(index: Index, vector: np.ndarray) -> list[str]:
    """Return paragraphs by their nearest passage."""
    return list(dict.fromkeys(passage.document for passage, _ in index.nearest(vector, 5 * max(AT))))


class Bm25:
    """Okapi BM25 as Lucene counts it (Robertson & Zaragoza 2009; k1 1.2, b 0.75), words in lower case, no stemming."""

    def __init__(self, texts: dict[str, str], k1: float = 1.2, b: float = 0.75) -> None:
        counts = {name: Counter(terms(text)) for name, text in texts.items()}
        mean = sum(c.total() for c in counts.values()) / len(counts)
        holding = Counter(term for c in counts.values() for term in c)
        self.weights: dict[str, dict[str, float]] = defaultdict(dict)
        for name, count in counts.items():
            length = k1 * (1 - b + b * count.total() / mean)
            for term, n in count.items():
                rarity = math.log(1 + (len(counts) - holding[term] + 0.5) / (holding[term] + 0.5))
                self.weights[term][name] = rarity * n / (n + length)

    def __call__(self, question: str) -> list[str]:
        """Return the texts that share a word with the question, the best first."""
        total: Counter[str] = Counter()
        for term in terms(question):
            for name, weight in self.weights.get(term, {}).items():
                total[name] += weight  # type: ignore[assignment]  # weights, not counts
        return [name for name, _ in total.most_common(max(AT))]


def terms(text: str) -> list[str]:
    """Return the words of a text, in lower case, without signs."""
    found = (text[start:end].lower() for start, end in words(text))
    return [term for term in found if term[0].isalnum()]


def recall(name: str, rank: Rank, questions: Sequence[Document]) -> list[Row]:
    """Return the share of questions whose paragraph is among the first."""
    places = []
    for question in questions:
        ranked = list(rank(question.query))
        places.append(ranked.index(question.id) if question.id in ranked else math.inf)
    return [Row(f"recall@{k}, {name}", sum(p < k for p in places) / len(places), "share") for k in AT]


def read(kit: nlpkit.Kit, index: Index, questions: Sequence[Document]) -> list[Row]:
    """Return how good the answers are that a kit reads, from the collection and from the gold paragraph."""
    began = time.perf_counter()
    searched = [kit.search(q.query, index, n=1) for q in questions]
    seconds = time.perf_counter() - began
    given = [kit.answer(q.query, q.text, n=5)[:1] for q in questions]
    rows = [Row("search, 5 passages read", len(questions) / seconds, "questions/s")]
    for name, found in (("search", searched), ("gold paragraph given", given)):
        scores = answer_scores(
            [Document(q.text, answers=tuple(a)) for q, a in zip(questions, found, strict=True)], questions
        )
        rows += [Row(f"answer {metric}, {name}", value, "share") for metric, value in scores.items()]
        scored = [right(a[0], q) for q, a in zip(questions, found, strict=True) if a]
        rows.append(Row(f"expected calibration error, {name}", expected_calibration_error(scored), ""))
    return rows


def right(answer: Answer, question: Document) -> tuple[float, bool]:
    """Return an answer's score and whether it is right."""
    return answer.score or 0.0, answer_exact(answer.text, [a.text for a in question.answers]) == 1.0


if __name__ == "__main__":
    main()
