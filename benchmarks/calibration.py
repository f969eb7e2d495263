"""How far the scores of entities and relations lie from the share that is right, on Re-DocRED test from raw text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from _report import Row, options, show, write

import nlpkit
from nlpkit import Document, data
from nlpkit.metrics import expected_calibration_error, triple_counts


def main() -> None:
    """Measure and write benchmarks/results/calibration.json."""
    arguments = options(__doc__, "50 documents").parse_args()
    path = arguments.data / "re" / "re-docred" / "test_revised.json.gz"
    golds = [e.document for e in data.read(path, "redocred")][: 50 if arguments.quick else None]
    found = nlpkit.load()([gold.text for gold in golds])
    pairs = list(zip(found, golds, strict=True))
    entities = [scored for pair in pairs for scored in _entities(*pair)]
    relations = [scored for pair in pairs for scored in _relations(*pair)]
    rows = [
        Row("entities, expected calibration error", expected_calibration_error(entities), "", None),
        Row("relations, expected calibration error", expected_calibration_error(relations), "", None),
    ]
    show("Calibration, ten bins", rows)
    if not arguments.quick:
        write("calibration", rows, "Re-DocRED test_revised, 500 documents, from raw text")


def _entities(found: Document, gold: Document) -> Iterator[tuple[float, bool]]:
    true = {(e.start, e.end, e.label) for e in gold.entities}
    return ((e.score or 0.0, (e.start, e.end, e.label) in true) for e in found.entities)


def _relations(found: Document, gold: Document) -> Iterator[tuple[float, bool]]:
    for relation in found.relations:
        alone = replace(found, relations=(relation,))
        yield relation.score or 0.0, triple_counts(alone, gold).hits > 0


if __name__ == "__main__":
    main()
