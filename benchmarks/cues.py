"""What each cue is worth: its precision on Re-DocRED's dev file, and what all of them do to triples on its test file.

With `--write` the counts go into `nlpkit/cues.toml`, and cues that are mostly wrong go out of it. The cues are not
trained, so the file that the relation head was trained on is as good as any other to count them on; its entities are
given, and pronouns are linked by our rules. Its annotators left out much that the sentences say ("in 1997 he formed
McMaster & James"): of the pairs found and not annotated, those of the commonest relations were read one by one, and
those that the sentence does say stand in `cues_said.jsonl`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from _report import Row, options, show, write

import nlpkit
from nlpkit import cues, data
from nlpkit.chains import with_anaphora
from nlpkit.cues import TABLE, Cue
from nlpkit.heads.relation import RelationHead
from nlpkit.kit import Kit
from nlpkit.metrics import total, triple_counts
from nlpkit.text import sentences
from nlpkit.types import Document

SAID = Path(__file__).with_name("cues_said.jsonl")
_LINE = re.compile(r"  \{ says = (?:'''(?P<long>.+?)'''|'(?P<short>.+?)'), found = \d+, right = \d+, said = \d+ \},")

Counts = tuple[int, int, int]
"""Pairs found; of these those annotated; and those not annotated that the sentence says."""


def main() -> None:
    """Measure and write benchmarks/results/cues.json."""
    parser = options(__doc__, "count the cues and leave the test file alone")
    parser.add_argument("--write", action="store_true", help="write the counts into nlpkit/cues.toml")
    arguments = parser.parse_args()
    folder = arguments.data / "re" / "re-docred"
    counted = count(e.document for e in data.read(folder / "dev_revised.json.gz", "redocred"))
    if arguments.write:
        write_counts(counted)
    show("The cues: precision", list(_by_relation(counted)))
    if arguments.quick:
        return
    kit = nlpkit.load()
    golds = [e.document for e in data.read(folder / "test_revised.json.gz", "redocred")]
    rows = [*_summary(counted), *_by_relation(counted)]
    for on in (True, False):
        switch(kit, on)
        rows += _triples(kit, golds, "with the cues" if on else "without the cues")
    show("The cues", rows)
    write("cues", rows, "Re-DocRED: precision of the cues on dev_revised, triples on test_revised")


def count(documents: Iterable[Document]) -> dict[Cue, Counts]:
    """Count what each cue finds in documents with their gold chains."""
    said = {tuple(json.loads(line).values()) for line in SAID.read_text(encoding="utf-8").splitlines()}
    found: dict[Cue, set[tuple[str, int, int]]] = {cue: set() for cue in cues.cues()}
    kinds: dict[Cue, list[str]] = {cue: [] for cue in found}
    for document in documents:
        spans = sentences(document.text)
        chains = with_anaphora(document.text, list(document.chains), spans)
        gold = _gold(document)
        for cue, subject, object_, _ in cues.matches(document.text, chains, spans, cues.cues()):
            if (document.id, subject, object_) in found[cue]:
                continue
            found[cue].add((document.id, subject, object_))
            names = (cue.property, document.id, chains[subject].name, chains[object_].name)
            right = (subject, cue.property, object_) in gold
            kinds[cue].append("right" if right else "said" if names in said else "wrong")
    return {cue: (len(kinds[cue]), kinds[cue].count("right"), kinds[cue].count("said")) for cue in found}


def _gold(document: Document) -> set[tuple[int, str | None, int]]:
    owner = {(m.start, m.end, c.label): n for n, c in enumerate(document.chains) for m in c.mentions}
    ends = [[owner[e.start, e.end, e.label] for e in (r.subject, r.object)] for r in document.relations]
    return {(s, r.property, o) for (s, o), r in zip(ends, document.relations, strict=True)}


def write_counts(counted: Mapping[Cue, Counts]) -> None:
    """Write the counts into the table, then leave out the cues whose precision is too low."""
    fresh = {(cue.property, cue.says): counts for cue, counts in counted.items()}
    _rewrite(lambda key, says: fresh[key, says])
    cues.cues.cache_clear()
    low = {(cue.property, cue.says) for cue in cues.cues() if cue.score < cues.LEAST}
    _rewrite(lambda key, says: None if (key, says) in low else fresh[key, says])
    cues.cues.cache_clear()


def _rewrite(counts_of: Callable[[str, str], Counts | None]) -> None:
    lines, key = [], ""
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        key = line.strip("[]") if line.startswith("[") else key
        match = _LINE.fullmatch(line)
        if match is None:
            lines.append(line)
            continue
        counts = counts_of(key, match["long"] or match["short"])
        if counts is not None:
            front = line[: line.rindex(", found = ")]
            lines.append("{}, found = {}, right = {}, said = {} }},".format(front, *counts))
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _by_relation(counted: Mapping[Cue, Counts]) -> Iterator[Row]:
    for key in dict.fromkeys(cue.property for cue in counted):
        counts = [c for cue, c in counted.items() if cue.property == key]
        found, right, said = (sum(c[n] for c in counts) for n in range(3))
        yield Row(f"{key}: found", found, "")
        if found:
            yield Row(f"{key}: annotated", right / found, "share")
            yield Row(f"{key}: annotated or said", (right + said) / found, "share")


def _summary(counted: Mapping[Cue, Counts]) -> list[Row]:
    used = [cue for cue in cues.cues() if cue.found]
    return [
        Row("relations with cues", len({cue.property for cue in cues.cues()}), ""),
        Row("cues", len(cues.cues()), ""),
        Row("cues that matched in dev", len(used), ""),
        Row("median score of a cue", median(cue.score for cue in cues.cues()), "share"),
        Row("found", sum(c[0] for c in counted.values()), ""),
        Row("annotated", sum(c[1] for c in counted.values()), ""),
        Row("not annotated, but said", sum(c[2] for c in counted.values()), ""),
    ]


def _triples(kit: Kit, golds: Sequence[Document], name: str) -> list[Row]:
    counts = total(triple_counts(p, g) for p, g in zip(kit([g.text for g in golds]), golds, strict=True))
    return [Row(f"triples {name}: {metric}", value, "") for metric, value in counts.to_dict().items()]


def switch(kit: Kit, on: bool) -> None:
    """Have the cues read, or not, whatever the adapter says."""
    for task in kit.tasks.values():
        for head in task.heads:
            if isinstance(head, RelationHead):
                head.cues = on


if __name__ == "__main__":
    main()
