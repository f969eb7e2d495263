"""What is wrong with a data set, where, and a repaired copy of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from nlpkit import data
from nlpkit.checking import sets, spans, tags, texts
from nlpkit.checking.findings import ERROR, NOTE, WARNING, FileReport, Finding, Held, Lengths, Measure, Report, Source
from nlpkit.data.inventory import labels_of
from nlpkit.errors import DataError
from nlpkit.types import Document

__all__ = ["ERROR", "KINDS", "NOTE", "WARNING", "Finding", "Measure", "Report", "Source", "check", "load"]

PARTS = ("train", "dev", "valid", "test")
"""What the names of files of a folder hold, by which they are found."""
LEAST = 5
"""A label with fewer examples is rare."""

KINDS = {
    "ner": "entities",
    "relation": "relations",
    "slots": "slots",
    "classification": "labels",
    "qa": "answers",
}
"""What a document must hold for each kind of task."""


def load(paths: Sequence[Path], format: str = data.AUTO) -> list[Source]:
    """Read data files; of a folder that is no data set itself, the files called train, dev, valid or test.

    A file that cannot be read is a source without examples, with the error as its finding.

    Raises:
        DataError: a folder holds no such file, or a path is not there.

    """
    return [_source(file, format) for path in paths for file in _files(path, format)]


def _files(path: Path, format: str) -> list[Path]:
    if not path.is_dir() or format in data.FOLDERS:
        return [path]
    inside = sorted(path.iterdir())
    found = [file for part in PARTS for file in inside if part in file.name.lower() and not file.name.startswith(".")]
    if found:
        return list(dict.fromkeys(found))
    try:
        data.format_of(path)
    except DataError as e:
        raise DataError(f"{path} holds no file called train, dev, valid or test, and is no data set itself: {e}") from e
    return [path]


def _source(path: Path, format: str) -> Source:
    if not data.exists(path):
        raise DataError(f"no data file {path}; give one, or a folder with train, dev and test files")
    try:
        known = data.format_of(path) if format == data.AUTO else format
        return Source(path, known, list(data.read(path, known)))
    except DataError as e:
        return Source(path, format, [], (Finding("broken file", ERROR, str(e), str(path), line_in(str(e))),))


def line_in(message: str) -> int:
    """Return the line that an error names; 0 where it names none."""
    number = message.partition(", line ")[2].partition(":")[0].split(" ")[0]
    return int(number) if number.isdecimal() else 0


def check(
    sources: Sequence[Source], *, kind: str | None = None, measure: Measure | None = None, least: int = LEAST
) -> Report:
    """Look for what is wrong in data files that belong together.

    Args:
        sources: the files, as `load` reads them; what others hold is compared with the first called train.
        kind: of task that the data is for, one of `KINDS`; by default what the data holds.
        measure: how long a text is; by default its characters.
        least: a label with fewer examples is rare.

    Raises:
        DataError: no such kind.

    """
    if kind is not None and kind not in KINDS:
        raise DataError(f"no kind of task {kind!r}; known: {', '.join(KINDS)}")
    measure = measure or Measure()
    found = [finding for source in sources for finding in (*source.findings, *_within(source, kind, measure))]
    found += sets.across(sources, least)
    return Report(tuple(_told(source, measure) for source in sources), tuple(found))


def _within(source: Source, kind: str | None, measure: Measure) -> Iterator[Finding]:
    yield from tags.broken_in(source)
    for example in source.examples:
        place = source.place(example)
        for finding in (*texts.of(example.document, measure), *spans.of(example.document)):
            yield replace(finding, **place)
    yield from spans.unmarked(source)
    if kind and source.examples and not any(_serves(document, kind) for document in source.documents):
        yield Finding("nothing labelled", ERROR, f"no text has {KINDS[kind]}, which {kind} needs", str(source.path))


def _serves(document: Document, kind: str) -> bool:
    """Say whether a document holds what a kind of task learns from; a question without an answer is one too."""
    return bool(getattr(document, KINDS[kind]) or (kind == "qa" and document.query))


def _told(source: Source, measure: Measure) -> FileReport:
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], str] = {}
    for document in source.documents:
        counts.update(_labels(document))
        for label, example in _instances(document):
            examples.setdefault(label, example)
    labels = tuple(Held(of, name, n, examples.get((of, name), "")) for (of, name), n in counts.most_common())
    lengths = Lengths.of([measure.length(d.text) for d in source.documents], measure.unit)
    windows = sum(measure.windows(d.text) for d in source.documents) if measure.encode else None
    return FileReport(str(source.path), source.format, len(source.examples), labels, replace(lengths, windows=windows))


def _labels(document: Document) -> Iterator[tuple[str, str]]:
    """Yield the labels of a document as often as they stand in it."""
    marked = [("entity", e.label) for e in document.entities]
    marked += [("slot", e.label) for e in document.slots]
    marked += [("relation", r.label) for r in document.relations]
    yield from marked
    yield from labels_of(document) - set(marked)


def _instances(document: Document) -> Iterator[tuple[tuple[str, str], str]]:
    yield from ((("entity", e.label), e.text) for e in document.entities)
    yield from ((("slot", e.label), e.text) for e in document.slots)
    yield from ((("relation", r.label), f"{r.subject.text} → {r.object.text}") for r in document.relations)
    yield from ((label, document.query or document.text) for label in labels_of(document))
