"""Conversations as files: JSON, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from nlpkit.dialogue.followups import Exchange, Spoken
from nlpkit.dialogue.state import State
from nlpkit.errors import InputError
from nlpkit.types import Turn

FORMAT = 1


def save(path: str | Path, turns: Sequence[Turn], state: State, history: Sequence[Exchange]) -> None:
    """Write a conversation: its turns, what is settled, and what was spoken of."""
    path = Path(path)
    table = {
        "format": FORMAT,
        "turns": [turn.to_dict() for turn in turns],
        "state": {**state.to_dict(), "asked": state.asked, "latest": state.latest},
        "history": [
            {"question": e.question, "topics": [asdict(s) for s in e.topics], "answers": [asdict(s) for s in e.answers]}
            for e in history
        ],
    }
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(table, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def load(path: str | Path) -> tuple[list[Turn], State, list[Exchange]]:
    """Read a conversation that was saved.

    Raises:
        InputError: the file is none, or damaged.

    """
    try:
        table = json.loads(Path(path).read_text(encoding="utf-8"))
        if table["format"] != FORMAT:
            raise InputError(f"{path} has the format {table['format']}; this nlpkit reads {FORMAT}")
        turns = [Turn.from_dict(turn) for turn in table["turns"]]
        history = [
            Exchange(e["question"], *(tuple(Spoken(**s) for s in e[side]) for side in ("topics", "answers")))
            for e in table["history"]
        ]
        return turns, State(**table["state"]), history
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        raise InputError(f"{path} holds no conversation ({e}); give a file that save() wrote") from e
