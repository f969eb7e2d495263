"""Facts that a graph does not say and that its rules make likely, each with the rules and a path that shows why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nlpkit.errors import GraphError
from nlpkit.graph.plan import Step
from nlpkit.graph.records import Fact, Node
from nlpkit.graph.rules import Rule, Rules
from nlpkit.graph.store import Store
from nlpkit.graph.vocabulary import Wording, vocabulary


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A fact that may be missing.

    Attributes:
        subject: of the fact.
        relation: its name.
        object: of the fact.
        rules: those that foretell it, at most ten, surest first.
        path: the facts that the surest rule goes by, from subject to object.

    """

    subject: Node
    relation: str
    object: Node
    rules: tuple[Rule, ...]
    path: tuple[Fact, ...]

    @property
    def score(self) -> float:
        """The confidence of the surest rule, in [0, 1]."""
        return self.rules[0].confidence

    def to_dict(self, store: Store) -> dict[str, Any]:
        """Return the suggestion as plain JSON types."""
        ends = {"subject": self.subject.name, "relation": self.relation, "object": self.object.name}
        rules = [{"rule": str(r), "support": r.support, "confidence": r.confidence} for r in self.rules]
        path = [[store.node(f.subject).name, f.relation, store.node(f.object).name] for f in self.path]
        return {**ends, "score": self.score, "rules": rules, "path": path}


def suggest(
    store: Store,
    *,
    relation: str | None = None,
    least: float = 0.5,
    support: int = 3,
    progress: Callable[[int, int], None] | None = None,
) -> list[Suggestion]:
    """Return the facts that rules foretell, likeliest first.

    Left out is what the graph says in other words (a child for a parent), what has an end of a type that the relation
    does not take, and a second object of a relation that has one.

    Args:
        store: the graph.
        relation: foretell this relation alone.
        least: the confidence that a rule must have.
        support: how many facts must bear a rule out.
        progress: called with how many paths have been looked at, and of how many.

    Raises:
        GraphError: the graph has no such relation.

    """
    if relation is not None and relation not in (known := store.relations()):
        raise GraphError(f"no relation {relation!r} in {str(store.path)!r}; it has {', '.join(known)}")
    rules = Rules(store.facts(), least=least, support=support, progress=progress)
    said = {(fact.subject, fact.relation, fact.object) for fact in store.facts()}
    having = {(subject, name) for subject, name, _ in said}
    types = {node.id: node.type for node in store.nodes()}
    found = []
    for subject, name, object_, because in rules.missing(relation):
        wording = vocabulary().get(name)
        if wording is not None:
            if _said_otherwise(said, wording, (subject, name, object_)):
                continue
            if wording.rules.single and (subject, name) in having:
                continue
            sides = ((subject, wording.backward.types), (object_, wording.forward.types))
            if any(allowed and types[node] not in ("", *allowed) for node, allowed in sides):
                continue
        found.append((subject, name, object_, because))
    found.sort(key=lambda one: [-rule.confidence for rule in one[3]])
    return [
        Suggestion(store.node(s), name, store.node(o), because, _path(store, s, because[0].body, o))
        for s, name, o, because in found
    ]


def _said_otherwise(said: set[tuple[int, str, int]], wording: Wording, fact: tuple[int, str, int]) -> bool:
    subject, name, object_ = fact
    others = (*wording.rules.inverse, *((name,) if wording.rules.symmetric else ()))
    return any((object_, other, subject) in said for other in others)


def _path(store: Store, subject: int, body: tuple[Step, ...], object_: int) -> tuple[Fact, ...]:
    """Return facts that lead from subject to object by the steps of a rule."""
    first, *rest = body
    for fact in store.follow([subject], *first):
        reached = fact.subject if first.inverse else fact.object
        if not rest:
            if reached == object_:
                return (fact,)
        elif reached not in (subject, object_):
            for second in store.follow([reached], *rest[0]):
                if (second.subject if rest[0].inverse else second.object) == object_:
                    return (fact, second)
    return ()
