"""A small graph in memory and an embedder without weights, for the tests of asking."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz

from nlpkit.graph.records import Evidence, Fact, Node
from nlpkit.names import normalise
from nlpkit.types import Document, Entity

WIDTH = 512

FACTS = """
Marie Curie:PER|place of birth|Warsaw:LOC
Marie Curie:PER|date of birth|7 November 1867:TIME
Marie Curie:PER|date of death|4 July 1934:TIME
Marie Curie:PER|spouse|Pierre Curie:PER
Marie Curie:PER|notable work|polonium:MISC
Marie Curie:PER|award received|Nobel Prize in Physics:MISC
Marie Curie:PER|educated at|University of Paris:ORG
Pierre Curie:PER|award received|Nobel Prize in Physics:MISC
Pierre Curie:PER|place of birth|Paris:LOC
Frédéric Chopin:PER|place of birth|Warsaw:LOC
Frédéric Chopin:PER|residence|Paris:LOC
Warsaw:LOC|country|Poland:LOC
Poland:LOC|capital|Warsaw:LOC
University of Paris:ORG|located in the administrative territorial entity|Paris:LOC
iPhone:MISC|manufacturer|Apple:ORG
Apple:ORG|founded by|Steve Jobs:PER
Apple:ORG|founded by|Steve Wozniak:PER
Steve Jobs:PER|date of death|5 October 2011:TIME
Alan Turing:PER|date of death|7 June 1954:TIME
Heat:MISC|cast member|Al Pacino:PER
Heat:MISC|cast member|Robert De Niro:PER
Heat:MISC|director|Michael Mann:PER
The Godfather:MISC|cast member|Al Pacino:PER
The Godfather:MISC|cast member|Marlon Brando:PER
"""

FILMS = """
Heat|directed_by|Michael Mann
Ali|directed_by|Michael Mann
Heat|starred_actors|Al Pacino
Serpico|starred_actors|Al Pacino
Ali|starred_actors|Will Smith
Heat|has_genre|Crime
Ali|has_genre|Drama
Serpico|release_year|1973
Ali|release_year|2001
"""


class MemoryGraph:
    """A FactSource over lines `subject:TYPE|relation|object:TYPE`, the types optional."""

    version = 1

    def __init__(self, lines: str) -> None:
        self.nodes: list[Node] = []
        self.facts: list[Fact] = []
        self._ids: dict[str, int] = {}
        for line in filter(None, lines.splitlines()):
            subject, relation, object_ = line.split("|")
            self.facts.append(Fact(self._node(subject), relation, self._node(object_), score=0.9))

    def _node(self, described: str) -> int:
        name, _, label = described.partition(":")
        if name not in self._ids:
            self._ids[name] = len(self.nodes)
            self.nodes.append(Node(len(self.nodes), name, label, (name,), 1))
        return self._ids[name]

    def id(self, name: str) -> int:
        return self._ids[name]

    def find(self, name: str) -> list[Node]:
        return [node for node in self.nodes if normalise(node.name) == normalise(name)]

    def find_near(self, name: str, limit: int = 5) -> list[tuple[Node, float]]:
        near = [(n, fuzz.ratio(normalise(n.name), normalise(name)) / 100) for n in self.nodes]
        return sorted(near, key=lambda pair: -pair[1])[:limit]

    def node(self, node_id: int) -> Node:
        return self.nodes[node_id]

    def steps(self, node_ids: Collection[int]) -> dict[tuple[str, bool], int]:
        leaving = [(f.relation, False) for f in self.facts if f.subject in node_ids]
        return dict(Counter(leaving + [(f.relation, True) for f in self.facts if f.object in node_ids]))

    def follow(self, node_ids: Collection[int], relation: str, inverse: bool) -> list[Fact]:
        return [f for f in self.facts if f.relation == relation and (f.object if inverse else f.subject) in node_ids]

    def evidence(self, fact: Fact) -> list[Evidence]:
        text = f"{self.nodes[fact.subject].name} {fact.relation} {self.nodes[fact.object].name}."
        return [Evidence("doc", 0, len(text), text, fact.score)]

    def relations(self) -> dict[str, int]:
        return dict(Counter(f.relation for f in self.facts))

    def neighbour_types(self) -> dict[tuple[str, bool], Counter[str]]:
        types: dict[tuple[str, bool], Counter[str]] = {}
        for f in self.facts:
            types.setdefault((f.relation, False), Counter())[self.nodes[f.object].type] += 1
            types.setdefault((f.relation, True), Counter())[self.nodes[f.subject].type] += 1
        return types


class BagOfWords:
    """A kit whose vectors count hashed words and their beginnings, and whose `ner` knows the names it is given."""

    revision = "test"

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = tuple(names)
        self.n_texts = 0
        self.n_read = 0

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.n_texts += len(texts)
        rows = np.full((len(texts), WIDTH), 1e-6, dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                for piece in (word, word[:5]):
                    row[crc32(piece.encode()) % WIDTH] += 1
        norms: NDArray[np.float32] = np.linalg.norm(rows, axis=1, keepdims=True).astype(np.float32)
        return rows / norms

    def __call__(self, texts: Sequence[str]) -> list[Document]:
        self.n_read += len(texts)
        return [Document(text, entities=tuple(self._entities(text))) for text in texts]

    def _entities(self, text: str) -> Iterable[Entity]:
        for name in self.names:
            if (start := text.find(name)) >= 0:
                yield Entity(name, start, start + len(name), "PER")
