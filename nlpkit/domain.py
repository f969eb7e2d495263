"""What a domain knows beyond its adapters: what labels mean, which relations there are, what is sure, who is whom.

Values and rules, no model. A kit that has a Domain passes what its adapters find through `sifted`; the graph asks it
for other names of one entity and for relations in words. A pack carries one (see `nlpkit.packing`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Annotated, Any

from nlpkit.chains import chains_of
from nlpkit.names import normalise
from nlpkit.tables import Rule, without_nones
from nlpkit.types import Chain, Document, Entity, Label, Relation

KINDS = ("entities", "relations", "labels", "slots", "answers")
"""The parts of a Document that have scores: a threshold may be set for each, beside those for single labels."""

_ENDS = Rule("two lists: the subject's types, then the object's", lambda v: len(v) in (0, 2))


@dataclass(frozen=True, slots=True)
class LabelSpec:
    """What a label means in words, and the type under which its entities go ("corporation" under "ORG")."""

    description: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True)
class RelationSpec:
    """A relation of a domain: its name, the types of its ends, and how one asks along it.

    The keys are those of `nlpkit/graph/wikidata.toml`, which says what they mean; all may be left out.
    """

    label: str = ""
    types: Annotated[tuple[tuple[str, ...], ...], _ENDS] = ()
    subject: tuple[str, ...] = ()
    object: tuple[str, ...] = ()
    forward: str = ""
    backward: str = ""
    ask: tuple[str, ...] = ()
    ask_back: tuple[str, ...] = ()
    inverse: tuple[str, ...] = ()
    symmetric: bool = False
    transitive: bool = False
    single: bool = False
    exact: bool = False
    lasting: bool = False
    exclusive: str = ""
    gender: str = ""
    after: str = ""


@dataclass(frozen=True, eq=False)
class Domain:
    """The knowledge of one domain.

    Attributes:
        labels: by the label that an adapter gives.
        relations: by property ("P112") or name; where there are any, no others are kept.
        thresholds: the least score, by label or for a whole part of a Document (`KINDS`); a label's own goes first.
        aliases: by type, the other names of each entity: {"ORG": {"International Business Machines": ("IBM",)}}.

    """

    labels: Mapping[str, LabelSpec] = field(default_factory=dict)
    relations: Mapping[str, RelationSpec] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    aliases: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the domain as plain JSON types."""
        return without_nones(asdict(self))

    # Names

    @cached_property
    def _canonical(self) -> dict[tuple[str, str], str]:
        return {
            (label, normalise(name)): known
            for label, entities in self.aliases.items()
            for known, others in entities.items()
            for name in (*others, known)
        }

    @cached_property
    def other_names(self) -> Mapping[str, tuple[str, ...]]:
        """By normalised name: what those are called whom it names, of whatever type."""
        found: dict[str, tuple[str, ...]] = {}
        for (_, name), known in self._canonical.items():
            found[name] = tuple(dict.fromkeys((*found.get(name, ()), known)))
        return found

    def canonical(self, label: str, name: str) -> str | None:
        """Return what the entity of this type and name is called, None if the aliases do not know it."""
        return self._canonical.get((label, normalise(name)))

    def named(self, document: Document) -> Document:
        """Return a document whose chains bear the names that the aliases give them; those of one entity become one."""
        if not self.aliases:
            return document
        joined: dict[tuple[str, str, int], Chain] = {}
        for n, chain in enumerate(document.chains):
            names = (chain.name, *(m.text for m in chain.mentions if m.kind == "name"))
            known = next((found for name in names if (found := self.canonical(chain.label, name))), None)
            key = (chain.label, known, -1) if known else (chain.label, chain.name, n)
            before = joined[key].mentions if key in joined else ()
            mentions = tuple(sorted((*before, *chain.mentions), key=lambda m: (m.start, m.end)))
            joined[key] = replace(chain, name=known or chain.name, mentions=mentions)
        return replace(document, chains=tuple(joined.values()))

    # Labels

    def described(self, labels: Sequence[str] | Mapping[str, str]) -> Sequence[str] | Mapping[str, str]:
        """Return labels with their descriptions, where this domain has any and none were given."""
        if isinstance(labels, str | Mapping) or len(set(labels)) < len(labels):
            return labels
        found = {label: self.labels[label].description if label in self.labels else "" for label in labels}
        return found if any(found.values()) else labels

    def relation(self, relation: Relation) -> RelationSpec | None:
        """Return what is known of a relation, by its property or its name."""
        name = relation.label.replace("_", " ").lower()
        return self._relations.get(relation.property or "") or self._relations.get(name)

    @cached_property
    def _relations(self) -> dict[str, RelationSpec]:
        named = {name.replace("_", " ").lower(): s for key, s in self.relations.items() for name in (key, s.label)}
        return {**named, **self.relations}

    # What is kept

    def sifted(self, document: Document) -> Document:
        """Return a document with what this domain keeps, under its labels and names.

        Entities below their threshold go, and the chains and relations that stand on them alone; entities of one
        adapter that no chain of another's knows get chains of their own.
        """
        entities = self._entities(document.entities)
        kept = {(e.start, e.end) for e in entities}
        dropped = {(e.start, e.end) for e in document.entities} - kept
        chains = self._chains(document.chains, dropped)
        places = {(m.start, m.end) for chain in chains for m in chain.mentions}
        if not document.chains:
            places = {(e.start, e.end) for r in document.relations for e in (r.subject, r.object)} - dropped
        if chains:
            loose = [e for e in entities if not any(start < e.end and e.start < end for start, end in places)]
            chains += chains_of(document.text, loose, pronouns=False)
        return self.named(
            replace(
                document,
                entities=entities,
                chains=chains,
                relations=tuple(r for given in document.relations if (r := self._relation(given, places))),
                labels={task: found for task, label in document.labels.items() if (found := self._label(task, label))},
                slots=tuple(s for s in document.slots if self._sure(s.score, "slots", s.label)),
                answers=tuple(a for a in document.answers if self._sure(a.score, "answers")),
            )
        )

    def _sure(self, score: float | None, kind: str, *names: str | None) -> bool:
        least = next((self.thresholds[name] for name in (*names, kind) if name and name in self.thresholds), 0.0)
        return score is None or score >= least

    def _type(self, label: str) -> str:
        return (self.labels[label].type if label in self.labels else "") or label

    def _entities(self, entities: Iterable[Entity]) -> tuple[Entity, ...]:
        best: dict[tuple[int, int, str], Entity] = {}
        for entity in entities:
            found = replace(entity, label=self._type(entity.label))
            if self._sure(entity.score, "entities", entity.label, found.label):
                known = best.setdefault((found.start, found.end, found.label), found)
                if (found.score or 0.0) > (known.score or 0.0):
                    best[found.start, found.end, found.label] = found
        return tuple(best.values())

    def _chains(self, chains: Iterable[Chain], dropped: set[tuple[int, int]]) -> tuple[Chain, ...]:
        kept = []
        for chain in chains:
            mentions = tuple(m for m in chain.mentions if m.kind != "name" or (m.start, m.end) not in dropped)
            names = [m.text for m in mentions if m.kind == "name"]
            if not names and len(mentions) < len(chain.mentions):
                continue  # pronouns alone say nothing
            name = chain.name if chain.name in names or not names else max(names, key=len)
            name = name if len(mentions) < len(chain.mentions) else chain.name
            kept.append(Chain(name, self._type(chain.label), mentions))
        return tuple(kept)

    def _relation(self, relation: Relation, places: set[tuple[int, int]]) -> Relation | None:
        ends = [replace(e, label=self._type(e.label)) for e in (relation.subject, relation.object)]
        spec = self.relation(relation)
        if any((e.start, e.end) not in places for e in ends) or (self.relations and spec is None):
            return None
        label = (spec.label if spec else "") or relation.label
        if not self._sure(relation.score, "relations", relation.property, relation.label, label):
            return None
        types = spec.types if spec and spec.types else ((), ())
        if any(allowed and e.label not in allowed for e, allowed in zip(ends, types, strict=True)):
            return None
        return replace(relation, subject=ends[0], label=label, object=ends[1])

    def _label(self, task: str, label: Label) -> Label | None:
        if not self._sure(label.score, "labels", label.label, task):
            return None
        others = tuple(o for o in label.others if self._sure(o.score, "labels", o.label, task))
        return replace(label, others=others)
