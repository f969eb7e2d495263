"""Cross-document resolution: which entity of the graph a document's chain is, if any.

Names decide (`nlpkit.names.match_names`); the contexts, one unit vector a chain, keep namesakes apart and choose
where several entities fit. A full name stands on its own unless its context is plainly another's. A bare surname
or an acronym is linked only to the one entity it fits, or to the one whose context is clearly nearest. Two chains
of one document are never linked to one entity: the document itself told them apart.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nlpkit.domain import Domain
from nlpkit.epithets import born_apart
from nlpkit.names import FULL, Match, blocking_keys, epithet_of, match_names, normalise, untitled
from nlpkit.types import Chain

__all__ = ["MARGIN", "NAMESAKE", "Candidate", "CandidateSource", "Linked", "Resolver", "blocking_keys"]

NAMESAKE = 0.05
"""Cosine of two contexts below which one full name is taken for two entities.

On Re-DocRED's dev set (one sentence a context, the default backbone) 1 % of the pairs of documents that name one
entity lie below it, and some 10 to 15 % of those whose names were made equal. Places have no such limit: texts
about one city differ as much as texts about two.
"""

KINDRED = 0.2
"""Cosine of two contexts from which a bare surname or an acronym may be the entity it fits: a judgement, not fitted."""

MARGIN = 0.1
"""How much nearer than the next entity a context must be to decide between entities whose names fit alike."""

SAME = 0.04
"""How much surer than another a full name must fit to go before it, whatever the contexts say."""

# Short forms that documents use of each other's entities; a given name or "the Congress" means somebody only at home.
_ACROSS = frozenset({"surname", "title and surname", "same name but for the title", "acronym"})


@dataclass(frozen=True, slots=True)
class Linked:
    """Where a chain belongs: an entity's id, or None for a new entity; why, and how surely in [0, 1]."""

    entity: int | None
    reason: str
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """An entity a chain may be. `context` is the normalised mean of its contexts, `count` its mentions.

    `born` is its date of birth, "" where it is unknown.
    """

    entity: int
    names: tuple[str, ...]
    context: NDArray[np.float32] | None
    count: int
    born: str = ""


class CandidateSource(Protocol):
    """Finds entities by blocking keys (`nlpkit.graph.Store` does)."""

    def candidates(self, label: str, keys: Collection[str]) -> list[Candidate]:
        """Return the entities of a type of which some name has one of these keys."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """How well a candidate fits: its best matching name, and the cosine of the contexts where both have one."""

    candidate: Candidate
    match: Match
    cosine: float | None


class Resolver:
    """Links chains to the entities already known."""

    def __init__(self, candidates: CandidateSource, domain: Domain | None = None) -> None:
        self.source = candidates
        self.domain = domain

    def link(self, chain: Chain, context: NDArray[np.float32] | None, taken: Collection[int], born: str = "") -> Linked:
        """Return the entity a chain is, or a new one.

        Args:
            chain: of a new document; its name decides, its other long names help.
            context: a unit vector of where it is mentioned. *Shape:* (width,)
            taken: the entities of this document's other chains, which it cannot be.
            born: a person's date of birth, where the document says it: nobody is born twice.

        """
        if self.domain and self.domain.canonical(chain.label, chain.name) and (known := self._same(chain, taken)):
            return known
        names = _telling_names(chain)
        keys = set().union(*(blocking_keys(name) for name in names))
        fits = []
        for candidate in self.source.candidates(chain.label, keys):
            match = None if candidate.entity in taken else _match(names, candidate.names, chain.label)
            if match and not born_apart(born, candidate.born):
                fits.append(_Fit(candidate, match, _cosine(context, candidate.context)))
        full = [fit for fit in fits if _stands_alone(fit.match, chain)]
        if full:
            surest = max(fit.match.score for fit in full)
            full = [fit for fit in full if fit.match.score >= surest - SAME]
            if chain.label == "PER" and not _epithets(names) and _told_apart(full):
                return _among_partial(full)
            return _among_full(full, chain.label)
        return _among_partial([fit for fit in fits if fit.match.reason in _ACROSS or fit.match.score >= FULL])

    def _same(self, chain: Chain, taken: Collection[int]) -> Linked | None:
        """Return the entity of exactly this name: whoever the aliases name is one, whatever the contexts say."""
        name = normalise(chain.name)
        fits = [
            candidate
            for candidate in self.source.candidates(chain.label, {name})
            if candidate.entity not in taken and any(normalise(other) == name for other in candidate.names)
        ]
        best = max(fits, key=lambda candidate: candidate.count, default=None)
        return None if best is None else Linked(best.entity, "a name that the aliases know", 1.0)


def _telling_names(chain: Chain) -> list[str]:
    """Return the chain's name, then its other names that say as much: no bare surnames, no acronyms."""
    others = dict.fromkeys(m.text for m in chain.mentions if m.kind == "name" and normalise(m.text).count(" ") > 0)
    return [chain.name, *(text for text in others if text != chain.name)][:4]


