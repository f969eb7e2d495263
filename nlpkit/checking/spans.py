"""What is wrong with what is marked in a text."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations

from nlpkit.checking.findings import ERROR, NOTE, WARNING, Finding, Source
from nlpkit.text import words
from nlpkit.types import Document, Entity, Example

_ENDS = frozenset(',;:!?"“”„«»，。；：！？、')
"""Signs that seldom begin or end a name."""
_WORDS = 6
"""Names of at most so many words (characters of scripts without blanks) are looked for in other texts."""
_TIMES = 2
"""A name counts that is marked so often, and at least half the times it stands there."""


def of(document: Document) -> Iterator[Finding]:
    """Yield what is wrong with a document's spans, relations and answers; where it stands is not filled in."""
    for held in (document.entities, document.slots):
        for entity in held:
            yield from _span(document, entity)
        yield from _overlaps(held)
    known = {(e.start, e.end, e.label) for e in document.entities}
    known |= {(m.start, m.end, chain.label) for chain in document.chains for m in chain.mentions}
    for relation in document.relations:
        for name, end in (("subject", relation.subject), ("object", relation.object)):
            if (end.start, end.end, end.label) not in known:
                yield Finding(
                    "relation without its span", ERROR, f"the {name} {end.text!r} of {relation.label} is not marked"
                )
    for answer in document.answers:
        if answer.start < 0:
            yield Finding(
                "answer not in the text", WARNING, f"the answer {answer.text!r:.60} stands nowhere in the text"
            )


def _span(document: Document, entity: Entity) -> Iterator[Finding]:
    text = document.text[entity.start : entity.end]
    named = f"{entity.label} at {entity.start}-{entity.end}"
    if text != entity.text:
        yield Finding("span of another text", ERROR, f"{entity.text!r} ({named}) stands where the text has {text!r}")
    elif not text.strip():
        yield Finding("span of blanks", ERROR, f"{text!r} ({named}) holds nothing but blanks")
    elif text != text.strip():
        yield Finding("span with blanks at its ends", WARNING, f"{text!r} ({named}) begins or ends with a blank")
    elif len(text) > 1 and (text[0] in _ENDS or text[-1] in _ENDS):
        yield Finding("span with punctuation at its ends", NOTE, f"{text!r} ({named})")


def _overlaps(entities: Sequence[Entity]) -> Iterator[Finding]:
    for first, second in combinations(sorted(entities, key=lambda e: (e.start, -e.end)), 2):
        if second.start >= first.end:
            continue
        both = f"{first.text!r} ({first.label}) and {second.text!r} ({second.label})"
        if (first.start, first.end) == (second.start, second.end):
            yield Finding("span with two labels", WARNING, both)
        elif second.end <= first.end:
            yield Finding("span inside another", NOTE, both)
        else:
            yield Finding("overlapping spans", WARNING, both)


def unmarked(source: Source) -> Iterator[Finding]:
    """Yield names that are marked in most places and stand elsewhere without a mark, the most frequent first."""
    marked: Counter[str] = Counter()
    labels: dict[str, set[str]] = defaultdict(set)
    for document in source.documents:
        for entity in (*document.entities, *document.slots):
            marked[entity.text] += 1
            labels[entity.text].add(entity.label)
    if not marked:
        return
    free: Counter[str] = Counter()
    where: dict[str, Example] = {}
    for example in source.examples:
        for name in _free_names(example.document, marked):
            free[name] += 1
            where.setdefault(name, example)
    for name, n in free.most_common():
        if marked[name] >= max(_TIMES, n):
            called = " or ".join(sorted(labels[name]))
            said = f"{name!r} is marked {marked[name]} times ({called}) and stands {n} times without a mark"
            yield Finding("not marked everywhere", NOTE, said, **source.place(where[name]))


def _free_names(document: Document, names: Counter[str]) -> Iterator[str]:
    """Yield the names that stand in a text where nothing is marked."""
    taken = bytearray(len(document.text) + 1)
    for entity in (*document.entities, *document.slots):
        taken[entity.start : entity.end] = b"\1" * (entity.end - entity.start)
    tokens = words(document.text).tolist()
    for n, (start, _) in enumerate(tokens):
        for _, end in tokens[n : n + _WORDS]:
            name = document.text[start:end]
            if len(name) > 1 and name in names and not any(taken[start:end]):
                yield name
