"""Building: every kind of source, going on where it stopped, and what is said of input that is at fault."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from nlpkit.errors import InputError
from nlpkit.graph.adding import context_of
from nlpkit.graph.build import BATCH_CHARS, Progress
from nlpkit.graph.kg import KnowledgeGraph
from nlpkit.types import Document
from tests.graph.conftest import FakeKit, contents

TEXTS = {
    "a.txt": "Marie Curie was born in Warsaw.",
    "b.md": "# Albert Einstein\nAlbert Einstein was born in Ulm.",
    "deep/c.txt": "Marie Curie worked for Sorbonne.",
    "picture.png": "not read",
    ".hidden/d.txt": "not read",
}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    for name, text in TEXTS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def test_a_folder_becomes_a_graph(corpus: Path, kit: FakeKit, tmp_path: Path) -> None:
    seen: list[Progress] = []
    with KnowledgeGraph.build(corpus, kit, tmp_path / "g.kg", progress=seen.append) as graph:
        assert list(graph.documents()) == ["a.txt", "b.md", "deep/c.txt"]
        assert [node.count for node in graph.store.find("Marie Curie")] == [2]
        assert graph.report is not None
        assert (graph.report.added, graph.report.unchanged, graph.report.skipped) == (3, 0, [])
    assert [(p.done, p.total, p.current) for p in seen] == [(1, 3, "a.txt"), (2, 3, "b.md"), (3, 3, "deep/c.txt")]
    assert seen[-1].seconds_left == 0
    assert seen[-1].rate > 0


def test_building_again_reads_only_what_changed(corpus: Path, kit: FakeKit, tmp_path: Path) -> None:
    path = tmp_path / "g.kg"
    KnowledgeGraph.build(corpus, kit, path).close()
    kit.read.clear()
    with KnowledgeGraph.build(corpus, kit, path) as graph:
        before = contents(graph.store)
    assert kit.read == []
    (corpus / "a.txt").write_text("Marie Curie was born in Paris.")
    (corpus / "b.md").unlink()
    with KnowledgeGraph.build(corpus, kit, path) as graph:
        assert kit.read == ["Marie Curie was born in Paris."]
        assert graph.store.find("Warsaw") == []
        assert graph.store.find("Ulm"), "a file that is gone stays in the graph until it is removed"
        assert contents(graph.store) != before


def test_other_sources(tmp_path: Path, kit: FakeKit, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = tmp_path / "many.jsonl"
    records = [
        {"text": TEXTS["a.txt"], "year": 1867},
        {"text": TEXTS["b.md"], "id": "einstein"},
        {"text": "x", "id": 7},
    ]
    lines.write_text("\n\n".join(map(json.dumps, records)))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"Ada worked for Babbage.")))
    sources = [lines, "-", Document("Bob worked for Ada.", "own")]
    with KnowledgeGraph.build(sources, kit) as graph:
        assert list(graph.documents()) == ["many.jsonl#1", "einstein", "7", "stdin", "own"]
        assert graph.store.metadata("many.jsonl#1") == {"year": 1867}
        assert graph.store.relations() == {"employer": 2, "place of birth": 2}
    with KnowledgeGraph.build((Document(f"Bob{i} worked for Ada.") for i in range(3)), kit) as graph:
        assert len(set(graph.documents())) == 3


def test_documents_that_hold_results_are_taken_as_they_are(kit: FakeKit) -> None:
    document = kit(["Ada worked for Babbage."])[0]
    kit.read.clear()
    with KnowledgeGraph.build([Document(document.text, "d", document.entities)], kit) as graph:
        assert {node.name for node in graph.nodes()} == {"Ada", "Babbage"}
    assert kit.read == []


def test_documents_are_read_in_batches(kit: FakeKit) -> None:
    calls: list[int] = []
    text = "Ada worked for Babbage. " * 500

    class Counting(FakeKit):
        def __call__(self, texts):
            calls.append(sum(map(len, texts)))
            return super().__call__(texts)

    documents = (Document(text, str(i)) for i in range(10))
    KnowledgeGraph.build(documents, Counting()).close()
    assert len(calls) > 1
    assert all(n < BATCH_CHARS + len(text) for n in calls)


def test_faults_inside_a_folder_are_reported_and_the_rest_is_built(corpus: Path, kit: FakeKit) -> None:
    (corpus / "binary.txt").write_bytes(b"abc\0def")
    (corpus / "latin.txt").write_bytes("Café".encode("latin-1"))
    (corpus / "empty.txt").write_text("")
    (corpus / "lines.jsonl").write_text(
        '{"text": "Ada worked for Babbage."}\n{"text": \n{"txt": "x"}\n{"text": "Bob"}\n'
    )
    with KnowledgeGraph.build(corpus, kit) as graph:
        assert graph.report is not None
        skipped = {skip.id: skip.reason for skip in graph.report.skipped}
        assert set(skipped) == {"binary.txt", "latin.txt", "lines.jsonl#2", "lines.jsonl#3"}
        assert "byte 3 is 0" in skipped["binary.txt"]
        assert "byte 3 (0xe9) is not UTF-8" in skipped["latin.txt"]
        assert "iconv" in skipped["latin.txt"]
        assert "line 2: no JSON" in skipped["lines.jsonl#2"]
        assert 'needs a field "text"' in skipped["lines.jsonl#3"]
        assert graph.report.empty == ["empty.txt"]
        assert {"a.txt", "empty.txt", "lines.jsonl#1", "lines.jsonl#4"} <= set(graph.documents())


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("binary.txt", b"\x89PNG\0", "byte 4 is 0"),
        ("bom.txt", b"\xef\xbb\xbfab\xff", r"byte 5 \(0xff\)"),
        ("gbk.txt", "居里夫人".encode("gb18030"), "is not UTF-8"),
        ("bad.jsonl", b'{"text": "a"}\n[1]\n', "line 2"),
        ("report.pdf", b"%PDF", r"ends in '\.pdf'; known"),
    ],
)
def test_a_named_file_at_fault_is_an_error(tmp_path: Path, kit: FakeKit, name: str, raw: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(InputError, match=message):
        KnowledgeGraph.build(tmp_path / name, kit)


def test_folders_at_fault(tmp_path: Path, kit: FakeKit) -> None:
    store = tmp_path / "g.kg"
    with pytest.raises(InputError, match="no file or folder"):
        KnowledgeGraph.build(tmp_path / "nowhere", kit, store)
    (tmp_path / "void").mkdir()
    with pytest.raises(InputError, match=r"no \.txt, \.md or \.jsonl file"):
        KnowledgeGraph.build(tmp_path / "void", kit, store)
    assert not store.exists()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission(corpus: Path, kit: FakeKit) -> None:
    (corpus / "deep").chmod(0)
    try:
        with KnowledgeGraph.build(corpus, kit) as graph:
            assert graph.report is not None
            assert [skip.id for skip in graph.report.skipped] == ["deep"]
        with pytest.raises(InputError, match="chmod"):
            KnowledgeGraph.build(corpus / "deep", kit)
    finally:
        (corpus / "deep").chmod(0o755)


def test_a_folder_that_cannot_be_listed(corpus: Path, kit: FakeKit, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refusing(path):
        if str(path) == str(corpus / "deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with KnowledgeGraph.build(corpus, kit) as graph:
        assert graph.report is not None
        assert [(skip.id, skip.reason) for skip in graph.report.skipped] == [
            ("deep", "cannot be listed: Permission denied")
        ]
    with pytest.raises(InputError, match="chmod u\\+rx"):
        KnowledgeGraph.build(corpus / "deep", kit)


def test_one_id_twice_is_reported(kit: FakeKit) -> None:
    with KnowledgeGraph.build([Document("Ada", "x"), Document("Bob", "x")], kit) as graph:
        assert graph.report is not None
        assert [skip.id for skip in graph.report.skipped] == ["x"]
        assert {node.name for node in graph.nodes()} == {"Ada"}


def test_unusual_text_is_sound(tmp_path: Path, kit: FakeKit) -> None:
    odd = "\x01\x02 Ada\x07 worked for Babbage. 😀 居里夫人 was born in 华沙. \ud83d \x85"
    lines = tmp_path / "odd.jsonl"
    lines.write_text(json.dumps({"text": odd, "id": "odd\udc00"}))
    with KnowledgeGraph.build(lines, kit) as graph:
        assert {"Babbage", "居里夫人", "华沙"} <= {node.name for node in graph.nodes()}
        fact = graph.store.follow([graph.store.find("居里夫人")[0].id], "place of birth", inverse=False)[0]
        said = graph.store.evidence(fact)[0]
        assert said.text.startswith("居里夫人 was born in 华沙")
        assert said.document == "odd\ufffd"


def test_a_line_of_50_megabytes_and_a_text_of_two_million_characters(tmp_path: Path, kit: FakeKit) -> None:
    lines = tmp_path / "long.jsonl"
    filler = "and so on " * 5_000_000
    lines.write_text(json.dumps({"text": filler + "Ada worked for Babbage."}) + "\n" + json.dumps({"text": "Bob"}))
    (tmp_path / "long.txt").write_text("Ada worked for Babbage. ".ljust(2_000_000, "x"))
    with KnowledgeGraph.build([lines, tmp_path / "long.txt"], kit) as graph:
        fact = next(graph.facts())
        assert {said.start for said in graph.store.evidence(fact)} == {len(filler), 0}
        assert list(graph.documents()) == ["long.jsonl#1", "long.jsonl#2", "long.txt"]


def test_the_store_is_whole_when_reading_fails(tmp_path: Path) -> None:
    class Failing(FakeKit):
        def __call__(self, texts):
            if any("Bad" in text for text in texts):
                raise RuntimeError("out of memory")
            return super().__call__(texts)

    path = tmp_path / "g.kg"
    long = "Ada worked for Babbage. ".ljust(BATCH_CHARS, "x")
    with pytest.raises(RuntimeError):
        KnowledgeGraph.build([Document(long, "good"), Document("Bad", "bad")], Failing(), path)
    with KnowledgeGraph.build([Document(long, "good"), Document("Bad", "bad")], FakeKit(), path) as graph:
        assert list(graph.documents()) == ["good", "bad"]
        assert graph.report is not None
        assert graph.report.unchanged == 1


def test_context() -> None:
    text = "First one. Then Ada came! Last."
    assert context_of(text, 16, 19) == "Then Ada came!"
    assert context_of("你好。居里夫人来了。再见", 3, 7) == "居里夫人来了。"
    assert len(context_of("x" * 5000, 2000, 2003)) <= 300
    assert len(context_of("x" * 5000, 100, 4900)) == 300
