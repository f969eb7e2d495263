"""Relations in words: how people ask along a relation and back, from wikidata.toml or from the relation's own name."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.resources import files
from itertools import chain, zip_longest
from typing import Any, Final

from nlpkit.errors import GraphError
from nlpkit.graph.english import PREPOSITIONS, content_stems, stem

_KEYS: Final = {"label", "subject", "object", "types", "forward", "backward", "ask", "ask_back"}
_RULES: Final = {"inverse", "symmetric", "single", "exact", "exclusive", "gender"}


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

    `inverse`: relations that say the same from object to subject. `symmetric`: it holds both ways. `single`: a
    subject has one object; `exact`: and no other that is true as well, as a country is beside a city. `exclusive`:
    two entities stand in one relation of this group. `gender`: the object's.
    """

    inverse: tuple[str, ...] = ()
    symmetric: bool = False
    single: bool = False
    exact: bool = False
    exclusive: str = ""
    gender: str = ""


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


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Known relations by label, the nouns that name an entity type ("city": LOC) by stem, and all nouns there are."""

    wordings: Mapping[str, Wording]
    answer_nouns: Mapping[str, str]
    nouns: frozenset[str]

    def __getitem__(self, relation: str) -> Wording:
        return self.wordings[relation]

    def get(self, relation: str) -> Wording | None:
        """Return the wording of a relation whose label is this, in any case, spaces or underscores between words."""
        return self.wordings.get(relation.replace("_", " ").lower())


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """Return the relations of wikidata.toml.

    Raises:
        GraphError: the file in the package is damaged.

    """
    data = tomllib.loads(files("nlpkit.graph").joinpath("wikidata.toml").read_text(encoding="utf-8"))
    answer_nouns: dict[str, list[str]] = data.pop("answer_nouns")
    kinds = {stem(noun): label for label, words in answer_nouns.items() for noun in words}
    wordings = [_read(key, entry) for key, entry in data.items()]
    ends = [noun for w in wordings for side in (w.forward, w.backward) for noun in side.nouns]
    nouns = {word for name in [*ends, *(n for words in answer_nouns.values() for n in words)] for word in name.split()}
    return Vocabulary({w.label: w for w in wordings}, kinds, frozenset(nouns))


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
