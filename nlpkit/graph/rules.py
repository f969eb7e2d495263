"""Likely missing facts by rules that a graph follows: who is born in a city of a country is often its citizen.

Rules are closed paths of one or two steps, `R(x, y) <- A(x, z), B(z, y)`, walked in either direction, as AMIE mines
them (Galárraga et al. 2013). `support` counts the pairs that a path joins and that have the relation, `confidence` is
their share of all pairs that it joins, `SMOOTHING` unseen failures added. Where several rules foretell a fact the
surest counts, and among equals the next (maximum aggregation of AnyBURL, Meilicke et al. 2019): rules of one graph say
much the same, so that their chances must not be multiplied.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nlpkit.graph.plan import Step
from nlpkit.graph.records import Fact

SMOOTHING: Final = 5
"""Failures added to each rule's, so that a rule seen twice is not sure (Meilicke et al. 2019)."""

MOST_PAIRS: Final = 5_000_000
"""Paths that join more pairs than this say next to nothing about each, and are not walked."""

_CHUNK: Final = 4096
_SURE: Final = 10
_Pairs = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rule:
    """A relation that pairs often have which a path joins.

    Attributes:
        relation: what the rule foretells.
        body: the path, from subject to object.
        support: pairs that the path joins and that have the relation.
        joined: pairs that the path joins.

    """

    relation: str
    body: tuple[Step, ...]
    support: int
    joined: int

    @property
    def confidence(self) -> float:
        """The share of the pairs joined that have the relation, in [0, 1], smoothed."""
        return self.support / (self.joined + SMOOTHING)

    def __str__(self) -> str:
        return f"x -{self.relation}-> y  <=  x {' z '.join(map(str, self.body))} y"


