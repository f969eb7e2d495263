"""What two graphs say differently: documents by their ids, entities by name and type, facts by the names of their ends.

Two graphs number their entities as they were filled, so that numbers tell nothing; namesakes of one type are one here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nlpkit.graph.store import Store

_NEAR = 1e-9
_Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that one of two graphs has, or both have otherwise.

    Attributes:
        kind: what it is.
        name: the document's id; name and type of the entity; subject, its type, relation, object, its type of the fact.
        before: of a document its content's hash, of an entity its mentions, of a fact its score; None if only the
            second graph has it (or a fact has no score).
        after: the same of the second graph.
        change: "-" only the first graph has it, "+" only the second, "~" both, otherwise.

    """

    kind: Literal["document", "entity", "fact"]
    name: _Key
    before: Any
    after: Any
    change: Literal["-", "+", "~"]

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as plain JSON types."""
        plain = {"kind": self.kind, "change": self.change, "name": list(self.name)}
        return plain | {"before": self.before, "after": self.after}


def differences(first: Store, second: Store) -> Iterator[Difference]:
    """Go through what one graph has and the other has not, or has otherwise; nothing if they say the same."""
    yield from _apart("document", _documents(first), _documents(second))
    yield from _apart("entity", _entities(first), _entities(second))
    yield from _apart("fact", _facts(first), _facts(second))


def _apart(
    kind: Literal["document", "entity", "fact"], before: Mapping[_Key, Any], after: Mapping[_Key, Any]
) -> Iterator[Difference]:
    for name in sorted({*before, *after}):
        if name not in after:
            yield Difference(kind, name, before[name], None, "-")
        elif name not in before:
            yield Difference(kind, name, None, after[name], "+")
        elif _other(before[name], after[name]):
            yield Difference(kind, name, before[name], after[name], "~")


def _other(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) > _NEAR
    return bool(one != other)


def _documents(store: Store) -> dict[_Key, str | None]:
    return {(name,): store.hash_of(name) for name in store.documents()}


def _entities(store: Store) -> dict[_Key, int]:
    found: dict[_Key, int] = {}
    for node in store.nodes():
        found[node.name, node.type] = found.get((node.name, node.type), 0) + node.count
    return found


def _facts(store: Store) -> dict[_Key, float | None]:
    names = {node.id: (node.name, node.type) for node in store.nodes()}
    found: dict[_Key, float | None] = {}
    for fact in store.facts():
        key = (*names[fact.subject], fact.relation, *names[fact.object])
        found[key] = max(found.get(key) or 0.0, fact.score) if fact.score is not None else found.get(key)
    return found
