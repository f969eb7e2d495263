"""Texts from a file or standard input, one a line, read as they are needed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from nlpkit.errors import DataError
from nlpkit.types import Document


def read_texts(path: str) -> Iterator[Document]:
    """Yield one Document a line: of JSON lines the "text" and "query" (the rest is metadata), else the line itself.

    A file is JSON lines if its name ends in .jsonl; standard input ("-") if its first line is an object.
    An empty line of plain text is an empty text, so that what comes out lines up with what went in.

    Raises:
        DataError: the file cannot be read, or a line is not UTF-8 or not a text; the message names the line.

    """
    where = "standard input" if path == "-" else path
    try:
        with nullcontext(sys.stdin.buffer) if path == "-" else Path(path).open("rb") as file:
            yield from _documents(
                file, where, as_json=True if path.endswith(".jsonl") else None if path == "-" else False
            )
    except OSError as e:
        raise DataError(f"cannot read {where}: {e.strerror or e}") from e


def batches(documents: Iterator[Document], size: int) -> Iterator[list[Document]]:
    """Yield the documents in lists of at most `size`."""
    while batch := list(islice(documents, size)):
        yield batch


def _documents(file: BinaryIO, where: str, *, as_json: bool | None) -> Iterator[Document]:
    for number, raw in enumerate(file, 1):
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as e:
            raise DataError(
                f"{where}, line {number}: not UTF-8 ({e.reason} at byte {e.start}); convert it: iconv -t UTF-8"
            ) from e
        as_json = line.lstrip().startswith("{") if as_json is None else as_json
        if not as_json:
            yield Document(line)
        elif line.strip():
            yield _document(line, f"{where}, line {number}")


def _document(line: str, where: str) -> Document:
    try:
        record: Any = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as e:
        raise DataError(f"{where}: not JSON ({e}); each line is one object") from e
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        raise DataError(f'{where}: no "text"; each line is an object with the text under "text"')
    query = record.get("query") or ""
    if not isinstance(query, str):
        raise DataError(f'{where}: "query" is {type(query).__name__}; it is a string, the question to the text')
    metadata = {key: value for key, value in record.items() if key not in ("text", "id", "query")}
    return Document(record["text"], id=str(record.get("id", "")), metadata=metadata, query=query)
