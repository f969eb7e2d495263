"""Relations in words: how people ask along a relation and back, from wikidata.toml, a Domain, or their own names."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from importlib.resources import files
from itertools import chain, zip_longest
from typing import Any, Final

import networkx as nx

from nlpkit.domain import Domain, RelationSpec
from nlpkit.errors import GraphError
from nlpkit.graph.english import PREPOSITIONS, content_stems, stem

_KEYS: Final = {"label", "subject", "object", "types", "forward", "backward", "ask", "ask_back"}
_RULES: Final = {"inverse", "symmetric", "transitive", "single", "exact", "lasting", "exclusive", "gender", "after"}


@dataclass(frozen=True, slots=True)
class Side:
    """One relation walked one way, in words; {x} stands for where the walk starts.

    `nouns` say what is reached, `phrases` are noun phrases for it, `questions` ask for it, `types` are the
    entity types it usually has.
    """

    nouns: tuple[str, ...]
    phrases: tuple[str, ...]
    questions: tuple[str, ...]
    types: frozenset[str]


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds of a relation by its meaning.

    `inverse`: relations that say the same from object to subject. `symmetric`: it holds both ways. `transitive`: what
    holds of A and B, and of B and C, holds of A and C. `single`: a subject has one object at a time; `exact`: and no
    other that is true as well, as a country is beside a city. `lasting`: what was once so stays so, as a place of
    birth. `exclusive`: two entities stand in one relation of this group. `gender`: the object's.
    `after`: its time is not before that of this relation, as a death is not before a birth.
    """

    inverse: tuple[str, ...] = ()
    symmetric: bool = False
    transitive: bool = False
    single: bool = False
    exact: bool = False
    lasting: bool = False
    exclusive: str = ""
    gender: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Wording:
    """A relation in words, walked from subject to object (`forward`) and back."""

    label: str
    property: str | None
    forward: Side
    backward: Side
    rules: Rules = field(default_factory=lambda: Rules())

    def side(self, inverse: bool) -> Side:
        """Return the side for a direction."""
        return self.backward if inverse else self.forward


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """Known relations by label, the nouns that name an entity type ("city": LOC) by stem, and all nouns there are.

    `other_names` says what those are called whom a name names, once normalised.
    """

    wordings: Mapping[str, Wording]
    answer_nouns: Mapping[str, str]
    nouns: frozenset[str]
    other_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __getitem__(self, relation: str) -> Wording:
        return self.wordings[relation]

    def get(self, relation: str) -> Wording | None:
        """Return the wording of a relation whose label is this, in any case, spaces or underscores between words."""
        return self.wordings.get(relation.replace("_", " ").lower())


_known: ContextVar[Vocabulary | None] = ContextVar("vocabulary", default=None)


def vocabulary() -> Vocabulary:
    """Return what is known of relations here: those of wikidata.toml, and those of a Domain inside `knowing`.

    Raises:
        GraphError: the file in the package is damaged.

    """
    return _known.get() or _vocabulary(None)


@contextmanager
def knowing(domain: Domain | None) -> Iterator[None]:
    """Let a domain's relations and names be known to what runs inside, in this thread alone."""
    token = _known.set(_vocabulary(domain))
    try:
        yield
    finally:
        _known.reset(token)


@lru_cache(maxsize=1)
def _tables() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files("nlpkit.graph").joinpath("wikidata.toml").read_text(encoding="utf-8"))


def label_of_property(property_: str) -> str | None:
    """Return what wikidata.toml calls a Wikidata property."""
    label = _tables().get(property_, {}).get("label")
    return None if label is None else str(label)


def completed(key: str, spec: RelationSpec) -> RelationSpec:
    """Fill what a spec leaves out from wikidata.toml, where that knows the property."""
    known = {} if key == "answer_nouns" else _tables().get(key, {})
    given = {name: value for name, value in asdict(spec).items() if value}
    types = {"types": tuple(tuple(side) for side in known["types"])} if known else {}
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in known.items()}
    return RelationSpec(**plain | types | given)


def own_inverses(relations: Mapping[str, RelationSpec]) -> Iterator[tuple[str, ...]]:
    """Go through the groups of relations that would be their own inverses, as A of B, B of C and C of A would be.

    Two that are each other's are not: an even number of turns leads back. A `symmetric` relation may be its own.
    """
    names = {spec.label or key: spec for key, spec in relations.items()}
    inverses = nx.DiGraph([(name, other) for name, spec in names.items() for other in spec.inverse])
    for group in nx.strongly_connected_components(inverses):
        turned = any(name in names and names[name].symmetric for name in group)
        if not turned and not nx.is_bipartite(inverses.subgraph(group).to_undirected()):
            yield tuple(sorted(group))


