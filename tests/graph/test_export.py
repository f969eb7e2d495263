"""Export and import: a graph comes back from JSON and GraphML exactly, triples as triples."""

from __future__ import annotations

import gzip
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import networkx
import pytest

from nlpkit.errors import DataError, InputError
from nlpkit.graph.export import xml_escaped, xml_unescaped
from nlpkit.graph.kg import KnowledgeGraph
from nlpkit.types import Document, Entity, Relation, Span
from tests.graph.conftest import FakeKit

ODD = "Ada\x01 _x0041_ <b>&amp; \r\t 😀"


@pytest.fixture
def graph(kit: FakeKit) -> Iterator[KnowledgeGraph]:
    one, other = Entity(ODD, 0, len(ODD), "PER"), Entity("居里", len(ODD), len(ODD) + 2, "ORG", 0.5)
    odd = Document(
        ODD + "居里",
        "odd & <co>.txt",
        (one, other),
        relations=(
            Relation(one, "knows\x02", other, 0.1 + 0.2, None, (Span(ODD + "居里", 0, len(ODD) + 2),)),
            Relation(other, "part of", one, None, "P361"),
            Relation(one, "employer", other, 0.7, "P108"),
        ),
    )
    texts = ["Marie Curie was born in Warsaw. Marie Curie worked for Sorbonne.", "Marie Curie was born in Warsaw!"]
    with KnowledgeGraph.build([odd, *(Document(text, f"{i}.txt") for i, text in enumerate(texts))], kit) as graph:
        graph.remove("0.txt")
        graph.add(kit([texts[0]])[0].__class__(texts[0], "0.txt", *_found(kit, texts[0])))
        yield graph


def _found(kit: FakeKit, text: str) -> tuple[tuple[Entity, ...], tuple, tuple[Relation, ...]]:
    document = kit([text])[0]
    return document.entities, document.chains, document.relations


def test_networkx_holds_everything(graph: KnowledgeGraph) -> None:
    nx = graph.nx
    assert isinstance(nx, networkx.MultiDiGraph)
    assert (nx.number_of_nodes(), nx.number_of_edges()) == (5, 5)
    curie, warsaw = graph.store.find("Marie Curie")[0], graph.store.find("Warsaw")[0]
    assert nx.nodes[curie.id] == {"name": "Marie Curie", "type": "PER", "aliases": [], "count": 3}
    edge = nx.edges[curie.id, warsaw.id, "place of birth"]
    assert edge["property"] == "P19"
    assert edge["score"] == pytest.approx(0.96)
    assert {said["document"] for said in edge["evidence"]} == {"0.txt", "1.txt"}
    assert networkx.pagerank(nx)[warsaw.id] > 0
    assert networkx.shortest_path(nx, curie.id, warsaw.id) == [curie.id, warsaw.id]
    assert graph.nx is nx


@pytest.mark.parametrize("name", ["g.json", "g.graphml", "g.json.gz", "g.graphml.gz"])
def test_a_graph_comes_back_exactly(graph: KnowledgeGraph, tmp_path: Path, name: str) -> None:
    graph.export(tmp_path / name)
    with KnowledgeGraph.load_file(tmp_path / name, tmp_path / "back.kg") as back:
        assert networkx.utils.graphs_equal(back.nx, graph.nx)
        assert list(back.nx.nodes(data=True)) == list(graph.nx.nodes(data=True))
        assert set(back.facts()) == set(graph.facts())
        back.export(tmp_path / f"again-{name}")
    assert (tmp_path / f"again-{name}").read_bytes() == (tmp_path / name).read_bytes()


def test_triples_go_out_and_come_back(graph: KnowledgeGraph, tmp_path: Path) -> None:
    graph.export(tmp_path / "g.tsv")
    lines = (tmp_path / "g.tsv").read_text("utf-8").splitlines()
    assert "Marie Curie\tplace of birth\tWarsaw" in lines
    with KnowledgeGraph.load_file(tmp_path / "g.tsv", tmp_path / "back.kg") as back:
        back.export(tmp_path / "again.tsv")
    assert (tmp_path / "again.tsv").read_bytes() == (tmp_path / "g.tsv").read_bytes()


@pytest.mark.parametrize("zipped", [False, True])
def test_triples_of_others(tmp_path: Path, zipped: bool) -> None:
    raw = "Kismet|directed_by|William Dieterle\r\n\r\nKismet|has_tags|bd-r\nÉté|directed_by|William Dieterle\n".encode()
    path = tmp_path / ("kb.txt.gz" if zipped else "kb.txt")
    path.write_bytes(gzip.compress(raw) if zipped else raw)
    with KnowledgeGraph.load_file(path, tmp_path / "g.kg") as graph:
        kismet = graph.store.find("Kismet")[0]
        assert (kismet.type, kismet.count) == ("", 2)
        assert graph.store.relations() == {"directed_by": 2, "has_tags": 1}
        fact = graph.store.follow([graph.store.find("Été")[0].id], "directed_by", inverse=False)[0]
        said = graph.store.evidence(fact)[0]
        assert raw.decode()[said.start : said.end] == said.text == "Été|directed_by|William Dieterle"
        assert (said.document, fact.score) == (path.name, None)
        version = graph.store.version
    with KnowledgeGraph.load_file(path, tmp_path / "g.kg") as graph:
        assert graph.store.version == version
        graph.remove(path.name)
        assert graph.store.count("entity") == graph.store.count("fact") == 0


