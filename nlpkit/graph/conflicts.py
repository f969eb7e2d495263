"""What cannot all be true in a graph: two birthplaces, an end of the wrong type, a death before the birth.

Nothing is resolved here: facts stay as they were read, and each conflict names those that are at odds. What relations
mean comes from the vocabulary (`wikidata.toml`, a domain's relations); facts of relations that it does not know are
not judged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import networkx as nx

from nlpkit.graph.records import Fact
from nlpkit.graph.store import Store
from nlpkit.graph.timing import closed
from nlpkit.graph.vocabulary import Wording, vocabulary
from nlpkit.times import Period, edtf, period

_WITHIN: Final = ("P17", "P131", "P276", "P361", "P30")
"""Relations of which the object contains the subject: two objects of which one contains the other are one place."""
_DEEPEST: Final = 4


@dataclass(frozen=True, slots=True)
class Conflict:
    """Facts of which at least one is wrong.

    Attributes:
        kind: "several", "type", "exclusive", "itself", "cycle" or "order".
        message: what is at odds, by name.
        facts: as the store has them.

    """

    kind: str
    message: str
    facts: tuple[Fact, ...]

    def to_dict(self, store: Store) -> dict[str, Any]:
        """Return the conflict as plain JSON types, each fact by its names and with its evidence."""
        return {
            "kind": self.kind,
            "message": self.message,
            "facts": [
                {
                    "subject": store.node(fact.subject).name,
                    "relation": fact.relation,
                    "object": store.node(fact.object).name,
                    "score": fact.score,
                    "evidence": [evidence.to_dict() for evidence in store.evidence(fact)],
                }
                for fact in self.facts
            ],
        }


@dataclass(frozen=True, slots=True)
class _Said:
    """A fact as a relation has it: what says "child" the other way about says "parent"."""

    subject: int
    object: int
    fact: Fact


@dataclass(frozen=True, slots=True)
class _Claim:
    """What is said with what may reconcile it with another: its object's date, its times, the places around it."""

    said: _Said
    date: Period | None
    times: tuple[Period, ...]
    around: set[int]


def conflicts(store: Store) -> Iterator[Conflict]:
    """Go through what cannot all be true, kind by kind and relation by relation."""
    judge = _Judge(store)
    for relation, wording in judge.known.items():
        yield from judge.ends(relation, wording)
    seen = set[str]()
    for wording in {wording.label: wording for wording in judge.known.values()}.values():
        said = judge.said(wording)
        if wording.rules.single:
            yield from judge.several(wording, said)
        if wording.rules.transitive and not seen & {*wording.rules.inverse}:
            seen.add(wording.label)
            yield from judge.cycles(wording, said)
        if wording.rules.after:
            yield from judge.order(wording, said)
    yield from judge.exclusive()


