"""Utterances with intent and slots: three parallel files in a folder (Goo et al. 2018: SNIPS, ATIS)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from nlpkit.data.conll import tagged
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
    utterances, tags, intents = ([line for _, line in lines(_file(folder, name))] for name in _FILES)
    if not len(utterances) == len(tags) == len(intents):
        raise DataError(
            f"{folder}: {len(utterances)} lines in seq.in, {len(tags)} in seq.out, {len(intents)} in label; "
            "they must be as many"
        )
    for n, (utterance, tag_line, intent) in enumerate(zip(utterances, tags, intents, strict=True)):
        tokens, marks = utterance.split(), tag_line.split()
        if len(tokens) != len(marks):
            raise DataError(f"{folder}, line {n + 1}: {len(tokens)} tokens in seq.in but {len(marks)} tags in seq.out")
        source = f"{folder.name}#{n}"
        found = tagged(tokens, marks, source)
        label = {TASK: Label(intent.strip())}
        yield Example(replace(found, entities=(), slots=found.entities, labels=label), source)


def _file(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise DataError(f"no file {folder / name}; the folder must hold {', '.join(_FILES)}, gzipped or not")
