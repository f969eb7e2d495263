"""Killed with -9 at any moment and started again, a build ends with the graph of an undisturbed one."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nlpkit.graph.kg import KnowledgeGraph
from nlpkit.graph.store import Store
from tests.graph.conftest import FakeKit, contents

N_DOCUMENTS = 60
N_KILLS = 6
PEOPLE = ["Marie Curie", "Albert Einstein", "Ada Byron", "Rosa Parks", "Alan Turing"]
PLACES = ["Warsaw", "Paris", "Ulm", "Rome"]

SCRIPT = """
import sys, time
sys.path.insert(0, sys.argv[1])
from conftest import FakeKit
from nlpkit.graph import build
from nlpkit.graph.kg import KnowledgeGraph
build.BATCH_CHARS = 300
print("started", flush=True)
KnowledgeGraph.build(sys.argv[2], FakeKit(), sys.argv[3], progress=lambda _: time.sleep(0.003)).close()
"""

LIFE = """
import sys, time
sys.path.insert(0, sys.argv[1])
from conftest import FakeKit
from nlpkit.errors import StoreBusyError
from nlpkit.graph import build
from nlpkit.graph.kg import KnowledgeGraph
build.BATCH_CHARS = 300
corpus, path, kit = sys.argv[2], sys.argv[3], FakeKit(sys.argv[4])
print("started", flush=True)
try:
    for again in (False, True):
        KnowledgeGraph.build(corpus, kit, path, progress=lambda _: time.sleep(0.001), again=again).close()
    with KnowledgeGraph.open(path) as graph:
        for name in list(graph.documents())[::4]:
            graph.remove(name)
except StoreBusyError:
    sys.exit(3)
"""
N_LIVES = 100


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    choose = random.Random(7)
    folder = tmp_path / "corpus"
    folder.mkdir()
    for number in range(N_DOCUMENTS):
        sentences = [
            f"{choose.choice(PEOPLE)} was born in {choose.choice(PLACES)}. {choose.choice(PEOPLE)} worked for Ann Lee."
            for _ in range(3)
        ]
        (folder / f"{number:03}.txt").write_text(" ".join(sentences))
    return folder


def start(corpus: Path, store: Path, script: str = SCRIPT, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", script, str(Path(__file__).parent), str(corpus), str(store), *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert process.stdout is not None
    assert process.stdout.readline() == b"started\n"
    return process


def test_killed_and_resumed(corpus: Path, tmp_path: Path) -> None:
    with KnowledgeGraph.build(corpus, FakeKit(), tmp_path / "whole.kg") as graph:
        whole = contents(graph.store)
        merges = [merge.name for merge in graph.merges()]
    path = tmp_path / "killed.kg"
    choose = random.Random(time.time_ns())
    sizes = []
    for _ in range(N_KILLS):
        with start(corpus, path) as process:
            time.sleep(choose.uniform(0.0, 0.25))
            process.kill()
        if path.exists() and path.stat().st_size:
            with KnowledgeGraph.build([], FakeKit(), path) as graph:
                assert graph.store.db.value("PRAGMA integrity_check") == "ok"
                sizes.append(graph.store.count("document"))
    assert sizes == sorted(sizes), "a kill lost documents"
    with start(corpus, path) as process:
        assert process.wait(60) == 0
    store = Store(path)
    assert contents(store) == whole
    assert [merge.name for merge in store.merges()] == merges
    store.close()


@pytest.mark.slow
def test_a_hundred_kills_with_two_writers_and_a_reader(corpus: Path, tmp_path: Path) -> None:
    path = tmp_path / "killed.kg"
    KnowledgeGraph.build(corpus, FakeKit(), path).close()
    choose = random.Random(time.time_ns())
    for n in range(N_LIVES):
        revision = f"fake-{n // 3}"
        with start(corpus, path, LIFE, revision) as one, start(corpus, path, LIFE, revision) as other:
            with KnowledgeGraph.open(path) as graph:
                assert graph.faults() == [], "a reader sees a write half done"
            time.sleep(choose.uniform(0.0, 0.3))
            one.kill()
            other.kill()
        with KnowledgeGraph.open(path) as graph:
            assert graph.faults() == []
    store = Store(path)
    assert store.version > N_DOCUMENTS, "killed before anything was written"
    with store.writing(), start(corpus, path, LIFE, "fake-1") as second:
        assert second.wait() == 3, "two may not write at once"
    store.close()
    last = FakeKit("last")
    with KnowledgeGraph.build(corpus, last, path) as graph, KnowledgeGraph.build(corpus, last) as whole:
        assert sorted(graph.documents()) == sorted(whole.documents())
    with KnowledgeGraph.build(corpus, last, path, again=True) as graph, KnowledgeGraph.build(corpus, last) as whole:
        assert contents(graph.store) == contents(whole.store)
