"""A graph as a question should see it: what two relations say of one thing joined, what cannot both hold weighed.

Extraction says "X, capital, Y" here and "Y, capital of, X" there, gives a man two birthplaces, and takes a wife for a
daughter. Facts stay in the store as they were read; this view applies what relations mean (`wikidata.toml`): inverse
and symmetric relations count both ways, ends of the wrong type are passed over, of the objects of a single-valued
relation the best supported is taken, and of relations that exclude each other the best supported. Relations that the
vocabulary does not know, and facts without a score, are passed on as they are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from nlpkit.graph.records import Evidence, Fact, FactSource, Node
from nlpkit.graph.timing import holds
from nlpkit.graph.vocabulary import Wording, vocabulary
from nlpkit.lexicon import FEMALE_NAMES, MALE_NAMES
from nlpkit.names import gender_of, normalise, untitled
from nlpkit.times import Period

Walk = tuple[str, bool]


class View:
    """A FactSource over another, with the meaning of relations applied.

    Args:
        source: the graph below.
        at: follow only what held within this period; counts of facts are those of all times.

    """

    def __init__(self, source: FactSource, at: Period | None = None) -> None:
        self.source = source
        self.at = at

    @property
    def version(self) -> int:
        """The version of the graph below."""
        return self.source.version

    def find(self, name: str) -> list[Node]:
        """Return the nodes of this name, or of what the domain says is called so."""
        others = vocabulary().other_names.get(normalise(name), ())
        return self.source.find(name) or [node for other in others for node in self.source.find(other)]

    def find_near(self, name: str, limit: int = 5) -> list[tuple[Node, float]]:
        """Return nodes with a near spelling."""
        return self.source.find_near(name, limit)

    def node(self, node_id: int) -> Node:
        """Return a node by its id."""
        return self.source.node(node_id)

    def steps(self, node_ids: Collection[int]) -> dict[Walk, int]:
        """Count the facts leaving these nodes, under every relation that says them."""
        return dict(self._said(self.source.steps(node_ids)))

    def relations(self) -> dict[str, int]:
        """Return every relation that can be walked with its number of facts."""
        counted: Counter[str] = Counter()
        for (relation, _), n in self._said({(r, False): n for r, n in self.source.relations().items()}).items():
            counted[relation] += n
        return dict(counted)

    def neighbour_types(self) -> dict[Walk, Counter[str]]:
        """Count the types of the nodes reached, under every relation that says so."""
        found = self.source.neighbour_types()
        joined: dict[Walk, Counter[str]] = defaultdict(Counter)
        for walk, types in found.items():
            for same in (walk, *_others(walk)):
                joined[same] += types
        return dict(joined)

    @staticmethod
    def _said(counts: Mapping[Walk, int]) -> Counter[Walk]:
        said: Counter[Walk] = Counter()
        for walk, n in counts.items():
            for same in (walk, *_others(walk)):
                said[same] += n
        return said

    def follow(self, node_ids: Collection[int], relation: str, inverse: bool) -> list[Fact]:
        """Return the facts along a relation that stand up to what is known of it."""
        wording = vocabulary().get(relation)
        if wording is None:
            return self._at(self.source.follow(node_ids, relation, inverse))
        facts = [fact for fact in self._joined(node_ids, relation, wording, inverse) if self._fits(fact, wording)]
        if wording.rules.exclusive:
            facts = self._winning(facts, wording)
        if wording.rules.single:
            facts = self._single(facts, relation, inverse)
        return facts

    def _at(self, facts: list[Fact]) -> list[Fact]:
        """Return the facts that held then."""
        if self.at is None:
            return facts
        return [fact for fact in facts if holds(fact.relation, (e.time for e in self.source.evidence(fact)), self.at)]

    def _joined(self, node_ids: Collection[int], relation: str, wording: Wording, inverse: bool) -> list[Fact]:
        """Return the facts of a relation and those that say the same the other way about, each pair once."""
        best: dict[tuple[int, int], Fact] = {}
        for fact in self._at(self.source.follow(node_ids, relation, inverse)):
            best[fact.subject, fact.object] = fact
        for other in (*wording.rules.inverse, *((relation,) if wording.rules.symmetric else ())):
            for fact in self._at(self.source.follow(node_ids, other, not inverse)):
                turned = replace(
                    fact, subject=fact.object, relation=relation, object=fact.subject, property=wording.property
                )
                if wording.rules.gender and self._gender(turned.object) != wording.rules.gender:
                    continue
                known = best.get((turned.subject, turned.object))
                if known is None or _weight(turned) > _weight(known):
                    best[turned.subject, turned.object] = turned
        return list(best.values())

    def _fits(self, fact: Fact, wording: Wording) -> bool:
        ends = ((fact.subject, wording.backward.types), (fact.object, wording.forward.types))
        if any(types and self.node(node).type not in ("", *types) for node, types in ends):
            return False
        gender = self._gender(fact.object) if wording.rules.gender else ""
        return not gender or gender == wording.rules.gender

    def _gender(self, node_id: int) -> str:
        name = self.node(node_id).name
        given = next(iter(untitled(name)), "")
        return gender_of(name) or ("f" if given in FEMALE_NAMES else "m" if given in MALE_NAMES else "")

    def _winning(self, facts: list[Fact], wording: Wording) -> list[Fact]:
        """Keep the facts that no relation of the same group, between the same two, is better supported than."""
        ends = {fact.subject for fact in facts}
        rival: dict[tuple[int, int], float] = defaultdict(float)
        for relation, inverse in _rivals(wording):
            for fact in self.source.follow(ends, relation, inverse):
                pair = (fact.object, fact.subject) if inverse else (fact.subject, fact.object)
                rival[pair] = max(rival[pair], _weight(fact))
        return [fact for fact in facts if _weight(fact) >= rival[fact.subject, fact.object]]

    def _single(self, facts: list[Fact], relation: str, inverse: bool) -> list[Fact]:
        """Keep each subject's best object: walked back, the subjects whose best object is where the walk came from."""
        if inverse:
            best = {(f.subject, f.object) for f in self.follow({f.subject for f in facts}, relation, False)}
            return [fact for fact in facts if (fact.subject, fact.object) in best]
        most: dict[int, float] = defaultdict(float)
        for fact in facts:
            most[fact.subject] = max(most[fact.subject], _weight(fact))
        return [fact for fact in facts if _weight(fact) >= most[fact.subject]]

    def evidence(self, fact: Fact) -> list[Evidence]:
        """Return where a fact is said, in whichever direction, strongest first."""
        found = self.source.evidence(fact)
        for relation, turned in _others((fact.relation, False)):
            subject, object_ = (fact.object, fact.subject) if turned else (fact.subject, fact.object)
            found += self.source.evidence(replace(fact, subject=subject, relation=relation, object=object_))
        return sorted(found, key=lambda e: -(e.score if e.score is not None else 1.0))


def _weight(fact: Fact) -> float:
    return 1.0 if fact.score is None else fact.score


def said_by(walk: Walk) -> list[Walk]:
    """Return the walks that say a step: its own, and those of relations that say the same the other way about."""
    relation, inverse = walk
    return list(dict.fromkeys(((relation, inverse), *_others(walk))))


def _others(walk: Walk) -> Iterator[Walk]:
    """Yield the other walks that say what this one says."""
    relation, inverse = walk
    wording = vocabulary().get(relation)
    if wording is not None:
        for other in wording.rules.inverse:
            yield other, not inverse
        if wording.rules.symmetric:
            yield relation, not inverse


def _rivals(wording: Wording) -> Iterable[Walk]:
    """Return the walks from a subject that would say something else of the same two entities."""
    same = {(wording.label, False), *_others((wording.label, False))}
    group = [w.label for w in vocabulary().wordings.values() if w.rules.exclusive == wording.rules.exclusive]
    return [(label, inverse) for label in group for inverse in (False, True) if (label, inverse) not in same]
