"""Data sets of Hugging Face's `datasets`: in memory, saved to a folder, as parquet or arrow files, or on the hub."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpkit.data import labels, pairs, spans, squad
from nlpkit.data.detection import of_record
from nlpkit.errors import DataError, MissingExtraError
from nlpkit.types import Example

if TYPE_CHECKING:
    from datasets import Dataset, IterableDataset

HUB = "hub:"
"""What a path begins with that names a data set on the hub: `hub:OWNER/NAME#SPLIT`."""
FILES = {".parquet": "parquet", ".arrow": "arrow"}
"""Endings of the files that are read, and what `datasets` calls them."""
_KEYS = ("config", "label", "text")
_COLUMNS = "tokens and ner_tags, text and label, text and spans, context, question and answers, or prompt and response"


def of_dataset(dataset: Dataset | IterableDataset, name: str = "dataset", **columns: str) -> Iterator[Example]:
    """Read a data set in memory: one Example a row.

    What a row is shows in its columns: tokens with their tags, a text with spans or a label, a question on a context
    with answers as SQuAD has them, or a prompt with a response. Numbers of a ClassLabel become their names.

    Args:
        dataset: one split.
        name: what errors and sources call it.
        columns: `label` and `text` name the columns of a labelled text.

    Raises:
        DataError: it is no single split, or a row has no such columns (its number is named, from 0 on).

    """
    if isinstance(dataset, Mapping):
        raise DataError(
            f"{name} has the splits {', '.join(dataset)}; give one of them, as dataset[{[*dataset][:1]!r}[0]]"
        )
    for n, row in enumerate(dataset):
        record = _record(row, dataset.features or {})
        yield _example(record, f"{name}, row {n}", f"{name}#{n}", columns)


def read(path: Path, parts: Sequence[str] = ()) -> Iterator[Example]:
    """Read a folder that `save_to_disk` wrote, a parquet or arrow file, or a data set on the hub (`hub:OWNER/NAME`).

    Args:
        path: where it is.
        parts: the split; `config=NAME` for a data set of several; `label=NAME`, `text=NAME` name columns.

    Raises:
        DataError: it cannot be had, has no such split, or rows that are not understood.
        MissingExtraError: `datasets` is not installed.

    """
    try:
        import datasets
    except ImportError as e:
        raise MissingExtraError("datasets", "datasets") from e
    split, chosen = _chosen(path, parts)
    config, name = chosen.pop("config", None), str(path)
    try:
        if name.startswith(HUB):
            found = datasets.load_dataset(name.removeprefix(HUB), config)
        elif path.is_dir():
            found = datasets.load_from_disk(str(path))
        else:
            found = datasets.load_dataset(FILES[path.suffix], data_files=str(path), split="train", streaming=True)
    except Exception as e:  # it fails in many ways: no network, no such name, broken files
        first = str(e).partition("\n")[0]
        raise DataError(
            f"cannot get {name}: {type(e).__name__} {first}; check the name, the network or the files"
        ) from e
    rows = of_dataset(_split_of(found, split, name), name, **chosen)
    while (example := _next(rows, name)) is not None:
        yield example


def _next(rows: Iterator[Example], name: str) -> Example | None:
    try:
        return next(rows, None)
    except DataError:
        raise
    except Exception as e:  # a file that is broken further on
        raise DataError(f"cannot read {name}: {type(e).__name__} {e}; give the whole data set") from e


def _chosen(path: Path, parts: Sequence[str]) -> tuple[str, dict[str, str]]:
    split, chosen = "", {}
    for part in parts:
        key, equals, value = part.partition("=")
        if equals and key in _KEYS:
            chosen[key] = value
        elif not equals and not split:
            split = part
        else:
            raise DataError(
                f"{path} has no part {part!r}; allowed: one split, {', '.join(f'{key}=NAME' for key in _KEYS)}"
            )
    return split, chosen


def _split_of(found: Any, split: str, name: str) -> Any:
    if not isinstance(found, Mapping):
        if split:
            raise DataError(f"{name} has no splits; write it without #{split}")
        return found
    if not split and len(found) == 1:
        return next(iter(found.values()))
    if split not in found:
        raise DataError(f"{name} has no split {split!r}; allowed: {', '.join(found)}, as {name}#{next(iter(found))}")
    return found[split]


def _record(row: Mapping[str, Any], features: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _named(value, features.get(key)) for key, value in row.items()}


def _named(value: Any, feature: Any) -> Any:
    """Return a value with the names of classes for their numbers."""
    if hasattr(feature, "int2str") and isinstance(value, int):
        return feature.int2str(value) if value >= 0 else None
    inner = getattr(feature, "feature", None)
    if inner is not None and isinstance(value, Iterable) and not isinstance(value, str | Mapping):
        return [_named(entry, inner) for entry in value]
    if isinstance(feature, Mapping) and isinstance(value, Mapping):
        return _record(value, feature)
    return value


def _example(record: dict[str, Any], place: str, source: str, columns: Mapping[str, str]) -> Example:
    if columns:
        return labels.record_example(record, place, source, chosen=columns)
    if {"context", "question", "answers"} <= record.keys():
        return squad.record_example(record, place, source)
    known = {"spans": spans.record_example, "pairs": pairs.record_example, "json-lines": labels.record_example}
    found = of_record(record)
    if found not in known:
        raise DataError(
            f"{place} has the columns {', '.join(record)}, and no values that are understood; allowed: {_COLUMNS}; or "
            "name those of a labelled text with label=NAME and text=NAME"
        )
    return known[found](record, place, source)
