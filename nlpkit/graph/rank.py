"""Grow chains of hops from a topic and rank them by how well their words explain the question. Nothing is trained.

A chain explains a question if the question's content words, read from the topic outwards, fall into
consecutive pieces, one a hop, in which the hop's relation is named (the same stem as in its wording, or a near
vector). The best split is found by dynamic programming over (words used, hop). The best chains by this are
compared as whole sentences: cosine of the masked question with the chain put into words. Then comes the type of
answer that the question word wants. The constants are set by reasoning; none is fitted. The rules were
mended after looking at mistakes on MetaQA's development questions, whose phrasings its test questions share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise, permutations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nlpkit.graph.english import SHARING
from nlpkit.graph.plan import MAX_HOPS, Step
from nlpkit.graph.question import Question
from nlpkit.graph.records import FactSource, Node
from nlpkit.graph.vocabulary import vocabulary
from nlpkit.graph.wordings import PLACEHOLDER, Wordings, named_roles

SUPPORT: Final = 1.0
"""What a hop earns when a word names it fully."""
HOP: Final = 1.1
"""What a hop costs: a little more than it can earn, so that of two equal explanations the shorter wins."""
TYPE: Final = 1.0
COSINE: Final = 3.0
"""Cosines of plausible plans with a question lie within about 0.2: worth some half of a word."""
TOPIC_KIND: Final = 0.7
"""How well a noun for the topic's own kind ("the film X") is explained by the topic."""
BEAM: Final = 8
N_SENTENCES: Final = 8
SAMPLE: Final = 40
"""So many of the nodes reached so far are looked at to see which steps go on from there."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A chain with its signals: `total` ranks it; the others say how sure one may be of it.

    `explained` says for each word of the question how well it is explained, `coverage` is their weighted mean,
    `support` how well the worst named hop is named, `told` how well the least explained word that names a relation
    is (all 0..1); `cosine` compares the sentences, `fit` says how well
    the end fits what is asked for (-1..1); an answer has one of `types`, or any if there are none.
    """

    steps: tuple[Step, ...]
    total: float
    explained: tuple[float, ...]
    coverage: float
    support: float
    told: float
    cosine: float
    fit: float
    types: frozenset[str]

    def confidence(self, margin: float) -> float:
        """Return a figure in (0, 1) for "this is what was asked", a fixed logistic of the signals and the margin.

        It is monotone in each of them and set by reasoning, not calibrated on data: with all words explained, all
        hops named and a cosine of 0.6 it is above 0.95; with half of the words unexplained it falls below one half;
        a hop that hardly any word names, or a relation named and not walked (support or told under 0.5), scales it
        down to nothing. `margin` is how much `total`
        exceeds that of the next chain with another last hop; more than 1 adds nothing.
        """
        logit = 6.0 * (self.coverage - 0.7) + 3.0 * (self.support - 0.6) + 4.0 * (self.cosine - 0.5)
        logit += (0.5 if self.fit > 0 else 2.0) * self.fit + 0.5 * min(max(margin, 0.0), 1.0)
        return min(1.0, 2.0 * self.support) * min(1.0, 2.0 * self.told) / (1.0 + math.exp(-logit))


@dataclass(frozen=True, slots=True)
class _Chain:
    """A chain being grown. `gain`: best explanation by words used, for each order. *Shape:* (n_orders, n_words + 1).

    `nodes` is a sample of what the first `n_walked` hops reach, `worth` the gain with all words used.
    """

    steps: tuple[Step, ...]
    gain: Array
    nodes: tuple[int, ...]
    n_walked: int = 0
    worth: float = 0.0


