"""A reader for the graph's tests: capitalised words are names, three verbs are relations, no model is needed."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from nlpkit.chains import chains_of
from nlpkit.graph.store import Store
from nlpkit.types import Document, Entity, Relation, Span

NAME = re.compile(r"[A-Z]\w+(?: [A-Z]\w+)*")
CHINESE = {"居里夫人": "PER", "华沙": "LOC"}
VERBS = {"was born in": ("place of birth", "P19", "LOC"), "worked for": ("employer", "P108", "ORG")}
LOCATIONS = {"Warsaw", "Paris", "Ulm", "Rome"}
SCORE = 0.8


@dataclass
class FakeKit:
    """Reads "Ada Byron was born in London." as two names and a relation; counts what it was asked."""

    revision: str = "fake-1"
    read: list[str] = field(default_factory=list)

    def __call__(self, texts: Sequence[str]) -> list[Document]:
        self.read.extend(texts)
        return [self._document(text) for text in texts]

    def _document(self, text: str) -> Document:
        entities = [
            Entity(m[0], m.start(), m.end(), "LOC" if m[0] in LOCATIONS else "PER", 0.9) for m in NAME.finditer(text)
        ]
        for name, label in CHINESE.items():
            entities += [Entity(name, m.start(), m.end(), label, 0.9) for m in re.finditer(name, text)]
        entities.sort(key=lambda entity: entity.start)
        relations = []
        for one, other in pairwise(entities):
            between = text[one.end : other.start].strip()
            if between in VERBS:
                name, property_, _ = VERBS[between]
                end = text.find(".", other.end) + 1 or len(text)
                span = Span(text[one.start : end], one.start, end)
                relations.append(Relation(one, name, other, SCORE, property_, (span,)))
        chains = chains_of(text, entities, pronouns=False)
        return Document(text, entities=tuple(entities), chains=chains, relations=tuple(relations))

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.zeros((len(texts), 32), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().split():
                row[zlib.crc32(word.encode()) % 32] += 1
        norms: NDArray[np.float32] = np.linalg.norm(rows, axis=1, keepdims=True).astype(np.float32)
        return rows / np.maximum(norms, 1e-9)


@pytest.fixture
def kit() -> FakeKit:
    """Return a reader that needs no model."""
    return FakeKit()


def contents(store: Store) -> dict[str, object]:
    """Return what a store says, without its row ids, to compare two stores that were filled differently."""
    names = {node.id: (node.name, node.type) for node in store.nodes()}
    return {
        "nodes": sorted((node.name, node.type, node.aliases, node.count) for node in store.nodes()),
        "facts": sorted(
            (
                (*names[fact.subject], fact.relation, *names[fact.object], fact.score, fact.property, said)
                for fact in store.facts()
                for said in [sorted(map(repr, store.evidence(fact)))]
            ),
            key=repr,
        ),
        "documents": sorted(store.documents()),
        "block": sorted(store.db.execute("SELECT key, n FROM block").fetchall()),
        "rows": [store.count(table) for table in ("chain", "mention", "evidence", "entity", "alias")],
    }
