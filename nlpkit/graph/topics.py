"""The topic entities of a question: what it marks, what the alias index knows, near spellings, and what `ner` finds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from nlpkit.epithets import extended, other_spellings
from nlpkit.errors import QuestionError
from nlpkit.graph import chinese as in_chinese
from nlpkit.graph.english import STOP_WORDS, Token, stem
from nlpkit.graph.question import split
from nlpkit.graph.records import Extractor, FactSource, Node
from nlpkit.graph.rephrase import rephrased
from nlpkit.graph.vocabulary import Vocabulary, side_stems, vocabulary
from nlpkit.lexicon import LEGAL_FORMS, TITLES
from nlpkit.names import epithet_of, untitled
from nlpkit.text import chinese
from nlpkit.types import Entity

MAX_NAME_WORDS: Final = 10
MAX_SIGNS: Final = 400
"""Characters of a Chinese question at most."""
NEAR: Final = 0.86
"""Least similarity for a near spelling to be taken for the name."""

_PARTICLES = {"van", "von", "de", "der", "den", "di", "da", "del", "la", "le", "bin", "ibn", "al", "el", "zu"}
_MARKED = re.compile(r"\[([^\[\]]*)\]")
_QUOTED = re.compile('["“«]([^"”»]{2,80})["”»]')


@dataclass(frozen=True, slots=True)
class Topic:
    """A name in a question and the nodes that may be meant, likeliest first; none: not in the graph.

    `first` and `last` count tokens; in a Chinese question, characters.
    """

    text: str
    first: int
    last: int
    nodes: tuple[Node, ...]
    near: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The question without its marks, its topics in order of place, and the names that the graph lacks."""

    text: str
    topics: tuple[Topic, ...]
    missing: tuple[str, ...]


def find_topics(question: str, source: FactSource, kit: Extractor, given: Sequence[str] | None = None) -> Found:
    """Find the topics of a question.

    Names given or in [brackets] are taken as they are. Otherwise the longest names the alias index knows are
    taken, left to right; part of a longer capitalised name is not ("Curie" in "Pierre Curie"). Only when
    capitalised words are left or nothing was found does the kit's `ner` read the question. In a Chinese question any
    run of characters may be a name.

    Raises:
        QuestionError: nothing is asked, or far too much.

    """
    marked = [name.strip() for name in _MARKED.findall(question) if name.strip()]
    text = " ".join(_MARKED.sub(lambda m: f" {m.group(1)} ", question).split())
    names = [*(given or ()), *(name for name in marked if name not in (given or ()))]
    if chinese(text):
        return _in_chinese(_MARKED.sub(r"\1", question.strip()), names, source)
    text = rephrased(text)
    words = split(text)
    if names:
        topics = [_named(name, words, source) for name in names]
    else:
        topics = _by_alias(text, words, source)
        if not topics or _unlinked(words, topics):
            topics += _by_ner(text, words, topics, source, kit)
    topics.sort(key=lambda topic: topic.first)
    known = tuple(topic for topic in topics if topic.nodes)
    missing = tuple(topic.text for topic in topics if not topic.nodes)
    return Found(text, _distinct(known), missing)


def _in_chinese(text: str, names: Sequence[str], source: FactSource) -> Found:
    """Find the topics of a Chinese question.

    Raises:
        QuestionError: far too much is asked.

    """
    if len(text) > MAX_SIGNS:
        raise QuestionError(f"a question of {len(text):,} characters; up to {MAX_SIGNS} can be asked: shorten it")
    if names:
        nodes = {name: lookup(name, source) for name in names}
        places = {name: text.find(name) if name in text else len(text) for name in names}
        found = [Topic(name, at, min(at + len(name), len(text)), *nodes[name]) for name, at in places.items()]
    else:
        found = [Topic(text[a:b], a, b, nodes) for a, b, nodes in in_chinese.names(text, source)]
    found.sort(key=lambda topic: topic.first)
    known = tuple(topic for topic in found if topic.nodes)
    return Found(text, _distinct(known), tuple(topic.text for topic in found if not topic.nodes))


def _distinct(topics: Sequence[Topic]) -> tuple[Topic, ...]:
    first: dict[int, Topic] = {}
    for topic in topics:
        first.setdefault(topic.nodes[0].id, topic)
    return tuple(first.values())


def lookup(name: str, source: FactSource) -> tuple[tuple[Node, ...], bool]:
    """Return the nodes of a name, exact spellings before other cases, and whether only near ones were found."""
    nodes = _called(name, source)
    exact = [node for node in nodes if name == node.name] or [node for node in nodes if name in node.aliases]
    if exact or nodes:
        return tuple(exact or nodes), False
    near = (node for node, similarity in source.find_near(name) if similarity >= NEAR)
    return tuple(node for node in near if epithet_of(node.name) == epithet_of(name))[:1], True


def _called(name: str, source: FactSource) -> list[Node]:
    """Return the nodes of a name, in its other spellings where this one is unknown: "X the Elder" for "X I"."""
    nodes = source.find(name) or [node for other in other_spellings(name) for node in source.find(other)]
    if not nodes and (epithet := epithet_of(name)):
        named = source.find(" ".join(untitled(name)))
        nodes = [node for node in named if epithet in {epithet_of(alias) for alias in (node.name, *node.aliases)}]
    return list({node.id: node for node in nodes}.values())


