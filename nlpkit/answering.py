"""Questions put to several texts: the best answers over all of them, wherever they stand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from nlpkit.errors import InputError
from nlpkit.search import Passage, named_documents
from nlpkit.types import Answer, Document

Read = Callable[[list[Document]], list[Document]]
"""Documents with their questions as `query` -> the same with `answers`."""

RIVALS = 100
"""The nearest passages among which a question's evidence is weighed."""
_TEMPERATURE = 0.033
"""Divides the default backbone's cosines before the softmax: the likeliest on 800 questions of SQuAD v1.1 train among
3,116 passages, where the first passage's mean weight (0.79) is the share of questions that it answers (0.79)."""


def check_question(question: str) -> None:
    """Check that a question asks something.

    Raises:
        InputError: it is empty, or no string.

    """
    if not isinstance(question, str):
        raise InputError(f"the question is {type(question).__name__}, not str; give a string")
    if not question.strip():
        raise InputError("the question is empty; give a question in words")


def answers(question: str, context: str | Sequence[str] | Sequence[Document], n: int, read: Read) -> list[Answer]:
    """Return the best `n` answers over one text or several, the best first.

    Where there are several texts, `Answer.document` says which: a Document's id, else its number from "0" on.

    Raises:
        InputError: an empty question, something that is no text, or an `n` below 1.

    """
    check_question(question)
    _check_number(n)
    if isinstance(context, str):
        (found,) = read([Document(context, query=question)])
        return list(found.answers[:n])
    named = named_documents(context, "contexts")
    found_in = read([replace(document, query=question) for document in named])
    everywhere = [
        replace(answer, document=document.id)
        for document, found in zip(named, found_in, strict=True)
        for answer in found.answers
    ]
    return sorted(everywhere, key=lambda a: -(a.score or 0.0))[:n]


def read_passages(question: str, near: Sequence[tuple[Passage, float]], k: int, n: int, read: Read) -> list[Answer]:
    """Return the best `n` answers in the `k` nearest passages, placed in their documents, the best first.

    An answer's score is the sum, over the passages that hold it, of the probability that the evidence stands in that
    passage (softmax of the cosines of all of `near`) times the probability that the answer read there is right: both
    retrieval and reading must speak for it, and what overlapping passages say of the same place adds up.

    Raises:
        InputError: an `n` below 1.

    """
    _check_number(n)
    read_in = read([Document(passage.text, query=question) for passage, _ in near[:k]])
    total: dict[tuple[str, int, int], Answer] = {}
    for (passage, _), weight, found in zip(near, _weights([c for _, c in near]), read_in, strict=False):
        for answer in found.answers:
            start, end = passage.start + answer.start, passage.start + answer.end
            key = (passage.document, start, end)
            before = total[key].score or 0.0 if key in total else 0.0
            score = min(1.0, before + weight * (answer.score or 0.0))
            total[key] = Answer(answer.text, start, end, score, passage.document)
    return sorted(total.values(), key=lambda a: -(a.score or 0.0))[:n]


def _check_number(n: int) -> None:
    if n < 1:
        raise InputError(f"n is {n}; allowed: 1 or above")


def _weights(cosines: Sequence[float]) -> list[float]:
    highest = max(cosines, default=0.0)
    parts = [math.exp((c - highest) / _TEMPERATURE) for c in cosines]
    return [part / math.fsum(parts) for part in parts]
