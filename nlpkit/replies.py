"""What a task assistant says: acts, replies from them by templates, and whether a reply says what its acts name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from nlpkit.schemas import DONT_CARE, SYSTEM, USER, spoken

_NUMBERS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_PLAIN: Final = {
    "NOTIFY_SUCCESS": "It is done.",
    "NOTIFY_FAILURE": "Sorry, it could not be done.",
    "REQ_MORE": "Is there anything else?",
    "GOODBYE": "Goodbye.",
}
_YES_NO: Final = {"True": "yes", "False": "no"}


class Act(NamedTuple):
    """Something that a turn does (SGD, Rastogi et al. 2020): its kind, its slot ("" for none), and values to name."""

    kind: str
    slot: str = ""
    values: Sequence[str] = ()


def named_values(acts: Iterable[Act]) -> list[str]:
    """Return the values that a reply must name: all but intents, and those that are said in words of its own."""
    worded = (*_YES_NO, DONT_CARE)
    return [v for act in acts for v in act.values if act.slot not in ("", "intent") and v not in worded]


def reply_prompt(said: str, intent: str, slots: Mapping[str, str], acts: Iterable[Act], *, persona: str = "") -> str:
    """Return what a writer of replies reads: what the user said, what is settled, and what to say, in plain words.

    A writer that words a template anew leaves out less than one that reads the acts (Kale and Rastogi 2020).

        user: Somewhere in San Jose.
        state: find restaurants; city (San Jose)
        say: I found 2. How about this: the restaurant name is Sino?
        system:

    Args:
        said: the user's turn.
        intent: of the task in hand, "" for none.
        slots: the values that are settled.
        acts: what the reply should do.
        persona: who speaks, in words, on a line before all that.

    """
    settled = [spoken(intent)] if intent else []
    settled += [f"{spoken(slot)} ({value})" for slot, value in slots.items()]
    state, say = "; ".join(settled) or "none", templated(acts) or "none"
    return spoken_by(persona, f"{USER}{said}\nstate: {state}\nsay: {say}\n{SYSTEM.rstrip()}")


def spoken_by(persona: str, prompt: str) -> str:
    """Return a prompt with who speaks on a line before it, as it is where that is empty."""
    return f"persona: {' '.join(persona.split())}\n{prompt}" if persona.strip() else prompt


def templated(acts: Iterable[Act]) -> str:
    """Return a reply that does what the acts say, in plain words: each value stands in it as it is given.

    Kinds: INFORM, INFORM_COUNT (it is said first), OFFER, OFFER_INTENT, CONFIRM, REQUEST, NOTIFY_SUCCESS,
    NOTIFY_FAILURE, REQ_MORE and GOODBYE; of any other the values are named.
    """
    ordered = sorted(acts, key=lambda act: act.kind != "INFORM_COUNT")
    said = [_sentence(kind, list(group)) for kind, group in groupby(ordered, key=lambda act: act.kind)]
    return " ".join(sentence for sentence in said if sentence)


def _sentence(kind: str, acts: Sequence[Act]) -> str:
    if kind in _PLAIN:
        return _PLAIN[kind]
    named = [_named(act) for act in acts if act.values]
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


def _named(act: Act) -> str:
    slot, first = spoken(act.slot), act.values[0]
    if first == DONT_CARE:
        return f"any {slot}"
    return f"{slot} ({_YES_NO[first]})" if first in _YES_NO else f"the {slot} is {_listed(act.values)}"


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
