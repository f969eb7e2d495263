"""Labelled texts: JSON lines, TREC questions, and intents in one JSON object; `columns` has those of tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from nlpkit.data.files import lines, load_json, records
from nlpkit.errors import DataError
from nlpkit.types import Document, Example, Label

TASK = "classification"
"""The key of `Document.labels` that the labels of these files go to."""

LABELS = (
    *("label", "labels", "category", "class", "intent", "sentiment", "topic", "target"),
    *("标签", "类别", "分类", "意图", "情感"),
)
"""What columns and keys that hold labels are called, and those that hold texts."""
TEXTS = (
    *("text", "sentence", "title", "review", "content", "question", "utterance", "description"),
    *("text_a", "sentence1", "premise", "text_b", "sentence2", "hypothesis"),
    *("文本", "内容", "评论", "标题", "句子", "问题"),
)

SECOND = {"text_b": "text_a", "sentence2": "sentence1", "hypothesis": "premise"}
"""What the second text of a pair is called, and the first beside it."""

_QUESTION_LABEL = re.compile(r"\w+:\w+")


def read_json_lines(path: Path, parts: Sequence[str] = ()) -> Iterator[Example]:
    """Read a text and its label, or a list of labels, an object; one a line (FewCLUE and many exports) or in a list.

    Args:
        path: the file, gzipped or not.
        parts: `label=KEY` and `text=KEY` name the keys; else the first known one is taken ("label", "text"...).

    Raises:
        DataError: a line is no such object; it is named.

    """
    member, chosen = named_parts(path, parts)
    if member and path.suffix != ".zip":
        raise DataError(f"{path} has no part {member!r}; allowed: label=KEY, text=KEY")
    path = path / member
    for number, source, record in records(path):
        yield record_example(record, f"{path}, line {number}", source, number, chosen)


def record_example(
    record: object, place: str, source: str, line: int = 0, chosen: Mapping[str, str] | None = None
) -> Example:
    """Return the text and the label of an object; `chosen` names their keys where they are not the known ones.

    Raises:
        DataError: it has none; `place` says where it is.

    """
    keys = {"label": LABELS, "text": TEXTS} | {key: (value,) for key, value in (chosen or {}).items()}
    names, text, query = _labels(record, keys["label"]), _value(record, keys["text"]), None
    for second, first in SECOND.items() if keys["text"] is TEXTS else ():
        if isinstance(_value(record, (first,)), str) and isinstance(_value(record, (second,)), str):
            text, query = _value(record, (second,)), _value(record, (first,))
    if names is None or not isinstance(text, str):
        raise DataError(
            f'{place}: {record!r:.80} has no text and label; allowed: {{"text": text, "label": label}}, the label a '
            "text, a number or a list of texts, or name the keys: FILE#label=KEY+text=KEY"
        )
    told = {TASK: Label(names[0], others=tuple(map(Label, names[1:])))} if names else {}
    return Example(Document(text, source, labels=told, query=str(query or "")), source, line)


def _labels(record: object, keys: Sequence[str]) -> list[str] | None:
    """Return the label of an object, or those in a list; None where it has none of these keys."""
    if (label := _value(record, keys)) is not None:
        return [str(label)]
    lists = [record[key] for key in keys if isinstance(record.get(key), list)] if isinstance(record, dict) else []
    return next((list(dict.fromkeys(found)) for found in lists if all(isinstance(name, str) for name in found)), None)


def _value(record: object, keys: Sequence[str]) -> str | int | None:
    """Return the first of an object's values that is a text or a number."""
    found = (record.get(key) for key in keys) if isinstance(record, dict) else ()
    return next((value for value in found if isinstance(value, str | int)), None)


def named_parts(path: Path, parts: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Return the file within a zip (or the sheet), and the columns that are named.

    Raises:
        DataError: there are several, or a part names something else.

    """
    member, chosen = "", {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals and not member:
            member = part
        elif key in ("label", "text", "labels"):
            chosen[key] = value
        else:
            raise DataError(
                f"{path}: {part!r} names no part of a table; allowed: one file of a zip or sheet, label=NAME, "
                "text=NAME, labels=FILE"
            )
    return member, chosen


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
        yield labelled(question, name, f"{path.name}#{number - 1}", number)


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
            raise DataError(f"{path}, {part}, entry {n}: {pair!r:.80} is no pair of texts; allowed: [text, intent]")
        yield labelled(pair[0], pair[1], f"{path.name}#{part}#{n}")


def labelled(text: str, label: str, source: str, line: int = 0, query: str = "") -> Example:
    """Return a text with its label."""
    return Example(Document(text, source, labels={TASK: Label(label)}, query=query), source, line)
