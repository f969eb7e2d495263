"""What a conversation has settled: the intent, the values of its slots, and what is still to be asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from string import Formatter
from typing import Any

from nlpkit.errors import InputError
from nlpkit.heads.dialogue import REQUESTED
from nlpkit.schemas import DONT_CARE, as_query, spoken
from nlpkit.types import Document

_CORRECTION = re.compile(
    r"^\W*(?:no|nope|not that|sorry|actually|i mean|i meant|rather|wait|不是?|不对|应该是)\b[,，。.! ]*"
    r"(?:make (?:it|that)|i mean|i meant|应该是)?\s*(.*?)\W*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Slot:
    """A detail that a task needs: the question that asks for it, and its values where they are a closed list.

    `type` is that of the entities that it takes from a conversation's graph, "" for values of any kind.
    """

    name: str
    question: str = ""
    values: tuple[str, ...] = ()
    description: str = ""
    type: str = ""

    def value_of(self, said: str) -> str | None:
        """Return the value that was said; None where it is not one of the list."""
        if not self.values or said == DONT_CARE:
            return said.strip() or None
        folded = said.casefold().strip()
        return next((v for v in self.values if v.casefold() == folded), None) or next(
            (v for v in self.values if v.casefold() in folded), None
        )


@dataclass(frozen=True, slots=True)
class Intent:
    """Something that a user may want done: the slots it needs, in the order in which they are asked for.

    `done` is the reply once they are there; "{slot}" in it stands for a value.
    """

    name: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    done: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Schema:
    """The tasks of a conversation. `slots` and `intents` are by name."""

    intents: Mapping[str, Intent]
    slots: Mapping[str, Slot]

    @property
    def query(self) -> str:
        """The schema as a text that a tracker reads before a turn (see `nlpkit.schemas`)."""
        intents = {name: intent.description for name, intent in self.intents.items()}
        slots = {name: slot.description for name, slot in self.slots.items()}
        return as_query(intents, slots, {name: slot.values for name, slot in self.slots.items()})

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Schema:
        """Make a schema of a table, as a TOML or JSON file holds it.

        Args:
            table: {"intents": {name: {"required": [...], "optional": [...], "done": text}}, "slots": {name:
                {"question": text, "values": [...]}}}; slots that intents name need no entry. A "description" of either
                helps a tracker. A slot with a "type", such as "LOC", takes the names of the graph's entities of it.

        Raises:
            InputError: a key that is not known, or a value of a wrong kind.

        """
        _check_keys(table, ("intents", "slots"), "schema")
        given = table.get("slots", {})
        slots = {
            name: Slot(name, **_values(spec, ("question", "values", "description", "type"), f"schema: slots.{name}"))
            for name, spec in given.items()
        }
        intents = {}
        for name, spec in table.get("intents", {}).items():
            intents[name] = Intent(
                name, **_values(spec, ("required", "optional", "done", "description"), f"schema: intents.{name}")
            )
            for slot in (*intents[name].required, *intents[name].optional):
                slots.setdefault(slot, Slot(slot))
            _check_places(intents[name])
        if not intents:
            raise InputError("the schema has no intents; give {'intents': {name: {'required': [slot, ...]}}}")
        return cls(intents, slots)


@dataclass(frozen=True, slots=True)
class State:
    """Where a task stands. `asked` is the slot that was asked for last, `latest` the one that was filled last."""

    intent: str = ""
    slots: Mapping[str, str] = field(default_factory=dict)
    asked: str = ""
    latest: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the state as plain JSON types."""
        return {"intent": self.intent, "slots": dict(self.slots)}

    def missing(self, schema: Schema) -> list[str]:
        """Return the slots that the intent still needs."""
        intent = schema.intents.get(self.intent)
        return [name for name in intent.required if name not in self.slots] if intent else []