@pytest.mark.parametrize(
    ("raw", "columns"),
    [
        ("Ann###Bo###knows###2\nBo###Cy###likes###1\n", "subject,object,relation,number"),
        ("Ann ||| knows ||| Bo\nBo ||| likes ||| Cy\n", "subject,relation,object"),
        ("knows\tBo\tAnn\nlikes\tCy\tBo\n", "relation,object,subject"),
    ],
)
def test_columns_of_triples_in_another_order(tmp_path: Path, raw: str, columns: str) -> None:
    (tmp_path / "kb.txt").write_text(raw)
    with KnowledgeGraph.load_file(tmp_path / "kb.txt", columns=columns.split(",")) as graph:
        name = {node.id: node.name for node in graph.nodes()}
        said = {(name[f.subject], f.relation, name[f.object]) for f in graph.facts()}
    assert said == {("Ann", "knows", "Bo"), ("Bo", "likes", "Cy")}


@pytest.mark.parametrize("columns", ["subject,relation", "subject,relation,object,object", "a,b,c"])
def test_columns_that_cannot_be(tmp_path: Path, columns: str) -> None:
    (tmp_path / "kb.txt").write_text("a\tb\tc\n")
    with pytest.raises(InputError, match=r"have not one '.*'; name subject, relation, object once"):
        KnowledgeGraph.load_file(tmp_path / "kb.txt", tmp_path / "g.kg", columns=columns.split(","))
    assert not (tmp_path / "g.kg").exists()


def test_triples_in_a_tar(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("Ann\tknows\tBo\n")
    path = tmp_path / "kb.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(tmp_path / "train.txt", "train.txt")
    with KnowledgeGraph.load_file(f"{path}#train.txt") as graph:
        assert graph.store.relations() == {"knows": 1}
        assert list(graph.documents()) == ["kb.tar.gz#train.txt"]
    with pytest.raises(InputError, match=r"holds no file 'test.txt'; it holds: train.txt"):
        KnowledgeGraph.load_file(f"{path}#test.txt")
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match=r"no whole \.gz or \.tar file"):
        KnowledgeGraph.load_file(f"{path}#train.txt")


def test_triples_join_what_is_there(graph: KnowledgeGraph, tmp_path: Path) -> None:
    path = tmp_path / "more.tsv"
    path.write_text("Marie Curie\taward received\tNobel Prize\n")
    curie = graph.store.find("Marie Curie")[0]
    with KnowledgeGraph.load_file(path, graph.store.path) as joined:
        assert [node.id for node in joined.store.find("Marie Curie")] == [curie.id]
        assert joined.store.node(curie.id).count == curie.count + 1
        assert joined.merges()[-1].document == "more.tsv"
        joined.remove("more.tsv")
        assert joined.store.node(curie.id) == curie


def test_a_graph_made_elsewhere(tmp_path: Path) -> None:
    foreign = networkx.MultiDiGraph()
    foreign.add_node("a", label="Ada")
    foreign.add_edge("a", "b", "knows", score=0.25)
    (tmp_path / "f.json").write_text(json.dumps(networkx.node_link_data(foreign, edges="links")))
    networkx.write_graphml(foreign, tmp_path / "f.graphml")
    for name in ("f.json", "f.graphml"):
        with KnowledgeGraph.load_file(tmp_path / name) as graph:
            assert {node.name for node in graph.nodes()} == {"Ada", "b"}
            assert [(fact.relation, fact.score) for fact in graph.facts()] == [("knows", 0.25)]


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("a.tsv", b"a\tb\tc\na\tb\n", "line 2: wants subject"),
        ("a.tsv", b"a\tb\t\n", "line 1"),
        ("a.tsv", b"a\tb\tc\na\t\xff\tc\n", r"line 2: byte 8 \(0xff\)"),
        ("a.json", b"{", "node-link"),
        ("a.json", b'{"nodes": []}', "node-link"),
        ("a.graphml", b"<graphml", "GraphML"),
        ("a.tsv.gz", b"no gzip", r"no whole \.gz"),
        ("a.doc", b"", r"known: \.tsv"),
    ],
)
def test_broken_files_add_nothing(tmp_path: Path, name: str, raw: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(InputError, match=message):
        KnowledgeGraph.load_file(tmp_path / name, tmp_path / "g.kg")
    assert not (tmp_path / "g.kg").exists()


def test_files_that_cannot_be(graph: KnowledgeGraph, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"known: \.json"):
        graph.export(tmp_path / "g.xyz")
    with pytest.raises(InputError, match="cannot write"):
        graph.export(tmp_path / "nowhere" / "g.json")
    with pytest.raises(InputError, match="cannot read"):
        KnowledgeGraph.load_file(tmp_path / "none.tsv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text", ["", "\x01", "_x0001_", "__x\x1f_", "a_x0041\x01", "_x005F_", "\ufffe\x7f\x85", "plain"]
)
def test_escapes_are_undone(text: str) -> None:
    assert xml_unescaped(xml_escaped(text)) == text
    assert xml_escaped(text).isprintable() or text == ""


def test_data_errors_name_the_file(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(DataError, match=r"x\.json"):
        KnowledgeGraph.load_file(tmp_path / "x.json")
