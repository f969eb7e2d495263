"""Questions with yes or no for an answer: whether one named entity is reached from another by what is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nlpkit.graph.execute import Reached, execute
from nlpkit.graph.plan import Branch, Plan
from nlpkit.graph.question import Question
from nlpkit.graph.rank import Ranked
from nlpkit.graph.records import FactSource, Node
from nlpkit.graph.topics import Topic
from nlpkit.graph.vocabulary import vocabulary

Candidate = tuple[Node, Ranked, float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Yes or no, by which plan, how sure one may be of that plan, and the ends that say so."""

    yes: bool
    plan: Plan
    score: float
    ends: tuple[Reached, ...]


def verdict(
    question: Question,
    topics: Sequence[Topic],
    source: FactSource,
    rank: Callable[[int], Sequence[Candidate]],
    threshold: float,
) -> Verdict | None:
    """Return what the graph says to a question about two entities, None where it does not say.

    Yes where a plan that the question may mean leads from one to the other. No only where the relation has one object
    (a place of birth), and the graph has another: what a graph lacks may hold all the same.

    Args:
        question: as it was read; its words stand around both topics.
        topics: two.
        source: the graph.
        rank: chains from a topic, best first.
        threshold: least confidence in a plan.

    """
    refuted: Verdict | None = None
    for start, end in ((0, 1), (1, 0)):
        wanted = {node.id for node in topics[end].nodes}
        for node, ranked, margin in rank(start):
            score = ranked.confidence(margin)
            if score < threshold:
                continue
            plan = Plan((Branch(node, ranked.steps),))
            reached = execute(plan, source)
            if ends := tuple(one for one in reached if one.node in wanted):
                return Verdict(True, plan, score, ends)
            if refuted is None and _one_only(ranked) and _alike(reached, topics[end], source):
                refuted = Verdict(False, plan, score, tuple(reached[:1]))
    return refuted


def _one_only(ranked: Ranked) -> bool:
    """Tell whether what is asked has one answer: a single step forward, along a relation with one object."""
    wording = vocabulary().get(ranked.steps[0].relation)
    return len(ranked.steps) == 1 and not ranked.steps[0].inverse and wording is not None and wording.rules.exact


def _alike(reached: Sequence[Reached], topic: Topic, source: FactSource) -> bool:
    """Tell whether there is one end, of the type that is asked about: a date of birth does not refute a place."""
    return len(reached) == 1 and source.node(reached[0].node).type == topic.nodes[0].type != ""