def updated(
    state: State,
    said: str,
    values: Mapping[str, str],
    schema: Schema,
    intent: str,
    value_of: Callable[[Slot, str], str | None] = Slot.value_of,
) -> State:
    """Return the state after a turn: values that were found, an answer to what was asked, or a correction.

    Args:
        state: before the turn.
        said: the turn.
        values: what was found in it, by slot; slots that the task does not have are left alone.
        schema: the tasks.
        intent: what the turn wants, "" where that is not known.
        value_of: the value of a slot that was said, None where it is none.

    """
    if intent and intent != state.intent:
        kept = {name: value for name, value in state.slots.items() if name in _slots_of(schema, intent)}
        state = State(intent, kept)
    allowed = _slots_of(schema, state.intent)
    found = {}
    for name, text in values.items():
        value = value_of(schema.slots[name], text) if name in allowed else None
        if value is not None:
            found[name] = value
    correction = _CORRECTION.match(said)
    if not found and correction and correction[1] and state.latest in allowed:
        # "no, Tuesday": a value for what was filled last.
        value = value_of(schema.slots[state.latest], correction[1])
        found = {state.latest: value} if value is not None else {}
    elif not found and state.asked in allowed:
        value = value_of(schema.slots[state.asked], said.strip(" .!"))
        found = {state.asked: value} if value is not None else {}
    if not found:
        return state
    return replace(state, slots={**state.slots, **found}, asked="", latest=list(found)[-1])


def by_type(types: Mapping[str, str], schema: Schema, intent: str) -> dict[str, str]:
    """Return the values that entities are by their types alone: an intent's only slot of a type takes the first of it.

    Args:
        types: the entities that a turn names, with their types.
        schema: the tasks.
        intent: the one in hand.

    """
    found = {}
    for name in (slots := _slots_of(schema, intent)):
        wanted = schema.slots[name].type
        alone = [schema.slots[other].type for other in slots].count(wanted) == 1
        first = next((entity for entity, type_ in types.items() if type_ == wanted), None)
        if wanted and alone and first:
            found[name] = first
    return found


def tracked(understood: Document, schema: Schema) -> tuple[str, dict[str, str]]:
    """Return the intent and the values that a tracker (a `dialogue` head) found, by their names in the schema."""
    intents = {spoken(name): name for name in schema.intents}
    slots = {spoken(name): name for name in schema.slots}
    intent = next((intents[one.label] for one in understood.labels.values() if one.label in intents), "")
    chosen = {key.removeprefix("dialogue."): one.label for key, one in understood.labels.items() if key != REQUESTED}
    spans = {span.label: span.text for span in understood.slots}
    return intent, {slots[name]: value for name, value in (chosen | spans).items() if name in slots}


def _check_places(intent: Intent) -> None:
    """Check that the reply of a task names nothing but its slots.

    Raises:
        InputError: it does, or its braces do not match.

    """
    slots = (*intent.required, *intent.optional)
    try:
        places = [place for _, place, _, _ in Formatter().parse(intent.done) if place is not None]
    except ValueError as e:
        raise InputError(
            f"schema: intents.{intent.name}.done is no template ({e}); write {{{{ and }}}} for braces"
        ) from e
    unknown = [place for place in places if place not in slots]
    if unknown:
        allowed = ", ".join(slots) or "none"
        raise InputError(f"schema: intents.{intent.name}.done asks for {unknown[0]!r}; allowed: its slots ({allowed})")


def _slots_of(schema: Schema, intent: str) -> tuple[str, ...]:
    found = schema.intents.get(intent)
    return (*found.required, *found.optional) if found else ()


def _values(spec: Any, allowed: tuple[str, ...], place: str) -> dict[str, Any]:
    if not isinstance(spec, Mapping):
        raise InputError(f"{place} is {spec!r}; allowed: a table with {', '.join(allowed)}")
    _check_keys(spec, allowed, place)
    for key, value in spec.items():
        lists = key in ("values", "required", "optional")
        good = (
            isinstance(value, list | tuple) and all(isinstance(v, str) and v for v in value)
            if lists
            else isinstance(value, str)
        )
        if not good:
            raise InputError(f"schema: {place}.{key} is {value!r}; allowed: {'a list of words' if lists else 'a text'}")
    return {key: tuple(value) if isinstance(value, list | tuple) else value for key, value in spec.items()}


def _check_keys(table: Mapping[str, Any], allowed: tuple[str, ...], place: str) -> None:
    for key in table:
        if key not in allowed:
            raise InputError(f"{place} has the unknown key {key!r}; allowed: {', '.join(allowed)}")
