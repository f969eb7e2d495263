"""A graph as it was at one time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import networkx

from nlpkit.graph.networks import evidence_of, to_networkx
from nlpkit.graph.records import Fact, GraphAnswer
from nlpkit.graph.timing import holds
from nlpkit.times import Period

if TYPE_CHECKING:
    from nlpkit.graph.kg import KnowledgeGraph


class Snapshot:
    """What of a graph holds within a period; see `nlpkit.graph.timing.holds`. Made by `KnowledgeGraph.at`.

    Attributes:
        graph: the whole graph.
        period: the time.

    """

    def __init__(self, graph: KnowledgeGraph, period: Period) -> None:
        self.graph = graph
        self.period = period

    def facts(self) -> Iterator[Fact]:
        """Go through the facts that hold then, in the order of their making."""
        store = self.graph.store
        for fact, said in zip(store.facts(), evidence_of(store), strict=True):
            if holds(fact.relation, (evidence["time"] for evidence in said), self.period):
                yield fact

    @property
    def nx(self) -> networkx.MultiDiGraph:
        """The facts that hold then, with all entities, as a `networkx.MultiDiGraph` of its own."""
        made = to_networkx(self.graph.store)
        held = {(fact.subject, fact.object, fact.relation) for fact in self.facts()}
        made.remove_edges_from([edge for edge in made.edges(keys=True) if edge not in held])
        return made

    def ask(self, question: str, *, topics: Sequence[str] | None = None) -> GraphAnswer:
        """Answer a question from the facts that hold then, or abstain.

        Raises:
            GraphError: the graph was opened without a kit.

        """
        return self.graph.ask(question, topics=topics, at=self.period)
