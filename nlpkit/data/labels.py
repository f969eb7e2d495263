"""Labelled texts: columns parted by commas or tabs, TREC questions, and intents in one JSON object."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nlpkit.data.files import json_lines, lines, load_json, opened
from nlpkit.errors import DataError
from nlpkit.types import Document, Example, Label

TASK = "classification"
"""The key of `Document.labels` that the labels of these files go to."""

LABELS = ("label", "labels", "category", "class", "intent", "sentiment", "topic", "target")
"""What columns and keys that hold labels are called, and those that hold texts."""
TEXTS = (
    *("text", "sentence", "title", "review", "content", "question", "utterance", "description"),
    *("text_a", "sentence1", "premise", "text_b", "sentence2", "hypothesis"),
)
_SECOND = {"text_b": "text_a", "sentence2": "sentence1", "hypothesis": "premise"}
"""Columns that hold the second text of a pair, and what the column of the first is called."""

_QUESTION_LABEL = re.compile(r"\w+:\w+")

Row = tuple[int, list[str]]
"""A line's number and its columns."""


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which columns are read: the label, the texts (joined by line breaks), and the first text of a pair."""

    label: int
    texts: tuple[int, ...]
    query: int | None = None


def read_csv(path: Path, parts: Sequence[str] = ()) -> Iterator[Example]:
    """Read a label and a text a row from a CSV file.

    The columns are found by their heading ("label", "category", "text", "review"...); without a heading the label is
    the column with the fewest distinct values and the others are the text. Two texts of a pair ("text_a", "text_b")
    become query and text.

    Args:
        path: the file, gzipped or not, or a zip.
        parts: the file within a zip; `label=NAME` and `text=NAME` name the columns, by heading or number from 1 on;
            `labels=FILE` names a file beside it that holds the labels' names, one a line: numbers stand for them, from
            0 on where a label is 0, else from 1 on.

    Raises:
        DataError: the columns cannot be found, or a row lacks one (its line is named).

    """
    member, chosen = _parts(parts)
    with opened(path, member) as file:
        reader = csv.reader(file)
        try:
            rows = [(reader.line_num, row) for row in reader if row]
        except csv.Error as e:
            raise DataError(f"{path}, line {reader.line_num}: {e}") from e
    yield from _labelled(path, member, rows, chosen)


def read_tsv(path: Path, parts: Sequence[str] = ()) -> Iterator[Example]:
    """Read a label and a text a line from columns parted by tabs, where quotes are only signs; see `read_csv`."""
    member, chosen = _parts(parts)
    rows = [(number, line.split("\t")) for number, line in lines(path, member) if line.strip()]
    yield from _labelled(path, member, rows, chosen)


def read_json_lines(path: Path, parts: Sequence[str] = ()) -> Iterator[Example]:
    """Read a text and a label an object, one a line (FewCLUE and many exports).

    Args:
        path: the file, gzipped or not.
        parts: `label=KEY` and `text=KEY` name the keys; else the first known one is taken ("label", "text"...).

    Raises:
        DataError: a line is no such object; it is named.

    """
    member, chosen = _parts(parts)
    if member:
        raise DataError(f"{path} has no part {member!r}; allowed: label=KEY, text=KEY")
    for number, record in json_lines(path):
        label = _value(record, [chosen["label"]] if "label" in chosen else LABELS)
        text = _value(record, [chosen["text"]] if "text" in chosen else TEXTS)
        if label is None or not isinstance(text, str):
            raise DataError(
                f'{path}, line {number}: {record!r:.80} has no text and label; allowed: {{"text": text, "label": '
                f"label}}, or name the keys: {path.name}#label=KEY+text=KEY"
            )
        yield _example(text, str(label), f"{path.name}:{number}")


def _value(record: object, keys: Sequence[str]) -> str | int | None:
    """Return the first of an object's values that is a text or a number."""
    found = (record.get(key) for key in keys) if isinstance(record, dict) else ()
    return next((value for value in found if isinstance(value, str | int)), None)


