"""Labelled texts as tables and JSON lines, and questions in SQuAD's JSON."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from nlpkit.errors import DataError
from nlpkit.types import Document

Losses = Counter[str]


def write_csv(path: Path, documents: Sequence[Document], losses: Losses) -> None:
    """Write a heading, then a label and a text a row; of pairs of texts both."""
    rows = [[cell.strip() for cell in row] for row in _rows(documents, losses)]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([_heading(rows), *rows])


def write_tsv(path: Path, documents: Sequence[Document], losses: Losses) -> None:
    """Write the same parted by tabs; tabs and line breaks in texts become blanks."""
    rows = []
    for row in _rows(documents, losses):
        plain = [" ".join(cell.replace("\t", "\n").splitlines()).strip() for cell in row]
        losses["texts whose tabs or line breaks are now blanks"] += plain != [cell.strip() for cell in row]
        rows.append(plain)
    lines = ("\t".join(row) for row in [_heading(rows), *rows])
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")


def write_json_lines(path: Path, documents: Sequence[Document], losses: Losses) -> None:
    """Write an object with a text and a label a line."""
    with path.open("w", encoding="utf-8", newline="") as file:
        for document, label in _labelled(documents, losses):
            file.write(json.dumps({"text": document.text, "label": label}, ensure_ascii=False) + "\n")


def write_squad(path: Path, documents: Sequence[Document], losses: Losses) -> None:
    """Write questions on paragraphs as SQuAD 2.0 has them, those in a row on one text as one paragraph."""
    asked = [document for document in documents if document.query]
    if not asked:
        raise DataError("no text has a question, which the format 'squad' is for; write another format")
    losses["texts without a question"] += len(documents) - len(asked)
    numbered = [(document, document.id or str(n)) for n, document in enumerate(asked)]
    paragraphs = [
        {"context": text, "qas": [_question(document, key) for document, key in group]}
        for text, group in groupby(numbered, key=lambda pair: pair[0].text)
    ]
    table = {"version": "v2.0", "data": [{"title": path.stem.strip("."), "paragraphs": paragraphs}]}
    path.write_text(json.dumps(table, ensure_ascii=False) + "\n", encoding="utf-8")


def _question(document: Document, key: str) -> dict[str, object]:
    answers = [{"text": answer.text, "answer_start": answer.start} for answer in document.answers]
    return {"id": key, "question": document.query, "answers": answers, "is_impossible": not answers}


def _labelled(documents: Sequence[Document], losses: Losses) -> Iterator[tuple[Document, str]]:
    """Yield the documents that have a label, with it."""
    if not any(document.labels for document in documents):
        raise DataError("no text has a label, which this format is for; write another, such as spans or squad")
    for document in documents:
        if not document.labels:
            losses["texts without a label"] += 1
            continue
        first, *others = document.labels.values()
        losses["further labels"] += len(first.others) + len(others)
        yield document, first.label


def _rows(documents: Sequence[Document], losses: Losses) -> list[list[str]]:
    held = list(_labelled(documents, losses))
    paired = any(document.query for document, _ in held)
    rows = [[label, *([d.query] if paired else []), d.text] for d, label in held]
    losses["texts whose blanks at the ends are gone"] += sum(row[-1] != row[-1].strip() for row in rows)
    return rows


def _heading(rows: Sequence[Sequence[str]]) -> list[str]:
    return ["label", "text"] if len(rows[0]) == 2 else ["label", "text_a", "text_b"]
