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


def start(corpus: Path, store: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), str(corpus), str(store)]
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
