"""Prompts with the responses that a decoder should learn to write."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from nlpkit.data.files import records
from nlpkit.errors import DataError
from nlpkit.types import ROLES, Document, Example, Turn

_SHAPES = (
    '{"prompt": text or turns, "response": text}, or {"messages": turns} whose last turn is the assistant\'s; '
    'a turn is {"role": "system", "user" or "assistant", "content": text}'
)


def read(path: Path) -> Iterator[Example]:
    """Read JSON lines of prompts with responses: one Example a pair, the response as its text.

    A prompt that is a text stands in the document's `query`, a conversation in its `history`. "completion" may stand
    for "response", as in the files that TRL reads.

    Raises:
        DataError: a line is no such object (it is named), or a response is empty.

    """
    for number, source, record in records(path):
        yield record_example(record, f"{path}, line {number}", source, number)


def record_example(record: Any, place: str, source: str, line: int = 0) -> Example:
    """Return the prompt and the response of an object.

    Raises:
        DataError: it has none; `place` says where it is.

    """
    if not isinstance(record, dict):
        raise DataError(f"{place}: {record!r:.60} is no object; allowed: {_SHAPES}")
    turns = record.get("messages")
    prompt, response = record.get("prompt"), record.get("response", record.get("completion"))
    if isinstance(turns, list) and turns:
        *before, last = [_turn(turn, place) for turn in turns]
        if last.role != "assistant":
            raise DataError(f"{place}: the last turn is of {last.role!r}; allowed: 'assistant', whose turn is learnt")
        query, history, response = "", tuple(before), last.text
    elif isinstance(prompt, str) and prompt.strip():
        query, history = prompt, ()
    elif isinstance(prompt, list) and prompt:
        query, history = "", tuple(_turn(turn, place) for turn in prompt)
    else:
        raise DataError(f"{place} has the keys {', '.join(record) or 'none'}; allowed: {_SHAPES}")
    if isinstance(response, list) and len(response) == 1:
        response = _turn(response[0], place).text
    if not isinstance(response, str) or not response.strip():
        raise DataError(f"{place}: the response is {response!r}; allowed: a text that is not empty")
    return Example(Document(response, source, query=query, history=history), source, line)


def write(path: Path, documents: Iterable[Document]) -> None:
    """Write prompts with their responses as JSON lines that `read` reads, whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        for document in documents:
            prompt: Any = [turn.to_dict() for turn in document.history] or document.query
            file.write(json.dumps({"prompt": prompt, "response": document.text}, ensure_ascii=False) + "\n")
    part.replace(path)


def _turn(turn: Any, place: str) -> Turn:
    if not isinstance(turn, dict) or turn.get("role") not in ROLES or not isinstance(turn.get("content"), str):
        raise DataError(f"{place}: a turn is {turn!r:.60}; allowed: {_SHAPES}")
    return Turn(turn["role"], turn["content"])
