"""Utterances with intent and slots: three parallel files in a folder (Goo et al. 2018: SNIPS, ATIS)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

from nlpkit.data.conll import TAG, tagged
from nlpkit.data.files import lines
from nlpkit.errors import DataError
from nlpkit.types import Example, Label

TASK = "slots"
"""The key of `Document.labels` that the intent goes to."""

_FILES = ("seq.in", "seq.out", "label")


def read(folder: Path) -> Iterator[Example]:
    """Read `seq.in` (tokens), `seq.out` (BIO tags) and `label` (intent), gzipped or not: one Example a line.

    Raises:
        DataError: a file is missing, or the files differ in lines or a line in tokens and tags (it is named).

    """
    rows = zip_longest(*(lines(_file(folder, name)) for name in _FILES))
    for line, row in enumerate(rows, 1):
        if missing := [name for name, given in zip(_FILES, row, strict=True) if given is None]:
            raise DataError(
                f"{folder / missing[0]}, line {line} is not there, but others of {', '.join(_FILES)} go on; they must "
                "have as many lines"
            )
        utterance, tag_line, intent = (given[1] for given in row)
        tokens, tags = utterance.split(), tag_line.split()
        if len(tokens) != len(tags):
            raise DataError(
                f"{folder}, line {line}: {len(tokens)} tokens in seq.in but {len(tags)} tags in seq.out; each token "
                "has one tag"
            )
        if odd := next((tag for tag in tags if not TAG.fullmatch(tag)), None):
            raise DataError(
                f"{folder / 'seq.out'}, line {line}: {odd!r:.40} is no tag; allowed: O, or B-, I- and a type"
            )
        source = f"{folder.name}#{line - 1}"
        found = tagged(tokens, tags, source)
        label = {TASK: Label(intent.strip())}
        yield Example(replace(found, entities=(), slots=found.entities, labels=label), source, line)


def _file(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise DataError(f"no file {folder / name}; the folder must hold {', '.join(_FILES)}, gzipped or not")
