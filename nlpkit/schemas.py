"""A schema of tasks as a text that is read before an utterance: its intents, slots and their values, in words.

    | no intent | intent find restaurants: look for a place to eat | slot city: where it is | slot price | value cheap

Names are in words, since that is what a model reads: `spoken("FindRestaurants")` is "find restaurants".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

MARK = "|"
NO_INTENT = "no intent"
DONT_CARE = "dontcare"
"""The value of a slot of which the user says that any will do."""

SYSTEM, USER = "system: ", "user: "
"""What stands before the turns that a model reads."""

_ITEM = re.compile(r"\|\s*(?:(no) intent|(intent|slot|value) ([^|:]+))[^|]*")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")


@dataclass(frozen=True, slots=True)
class Item:
    """Something that a schema names: its kind, its name in words, and the characters [start, end) of it in the text.

    A value belongs to `slot`.
    """

    kind: Literal["intent", "slot", "value"]
    name: str
    start: int
    end: int
    slot: str = ""


def spoken(name: str) -> str:
    """Return a name in words: "FindRestaurants", "party_size" -> "find restaurants", "party size"."""
    return " ".join(word.lower() for word in _WORD.findall(name)) or name


def as_query(intents: Mapping[str, str], slots: Mapping[str, str], values: Mapping[str, Sequence[str]]) -> str:
    """Return a schema as a text.

    Args:
        intents: names with descriptions, "" for none.
        slots: the same of slots.
        values: the values of slots that have a closed list of them.

    """
    parts = [f"{MARK} {NO_INTENT}", *(_item("intent", name, said) for name, said in intents.items())]
    for name, said in slots.items():
        parts.append(_item("slot", name, said))
        parts += [f"{MARK} value {_clean(value)}" for value in values.get(name, ())]
    return " ".join(parts)


def items_of(query: str) -> Iterator[Item]:
    """Yield what a schema's text names, in its order."""
    slot = ""
    for match in _ITEM.finditer(query):
        if match[1]:
            yield Item("intent", NO_INTENT, *match.span())
        elif match[2] == "intent":
            yield Item("intent", match[3].strip(), *match.span())
        elif match[2] == "slot":
            slot = match[3].strip()
            yield Item("slot", slot, *match.span())
        elif slot:
            yield Item("value", match[3].strip(), *match.span(), slot)


def turns(system: str, user: str) -> str:
    """Return the system's turn, if there was one, and the user's, as a tracker reads them."""
    return f"{SYSTEM}{system}\n{USER}{user}" if system else f"{USER}{user}"


def _item(kind: str, name: str, said: str) -> str:
    return f"{MARK} {kind} {spoken(name)}{f': {_clean(said)}' if said else ''}"


def _clean(text: str) -> str:
    """Return a text without the signs that part a schema."""
    return " ".join(text.replace(MARK, " ").replace(":", " ").split())
