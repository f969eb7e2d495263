"""Whether the graphs, questions and corpora are read whole: triples, questions and documents against the sources."""

from __future__ import annotations

import gzip
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from _report import Row, options, show, write
from kgqa_metaqa import questions

from nlpkit.graph import sources
from nlpkit.graph.kg import KnowledgeGraph

GRAPHS = (
    ("metaqa/kb.txt.gz", 133_582),
    ("pathquestion/2H-kb.txt", 1_211),
    ("pathquestion/3H-kb.txt", 2_839),
    ("lp_umls/train.txt", 5_216),
    ("lp_umls/valid.txt", 652),
    ("lp_umls/test.txt", 661),
    ("lp_kinship/train.txt", 8_544),
    ("lp_nations/train.txt", 1_592),
)
QUESTIONS = (
    (1, "dev", 9_992),
    (1, "test", 9_947),
    (2, "dev", 14_872),
    (2, "test", 14_872),
    (3, "dev", 14_274),
    (3, "test", 14_274),
)
CORPORA = (
    ("bbc_news/bbc_news.jsonl.gz", 2_225),
    ("wikipedia_2wiki/passages.jsonl.gz", 6_119),
    ("english_novels/novels_2.jsonl.gz", 20),
    ("wikitext2/test.txt.gz", 1),
    ("wikitext2/valid.txt.gz", 1),
)


def graphs(folder: Path) -> Iterator[Row]:
    """Load triples and count the facts."""
    for name, n in GRAPHS:
        with KnowledgeGraph.load_file(folder / name) as graph:
            yield Row(f"kgqa/{name}", sum(1 for _ in graph.facts()), "facts", n)


def asked(folder: Path) -> Iterator[Row]:
    """Count MetaQA's questions."""
    for hops, split, n in QUESTIONS:
        found = len(questions(folder / "metaqa", hops, split))
        yield Row(f"kgqa/metaqa, {hops}-hop {split}", found, "questions", n)


def corpora(folder: Path) -> Iterator[Row]:
    """Unpack texts and count the documents that a graph would be built of."""
    with tempfile.TemporaryDirectory() as place:
        for name, n in CORPORA:
            path = Path(place) / Path(name).name.removesuffix(".gz")
            with gzip.open(folder / name) as packed, path.open("wb") as file:
                shutil.copyfileobj(packed, file)
            found, _ = sources.read(path, lambda _name, _why: None)  # a file that is named is never left out
            yield Row(f"corpora/{name}", sum(1 for _ in found), "documents", n)


def main() -> None:
    """Count everything and write benchmarks/results/graph_data.json; fail where a count differs."""
    arguments = options(__doc__, "small graphs only").parse_args()
    kgqa = arguments.data / "kgqa"
    rows = [*graphs(kgqa), *asked(kgqa), *corpora(arguments.data / "corpora")]
    show("Graphs, questions and corpora as read", rows)
    write("graph_data", rows, "kgqa and corpora, against the sizes that their sources state")
    if differing := [row for row in rows if row.value != row.goal]:
        sys.exit("\n".join(f"{row.name}: read {row.value}, stated {row.goal}" for row in differing))


if __name__ == "__main__":
    main()
