"""CoNLL columns: a token and its tag a line, in whichever of the usual tag schemes.

BIO, IOB1, BIOES, BMES, BILOU and I-only tags are read by one rule: an entity begins at B, S and U, and wherever
another tag of its type does not carry it on; it ends at E, L, S and U, and before the next beginning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from nlpkit.data.files import lines
from nlpkit.data.tokens import rebuild
from nlpkit.errors import DataError
from nlpkit.types import Document, Entity, Example

TAG = re.compile(r"O|[BIESMLU]-\S+")
"""A tag of one of the schemes."""
_SEPARATORS = re.compile(r"[ \t]+")
_LEAST_TAGS = 0.5
"""A column is meant to be the tags from this share of values on that are tags."""
_BEGINNING = 2000
"""So many sentences are looked at to find the columns; the others go by."""

Row = tuple[int, list[str]]
"""A line's number and its columns."""


def read(path: Path) -> Iterator[Example]:
    """Read token columns, gzipped or not: one Example a sentence.

    Columns stand apart by tabs or spaces. The tags are the last column, or the first in which every value is a tag;
    the tokens are the first of the others. Lines of blanks part the sentences, `-DOCSTART-` lines are passed over.

    Raises:
        DataError: there is no column of tags, or a line lacks a column or has no tag in it (the line is named).

    """
    return _examples(path, positions=False)


def read_weibo(path: Path) -> Iterator[Example]:
    """Read CoNLL columns whose tokens are characters with their position in the word glued on ("科0", "技1")."""
    return _examples(path, positions=True)


def _examples(path: Path, *, positions: bool) -> Iterator[Example]:
    sentences = _sentences(path)
    beginning = [*islice(sentences, _BEGINNING)]
    token_column, tag_column = _columns(path, beginning)
    for number, rows in enumerate(chain(beginning, sentences)):
        if odd := next((row for row in rows if not _is_tagged(row, token_column, tag_column)), None):
            raise DataError(_complaint(path, odd, tag_column))
        tokens = [columns[token_column] for _, columns in rows]
        if positions:
            tokens = [token[:-1] if len(token) > 1 and token[-1].isdecimal() else token for token in tokens]
        source = f"{path.name}#{number}"
        yield Example(tagged(tokens, [columns[tag_column] for _, columns in rows], source), source, rows[0][0])


def _is_tagged(row: Row, token_column: int, tag_column: int) -> bool:
    _, columns = row
    return len(columns) > max(token_column, tag_column) and TAG.fullmatch(columns[tag_column]) is not None


def tag_lines(path: Path) -> Iterator[list[tuple[int, str]]]:
    """Yield the tags of each sentence of token columns as they stand, each with the number of its line.

    Raises:
        DataError: as `read`.

    """
    sentences = list(_sentences(path))
    _, tag_column = _columns(path, sentences)
    yield from ([(number, columns[tag_column]) for number, columns in rows] for rows in sentences)


def tagged(tokens: Sequence[str], tags: Sequence[str], id: str = "") -> Document:
    """Return the running text of a sentence's tokens with the entities that its tags say."""
    text, offsets, _ = rebuild([tokens])
    entities = [
        Entity(text[offsets[0][first][0] : offsets[0][last][1]], offsets[0][first][0], offsets[0][last][1], label)
        for first, last, label in spans(tags)
    ]
    return Document(text, id, tuple(entities))


def spans(tags: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Yield the entities that a sentence's tags say: the first token, the last token, the type."""
    first, label = -1, ""
    for n, tag in enumerate([*tags, "O"]):
        prefix, _, kind = tag.partition("-")
        carries_on = first >= 0 and prefix in "IMEL" and kind == label
        if first >= 0 and not carries_on:
            yield first, n - 1, label
            first = -1
        if prefix != "O" and first < 0:
            first, label = n, kind
        if first >= 0 and prefix in "ESLU":
            yield first, n, label
            first = -1


def _sentences(path: Path) -> Iterator[list[Row]]:
    rows: list[Row] = []
    for number, line in lines(path):
        bare = line.strip(" \t")
        if bare and not bare.startswith("-DOCSTART-"):
            rows.append((number, line.split("\t") if "\t" in line else _SEPARATORS.split(bare)))
        elif rows:
            yield rows
            rows = []
    if rows:
        yield rows


def _columns(path: Path, sentences: Sequence[Sequence[Row]]) -> tuple[int, int]:
    """Return the numbers of the token column and of the tag column, found by looking."""
    rows = [row for sentence in sentences for row in sentence]
    if not rows:
        return 0, 1
    width = min(len(columns) for _, columns in rows)
    if width < 2:
        raise DataError(_complaint(path, next(row for row in rows if len(row[1]) < 2), 1))
    order = [width - 1, *range(width - 1)]
    share = {c: sum(TAG.fullmatch(columns[c]) is not None for _, columns in rows) / len(rows) for c in order}
    tag_column = max(order, key=lambda c: share[c])
    if share[tag_column] < _LEAST_TAGS:
        raise DataError(
            f"{path}, line {rows[0][0]}: no column of tags; one column must hold tags such as O, B-PER, I-PER on every "
            "line"
        )
    return (1 if tag_column == 0 else 0), tag_column


def _complaint(path: Path, row: Row, tag_column: int) -> str:
    number, columns = row
    if len(columns) <= max(tag_column, 1):
        what = "no second column" if len(columns) < 2 else f"{len(columns)} columns, and not the one of the tags"
        return (
            f"{path}, line {number}: {' '.join(columns)!r:.60} has {what}; a line holds a token and its tag, parted "
            "by a tab or spaces"
        )
    return (
        f"{path}, line {number}: {columns[tag_column]!r:.60} is no tag; allowed: O, or B-, I-, E-, S-, M-, L-, U- and "
        "a type"
    )