def _parts(parts: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Return the file within a zip, and the columns that are named."""
    member, chosen = "", {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals and not member:
            member = part
        elif key in ("label", "text", "labels"):
            chosen[key] = value
        else:
            raise DataError(
                f"{part!r} names no part of a table; allowed: one file of a zip, label=NAME, text=NAME, labels=FILE"
            )
    return member, chosen


def _labelled(path: Path, member: str, rows: list[Row], chosen: dict[str, str]) -> Iterator[Example]:
    where = f"{path}#{member}" if member else str(path)
    if not rows:
        return
    columns, skip = _found(where, rows, {key: value for key, value in chosen.items() if key != "labels"})
    name = member or path.name
    last = max(columns.label, *columns.texts, columns.query or 0)
    for number, row in rows[skip:]:
        if len(row) <= last:
            raise DataError(f"{where}, line {number}: {len(row)} columns, of which number {last + 1} is to be read")
    named = partial(_name, path, *_names(path, chosen["labels"], rows, columns.label)) if "labels" in chosen else str
    for n, (_, row) in enumerate(rows[skip:]):
        yield _example(
            "\n".join(row[c].strip() for c in columns.texts),
            named(row[columns.label].strip()),
            f"{name}#{n}",
            row[columns.query].strip() if columns.query is not None else "",
        )


def _names(path: Path, file: str, rows: Sequence[Row], label: int) -> tuple[list[str], int]:
    """Return the names of the labels, and the number of the first."""
    names = [line.strip() for _, line in lines(path.with_name(file)) if line.strip()]
    return names, 0 if any(row[label].strip() == "0" for _, row in rows) else 1


def _name(path: Path, names: Sequence[str], first: int, label: str) -> str:
    """Return the name of a label that is a number."""
    if not label.isdecimal() or not 0 <= int(label) - first < len(names):
        raise DataError(f"{path}: no name for the label {label!r}; there are {len(names)}, from number {first} on")
    return names[int(label) - first]


def _found(where: str, rows: list[Row], chosen: dict[str, str]) -> tuple[_Columns, int]:
    """Return the columns to read and how many rows are heading."""
    heading = [cell.strip().lower() for cell in rows[0][1]]
    if chosen:
        return _given(where, heading, rows[0][1], chosen)
    labels = [heading.index(name) for name in LABELS if name in heading]
    texts = [c for c, name in enumerate(heading) if name in TEXTS]
    if labels and texts:
        for second, first in _SECOND.items():
            if second in heading and first in heading:
                return _Columns(labels[0], (heading.index(second),), heading.index(first)), 1
        return _Columns(labels[0], tuple(c for c in texts if c != labels[0])), 1
    return _guessed(where, rows), 0


def _given(where: str, heading: list[str], cells: list[str], chosen: dict[str, str]) -> tuple[_Columns, int]:
    numbers, named = {}, False
    for key, value in chosen.items():
        if value.lower() in heading:
            numbers[key], named = heading.index(value.lower()), True
        elif value.isdecimal() and 1 <= int(value) <= len(heading):
            numbers[key] = int(value) - 1
        else:
            allowed = f"{', '.join(cells)}, or a number from 1 to {len(cells)}"
            raise DataError(f"{where}: no column {value!r} for the {key}; allowed: {allowed}")
    others = [c for c in range(len(heading)) if c not in numbers.values()]
    if not others and len(numbers) < 2:
        raise DataError(f"{where}: one column only; a text and a label are two")
    label = numbers["label"] if "label" in numbers else others[0]
    texts = (numbers["text"],) if "text" in numbers else tuple(others)
    return _Columns(label, texts), int(named)


def _guessed(where: str, rows: list[Row]) -> _Columns:
    width = min(len(row) for _, row in rows)
    if width < 2:
        short = next(number for number, row in rows if len(row) < 2)
        raise DataError(f"{where}, line {short}: one column only; a line holds a text and its label")
    distinct = [len({row[c] for _, row in rows}) for c in range(width)]
    label = min(range(width), key=lambda c: (distinct[c], sum(len(row[c]) for _, row in rows)))
    texts = [c for c in range(width) if c != label]
    return _Columns(label, tuple(texts))


def read_trec(path: Path, parts: Sequence[str] = ()) -> Iterator[Example]:
    """Read `COARSE:fine question` lines (Li and Roth 2002); the part `fine` takes the label whole.

    Raises:
        DataError: a line has no label and question; it is named.

    """
    if any(part not in ("coarse", "fine") for part in parts) or len(parts) > 1:
        raise DataError(f"{path} has no part {'+'.join(parts)!r}; allowed: coarse, fine")
    for number, line in lines(path):
        label, _, question = line.strip().partition(" ")
        if not question or not _QUESTION_LABEL.fullmatch(label):
            raise DataError(
                f"{path}, line {number}: {line.strip()!r} is no label and question; allowed: COARSE:fine question"
            )
        name = label if "fine" in parts else label.partition(":")[0]
        yield _example(question, name, f"{path.name}#{number - 1}")


def read_intents(path: Path, parts: Sequence[str] = ()) -> Iterator[Example]:
    """Read parts of a JSON object of lists of [text, intent] (CLINC150, Larson et al. 2019).

    Raises:
        DataError: the file has another shape, or no such part (the message lists them).

    """
    table = load_json(path)
    if not isinstance(table, dict):
        raise DataError(f"{path} holds {type(table).__name__}; it must be an object of lists of [text, intent]")
    if not parts:
        raise DataError(
            f"{path} has the parts {', '.join(table)}; name one or more: {path.name}#{'+'.join([*table][:1])}"
        )
    for part in parts:
        if part not in table:
            raise DataError(f"{path} has no part {part!r}; allowed: {', '.join(table)}")
        yield from _intents(path, part, table[part])


def _intents(path: Path, part: str, pairs: object) -> Iterator[Example]:
    for n, pair in enumerate(pairs if isinstance(pairs, Iterable) else [pairs]):
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(value, str) for value in pair)):
            raise DataError(f"{path}, {part}, entry {n}: {pair!r:.80} is not [text, intent]")
        yield _example(pair[0], pair[1], f"{path.name}#{part}#{n}")


def _example(text: str, label: str, source: str, query: str = "") -> Example:
    return Example(Document(text, source, labels={TASK: Label(label)}, query=query), source)
