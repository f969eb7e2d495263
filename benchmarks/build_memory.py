"""Peak memory of building a graph: 500 documents against 5,000, each in a process of its own.

The documents are real passages, repeated with their names changed (every capitalised word gets a syllable of its
repetition), so that the larger corpus also holds ten times the entities.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from _report import Row, options, show, write

SIZES = (500, 5000)
WORDS = 60
_NAME = re.compile(r"\b[A-Z][a-z]{2,}\b")
_SYLLABLES = [c + v for c in "bdfgklmnprst" for v in "aeiou"]


def main() -> None:
    """Measure and write benchmarks/results/build_memory.json."""
    parser = options(__doc__, "50 against 500 documents")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        sys.stdout.write(json.dumps(build(arguments.data, arguments.child)) + "\n")
        return
    sizes = [n // 10 for n in SIZES] if arguments.quick else SIZES
    small, large = (child(arguments.data, n) for n in sizes)
    beside = (large["rss"] - large["graph"]) / (small["rss"] - small["graph"])
    rows = [
        Row("peak memory beside the graph's own size, large against small", beside, "x", 1.2),
        *(
            Row(f"{n} documents, {what}", measured[key] / 1e6, "MB")
            for n, measured in zip(sizes, (small, large), strict=True)
            for what, key in (("peak memory", "rss"), ("graph file", "graph"))
        ),
        *(
            Row(f"{n} documents, facts", measured["facts"], "facts")
            for n, measured in zip(sizes, (small, large), strict=True)
        ),
    ]
    show("Memory while building", rows)
    if not arguments.quick:
        write("build_memory", rows, f"2WikiMultihopQA passages, their first {WORDS} words, repeated with changed names")


def child(data: Path, n: int) -> dict[str, float]:
    """Build in a fresh process and return what it measured."""
    command = [sys.executable, __file__, "--data", str(data), "--child", str(n)]
    measured: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return measured


def build(data: Path, n: int) -> dict[str, float]:
    """Build a graph of n documents; return the peak resident set and the graph's size in bytes, and its facts."""
    import nlpkit
    from nlpkit import Document

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.kg"
        texts = (Document(text, id=str(k)) for k, text in enumerate(corpus(data, n)))
        with nlpkit.KnowledgeGraph.build(texts, nlpkit.load(), path) as graph:
            facts = graph.summary().facts
        size = sum(f.stat().st_size for f in Path(folder).iterdir())
    return {"rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0, "graph": float(size), "facts": facts}


def corpus(data: Path, n: int) -> Iterator[str]:
    """Yield n texts: 500 passages over and over, with other names each time."""
    with gzip.open(data / "corpora" / "wikipedia_2wiki" / "passages.jsonl.gz", "rt", encoding="utf-8") as f:
        passages = [" ".join(json.loads(next(f))["text"].split()[:WORDS]) for _ in range(min(n, SIZES[0]))]
    for k in range(n):
        passage, turn = passages[k % len(passages)], k // len(passages)
        yield _NAME.sub(rf"\g<0>{_SYLLABLES[turn]}", passage) if turn else passage


if __name__ == "__main__":
    main()