class _Judge:
    """Looks at the facts of one store; `known` are its relations that the vocabulary words."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.known = {name: wording for name in store.relations() if (wording := vocabulary().get(name))}

    def said(self, wording: Wording) -> list[_Said]:
        """Return what says a relation, in whichever direction.

        Of a relation that asks for a gender only what says it forwards: a child's parent is a father or a mother.
        """
        found = []
        for relation, other in self.known.items():
            if other.label == wording.label:
                found += [_Said(fact.subject, fact.object, fact) for fact in self.store.facts(relation)]
            elif other.label in wording.rules.inverse and not wording.rules.gender:
                found += [_Said(fact.object, fact.subject, fact) for fact in self.store.facts(relation)]
        return found

    def name(self, node: int) -> str:
        """Return the name of an entity, for messages."""
        return repr(self.store.node(node).name)

    def ends(self, relation: str, wording: Wording) -> Iterator[Conflict]:
        """Find ends of the wrong type, and facts of an entity with itself."""
        for fact in self.store.facts(relation):
            if fact.subject == fact.object:
                yield Conflict("itself", f"{self.name(fact.subject)} -- {relation} --> itself", (fact,))
            sides = (("subject", fact.subject, wording.backward.types), ("object", fact.object, wording.forward.types))
            for side, node, allowed in sides:
                type_ = self.store.node(node).type
                if allowed and type_ and type_ not in allowed:
                    wanted = " or ".join(sorted(allowed))
                    message = f"{self.name(node)} is {type_}; the {side} of {relation!r} is {wanted}"
                    yield Conflict("type", message, (fact,))

    def several(self, wording: Wording, said: Iterable[_Said]) -> Iterator[Conflict]:
        """Find subjects with several objects of a relation that has one at a time."""
        by_subject: dict[int, list[_Said]] = defaultdict(list)
        for one in said:
            by_subject[one.subject].append(one)
        for subject, all_ in by_subject.items():
            if len({one.object for one in all_}) == 1:
                continue
            claims = [self._claim(one, wording) for one in all_]
            at_odds = set[int]()
            for m, n in combinations(range(len(claims)), 2):
                if not at_odds >= {m, n} and not _agree(claims[m], claims[n]):
                    at_odds |= {m, n}
            found = [all_[n] for n in sorted(at_odds)]
            if found:
                names = ", ".join(dict.fromkeys(self.name(one.object) for one in found))
                message = f"{self.name(subject)} has more than one {wording.label}: {names}"
                yield Conflict("several", message, tuple(one.fact for one in found))

    def _claim(self, said: _Said, wording: Wording) -> _Claim:
        times = () if wording.rules.lasting else tuple(self._times(said.fact))
        return _Claim(said, self._date(said.object), times, set() if wording.rules.exact else self._around(said.object))

    def _date(self, node: int) -> Period | None:
        found = self.store.node(node)
        return period(found.name) if found.type in ("", "TIME") else None

    def _times(self, fact: Fact) -> list[Period]:
        return closed({found for e in self.store.evidence(fact) if e.time and (found := edtf(e.time))})

    def _around(self, place: int) -> set[int]:
        """Return the places that this one is in, by what the graph says over a few steps."""
        within = [relation for relation, wording in self.known.items() if wording.property in _WITHIN]
        found, reached = set[int](), {place}
        for _ in range(_DEEPEST):
            reached = {
                fact.object for relation in within for fact in self.store.follow(reached, relation, False)
            } - found
            found |= reached
        return found

    def cycles(self, wording: Wording, said: Sequence[_Said]) -> Iterator[Conflict]:
        """Find rings of a transitive relation: of A in B, B in C and C in A, one is wrong."""
        graph = nx.DiGraph((one.subject, one.object) for one in said if one.subject != one.object)
        for ring in nx.strongly_connected_components(graph):
            if len(ring) > 1:
                facts = tuple(o.fact for o in said if o.subject != o.object and {o.subject, o.object} <= ring)
                names = ", ".join(sorted(self.name(node) for node in ring))
                yield Conflict("cycle", f"{wording.label!r} goes round: {names}", facts)

    def order(self, wording: Wording, said: Iterable[_Said]) -> Iterator[Conflict]:
        """Find dates that are before what they come after."""
        earlier = vocabulary().get(wording.rules.after)
        began: dict[int, list[_Said]] = defaultdict(list)
        for one in self.said(earlier) if earlier else ():
            began[one.subject].append(one)
        for late in said:
            last = self._date(late.object)
            for early in began.get(late.subject, ()):
                first = self._date(early.object)
                if last and first and not Period(first.first, None).overlaps(last):
                    message = (
                        f"{self.name(late.subject)}: {wording.label} {self.name(late.object)} is before "
                        f"{wording.rules.after} {self.name(early.object)}"
                    )
                    yield Conflict("order", message, (early.fact, late.fact))

    def exclusive(self) -> Iterator[Conflict]:
        """Find two entities in two relations that exclude each other."""
        pairs: dict[tuple[str, int, int], list[Fact]] = defaultdict(list)
        for relation, wording in self.known.items():
            if wording.rules.exclusive:
                for fact in self.store.facts(relation):
                    low, high = sorted((fact.subject, fact.object))
                    pairs[wording.rules.exclusive, low, high].append(fact)
        for facts in pairs.values():
            if any(not self._same(one, other) for one, other in combinations(facts, 2)):
                relations = ", ".join(
                    f"{self.name(f.subject)} -- {f.relation} --> {self.name(f.object)}" for f in facts
                )
                yield Conflict("exclusive", relations, tuple(facts))

    def _same(self, one: Fact, other: Fact) -> bool:
        """Tell whether two facts between the same two entities say the same."""
        wording, label = self.known[one.relation], self.known[other.relation].label
        if one.subject == other.subject:
            return wording.label == label
        return label in wording.rules.inverse or (wording.rules.symmetric and wording.label == label)


def _agree(one: _Claim, other: _Claim) -> bool:
    """Tell whether both may be true: the same, one within the other, or each at its time."""
    if one.said.object == other.said.object:
        return True
    if one.date and other.date:
        return one.date.within(other.date) or other.date.within(one.date)
    if one.times and other.times and not any(a.overlaps(b) for a in one.times for b in other.times):
        return True
    return one.said.object in other.around or other.said.object in one.around