class Ranker:
    """Ranks chains from one topic of one question."""

    def __init__(
        self, question: Question, topic: int, nodes: Sequence[Node], source: FactSource, words: Wordings
    ) -> None:
        self.question, self.source, self.wordings = question, source, words
        self.nodes = tuple(node.id for node in nodes)
        self.orders = [np.array(order, dtype=int) for order in question.orders(topic)]
        self.weights = np.array([word.weight for word in question.words])
        self.types = source.neighbour_types()
        words.vectors([question.masked(PLACEHOLDER), *(word.text.lower() for word in question.words)])
        self._match: dict[Step, Array] = {}
        self._earned: dict[Step, Array] = {}
        first = [Step(*key) for key in source.steps(self.nodes)]
        kinds = words.kinds(first)
        # "the film X" names the topic's kind; "the father of X" names another person.
        beside = {question.spans[topic][0] - 1, question.spans[topic][1]}
        self.topic_match = np.array(
            [TOPIC_KIND * (w.place in beside and bool(kinds.intersection(w.stems))) for w in question.words]
        )
        # "Whose father's father": a role named twice is walked twice.
        roles = [
            w.text.lower() for w in question.words if not w.kind and not named_roles(vocabulary()).isdisjoint(w.stems)
        ]
        self.least_hops = min(MAX_HOPS, max(map(roles.count, roles), default=1))
        self.shares = np.array([w.text.lower() in SHARING for w in question.words], dtype=bool)

    def rank(self) -> list[Ranked]:
        """Return the chains that exist on the graph, best first."""
        chains = [chain for chain in self._grow() if len(chain.steps) >= self.least_hops]
        scored = sorted(((c.worth + TYPE * self.fit(c.steps[-1]), c.steps) for c in chains), reverse=True)
        best = [item for item in scored[:N_SENTENCES] if item[0] > scored[0][0] - 2.0]
        return sorted((self._judge(score, steps) for score, steps in best), key=lambda r: -r.total)

    def fit(self, last: Step) -> float:
        """Return how well what a step reaches fits the question's answer: 1 fits, -1 does not, 0 unknown."""
        noun = self.question.noun
        if noun and self.wordings.reaches(last, noun):
            return 1.0
        typed = self._type_fit(last)
        # "Which films" is not answered by a person, whatever the types: the noun is that of another step's end.
        if noun and any(self.wordings.reaches(step, noun) for step in self._match):
            return min(typed, -0.5)
        return typed

    def types_of(self, last: Step) -> frozenset[str]:
        """Return the types an answer reached by this step may have; empty where any will do."""
        if not self.question.types or "MISC" in self.question.types:
            return frozenset()
        named = self.question.noun and self.wordings.reaches(last, self.question.noun)
        if named or self.wordings.asked_by(last, self.question.wh):
            return self.question.types | self.wordings.side(last).types
        return self.question.types

    def _type_fit(self, last: Step) -> float:
        if not self.question.types:
            return 0.0
        if self.question.wh in ("where", "when") and self.wordings.asked_by(last, self.question.wh):
            return 1.0
        reached = {label: n for label, n in self.types.get((last.relation, last.inverse), {}).items() if label}
        if reached:
            fitting = sum(n for label, n in reached.items() if label in self.question.types)
            return 2.0 * fitting / sum(reached.values()) - 1.0
        usual = self.wordings.side(last).types
        if not usual:
            return 0.0
        return 1.0 if usual & self.question.types else -1.0

    def _grow(self) -> list[_Chain]:
        chains = [_Chain((), self._start(), self.nodes)]
        complete: dict[tuple[Step, ...], _Chain] = {}
        while chains:
            for longer in [new for chain in chains for new in self._extend(chain)]:
                if longer.steps not in complete or longer.worth > complete[longer.steps].worth:
                    complete[longer.steps] = longer
            depth = len(chains[0].steps) + 1
            growing = [c for c in complete.values() if len(c.steps) == depth < MAX_HOPS]
            growing.sort(key=self._promise, reverse=True)
            chains = [chain for c in growing[:BEAM] if (chain := self._look_ahead(c)).nodes]
        return list(complete.values())

    def _start(self) -> Array:
        gain = np.zeros((len(self.orders), len(self.weights) + 1))
        for row, order in enumerate(self.orders):
            gain[row, 1:] = np.cumsum((self.topic_match * self.weights)[order])
        return gain

    def _learn(self, steps: Sequence[Step]) -> None:
        new = [step for step in steps if step not in self._match]
        if new:
            self._match.update(zip(new, self.wordings.match(self.question.words, new), strict=True))

    def _extend(self, chain: _Chain) -> list[_Chain]:
        steps = [Step(*key) for key in self.source.steps(chain.nodes)]
        sharing = bool(self.shares.any()) and len(chain.steps) + 2 <= MAX_HOPS
        self._learn([*steps, *(step.back for step in steps if sharing)])
        longer: list[tuple[tuple[Step, ...], Array]] = [((step,), self._pieces(step)) for step in steps]
        if sharing:
            longer += [((step, step.back), self._shared_pieces(step)) for step in steps]
        made = []
        for added, pieces in longer:
            gain = (chain.gain[:, :, None] + pieces).max(axis=1)
            made.append(replace(chain, steps=chain.steps + added, gain=gain, worth=float(gain[:, -1].max())))
        return made

    def _pieces(self, step: Step) -> Array:
        """Return what each run of words earns when it is this hop's. *Shape:* (n_orders, n_words + 1, n_words + 1)."""
        if step not in self._earned:
            match = np.where(self.shares, 0.0, self._match[step])
            runs = [_runs(match[order], match[order], self.weights[order], 1) for order in self.orders]
            self._earned[step] = np.stack(runs)
        return self._earned[step]

    def _shared_pieces(self, step: Step) -> Array:
        match = np.maximum(self._match[step], self._match[step.back])
        named = np.where(self.shares, 0.0, match)
        all_words = np.where(self.shares, 1.0, match)
        return np.stack([_runs(all_words[order], named[order], self.weights[order], 2) for order in self.orders])

    def _promise(self, chain: _Chain) -> float:
        """Return the most that a chain may still earn: its gain so far and every later word explained."""
        best = np.max(list(self._match.values()), axis=0) if self._match else np.zeros_like(self.weights)
        rest = [np.concatenate([np.cumsum((best * self.weights)[order][::-1])[::-1], [0.0]]) for order in self.orders]
        return float((chain.gain + np.stack(rest)).max()) - 0.1 * len(chain.steps)

    def _look_ahead(self, chain: _Chain) -> _Chain:
        nodes = chain.nodes
        for n, step in enumerate(chain.steps[chain.n_walked :], start=chain.n_walked + 1):
            facts = self.source.follow(nodes, step.relation, step.inverse)
            reached = dict.fromkeys(f.subject if step.inverse else f.object for f in facts)
            nodes = tuple(node for node in reached if n == 1 or node not in self.nodes)[:SAMPLE]
        return replace(chain, nodes=nodes, n_walked=len(chain.steps))

    def _judge(self, score: float, steps: tuple[Step, ...]) -> Ranked:
        texts = self.wordings.phrases(steps, PLACEHOLDER)
        vectors = self.wordings.vectors([self.question.masked(PLACEHOLDER), *texts])
        cosine = float((vectors[1:] @ vectors[0]).max())
        explained = self._explained(steps)
        weight = self.weights.sum()
        coverage = float((explained * self.weights).sum() / weight) if weight else 0.0
        total = score + COSINE * cosine
        fit, types = self.fit(steps[-1]), self.types_of(steps[-1])
        support, told = self._support(steps), least_told(self.question, tuple(explained))
        return Ranked(steps, total, tuple(explained), coverage, support, told, cosine, fit, types)

    def _explained(self, steps: tuple[Step, ...]) -> Array:
        """Return how well each word is explained by some hop, or by the topic's kind. *Shape:* (n_words,)."""
        rows = np.stack([self.topic_match, *(self._match[step] for step in steps)])
        shared = any(a.back == b for a, b in pairwise(steps))
        return np.where(self.shares, float(shared), rows.max(axis=0))

    def _support(self, steps: tuple[Step, ...]) -> float:
        """Return how well the worst named hop is named when no word names two hops.

        Where something is shared, one word names the hop there and the hop back ("share actors").
        """
        rows = [np.where(self.shares, 0.0, self._match[step]) for step in steps]
        back = next((i for i, (a, b) in enumerate(pairwise(steps), start=1) if a.back == b), None)
        if back is not None and self.shares.any():
            rows[back - 1 : back + 1] = [np.maximum(rows[back - 1], rows[back])]
        if len(rows) > len(self.weights):
            return 0.0
        given = permutations(range(len(self.weights)), len(rows))
        return float(max(min(row[i] for row, i in zip(rows, words, strict=True)) for words in islice(given, 5000)))


def least_told(question: Question, explained: Sequence[float]) -> float:
    """Return how well the least explained of the words that name a known relation is explained; 1 without any."""
    roles = named_roles(vocabulary())
    pairs = zip(question.words, explained, strict=True)
    return min((e for word, e in pairs if not word.kind and not roles.isdisjoint(word.stems)), default=1.0)


def _runs(match: Array, named: Array, weights: Array, n_hops: int) -> Array:
    """Return what each run words[a:b] earns as the words of `n_hops` hops: its matches, and the best one's support.

    *Shape:* (n_words + 1, n_words + 1); minus infinity where b < a.
    """
    size = len(match)
    earned = np.full((size + 1, size + 1), -np.inf)
    for a in range(size + 1):
        earned[a, a] = 0.0
        earned[a, a + 1 :] = np.cumsum(match[a:] * weights[a:])
        if a < size:
            earned[a, a + 1 :] += n_hops * SUPPORT * np.maximum.accumulate(named[a:])
    return earned - n_hops * HOP
