"""Questions on paragraphs with answer spans: SQuAD v1.1 and v2.0 (Rajpurkar et al. 2016, 2018), CMRC, DRCD."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from nlpkit.data.files import load_json
from nlpkit.errors import DataError
from nlpkit.types import Answer, Document, Example

PARTS = ("asked", "elsewhere")
EVERY = 5
"""Of so many questions one is asked elsewhere."""


def read(path: Path, parts: Sequence[str] = ()) -> Iterator[Example]:
    """Read a SQuAD JSON file, gzipped or not: one Example a question, the question as `query`.

    `answers` are all acceptable ones, none where the question has no answer in the paragraph. An answer that does not
    stand at its `answer_start` is moved to the nearest place where it stands; where it stands nowhere its start and
    end are -1: nothing to train on, but it counts in scoring.

    Args:
        path: the file.
        parts: `asked`, the questions on their own paragraphs (which is what no part means), and `elsewhere`: every
            fifth question, asked of another paragraph of its article in which none of its answers stands, to learn
            from when not to answer.

    Raises:
        DataError: the file is no such JSON, there is no such part, or a question lacks a key (it is named).

    """
    for part in parts:
        if part not in PARTS:
            raise DataError(f"{path} has no part {part!r}; allowed: {', '.join(PARTS)}")
    table = load_json(path)
    if not isinstance(table, dict) or not isinstance(table.get("data"), list):
        raise DataError(
            f"{path} is not in the SQuAD format; allowed: an object with the articles as a list under 'data'"
        )
    for part in parts or PARTS[:1]:
        for number, article in enumerate(table["data"]):
            try:
                asked = [
                    [_example(paragraph["context"], question, path.name) for question in paragraph["qas"]]
                    for paragraph in article["paragraphs"]
                ]
                yield from chain.from_iterable(asked) if part == "asked" else _elsewhere(asked)
            except (KeyError, TypeError, AttributeError) as e:
                raise DataError(f"{path}, article {number}: {type(e).__name__} {e}; see the SQuAD format") from e


def _elsewhere(asked: Sequence[Sequence[Example]]) -> Iterator[Example]:
    """Go through every fifth question of an article, each beside the next paragraph that does not answer it."""
    texts = [questions[0].document.text if questions else "" for questions in asked]
    numbered = ((n, example) for n, questions in enumerate(asked) for example in questions)
    for home, example in islice(numbered, 0, None, EVERY):
        document, answers = example.document, [a.text.casefold() for a in example.document.answers]
        for text in (*texts[home + 1 :], *texts[:home]):
            if text and answers and not any(answer in text.casefold() for answer in answers):
                other = replace(document, text=text, id=f"{document.id}-elsewhere", answers=())
                yield Example(other, f"{example.source}-elsewhere")
                break


def record_example(record: Mapping[str, Any], place: str, source: str) -> Example:
    """Return a question on a context, with answers as lists of texts and places or as objects.

    Raises:
        DataError: it has another shape; `place` says where it is.

    """
    try:
        answers = record["answers"]
        if isinstance(answers, Mapping):
            pairs = zip(answers["text"], answers["answer_start"], strict=True)
            answers = [{"text": text, "answer_start": start} for text, start in pairs]
        question = {"id": record.get("id", source), "question": record["question"], "answers": answers}
        return replace(_example(record["context"], question, source), source=source)
    except (KeyError, TypeError, AttributeError, ValueError) as e:
        raise DataError(f"{place}: {type(e).__name__} {e}; see the SQuAD format") from e


def _example(context: str, question: Mapping[str, Any], file: str) -> Example:
    found = [] if question.get("is_impossible") else [_answer(context, a) for a in question["answers"]]
    source = f"{file}#{question['id']}"
    document = Document(context, str(question["id"]), query=question["question"], answers=tuple(dict.fromkeys(found)))
    return Example(document, source)


def _answer(context: str, answer: Mapping[str, Any]) -> Answer:
    text, start = answer["text"], answer["answer_start"]
    if start < 0 or context[start : start + len(text)] != text:
        start = _nearest(context, text, start)
    return Answer(text, start, start + len(text) if start >= 0 else -1)


def _nearest(context: str, text: str, start: int) -> int:
    """Return where the text stands next to `start`, or -1."""
    before = context.rfind(text, 0, max(start, 0) + len(text))
    after = context.find(text, max(start, 0))
    places = [place for place in (before, after) if place >= 0]
    return min(places, key=lambda place: abs(place - start), default=-1)
