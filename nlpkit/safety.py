"""What a written text must not say, and whom it names: filters that can be put after a generator.

A filter is a function: texts in, the reasons against each out. Lists of words and trained classifiers make filters
here; any other function will do. No list ships: which words harm depends on who reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from nlpkit.errors import InputError
from nlpkit.text import unspaced
from nlpkit.types import Document

Filter = Callable[[Sequence[str]], list[tuple[str, ...]]]
"""Texts -> for each the reasons against it, none where it may be shown."""


class Reads(Protocol):
    """What fills Documents, as `nlpkit.Kit` does."""

    def __call__(self, texts: Sequence[str], *, tasks: Sequence[str] | None = None) -> list[Document]:
        """Return a Document for each text."""
        ...


@dataclass(frozen=True, slots=True)
class Named:
    """A name in a written text: its type, and whether the prompt has it too."""

    text: str
    label: str
    in_prompt: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the name as plain JSON types."""
        return {"text": self.text, "label": self.label, "in_prompt": self.in_prompt}


def word_filter(words: Iterable[str] | Path) -> Filter:
    """Return a filter of texts that have one of some words or phrases, whatever their case.

    Words of scripts with spaces are looked for as whole words, others anywhere.

    Args:
        words: the words, or a file in UTF-8 with one on each line; lines that begin with # are passed over.

    Raises:
        InputError: no word, or a file that cannot be read.

    """
    if isinstance(words, Path):
        try:
            lines = words.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as e:
            raise InputError(f"cannot read the words in {words}: {e}") from e
        words = [line for line in lines if not line.startswith("#")]
    listed = sorted({word.strip().casefold() for word in words} - {""}, key=lambda word: (-len(word), word))
    if not listed:
        raise InputError("a filter of words needs one word at least; give some")
    pattern = re.compile("|".join(_bounded(word) for word in listed))

    def reasons(texts: Sequence[str]) -> list[tuple[str, ...]]:
        found = (dict.fromkeys(match[0] for match in pattern.finditer(text.casefold())) for text in texts)
        return [tuple(f"the word {word!r}" for word in words) for words in found]

    return reasons


def classifier_filter(read: Reads, task: str, labels: Collection[str], threshold: float = 0.5) -> Filter:
    """Return a filter of texts that a trained classification gives one of some labels.

    Args:
        read: a kit with the task.
        task: the name of the task, an adapter with a `classification` head.
        labels: the labels that a text must not have.
        threshold: the least probability that counts; a label without a score counts.

    Raises:
        InputError: no label, or a threshold that is no probability.

    """
    unwanted = set(labels)
    if not unwanted or isinstance(labels, str):
        raise InputError(f"the unwanted labels are {labels!r}; give one or more")
    if not 0 <= threshold <= 1:
        raise InputError(f"threshold = {threshold}; allowed: from 0 to 1")

    def reasons(texts: Sequence[str]) -> list[tuple[str, ...]]:
        found = []
        for document in read(list(texts), tasks=[task]):
            label = document.labels.get(task)
            given = [label, *label.others] if label else []
            found.append(
                tuple(
                    f"{one.label} by {task}"
                    for one in given
                    if one.label in unwanted and (one.score is None or one.score >= threshold)
                )
            )
        return found

    return reasons


def names_in(text: str, read: Reads, *, prompt: str = "") -> list[Named]:
    """Return whom and what a written text names, in its order, each once.

    What the prompt does not have the model brought in by itself: look at it before you pass it on.

    Args:
        text: what was written.
        read: a kit that finds entities.
        prompt: what it was written from.

    """
    (document,) = read([text])
    known = prompt.casefold()
    names = dict.fromkeys((entity.text, entity.label) for entity in document.entities)
    return [Named(n, label, re.search(_bounded(n.casefold()), known) is not None) for n, label in names]


def _bounded(word: str) -> str:
    begin = "" if unspaced(word[0]) or not word[0].isalnum() else r"\b"
    end = "" if unspaced(word[-1]) or not word[-1].isalnum() else r"\b"
    return f"{begin}{re.escape(word)}{end}"
