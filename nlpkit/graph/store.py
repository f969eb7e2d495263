"""The store: what is in the graph, looked up through indexes. Writing is in `ledger`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from nlpkit.errors import GraphError, StoreError
from nlpkit.graph.candidates import CandidatePool
from nlpkit.graph.database import Database, json_list
from nlpkit.graph.records import Evidence, Fact, MarkedEvidence, Merge, Node
from nlpkit.graph.resolve import Candidate
from nlpkit.names import normalise

_NEAR = 70.0
EVIDENCE = (
    "COALESCE(origin, document.name), evidence.start, evidence.end, text, evidence.score, evidence.revision, "
    "evidence.time"
)
"""The columns of an `Evidence`, from the tables evidence and document."""


class Store:
    """A graph in one SQLite file: a `FactSource` for asking and a `CandidateSource` for resolving.

    Args:
        path: the file.
        create: whether a missing file may be made.

    Raises:
        StoreError: the file is missing, is no store, or was written by a newer version.

    """

    def __init__(self, path: str | Path, *, create: bool = False) -> None:
        self.db = Database(Path(path), create=create)
        self._pool = CandidatePool(self.db)
        self._keys: tuple[int, list[str]] = (-1, [])
        self._types: tuple[int, dict[tuple[str, bool], Counter[str]]] = (-1, {})
        self._relations: tuple[int, dict[str, int]] = (-1, {})

    @property
    def path(self) -> Path:
        """The store's file."""
        return self.db.path

    def copy(self, path: Path) -> None:
        """Write all of it, as it is now, to a file that is not there yet.

        Raises:
            StoreError: something is there, or there is no room.

        """
        if path.exists():
            raise StoreError(f"{str(path)!r} is there already; give the copy another name")
        self.db.execute("VACUUM INTO ?", (str(path),))
        copied = Database(path, create=False)
        copied.execute("PRAGMA journal_mode=WAL")
        copied.close()

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the store for writing, alone among all processes, over as many transactions as needed.

        Raises:
            StoreBusyError: another process holds it.

        """
        with self.db.writing() as first:
            if first:
                self.forget()  # another process may have written since
            yield

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything written inside, or nothing at all.

        Raises:
            StoreBusyError: another process is writing to this store.
            StoreError: the disk is full or the file is damaged; the store is as it was before.

        """
        with self.writing():
            try:
                with self.db.transaction():
                    yield
            except BaseException:
                self.forget()  # what is kept in memory may speak of what was rolled back
                raise

    # What asking needs (`FactSource`)

    @property
    def version(self) -> int:
        """Change with every committed write, in whichever process."""
        return int(self.db.value("SELECT version FROM state"))

    def find(self, name: str) -> list[Node]:
        """Return the nodes with this name or alias once normalised: those spelt just so first, then by mentions."""
        rows = self.db.execute(
            "SELECT entity.id FROM alias JOIN entity ON entity.id = alias.entity WHERE key = ? "
            "GROUP BY entity.id ORDER BY MAX(text = ?) DESC, count DESC, entity.id",
            (normalise(name), name),
        )
        return [self.node(row[0]) for row in rows.fetchall()]

    def find_near(self, name: str, limit: int = 5) -> list[tuple[Node, float]]:
        """Return nodes with a near spelling (edit similarity of 0.7 or more), nearest first."""
        version = self.version
        if self._keys[0] != version:
            self._keys = (version, [row[0] for row in self.db.execute("SELECT DISTINCT key FROM alias ORDER BY key")])
        near = process.extract(
            normalise(name), self._keys[1], scorer=fuzz.ratio, processor=None, limit=limit, score_cutoff=_NEAR
        )
        found: dict[int, tuple[Node, float]] = {}
        for key, score, _ in near:
            for node in self.find(key):
                found.setdefault(node.id, (node, score / 100))
        return list(found.values())[:limit]

    def node(self, node_id: int) -> Node:
        """Return a node by its id.

        Raises:
            GraphError: there is none.

        """
        row = self.db.execute("SELECT name, type, count FROM entity WHERE id = ?", (node_id,)).fetchone()
        if row is None:
            raise GraphError(f"no node {node_id} in {str(self.path)!r}; ids come from nodes() and find()")
        texts = self.db.execute("SELECT text FROM alias WHERE entity = ? ORDER BY text", (node_id,))
        return Node(node_id, row[0], row[1], tuple(text for (text,) in texts if text != row[0]), row[2])

    def steps(self, node_ids: Collection[int]) -> dict[tuple[str, bool], int]:
        """Count the facts leaving these nodes, by (relation, inverse)."""
        steps: dict[tuple[str, bool], int] = {}
        ids = json_list(node_ids)
        for column, inverse in (("subject", False), ("object", True)):
            rows = self.db.execute(
                f"SELECT name, n FROM (SELECT relation, COUNT(*) AS n FROM fact WHERE {column} IN "
                "(SELECT value FROM json_each(?)) GROUP BY relation) JOIN relation ON relation.id = relation",
                (ids,),
            )
            steps.update({(name, inverse): n for name, n in rows})
        return steps

    def follow(self, node_ids: Collection[int], relation: str, inverse: bool) -> list[Fact]:
        """Return the facts with these subjects (with these objects if `inverse`), in the order of their making."""
        row = self.db.execute("SELECT id, property FROM relation WHERE name = ?", (relation,)).fetchone()
        if row is None:
            return []
        rows = self.db.execute(
            f"SELECT subject, object, score FROM fact WHERE {'object' if inverse else 'subject'} IN "
            "(SELECT value FROM json_each(?)) AND relation = ? ORDER BY id",
            (json_list(node_ids), row[0]),
        )
        return [Fact(subject, relation, object_, score, row[1]) for subject, object_, score in rows]

    def evidence(self, fact: Fact) -> list[Evidence]:
        """Return where a fact is said, strongest first."""
        return [
            Evidence(*row)
            for row in self.db.execute(
                f"SELECT {EVIDENCE} FROM evidence JOIN document ON document.id = document {_OF_FACT}",
                (fact.subject, fact.relation, fact.object),
            )
        ]

    def relations(self) -> dict[str, int]:
        """Return every relation with its number of facts, most frequent first."""
        version = self.version
        if self._relations[0] != version:
            rows = self.db.execute(
                "SELECT name, COUNT(*) FROM fact JOIN relation ON relation.id = relation "
                "GROUP BY name ORDER BY COUNT(*) DESC, name"
            )
            self._relations = (version, dict(rows.fetchall()))
        return dict(self._relations[1])

    def properties(self) -> dict[str, str | None]:
        """Return the Wikidata property of each relation, None where it has none."""
        return dict(self.db.execute("SELECT name, property FROM relation").fetchall())

    def neighbour_types(self) -> dict[tuple[str, bool], Counter[str]]:
        """Count the types of the nodes reached by (relation, inverse), a node once for each fact."""
        version = self.version
        if self._types[0] != version:
            types: dict[tuple[str, bool], Counter[str]] = {}
            for column, inverse in (("object", False), ("subject", True)):
                for relation, type_, n in self.db.execute(
                    f"SELECT relation.name, type, COUNT(*) FROM fact JOIN entity ON entity.id = {column} "
                    "JOIN relation ON relation.id = relation GROUP BY relation.id, type"
                ):
                    types.setdefault((relation, inverse), Counter())[type_] = n
            self._types = (version, types)
        return self._types[1]

    # What the resolver needs (`CandidateSource`)

    def candidates(self, label: str, keys: Collection[str]) -> list[Candidate]:
        """Return the entities of this type, or of unknown type, that share any of these blocking keys."""
        return self._pool.candidates(label, keys)

    def forget(self, entity: int | None = None) -> None:
        """Drop what is kept in memory of an entity that changed, or of all of them."""
        self._pool.forget(entity)

    # What is in the graph

    def nodes(self) -> Iterator[Node]:
        """Go through the nodes by id."""
        rows = self.db.execute(
            "SELECT entity.id, name, type, count, text FROM entity "
            "JOIN alias ON alias.entity = entity.id ORDER BY entity.id, text"
        )
        for (node_id, name, type_, count), group in groupby(rows, key=itemgetter(0, 1, 2, 3)):
            yield Node(node_id, name, type_, tuple(row[4] for row in group if row[4] != name), count)

    def contexts(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Go through the entities with what stands around them: the normalised mean of their contexts."""
        rows = self.db.execute("SELECT entity, context FROM chain WHERE context IS NOT NULL ORDER BY entity")
        for entity, group in groupby(rows, key=itemgetter(0)):
            total = np.sum([np.frombuffer(blob, np.float16).astype(np.float32) for _, blob in group], axis=0)
            yield entity, total / max(float(np.linalg.norm(total)), 1e-9)

    def facts(self, relation: str | None = None) -> Iterator[Fact]:
        """Go through the facts, or those of one relation, in the order of their making."""
        for row in self.db.execute(
            "SELECT subject, name, object, score, property FROM fact JOIN relation ON relation.id = relation "
            "WHERE ?1 IS NULL OR name = ?1 ORDER BY fact.id",
            (relation,),
        ):
            yield Fact(*row)

    def documents(self) -> Iterator[str]:
        """Go through the documents' ids in the order of their adding."""
        return (row[0] for row in self.db.execute("SELECT name FROM document ORDER BY id"))

    def metadata(self, document: str) -> dict[str, Any]:
        """Return what a document came with beside its text.

        Raises:
            GraphError: there is no such document.

        """
        found = self.db.value("SELECT metadata FROM document WHERE name = ?", (document,))
        if found is None:
            raise GraphError(f"no document {document!r} in {str(self.path)!r}; documents() lists the ids")
        return dict(json.loads(found))

    def hash_of(self, document: str) -> str | None:
        """Return the content hash under which a document was added, None if it is not there."""
        found = self.db.value("SELECT hash FROM document WHERE name = ?", (document,))
        return None if found is None else str(found)

    def revision_of(self, document: str) -> str | None:
        """Return the adapters that read a document, None if it is not there."""
        found = self.db.value("SELECT revision FROM document WHERE name = ?", (document,))
        return None if found is None else str(found)

    def count(self, table: str) -> int:
        """Count the rows of "document", "entity", "fact" or "evidence"."""
        return int(self.db.value(f"SELECT COUNT(*) FROM {table}"))

    def types(self) -> dict[str, int]:
        """Count the nodes by type, most frequent first."""
        return dict(
            self.db.execute("SELECT type, COUNT(*) FROM entity GROUP BY type ORDER BY COUNT(*) DESC").fetchall()
        )

    def most_connected(self, limit: int) -> list[tuple[Node, int]]:
        """Return the nodes with the most facts, each with their number; a fact with itself counts twice."""
        rows = self.db.execute(
            "SELECT id, COUNT(*) FROM (SELECT subject AS id FROM fact UNION ALL SELECT object FROM fact) "
            "GROUP BY id ORDER BY COUNT(*) DESC, id LIMIT ?",
            (limit,),
        )
        return [(self.node(node_id), n) for node_id, n in rows.fetchall()]

    def merges(self) -> list[Merge]:
        """Return every chain that was taken for an entity known before, in the order of linking."""
        rows = self.db.execute(
            "SELECT merge.id, document.name, chain.name, merge.entity, COALESCE(entity.name, ''), reason, score, "
            "undone FROM merge JOIN chain ON chain.id = chain JOIN document ON document.id = document "
            "LEFT JOIN entity ON entity.id = merge.entity ORDER BY merge.id"
        )
        return [
            Merge(merge, document, name, entity, entity_name, reason, score, bool(undone))
            for merge, document, name, entity, entity_name, reason, score, undone in rows
        ]

    def marked_evidence(self, fact: Fact) -> list[MarkedEvidence]:
        """Return where a fact is said, strongest first, with the places where its two entities are mentioned."""
        rows = self.db.execute(
            f"SELECT {EVIDENCE}, subject, object FROM evidence JOIN document ON document.id = document {_OF_FACT}",
            (fact.subject, fact.relation, fact.object),
        ).fetchall()
        return [
            MarkedEvidence(
                Evidence(*row[:-2]), self._marks(row[-2], row[1], row[2]), self._marks(row[-1], row[1], row[2])
            )
            for row in rows
        ]

    def _marks(self, chain: int, start: int, end: int) -> tuple[tuple[int, int], ...]:
        rows = self.db.execute(
            "SELECT start, end FROM mention WHERE chain = ? AND start >= ? AND end <= ? ORDER BY start",
            (chain, start, end),
        )
        return tuple((first - start, last - start) for first, last in rows)


_OF_FACT = (
    "WHERE fact = (SELECT fact.id FROM fact JOIN relation ON relation.id = relation "
    "WHERE subject = ? AND relation.name = ? AND object = ?) ORDER BY evidence.score DESC, evidence.id"
)
