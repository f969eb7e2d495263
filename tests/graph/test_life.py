"""The life of a graph: added to, taken from, joined with another, compared, read again, and found whole."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nlpkit.cli.main import app
from nlpkit.errors import GraphError, StoreError
from nlpkit.graph.kg import KnowledgeGraph
from nlpkit.graph.store import Store
from nlpkit.types import Document
from tests.graph.conftest import FakeKit, contents

TEXTS = {
    "a.txt": "Marie Curie was born in Warsaw. Marie Curie worked for Ann Lee.",
    "b.txt": "Albert Einstein was born in Ulm. Ann Lee was born in Paris.",
    "c.txt": "Marie Curie worked for Albert Einstein. Rosa Parks was born in Rome.",
    "d.txt": "Ann Lee worked for Rosa Parks. Albert Einstein worked for Ann Lee.",
}
DOCUMENTS = [Document(text, name) for name, text in TEXTS.items()]


@pytest.fixture
def halves(tmp_path: Path, kit: FakeKit):
    with (
        KnowledgeGraph.build(DOCUMENTS[:2], kit, tmp_path / "first.kg") as first,
        KnowledgeGraph.build(DOCUMENTS[2:], kit, tmp_path / "second.kg") as second,
    ):
        yield first, second


def test_two_graphs_joined_are_the_graph_of_all_texts(halves, tmp_path: Path, kit: FakeKit) -> None:
    first, second = halves
    told: list[tuple[int, int]] = []
    joined = first.join(second, progress=lambda done, total: told.append((done, total)))
    assert (joined.added, joined.unchanged, joined.differing) == (2, 0, [])
    assert told == [(1, 2), (2, 2)]
    with KnowledgeGraph.build(DOCUMENTS, kit) as whole:
        assert contents(first.store) == contents(whole.store)
        assert first.differences(whole) == []
    assert first.faults() == []
    again = first.join(second)
    assert (again.added, again.unchanged) == (0, 2)


def test_joining_goes_on_after_a_kill(halves, tmp_path: Path) -> None:
    first, second = halves
    first.copy(tmp_path / "killed.kg")

    def kill(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with KnowledgeGraph.open(tmp_path / "killed.kg") as killed:
        with pytest.raises(KeyboardInterrupt):
            killed.join(second, progress=kill)
        assert killed.store.count("document") == 3
        assert killed.faults() == []
        joined = killed.join(second)
        assert (joined.added, joined.unchanged) == (1, 1)
        first.join(second)
        assert contents(killed.store) == contents(first.store)


def test_what_the_other_graph_keeps_apart_stays_apart(tmp_path: Path, kit: FakeKit) -> None:
    texts = [Document("Ann Lee was born in Rome.", "x"), Document("Ann Lee was born in Rome.\n", "y")]
    with (
        KnowledgeGraph.build(texts, kit, tmp_path / "other.kg") as other,
        KnowledgeGraph.build(DOCUMENTS[:2], kit, tmp_path / "ours.kg") as ours,
    ):
        (merge,) = [m for m in other.merges() if m.name == "Ann Lee"]
        other.undo(merge.id)
        assert len(other.store.find("Ann Lee")) == 2
        ours.join(other)
        assert len(ours.store.find("Ann Lee")) == 2, "one of the two is ours"
        assert ours.faults() == []


def test_documents_in_two_versions(halves, kit: FakeKit) -> None:
    first, second = halves
    second.add(replace(kit([TEXTS["c.txt"]])[0], id="a.txt"), revision="fake-2")
    joined = first.join(second)
    assert joined.differing == ["a.txt"]
    assert first.store.find("Warsaw")
    joined = first.join(second, theirs=True)
    assert (joined.differing, joined.added) == (["a.txt"], 1)
    assert not first.store.find("Warsaw")
    assert first.store.revision_of("a.txt") == "fake-2"
    assert first.faults() == []


def test_imported_graphs_are_joined_by_exact_names(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("Ona\tspouse\tTam\n", "utf-8")
    (tmp_path / "b.tsv").write_text("Tam\temployer\tBrightmill\nTam Orry\tspouse\tBo\n", "utf-8")
    with (
        KnowledgeGraph.load_file(tmp_path / "a.tsv", tmp_path / "a.kg") as ours,
        KnowledgeGraph.load_file(tmp_path / "b.tsv", tmp_path / "b.kg") as other,
    ):
        ours.join(other)
        assert sorted(node.name for node in ours.nodes()) == ["Bo", "Brightmill", "Ona", "Tam", "Tam Orry"]
        assert ours.faults() == []


def test_a_graph_is_not_joined_with_itself_nor_with_one_of_another_backbone(halves, tmp_path: Path) -> None:
    first, second = halves
    with pytest.raises(GraphError, match="cannot be joined with itself"):
        first.join(first)
    second.store.db.execute("UPDATE chain SET context = zeroblob(8)")
    with pytest.raises(GraphError, match="another backbone"):
        first.join(second)


def test_differences(halves) -> None:
    first, second = halves
    found = {(one.change, one.kind, one.name) for one in first.differences(second)}
    assert ("-", "document", ("a.txt",)) in found
    assert ("+", "fact", ("Rosa Parks", "PER", "place of birth", "Rome", "LOC")) in found
    assert ("~", "entity", ("Marie Curie", "PER")) in found
    assert first.differences(first) == []


def test_only_what_other_adapters_read_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "g.kg"
    KnowledgeGraph.build(DOCUMENTS[:2], FakeKit(), path).close()
    newer = FakeKit("fake-2")
    KnowledgeGraph.build(DOCUMENTS[1:3], newer, path).close()
    assert newer.read == [TEXTS["c.txt"]], "a text is read once"
    newer.read.clear()
    with KnowledgeGraph.build(DOCUMENTS, newer, path, again=True) as graph:
        assert newer.read == [TEXTS["a.txt"], TEXTS["b.txt"]], "what is not there is not added"
        assert {graph.store.revision_of(name) for name in graph.documents()} == {"fake-2"}
        assert graph.faults() == []
    newer.read.clear()
    KnowledgeGraph.build(DOCUMENTS, newer, path, again=True).close()
    assert newer.read == []


def test_an_estimate_reads_a_little_and_writes_nothing(tmp_path: Path, kit: FakeKit) -> None:
    path = tmp_path / "g.kg"
    found = KnowledgeGraph.estimate(DOCUMENTS, kit, path)
    assert (found.new, found.changed, found.unchanged) == (4, 0, 0)
    assert found.characters == sum(map(len, TEXTS.values()))
    assert found.seconds is not None
    assert found.seconds >= 0.0
    assert not path.exists()
    KnowledgeGraph.build(DOCUMENTS[:3], kit, path).close()
    before = path.read_bytes()
    changed = replace(DOCUMENTS[0], text="Marie Curie was born in Rome.")
    found = KnowledgeGraph.estimate([changed, *DOCUMENTS[1:]], kit, path)
    assert (found.new, found.changed, found.unchanged) == (1, 1, 2)
    assert KnowledgeGraph.estimate(DOCUMENTS[:3], kit, path).seconds is None
    assert KnowledgeGraph.estimate(DOCUMENTS, FakeKit("fake-2"), path, again=True).changed == 3
    assert path.read_bytes() == before


FAULTS = {
    "DELETE FROM evidence WHERE id = 1": "facts without evidence: ",
    "DELETE FROM document WHERE id = 1": "chains of no document: ",
    "DELETE FROM entity WHERE id = 1": "chains of no entity: ",
    "DELETE FROM chain WHERE id = 1": "evidence whose ends are not those of its fact: ",
    "DELETE FROM fact WHERE id = 1": "evidence of no fact: ",
    "UPDATE fact SET score = 0.123 WHERE id = 1": "facts with a wrong score: 1",
    "UPDATE entity SET count = 99 WHERE id = 1": "entities whose mentions do not add up: 1",
    "UPDATE entity SET name = 'X' WHERE id = 1": "entities whose name is none of theirs: 1",
    "UPDATE alias SET n = n + 1 WHERE text = 'Ulm'": "names that are counted wrongly: 'Ulm'",
    "UPDATE alias SET key = 'x' WHERE text = 'Ulm'": "names under a wrong key: 'Ulm'",
    "DELETE FROM block WHERE key = (SELECT MIN(key) FROM block)": "blocking keys that are counted wrongly: ",
    "UPDATE mention SET chain = 999 WHERE chain = 1": "mentions of no chain: 999",
    "INSERT INTO merge (chain, entity, reason, score) VALUES (999, 1, '', 1)": "merges of no chain: ",
    "UPDATE chain SET entity = 2 WHERE id = 1": "evidence whose ends are not those of its fact: ",
    "UPDATE evidence SET document = 99 WHERE id = 1": "evidence of no document: 1",
    "UPDATE fact SET relation = 99 WHERE id = 1": "facts of no relation: 1",
}


@pytest.mark.parametrize(("damage", "fault"), FAULTS.items(), ids=list(FAULTS))
def test_what_is_lost_or_doubled_shows(halves, damage: str, fault: str) -> None:
    first, _ = halves
    assert first.faults() == []
    first.store.db.execute(damage)
    assert any(found.startswith(fault) for found in first.faults())


def test_documents_go_together_or_not_at_all(halves) -> None:
    first, _ = halves
    before = contents(first.store)
    with pytest.raises(GraphError, match="no document 'none'"):
        first.remove("a.txt", "none")
    assert contents(first.store) == before
    first.remove("a.txt", "b.txt")
    assert (first.store.count("entity"), first.store.count("fact")) == (0, 0)
    assert first.faults() == []


def test_a_copy_is_not_written_over_another_file(halves, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is there already"):
        halves[0].copy(tmp_path / "second.kg")


def test_files_of_the_second_version_are_taken_on(tmp_path: Path) -> None:
    KnowledgeGraph.build(DOCUMENTS, FakeKit(), tmp_path / "g.kg").close()
    store = Store(tmp_path / "g.kg")
    store.db.execute("ALTER TABLE document DROP COLUMN revision")
    store.db.execute("PRAGMA user_version=2")
    store.close()
    store = Store(tmp_path / "g.kg")
    assert {store.revision_of(name) for name in store.documents()} == {"fake-1"}
    store.close()


def run(*arguments: object):
    return CliRunner().invoke(app, ["graph", *map(str, arguments)])


def test_the_command_line(halves, tmp_path: Path) -> None:
    a, b = tmp_path / "first.kg", tmp_path / "second.kg"
    for graph in halves:
        graph.close()
    done = run("diff", a, b)
    assert done.exit_code == 1
    assert "- fact" not in done.output
    assert "- document a.txt" in done.output
    assert "+ Rosa Parks -- place of birth --> Rome  0.80" in done.output
    lines = [json.loads(line) for line in run("diff", a, b, "--json").output.splitlines()]
    assert {"kind": "document", "change": "-", "name": ["a.txt"]}.items() <= lines[0].items()
    dry = run("merge", a, b, "--dry-run")
    assert "would add 2 documents, 2 entities, 4 facts, 4 evidence; 0 documents were there" in dry.output
    done = run("merge", a, b)
    assert done.exit_code == 0
    assert "added 2 documents, 2 entities, 4 facts, 4 evidence" in done.output
    assert run("diff", a, a).exit_code == 0
    dry = run("remove", a, "c.txt", "d.txt", "--dry-run")
    assert "would remove 2 documents, 2 entities, 4 facts, 4 evidence" in dry.output
    assert run("remove", a, "c.txt", "d.txt").exit_code == 0
    done = run("verify", a)
    assert (done.exit_code, "whole: 2 documents" in done.output) == (0, True)
    store = Store(a)
    store.db.execute("DELETE FROM document")
    store.close()
    done = run("verify", a)
    assert done.exit_code == 1
    assert "chains of no document" in done.output


@pytest.mark.parametrize("command", ["add", "re-extract"])
def test_nothing_is_added_to_a_graph_that_is_not_there(tmp_path: Path, command: str) -> None:
    (tmp_path / "a.txt").write_text("Ann Lee left.", "utf-8")
    done = run(command, tmp_path / "none.kg", tmp_path / "a.txt")
    assert done.exit_code == 1
    assert "no graph at" in done.output
    assert not (tmp_path / "none.kg").exists()
