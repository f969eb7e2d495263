"""Tables of labelled texts: columns parted by commas or tabs, and the sheets of Excel."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from nlpkit.data.files import FREE, RATIO, lines, opened
from nlpkit.data.labels import LABELS, SECOND, TEXTS, labelled, named_parts
from nlpkit.errors import DataError, MissingExtraError
from nlpkit.types import Example

_BEGINNING = 10_000
"""So many rows are looked at to find the columns; the others go by."""

Row = tuple[int, list[str]]
"""The number of the line where a row begins, and its columns."""


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which columns are read: the label, the texts (joined by line breaks), and the first text of a pair."""

    label: int
    texts: tuple[int, ...]
    query: int | None = None


def read_csv(path: Path, parts: Sequence[str] = ()) -> Iterator[Example]:
    """Read a label and a text a row from a CSV file, of commas or (where its first line has no comma) of semicolons.

    The columns are found by their heading ("label", "category", "text", "review"...); without a heading the label is
    the column with the fewest distinct values at the beginning and the others are the text. Two texts of a pair
    ("text_a", "text_b") become query and text.

    Args:
        path: the file, gzipped or not, or a zip.
        parts: the file within a zip; `label=NAME` and `text=NAME` name the columns, by heading or number from 1 on;
            `labels=FILE` names a file beside it that holds the labels' names, one a line: numbers stand for them, from
            0 on where a label is 0, else from 1 on.

    Raises:
        DataError: the columns cannot be found, or a row lacks one (its line is named).

    """
    member, chosen = named_parts(path, parts)
    yield from _examples(path, member, partial(_csv_rows, path, member), chosen)


def read_tsv(path: Path, parts: Sequence[str] = ()) -> Iterator[Example]:
    """Read a label and a text a line from columns parted by tabs, where quotes are only signs; see `read_csv`."""
    member, chosen = named_parts(path, parts)
    yield from _examples(path, member, partial(_tsv_rows, path, member), chosen)


def read_excel(path: Path, parts: Sequence[str] = ()) -> Iterator[Example]:
    """Read a label and a text a row from a sheet of an Excel workbook (.xlsx); see `read_csv`.

    The first part names the sheet; without it the first is read. A formula counts as the value that was saved with it.

    Raises:
        DataError: the file is no such workbook, has no such sheet, or its columns cannot be found.
        MissingExtraError: openpyxl is not installed.

    """
    sheet, chosen = named_parts(path, parts)
    yield from _examples(path, sheet, partial(_excel_rows, path, sheet), chosen)


def _csv_rows(path: Path, member: str) -> Iterator[Row]:
    with opened(path, member) as file:
        first = next(file, "")
        # Where a comma is the decimal sign, Excel parts columns by semicolons.
        delimiter = ";" if ";" in first and "," not in first else ","
        reader = csv.reader(chain([first], file), delimiter=delimiter)
        begin = 1
        try:
            for row in reader:
                if row:
                    yield begin, row
                begin = reader.line_num + 1
        except csv.Error as e:
            raise DataError(f"{path}, line {begin}: {e}; look for a quote that is not closed") from e


def _tsv_rows(path: Path, member: str) -> Iterator[Row]:
    return ((number, line.split("\t")) for number, line in lines(path, member) if line.strip())


def _excel_rows(path: Path, sheet: str) -> Iterator[Row]:
    try:
        import openpyxl
    except ImportError as e:
        raise MissingExtraError("openpyxl", "excel") from e
    _refuse_huge(path)
    try:
        with path.open("rb") as file:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            if sheet and sheet not in book.sheetnames:
                raise DataError(f"{path} has no sheet {sheet!r}; allowed: {', '.join(book.sheetnames)}")
            found = book[sheet or book.sheetnames[0]]
            found.reset_dimensions()  # some programs write them wrong, and rows would be cut
            for number, row in enumerate(found.iter_rows(values_only=True), 1):
                if cells := _cells(row):
                    yield number, cells
    except DataError:
        raise
    except Exception as e:  # a broken workbook breaks its parser in any way
        raise DataError(f"cannot read {path} as a workbook: {type(e).__name__} {e}; save it as .xlsx anew") from e


def _refuse_huge(path: Path) -> None:
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(info.file_size for info in archive.infolist())
    except (OSError, zipfile.BadZipFile) as e:
        raise DataError(f"cannot read {path}: {e}; give a workbook saved as .xlsx (the older .xls is not read)") from e
    if size > max(FREE, RATIO * path.stat().st_size):
        raise DataError(
            f"{path} unpacks to {size:,} bytes, over {RATIO} times its size; if that is meant, save it as CSV"
        )


