"""What a knowledge graph is made of, and what it answers: frozen values and the two Protocols it needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from nlpkit.domain import Domain
from nlpkit.types import Answer, Document


class Embedder(Protocol):
    """Turns texts into unit vectors."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one normalised row a text. *Shape:* (n_texts, width)."""
        ...


class Extractor(Embedder, Protocol):
    """Reads texts: what `nlpkit.Kit` is to the graph."""

    @property
    def revision(self) -> str:
        """Name the adapters that read, so that evidence can say who said it."""
        ...

    def __call__(self, texts: Sequence[str]) -> list[Document]:
        """Return one Document a text, in order, with entities, chains and relations."""
        ...


class Searcher(Protocol):
    """Reads answers in documents: a Kit with a task that answers questions."""

    def search(self, question: str, documents: Any) -> Sequence[Answer]:
        """Return the answers, best first."""
        ...


class Learned(Protocol):
    """What an adapter has learnt to choose from (`nlpkit.heads.kgqa.Learned`)."""

    @property
    def names(self) -> tuple[str, ...]:
        """The plans seen in training, as `nlpkit.graph.plan.name_of` writes them."""
        ...

    @property
    def plans(self) -> NDArray[np.float32]:
        """The vectors of their words, the whole's and each step's. *Shape:* (n_plans, (1 + n_steps) * width)."""
        ...

    @property
    def outside(self) -> float:
        """The log-odds of a question that asks for none of the plans there are."""
        ...

    def vectors(self, questions: Sequence[str], /) -> NDArray[np.float32]:
        """Return vectors of masked questions; their products with those of plans are log-odds."""
        ...


def learned_of(kit: Extractor | None) -> Learned | None:
    """Return what a reader has learnt of plans: its attribute `learned`, where it has one (a Kit with `kgqa`)."""
    found: Learned | None = getattr(kit, "learned", None)
    return found


def domain_of(kit: Extractor | None) -> Domain | None:
    """Return what a reader knows of its domain: its attribute `domain`, where it has one (a Kit from a pack)."""
    found = getattr(kit, "domain", None)
    return found if isinstance(found, Domain) else None


@dataclass(frozen=True, slots=True)
class Node:
    """An entity of the graph. `count` is the number of its mentions."""

    id: int
    name: str
    type: str
    aliases: tuple[str, ...] = ()
    count: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a fact is said: the characters [start, end) of a document, and who read it there.

    `time` is the period that the text states with the fact, as `nlpkit.times` writes it ("1905", "1905/..").
    """

    document: str
    start: int
    end: int
    text: str
    score: float | None = None
    revision: str = ""
    time: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the evidence as plain JSON types."""
        place = {"document": self.document, "start": self.start, "end": self.end, "text": self.text}
        return place | {"score": self.score, "time": self.time}


@dataclass(frozen=True, slots=True)
class Fact:
    """An edge of the graph, by node ids. `score` is the noisy-or over its evidence, None if nothing scored it."""

    subject: int
    relation: str
    object: int
    score: float | None = None
    property: str | None = None


@dataclass(frozen=True, slots=True)
class Merge:
    """A chain of a document that was taken for an entity known before, and why; `undone` if split off again."""

    id: int
    document: str
    name: str
    entity: int
    entity_name: str
    reason: str
    score: float
    undone: bool = False


@dataclass(frozen=True, slots=True)
class MarkedEvidence:
    """An evidence with the places of the two names in its text, as offsets into that text."""

    evidence: Evidence
    subject: tuple[tuple[int, int], ...]
    object: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class FoundAnswer:
    """One answer to a question: a node's name and id, or a count (id None)."""

    text: str
    id: int | None
    score: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain JSON types."""
        return {"text": self.text, "id": self.id, "score": self.score}


@dataclass(frozen=True, slots=True)
class GraphAnswer:
    """What the graph says to a question: answers with the plan, the path and the evidence, or an abstention.

    `path` holds the facts walked, as (subject name, relation, object name). `note` says what was found
    where the graph abstains. `source` is "graph", or "text" where the answer was read in documents beside it.
    """

    question: str
    answers: tuple[FoundAnswer, ...]
    abstained: bool
    plan: str
    path: tuple[tuple[str, str, str], ...]
    evidence: tuple[Evidence, ...]
    score: float | None
    seconds: float
    note: str = ""
    source: Literal["graph", "text"] = "graph"

    def to_dict(self) -> dict[str, Any]:
        """Return the answer in the shape `nlpkit graph ask --json` prints."""
        return {
            "question": self.question,
            "answers": [a.to_dict() for a in self.answers],
            "abstained": self.abstained,
            "plan": self.plan,
            "path": [list(step) for step in self.path],
            "evidence": [e.to_dict() for e in self.evidence],
            "score": self.score,
            "seconds": self.seconds,
            "note": self.note,
            "source": self.source,
        }


class FactSource(Protocol):
    """What asking needs of a graph: look a name up, look around a node, walk an edge."""

    @property
    def version(self) -> int:
        """Change with every committed write, so that caches know when they are stale."""
        ...

    def find(self, name: str) -> list[Node]:
        """Return the nodes one of whose names or aliases is `name` once normalised, most mentioned first."""
        ...

    def find_near(self, name: str, limit: int = 5) -> list[tuple[Node, float]]:
        """Return nodes with a near spelling and their similarity in [0, 1], nearest first."""
        ...

    def node(self, node_id: int) -> Node:
        """Return a node by its id."""
        ...

    def steps(self, node_ids: Collection[int]) -> dict[tuple[str, bool], int]:
        """Count the facts leaving these nodes, by (relation, inverse)."""
        ...

    def follow(self, node_ids: Collection[int], relation: str, inverse: bool) -> list[Fact]:
        """Return the facts with these subjects (with these objects if `inverse`)."""
        ...

    def evidence(self, fact: Fact) -> list[Evidence]:
        """Return where a fact is said, strongest first."""
        ...

    def relations(self) -> dict[str, int]:
        """Return every relation with its number of facts."""
        ...

    def neighbour_types(self) -> dict[tuple[str, bool], Counter[str]]:
        """Count the types of the nodes reached by (relation, inverse)."""
        ...
