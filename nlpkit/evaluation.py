"""Scores of trained heads on documents with gold results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nlpkit import checkpoint, engine
from nlpkit.backbone import Backbone
from nlpkit.data import located, read
from nlpkit.engine import Reading
from nlpkit.heads.base import Head
from nlpkit.types import Document


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores of a trained task on a data file."""

    task: str
    data: str
    n: int
    scores: dict[str, float]
    per_label: dict[str, dict[str, float]]

    def to_dict(self) -> dict[str, Any]:
        """Return the evaluation as plain JSON types."""
        return asdict(self)


def evaluate(
    adapter: str | Path, *, data: str | Path, format: str | None = None, backbone: Backbone | None = None
) -> Evaluation:
    """Score a trained adapter on a data file, from raw text.

    Args:
        adapter: an adapter folder, or the name of a shipped one.
        data: the file to read (of a joint recipe: of its first data set), or the folder that holds the test files of
            the adapter's recipe.
        format: the file's format; by default that of the adapter's recipe.
        backbone: a loaded backbone to use; by default the one that the adapter names is loaded.

    """
    loaded = checkpoint.load(checkpoint.locate(adapter), backbone)
    whole_folder = Path(data).is_dir()
    sets = loaded.recipe.sets if whole_folder else loaded.recipe.sets[:1]
    whole = Evaluation(loaded.recipe.name, "", 0, {}, {})
    for spec in sets:
        place = Path(data) / spec.folder if whole_folder else Path(data)
        path = located(place, spec.test or spec.train, format or spec.format)
        golds = [e.document for e in read(path, format or spec.format)]
        heads = [head for head in loaded.heads if head.kind in spec.heads]
        with loaded.adapted.using(loaded.name) as model:
            scores, per_label = scores_of(model, heads, golds, loaded.reading, by_kind=len(loaded.heads) > 1)
        whole = Evaluation(
            whole.task,
            f"{whole.data}, {path.name}" if whole.data else path.name,
            whole.n + len(golds),
            whole.scores | scores,
            whole.per_label | per_label,
        )
    return whole


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
