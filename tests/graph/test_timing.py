"""When facts hold: what texts state beside them, what that says of other times, and asking a graph at one."""

from __future__ import annotations

from pathlib import Path

import networkx
import pytest
from typer.testing import CliRunner

from nlpkit.cli.main import app
from nlpkit.errors import DataError, InputError
from nlpkit.graph.kg import KnowledgeGraph
from nlpkit.graph.schema import VERSION
from nlpkit.graph.store import Store
from nlpkit.graph.timing import holds, stated
from nlpkit.times import period
from nlpkit.types import Document

TRIPLES = """\
Ona Reyl\temployer\tBrightmill\t1990/1995
Ona Reyl\temployer\tNorthgate\tsince March 1995
Ona Reyl\tplace of birth\tWarsaw\t1967
Ona Reyl\tspouse\tTam Orry\t
"""
COLUMNS = ("subject", "relation", "object", "time")


def place(text: str, name: str) -> list[tuple[int, int]]:
    return [(text.index(name), text.index(name) + len(name))]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("Reyl worked for Brightmill from 1990 to 1995.", "1990/1995"),
        ("Reyl joined Brightmill in 1990.", "1990/.."),
        ("In 1995, Reyl left Brightmill.", "../1995"),
        ("Reyl was at Brightmill in 1990 and led Northgate in 1997.", "1990"),
        ("Reyl wrote for Northgate in 1997, and taught at Brightmill in 1990.", "1990"),
        ("Reyl (1967–2031) ran Brightmill.", None),
        ("Reyl (born 3 May 1967 in Brightmill) is a painter.", "1967-05-03"),
        ("Reyl ran Brightmill, which closed in 1999.", None),
        ("Reyl was elected head of Brightmill 1990–1995.", "1990/1995"),
        ("Reyl ran Brightmill.", None),
        ("Reyl 于1990年加入 Brightmill。", "1990/.."),
    ],
)
def test_the_time_stated_with_a_fact(text: str, time: str | None) -> None:
    found = stated(text, (0, len(text)), place(text, "Reyl"), place(text, "Brightmill"))
    assert (found and str(found)) == time


def test_a_sentence_without_the_subject_states_no_time_for_it() -> None:
    text = "Reyl is a painter. Brightmill was sold in 1999."
    start = text.index("Brightmill")
    assert stated(text, (start, len(text)), place(text, "Reyl"), place(text, "Brightmill")) is None


@pytest.mark.parametrize(
    ("relation", "times", "at", "held"),
    [
        ("employer", [], "1905", True),
        ("employer", [None], "1905", True),
        ("employer", ["1901/1905"], "1905", True),
        ("employer", ["1901/1905"], "1906", False),
        ("employer", ["1901/1905", None], "1906", False),
        ("employer", ["1901/..", "../1912"], "1910", True),
        ("employer", ["1901/..", "../1912"], "1920", False),
        ("employer", ["1901/..", "../1890"], "1920", True),
        ("place of birth", ["1867"], "1905", True),
        ("place of birth", ["1867"], "1866", False),
        ("Place_of_birth", ["1867"], "1905", True),
    ],
)
def test_what_holds_at_a_time(relation: str, times: list[str | None], at: str, held: bool) -> None:
    when = period(at)
    assert when is not None
    assert holds(relation, times, when) is held


@pytest.fixture
def timed(tmp_path: Path):
    (tmp_path / "people.tsv").write_text(TRIPLES, "utf-8")
    with KnowledgeGraph.load_file(tmp_path / "people.tsv", tmp_path / "people.kg", columns=COLUMNS) as graph:
        yield graph


def employers(graph: KnowledgeGraph, at: str) -> set[str]:
    return {graph.node(fact.object).name for fact in graph.at(at).facts() if fact.relation == "employer"}


def test_a_graph_at_a_time(timed: KnowledgeGraph) -> None:
    assert employers(timed, "1992") == {"Brightmill"}
    assert employers(timed, "June 1995") == {"Brightmill", "Northgate"}
    assert employers(timed, "2001-05-06") == {"Northgate"}
    assert employers(timed, "1980") == set()
    at = timed.at("1950").nx
    assert [(relation, at.nodes[o]["name"]) for _, o, relation in at.edges(keys=True)] == [("spouse", "Tam Orry")]
    assert timed.nx.number_of_edges() == 4
    with pytest.raises(InputError, match="'soon' is no time with a year"):
        timed.at("soon")


def test_questions_at_a_time(tmp_path: Path, kit) -> None:
    (tmp_path / "people.tsv").write_text(TRIPLES, "utf-8")
    with KnowledgeGraph.load_file(tmp_path / "people.tsv", tmp_path / "p.kg", kit=kit, columns=COLUMNS) as graph:
        for at, name in (("1992", "Brightmill"), ("2010", "Northgate")):
            answer = graph.ask("What is the employer of Ona Reyl?", at=graph.at(at).period, threshold=0.0)
            assert [found.text for found in answer.answers] == [name]


@pytest.mark.parametrize("ending", ["json", "graphml", "ttl", "jsonld"])
def test_times_come_back(timed: KnowledgeGraph, tmp_path: Path, ending: str) -> None:
    timed.export(tmp_path / f"g.{ending}")
    with KnowledgeGraph.load_file(tmp_path / f"g.{ending}") as back:
        assert networkx.utils.graphs_equal(back.nx, timed.nx)
        assert employers(back, "1992") == {"Brightmill"}


def test_a_time_without_a_year_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "people.tsv").write_text("A\tspouse\tB\tin spring\n", "utf-8")
    with pytest.raises(DataError, match="line 1: 'in spring' is no time with a year"):
        KnowledgeGraph.load_file(tmp_path / "people.tsv", tmp_path / "g.kg", columns=COLUMNS)
    assert not (tmp_path / "g.kg").exists()


def test_texts_state_times(kit, tmp_path: Path) -> None:
    with KnowledgeGraph.build([Document("Ona Reyl worked for Brightmill in 1990.", "a.txt")], kit) as graph:
        (fact,) = graph.facts()
        assert [evidence.time for evidence in graph.store.evidence(fact)] == ["1990"]


def test_a_file_of_the_version_before_is_taken_on(timed: KnowledgeGraph, tmp_path: Path) -> None:
    path = timed.store.path
    timed.store.db.execute("ALTER TABLE evidence DROP COLUMN time")
    timed.store.db.execute("ALTER TABLE document DROP COLUMN revision")
    timed.store.db.execute("PRAGMA user_version=1")
    timed.close()
    store = Store(path)
    assert store.db.value("PRAGMA user_version") == VERSION
    assert {evidence.time for fact in store.facts() for evidence in store.evidence(fact)} == {None}
    store.close()


def test_the_command_line_asks_at_a_time(timed: KnowledgeGraph) -> None:
    path = str(timed.store.path)
    done = CliRunner().invoke(app, ["graph", "ask", path, "Where does Ona Reyl work?", "--at", "soon"])
    assert done.exit_code != 0
    assert "no time with a year" in done.output
