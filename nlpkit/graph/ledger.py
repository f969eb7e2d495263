"""Writing to a store: chains join entities, evidence supports facts, and both can be taken back exactly.

Every function here runs inside a transaction that its caller holds.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlpkit.errors import GraphError
from nlpkit.graph.resolve import blocking_keys
from nlpkit.graph.store import Store
from nlpkit.names import normalise


@dataclass(frozen=True, slots=True)
class NewChain:
    """A chain on its way into the store: `names` counts how often each surface name stands in the document."""

    name: str
    label: str
    names: Mapping[str, int]
    count: int
    mentions: tuple[tuple[int, int, str], ...] = ()
    context: NDArray[np.float32] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class NewEvidence:
    """An evidence on its way into the store; subject and object are ids of chains written before."""

    subject: int
    relation: int
    object: int
    start: int
    end: int
    text: str
    score: float | None = None
    revision: str = ""
    origin: str | None = None
    time: str | None = None


class Ledger:
    """What changes a store, within its caller's transaction."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.db = store.db

    def open_document(
        self, name: str, kind: str, digest: str, length: int, metadata: Mapping[str, Any], revision: str = ""
    ) -> int:
        """Write a document's row, taking an older version of it out first, and return its id."""
        if self.db.value("SELECT id FROM document WHERE name = ?", (name,)) is not None:
            self.remove_document(name)
        self.db.execute("DELETE FROM split WHERE document = ? AND hash <> ?", (name, digest))
        return self.db.insert(
            "INSERT INTO document (name, kind, hash, length, metadata, revision) VALUES (?, ?, ?, ?, ?, ?)",
            (name, kind, digest, length, json.dumps(dict(metadata), ensure_ascii=True, default=str), revision),
        )

    def remove_document(self, name: str) -> None:
        """Take a document out, with every fact, name and node that only it supported.

        Raises:
            GraphError: there is no such document.

        """
        document = self.db.value("SELECT id FROM document WHERE name = ?", (name,))
        if document is None:
            raise GraphError(f"no document {name!r} in {str(self.store.path)!r}; documents() lists the ids")
        facts = self.db.execute("SELECT DISTINCT fact FROM evidence WHERE document = ?", (document,)).fetchall()
        self.db.execute("DELETE FROM evidence WHERE document = ?", (document,))
        self.refresh_facts(fact for (fact,) in facts)
        chains = self.db.execute("SELECT id FROM chain WHERE document = ?", (document,)).fetchall()
        for (chain,) in chains:
            self._detach(chain)
            self.db.execute("DELETE FROM mention WHERE chain = ?", (chain,))
            self.db.execute("DELETE FROM merge WHERE chain = ?", (chain,))
        self.db.execute("DELETE FROM chain WHERE document = ?", (document,))
        self.db.execute("DELETE FROM document WHERE id = ?", (document,))

    # Chains and entities

    def add_chain(
        self, document: int, place: int, chain: NewChain, entity: int | None, node_id: int | None = None
    ) -> int:
        """Write a document's chain into an entity (None: a new one, with `node_id` if given); return the chain's id."""
        fresh = entity is None
        if entity is None:
            entity = self._new_entity(chain.name, chain.label, node_id)
        context = None if chain.context is None else chain.context.astype(np.float16).tobytes()
        chain_id = self.db.insert(
            "INSERT INTO chain (document, place, entity, name, label, count, names, context) VALUES (?,?,?,?,?,?,?,?)",
            (document, place, entity, chain.name, chain.label, chain.count, json.dumps(dict(chain.names)), context),
        )
        self.db.executemany(
            "INSERT OR IGNORE INTO mention VALUES (?, ?, ?, ?)",
            ((chain_id, start, end, kind) for start, end, kind in chain.mentions),
        )
        self._count_names(entity, chain.name, chain.names, chain.count)
        if not fresh:
            self._refresh_entity(entity)
        return chain_id

    def add_names(self, entity: int, head: str, names: Mapping[str, int], count: int) -> None:
        """Give an entity the names of a chain that was written into it."""
        self._count_names(entity, head, names, count)
        self._refresh_entity(entity)

    def entity_of(self, chain: int) -> int:
        """Return the entity that a chain belongs to."""
        return int(self.db.value("SELECT entity FROM chain WHERE id = ?", (chain,)))

    def record_merge(self, chain: int, entity: int, reason: str, score: float) -> None:
        """Record that a chain was taken for an entity known before."""
        self.db.execute(
            "INSERT INTO merge (chain, entity, reason, score) VALUES (?, ?, ?, ?)", (chain, entity, reason, score)
        )

    def undo_merge(self, merge: int) -> None:
        """Split a merged chain off into an entity of its own, for as long as its document does not change.

        Raises:
            GraphError: there is no such merge, or it was undone before.

        """
        row = self.db.execute(
            "SELECT chain, undone, chain.entity, document.name, hash, place, document.id FROM merge "
            "JOIN chain ON chain.id = chain JOIN document ON document.id = document WHERE merge.id = ?",
            (merge,),
        ).fetchone()
        if row is None or row[1]:
            why = "was undone before" if row else "is not there"
            raise GraphError(f"merge {merge} {why} in {str(self.store.path)!r}; merges() lists them")
        chain, _, entity, name, digest, place, document = row
        self.db.execute("UPDATE merge SET undone = 1 WHERE id = ?", (merge,))
        self.db.execute("INSERT OR IGNORE INTO split VALUES (?, ?, ?)", (name, digest, place))
        if self.db.value("SELECT COUNT(*) FROM chain WHERE entity = ?", (entity,)) > 1:
            self._split_off(chain, document)

    def is_split(self, document: str, digest: str, place: int) -> bool:
        """Tell whether this chain of a document was split off by hand."""
        found = self.db.value(
            "SELECT 1 FROM split WHERE document = ? AND hash = ? AND place = ?", (document, digest, place)
        )
        return found is not None

    def _split_off(self, chain: int, document: int) -> None:
        name, label, count, names = self.db.execute(
            "SELECT name, label, count, names FROM chain WHERE id = ?", (chain,)
        ).fetchone()
        self._detach(chain)
        entity = self._new_entity(name, label, None)
        self.db.execute("UPDATE chain SET entity = ? WHERE id = ?", (entity, chain))
        self._count_names(entity, name, json.loads(names), count)
        moved = self.db.execute(
            "SELECT evidence.id, fact, relation, s.entity, o.entity FROM evidence JOIN fact ON fact.id = fact "
            "JOIN chain s ON s.id = evidence.subject JOIN chain o ON o.id = evidence.object "
            "WHERE evidence.document = ? AND (evidence.subject = ? OR evidence.object = ?)",
            (document, chain, chain),
        ).fetchall()
        touched = set()
        for evidence, fact, relation, subject, object_ in moved:
            target = self.fact(subject, relation, object_)
            self.db.execute("UPDATE evidence SET fact = ? WHERE id = ?", (target, evidence))
            touched |= {fact, target}
        self.refresh_facts(touched)

    def _new_entity(self, name: str, type_: str, node_id: int | None) -> int:
        return self.db.insert("INSERT INTO entity (id, name, type, count) VALUES (?, ?, ?, 0)", (node_id, name, type_))

    def _count_names(self, entity: int, head: str, names: Mapping[str, int], count: int) -> None:
        for text in {**names, head: 0}:
            key = normalise(text)
            new = self.db.value("SELECT 1 FROM alias WHERE entity = ? AND text = ?", (entity, text)) is None
            self.db.execute(
                "INSERT INTO alias VALUES (?1, ?2, ?3, ?4, ?5) "
                "ON CONFLICT DO UPDATE SET n = n + ?4, heads = heads + ?5",
                (entity, text, key, names.get(text, 0), text == head),
            )
            if new:
                self.db.executemany(
                    "INSERT INTO block VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET n = n + 1",
                    ((block, entity) for block in blocking_keys(text)),
                )
        self.db.execute("UPDATE entity SET count = count + ? WHERE id = ?", (count, entity))

    def _detach(self, chain: int) -> None:
        """Take a chain's names away from its entity; an entity without names is gone."""
        entity, head, count, names = self.db.execute(
            "SELECT entity, name, count, names FROM chain WHERE id = ?", (chain,)
        ).fetchone()
        counts = json.loads(names)
        self.db.execute("UPDATE chain SET entity = 0 WHERE id = ?", (chain,))
        for text in {**counts, head: 0}:
            self.db.execute(
                "UPDATE alias SET n = n - ?, heads = heads - ? WHERE entity = ? AND text = ?",
                (counts.get(text, 0), text == head, entity, text),
            )
        gone = self.db.execute(
            "DELETE FROM alias WHERE entity = ? AND n <= 0 AND heads <= 0 RETURNING text", (entity,)
        ).fetchall()
        for (text,) in gone:
            keys = [(block, entity) for block in blocking_keys(text)]
            self.db.executemany("UPDATE block SET n = n - 1 WHERE key = ? AND entity = ?", keys)
            self.db.executemany("DELETE FROM block WHERE key = ? AND entity = ? AND n <= 0", keys)
        self.db.execute("UPDATE entity SET count = count - ? WHERE id = ?", (count, entity))
        self._refresh_entity(entity)

    def _refresh_entity(self, entity: int) -> None:
        """Name an entity as most of its chains are named, and give it their type."""
        self.store.forget(entity)
        name = self.db.value(
            "SELECT text FROM alias WHERE entity = ? ORDER BY heads DESC, n DESC, LENGTH(text) DESC, text LIMIT 1",
            (entity,),
        )
        if name is None:
            self.db.execute("DELETE FROM entity WHERE id = ?", (entity,))
            return
        type_ = self.db.value("SELECT label FROM chain WHERE entity = ? AND label <> '' LIMIT 1", (entity,))
        self.db.execute("UPDATE entity SET name = ?, type = ? WHERE id = ?", (name, type_ or "", entity))

    # Relations and facts

    def relation(self, name: str, property_: str | None) -> int:
        """Return a relation's id; the first property id given to a relation stays."""
        self.db.execute(
            "INSERT INTO relation (name, property) VALUES (?, ?) "
            "ON CONFLICT DO UPDATE SET property = excluded.property WHERE property IS NULL",
            (name, property_),
        )
        return int(self.db.value("SELECT id FROM relation WHERE name = ?", (name,)))

    def fact(self, subject: int, relation: int, object_: int) -> int:
        """Return the id of the fact between two entities, made if it was not there."""
        values = (subject, relation, object_)
        found = self.db.value("SELECT id FROM fact WHERE subject = ? AND relation = ? AND object = ?", values)
        return int(found or self.db.insert("INSERT INTO fact (subject, relation, object) VALUES (?, ?, ?)", values))

    def add_evidence(self, document: int, evidence: Iterable[NewEvidence], entities: Mapping[int, int]) -> None:
        """Write a document's evidence, the facts it supports and their scores.

        Args:
            document: the document's id.
            evidence: what it says.
            entities: the entity of every chain that the evidence names.

        """
        scored: set[int] = set()

        def rows() -> Iterable[tuple[Any, ...]]:
            for new in evidence:
                fact = self.fact(entities[new.subject], new.relation, entities[new.object])
                if new.score is not None:
                    scored.add(fact)
                yield (
                    *(fact, document, new.subject, new.object, new.origin),
                    *(new.start, new.end, new.text, new.score, new.revision, new.time),
                )

        for row in rows():
            self.db.execute(
                "INSERT INTO evidence "
                "(fact, document, subject, object, origin, start, end, text, score, revision, time) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        self.refresh_facts(scored)

    def refresh_facts(self, facts: Iterable[int]) -> None:
        """Score facts anew from what supports them now; those that nothing supports are gone."""
        for fact in facts:
            rows = self.db.execute(
                "SELECT COALESCE(origin, document), score FROM evidence WHERE fact = ?", (fact,)
            ).fetchall()
            if rows:
                self.db.execute("UPDATE fact SET score = ? WHERE id = ?", (noisy_or(rows), fact))
            else:
                self.db.execute("DELETE FROM fact WHERE id = ?", (fact,))


def noisy_or(said: Iterable[tuple[object, float | None]]) -> float | None:
    """Return the chance that at least one document is right, of (document, score); None where nothing is scored.

    A document counts once, with its best score: its sentences were read together and err together.
    """
    best: dict[object, float] = {}
    for document, score in said:
        if score is not None:
            best[document] = max(score, best.get(document, 0.0))
    if len(best) < 2:
        return next(iter(best.values()), None)
    # Sorted, so that the same scores give the same bits whatever the order of reading.
    return 1.0 - math.prod(1.0 - score for score in sorted(best.values()))


def surfaces(texts: Iterable[str]) -> Counter[str]:
    """Count names as they are written, line breaks and runs of spaces made one space."""
    return Counter(name for name in (" ".join(text.split()) for text in texts) if name)