def _named(name: str, words: Sequence[Token], source: FactSource) -> Topic:
    first, last = _place(name, words)
    nodes, near = lookup(name, source)
    return Topic(name, first, last, nodes, near)


def _place(name: str, words: Sequence[Token]) -> tuple[int, int]:
    """Return where the name's tokens stand; behind the last one if nowhere."""
    wanted = [token.lower for token in split(name)] if any(c.isalnum() for c in name) else [name]
    lowered = [token.lower for token in words]
    for first in range(len(words) - len(wanted) + 1):
        if lowered[first : first + len(wanted)] == wanted:
            return first, first + len(wanted)
    return len(words), len(words)


def _by_alias(text: str, words: Sequence[Token], source: FactSource) -> list[Topic]:
    topics: list[Topic] = []
    place = 0
    while place < len(words):
        topic = _longest(text, words, place, source)
        if topic is not None:
            topics.append(topic)
        place = topic.last if topic else place + 1
    # "Who wrote films together with Ann Lee" does not ask about the film "Together".
    written = [topic for topic in topics if any(topic.text in (n.name, *n.aliases) for n in topic.nodes)]
    return [t for t in topics if t in written or not t.text.islower()] if written else topics


def _longest(text: str, words: Sequence[Token], first: int, source: FactSource) -> Topic | None:
    for last in range(min(first + MAX_NAME_WORDS, len(words)), first, -1):
        span = words[first:last]
        if not _may_be_name(span, first):
            continue
        name = text[span[0].start : span[-1].end]
        nodes = _called(name, source)
        if nodes and not _part_of_longer(words, first, last):
            return Topic(name, first, last, lookup(name, source)[0])
    return None


def _may_be_name(span: Sequence[Token], first: int) -> bool:
    if not span[0].text[0].isalnum() or not (span[-1].text[0].isalnum() or span[-1].text in ".!?"):
        return False
    capitals = sum(token.text[0].isupper() for token in span[(first == 0) :])
    if all(token.lower in STOP_WORDS or not token.text[0].isalnum() for token in span) and capitals < 2:
        return False
    if span[-1].lower in STOP_WORDS and not _capital(span[-1]):
        return False
    if span[0].lower in STOP_WORDS and (not _capital(span[0]) or (first == 0 and capitals < 2)):
        return False
    named = any(_capital(token) for token in span[(first == 0) :]) or len(span) > 2
    return named or not any(stem(token.text) in _relation_stems(vocabulary()) for token in span)


def _capital(token: Token) -> bool:
    """Say whether the word looks like (part of) a name; a script without case counts as one."""
    head = token.text[0]
    return head.isupper() or head.isdigit() or (head.isalpha() and not head.islower())


def _part_of_longer(words: Sequence[Token], first: int, last: int) -> bool:
    """Say whether a name goes on beside these words: "Curie" in "Pierre Curie", "Ludwig" in "Ludwig van Beethoven"."""
    before, after = list(words[1:first][::-1]), list(words[last:])
    if before and before[0].lower in _PARTICLES:
        before = before[1:]
    if after and after[0].lower in _PARTICLES | {"the"}:
        after = after[1:]
    beside = [token for token in (*before[:1], *after[:1]) if token.text[0].isalpha()]
    return any(_capital(token) and token.lower not in STOP_WORDS | TITLES | LEGAL_FORMS for token in beside)


@lru_cache(maxsize=8)
def _relation_stems(known: Vocabulary) -> frozenset[str]:
    sides = [side for w in known.wordings.values() for side in (w.forward, w.backward)]
    nouns = {stem(word) for side in sides for noun in side.nouns for word in noun.split()}
    return frozenset().union(nouns, known.answer_nouns, *(side_stems(side) for side in sides))


def _unlinked(words: Sequence[Token], topics: Sequence[Topic]) -> bool:
    inside = {place for topic in topics for place in range(topic.first, topic.last)}
    return any(
        _capital(token) and token.lower not in STOP_WORDS
        for place, token in enumerate(words)
        if place > 0 and place not in inside and token.text[0].isalpha()
    )


def _by_ner(
    text: str, words: Sequence[Token], known: Sequence[Topic], source: FactSource, kit: Extractor
) -> list[Topic]:
    inside = {place for topic in known for place in range(topic.first, topic.last)}
    spans = [(e.start, e.end) for e in kit([text])[0].entities] + [m.span(1) for m in _QUOTED.finditer(text)]
    topics: list[Topic] = []
    for start, end in (_with_epithet(text, *span) for span in [*spans, *_capital_runs(words)]):
        places = [i for i, token in enumerate(words) if token.start >= start and token.end <= end]
        if not places or inside.intersection(places):
            continue
        inside.update(places)
        topics.append(replace(_named(text[start:end], words, source), first=places[0], last=places[-1] + 1))
    return topics


def _with_epithet(text: str, start: int, end: int) -> tuple[int, int]:
    (name,) = extended(text, [Entity(text[start:end], start, end, "PER")])
    return name.start, name.end


def _capital_runs(words: Sequence[Token]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for place, token in enumerate(words):
        if place == 0 or not token.text[0].isupper() or token.lower in STOP_WORDS:
            continue
        if runs and words[place - 1].end == runs[-1][1]:
            runs[-1] = (runs[-1][0], token.end)
        else:
            runs.append((token.start, token.end))
    return runs
