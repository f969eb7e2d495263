"""Documents to data files: one writer a format, and what a format cannot hold is counted."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nlpkit.data import pairs
from nlpkit.data.writing import columns, spans, tables
from nlpkit.data.writing.columns import SCHEMES
from nlpkit.errors import DataError
from nlpkit.types import Document

Losses = Counter[str]
"""What could not be written, with how often."""


@dataclass(frozen=True, slots=True)
class Writer:
    """How a format is written, what of a document it keeps, and how its files' names end ("" of a folder)."""

    write: Callable[[Path, Sequence[Document], Losses], None]
    keeps: frozenset[str]
    suffix: str


def _pairs(path: Path, documents: Sequence[Document], losses: Losses) -> None:
    pairs.write(path, documents)


_SPANS = frozenset(["entities", "relations"])
_LABELS = frozenset(["labels"])
WRITERS: dict[str, Writer] = {
    "spans": Writer(spans.write_spans, _SPANS, ".jsonl"),
    "label-studio": Writer(spans.write_label_studio, _SPANS | _LABELS, ".json"),
    "brat": Writer(spans.write_brat, _SPANS | {"chains"}, ""),
    "docbin": Writer(spans.write_docbin, _LABELS | {"entities"}, ".spacy"),
    "conll": Writer(columns.write_conll, frozenset(["entities"]), ".conll"),
    "spert": Writer(columns.write_spert, _SPANS, ".json"),
    "slots": Writer(columns.write_slots, _LABELS | {"slots"}, ""),
    "csv": Writer(tables.write_csv, _LABELS | {"query"}, ".csv"),
    "tsv": Writer(tables.write_tsv, _LABELS | {"query"}, ".tsv"),
    "json-lines": Writer(tables.write_json_lines, _LABELS, ".jsonl"),
    "squad": Writer(tables.write_squad, frozenset(["query", "answers"]), ".json"),
    "pairs": Writer(_pairs, frozenset(["query", "history"]), ".jsonl"),
}
"""Writers by the name of their format; `nlpkit.data.read` reads each."""

_ALIKE = {"weibo": "conll", "cluener": "spans", "ade": "spert", "trec": "json-lines", "intents": "json-lines"}
"""Formats that are read only, and what holds the same."""
_SUFFIXES = {".spacy": "docbin", ".csv": "csv", ".tsv": "tsv"}
_COLUMNS = (".conll", ".bio", ".bioes", ".bmes", ".iob", ".txt")


def write(path: str | Path, documents: Sequence[Document], format: str = "", *, scheme: str = "bio") -> Losses:
    """Write documents to a data file, or a folder for formats that are one: whole or not at all.

    Args:
        path: the file; one that is there is replaced. A folder must not be there, or be empty.
        documents: what to write.
        format: one of `WRITERS`; by default what the name's end and the documents say (see `format_for`).
        scheme: of the tags of `conll`: one of `SCHEMES`.

    Returns:
        What the format cannot hold, with how often it was there.

    Raises:
        DataError: no such format or scheme, the folder holds something, or no document has what the format is for.

    """
    path = Path(path)
    format = format or format_for(path, documents)
    if format not in WRITERS:
        raise DataError(f"no writer for the format {format!r}; known: {', '.join(WRITERS)}")
    if scheme not in SCHEMES:
        raise DataError(f"no tag scheme {scheme!r}; known: {', '.join(SCHEMES)}")
    writer = WRITERS[format]
    losses = Losses(loss for document in documents for loss in _lost(document, writer.keeps))
    if path.is_dir() and (writer.suffix or any(path.iterdir())):
        raise DataError(f"{path} is a folder{'' if writer.suffix else ' that is not empty'}; choose another name")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        if not writer.suffix:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
        if format == "conll":
            columns.write_conll(part, documents, losses, scheme=scheme)
        else:
            writer.write(part, documents, losses)
        part.replace(path)
    finally:
        shutil.rmtree(part, ignore_errors=True) if part.is_dir() else part.unlink(missing_ok=True)
    return Losses({loss: n for loss, n in losses.items() if n})


def spare(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Let no output stand where an input does, nor where another output does.

    Raises:
        DataError: one would.

    """
    files = {Path(str(path).partition("#")[0]).resolve() for path in inputs}
    for n, path in enumerate(outputs):
        if path.resolve() in files or path in outputs[:n]:
            raise DataError(f"{path} would be written over; choose another name, data files are never changed")


def _lost(document: Document, keeps: frozenset[str]) -> Iterator[str]:
    """Yield what of a document a format has no place for."""
    held = {
        "entities": ("entities", len(document.entities)),
        "slots": ("slots", len(document.slots)),
        "relations": ("relations", len(document.relations)),
        "chains": ("chains of several mentions", sum(len(chain.mentions) > 1 for chain in document.chains)),
        "labels": ("labels of texts", len(document.labels)),
        "query": ("questions or first texts of pairs", bool(document.query)),
        "answers": ("answers", len(document.answers)),
        "history": ("conversations before texts", bool(document.history)),
    }
    for name, (called, n) in held.items():
        if name not in keeps:
            yield from [called] * n


def format_for(path: Path, documents: Sequence[Document]) -> str:
    """Return the format that a file's name asks for; where it could be several, what the documents hold decides.

    Raises:
        DataError: the name's end is no format's.

    """
    if path.suffix in _SUFFIXES:
        return _SUFFIXES[path.suffix]
    if path.suffix in _COLUMNS:
        return "conll"
    if path.suffix in (".jsonl", ".json") and _asked(documents):
        return "squad"
    if path.suffix == ".jsonl":
        return "spans" if _marked(documents) else "json-lines"
    if path.suffix == ".json":
        return "label-studio"
    if not path.suffix:
        return "slots" if any(document.slots for document in documents) else "brat"
    raise DataError(f"what format is {path.name}? Name one of {', '.join(WRITERS)} (--to)")


def _asked(documents: Sequence[Document]) -> bool:
    return any(document.query and not document.labels for document in documents)


def _marked(documents: Sequence[Document]) -> bool:
    return any(document.entities or document.relations for document in documents) or not any(
        document.labels for document in documents
    )


def same_as(format: str, documents: Sequence[Document]) -> str:
    """Return a format to write what was read in `format`: the same, one that holds the same, or JSON lines."""
    if format in WRITERS:
        return format
    return _ALIKE.get(format) or format_for(Path("x.jsonl"), documents)
