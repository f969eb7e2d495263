"""RDF, Neo4j and GEXF: what is written is read by others, RDF comes back whole, and SPARQL asks it."""

from __future__ import annotations

import csv
import io
import json
import sys
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator
from pathlib import Path

import networkx
import pyoxigraph
import pytest
import rdflib
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from nlpkit.cli.main import app
from nlpkit.errors import DataError, InputError, MissingExtraError
from nlpkit.graph import sparql
from nlpkit.graph.kg import KnowledgeGraph
from nlpkit.graph.neo4j import named
from nlpkit.graph.store import Store
from nlpkit.types import Document, Entity, Relation, Span

ODD = "Ada\x01 <b>&amp; \r\t 😀 \"q\" 'p' \\u0041 `); MATCH (n) DETACH DELETE n //"
FORMATS = {
    "ttl": ("turtle", pyoxigraph.RdfFormat.TURTLE),
    "nt": ("nt", pyoxigraph.RdfFormat.N_TRIPLES),
    "jsonld": ("json-ld", pyoxigraph.RdfFormat.JSON_LD),
}
FOREIGN = """
@prefix wd: <http://www.wikidata.org/entity/> .
@prefix wdt: <http://www.wikidata.org/prop/direct/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix ex: <http://example.org/of/> .
wd:Q1 rdfs:label "Ada Byron"@en, "Ada von Byron"@de ; skos:altLabel "Countess"@en ; a ex:Human ;
    wdt:P19 ex:Old_Town%21 ; ex:born "1815-12-10"^^xsd:date ; ex:age 36 ; ex:motto "on" ;
    ex:knows [ rdfs:label "a friend" ] .
ex:knows rdfs:label "knows well" .
ex:Lone rdfs:label "Lone" .
"""


def odd_document(name: str = ODD) -> Document:
    one, other = Entity(name, 0, len(name), "PER"), Entity("居里", len(name), len(name) + 2, "ORG", 0.5)
    whole = Span(name + "居里", 0, len(name) + 2)
    relations = (
        Relation(one, "knows\x02 <x>", other, 0.1 + 0.2, None, (whole,)),
        Relation(other, "part of", one, None, "P361"),
        Relation(one, "employer", other, 0.7, "P108"),
        Relation(one, "works for", other, 0.9, "P108"),
        Relation(other, "odd", one, None, "P3 61>"),
    )
    return Document(name + "居里", "odd & <co>.txt", (one, other), relations=relations)


@pytest.fixture
def graph(kit, tmp_path: Path) -> Iterator[KnowledgeGraph]:
    texts = ["Marie Curie was born in Warsaw. Curie worked for Sorbonne.", "Marie Curie was born in Warsaw!"]
    with KnowledgeGraph.build([Document(text, f"{i}.txt") for i, text in enumerate(texts)], kit) as graph:
        graph.add(odd_document())
        yield graph


@pytest.mark.parametrize("ending", [*FORMATS, "ttl.gz"])
def test_rdf_comes_back_exactly(graph: KnowledgeGraph, tmp_path: Path, ending: str) -> None:
    graph.export(tmp_path / f"g.{ending}")
    with KnowledgeGraph.load_file(tmp_path / f"g.{ending}", tmp_path / "back.kg") as back:
        assert networkx.utils.graphs_equal(back.nx, graph.nx)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib")
@pytest.mark.parametrize("ending", FORMATS)
def test_two_parsers_read_the_same_triples(graph: KnowledgeGraph, tmp_path: Path, ending: str) -> None:
    graph.export(tmp_path / f"g.{ending}")
    graph.export(tmp_path / "g.nt")
    name, known = FORMATS[ending]
    one = rdflib.Graph().parse(tmp_path / f"g.{ending}", format=name)
    other = {str(quad.triple) for quad in pyoxigraph.parse(path=str(tmp_path / f"g.{ending}"), format=known)}
    lines = {line for line in (tmp_path / "g.nt").read_text("utf-8").split("\n") if line}
    assert len(one) == len(other) == len(lines)
    wdt = rdflib.Namespace("http://www.wikidata.org/prop/direct/")
    assert {
        (str(one.value(s, rdflib.RDFS.label)), str(one.value(o, rdflib.RDFS.label))) for s, o in one[: wdt.P19]
    } == {("Marie Curie", "Warsaw")}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(lambda t: f"A{t}"))
