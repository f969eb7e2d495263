"""Plans chosen by an adapter that learnt from questions with answers: those it knows, and those that words name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nlpkit.graph.plan import Step, steps_of
from nlpkit.graph.question import Question
from nlpkit.graph.rank import Ranker
from nlpkit.graph.records import FactSource, Learned, Node
from nlpkit.graph.wordings import PLACEHOLDER, Wordings

SURE: Final = 0.8
"""With a known plan of this probability, no others are looked for."""
N_WALKED: Final = 10
RULES: Final = 1.0
"""What a point of the untrained ranker's total adds to the log-odds of a plan that words name."""
FOREIGN: Final = 0.1
"""What log-odds weigh on a graph that has none of the relations learnt; chosen by MetaQA's dev questions."""
BEHIND: Final = 4.0
"""As many points behind the untrained ranker's first, a plan has nothing added."""


class Chosen(NamedTuple):
    """A chain of steps from a node, with the probability (`share`) that it is meant."""

    node: Node
    steps: tuple[Step, ...]
    share: float


def choose(
    question: Question, topic: int, nodes: Sequence[Node], source: FactSource, words: Wordings, learned: Learned
) -> list[Chosen]:
    """Return the chains from a topic that a question may mean, likeliest first.

    Probabilities are over all plans: those that the adapter learnt and whose relations the graph has, whether they can
    be walked from here or not, and those that the untrained ranker finds. Where what was most likely meant cannot be
    walked, what is left is unlikely, and stays so. So it is where a question is hardly like any plan.

    Args:
        question: as it was read.
        topic: which of its topics to start from.
        nodes: what that may be, likeliest first.
        source: the graph.
        words: relations in words.
        learned: what was learnt.

    """
    vector = learned.vectors([question.masked(PLACEHOLDER)])[0]
    odds = _known(learned, vector, source)
    if _share(odds, learned.outside) < SURE:
        odds |= _named(question, topic, nodes, source, words, vector, odds)
    if not odds:
        return []
    shares = _shares(odds, learned.outside).tolist()
    likely = sorted(zip(odds, shares[:-1], strict=True), key=lambda pair: -pair[1])
    first = [(node, source.steps([node.id])) for node in nodes]
    chosen = (Chosen(node, steps, share) for steps, share in likely for node, leaving in first if steps[0] in leaving)
    return list(chosen)[:N_WALKED]


def _known(learned: Learned, vector: NDArray[np.float32], source: FactSource) -> dict[tuple[Step, ...], float]:
    """Return the log-odds of the plans that were learnt, as far as the graph has their relations."""
    relations = source.relations()
    products = (learned.plans @ vector).tolist()
    pairs = zip(_parsed(learned.names), products, strict=True)
    return {steps: odds for steps, odds in pairs if all(step.relation in relations for step in steps)}


@lru_cache(maxsize=8)
def _parsed(names: tuple[str, ...]) -> list[tuple[Step, ...]]:
    return [steps_of(name) for name in names]


def _shares(odds: Mapping[tuple[Step, ...], float], outside: float) -> NDArray[np.float64]:
    """Return the probabilities of plans, and last that of none of them."""
    values = np.array([*odds.values(), outside])
    powers = np.exp(values - values.max())
    shares: NDArray[np.float64] = powers / powers.sum()
    return shares


def _share(odds: Mapping[tuple[Step, ...], float], outside: float) -> float:
    """Return the probability of the likeliest, 0 without any."""
    return float(_shares(odds, outside)[:-1].max()) if odds else 0.0


def _named(
    question: Question,
    topic: int,
    nodes: Sequence[Node],
    source: FactSource,
    words: Wordings,
    vector: NDArray[np.float32],
    known: Mapping[tuple[Step, ...], float],
) -> dict[tuple[Step, ...], float]:
    """Return the log-odds of the chains whose words the question explains best, by likeness and by the rules."""
    totals: dict[tuple[Step, ...], float] = {}
    for node in nodes:
        for ranked in Ranker(question, topic, [node], source, words).rank():
            totals[ranked.steps] = max(ranked.total, totals.get(ranked.steps, ranked.total))
    if not totals:
        return {}
    steps = list(totals)
    alike = words.plan_vectors(steps) @ vector
    best, weight = max(totals.values()), 1.0 if known else FOREIGN
    return {
        s: known.get(s, weight * float(odds)) + RULES * max(0.0, BEHIND - best + totals[s])
        for s, odds in zip(steps, alike, strict=True)
    }
