"""How a task of a conversation goes on: what a turn settles, what is asked next, what is said once all is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from nlpkit.dialogue.state import Schema, Slot, State, by_type, updated
from nlpkit.graph.records import Node
from nlpkit.replies import Act, templated
from nlpkit.schemas import DONT_CARE
from nlpkit.text import chinese
from nlpkit.types import Turn

_FEW = 5
"""So many choices are named where one of them is asked for."""

Phrase = Callable[[str, State, Sequence[Act]], str]
"""What the user said, the state, acts -> a reply."""


class Step(NamedTuple):
    """A reply to a turn of a task, where the task stands after it, and why."""

    turn: Turn
    state: State
    why: str


class Tasks:
    """The tasks of a schema, as turns fill them.

    Args:
        schema: intents with their slots.
        named: the entities of a graph that a text names, for slots with a type; None: there is no graph.
        phrase: words what is asked and confirmed, in English; by default templates do.

    """

    def __init__(
        self, schema: Schema, *, named: Callable[[str], Sequence[Node]] | None = None, phrase: Phrase | None = None
    ) -> None:
        self.schema, self._named = schema, named
        self._phrase = phrase or (lambda said, state, acts: templated(acts))

    def step(self, text: str, before: State, intent: str, values: Mapping[str, str]) -> Step | None:
        """Return what a turn does to a task, None where it does nothing.

        Args:
            text: the turn.
            before: where the task stood.
            intent: what the turn wants, "" where that is not known.
            values: what it gives, by slot.

        """
        if self._named and any(slot.type for slot in self.schema.slots.values()):
            types = {node.name: node.type for node in self._named(text)}
            values = by_type(types, self.schema, intent or before.intent) | dict(values)
        intent = "" if before.asked and not values else intent
        state = updated(before, text, values, self.schema, intent, self._value)
        if not state.intent or state == before:
            return None
        if missing := state.missing(self.schema):
            return self.ask(text, state, missing[0], again=before.asked == missing[0])
        done = self.schema.intents[state.intent].done
        slots = ", ".join(f"{name}: {value}" for name, value in state.slots.items())
        acts = [Act("CONFIRM", name, (value,)) for name, value in state.slots.items()]
        plain = f"{state.intent}：{slots}" if chinese(text) else ""
        reply = done.format_map(_Kept(state.slots)) if done else plain or self._phrase(text, state, acts)
        return Step(
            Turn("assistant", reply, "done"), replace(state, asked=""), f"{state.intent} has all it needs: {slots}"
        )

    def ask(self, text: str, state: State, name: str, *, again: bool = False) -> Step:
        """Return a reply that asks for a slot; `again` where it was asked for and the turn gives no value of it."""
        slot = self.schema.slots[name]
        choices = slot.values if len(slot.values) <= _FEW else ()
        question = slot.question or (
            f"{name}是什么？" if chinese(text) else self._phrase(text, state, [Act("REQUEST", name, choices)])
        )
        why = f"{state.intent} needs {', '.join(state.missing(self.schema)) or name}"
        why = f"{why}; {text!r:.60} is no {name}" if again else why
        return Step(Turn("assistant", question, "ask"), replace(state, asked=name), why)

    def _value(self, slot: Slot, said: str) -> str | None:
        """Return the value of a slot that was said: the graph's name of an entity, where the slot takes those."""
        if slot.type and self._named and said != DONT_CARE:
            return next((node.name for node in self._named(said) if node.type == slot.type), None)
        return slot.value_of(said)


class _Kept(dict[str, str]):
    """Values by name, for a text with places; what has no value stays as it is."""

    def __missing__(self, key: str) -> str:
        return f"{{{key}}}"
