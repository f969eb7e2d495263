"""Which documents to train on, and which to choose on."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from nlpkit.data import exists, placed, read
from nlpkit.errors import DataError
from nlpkit.metrics import label_names
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
    if spec.shots is not None:
        documents = _few(documents, spec.shots, spec)
    else:
        documents = _drawn(documents, spec.sample, spec.seed)
    replayed = _replayed(spec, folder, len(documents))
    return [*documents, *replayed], _drawn(dev, spec.dev_sample, spec.seed)


def tests(spec: DataSpec, data: Path) -> list[Document]:
    """Return the documents to report on; none where there is no such file."""
    path = placed(data / spec.folder, spec.test) if spec.test else None
    documents = [e.document for e in read(path, spec.format)] if path and exists(path) else []
    return _drawn(documents, spec.test_sample, spec.seed)


def _drawn(documents: list[Document], n: int, seed: int) -> list[Document]:
    return random.Random(seed).sample(documents, n) if 0 < n < len(documents) else documents


def _replayed(spec: DataSpec, folder: Path, n_new: int) -> list[Document]:
    """Return the documents of what was learnt before that are to be learnt again."""
    if not spec.replay or not (n := round(spec.replay_share * n_new)):
        return []
    return _drawn([e.document for e in read(placed(folder, spec.replay))], n, spec.seed)


def _few(documents: Sequence[Document], shots: int, spec: DataSpec) -> list[Document]:
    """Return documents drawn in turn, each because something in it has been seen fewer than `shots` times.

    With one label a document these are `shots` of each label; where documents hold several things, the frequent ones
    come oftener (as in the greedy sampling of Yang & Katiyar 2020, arXiv:2010.02405).
    """
    seen: Counter[tuple[str, str]] = Counter()
    kept = []
    for document in random.Random(spec.seed).sample(documents, len(documents)):
        names = _names(document, spec.heads)
        if any(seen[name] < shots for name in names):
            seen.update(names)
            kept.append(document)
    return kept


def _names(document: Document, heads: Sequence[str]) -> list[tuple[str, str]]:
    """Return what a document is an example of: the labels that heads learn, or else its entities, slots and relations.

    Each stands there as often as it occurs.
    """
    labels = [(kind, name) for kind in document.labels if kind in heads for name in label_names(document, kind)]
    found = (("entity", document.entities), ("slot", document.slots), ("relation", document.relations))
    return labels or [(kind, one.label) for kind, those in found for one in those]


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