def test_any_name_comes_back(tmp_path_factory, name: str) -> None:
    folder = tmp_path_factory.mktemp("rdf")
    with KnowledgeGraph(Store(folder / "a.kg", create=True)) as graph:
        graph.add(odd_document(name))
        for ending, (_, known) in FORMATS.items():
            graph.export(folder / f"g.{ending}")
            assert list(pyoxigraph.parse(path=str(folder / f"g.{ending}"), format=known))
            with KnowledgeGraph.load_file(folder / f"g.{ending}") as back:
                assert networkx.utils.graphs_equal(back.nx, graph.nx)


def test_rdf_of_others(tmp_path: Path) -> None:
    (tmp_path / "f.ttl").write_text(FOREIGN, "utf-8")
    with KnowledgeGraph.load_file(tmp_path / "f.ttl") as graph:
        (ada,) = graph.store.find("Ada Byron")
        assert (ada.type, ada.aliases) == ("Human", ("Ada von Byron", "Countess"))
        names = {node.id: (node.name, node.type) for node in graph.nodes()}
        facts = {(f.relation, f.property, names[f.object]) for f in graph.facts() if f.subject == ada.id}
        assert facts == {
            ("place of birth", "P19", ("Old Town!", "")),
            ("born", None, ("1815-12-10", "TIME")),
            ("age", None, ("36", "NUM")),
            ("motto", None, ("on", "")),
            ("knows well", None, ("a friend", "")),
        }
        assert ("Lone", "") in names.values()
        assert len(names) == 7


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("b.ttl", "\n".join(f"<a{i}> <b> ." for i in range(1000)), "at line 1"),
        ("b.nt", "<urn:a> <urn:b> .\n" * 1000, "b.nt is not nt"),
        ("b.jsonld", "{", "is not JSON-LD"),
        ("b.jsonld", '{"@context": "https://example.org/context.jsonld", "@id": "urn:a"}', "nothing is fetched"),
        ("b.jsonld", '[{"@graph": [{"@context": ["https://example.org/c"]}]}]', "nothing is fetched"),
        ("b.rdf", "<rdf:RDF", "b.rdf is not xml"),
    ],
)
def test_broken_rdf_is_refused(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        KnowledgeGraph.load_file(tmp_path / name, tmp_path / "g.kg")
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "g.kg").exists()


def test_the_extras_are_named(graph: KnowledgeGraph, tmp_path: Path, monkeypatch) -> None:
    graph.export(tmp_path / "g.ttl")
    monkeypatch.setitem(sys.modules, "rdflib", None)
    monkeypatch.setitem(sys.modules, "pyoxigraph", None)
    with pytest.raises(MissingExtraError, match=r"nlpkit\[rdf\]"):
        KnowledgeGraph.load_file(tmp_path / "g.ttl")
    with pytest.raises(MissingExtraError, match=r"nlpkit\[sparql\]"):
        graph.query("ASK { ?a ?b ?c }")


def test_sparql_asks_the_graph(graph: KnowledgeGraph) -> None:
    born = "SELECT ?who ?where { ?a wdt:P19 ?b . ?a rdfs:label ?who . ?b rdfs:label ?where }"
    assert graph.query(born).columns == ("who", "where")
    assert graph.query(born).rows == [("Marie Curie", "Warsaw")]
    said = (
        "SELECT ?start ?score { ?f rdf:predicate wdt:P19 ; itsrdf:taConfidence ?score ; prov:wasDerivedFrom ?e . "
        "?e nif:beginIndex ?start }"
    )
    assert [(start, score) for start, score in graph.query(said).rows] == [(0, pytest.approx(0.96))] * 2
    assert graph.query('ASK { ?a rdfs:label "Warsaw" }').rows == [(True,)]
    triples = graph.query("CONSTRUCT { ?a rdfs:seeAlso ?b } WHERE { ?a wdt:P19 ?b }").rows
    assert [predicate for _, predicate, _ in triples] == ["rdfs:seeAlso"]
    left = graph.query("SELECT ?a ?b { ?a wdt:P19 ?c OPTIONAL { ?c wdt:P17 ?b } }").rows
    assert [row[1] for row in left] == [None]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELEC", "cannot be answered: error at 1"),
        ("SELECT * { SERVICE <http://example.org/> { ?a ?b ?c } }", "asks another server"),
        ("SELECT * { service\nSILENT ?a { ?a ?b ?c } }", "asks another server"),
        ("SELECT * { ?a unknown:b ?c }", "cannot be answered"),
    ],
)
def test_bad_queries_are_refused(graph: KnowledgeGraph, query: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        graph.query(query)


def test_a_name_may_say_service(graph: KnowledgeGraph) -> None:
    assert graph.query('ASK { ?service rdfs:label "service" } # SERVICE').rows == [(False,)]


def test_queries_from_the_command_line(graph: KnowledgeGraph) -> None:
    asked = ["graph", "query", str(graph.store.path), "--sparql", "SELECT ?n { ?a wdt:P19 ?b . ?b rdfs:label ?n }"]
    assert "Warsaw" in CliRunner().invoke(app, asked).stdout
    assert json.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout) == {"n": "Warsaw"}


