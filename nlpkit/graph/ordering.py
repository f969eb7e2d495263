"""The oldest, the longest, the earlier of two: what is reached, put in the order of its dates or numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nlpkit.graph.plan import Step
from nlpkit.graph.question import Question
from nlpkit.graph.records import Fact, FactSource, Node
from nlpkit.graph.wordings import Wordings
from nlpkit.times import period

_FIRST_TIME: Final = frozenset({"earliest", "oldest", "first", "eldest", "earlier", "older", "elder"})
_LAST_TIME: Final = frozenset({"latest", "newest", "last", "youngest", "recent", "later", "newer", "younger"})
_LEAST: Final = frozenset({"lowest", "smallest", "shortest", "fewest", "lower", "smaller", "shorter", "fewer"})
_MOST: Final = frozenset({"highest", "largest", "biggest", "longest", "higher", "larger", "bigger", "longer"})
_OF_AGE: Final = frozenset({"oldest", "eldest", "youngest", "older", "elder", "younger"})
"""These ask for age, which a person has by birth; "first" and "last" do not: a first husband is not the oldest."""
_OF_LIFE: Final = frozenset({"date of birth", "date of death"})
_COMPARED: Final = re.compile(r"\bor\b")
_NUMBER: Final = re.compile(r"\W*(-?\d{1,3}(?:[,\s]\d{3})+(?:\.\d+)?|-?\d+(?:\.\d+)?)\b\D*")


@dataclass(frozen=True, slots=True)
class Order:
    """What a question orders by: the word that says so, times or numbers, the largest or the smallest first."""

    word: str
    times: bool
    largest: bool

    def value(self, name: str) -> float | None:
        """Return what a name is worth in this order: its first day, or its number; None where it has none."""
        if self.times:
            said = period(name)
            return None if said is None or said.first is None else float(said.first)
        found = None if period(name) else _NUMBER.fullmatch(name)  # a year is no size
        return float(re.sub(r"[,\s]", "", found[1])) if found else None


@dataclass(frozen=True, slots=True)
class Placed:
    """Who comes first in an order: the nodes (several where they are level), and the facts with everyone's value."""

    nodes: frozenset[int]
    relation: str
    facts: dict[int, Fact]


def order_of(question: Question) -> Order | None:
    """Return the order that a question asks for, None where it asks for none."""
    outside = {place for first, last in question.spans for place in range(first, last)}
    for number, token in enumerate(question.tokens):
        word = token.lower
        if number in outside:
            continue
        if word in _FIRST_TIME | _LAST_TIME:
            return Order(word, True, word in _LAST_TIME)
        if word in _LEAST | _MOST:
            return Order(word, False, word in _MOST)
    return None


def compares(question: Question) -> bool:
    """Tell whether a question names those among whom to choose: "A or B"."""
    return len(question.spans) > 1 and bool(_COMPARED.search(question.masked("it")))


def placed(
    order: Order, nodes: Sequence[Node], question: Question, source: FactSource, words: Wordings, *, named: bool = False
) -> Placed | str:
    """Return which nodes come first, or why that cannot be said.

    The relation is one along which all of them have a date (or number); of several, the one that the question names.

    Args:
        order: what to order by.
        nodes: those to choose among, two or more.
        question: as it was read.
        source: the graph.
        words: relations in words.
        named: the question names the nodes: who of two was born first goes by birth, whose first husband does not.

    """
    passed_over = frozenset() if named or order.word in _OF_AGE else _OF_LIFE
    values = _values(order, nodes, source, passed_over)
    whole = {relation: of for relation, of in values.items() if len(of) == len(nodes)}
    what = "date" if order.times else "number"
    if not whole:
        most = max(values.values(), key=len, default={})
        lacking = next(node.name for node in nodes if node.id not in most)
        return f"the graph has no {what} of {lacking} to tell the {order.word} by"
    strengths = {relation: _strength(relation, question, words) for relation in whole}
    best = max(strengths.values())
    likeliest = [relation for relation, strength in strengths.items() if strength == best]
    if len(likeliest) > 1:
        return f"{order.word!r} may go by {' or '.join(sorted(likeliest))}; say which"
    of = whole[likeliest[0]]
    first = (max if order.largest else min)(value for value, _ in of.values())
    at = frozenset(node for node, (value, _) in of.items() if value == first)
    return Placed(at, likeliest[0], {node: fact for node, (_, fact) in of.items()})


def _values(
    order: Order, nodes: Sequence[Node], source: FactSource, passed_over: frozenset[str]
) -> dict[str, dict[int, tuple[float, Fact]]]:
    """Return by relation the value of each node that has one, and the fact that says it; of several, the first."""
    ids = {node.id for node in nodes}
    values: dict[str, dict[int, tuple[float, Fact]]] = {}
    for relation, inverse in source.steps(ids):
        if inverse or relation in passed_over:
            continue
        for fact in source.follow(ids, relation, False):
            value = order.value(source.node(fact.object).name)
            if value is not None:
                values.setdefault(relation, {}).setdefault(fact.subject, (value, fact))
    return values


def _strength(relation: str, question: Question, words: Wordings) -> float:
    """Return how strongly the question names a relation."""
    strengths = words.strengths(Step(relation, False))
    return max((strengths.get(stem, 0.0) for word in question.words for stem in word.stems), default=0.0)
