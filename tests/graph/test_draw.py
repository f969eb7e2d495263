"""The summary and the page: everything is in it, nothing in it can be run but our own script."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from nlpkit.errors import InputError
from nlpkit.graph.draw import Summary
from nlpkit.graph.kg import KnowledgeGraph
from nlpkit.types import Document, Entity, Relation
from tests.graph.conftest import FakeKit

EVIL = "</script><img src=x onerror=alert(1)>"


def data_of(page: str) -> dict:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_summary(kit: FakeKit) -> None:
    texts = [
        "Marie Curie was born in Warsaw.",
        "Albert Einstein was born in Ulm.",
        "Albert Einstein worked for Princeton.",
    ]
    with KnowledgeGraph.build([Document(text, str(i)) for i, text in enumerate(texts)], kit) as graph:
        summary = graph.summary()
    assert isinstance(summary, Summary)
    assert (summary.documents, summary.nodes, summary.facts, summary.evidence) == (3, 5, 3, 3)
    assert list(summary.types.items()) == [("PER", 3), ("LOC", 2)]
    assert list(summary.relations.items()) == [("place of birth", 2), ("employer", 1)]
    assert [(node.name, n) for node, n in summary.connected][:1] == [("Albert Einstein", 2)]
    assert json.dumps(summary.to_dict())


def test_the_page_shows_evidence_with_the_names_marked(kit: FakeKit, tmp_path: Path) -> None:
    with KnowledgeGraph.build([Document("so: Marie Curie was born in Warsaw.", "d.txt")], kit) as graph:
        graph.to_html(tmp_path / "g.html")
    page = (tmp_path / "g.html").read_text("utf-8")
    data = data_of(page)
    assert data["note"] == ""
    assert {node["name"] for node in data["nodes"]} >= {"Marie Curie", "Warsaw"}
    edge = data["edges"][0]
    assert (edge["relation"], edge["property"], edge["score"]) == ("place of birth", "P19", 0.8)
    assert edge["evidence"] == [
        {
            "document": "d.txt",
            "score": 0.8,
            "parts": [["Marie Curie", "subject"], [" was born in ", ""], ["Warsaw", "object"], [".", ""]],
        }
    ]
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", page), "the page must need nothing else"
    assert "cytoscape" in page


def test_names_are_marked_in_imported_triples(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("Ada\tknows\tBob\n")
    with KnowledgeGraph.load_file(tmp_path / "t.tsv") as graph:
        graph.to_html(tmp_path / "g.html")
    parts = data_of((tmp_path / "g.html").read_text("utf-8"))["edges"][0]["evidence"][0]["parts"]
    assert parts == [["Ada", "subject"], ["\tknows\t", ""], ["Bob", "object"]]


def test_names_cannot_leave_the_data(tmp_path: Path) -> None:
    one, other = Entity(EVIL, 0, len(EVIL), "<b>"), Entity("/*DATA*/", len(EVIL), len(EVIL) + 8, "PER")
    document = Document(EVIL + "/*DATA*/", EVIL, (one, other), relations=(Relation(one, EVIL, other, 0.5),))
    with KnowledgeGraph.build([document], FakeKit()) as graph:
        graph.to_html(tmp_path / "g.html")
    page = (tmp_path / "g.html").read_text("utf-8")
    assert page.count("</script") == 3
    assert EVIL not in page
    assert {node["name"] for node in data_of(page)["nodes"]} == {EVIL, "/*DATA*/"}


def test_a_large_graph_is_cut_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("".join(f"hub\tknows\tn{i}\n" for i in range(50)))
    with KnowledgeGraph.load_file(tmp_path / "t.tsv") as graph:
        graph.to_html(tmp_path / "g.html", limit=10)
        with pytest.raises(InputError, match="limit=0"):
            graph.to_html(tmp_path / "g.html", limit=0)
        with pytest.raises(InputError, match="cannot write"):
            graph.to_html(tmp_path / "none" / "g.html")
    data = data_of((tmp_path / "g.html").read_text("utf-8"))
    assert data["note"] == "Shown: the 10 most connected of 51 entities, and 9 of 50 facts."
    assert len(data["nodes"]) == 10
    assert len(data["edges"]) == 9


def test_an_empty_graph_has_a_page(kit: FakeKit, tmp_path: Path) -> None:
    with KnowledgeGraph.build([], kit) as graph:
        graph.to_html(tmp_path / "g.html")
    assert data_of((tmp_path / "g.html").read_text("utf-8"))["nodes"] == []