@lru_cache(maxsize=8)
def _vocabulary(domain: Domain | None) -> Vocabulary:
    answer_nouns: dict[str, list[str]] = _tables()["answer_nouns"]
    kinds = {stem(noun): label for label, words in answer_nouns.items() for noun in words}
    wordings = [_read(key, entry) for key, entry in _tables().items() if key != "answer_nouns"]
    if domain is not None:
        wordings += [_worded(key, completed(key, spec)) for key, spec in domain.relations.items()]
    ends = [noun for w in wordings for side in (w.forward, w.backward) for noun in side.nouns]
    nouns = {word for name in [*ends, *(n for words in answer_nouns.values() for n in words)] for word in name.split()}
    names = domain.other_names if domain is not None else {}
    by_label = {w.label.replace("_", " ").lower(): w for w in wordings}
    return Vocabulary(by_label, kinds, frozenset(nouns), names)


def _worded(key: str, spec: RelationSpec) -> Wording:
    """Return a domain's relation in words; where it gives none, those that its name suggests."""
    own = generic(spec.label or key)
    subject_types, object_types = spec.types or ((), ())
    forward = _side(own.forward, spec.object, spec.forward, spec.ask, object_types)
    backward = _side(own.backward, spec.subject, spec.backward, spec.ask_back, subject_types)
    rules = Rules(**{rule: getattr(spec, rule) for rule in _RULES})
    return Wording(spec.label or key, key if spec.label else None, forward, backward, rules)


def _side(own: Side, nouns: tuple[str, ...], phrase: str, asks: tuple[str, ...], types: Sequence[str]) -> Side:
    return Side(nouns or own.nouns, (phrase,) if phrase else own.phrases, asks or own.questions, frozenset(types))


def _read(key: str, entry: dict[str, Any]) -> Wording:
    if set(entry) - _RULES != _KEYS:
        has, needs = ", ".join(sorted(entry)), ", ".join(sorted(_KEYS))
        raise GraphError(f"[{key}] in wikidata.toml has {has}; it needs {needs}: install nlpkit again")
    subject_types, object_types = entry["types"]
    forward = Side(tuple(entry["object"]), (entry["forward"],), tuple(entry["ask"]), frozenset(object_types))
    backward = Side(tuple(entry["subject"]), (entry["backward"],), tuple(entry["ask_back"]), frozenset(subject_types))
    rules = {rule: entry[rule] for rule in _RULES & set(entry)} | {"inverse": tuple(entry.get("inverse", ()))}
    return Wording(entry["label"], key, forward, backward, Rules(**rules))


def generic(relation: str) -> Wording:
    """Word a relation nobody described, from its own name: directed_by, starred actors, has_genre.

    The name is read as a participle ("directed by {x}") where it ends in a preposition, else as a noun
    ("the genre of {x}").
    """
    words = relation.replace("_", " ").strip().lower().split() or [relation]
    if len(words) > 1 and words[0] in ("has", "have", "is", "in"):
        words = words[1:]
    name = " ".join(words)
    if words[-1] in PREPOSITIONS:
        asks = (f"{{x}} was {name} whom", f"what was {{x}} {name}")
        forward = Side((), (f"what {{x}} was {name}",), asks, frozenset())
        backward = Side((), (f"the things {name} {{x}}",), (f"what was {name} {{x}}",), frozenset())
    else:
        forward = Side((name,), (f"the {name} of {{x}}",), (f"what is the {name} of {{x}}",), frozenset())
        backward = Side((), (f"the things with {name} {{x}}",), (f"what has the {name} {{x}}",), frozenset())
    return Wording(" ".join(relation.replace("_", " ").split()), None, forward, backward)


def borrow(relation: str, known: Sequence[Wording]) -> Wording:
    """Word a relation by the nearest known ones, its own words first."""
    own = generic(relation)

    def join(mine: Side, theirs: Sequence[Side]) -> Side:
        nouns = dict.fromkeys(noun for side in (mine, *theirs) for noun in side.nouns)
        phrases = dict.fromkeys(phrase for side in theirs for phrase in side.phrases)
        # In turn, so that the first few questions speak for every lender.
        turns = chain.from_iterable(zip_longest(*(side.questions for side in (*theirs, mine))))
        questions = dict.fromkeys(question for question in turns if question)
        return Side(tuple(nouns), tuple(phrases), tuple(questions), frozenset().union(*(side.types for side in theirs)))

    forward = join(own.forward, [wording.forward for wording in known])
    return replace(own, forward=forward, backward=join(own.backward, [wording.backward for wording in known]))


def side_stems(side: Side) -> frozenset[str]:
    """Return the stems of the words one asks with."""
    return frozenset(s for question in side.questions for s in content_stems(question.replace("{x}", " ")))
