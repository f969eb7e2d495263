"""Scores as pure functions over types: nothing is trained, nothing is read."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from nlpkit.types import Chain, Document, Entity, Mention, Relation


@dataclass(frozen=True, slots=True)
class Counts:
    """True positives, the number predicted, and the number that are gold."""

    hits: int = 0
    predicted: int = 0
    gold: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Add up two counts (micro average)."""
        return Counts(self.hits + other.hits, self.predicted + other.predicted, self.gold + other.gold)

    @property
    def precision(self) -> float:
        """Share of the predicted that is right; 0 where nothing was predicted."""
        return self.hits / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """Share of the gold that was found; 0 where there is no gold."""
        return self.hits / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.hits / (self.predicted + self.gold) if self.predicted + self.gold else 0.0

    def to_dict(self) -> dict[str, float]:
        """Return precision, recall and F1."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1}


def entity_counts(predicted: Document, gold: Document) -> Counts:
    """Count entities with the same characters and the same type (strict matching)."""
    found = {(e.start, e.end, e.label) for e in predicted.entities}
    true = {(e.start, e.end, e.label) for e in gold.entities}
    return Counts(len(found & true), len(found), len(true))


def triple_counts(predicted: Document, gold: Document, *, typed: bool = True) -> Counts:
    """Count triples from raw text: both entities share a mention with the gold ones, `typed`: of the right type.

    A gold triple is found at most once, so that an entity split in two gains nothing.
    """
    owners = {_place(m, c, typed): n for n, c in enumerate(gold.chains) for m in c.mentions}
    true = {
        (owners[_place(r.subject, r.subject, typed)], _key(r), owners[_place(r.object, r.object, typed)])
        for r in gold.relations
    }
    chains = {(m.start, m.end): c for c in predicted.chains for m in c.mentions}
    hits, found = set[tuple[int, str, int]](), set[tuple[Chain | Entity, str, Chain | Entity]]()
    for relation in predicted.relations:
        ends = [chains.get((e.start, e.end), e) for e in (relation.subject, relation.object)]
        subjects, objects = ({owners[p] for p in _places(end, typed) if p in owners} for end in ends)
        hits |= {(s, _key(relation), o) for s in subjects for o in objects} & true
        found.add((ends[0], _key(relation), ends[1]))
    return Counts(len(hits), len(found), len(true))


def _key(relation: Relation) -> str:
    return relation.property or relation.label


def _place(mention: Mention | Entity, owner: Chain | Entity, typed: bool) -> tuple[int, int, str]:
    return (mention.start, mention.end, owner.label if typed else "")


def _places(end: Chain | Entity, typed: bool) -> list[tuple[int, int, str]]:
    return [_place(m, end, typed) for m in (end.mentions if isinstance(end, Chain) else (end,))]


def total(counts: Iterable[Counts]) -> Counts:
    """Add counts up over documents."""
    result = Counts()
    for count in counts:
        result += count
    return result


def expected_calibration_error(scored: Iterable[tuple[float, bool]], n_bins: int = 10) -> float:
    """Return the mean gap between score and share right over bins of equal width (Guo et al. 2017)."""
    pairs = list(scored)
    bins: dict[int, list[tuple[float, bool]]] = {}
    for score, right in pairs:
        bins.setdefault(min(int(score * n_bins), n_bins - 1), []).append((score, right))
    gaps = (abs(math.fsum(s for s, _ in b) - sum(r for _, r in b)) for b in bins.values())
    return sum(gaps) / len(pairs) if pairs else 0.0