def test_gexf_is_read_by_networkx(graph: KnowledgeGraph, tmp_path: Path) -> None:
    graph.export(tmp_path / "g.gexf")
    back = networkx.read_gexf(tmp_path / "g.gexf")
    assert (back.number_of_nodes(), back.number_of_edges()) == (graph.nx.number_of_nodes(), graph.nx.number_of_edges())
    labels = [node.get("label") for node in ET.parse(tmp_path / "g.gexf").iter() if node.tag.endswith("}node")]
    assert "Marie Curie" in labels


def test_cypher_is_one_statement_a_line_and_escaped(graph: KnowledgeGraph, tmp_path: Path) -> None:
    graph.export(tmp_path / "g.cypher")
    lines = (tmp_path / "g.cypher").read_bytes().decode().split("\n")
    assert lines.pop() == ""
    assert len(lines) == 1 + graph.nx.number_of_nodes() + graph.nx.number_of_edges()
    assert all(line.endswith(";") for line in lines)
    (odd,) = [line for line in lines if line.startswith("CREATE (") and "DETACH" in line]
    assert r"""'Ada""" in odd
    assert r"""\'p\' \\u0041 `); MATCH""" in odd
    assert any("[:`place of birth` {property: 'P19', score: 0.96, evidence: ['{" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "written"),
    [("born in", "`born in`"), ("a`b", "`a``b`"), ("a\\u0060", "`a\\u005Cu0060`"), ("a\nb", "`a\\u000Ab`")],
)
def test_names_in_cypher(name: str, written: str) -> None:
    assert named(name) == written


def test_tables_for_neo4j(graph: KnowledgeGraph, tmp_path: Path) -> None:
    for name in ("g.zip", "again.zip"):
        graph.export(tmp_path / name)
    assert (tmp_path / "g.zip").read_bytes() == (tmp_path / "again.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "g.zip") as archive:
        tables = {
            name: list(csv.DictReader(io.TextIOWrapper(archive.open(name), "utf-8", newline="")))
            for name in archive.namelist()
        }
    assert tables.keys() == {"nodes.csv", "relationships.csv"}
    nodes = {row["id:ID"]: row for row in tables["nodes.csv"]}
    assert {row["name"] for row in nodes.values()} == {node.name for node in graph.nodes()}
    assert {row[":LABEL"] for row in nodes.values()} == {"Entity;PER", "Entity;LOC", "Entity;ORG"}
    facts = {(r[":START_ID"], r[":TYPE"], r[":END_ID"]) for r in tables["relationships.csv"]}
    assert facts == {(str(f.subject), f.relation, str(f.object)) for f in graph.facts()}
    (born,) = [row for row in tables["relationships.csv"] if row["property"] == "P19"]
    assert {said["document"] for said in json.loads(born["evidence"])} == {"0.txt", "1.txt"}


def test_triples_are_loaded_once_for_every_state(graph: KnowledgeGraph, monkeypatch) -> None:
    loads = []
    written = sparql.write_ntriples
    monkeypatch.setattr(sparql, "write_ntriples", lambda *given: (loads.append(1), written(*given)))
    count = "SELECT (COUNT(*) AS ?n) { ?a rdf:type rdf:Statement }"
    before = graph.query(count).rows
    assert graph.query(count).rows == before
    with pytest.raises(InputError):
        graph.query("SELEC")
    assert len(loads) == 1
    graph.remove("odd & <co>.txt")
    assert graph.query(count).rows < before
    assert len(loads) == 2