class Rules:
    """The rules of some facts, surest first, and what they foretell.

    Args:
        facts: what is known.
        least: the confidence that a rule must have.
        support: the support that it must have.
        progress: called with how many paths have been looked at, and of how many.

    """

    def __init__(
        self,
        facts: Iterable[Fact],
        *,
        least: float = 0.1,
        support: int = 2,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._facts = _Facts(facts)
        found = [
            rule
            for body, joined, counts in self._facts.bodies(progress)
            for relation, n in counts.items()
            if n >= support and (rule := Rule(relation, body, n, joined)).confidence >= least
            if rule.body != (Step(relation, False),)
        ]
        found.sort(key=lambda rule: (-rule.confidence, -rule.support, len(rule.body), str(rule)))
        self.rules: tuple[Rule, ...] = tuple(found)
        self._by_relation: dict[str, list[Rule]] = defaultdict(list)
        for rule in found:
            self._by_relation[rule.relation].append(rule)

    def missing(self, relation: str | None = None) -> Iterator[tuple[int, str, int, tuple[Rule, ...]]]:
        """Go through the facts that rules foretell and that are not there: subject, relation, object and the rules.

        The rules of each are the surest ten, surest first. With `relation` those of this relation alone.
        """
        for name in self._by_relation if relation is None else [relation]:
            foretold: dict[int, list[Rule]] = defaultdict(list)
            for rule in self.of(name):
                for pair in self._facts.unknown(name, self._facts.joined(rule.body)).tolist():
                    if len(foretold[pair]) < _SURE:
                        foretold[pair].append(rule)
            for pair, because in foretold.items():
                subject, object_ = self._facts.ends(pair)
                yield subject, name, object_, tuple(because)

    def of(self, relation: str) -> Sequence[Rule]:
        """Return the rules that foretell a relation, surest first."""
        return self._by_relation.get(relation, [])

    def objects(self, subject: int, relation: str) -> list[tuple[int, tuple[Rule, ...]]]:
        """Return what rules foretell as objects, likeliest first, each with its surest ten rules; known ones too."""
        return self._ranked(subject, relation, inverse=False)

    def subjects(self, object_: int, relation: str) -> list[tuple[int, tuple[Rule, ...]]]:
        """Return what rules foretell as subjects, likeliest first, each with its surest ten rules; known ones too."""
        return self._ranked(object_, relation, inverse=True)

    def _ranked(self, node: int, relation: str, *, inverse: bool) -> list[tuple[int, tuple[Rule, ...]]]:
        foretold: dict[int, list[Rule]] = defaultdict(list)
        for rule in self.of(relation):
            body = tuple(step.back for step in reversed(rule.body)) if inverse else rule.body
            for other in self._facts.reached(node, body):
                if len(foretold[other]) < _SURE:
                    foretold[other].append(rule)
        ranked = sorted(foretold.items(), key=lambda item: [-rule.confidence for rule in item[1]])
        return [(other, tuple(because)) for other, because in ranked]


class _Facts:
    """Facts as arrays: for each step, whom it leads from whom to; a pair of nodes is one number."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        ends: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for fact in facts:
            ends[fact.relation].append((fact.subject, fact.object))
        self.ids = np.unique(np.array([node for pairs in ends.values() for pair in pairs for node in pair], np.int64))
        self.n = len(self.ids)
        self.known: dict[str, _Pairs] = {}
        self.edges: dict[Step, tuple[_Pairs, _Pairs]] = {}
        for relation, pairs in ends.items():
            places = np.searchsorted(self.ids, np.array(pairs, np.int64))
            self.known[relation] = np.unique(places[:, 0] * self.n + places[:, 1])
            for step, start, end in ((Step(relation, False), 0, 1), (Step(relation, True), 1, 0)):
                order = np.lexsort((places[:, end], places[:, start]))
                self.edges[step] = places[order, start], places[order, end]
        self.relations = list(self.known)
        self.all = np.concatenate([self.known[relation] for relation in self.relations] or [np.zeros(0, np.int64)])
        of = [np.full(len(self.known[relation]), n) for n, relation in enumerate(self.relations)]
        order = np.argsort(self.all, kind="stable")
        self.all, self.of = self.all[order], np.concatenate(of or [np.zeros(0, np.int64)])[order]

    def ends(self, pair: int) -> tuple[int, int]:
        """Return the ids of the nodes of a pair."""
        return int(self.ids[pair // self.n]), int(self.ids[pair % self.n])

    def bodies(
        self, progress: Callable[[int, int], None] | None
    ) -> Iterator[tuple[tuple[Step, ...], int, dict[str, int]]]:
        """Go through the paths, each with the number of pairs that it joins, and how many of them have a relation."""
        steps = list(self.edges)
        widths = self._widths(steps)
        twos = [(a, b) for n, a in enumerate(steps) for m, b in enumerate(steps) if 0 < widths[n, m] <= MOST_PAIRS]
        paths: Sequence[tuple[Step, ...]] = [*((step,) for step in steps), *twos]
        for done, body in enumerate(paths, 1):
            pairs = self.joined(body)
            yield body, len(pairs), self._counts(pairs)
            if progress:
                progress(done, len(paths))

    def _widths(self, steps: Sequence[Step]) -> NDArray[np.float64]:
        """Count the walks of every two steps one after the other: degrees in times degrees out, summed over nodes."""
        widths = np.zeros((len(steps), len(steps)))
        for first in range(0, self.n, _CHUNK):
            into, out = (
                np.stack(
                    [
                        np.histogram(self.edges[step][side], np.arange(first, min(first + _CHUNK, self.n) + 1) - 0.5)[0]
                        for step in steps
                    ]
                )
                for side in (1, 0)
            )
            widths += into.astype(np.float64) @ out.T
        return widths

    def joined(self, body: tuple[Step, ...]) -> _Pairs:
        """Return the pairs that a path joins, sorted; two steps never lead back to where they began."""
        starts, ends = self.edges[body[0]]
        for step in body[1:]:
            froms, tos = self.edges[step]
            first, last = np.searchsorted(froms, ends, "left"), np.searchsorted(froms, ends, "right")
            counts = last - first
            starts = np.repeat(starts, counts)
            within = np.arange(len(starts)) - np.repeat(np.cumsum(counts) - counts, counts)
            ends = tos[np.repeat(first, counts) + within]
            elsewhere = starts != ends
            starts, ends = starts[elsewhere], ends[elsewhere]
        return np.unique(starts * self.n + ends)

    def _counts(self, pairs: _Pairs) -> dict[str, int]:
        """Count the relations that pairs have."""
        if not len(pairs):
            return {}
        places = np.minimum(np.searchsorted(pairs, self.all), len(pairs) - 1)
        counts = np.bincount(self.of[pairs[places] == self.all], minlength=len(self.relations))
        return {relation: int(n) for relation, n in zip(self.relations, counts, strict=True) if n}

    def unknown(self, relation: str, pairs: _Pairs) -> _Pairs:
        """Return those pairs that do not have a relation."""
        return np.setdiff1d(pairs, self.known[relation], assume_unique=True)

    def reached(self, node: int, body: tuple[Step, ...]) -> list[int]:
        """Return the ids of the nodes that a path leads to from one."""
        place = int(np.searchsorted(self.ids, node))
        if place == self.n or self.ids[place] != node:
            return []
        now = np.array([place])
        for step in body:
            froms, tos = self.edges[step]
            first, last = np.searchsorted(froms, now, "left"), np.searchsorted(froms, now, "right")
            now = np.unique(np.concatenate([tos[a:b] for a, b in zip(first, last, strict=True)] or [now[:0]]))
        found: list[int] = self.ids[now[now != place] if len(body) > 1 else now].tolist()
        return found
