"""The ordered pairs of entities in a window: which there are, how far apart, and the sentences that support them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nlpkit.text import Window, sentences
from nlpkit.types import Chain, Entity, Relation, Span

_DISTANCES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
N_DISTANCES = 2 * len(_DISTANCES) + 2
"""How many buckets a signed distance falls into."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """The pairs of one window: mention pieces by chain, types, and which chains are paired.

    `pieces[c]` holds the half-open piece ranges of chain c's mentions; `subjects`, `objects` *(n_pairs,)* number
    chains; `labels` *(n_pairs, n_relations + 1)*, its first column the threshold class, is None outside training.
    """

    pieces: list[list[tuple[int, int]]]
    types: list[int]
    subjects: NDArray[np.int64]
    objects: NDArray[np.int64]
    distances: NDArray[np.int64]
    labels: Tensor | None = None

    def kinds(self, n_types: int) -> NDArray[np.int64]:
        """Return a number for the types of each pair, the subject's first. *Shape:* (n_pairs,)."""
        types = np.array(self.types, dtype=np.int64)
        return types[self.subjects] * n_types + types[self.objects]


def pairs_of(
    window: Window, chains: Sequence[Chain], types: Sequence[str], allowed: NDArray[np.bool_]
) -> tuple[Pairs, list[Chain]]:
    """Return the pairs among the chains that a window mentions, and those chains.

    Args:
        window: what was read.
        chains: of the document.
        types: the entity types that are known.
        allowed: whether a pair of types (subject, object) counts. *Shape:* (n_types, n_types)

    """
    kept, pieces = [], []
    for chain in chains:
        inside = [window.pieces(m.start, m.end) for m in chain.mentions]
        inside = [p for p in inside if p[1] > p[0]]
        if inside and chain.label in types:
            kept.append(chain)
            pieces.append(inside)
    numbers = [types.index(c.label) for c in kept]
    paired = allowed[np.ix_(numbers, numbers)] if numbers else np.zeros((0, 0), dtype=bool)
    np.fill_diagonal(paired, False)
    subjects, objects = np.nonzero(paired)
    distances = _distances(pieces)[subjects, objects] if len(subjects) else np.zeros(0, np.int64)
    return Pairs(pieces, numbers, subjects, objects, distances), kept


def _distances(pieces: Sequence[Sequence[tuple[int, int]]]) -> NDArray[np.int64]:
    """Return the bucket of the signed distance between the nearest mentions of each two chains. *Shape:* (n, n)."""
    owner = np.array([c for c, mentions in enumerate(pieces) for _ in mentions])
    starts = np.array([first for mentions in pieces for first, _ in mentions])
    gaps = starts[None, :] - starts[:, None]
    order = np.argsort(-np.abs(gaps), axis=None)
    rows, columns = np.unravel_index(order, gaps.shape)
    nearest = np.zeros((len(pieces), len(pieces)), dtype=np.int64)
    nearest[owner[rows], owner[columns]] = gaps[rows, columns]  # the nearest is written last
    buckets = np.searchsorted(_DISTANCES, np.abs(nearest), side="right")
    return np.where(nearest < 0, buckets + len(_DISTANCES) + 1, buckets)


def first_mention(chain: Chain, window: Window) -> Entity:
    """Return the first named mention of a chain within a window, as an entity."""
    inside = [m for m in chain.mentions if window.pieces(m.start, m.end)[1]]
    mention = next((m for m in inside if m.kind == "name"), (inside or chain.mentions)[0])
    return Entity(mention.text, mention.start, mention.end, chain.label)


class Evidence:
    """Which sentences support a pair: where both are named and the localised context looks most."""

    def __init__(self, window: Window, sentences: Sequence[Span], chains: Sequence[Chain]) -> None:
        self._sentences, self._chains = sentences, chains
        self._pieces = [window.pieces(s.start, s.end) for s in sentences]
        self._named: dict[int, NDArray[np.bool_]] = {}

    def of(self, looks: NDArray[np.float32], subject: int, object_: int) -> tuple[Span, ...]:
        """Return the best sentence that mentions both chains; without one, the best of each, in the text's order.

        `looks` *(n_pieces,)* is how much the two look at each piece.
        """
        names_subject, names_object = self._names(subject), self._names(object_)
        mass = np.array([looks[first:last].sum() for first, last in self._pieces])
        shared = names_subject & names_object
        if shared.any():
            return (self._sentences[int(np.argmax(np.where(shared, mass, -1.0)))],)
        best = {int(np.argmax(np.where(has, mass, -1.0))) for has in (names_subject, names_object) if has.any()}
        return tuple(self._sentences[n] for n in sorted(best))

    def _names(self, number: int) -> NDArray[np.bool_]:
        """Say which sentences mention a chain."""
        if number not in self._named:
            self._named[number] = np.array([_holds(s, self._chains[number]) for s in self._sentences], dtype=bool)
        return self._named[number]


def sentences_of(window: Window) -> list[Span]:
    """Return the sentences of the text that a window covers."""
    body = window.offsets[window.offsets[:, 0] >= 0]
    first, last = int(body[0, 0]), int(body[-1, 1])
    return [Span(s.text, s.start + first, s.end + first) for s in sentences(window.text[first:last])]


def _holds(sentence: Span, chain: Chain) -> bool:
    return any(sentence.start <= m.start and m.end <= sentence.end for m in chain.mentions)


def merged_relations(relations: Sequence[Relation], chains: Sequence[Chain]) -> tuple[Relation, ...]:
    """Return each relation between two chains once, at its best score, named by the chains' first mentions."""
    owner = {(m.start, m.end): n for n, c in enumerate(chains) for m in c.mentions}
    best: dict[tuple[int, str, int], Relation] = {}
    for relation in relations:
        subject = owner.get((relation.subject.start, relation.subject.end))
        object_ = owner.get((relation.object.start, relation.object.end))
        if subject is None or object_ is None or subject == object_:
            continue
        key = (subject, relation.property or relation.label, object_)
        known = best.get(key)
        if known is None or (relation.score or 0.0) > (known.score or 0.0):
            best[key] = replace(relation, subject=_first(chains[subject]), object=_first(chains[object_]))
    return tuple(sorted(best.values(), key=lambda r: -(r.score or 0.0)))


def _first(chain: Chain) -> Entity:
    mention = next((m for m in chain.mentions if m.kind == "name"), chain.mentions[0])
    return Entity(mention.text, mention.start, mention.end, chain.label)
