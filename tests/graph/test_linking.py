"""Entities linked to the rows of a table or to another graph, or to none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from nlpkit.cli.main import app
from nlpkit.errors import DataError, InputError
from nlpkit.graph.kg import KnowledgeGraph
from nlpkit.graph.linking import LEAST, Catalogue, Entry
from nlpkit.types import Document, Entity
from tests.graph.conftest import FakeKit

ROWS = [
    Entry("c1", "Ann Lee", ("A. Lee",), "painter of Warsaw", "PER"),
    Entry("c2", "Ann Lee", (), "engineer who was born in Ulm", "PER"),
    Entry("c3", "Northgate Mills", ("NGM",), "weavers", "ORG"),
    Entry("c4", "Ulm", (), "a town", "LOC"),
    Entry("c5", "Ulm", (), "a ship", "MISC"),
]


def linked(catalogue: Catalogue, text: str) -> dict[str, str | None]:
    (document,) = FakeKit()([text])
    return {link.name: link.entry.id if link.entry else None for link in catalogue.link(document)}


def test_what_stands_around_tells_namesakes_apart() -> None:
    catalogue = Catalogue(ROWS, FakeKit())
    assert linked(catalogue, "Ann Lee was born in Ulm.")["Ann Lee"] == "c2"
    assert linked(catalogue, "the painter of the town of Warsaw was Ann Lee.")["Ann Lee"] == "c1"


def test_types_must_agree() -> None:
    assert linked(Catalogue(ROWS), "Ann Lee was born in Ulm.")["Ulm"] == "c4"
    assert linked(Catalogue([ROWS[4]]), "Ann Lee was born in Ulm.")["Ulm"] is None


def test_what_no_row_names_is_in_none() -> None:
    found = linked(Catalogue(ROWS, FakeKit()), "Rosa Parks was born in Rome.")
    assert found == {"Rosa Parks": None, "Rome": None}


def test_aliases_are_names() -> None:
    catalogue = Catalogue(ROWS)
    document = Document("NGM grew.", entities=(Entity("NGM", 0, 3, "ORG", 1.0),))
    (link,) = catalogue.link(document)
    assert link.entry == ROWS[2]
    assert link.score >= LEAST
    assert link.to_dict() == {"name": "NGM", "type": "ORG", "id": "c3", "score": link.score}


def test_a_document_without_entities() -> None:
    assert Catalogue(ROWS, FakeKit()).link(Document("")) == []
    assert Catalogue([], FakeKit()).link(FakeKit()(["Ann Lee left."])[0])[0].entry is None


def test_a_graph_is_linked_to_another(tmp_path: Path) -> None:
    kit = FakeKit()
    ours = [Document("Ann Lee worked for Rosa Parks.", "a"), Document("Alan Turing was born in Ulm.", "b")]
    theirs = [Document("Rosa Parks was born in Rome. Ann Lee worked for Rosa Parks.", "c")]
    with KnowledgeGraph.build(ours, kit) as graph, KnowledgeGraph.build(theirs, kit) as other:
        links = graph.link(Catalogue.of(other.store, kit))
        by_name = {graph.node(node).name: link.entry.name if link.entry else None for node, link in links.items()}
        assert by_name == {"Ann Lee": "Ann Lee", "Rosa Parks": "Rosa Parks", "Alan Turing": None, "Ulm": None}
        rows = {entry.name: entry for entry in Catalogue.of(other.store).entries}
        assert rows["Rome"].description == "Rosa Parks place of birth"
        for node, vector in graph.store.contexts():
            assert np.isclose(np.linalg.norm(vector), 1.0, atol=1e-3), node


CSV = 'name,id,aliases,notes,type\nAnn Lee,c1,A. Lee| Lee ,x,PER\n"Lee, Ann",c2,,y,\n'
LINES = '{"id": 7, "name": "Ann Lee", "aliases": ["A. Lee"]}\n\n{"id": "8", "name": "Ulm", "type": "LOC"}\n'


def test_tables_are_read(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(CSV, "utf-8-sig")
    assert Catalogue.read(tmp_path / "t.csv").entries == [
        Entry("c1", "Ann Lee", ("A. Lee", "Lee"), "", "PER"),
        Entry("c2", "Lee, Ann"),
    ]
    (tmp_path / "t.tsv").write_text("id\tname\tdescription\n1\tUlm\ta town\n", "utf-8")
    assert Catalogue.read(tmp_path / "t.tsv").entries == [Entry("1", "Ulm", description="a town")]
    (tmp_path / "t.jsonl").write_text(LINES, "utf-8")
    assert Catalogue.read(tmp_path / "t.jsonl").entries == [
        Entry("7", "Ann Lee", ("A. Lee",)),
        Entry("8", "Ulm", type="LOC"),
    ]


@pytest.mark.parametrize(
    ("file", "text", "error", "match"),
    [
        ("t.xls", "id,name\n", InputError, r"ends in '.xls'; known: .csv, .tsv, .jsonl"),
        ("t.csv", "id,title\n1,Ulm\n", DataError, r"line 1: no column 'name' among id, title"),
        ("t.csv", "", DataError, "line 1: no column 'id'"),
        ("t.csv", "id,name\n1,Ulm\n2, \n", DataError, "line 3: no 'name'"),
        ("t.csv", "id,name\n1,Ulm\n1,Rome\n", DataError, "two rows of the catalogue have the id '1'"),
        ("t.jsonl", '{"id": 1, "name": "Ulm"}\n{', DataError, "line 2: not JSON"),
        ("t.jsonl", "[1]\n", DataError, "line 1: .* is no object"),
    ],
)
def test_broken_tables_are_refused(tmp_path: Path, file: str, text: str, error: type[Exception], match: str) -> None:
    (tmp_path / file).write_text(text, "utf-8")
    with pytest.raises(error, match=match):
        Catalogue.read(tmp_path / file)


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*none\.csv"):
        Catalogue.read(tmp_path / "none.csv")


def test_the_command_line(tmp_path: Path) -> None:
    KnowledgeGraph.build([Document("Ann Lee was born in Ulm.", "a")], FakeKit(), tmp_path / "g.kg").close()
    (tmp_path / "t.csv").write_text("id,name,type\nc4,Ulm,LOC\n", "utf-8")
    done = CliRunner().invoke(app, ["graph", "link", str(tmp_path / "g.kg"), str(tmp_path / "t.csv"), "--names-only"])
    assert done.exit_code == 0
    assert "1 of 2 entities are in" in done.output
    arguments = ["graph", "link", str(tmp_path / "g.kg"), str(tmp_path / "g.kg"), "--names-only", "--json"]
    done = CliRunner().invoke(app, arguments)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(record["name"], record["id"]) for record in records] == [("Ann Lee", "1"), ("Ulm", "2")]
