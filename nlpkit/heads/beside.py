"""Which relations may stand beside each other: those that two entities had at once in training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from nlpkit.types import Document, Entity, Relation


class Beside:
    """Leaves out claims about two entities that contradict likelier ones.

    Args:
        seen: what `seen_in` found in training.
        ids: the relations' ids.

    """

    def __init__(self, seen: Mapping[str, Sequence[Sequence[str]]], ids: Sequence[str]) -> None:
        self._number = {key: n for n, key in enumerate(ids)}
        self._same, self._opposite = (matrix(seen[kind], ids) for kind in ("same", "opposite"))

    def compatible(self, relations: Sequence[Relation]) -> Iterator[Relation]:
        """Go through claims, the likeliest first, and leave out those that never stood beside one that is kept."""
        kept: dict[tuple[Entity, Entity], list[int]] = {}
        for relation in relations:
            number = self._number[relation.property or relation.label]
            beside = kept.setdefault((relation.subject, relation.object), [])
            back = kept.get((relation.object, relation.subject), [])
            if self._same[number, beside].all() and self._opposite[number, back].all():
                beside.append(number)
                yield relation


def seen_in(golds: Sequence[Document]) -> dict[str, list[list[str]]]:
    """Return the relations with the types of their ends, and the pairs of relations that two entities had at once."""
    typed: set[tuple[str, str, str]] = set()
    same: set[tuple[str, str]] = set()
    opposite: set[tuple[str, str]] = set()
    for document in golds:
        held: dict[tuple[Entity, Entity], list[str]] = {}
        for relation in document.relations:
            key = relation.property or relation.label
            typed.add((relation.subject.label, key, relation.object.label))
            held.setdefault((relation.subject, relation.object), []).append(key)
        for (subject, object_), keys in held.items():
            same.update(product(keys, keys))
            opposite.update(product(keys, held.get((object_, subject), [])))
    kinds: dict[str, set[tuple[str, ...]]] = {"typed": {*typed}, "same": {*same}, "opposite": {*opposite}}
    return {kind: [list(names) for names in sorted(found)] for kind, found in kinds.items()}


def matrix(pairs: Iterable[Sequence[str]], names: Sequence[str]) -> NDArray[np.bool_]:
    """Return which pairs of names are among `pairs`. *Shape:* (n_names, n_names)."""
    found = np.zeros((len(names), len(names)), dtype=bool)
    place = {name: n for n, name in enumerate(names)}
    for first, second in pairs:
        found[place[first], place[second]] = True
    return found
