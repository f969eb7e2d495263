"""One graph into another: its documents with all that they say, its entities linked to those that are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlpkit.domain import Domain
from nlpkit.errors import GraphError
from nlpkit.graph.candidates import BIRTH, SURE
from nlpkit.graph.ledger import Ledger, NewChain, NewEvidence
from nlpkit.graph.resolve import Linked, Resolver
from nlpkit.graph.store import Store
from nlpkit.graph.triples import SAME_NAME, same_name
from nlpkit.types import Chain, Mention


@dataclass(slots=True)
class Joined:
    """What joining did: documents that came in, that were there just so, and those that both have otherwise."""

    added: int = 0
    unchanged: int = 0
    differing: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Row:
    """A chain as the other graph has it."""

    id: int
    place: int
    entity: int
    chain: NewChain


def join(
    store: Store,
    other: Store,
    *,
    theirs: bool = False,
    domain: Domain | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Joined:
    """Take the documents of another graph in, each in one transaction; killed and run again, it goes on.

    What the other graph took for one entity stays one, and what it kept apart stays apart; the first chain of each
    decides, by its names and contexts, which entity of this graph it is, as if its document were read here. Splits by
    hand come along. Of a document that both have in different versions this graph's stays.

    Args:
        store: where to; held for writing until the end.
        other: what comes in; it is not changed.
        theirs: take the other graph's version of documents that both have.
        domain: knows other names of entities.
        progress: called after every document with how many had their turn, and of how many.

    Raises:
        GraphError: both are one file, or the contexts of one come from another backbone.
        StoreError: no room left; what was written stays.

    """
    if store.path.resolve() == other.path.resolve():
        raise GraphError(f"{str(store.path)!r} cannot be joined with itself; name two graphs")
    widths = {size for db in (store.db, other.db) if (size := db.value(_WIDTH))}
    if len(widths) > 1:
        raise GraphError(
            f"{str(other.path)!r} was read with another backbone than {str(store.path)!r}: their contexts cannot be "
            "compared; build both with one backbone"
        )
    with store.writing(), other.db.reading():
        return _Joining(store, other, domain).run(theirs, progress)


_WIDTH = "SELECT LENGTH(context) FROM chain WHERE context IS NOT NULL LIMIT 1"


class _Joining:
    def __init__(self, store: Store, other: Store, domain: Domain | None) -> None:
        self.store, self.other = store, other
        self.ledger = Ledger(store)
        self.resolver = Resolver(store, domain)
        self.entities: dict[int, int] = {}
        """Which entity here each of the other graph is; `claimed` are all that some of them is."""
        self.claimed: set[int] = set()

    def run(self, theirs: bool, progress: Callable[[int, int], None] | None) -> Joined:
        joined = Joined()
        names = list(self.other.documents())
        for n, name in enumerate(names, 1):
            ours = self.store.hash_of(name)
            if ours == self.other.hash_of(name):
                joined.unchanged += 1
                self._meet(name)
            else:
                if ours is not None:
                    joined.differing.append(name)
                if ours is None or theirs:
                    self._take(name)
                    joined.added += 1
            if progress:
                progress(n, len(names))
        return joined

    def _take(self, name: str) -> None:
        document, kind, digest, length, metadata, revision = self.other.db.execute(
            "SELECT id, kind, hash, length, metadata, revision FROM document WHERE name = ?", (name,)
        ).fetchone()
        with self.store.transaction():
            if self.store.hash_of(name) is not None:
                self.ledger.remove_document(name)
                self._forget()
            row = self.ledger.open_document(name, kind, digest, length, json.loads(metadata), revision)
            for (place,) in self.other.db.execute(
                "SELECT place FROM split WHERE document = ? AND hash = ?", (name, digest)
            ):
                self.ledger.db.execute("INSERT OR IGNORE INTO split VALUES (?, ?, ?)", (name, digest, place))
            chains: dict[int, int] = {}
            taken: set[int] = set()
            births = self._births(document)
            for theirs in list(self._chains(document)):
                split = self.ledger.is_split(name, digest, theirs.place)
                linked = self._linked(theirs, kind, taken, births.get(theirs.id, ""), split)
                new = self.ledger.add_chain(row, theirs.place, theirs.chain, linked.entity)
                if linked.entity is not None:
                    self.ledger.record_merge(new, linked.entity, linked.reason, linked.score)
                chains[theirs.id] = new
                entity = self.ledger.entity_of(new)
                taken.add(entity)
                self._is(theirs.entity, entity)
            entities = {chain: self.ledger.entity_of(chain) for chain in chains.values()}
            self.ledger.add_evidence(row, self._evidence(document, chains), entities)
            for chain in births:
                self.store.forget(entities[chains[chain]])

    def _linked(self, row: _Row, kind: str, taken: set[int], born: str, split: bool) -> Linked:
        known = self.entities.get(row.entity)
        if known is not None and known not in taken:
            return Linked(known, f"one entity in {self.other.path.name}", 1.0)
        if split:
            return Linked(None, "", 0.0)
        if kind == "import":
            entity = same_name(self.store, row.chain.name, row.chain.label or None)
            found = entity is not None and entity not in self.claimed
            return Linked(entity, SAME_NAME, 1.0) if found else Linked(None, "", 0.0)
        return self.resolver.link(_as_chain(row.chain), row.chain.context, self.claimed, born)

    def _meet(self, name: str) -> None:
        """Learn from a document that both have which entities are one; a run before this one may have brought it."""
        query = "SELECT place, entity FROM chain WHERE document = (SELECT id FROM document WHERE name = ?)"
        here = dict(self.store.db.execute(query, (name,)).fetchall())
        for place, entity in self.other.db.execute(query, (name,)).fetchall():
            if place in here:
                self._is(entity, here[place])

    def _is(self, theirs: int, ours: int) -> None:
        self.entities.setdefault(theirs, ours)
        self.claimed.add(ours)

    def _forget(self) -> None:
        """Forget the entities that are gone."""
        there = {id_ for (id_,) in self.store.db.execute("SELECT id FROM entity")}
        self.entities = {theirs: ours for theirs, ours in self.entities.items() if ours in there}
        self.claimed &= there

    def _chains(self, document: int) -> Iterator[_Row]:
        rows = self.other.db.execute(
            "SELECT id, place, entity, name, label, count, names, context FROM chain WHERE document = ? ORDER BY place",
            (document,),
        ).fetchall()
        for id_, place, entity, name, label, count, names, context in rows:
            mentions = self.other.db.execute("SELECT start, end, kind FROM mention WHERE chain = ?", (id_,)).fetchall()
            vector = None if context is None else _vector(context)
            chain = NewChain(name, label, json.loads(names), count, tuple(mentions), vector)
            yield _Row(id_, place, entity, chain)

    def _births(self, document: int) -> dict[int, str]:
        """Return the dates of birth that a document is sure of, by the chain of whom was born."""
        rows = self.other.db.execute(
            "SELECT evidence.subject, chain.name FROM evidence JOIN fact ON fact.id = fact "
            "JOIN relation ON relation.id = fact.relation JOIN chain ON chain.id = evidence.object "
            "WHERE evidence.document = ? AND relation.name = ? AND COALESCE(evidence.score, 1.0) >= ?",
            (document, BIRTH, SURE),
        )
        return dict(rows.fetchall())

    def _evidence(self, document: int, chains: dict[int, int]) -> list[NewEvidence]:
        rows: list[Any] = self.other.db.execute(
            "SELECT evidence.subject, relation.name, relation.property, evidence.object, start, end, text, "
            "evidence.score, revision, origin, time FROM evidence JOIN fact ON fact.id = fact "
            "JOIN relation ON relation.id = fact.relation WHERE document = ? ORDER BY evidence.id",
            (document,),
        ).fetchall()
        return [
            NewEvidence(chains[subject], self.ledger.relation(name, property_), chains[object_], *rest)
            for subject, name, property_, object_, *rest in rows
        ]


def _vector(blob: bytes) -> NDArray[np.float32]:
    return np.frombuffer(blob, np.float16).astype(np.float32)


def _as_chain(chain: NewChain) -> Chain:
    """Return a chain for the resolver, which asks for its name, its type and its other names alone."""
    return Chain(chain.name, chain.label, tuple(Mention(text, 0, 0) for text in chain.names))
