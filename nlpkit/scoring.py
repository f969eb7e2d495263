"""Scores of heads on documents with gold results."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nlpkit import engine
from nlpkit.backbone import Backbone
from nlpkit.engine import Reading
from nlpkit.heads.base import Head
from nlpkit.types import Document


def texts_of(golds: Sequence[Document], heads: Sequence[Head]) -> list[Document]:
    """Return the bare documents, with the gold chains where no head among these finds them."""
    kinds = {head.kind for head in heads}
    given = any(not kinds.issuperset(head.needs) for head in heads)
    return [Document(g.text, g.id, chains=g.chains if given else (), query=g.query) for g in golds]


def given_to(head: Head, gold: Document) -> Document:
    """Return the bare document, with the gold chains where the head reads what another finds."""
    return Document(gold.text, gold.id, chains=gold.chains if head.needs else (), query=gold.query)


def scores_of(
    model: Backbone, heads: Sequence[Head], golds: Sequence[Document], reading: Reading, *, by_kind: bool
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Score all heads together from raw text, and those that need others once more with the gold results given.

    Where those others are not among the heads, there is no raw text to score from: the gold results are given.
    `by_kind` puts the kind of the head before the name of each metric.
    """
    found = engine.read(model, heads, texts_of(golds, heads), reading)
    kinds = {head.kind for head in heads}
    scores: dict[str, float] = {}
    per_label: dict[str, dict[str, float]] = {}
    for head in heads:
        prefix = f"{head.kind}_" if by_kind else ""
        scores |= {f"{prefix}{k}": v for k, v in head.score(found, golds).items()}
        if head.needs and kinds.issuperset(head.needs):
            given = engine.read(model, [head], [given_to(head, d) for d in golds], reading)
            scores |= {f"{prefix}given_{k}": v for k, v in head.score(given, golds).items()}
        per_label |= head.per_label(found, golds)
    return {k: round(v, 4) if math.isfinite(v) else v for k, v in scores.items()}, per_label
