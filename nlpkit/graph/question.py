"""What a question says, read without a model: its content words around the topics, and what answer it wants."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import dropwhile, takewhile
from typing import Final

from nlpkit.errors import QuestionError
from nlpkit.graph.english import (
    AUXILIARIES,
    FILLERS,
    KINDS,
    NEGATIONS,
    PREPOSITIONS,
    SHARING,
    STOP_WORDS,
    WH_WORDS,
    Token,
    stem,
    tokens,
)
from nlpkit.graph.vocabulary import Vocabulary, vocabulary

MAX_WORDS: Final = 120
LIGHT: Final = 0.5
"""How much a noun for a kind of thing ("movie", "city") weighs against a content word of weight 1."""

_TYPED: Final = {
    "who": frozenset({"PER", "ORG"}),
    "whom": frozenset[str](),
    "where": frozenset({"LOC"}),
    "when": frozenset({"TIME"}),
    "which": frozenset[str](),
    "what": frozenset[str](),
    "many": frozenset[str](),
}
_COUNT = re.compile(r"\bhow many\b|^\W*(?:count|number of|what is the number of)\b")
_PASSED_OVER: Final = frozenset({"the", "a", "an", "this", "that"})


@dataclass(frozen=True, slots=True)
class Word:
    """A content word, or a name for a relation of several ("release year").

    `place` is that of its first token, `weight` what it counts for when a plan explains it, `kind` says that it
    only names a kind of thing.
    """

    text: str
    stems: tuple[str, ...]
    place: int
    weight: float
    kind: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """A question taken apart around its topics.

    `spans` are the topics' token ranges; `words` leave them out. `wh` is the question word, `types` are the entity
    types asked for (empty: any), `noun` is the stem of the noun asked for ("which films"). `count` asks how many
    there are, `sharing` says that something is had in common.
    """

    text: str
    tokens: tuple[Token, ...]
    spans: tuple[tuple[int, int], ...]
    words: tuple[Word, ...]
    wh: str
    types: frozenset[str]
    noun: str
    count: bool
    sharing: bool

    @property
    def asks(self) -> bool:
        """False for a yes/no question: an auxiliary comes first and no question word later."""
        first = next((t.lower for t in self.tokens if t.text[0].isalnum()), "")
        wanted = first in ("can", "could", "do") or any(t.lower in WH_WORDS for t in self.tokens)
        return wanted or first not in AUXILIARIES

    @property
    def negation(self) -> str:
        """The word that asks for what does not hold ("not", "without"), "" where there is none."""
        outside = {place for first, last in self.spans for place in range(first, last)}
        return next((t.lower for n, t in enumerate(self.tokens) if n not in outside and t.lower in NEGATIONS), "")

    def masked(self, placeholder: str) -> str:
        """Return the question with every topic replaced by a placeholder."""
        pieces: list[str] = []
        starts = {first: last for first, last in self.spans}
        place = 0
        while place < len(self.tokens):
            last = starts.get(place)
            pieces.append(placeholder if last is not None else self.tokens[place].lower)
            place = last if last is not None else place + 1
        return " ".join(pieces)

    def orders(self, topic: int) -> list[list[int]]:
        """Return the orders, as indices into `words`, in which the words may describe hops away from a topic.

        Hops are told from the topic outwards, but it can be either side of the topic that binds first: "films
        [X] directed", "films by [X] were ...", "films by [X]'s writers". Where the topic ends a noun phrase
        ("by X") and an auxiliary or preposition follows, only the left side does; what X has ("X's wife", "X actors")
        comes first.
        """
        first, last = self.spans[topic]
        left = [i for i, word in enumerate(self.words) if word.place < first][::-1]
        right = [i for i, word in enumerate(self.words) if word.place >= last]
        if not left or not right:
            return [left + right]
        if self._has(last):
            return [[*right[:1], *left, *right[1:]], right + left]
        if self._ends_phrase(first) and self._before_verb(last):
            return [left + right]
        if not self._ends_phrase(first) and not self._described(first):
            return [right + left, left + right]
        return [left + right, [*right[:1], *left, *right[1:]], right + left]

    def _ends_phrase(self, first: int) -> bool:
        place = first - 1
        kinds = {word.place for word in self.words if word.kind}
        while place > 0 and (self.tokens[place].lower in _PASSED_OVER or place in kinds):
            place -= 1
        return place >= 0 and self.tokens[place].lower in PREPOSITIONS

    def _has(self, last: int) -> bool:
        """Say whether a possessive, or a plural that names an end of a relation, follows the topic."""
        if last >= len(self.tokens):
            return False
        word = self.tokens[last].lower
        return word in ("'s", "’s") or (word.endswith("s") and _singular(word) in vocabulary().nouns)

    def _described(self, first: int) -> bool:
        """Say whether a content word stands directly before the topic ("movies starring X", "director X")."""
        return any(word.place == first - 1 for word in self.words)

    def _before_verb(self, last: int) -> bool:
        return last < len(self.tokens) and self.tokens[last].lower in (AUXILIARIES | PREPOSITIONS)


def split(text: str) -> tuple[Token, ...]:
    """Split a question into tokens.

    Raises:
        QuestionError: nothing is asked, or more than `MAX_WORDS` words.

    """
    found = tuple(tokens(text[: 100 * MAX_WORDS]))
    if not any(token.text[0].isalnum() for token in found):
        raise QuestionError(f"no question in {text[:40]!r}: ask with words, for instance 'Where was Marie Curie born?'")
    if len(found) > MAX_WORDS or len(text) > 100 * MAX_WORDS:
        raise QuestionError(f"a question of {len(text):,} characters; up to {MAX_WORDS} words can be asked: shorten it")
    return found


def read(text: str, spans: tuple[tuple[int, int], ...]) -> Question:
    """Read a question whose topics stand at these token ranges."""
    found = split(text)
    inside = {place for first, last in spans for place in range(first, last)}
    outside = [t.lower if place not in inside else "" for place, t in enumerate(found)]
    wh, types, noun = _wanted(outside)
    return Question(
        text,
        found,
        spans,
        tuple(_content(found, inside)),
        wh,
        types,
        noun,
        bool(_COUNT.search(" ".join(outside))),
        any(word in SHARING for word in outside),
    )


def _content(found: Sequence[Token], inside: Container[int]) -> Iterator[Word]:
    names, kinds = compounds(vocabulary()), vocabulary().answer_nouns
    place = 0
    while place < len(found):
        first, token = place, found[place]
        place += 1
        if first in inside or not token.text[0].isalnum() or token.lower in STOP_WORDS - SHARING:
            continue
        root = stem(token.text)
        pair = (root, stem(found[place].text)) if place < len(found) and place not in inside else None
        if pair in names:
            place += 1
            yield Word(f"{token.text} {found[first + 1].text}", pair, first, 1.0)
            continue
        light = root in kinds or token.lower in SHARING or token.lower in KINDS
        yield Word(token.text, (root,), first, LIGHT if light else 1.0, root in kinds)


@lru_cache(maxsize=8)
def compounds(known: Vocabulary) -> frozenset[tuple[str, str]]:
    """Return the names of two words that known relations and their ends have, as stems: ("releas", "dat")."""
    sides = [side for w in known.wordings.values() for side in (w.forward, w.backward)]
    names = [noun.split() for side in sides for noun in side.nouns]
    names += [label.split() for label in known.wordings]
    return frozenset((stem(name[0]), stem(name[1])) for name in names if len(name) == 2)


def _wanted(words: Sequence[str]) -> tuple[str, frozenset[str], str]:
    """Return the question word, the types of answer that it and the noun after it ask for, and that noun's stem."""
    place = next((i for i, word in enumerate(words) if word in _TYPED), None)
    if place is None:
        return "", frozenset(), ""
    wh = "who" if words[place] == "whom" else words[place]
    named = wh in ("which", "what", "many")
    noun = "" if wh in ("when", "where") else _noun_after(words[place + 1 :], named)
    if not named:
        return wh, _TYPED[wh], noun
    label = vocabulary().answer_nouns.get(noun)
    return wh, (frozenset({label}) if label else frozenset()), noun


def _noun_after(words: Sequence[str], named: bool) -> str:
    """Return the stem of the noun asked for: directly after which/what/many, or after "is the"/"are the".

    Of several words in a row it is the last noun ("film genre") up to the first plural ("films star").
    """
    if words[:1] and words[0] in AUXILIARIES:
        if words[1:2] not in (["the"], ["a"], ["an"]):
            return ""
        words = words[2:]
    elif not named:
        return ""
    words = list(dropwhile(lambda w: w in FILLERS, words))
    phrase = list(takewhile(lambda w: w.isalnum() and w not in STOP_WORDS, words))[:3]
    plural = next((i for i, word in enumerate(phrase) if word.endswith("s")), len(phrase))
    nouns = [stem(word) for word in phrase[: plural + 1] if _singular(word) in vocabulary().nouns]
    return nouns[-1] if nouns else ""


def _singular(word: str) -> str:
    for plural, ending in (("ies", "y"), ("s", "")):
        if word.endswith(plural) and len(word) > 3:
            return word.removesuffix(plural) + ending
    return word
