"""What is wrong between texts: the same again, in another file, with other labels; labels that are rare or new."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace

from nlpkit.checking.findings import ERROR, WARNING, Finding, Source
from nlpkit.data.inventory import labels_of
from nlpkit.data.splitting import same_text
from nlpkit.types import Document, Example

Placed = tuple[Source, Example]


def train_of(sources: Sequence[Source]) -> Source | None:
    """Return the file to train on: the first whose name holds "train", else the first."""
    return next((s for s in sources if "train" in s.path.name.lower()), next(iter(sources), None))


def content(document: Document) -> Hashable:
    """Return all that is labelled in a text, in whatever order."""
    found = {(e.start, e.end, e.label) for e in document.entities}
    slots = {(e.start, e.end, e.label) for e in document.slots}
    claims = {(r.subject.start, r.subject.end, r.label, r.object.start, r.object.end) for r in document.relations}
    labels = {(task, one.label) for task, label in document.labels.items() for one in (label, *label.others)}
    answers = {(answer.text, answer.start) for answer in document.answers}
    return tuple(frozenset(part) for part in (found, slots, claims, labels, answers))


def across(sources: Sequence[Source], least: int) -> Iterator[Finding]:
    """Yield what is wrong between the texts of files that belong together."""
    alike: dict[Hashable, list[Placed]] = defaultdict(list)
    for source in sources:
        for example in source.examples:
            if example.document.text.strip() and not example.document.history:
                alike[same_text(example.document)].append((source, example))
    for placed in alike.values():
        if len(placed) > 1:
            yield from _same(placed)
    yield from _rare(sources, least)


def _same(placed: Sequence[Placed]) -> Iterator[Finding]:
    """Yield what texts that are the same but for blanks and case have to say, each against the first of its kind."""
    first_source, first = placed[0]
    for source, example in placed[1:]:
        at = source.place(example)
        there = Finding("", ERROR, "", **first_source.place(first)).where
        exact = (first.document.text, first.document.query) == (example.document.text, example.document.query)
        how = "the same text" if exact else "the same text but for blanks or case"
        if exact and content(example.document) != content(first.document):
            said = f"{how} has other labels in {there}: {_said(example.document)}; there {_said(first.document)}"
            yield Finding("conflicting labels", ERROR, said, **at)
        if source is not first_source:
            severity = ERROR if exact else WARNING
            yield Finding(
                "leak between files" if exact else "near leak between files", severity, f"{how} stands in {there}", **at
            )
        elif not exact:
            yield Finding("near duplicate", WARNING, f"{how} stands in {there}", **at)
        elif content(example.document) == content(first.document):
            yield Finding("duplicate", WARNING, f"{how} with the same labels stands in {there}", **at)


def _said(document: Document) -> str:
    labels = [one.label for label in document.labels.values() for one in (label, *label.others)]
    marks = [f"{e.text} ({e.label})" for e in (*document.entities, *document.slots)]
    claims = [f"{r.subject.text} {r.label} {r.object.text}" for r in document.relations]
    found = [*labels, *marks, *claims, *(answer.text for answer in document.answers)]
    return ", ".join(found[:4]) + (", …" if len(found) > 4 else "") or "nothing"


def _rare(sources: Sequence[Source], least: int) -> Iterator[Finding]:
    train = train_of(sources)
    if train is None or not train.examples:
        return
    counts = _counts(train)
    for (of, label), n in sorted(counts.items(), key=lambda item: item[1]):
        if n < least:
            said = f"the {of} {label!r} is that of {n} texts only; {least} or more teach it better"
            yield Finding("rare label", WARNING, said, str(train.path))
    spelt: dict[tuple[str, str], list[str]] = defaultdict(list)
    for of, label in sorted(counts):
        spelt[of, " ".join(label.casefold().replace("_", " ").split())].append(label)
    for (of, _), names in spelt.items():
        if len(names) > 1:
            yield Finding("labels that differ in spelling", WARNING, f"{of}: {', '.join(names)}", str(train.path))
    for source in sources:
        for (of, label), n in _counts(source).items() if source is not train else ():
            if (of, label) not in counts:
                said = f"the {of} {label!r} of {n} texts is not in {train.path.name}: it cannot be learnt"
                yield replace(Finding("label not in train", WARNING, said), file=str(source.path))


def _counts(source: Source) -> Counter[tuple[str, str]]:
    return Counter(label for document in source.documents for label in labels_of(document))
