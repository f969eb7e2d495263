"""How well names are joined inside documents: Re-DocRED's gold mentions against its gold entities.

The rules of `nlpkit.chains` are switched on one group after the other. B-cubed (Bagga and Baldwin 1998) and
pairwise scores over name mentions; the rules were chosen on dev_revised, test_revised only reports. Pronouns and
nominals have no gold there: their rows say how many are linked.
"""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from itertools import combinations, islice
from unittest.mock import patch

from _report import Row, options, show, write

from nlpkit.chains import chains_of
from nlpkit.data.docred import read
from nlpkit.names import Match, match_names
from nlpkit.types import Document

SPLITS = ("dev_revised", "test_revised")
_PERSONS = {
    *("same name but for the title", "title and surname", "surname", "given name", "first of two surnames"),
    *("same first and last name", "same surname and initial", "same first name, surname part of a double one"),
}
_NEAR = {
    *("near spelling", "same letters", "plural", "same date", "same name but for the legal form"),
    *("name without its head", "head of the name", "name without its kind"),
}
STEPS: dict[str, set[str]] = {
    "same text": set(),
    "+ normalised": set(),
    "+ acronyms": {"acronym"},
    "+ titles, surnames, first names": _PERSONS,
    "+ near and shortened names": _NEAR,
}

Place = tuple[int, int]
Grouping = Mapping[Place, Hashable]


def b_cubed(gold: Grouping, found: Grouping) -> tuple[float, float]:
    """Return the sums over mentions of B-cubed precision and recall. Both groupings hold the same mentions."""
    both = Counter((gold[place], found[place]) for place in gold)
    in_gold, in_found = Counter(gold.values()), Counter(found.values())
    precision = sum(n * n / in_found[group] for (_, group), n in both.items())
    recall = sum(n * n / in_gold[group] for (group, _), n in both.items())
    return precision, recall


def pairs(gold: Grouping, found: Grouping) -> tuple[int, int, int]:
    """Count the pairs of mentions joined in both groupings, in the found one, and in the gold one."""
    joined = [(gold[a] == gold[b], found[a] == found[b]) for a, b in combinations(gold, 2)]
    return sum(g and f for g, f in joined), sum(f for _, f in joined), sum(g for g, _ in joined)


def same_text(document: Document) -> Grouping:
    """Group mentions of one text and type: what any rule must beat."""
    return {(e.start, e.end): (e.text, e.label) for e in document.entities}


def by_names(document: Document) -> Grouping:
    """Group mentions by the rules that are switched on."""
    chains = chains_of(document.text, document.entities, pronouns=False)
    return {(m.start, m.end): number for number, chain in enumerate(chains) for m in chain.mentions}


@contextmanager
def only(reasons: set[str]) -> Iterator[None]:
    """Switch off every match for another reason, and what the text itself equates unless acronyms are on."""

    def matched(a: str, b: str, label: str) -> Match | None:
        match = match_names(a, b, label)
        return match if match and match.reason in reasons | {"same name"} else None

    with patch("nlpkit.chains.match_names", matched):
        if "acronym" in reasons:
            yield
        else:
            with patch("nlpkit.chains._join_equated", lambda *_: None):
                yield


def scores(documents: list[Document], group: Callable[[Document], Grouping]) -> dict[str, float]:
    """Score a way of grouping over documents."""
    n, precise, recalled, counts = 0, 0.0, 0.0, [0, 0, 0]
    for document in documents:
        gold = {(m.start, m.end): number for number, chain in enumerate(document.chains) for m in chain.mentions}
        found = group(document)
        n += len(gold)
        precision, recall = b_cubed(gold, found)
        precise, recalled = precise + precision, recalled + recall
        counts = [total + new for total, new in zip(counts, pairs(gold, found), strict=True)]
    p, r = precise / n, recalled / n
    both, in_found, in_gold = counts
    return {
        "B-cubed P": p,
        "B-cubed R": r,
        "B-cubed F1": 2 * p * r / (p + r),
        "pairs P": both / max(in_found, 1),
        "pairs R": both / in_gold,
        "pairs F1": 2 * both / (in_found + in_gold),
    }


def step_rows(split: str, documents: list[Document]) -> Iterator[Row]:
    """Yield the scores with each group of rules added to those before."""
    reasons: set[str] = set()
    for step, added in STEPS.items():
        reasons |= added
        with only(reasons):
            result = scores(documents, same_text if step == "same text" else by_names)
        yield from (Row(f"{split}: {step}: {name}", round(value, 4), "fraction") for name, value in result.items())


def other_rows(split: str, documents: list[Document]) -> Iterator[Row]:
    """Yield how many pronouns and nominals get an entity, and how fast it all goes."""
    linked: dict[str, int] = defaultdict(int)
    mentions = sum(len(document.entities) for document in documents)
    started = time.perf_counter()
    for document in documents:
        for chain in chains_of(document.text, document.entities):
            for mention in chain.mentions:
                linked[mention.kind] += 1
    seconds = time.perf_counter() - started
    pronouns = re.compile(r"\b(?:he|him|his|himself|she|her|hers|herself)\b", re.IGNORECASE)
    there = sum(len(pronouns.findall(document.text)) for document in documents)
    yield Row(f"{split}: personal pronouns linked", round(linked["pronoun"] / max(there, 1), 4), "fraction")
    yield Row(f"{split}: nominals linked", linked["nominal"], "mentions")
    yield Row(f"{split}: speed", round(mentions / seconds), "mentions/s")


def main() -> None:
    """Read the arguments, measure, print and write."""
    arguments = options(__doc__, "50 documents of each split").parse_args()
    rows: list[Row] = []
    for split in SPLITS:
        examples = read(arguments.data / "re" / "re-docred" / f"{split}.json.gz")
        documents = [example.document for example in islice(examples, 50 if arguments.quick else None)]
        rows += [*step_rows(split, documents), *other_rows(split, documents)]
    show("Coreference of gold name mentions", rows)
    write(
        "coreference",
        rows,
        "Re-DocRED dev_revised and test_revised" + (", 50 documents each" if arguments.quick else ""),
    )


if __name__ == "__main__":
    main()
