"""Texts with spans by characters: JSON lines, Label Studio, brat's standoff files, spaCy's DocBin."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from nlpkit.data.writing.columns import apart, between
from nlpkit.errors import MissingExtraError
from nlpkit.types import Document

Losses = Counter[str]
_UNNAMED = re.compile(r"[^\w.-]+")


def write_spans(path: Path, documents: Sequence[Document], losses: Losses) -> None:
    """Write a text with entities and the relations between them, an object a line, as doccano has them."""
    with path.open("w", encoding="utf-8", newline="") as file:
        for document in documents:
            spans = [
                {"id": n, "start": e.start, "end": e.end, "label": e.label} for n, e in enumerate(document.entities)
            ]
            claims = [{"from_id": a, "to_id": b, "type": r.label} for a, r, b in between(document, losses)]
            record = {"text": document.text, "entities": spans, **({"relations": claims} if claims else {})}
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def write_label_studio(path: Path, documents: Sequence[Document], losses: Losses) -> None:
    """Write what Label Studio imports as tasks that are annotated."""
    tasks = []
    for number, document in enumerate(documents):
        names = {"from_name": "label", "to_name": "text"}
        results: list[dict[str, Any]] = [
            {"id": str(n), **names, "type": "labels", "value": {**e.to_dict(), "labels": [e.label]}}
            for n, e in enumerate(document.entities)
        ]
        for result in results:
            del result["value"]["label"], result["value"]["score"]
        for a, r, b in between(document, losses):
            results.append({"type": "relation", "from_id": str(a), "to_id": str(b), "labels": [r.label]})
        if document.labels:
            first, *others = document.labels.values()
            losses["further labels"] += len(others)
            choices = [first.label, *(other.label for other in first.others)]
            results.append({"from_name": "choice", "to_name": "text", "type": "choices", "value": {"choices": choices}})
        tasks.append({"id": number, "data": {"text": document.text}, "annotations": [{"result": results}]})
    path.write_text(json.dumps(tasks, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def write_brat(path: Path, documents: Sequence[Document], losses: Losses) -> None:
    """Write a text and its annotations for each document into a folder, chains as equivalences.

    Files are called as the documents where that keeps their order, else by numbers.
    """
    stems = [_UNNAMED.sub("_", document.id) for document in documents]
    if sorted(set(stems)) != stems or "" in stems:
        stems = [f"{n:0{len(str(len(documents)))}}" for n in range(len(documents))]
    for stem, document in zip(stems, documents, strict=True):
        (path / f"{stem}.txt").write_text(document.text, encoding="utf-8", newline="")
        lines = _standoff(document, losses)
        (path / f"{stem}.ann").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")


def _standoff(document: Document, losses: Losses) -> Iterator[str]:
    keys = {}
    for n, e in enumerate(document.entities):
        keys[e.start, e.end] = f"T{n + 1}"
        yield f"T{n + 1}\t{_word(e.label, losses)} {e.start} {e.end}\t{' '.join(e.text.splitlines())}"
    for n, (a, r, b) in enumerate(between(document, losses), 1):
        yield f"R{n}\t{_word(r.label, losses)} Arg1:T{a + 1} Arg2:T{b + 1}\t"
    for chain in document.chains:
        alike = [keys[m.start, m.end] for m in chain.mentions if (m.start, m.end) in keys]
        losses["mentions that are no entities"] += len(chain.mentions) - len(alike)
        if len(alike) > 1:
            yield f"*\tEquiv {' '.join(alike)}"


def _word(label: str, losses: Losses) -> str:
    word = "_".join(label.split())
    losses["labels with blanks, which are now _"] += word != label
    return word


def write_docbin(path: Path, documents: Sequence[Document], losses: Losses) -> None:
    """Write a DocBin of spaCy: entities (of overlapping ones the longest), labels as categories.

    Raises:
        MissingExtraError: spaCy is not installed.

    """
    try:
        import spacy
        from spacy.tokens import Doc, DocBin, Span
    except ImportError as e:
        raise MissingExtraError("spacy", "spacy") from e
    vocab = spacy.blank("xx").vocab
    held = DocBin(attrs=["ENT_IOB", "ENT_TYPE"])
    for document in documents:
        whole = [e for e in document.entities if e.text == e.text.strip()]
        losses["spans with blanks at the ends"] += len(document.entities) - len(whole)
        kept = apart(whole, losses)
        pieces = _pieces(document.text, {border for e in kept for border in (e.start, e.end)})
        doc = Doc(vocab, words=[document.text[a:b] for a, b, _ in pieces], spaces=[after for _, _, after in pieces])
        starts = {a: n for n, (a, _, _) in enumerate(pieces)}
        ends = {b: n + 1 for n, (_, b, _) in enumerate(pieces)}
        doc.ents = [Span(doc, starts[e.start], ends[e.end], label=e.label) for e in kept]
        for label in document.labels.values():
            doc.cats |= {one.label: 1.0 for one in (label, *label.others)}
        held.add(doc)
    held.to_disk(path)


def _pieces(text: str, borders: set[int]) -> list[tuple[int, int, bool]]:
    """Return tokens that give the very text again, and whether a blank stands behind each."""
    found, at = [], 0
    for match in re.finditer(r"[^\W_]+|\S|\s", text):
        start, end = match.span()
        if start < at:
            continue
        cuts = [start, *(border for border in range(start + 1, end) if border in borders), end]
        found += [(a, b, False) for a, b in pairwise(cuts)]
        at = end
        if not match[0].isspace() and text[end : end + 1] == " ":
            a, b, _ = found[-1]
            found[-1], at = (a, b, True), end + 1
    return found
