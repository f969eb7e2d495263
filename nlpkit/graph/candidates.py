"""The entities that a new mention may be, kept in memory while they stay as they are."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from nlpkit.graph.database import Database, json_list
from nlpkit.graph.resolve import Candidate

_CONTEXTS = 32
_KEPT_CANDIDATES = 2048
_BLOCK = 64
"""A key that more entities share is passed over: it tells nothing, and would make a build quadratic.

Block purging of Papadakis et al. 2013, "A Blocking Framework for Entity Resolution in Highly Heterogeneous
Information Spaces", with a fixed bound. A full name is a key of its own, so the entity of that name is found.
"""

BIRTH = "date of birth"
SURE = 0.8
"""A date of birth read less surely tells nobody apart."""


class CandidatePool:
    """Looks candidates up by blocking key; whoever changes an entity has it forgotten here."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self._candidates: dict[int, Candidate] = {}

    def candidates(self, label: str, keys: Collection[str]) -> list[Candidate]:
        """Return the entities of this type, or of unknown type, that share any of these blocking keys."""
        found: set[int] = set()
        for key in keys:
            block = self.db.execute("SELECT entity FROM block WHERE key = ? LIMIT ?", (key, _BLOCK + 1)).fetchall()
            if len(block) <= _BLOCK:
                found.update(entity for (entity,) in block)
        rows = self.db.execute(
            "SELECT id FROM entity WHERE id IN (SELECT value FROM json_each(?)) AND type IN (?, '') ORDER BY id",
            (json_list(found), label),
        )
        return [self._candidate(row[0]) for row in rows.fetchall()]

    def _candidate(self, entity: int) -> Candidate:
        known = self._candidates.get(entity)
        if known is None:
            if len(self._candidates) >= _KEPT_CANDIDATES:
                del self._candidates[next(iter(self._candidates))]  # the oldest
            names = self.db.execute("SELECT text FROM alias WHERE entity = ? ORDER BY n DESC, text", (entity,))
            count = self.db.value("SELECT count FROM entity WHERE id = ?", (entity,))
            texts = tuple(text for (text,) in names)
            known = Candidate(entity, texts, self._context(entity), count, self._born(entity))
            self._candidates[entity] = known
        return known

    def _context(self, entity: int) -> NDArray[np.float32] | None:
        # The first chains only: what a hub of the graph costs must not grow with the corpus.
        rows = self.db.execute(
            "SELECT context FROM chain WHERE entity = ? AND context IS NOT NULL ORDER BY id LIMIT ?",
            (entity, _CONTEXTS),
        ).fetchall()
        if not rows:
            return None
        mean = np.mean([np.frombuffer(row[0], np.float16) for row in rows], axis=0, dtype=np.float32)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)

    def _born(self, entity: int) -> str:
        found = self.db.value(
            "SELECT entity.name FROM fact JOIN relation ON relation.id = relation JOIN entity ON entity.id = object "
            "WHERE subject = ? AND relation.name = ? AND COALESCE(score, 1) >= ? ORDER BY score DESC LIMIT 1",
            (entity, BIRTH, SURE),
        )
        return found or ""

    def forget(self, entity: int | None = None) -> None:
        """Drop what is kept in memory of an entity that changed, or of all of them."""
        if entity is None:
            self._candidates.clear()
        else:
            self._candidates.pop(entity, None)
