"""Times of facts on Re-DocRED test: which TIME mentions are read, and whether the time put on a fact is the right one.

Reading is compared with dateparser (`pip install dateparser`), its first and last possible day taken. Of facts, those
whose gold document also says the date (a place of birth beside the date of birth, a label beside the date of
publication) can be judged: the time put on the fact is right if it shares an end with that date or lies within it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from _report import Row, options, show, write

from nlpkit import data
from nlpkit.graph.timing import stated
from nlpkit.times import Period, period
from nlpkit.types import Document

FILE = "re/re-docred/test_revised.json.gz"
DATED = {
    "P19": "P569",
    "P20": "P570",
    **dict.fromkeys(("P57", "P123", "P162", "P175", "P178", "P264"), "P577"),
    **dict.fromkeys(("P112", "P740"), "P571"),
}
"""Facts that have the time of another: a place of birth that of the date of birth."""


def main() -> None:
    """Measure, and write benchmarks/results/graph_times.json."""
    parser = options(__doc__, "50 documents, nothing is kept")
    arguments = parser.parse_args()
    documents = [example.document for example in data.read(arguments.data / FILE, "redocred")]
    if arguments.quick:
        documents = documents[:50]
    rows = [*read_times(documents), *stated_times(documents)]
    show("Times", rows)
    if not arguments.quick:
        write("graph_times", rows, f"Re-DocRED test, {len(documents)} documents, {Path(FILE).name}")


def read_times(documents: list[Document]) -> Iterator[Row]:
    """Compare what is read of TIME mentions."""
    names = [m.text for d in documents for chain in d.chains if chain.label == "TIME" for m in chain.mentions]
    ours, theirs = ([read(name) for name in names] for read in (period, by_dateparser))
    with_year = sum(found is not None for found in ours)
    yield Row("TIME mentions", len(names), "")
    yield Row("read", with_year / len(names), "share")
    yield Row("read by dateparser", sum(found is not None for found in theirs) / len(names), "share")
    both = [(a, b) for a, b in zip(ours, theirs, strict=True) if a and b]
    yield Row("read alike, of those that both read", sum(a == b for a, b in both) / len(both), "share")


def by_dateparser(text: str) -> Period | None:
    """Return the days that dateparser takes a time for."""
    import dateparser  # type: ignore[import-untyped]

    ends = []
    for side in ("first", "last"):
        settings = {"REQUIRE_PARTS": ["year"], "PARSERS": ["absolute-time"], "PREFER_DATES_FROM": "past"}
        settings |= {"PREFER_DAY_OF_MONTH": side, "PREFER_MONTH_OF_YEAR": side}
        found = dateparser.parse(text, languages=["en"], settings=settings)
        if found is None:
            return None
        ends.append(found.date().toordinal())
    return Period(*ends)


def stated_times(documents: list[Document]) -> Iterator[Row]:
    """Judge the times put on facts by the dates that the gold documents have."""
    counts = Counter[str]()
    for document in documents:
        counts += judged(document)
    yield Row("facts with a date to judge by", counts["facts"], "")
    yield Row("of these, given a time", counts["given"], "")
    yield Row("times that are right", counts["right"] / counts["given"], "share")
    yield Row("evidence that says the date, found", counts["found"] / counts["said"], "share")


def judged(document: Document) -> Counter[str]:
    """Count, of the facts of a document, those with a date, those given a time, and those given the right one."""
    chain_of = {(m.start, m.end): n for n, chain in enumerate(document.chains) for m in chain.mentions}
    facts = defaultdict(list)
    for relation in document.relations:
        ends = [chain_of[entity.start, entity.end] for entity in (relation.subject, relation.object)]
        facts[ends[0], relation.property].append((ends[1], relation.evidence))
    counts = Counter[str]()
    for (subject, property_), found in facts.items():
        dates = [document.chains[n] for n, _ in facts.get((subject, DATED.get(property_ or "")), ())]
        gold = [when for date in dates if (when := period(date.name))]
        for object_, evidence in found if gold else ():
            for span in evidence:
                places = [[(m.start, m.end) for m in document.chains[n].mentions] for n in (subject, object_)]
                given = stated(document.text, (span.start, span.end), *places)
                said = any(span.start <= m.start < span.end for date in dates for m in date.mentions)
                right = given is not None and any(alike(given, when) for when in gold)
                counts.update(
                    {"facts": 1, "given": given is not None, "right": right, "said": said, "found": said and right}
                )
    return counts


def alike(given: Period, gold: Period) -> bool:
    """Whether a time is that of a date, though one may be the less precise."""
    ends = given.first == gold.first or given.last == gold.last
    return given.overlaps(gold) and (ends or given.within(gold) or gold.within(given))


if __name__ == "__main__":
    main()
