"""Which documents to train on, and which to choose on."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from nlpkit.data import exists, placed, read
from nlpkit.errors import DataError
from nlpkit.recipes import DataSpec
from nlpkit.types import Document


def split(spec: DataSpec, data: Path) -> tuple[list[Document], list[Document]]:
    """Return the documents of a data set to train on and those to choose on; `data` is the folder of all sets."""
    folder = data / spec.folder
    documents = [e.document for e in read(placed(folder, spec.train), spec.format)]
    if spec.dev:
        dev = [e.document for e in read(placed(folder, spec.dev), spec.format)]
    else:
        documents, dev = _held_out(spec, documents)
    if spec.deduplicate:
        tests = [e.document for e in read(placed(folder, spec.test), spec.format)] if spec.test else []
        apart = {(d.query, d.text) for d in (*dev, *tests)}
        documents = [d for d in documents if (d.query, d.text) not in apart]
    return _drawn(documents, spec.sample, spec.seed), dev


def tests(spec: DataSpec, data: Path) -> list[Document]:
    """Return the documents to report on; none where there is no such file."""
    path = placed(data / spec.folder, spec.test) if spec.test else None
    documents = [e.document for e in read(path, spec.format)] if path and exists(path) else []
    return _drawn(documents, spec.test_sample, spec.seed)


def _drawn(documents: list[Document], n: int, seed: int) -> list[Document]:
    return random.Random(seed).sample(documents, n) if 0 < n < len(documents) else documents


def _held_out(spec: DataSpec, documents: Sequence[Document]) -> tuple[list[Document], list[Document]]:
    if spec.hold_out >= len(documents):
        raise DataError(
            f"data.hold_out = {spec.hold_out} leaves nothing of the {len(documents)} documents in "
            f"{spec.train} to train on; allowed: 0 to {len(documents) - 1}"
        )
    order = list(range(len(documents)))
    random.Random(spec.seed).shuffle(order)
    aside = set(order[: spec.hold_out])
    dev = [d for n, d in enumerate(documents) if n in aside]
    seen = {d.text for d in dev}
    return [d for d in documents if d.text not in seen], dev
