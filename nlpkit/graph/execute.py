"""Run a plan on a graph."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from nlpkit.errors import QuestionError
from nlpkit.graph.plan import Branch, Plan
from nlpkit.graph.records import Fact, FactSource

MOST_FACTS: Final = 200_000
"""Facts that one hop may walk: what would touch all of a large graph is refused before it does."""


@dataclass(frozen=True, slots=True)
class Reached:
    """A node at the end of a plan.

    `score` is the product of the facts' scores along the best path (a fact without a score counts as 1),
    `ways` the number of paths that end here, `path` the facts of the best one (of every branch).
    """

    node: int
    score: float
    ways: int
    path: tuple[Fact, ...]


@dataclass(slots=True)
class _Arrival:
    """How a node was reached at one hop: the best fact, where it came from, and how often."""

    score: float
    ways: int
    origin: int
    fact: Fact


def execute(plan: Plan, source: FactSource) -> list[Reached]:
    """Return the nodes the plan ends at, the best supported first.

    The topic is dropped from what is reached after the second and each later hop, where anything else is: "who acted
    with A" does not ask for A.

    Raises:
        QuestionError: the plan does not fit the graph, or would walk more than `MOST_FACTS` in one hop.

    """
    relations = source.relations()
    plan.validate(relations)
    ends = [_walk(branch, source, relations) for branch in plan.branches]
    common = set.intersection(*(set(end) for end in ends))
    if plan.types:
        common = {node for node in common if source.node(node).type in ("", *plan.types)}
    merged = (_merge(node, [end[node] for end in ends]) for node in common)
    return sorted(merged, key=lambda r: (-r.score, -r.ways, r.node))


def _merge(node: int, found: list[Reached]) -> Reached:
    score, ways = 1.0, 1
    for reached in found:
        score *= reached.score
        ways *= reached.ways
    return Reached(node, score, ways, tuple(fact for reached in found for fact in reached.path))


def _walk(branch: Branch, source: FactSource, relations: Mapping[str, int]) -> dict[int, Reached]:
    topic = branch.topic.id
    hops: list[dict[int, _Arrival]] = []
    nodes: Collection[int] = (topic,)
    for n, step in enumerate(branch.steps, start=1):
        if relations[step.relation] > MOST_FACTS:
            _check_width(branch, n, source.steps(nodes).get(step, 0))
        facts = source.follow(nodes, step.relation, step.inverse)
        arrivals = _arrive(facts, step.inverse, hops[-1] if hops else {})
        if n > 1 and len(arrivals) > 1:
            arrivals.pop(topic, None)
        hops.append(arrivals)
        nodes = arrivals.keys()
    return {node: Reached(node, end.score, end.ways, _path(node, hops)) for node, end in hops[-1].items()}


def _check_width(branch: Branch, hop: int, n_facts: int) -> None:
    if n_facts > MOST_FACTS:
        raise QuestionError(
            f"hop {hop} of {branch} would walk {n_facts:,} facts; at most {MOST_FACTS:,} are: ask more narrowly"
        )


def _arrive(facts: list[Fact], inverse: bool, before: dict[int, _Arrival]) -> dict[int, _Arrival]:
    arrivals: dict[int, _Arrival] = {}
    for fact in facts:
        origin, node = (fact.object, fact.subject) if inverse else (fact.subject, fact.object)
        last = before.get(origin)
        score = (1.0 if fact.score is None else fact.score) * (last.score if last else 1.0)
        ways = last.ways if last else 1
        known = arrivals.get(node)
        if known is None:
            arrivals[node] = _Arrival(score, ways, origin, fact)
            continue
        known.ways += ways
        if score > known.score:
            known.score, known.origin, known.fact = score, origin, fact
    return arrivals


def _path(node: int, hops: list[dict[int, _Arrival]]) -> tuple[Fact, ...]:
    facts: list[Fact] = []
    for arrivals in reversed(hops):
        arrival = arrivals[node]
        facts.append(arrival.fact)
        node = arrival.origin
    return tuple(reversed(facts))
