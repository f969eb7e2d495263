"""The graph at a glance: a summary in numbers, and one page of HTML that needs nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from nlpkit.errors import InputError
from nlpkit.graph.records import Fact, MarkedEvidence, Node
from nlpkit.graph.store import Store

LIMIT = 200
"""How many nodes a page shows: as many as a browser lays out in a few seconds and a reader can tell apart."""

_CONNECTED = 10
_EVIDENCE = 5


@dataclass(frozen=True, slots=True)
class Summary:
    """What a graph holds. `types` and `relations` are ordered by frequency; `connected` pairs a node with its facts."""

    documents: int
    nodes: int
    facts: int
    evidence: int
    types: dict[str, int]
    relations: dict[str, int]
    connected: tuple[tuple[Node, int], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as plain JSON types."""
        return {
            "documents": self.documents,
            "nodes": self.nodes,
            "facts": self.facts,
            "evidence": self.evidence,
            "types": self.types,
            "relations": self.relations,
            "connected": [{"id": node.id, "name": node.name, "facts": n} for node, n in self.connected],
        }


def summary(store: Store) -> Summary:
    """Count what is in the graph."""
    return Summary(
        documents=store.count("document"),
        nodes=store.count("entity"),
        facts=store.count("fact"),
        evidence=store.count("evidence"),
        types=store.types(),
        relations=store.relations(),
        connected=tuple(store.most_connected(_CONNECTED)),
    )


def to_html(store: Store, path: str | Path, *, limit: int = LIMIT) -> None:
    """Write a page in which the graph is moved, searched, and read: a click on an edge shows its evidence.

    Args:
        store: the graph.
        path: the page's file.
        limit: how many nodes to show, the most connected first; the page says so where it leaves some out.

    Raises:
        InputError: the limit is less than 1, or the file cannot be written.

    """
    if limit < 1:
        raise InputError(f"a page needs room for at least 1 node, got limit={limit}")
    assets = files("nlpkit.graph") / "assets"
    # Within a script element only "<" can end it, so none is left in the data.
    data = json.dumps(_page(store, limit), ensure_ascii=True).replace("<", "\\u003c")
    page = (assets / "graph.html").read_text("utf-8")
    for mark, text in (("/*CYTOSCAPE*/", (assets / "cytoscape.min.js").read_text("utf-8")), ("/*DATA*/", data)):
        before, after = page.split(mark)
        page = before + text + after
    try:
        Path(path).write_text(page, "utf-8")
    except OSError as e:
        raise InputError(
            f"cannot write {str(path)!r}: {e.strerror}; give a path in a folder that can be written"
        ) from e


def _page(store: Store, limit: int) -> dict[str, Any]:
    shown = {node.id: (node, degree) for node, degree in store.most_connected(limit)}
    facts = [fact for fact in store.facts() if fact.subject in shown and fact.object in shown]
    n_nodes, n_facts = store.count("entity"), store.count("fact")
    note = ""
    if len(shown) < n_nodes:
        note = f"Shown: the {len(shown)} most connected of {n_nodes} entities, and {len(facts)} of {n_facts} facts."
    return {
        "note": note,
        "title": store.path.stem,
        "counts": f"{store.count('document')} documents, {n_nodes} entities, {n_facts} facts",
        "nodes": [
            {**{"id": node.id, "name": node.name, "type": node.type, "aliases": node.aliases}, "degree": degree}
            for node, degree in shown.values()
        ],
        "edges": [_edge(store, fact, shown[fact.subject][0], shown[fact.object][0]) for fact in facts],
    }


def _edge(store: Store, fact: Fact, subject: Node, object_: Node) -> dict[str, Any]:
    evidence = store.marked_evidence(fact)
    return {
        "subject": fact.subject,
        "object": fact.object,
        "relation": fact.relation,
        "property": fact.property,
        "score": fact.score,
        "more": max(len(evidence) - _EVIDENCE, 0),
        "evidence": [
            {
                "document": marked.evidence.document,
                "score": marked.evidence.score,
                "parts": _parts(marked, subject, object_),
            }
            for marked in evidence[:_EVIDENCE]
        ],
    }


def _parts(marked: MarkedEvidence, subject: Node, object_: Node) -> list[tuple[str, str]]:
    """Cut an evidence into pieces of text, each with "subject", "object" or "" for what it names."""
    text = marked.evidence.text
    spans = [(start, end, "subject") for start, end in marked.subject or _named(text, subject)]
    spans += [(start, end, "object") for start, end in marked.object or _named(text, object_)]
    parts: list[tuple[str, str]] = []
    done = 0
    for start, end, role in sorted(spans):
        if start >= done:
            parts += [(text[done:start], ""), (text[start:end], role)]
            done = end
    return [part for part in [*parts, (text[done:], "")] if part[0]]


def _named(text: str, node: Node) -> list[tuple[int, int]]:
    """Find a node by name where the graph came without the places of its mentions; the longest name wins."""
    for name in sorted({node.name, *node.aliases}, key=len, reverse=True):
        start = text.find(name)
        if start >= 0:
            return [(start, start + len(name))]
    return []