def _match(names: Sequence[str], theirs: Sequence[str], label: str) -> Match | None:
    """Return the best match of two entities' names, None if two of their full names tell them apart."""
    if label == "PER":
        ours, others = _epithets(names), _epithets(theirs)
        if ours and others and not ours & others:
            return None
        if ours & others:  # the names need not say it again
            names, theirs = _plain(names), _plain(theirs)
    fullest = max(theirs, key=lambda name: (len(untitled(name)), len(name)))
    found = [
        min(match, _own(other, fullest, label))
        for ours in names
        for other in theirs
        if (match := match_names(ours, other, label))
    ]
    if not found:
        return None
    best = max(found)
    if best.score < 1.0 and label == "PER" and any(_contradict(names[0], other) for other in theirs):
        return None
    return best


def _epithets(names: Sequence[str]) -> set[str]:
    return {epithet for name in names if (epithet := epithet_of(name))}


def _told_apart(fits: Sequence[_Fit]) -> bool:
    """Tell whether epithets make several persons of these: only the contexts can say which is meant."""
    return len({frozenset(found) for fit in fits if (found := _epithets(fit.candidate.names))}) > 1


def _plain(names: Sequence[str]) -> list[str]:
    return [" ".join(untitled(name)) if epithet_of(name) else name for name in names]


def _own(name: str, fullest: str, label: str) -> Match:
    """Return how much of an entity's own full name another name of it is: "Curie", "UN" and "Congress" are not it."""
    return match_names(name, fullest, label) or Match(1.0, "same name")


def _contradict(a: str, b: str) -> bool:
    """Tell two full names of persons that do not match: a short form between them joins nothing."""
    return min(len(untitled(a)), len(untitled(b))) > 1 and match_names(a, b, "PER") is None


def _stands_alone(match: Match, chain: Chain) -> bool:
    """A name of one word is a full name for anything but a person, whose surname others bear."""
    return match.score >= FULL and (chain.label != "PER" or len(untitled(chain.name)) > 1)


def _among_full(fits: Sequence[_Fit], label: str) -> Linked:
    """Choose by the match, then the nearest context, then the most mentioned."""
    best = max(fits, key=lambda f: (f.cosine if f.cosine is not None else 0.0, f.match.score, f.candidate.count))
    if label != "LOC" and best.cosine is not None and best.cosine < NAMESAKE:
        return Linked(None, "a namesake: same name, other context", 1.0 - max(best.cosine, 0.0))
    reason = best.match.reason if len(fits) == 1 else f"{best.match.reason}, nearest context"
    return Linked(best.candidate.entity, reason, best.match.score)


def _among_partial(fits: Sequence[_Fit]) -> Linked:
    """Link to the only entity that fits, or to the one clearly nearest; else leave it a new entity."""
    if not fits:
        return Linked(None, "new name", 0.0)
    ranked = sorted(fits, key=lambda f: f.cosine if f.cosine is not None else -1.0, reverse=True)
    best = ranked[0]
    if len(ranked) > 1:
        runner_up = ranked[1].cosine
        if best.cosine is None or runner_up is None or best.cosine - runner_up < MARGIN:
            return Linked(None, f"{best.match.reason} of {len(ranked)} entities", 0.0)
    if best.cosine is not None and best.cosine < KINDRED:
        return Linked(None, f"{best.match.reason}, but other context", 0.0)
    reason = f"{best.match.reason}, {'the only one' if len(ranked) == 1 else 'nearest context'}"
    return Linked(best.candidate.entity, reason, min(best.match.score, 0.8))


def _cosine(a: NDArray[np.float32] | None, b: NDArray[np.float32] | None) -> float | None:
    return None if a is None or b is None else float(a @ b)
