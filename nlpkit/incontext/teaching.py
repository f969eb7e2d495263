"""Prompts that show examples, with their answers: what an adapter learns from that is to read such prompts better.

An adapter trained on them (a recipe with `heads = ["generation"]`, the format `pairs` and `options.generation.chat =
false`) is handed to `nlpkit.load(..., adapter=...)` and reads the prompts that it was taught with (Min et al. 2022).
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from nlpkit.errors import InputError
from nlpkit.incontext.classification import Classification
from nlpkit.incontext.extraction import Extraction
from nlpkit.types import Document


def lessons(
    task: Classification | Extraction,
    golds: Sequence[Document],
    *,
    k: int = 4,
    seed: int = 13,
    key: str = "classification",
) -> list[Document]:
    """Return for each document the prompt that shows k of the others and asks of it, with its answer.

    Args:
        task: what the prompts ask; its labels must be those of the documents.
        golds: documents with what should be found in them.
        k: how many examples each prompt shows.
        seed: what they are drawn with.
        key: the key of the documents' labels, for a classification.

    Returns:
        Documents with the prompt as `query` and the answer as text (`nlpkit.data.pairs.write` writes them).

    Raises:
        InputError: fewer than k + 1 documents, or one without a label.

    """
    if k < 0 or len(golds) <= k:
        raise InputError(f"k is {k} and there are {len(golds)} documents; give more than k, and k from 0 on")
    draws = random.Random(seed)
    lessons = []
    for number, gold in enumerate(golds):
        shots = draws.sample([other for n, other in enumerate(golds) if n != number], k)
        if isinstance(task, Extraction):
            lessons.append(task.written(gold, shots))
        else:
            lessons.append(task.written(gold.text, _label(gold, key), [(d.text, _label(d, key)) for d in shots]))
    return lessons


def _label(document: Document, key: str) -> str:
    if key not in document.labels:
        raise InputError(
            f"the document {document.id or document.text[:40]!r} has no label {key!r}; give each its label"
        )
    return document.labels[key].label
