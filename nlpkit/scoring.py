"""Scores of heads on documents with gold results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nlpkit import engine
from nlpkit.backbone import Backbone
from nlpkit.engine import Cut, Reading
from nlpkit.heads.base import Head
from nlpkit.types import Document

GIVEN = "given_"
"""What stands before the names of metrics where the results of other heads were given."""


def texts_of(golds: Sequence[Document], heads: Sequence[Head]) -> list[Document]:
    """Return the bare documents, with the gold chains where no head among these finds them."""
    kinds = {head.kind for head in heads}
    given = any(not kinds.issuperset(head.needs) for head in heads)
    return [Document(g.text, g.id, chains=g.chains if given else (), query=g.query) for g in golds]


def given_to(head: Head, gold: Document) -> Document:
    """Return the bare document, with the gold chains where the head reads what another finds."""
    return Document(gold.text, gold.id, chains=gold.chains if head.needs else (), query=gold.query)


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """What a head found in documents, and what stands before the names of its metrics."""

    head: Head
    prefix: str
    found: Sequence[Document]


def read_to_score(
    model: Backbone,
    heads: Sequence[Head],
    golds: Sequence[Document],
    reading: Reading,
    *,
    by_kind: bool,
    cut: Cut | None = None,
) -> list[Read]:
    """Read documents with all heads together from raw text; those that need others also with gold results given.

    Where those others are not among the heads, there is no raw text to score from: the gold results are given.
    `by_kind` puts the kind of the head before the name of each metric; `cut` is where the windows are there already.
    """
    kinds = {head.kind for head in heads}
    given = [head for head in heads if head.needs and kinds.issuperset(head.needs)]
    groups = [(heads, texts_of(golds, heads)), *(([head], [given_to(head, d) for d in golds]) for head in given)]
    together, *apart = engine.read_apart(model, groups, reading, cut=cut)
    reads = []
    for head in heads:
        prefix = f"{head.kind}_" if by_kind else ""
        reads.append(Read(head, prefix, together))
        if head in given:
            reads.append(Read(head, f"{prefix}{GIVEN}", apart[given.index(head)]))
    return reads


def scores_of(reads: Sequence[Read], golds: Sequence[Document]) -> dict[str, float]:
    """Return the metrics of what was read, by name."""
    scores = {f"{r.prefix}{name}": v for r in reads for name, v in r.head.score(r.found, golds).items()}
    return {k: round(v, 4) if math.isfinite(v) else v for k, v in scores.items()}
