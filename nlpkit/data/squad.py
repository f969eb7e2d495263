"""Questions on paragraphs with answer spans: SQuAD v1.1 and v2.0 (Rajpurkar et al. 2016, 2018), CMRC, DRCD."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nlpkit.data.files import load_json
from nlpkit.errors import DataError
from nlpkit.types import Answer, Document, Example


def read(path: Path) -> Iterator[Example]:
    """Read a SQuAD JSON file, gzipped or not: one Example a question, the question as `query`.

    `answers` are all acceptable ones, none where the question has no answer in the paragraph. An answer that does not
    stand at its `answer_start` is moved to the nearest place where it stands; where it stands nowhere its start and
    end are -1: nothing to train on, but it counts in scoring.

    Raises:
        DataError: the file is no such JSON, or a question lacks a key (it is named).

    """
    table = load_json(path)
    if not isinstance(table, dict) or not isinstance(table.get("data"), list):
        raise DataError(f"{path} is not in the SQuAD format: an object with the articles as a list under 'data'")
    for number, article in enumerate(table["data"]):
        try:
            for paragraph in article["paragraphs"]:
                for question in paragraph["qas"]:
                    yield _example(paragraph["context"], question, path.name)
        except (KeyError, TypeError, AttributeError) as e:
            raise DataError(f"{path}, article {number}: {type(e).__name__} {e}; see the SQuAD format") from e


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
