"""Conversations: chat logs in JSON, and DailyDialog's lines, as turns to answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from nlpkit.data.files import lines, load_json
from nlpkit.errors import DataError
from nlpkit.types import Document, Example, Role, Turn

TURNS = ("messages", "content", "turns", "log", "dialogue", "dialog", "conversation")
"""What the key of the turns is called, and that of what a turn says."""
SAYS = ("message", "content", "text", "utterance", "value")
_ROLES: Final[tuple[Role, Role]] = ("user", "assistant")
MARK = "__eou__"
"""What ends an utterance in DailyDialog's files (Li et al. 2017), which have a dialogue a line."""
_SHAPE = (
    'allowed: a list or an object of {"messages": [{"content": text}, ...]}, or lines with __eou__ behind each turn'
)


def read(path: Path) -> Iterator[Example]:
    """Read conversations: one Example a turn from the second on, what was said before as its `history`.

    A JSON list or object of dialogues (KdConv, Topical-Chat, CrossWOZ, MultiWOZ and most exports), plain or the only
    file of a zip; or a dialogue a line. The speaker of a turn is the assistant in its Example.

    Raises:
        DataError: a dialogue has no turns, or one says nothing; it is named.

    """
    first = next((line.lstrip() for _, line in lines(path) if line.strip()), "")
    found = _of_json(path) if first[:1] in ("{", "[") else _of_lines(path)
    for name, line, said in found:
        for n in range(1, len(said)):
            history = tuple(Turn(_ROLES[(k + n + 1) % 2], text) for k, text in enumerate(said[:n]))
            source = f"{name}-{n}"
            yield Example(Document(said[n], source, history=history), source, line)


def turns_of(dialogue: object) -> list[Any] | None:
    """Return the turns of a dialogue, None where it has none."""
    if not isinstance(dialogue, Mapping):
        return None
    found = (dialogue.get(key) for key in TURNS)
    return next((turns for turns in found if isinstance(turns, list) and turns and _said(turns[0])), None)


def _said(turn: object) -> str:
    values = [turn.get(key) for key in SAYS] if isinstance(turn, Mapping) else [turn]
    return next((value.strip() for value in values if isinstance(value, str) and value.strip()), "")


def _of_json(path: Path) -> Iterator[tuple[str, int, Sequence[str]]]:
    whole = load_json(path)
    named = whole.items() if isinstance(whole, dict) else enumerate(whole) if isinstance(whole, list) else ()
    if not named:
        raise DataError(f"{path} holds no conversations; {_SHAPE}")
    for name, dialogue in named:
        turns = turns_of(dialogue)
        if turns is None:
            raise DataError(f"{path}, dialogue {name} has no turns; {_SHAPE}")
        said = [_said(turn) for turn in turns]
        if "" in said:
            raise DataError(f"{path}, dialogue {name}: turn {said.index('')} says nothing; {_SHAPE}")
        yield f"{path.name}#{name}", 0, said


def _of_lines(path: Path) -> Iterator[tuple[str, int, Sequence[str]]]:
    for number, line in lines(path):
        if line.strip():
            if MARK not in line:
                raise DataError(f"{path}, line {number}: {line!r:.60} has no {MARK}; {_SHAPE}")
            yield f"{path.name}:{number}", number, [text for part in line.split(MARK) if (text := part.strip())]
