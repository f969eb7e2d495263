"""Plans as queries: SPARQL finds on the export what the plan finds on the graph; Cypher is well formed."""

import pytest
from asking import FACTS
from typer.testing import CliRunner

from nlpkit import KnowledgeGraph
from nlpkit.cli.main import app
from nlpkit.errors import InputError
from nlpkit.graph.execute import execute
from nlpkit.graph.plan import Branch, Plan, Step
from nlpkit.graph.view import View


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    folder = tmp_path_factory.mktemp("queries")
    bare = "\n".join(
        "|".join(part.partition(":")[0] for part in line.split("|")) for line in FACTS.strip().splitlines()
    )
    (folder / "facts.txt").write_text(bare + "\n", encoding="utf-8")
    with KnowledgeGraph.load_file(folder / "facts.txt", folder / "facts.kg") as opened:
        yield opened


def plan(graph, *branches, **options):
    made = []
    for topic, *steps in branches:
        (node,) = graph.store.find(topic)
        made.append(Branch(node, tuple(Step(s.removeprefix("<"), s.startswith("<")) for s in steps)))
    return Plan(tuple(made), **options)


CASES = [
    [("Marie Curie", "place of birth")],
    [("Warsaw", "<place of birth")],
    [("Marie Curie", "place of birth", "<place of birth")],
    [("Pierre Curie", "spouse")],
    [("Warsaw", "<place of birth"), ("Paris", "<residence")],
    [("Nobel Prize in Physics", "<award received", "place of birth")],
]


@pytest.mark.parametrize("branches", CASES)
def test_sparql_finds_what_the_plan_finds(graph, branches):
    made = plan(graph, *branches)
    expected = {graph.node(end.node).name for end in execute(made, View(graph.store))}
    assert expected
    found = graph.query(graph.as_query(made, "sparql"))
    assert {row[found.columns.index("name")] for row in found.rows} == expected


def test_a_count_is_one_row(graph):
    made = plan(graph, ("Warsaw", "<place of birth"), count=True)
    assert graph.query(graph.as_query(made, "sparql")).rows == [(2,)]


def test_types_are_a_condition(graph):
    made = plan(graph, ("Warsaw", "<place of birth"), types=frozenset({"PER"}))
    text = graph.as_query(made, "sparql")
    assert "type:PER" in text
    assert len(graph.query(text).rows) == 2  # without a type, anything passes
    assert "IN ['PER']" in graph.as_query(made, "cypher")


def test_cypher_says_both_ways_of_a_symmetric_relation(graph):
    text = graph.as_query(plan(graph, ("Pierre Curie", "spouse")), "cypher")
    assert "type(r0_1) = 'spouse' AND startNode(r0_1) = n0" in text
    assert "type(r0_1) = 'spouse' AND endNode(r0_1) = n0" in text
    assert text.endswith("RETURN DISTINCT answer.id AS id, answer.name AS name")


def test_a_relation_with_marks_of_cypher_and_html_is_a_text(tmp_path):
    name = "x' OR 1=1 //<b>`"
    (tmp_path / "odd.txt").write_text(f"A|{name}|B\n", encoding="utf-8")
    with KnowledgeGraph.load_file(tmp_path / "odd.txt", tmp_path / "odd.kg") as odd:
        made = plan(odd, ("A", name))
        assert r"'x\' OR 1=1 //<b>`'" in odd.as_query(made, "cypher")
        assert [row[1] for row in odd.query(odd.as_query(made, "sparql")).rows] == ["B"]


def test_another_language_is_refused(graph):
    with pytest.raises(InputError, match="cypher, sparql"):
        graph.as_query(plan(graph, *CASES[0]), "gremlin")


@pytest.mark.slow
def test_the_command_shows_the_query(graph):
    asked = CliRunner().invoke(
        app, ["graph", "ask", str(graph.store.path), "Where was Marie Curie born?", "--query", "sparql"]
    )
    assert asked.exit_code == 0, asked.output
    assert "SELECT DISTINCT ?answer ?name" in asked.output
