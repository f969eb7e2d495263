"""The graph as networkx sees it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

import networkx as nx

from nlpkit.graph.records import Evidence
from nlpkit.graph.store import EVIDENCE, Store


def to_networkx(store: Store) -> nx.MultiDiGraph:
    """Return the graph as a `networkx.MultiDiGraph`.

    A node is its id, with name, type, aliases (a list) and count. An edge's key is its relation; it has
    score and property (None where there is none) and evidence (a list of dicts, strongest first).
    """
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(
        (node.id, {"name": node.name, "type": node.type, "aliases": list(node.aliases), "count": node.count})
        for node in store.nodes()
    )
    for fact, said in zip(store.facts(), evidence_of(store), strict=True):
        graph.add_edge(
            fact.subject, fact.object, fact.relation, score=fact.score, property=fact.property, evidence=said
        )
    return graph


def evidence_of(store: Store) -> Iterator[list[dict[str, Any]]]:
    """Go through the facts in the store's order, giving each one's evidence; none is without."""
    rows = store.db.execute(
        f"SELECT fact, {EVIDENCE} FROM evidence JOIN document ON document.id = document "
        "ORDER BY fact, evidence.score DESC, evidence.id"
    )
    for _, said in groupby(rows, key=itemgetter(0)):
        yield [evidence_dict(Evidence(*row[1:])) for row in said]


def evidence_dict(evidence: Evidence) -> dict[str, Any]:
    """Return an evidence as an edge of the networkx graph holds it."""
    return {**evidence.to_dict(), "revision": evidence.revision}