def _cells(row: Sequence[Any]) -> list[str]:
    """Return the cells of a row as texts, less the empty ones at its end."""
    cells = ["" if value is None else str(value) for value in row]
    whole = [
        str(int(v)) if isinstance(v, float) and v.is_integer() else cell for v, cell in zip(row, cells, strict=True)
    ]
    while whole and not whole[-1].strip():
        whole.pop()
    return whole


def _examples(path: Path, part: str, rows_of: Callable[[], Iterator[Row]], chosen: dict[str, str]) -> Iterator[Example]:
    where = f"{path}#{part}" if part else str(path)
    rows = rows_of()
    beginning = [*islice(rows, _BEGINNING)]
    if not beginning:
        raise DataError(f"{where} is empty; give a table with a text and a label a row")
    columns, skip = _found(where, beginning, {key: value for key, value in chosen.items() if key != "labels"})
    name = part or path.name
    last = max(columns.label, *columns.texts, columns.query or 0)
    named = (
        partial(_name, where, *_names(path, chosen["labels"], rows_of(), columns.label)) if "labels" in chosen else None
    )
    for n, (number, row) in enumerate(chain(beginning[skip:], rows)):
        if len(row) <= last:
            raise DataError(
                f"{where}, line {number}: {len(row)} columns, of which number {last + 1} is to be read; mend the row, "
                "or name the columns: FILE#label=NAME+text=NAME"
            )
        label = row[columns.label].strip()
        yield labelled(
            "\n".join(row[c].strip() for c in columns.texts),
            named(number, label) if named else label,
            f"{name}#{n}",
            number,
            row[columns.query].strip() if columns.query is not None else "",
        )


def _names(path: Path, file: str, rows: Iterator[Row], label: int) -> tuple[list[str], int]:
    """Return the names of the labels, and the number of the first."""
    names = [line.strip() for _, line in lines(path.with_name(file)) if line.strip()]
    return names, 0 if any(row[label].strip() == "0" for _, row in rows if len(row) > label) else 1


def _name(where: str, names: Sequence[str], first: int, line: int, label: str) -> str:
    """Return the name of a label that is a number."""
    if not (label.isdecimal() and 0 <= int(label) - first < len(names)):
        raise DataError(
            f"{where}, line {line}: no name for the label {label!r}; there are {len(names)}, from number {first} on"
        )
    return names[int(label) - first]


def _found(where: str, rows: list[Row], chosen: dict[str, str]) -> tuple[_Columns, int]:
    """Return the columns to read and how many rows are heading."""
    heading = [cell.strip().lower() for cell in rows[0][1]]
    if chosen:
        return _given(where, heading, rows[0][1], chosen)
    labels = [heading.index(name) for name in LABELS if name in heading]
    texts = [c for c, name in enumerate(heading) if name in TEXTS]
    if labels and texts:
        for second, first in SECOND.items():
            if second in heading and first in heading:
                return _Columns(labels[0], (heading.index(second),), heading.index(first)), 1
        return _Columns(labels[0], tuple(c for c in texts if c != labels[0])), 1
    if (labels or texts) and len(rows) > 1:
        missing = ("label", LABELS) if texts else ("text", TEXTS)
        _complain(where, rows, *missing)
    return _guessed(where, rows), 0


def _complain(where: str, rows: list[Row], kind: str, known: Sequence[str]) -> None:
    """Raise DataError where the first row is plainly a heading that lacks a column."""
    cells = [cell.strip() for cell in rows[0][1]]
    if not any(set(cells) & {cell.strip() for cell in row} for _, row in rows[1:]):
        raise DataError(
            f"{where}, line {rows[0][0]}: no column is called as {kind}s are ({', '.join(known)}); it has "
            f"{', '.join(cells)}; name it: FILE#{kind}=NAME"
        )


def _given(where: str, heading: list[str], cells: list[str], chosen: dict[str, str]) -> tuple[_Columns, int]:
    numbers, named = {}, False
    for key, value in chosen.items():
        if value.lower() in heading:
            numbers[key], named = heading.index(value.lower()), True
        elif value.isdecimal() and 1 <= int(value) <= len(heading):
            numbers[key] = int(value) - 1
        else:
            allowed = f"{', '.join(cells)}, or a number from 1 to {len(cells)}"
            raise DataError(f"{where}, line 1: no column {value!r} for the {key}; allowed: {allowed}")
    others = [c for c in range(len(heading)) if c not in numbers.values()]
    if not others and len(numbers) < 2:
        raise DataError(f"{where}, line 1: one column only; a text and a label are two")
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
