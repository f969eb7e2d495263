"""Conflicts in a graph of Re-DocRED's gold facts: how many facts that people marked `nlpkit graph check` objects to."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from _report import Row, options, show, write

from nlpkit import data
from nlpkit.graph.kg import KnowledgeGraph
from nlpkit.graph.store import Store

FILE = "re/re-docred/test_revised.json.gz"


def main() -> None:
    """Measure, and write benchmarks/results/graph_conflicts.json."""
    parser = options(__doc__, "50 documents, nothing is kept")
    arguments = parser.parse_args()
    documents = [example.document for example in data.read(arguments.data / FILE, "redocred")]
    if arguments.quick:
        documents = documents[:50]
    with tempfile.TemporaryDirectory() as folder, KnowledgeGraph(Store(Path(folder, "g.kg"), create=True)) as graph:
        for document in documents:
            graph.add(document)
        conflicts = graph.check()
        rows = [Row("facts", sum(1 for _ in graph.facts()), ""), Row("conflicts", len(conflicts), "")]
        kinds = Counter(conflict.kind for conflict in conflicts)
        rows += [Row(f"conflicts, {kind}", n, "") for kind, n in kinds.most_common()]
        involved = {fact for conflict in conflicts for fact in conflict.facts}
        rows.append(Row("facts in conflicts", len(involved) / rows[0].value, "share"))
    show("Conflicts among gold facts", rows)
    if not arguments.quick:
        write("graph_conflicts", rows, f"Re-DocRED test, {len(documents)} documents, {Path(FILE).name}")


if __name__ == "__main__":
    main()
