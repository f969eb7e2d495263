"""Which documents to train on, and which to choose on."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from nlpkit.data import read
from nlpkit.errors import DataError
from nlpkit.recipes import Recipe
from nlpkit.types import Document


def split(recipe: Recipe, folder: Path) -> tuple[list[Document], list[Document]]:
    """Return the documents to train on and those to choose on."""
    spec = recipe.data
    documents = [e.document for e in read(folder / spec.train, spec.format)]
    if spec.dev:
        dev = [e.document for e in read(folder / spec.dev, spec.format)]
    else:
        documents, dev = _held_out(recipe, documents)
    if spec.deduplicate:
        tests = [e.document for e in read(folder / spec.test, spec.format)] if spec.test else []
        apart = {(d.query, d.text) for d in (*dev, *tests)}
        documents = [d for d in documents if (d.query, d.text) not in apart]
    if spec.sample and spec.sample < len(documents):
        documents = random.Random(spec.seed).sample(documents, spec.sample)
    return documents, dev


def _held_out(recipe: Recipe, documents: Sequence[Document]) -> tuple[list[Document], list[Document]]:
    if recipe.data.hold_out >= len(documents):
        raise DataError(
            f"data.hold_out = {recipe.data.hold_out} leaves nothing of the {len(documents)} documents in "
            f"{recipe.data.train} to train on; allowed: 0 to {len(documents) - 1}"
        )
    order = list(range(len(documents)))
    random.Random(recipe.data.seed).shuffle(order)
    aside = set(order[: recipe.data.hold_out])
    dev = [d for n, d in enumerate(documents) if n in aside]
    seen = {d.text for d in dev}
    return [d for d in documents if d.text not in seen], dev
