"""Data files in, Examples out: one reader a file format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from nlpkit.data import docred
from nlpkit.errors import DataError
from nlpkit.types import Example

READERS: dict[str, Callable[[Path], Iterator[Example]]] = {"redocred": docred.read}
"""Readers by the name that a recipe's `data.format` gives."""


def read(path: str | Path, format: str) -> Iterator[Example]:
    """Read the examples of a data file, lazily where the format allows.

    Raises:
        DataError: the format is unknown, or the file is missing or broken.

    """
    if format not in READERS:
        raise DataError(f"no reader for the format {format!r}; known: {', '.join(READERS)}")
    if not Path(path).is_file():
        raise DataError(f"no data file {path}; give the folder that holds it with --data")
    return READERS[format](Path(path))
