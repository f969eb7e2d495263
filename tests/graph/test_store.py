"""The store: what goes in comes out, what is taken out is gone, and the file stays whole."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from nlpkit.errors import GraphError, InputError, StoreBusyError, StoreError
from nlpkit.graph.kg import KnowledgeGraph
from nlpkit.graph.ledger import noisy_or
from nlpkit.graph.schema import VERSION
from nlpkit.graph.store import Store
from nlpkit.types import Document, Entity, Relation
from tests.graph.conftest import SCORE, FakeKit, contents

CURIE = "Marie Curie was born in Warsaw. Marie Curie worked for Sorbonne."
EINSTEIN = "Albert Einstein was born in Ulm."
AGAIN = "As said before, Marie Curie was born in Warsaw."


def read(kit: FakeKit, text: str, name: str) -> Document:
    document = kit([text])[0]
    return Document(text, name, document.entities, document.chains, document.relations)


@pytest.fixture
def graph(tmp_path: Path, kit: FakeKit) -> Iterator[KnowledgeGraph]:
    with KnowledgeGraph.build([], kit, tmp_path / "g.kg") as graph:
        for name, text in {"curie": CURIE, "einstein": EINSTEIN}.items():
            graph.add(read(kit, text, name))
        yield graph


def test_documents_become_nodes_and_facts(graph: KnowledgeGraph) -> None:
    nodes = {node.name: node for node in graph.nodes()}
    assert set(nodes) == {"Marie Curie", "Warsaw", "Sorbonne", "Albert Einstein", "Ulm"}
    assert nodes["Marie Curie"].count == 2
    assert nodes["Warsaw"].type == "LOC"
    fact = graph.store.follow([nodes["Marie Curie"].id], "place of birth", inverse=False)[0]
    assert (fact.object, fact.score, fact.property) == (nodes["Warsaw"].id, SCORE, "P19")
    evidence = graph.store.evidence(fact)
    assert [(e.document, e.text, e.revision) for e in evidence] == [
        ("curie", "Marie Curie was born in Warsaw.", "fake-1")
    ]
    assert CURIE[evidence[0].start : evidence[0].end] == evidence[0].text


def test_looking_around(graph: KnowledgeGraph) -> None:
    store = graph.store
    curie, warsaw = store.find("marie curie")[0], store.find("WARSAW")[0]
    assert store.steps([curie.id]) == {("place of birth", False): 1, ("employer", False): 1}
    assert store.steps([warsaw.id]) == {("place of birth", True): 1}
    assert [f.subject for f in store.follow([warsaw.id], "place of birth", inverse=True)] == [curie.id]
    assert store.follow([curie.id], "no such relation", inverse=False) == []
    assert store.relations() == {"place of birth": 2, "employer": 1}
    assert store.neighbour_types()["place of birth", False] == Counter(LOC=2)
    assert store.neighbour_types()["place of birth", True] == Counter(PER=2)
    assert store.find_near("Marie Curle")[0][0] == curie
    assert 0.9 < store.find_near("Marie Curle")[0][1] < 1
    assert store.find("nobody") == []
    assert store.node(curie.id) == curie
    with pytest.raises(GraphError, match="no node 999"):
        store.node(999)


def test_adding_again_does_nothing(graph: KnowledgeGraph, kit: FakeKit) -> None:
    before, version = contents(graph.store), graph.store.version
    assert not graph.add(read(kit, CURIE, "curie"))
    assert contents(graph.store) == before
    assert graph.store.version == version


def test_repeated_evidence_raises_the_score(graph: KnowledgeGraph, kit: FakeKit) -> None:
    graph.add(read(kit, AGAIN, "again"))
    curie = graph.store.find("Marie Curie")[0]
    fact = graph.store.follow([curie.id], "place of birth", inverse=False)[0]
    assert fact.score == pytest.approx(1 - (1 - SCORE) ** 2)
    assert len(graph.store.evidence(fact)) == 2
    assert curie.count == 3


def test_noisy_or() -> None:
    assert noisy_or([]) is None
    assert noisy_or([("a", None)]) is None
    assert noisy_or([("a", 0.3)]) == 0.3
    assert noisy_or([("a", 0.3), ("a", 0.5)]) == 0.5
    assert noisy_or([("a", 0.5), ("b", 0.5), ("c", None)]) == pytest.approx(0.75)
    assert noisy_or([("a", 0.1), ("b", 0.7), ("c", 0.3)]) == noisy_or([("c", 0.3), ("a", 0.1), ("b", 0.7)])


def test_removing_takes_away_what_only_that_document_supported(graph: KnowledgeGraph, kit: FakeKit) -> None:
    before = contents(graph.store)
    graph.add(read(kit, AGAIN, "again"))
    assert contents(graph.store) != before
    graph.remove("again")
    assert contents(graph.store) == before
    graph.remove("curie")
    assert {node.name for node in graph.nodes()} == {"Albert Einstein", "Ulm"}
    graph.remove("einstein")
    assert [
        graph.store.count(table) for table in ("entity", "fact", "alias", "block", "chain", "mention", "merge")
    ] == [0] * 7
    with pytest.raises(GraphError, match="no document 'curie'"):
        graph.remove("curie")


def test_a_changed_document_replaces_its_old_facts(graph: KnowledgeGraph, kit: FakeKit) -> None:
    assert graph.add(read(kit, "Marie Curie worked for Sorbonne.", "curie"))
    assert graph.store.relations() == {"employer": 1, "place of birth": 1}
    assert graph.store.find("Warsaw") == []


def test_merges_are_recorded_and_undone(graph: KnowledgeGraph, kit: FakeKit) -> None:
    graph.add(read(kit, AGAIN, "again"))
    merges = {merge.name: merge for merge in graph.merges()}
    assert set(merges) == {"Marie Curie", "Warsaw"}
    assert merges["Marie Curie"].document == "again"
    assert merges["Marie Curie"].reason
    graph.undo(merges["Marie Curie"].id)
    curies = graph.store.find("Marie Curie")
    assert [node.count for node in curies] == [2, 1]
    for node in curies:
        facts = graph.store.follow([node.id], "place of birth", inverse=False)
        assert [fact.score for fact in facts] == [SCORE]
    assert [merge.undone for merge in graph.merges() if merge.name == "Marie Curie"] == [True]
    with pytest.raises(GraphError, match="was undone before"):
        graph.undo(merges["Marie Curie"].id)
    with pytest.raises(GraphError, match="is not there"):
        graph.undo(999)


def test_what_was_split_stays_split(graph: KnowledgeGraph, kit: FakeKit) -> None:
    graph.add(read(kit, AGAIN, "again"))
    graph.undo(next(merge.id for merge in graph.merges() if merge.name == "Marie Curie"))
    split = contents(graph.store)
    graph.remove("again")
    graph.add(read(kit, AGAIN, "again"))
    assert contents(graph.store) == split
    graph.add(read(kit, AGAIN + " ", "again"))
    assert len(graph.store.find("Marie Curie")) == 1


def test_values_are_linked_by_equal_name_only(tmp_path: Path, kit: FakeKit) -> None:
    def dated(name: str, year: str) -> Document:
        return Document(f"In {year}.", name, (Entity(year, 3, 3 + len(year), "TIME"),))

    with KnowledgeGraph.build([dated("a", "1903"), dated("b", "1903"), dated("c", "1904")], kit) as graph:
        assert sorted((node.name, node.count) for node in graph.nodes()) == [("1903", 2), ("1904", 1)]


def test_a_relation_between_unknown_mentions_is_refused(graph: KnowledgeGraph) -> None:
    before = contents(graph.store)
    one, other = Entity("Ada", 0, 3, "PER"), Entity("Rome", 10, 14, "LOC")
    document = Document("Ada is in Rome", "bad", (one,), (), (Relation(one, "in", other),))
    with pytest.raises(InputError, match="'Rome' at 10-14"):
        graph.add(document)
    with pytest.raises(InputError, match="no id"):
        graph.add(Document("text"))
    with pytest.raises(InputError, match="surrogate"):
        graph.add(Document("Ada", "half", (Entity("A\ud800", 0, 3, "PER"),)))
    assert contents(graph.store) == before


def test_a_graph_without_kit_answers_no_question(graph: KnowledgeGraph) -> None:
    with (
        KnowledgeGraph.open(graph.store.path) as opened,
        pytest.raises(GraphError, match=r"open it with kit=nlpkit\.load"),
    ):
        opened.ask("Who?")


def test_a_temporary_graph_is_gone_once_closed(kit: FakeKit) -> None:
    graph = KnowledgeGraph.build([], kit)
    folder = graph.store.path.parent
    assert folder.is_dir()
    graph.close()
    assert not folder.exists()


def test_only_whole_stores_of_this_version_are_opened(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="build one first"):
        Store(tmp_path / "none.kg")
    text = tmp_path / "text.kg"
    text.write_text("this is no database, however long it may be " * 100)
    with pytest.raises(StoreError, match="not a database"):
        Store(text, create=True)
    other = tmp_path / "other.kg"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE cats (name)")
    with pytest.raises(StoreError, match="no nlpkit graph"):
        Store(other, create=True)
    newer = tmp_path / "newer.kg"
    store = Store(newer, create=True)
    store.db.execute(f"PRAGMA user_version={VERSION + 1}")
    store.close()
    with pytest.raises(StoreError, match=f"store version {VERSION + 1}"):
        Store(newer)
    (tmp_path / "empty.kg").touch()
    with pytest.raises(StoreError, match="is empty"):
        Store(tmp_path / "empty.kg")


def test_a_full_disk_leaves_the_store_whole(graph: KnowledgeGraph, kit: FakeKit) -> None:
    before = contents(graph.store)
    db = graph.store.db
    db.execute(f"PRAGMA max_page_count={db.value('PRAGMA page_count')}")
    many = ". ".join(f"Person{'abcdefgh'[i % 8]}{i} was born in Paris" for i in range(2000))
    with pytest.raises(StoreError, match="no room left"):
        graph.add(read(kit, many, "many"))
    assert contents(graph.store) == before
    assert db.value("PRAGMA integrity_check") == "ok"
    db.execute("PRAGMA max_page_count=1000000")
    assert graph.add(read(kit, AGAIN, "again"))


def test_only_one_process_writes(graph: KnowledgeGraph, kit: FakeKit) -> None:
    holder = (
        "import sys; from nlpkit.graph.store import Store; store = Store(sys.argv[1])\n"
        "with store.writing():\n    print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", holder, str(graph.store.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert graph.store.find("Marie Curie")
        with pytest.raises(StoreBusyError, match="another process is writing"):
            graph.add(read(kit, AGAIN, "again"))
        with pytest.raises(StoreBusyError):
            KnowledgeGraph.build([], kit, graph.store.path)
        process.kill()
    assert graph.add(read(kit, AGAIN, "again"))
    assert not graph.store.path.with_name("g.kg.lock").exists()


def test_a_damaged_file_is_explained(tmp_path: Path, graph: KnowledgeGraph) -> None:
    graph.close()
    raw = bytearray(graph.store.path.read_bytes())
    raw[4096:] = b"\xff" * (len(raw) - 4096)
    damaged = tmp_path / "damaged.kg"
    damaged.write_bytes(raw)
    store = Store(damaged)
    with pytest.raises(StoreError, match="undamaged"):
        list(store.nodes())
    store.close()


def test_names_that_too_many_share_find_no_candidates(kit: FakeKit) -> None:
    people = [f"{first}{last} Smith" for first in ("Ada", "Bob", "Cleo", "Dan") for last in "bcdfghjklmnpqrstvwxyz"]
    with KnowledgeGraph.build([Document(f"{name}.", name) for name in people], kit) as graph:
        assert len(graph.store.candidates("PER", {"adab smith"})) == 1
        assert len(graph.store.candidates("PER", {"smith"})) == 0
        assert graph.store.candidates("LOC", {"adab smith"}) == []
