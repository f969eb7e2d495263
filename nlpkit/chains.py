"""Coreference inside one document: which mentions are the same entity.

Names first, by the rules of `nlpkit.names`, then what has no name: third-person pronouns and nominals such
as "the company" (`nlpkit.pronouns`). Precision goes before recall: a mention that fits nothing surely
stays a chain of its own.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from nlpkit.epithets import extended, relatives
from nlpkit.names import FULL, acronym_of, blocking_keys, epithet_of, initials, match_names, normalise, spells, untitled
from nlpkit.pronouns import Referent, anaphora
from nlpkit.text import sentences as split_sentences
from nlpkit.types import Chain, Entity, Mention, Span

_REACH = 8
"""Names of one blocking key that are compared with a new name: the latest ones. Keeps the work near-linear."""

_WEAK = frozenset(
    {
        "surname",
        "title and surname",
        "given name",
        "name without its head",
        "name without its kind",
        "head of the name",
        "same name but for the title",
        "first of two surnames",
    }
)
_ALSO = re.compile(
    r"\s*[,(]?\s*(?:(?:also|formerly|better|previously|originally|sometimes|commonly|or)\s+)*"
    r"(?:known as|called|aka|a\.k\.a\.|nicknamed|abbreviated(?: as)?|abbr\.)\s*[\"“'‘«]?$"
)
_PARENTHESIS = re.compile(r"\s?[(（]\s?[\"“]?$")


@dataclass(slots=True)
class _Name:
    """One name of one type, as the document writes it, with all its places."""

    plain: str
    label: str
    entities: list[Entity] = field(default_factory=list)
    relative: bool = False

    @property
    def text(self) -> str:
        return self.entities[0].text

    @property
    def start(self) -> int:
        return self.entities[0].start


class _Clusters:
    """Names joined into entities: a union-find that refuses to join persons of other full names."""

    def __init__(self, names: Sequence[_Name]) -> None:
        self.names = names
        self.parent = list(range(len(names)))
        self.members = {number: [number] for number in range(len(names))}
        self.compared = 0

    def root(self, number: int) -> int:
        while self.parent[number] != number:
            self.parent[number] = self.parent[self.parent[number]]
            number = self.parent[number]
        return number

    def join(self, a: int, b: int) -> None:
        """Join b's cluster to a's, unless some two of their names tell them apart."""
        a, b = self.root(a), self.root(b)
        if a == b or self._conflict(a, b):
            return
        if len(self.members[a]) < len(self.members[b]):
            a, b = b, a
        self.parent[b] = a
        self.members[a] += self.members.pop(b)

    def _conflict(self, a: int, b: int) -> bool:
        return any(
            _conflicting(self.names[x], self.names[y])
            for x in self.members[a][:_REACH]
            for y in self.members[b][:_REACH]
        )

    def match(self, a: int, b: int) -> tuple[float, str]:
        """Return score and reason of the match of two names, (0, "") where there is none."""
        self.compared += 1
        one, other = self.names[a], self.names[b]
        if one.label != other.label or _namesakes(one, other):
            return 0.0, ""
        return match_names(one.text, other.text, one.label) or (0.0, "")


def chains_of(
    text: str,
    entities: Sequence[Entity],
    sentences: Sequence[Span] | None = None,
    *,
    pronouns: bool = True,
) -> tuple[Chain, ...]:
    """Group the entities of a document into chains, one an entity of the world, in the order of the text.

    Names are joined that match (see `nlpkit.names.match_names`), that the text itself equates ("United Nations
    (UN)", "also known as"), and short forms with the one long form they can stand for. `pronouns` adds
    third-person pronouns and nominals by the rules of `nlpkit.pronouns`. Every entity given is in exactly one
    chain, a person's name with its epithet ("the Elder"). The work grows with the number of mentions, not with its
    square.
    """
    found = extended(text, sorted(entities, key=lambda e: (e.start, e.end)))
    names = _names(found, frozenset(relatives(text, found)))
    clusters = _Clusters(names)
    join_names(text, found, clusters)
    groups: dict[int, list[_Name]] = defaultdict(list)
    for number, name in enumerate(names):
        groups[clusters.root(number)].append(name)
    chains = sorted(map(_chain, groups.values()), key=lambda c: c.mentions[0].start)
    if pronouns:
        spans = split_sentences(text) if sentences is None else sentences
        chains = with_anaphora(text, chains, spans)
    return tuple(chains)


def _names(entities: Sequence[Entity], relatives: Collection[int]) -> list[_Name]:
    labels = _labels(entities)
    names: dict[tuple[str, str, bool], _Name] = {}
    for number, entity in enumerate(entities):
        label, plain = labels.get((entity.text, entity.label), entity.label), normalise(entity.text)
        key = (label, plain, number in relatives)
        names.setdefault(key, _Name(plain, label, relative=number in relatives)).entities.append(entity)
    return list(names.values())


def _labels(entities: Iterable[Entity]) -> dict[tuple[str, str], str]:
    """Map (text, label) to the label of a clear majority of the mentions written exactly so, where there is one."""
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for entity in entities:
        votes[entity.text][entity.label] += 1
    changed: dict[tuple[str, str], str] = {}
    for text, counts in votes.items():
        (label, most), *others = counts.most_common()
        changed |= {(text, other): label for other, n in others if most >= 2 * n and label not in ("TIME", "NUM")}
    return changed


def join_names(text: str, entities: Sequence[Entity], clusters: _Clusters) -> None:
    """Join names in three steps, the surest first."""
    _join_equated(text, entities, clusters)
    _join_full(clusters)
    _join_short(clusters)


def _join_equated(text: str, entities: Sequence[Entity], clusters: _Clusters) -> None:
    """Join neighbours that the text equates: "United Nations (UN)", "X, also known as Y"."""
    numbers = {id(entity): number for number, name in enumerate(clusters.names) for entity in name.entities}
    for first, second in pairwise(entities):
        a, b = numbers[id(first)], numbers[id(second)]
        if clusters.names[a].label != clusters.names[b].label or second.start - first.end > 40:
            continue
        between = text[first.end : second.start]
        if _ALSO.match(between) or (_PARENTHESIS.match(between) and _abbreviates(second.text, first.text)):
            clusters.join(a, b)


def _abbreviates(short: str, long: str) -> bool:
    return acronym_of(short) in initials(long) or (bool(acronym_of(short)) and spells(short, long))


def _join_full(clusters: _Clusters) -> None:
    index: dict[str, list[int]] = defaultdict(list)
    for number, name in enumerate(clusters.names):
        keys = blocking_keys(name.text)
        for other in sorted({n for key in keys for n in index[key][-_REACH:]}):
            score, reason = clusters.match(number, other)
            if score >= FULL or reason in ("acronym", "plural"):
                clusters.join(other, number)
        for key in keys:
            index[key].append(number)


def _join_short(clusters: _Clusters) -> None:
    """Join a short form to the long form it stands for.

    Where several could, to the one the document named first: its subject (on Re-DocRED's dev set that is right
    more often than the one named last, or leaving it open).
    """
    index: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, name in enumerate(clusters.names):
        for part in _parts(name):
            index[name.label, part].append(number)
    for number, name in enumerate(clusters.names):
        key = " ".join(untitled(name.text)) if name.label == "PER" else name.plain
        long_forms = index.get((name.label, key), [])
        chosen = _long_form(clusters, number, long_forms)
        if chosen is not None:
            clusters.join(chosen, number)


def _long_form(clusters: _Clusters, number: int, long_forms: Sequence[int]) -> int | None:
    """Return the long form, the best matching first; None where two entities fit alike and neither comes first."""
    matches = ((clusters.match(number, n), n) for n in dict.fromkeys(long_forms[:_REACH]) if n != number)
    fitting = [(score, n) for (score, reason), n in matches if reason in _WEAK]
    if not fitting:
        return None
    best = max(score for score, _ in fitting)
    alike = [n for score, n in fitting if score == best]
    settled = (
        len({clusters.root(n) for n in alike}) == 1 or clusters.names[alike[0]].start < clusters.names[number].start
    )
    return alike[0] if settled else None


def _parts(name: _Name) -> Iterator[str]:
    """Yield what a name may be called for short: its first words or its last words."""
    words = untitled(name.text) if name.label == "PER" else tuple(name.plain.split())
    if name.label in ("TIME", "NUM") or len(words) > 12:
        return
    if name.label == "PER" and len(words) > 2:
        yield words[-2]
    for size in range(1, len(words)):
        yield " ".join(words[:size])
        yield " ".join(words[-size:])
    if name.label == "PER" and len(words) > 0:
        yield " ".join(words)


def _conflicting(a: _Name, b: _Name) -> bool:
    """Tell members of a family, or kings of a name, apart: one surname or one name, and yet no match."""
    if a.label != "PER" or b.label != "PER":
        return False
    if _namesakes(a, b):
        return True
    ours, theirs = untitled(a.text), untitled(b.text)
    if len(ours) == 1 and bool(epithet_of(a.text)) != bool(epithet_of(b.text)):
        return False  # "Dumas" is short for "Dumas the Elder"
    same = ours == theirs or (min(len(ours), len(theirs)) > 1 and ours[-1] == theirs[-1])
    return same and match_names(a.text, b.text, "PER") is None


def _namesakes(a: _Name, b: _Name) -> bool:
    """Tell a person from a relative of the name."""
    return a.relative != b.relative and min(len(untitled(name.text)) for name in (a, b)) > 1


def _chain(names: Sequence[_Name]) -> Chain:
    entities = sorted((e for name in names for e in name.entities), key=lambda e: (e.start, e.end))
    label = names[0].label
    best = max(names, key=lambda name: (*_fullness(name), -name.start))
    return Chain(best.text, label, tuple(Mention(e.text, e.start, e.end) for e in entities))


def _fullness(name: _Name) -> tuple[int, int, int]:
    if name.label != "PER":
        return (len(name.plain), 0, 0)
    words = untitled(name.text)
    return (sum(len(word) > 1 for word in words), len(" ".join(words)), -len(name.text))


def with_anaphora(text: str, chains: Sequence[Chain], sentences: Sequence[Span]) -> list[Chain]:
    """Return the chains, in their order, with the pronouns and nominals that stand for them."""
    referents = [Referent(chain.label, chain.mentions) for chain in chains]
    added: dict[int, list[Mention]] = defaultdict(list)
    for number, mention in anaphora(text, referents, sentences):
        added[number].append(mention)
    return [
        Chain(c.name, c.label, tuple(sorted((*c.mentions, *added[number]), key=lambda m: m.start)))
        if number in added
        else c
        for number, c in enumerate(chains)
    ]
