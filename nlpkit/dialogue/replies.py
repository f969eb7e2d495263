"""What a task assistant says: replies from acts by templates, and whether a reply says what its acts name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from nlpkit.schemas import Act, spoken

_NUMBERS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_PLAIN: Final = {
    "NOTIFY_SUCCESS": "It is done.",
    "NOTIFY_FAILURE": "Sorry, it could not be done.",
    "REQ_MORE": "Is there anything else?",
    "GOODBYE": "Goodbye.",
}


def templated(acts: Iterable[Act]) -> str:
    """Return a reply that does what the acts say, in plain words: each value stands in it as it is given.

    Kinds: INFORM, INFORM_COUNT, OFFER, OFFER_INTENT, CONFIRM, REQUEST, NOTIFY_SUCCESS, NOTIFY_FAILURE, REQ_MORE and
    GOODBYE; of any other the values are named.
    """
    said = [_sentence(kind, list(group)) for kind, group in groupby(acts, key=lambda act: act.kind)]
    return " ".join(sentence for sentence in said if sentence)


def _sentence(kind: str, acts: Sequence[Act]) -> str:
    if kind in _PLAIN:
        return _PLAIN[kind]
    named = [f"the {spoken(act.slot)} is {_listed(act.values)}" for act in acts if act.values]
    if kind == "REQUEST":
        asked = [spoken(act.slot) + (f" ({' or '.join(act.values)})" if act.values else "") for act in acts]
        return f"Which {_listed(asked)}?"
    if kind == "INFORM_COUNT":
        return f"I found {_listed([value for act in acts for value in act.values])}."
    if kind == "OFFER_INTENT":
        return f"Shall I {_listed([spoken(value) for act in acts for value in act.values])}?"
    if kind == "CONFIRM":
        return f"Please confirm: {_listed(named)}."
    if kind == "OFFER":
        return f"How about this: {_listed(named)}?"
    words = _listed(named)
    return f"{words[0].upper()}{words[1:]}." if words else ""


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


def unsaid(reply: str, values: Iterable[str]) -> list[str]:
    """Return the values that a reply does not say: letter for letter but for case, or a small number in words."""
    folded = reply.casefold()
    return [value for value in values if not any(_stands(way, folded) for way in _ways(value.casefold()))]


def _ways(value: str) -> list[str]:
    return [value, _NUMBERS[int(value)]] if value.isdecimal() and int(value) < len(_NUMBERS) else [value]


def _stands(value: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text) is not None


def slot_error_rate(replies: Sequence[str], values: Sequence[Sequence[str]]) -> float:
    """Return the share of the values that replies should say and do not (Wen et al. 2015); 0 where there are none."""
    total = sum(map(len, values))
    missing = sum(len(unsaid(reply, own)) for reply, own in zip(replies, values, strict=True))
    return missing / total if total else 0.0
