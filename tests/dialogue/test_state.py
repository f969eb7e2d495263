"""What a conversation has settled."""

import pytest

from nlpkit.dialogue import Schema, State
from nlpkit.dialogue.state import updated
from nlpkit.errors import InputError
from nlpkit.types import Document, Entity

SCHEMA = Schema.from_dict(
    {
        "intents": {
            "book": {"required": ["city", "day"], "optional": ["price"], "done": "Booked in {city} on {day}."},
            "weather": {"required": ["city"]},
        },
        "slots": {"price": {"values": ["cheap", "dear"]}, "day": {"question": "Which day?"}},
    }
)


def turn(text, **slots):
    spans = [Entity(v, text.index(v), text.index(v) + len(v), k) for k, v in slots.items()]
    return Document(text, slots=tuple(spans))


def test_slots_are_carried_over_turns_and_corrected():
    state = updated(State(), turn("a table in Oslo", city="Oslo"), SCHEMA, "book")
    assert (state.intent, dict(state.slots), state.missing(SCHEMA)) == ("book", {"city": "Oslo"}, ["day"])
    state = updated(state, turn("on Monday", day="Monday"), SCHEMA, "")
    assert state.missing(SCHEMA) == []
    for said, day in (("no, Tuesday", "Tuesday"), ("I mean Friday", "Friday"), ("sorry, make it Sunday!", "Sunday")):
        state = updated(state, turn(said), SCHEMA, "")
        assert dict(state.slots) == {"city": "Oslo", "day": day}
    assert dict(updated(state, turn("不，应该是周一"), SCHEMA, "").slots)["day"] == "周一"


def test_an_answer_to_what_was_asked_is_its_value():
    asked = State("book", {"city": "Oslo"}, asked="day")
    assert dict(updated(asked, turn("Monday."), SCHEMA, "").slots) == {"city": "Oslo", "day": "Monday"}


def test_closed_values_are_those_of_the_list_or_none():
    state = State("book", {"city": "Oslo"}, asked="price")
    assert updated(state, turn("something Cheap please"), SCHEMA, "").slots["price"] == "cheap"
    assert updated(state, turn("purple"), SCHEMA, "") == state


def test_another_intent_keeps_the_slots_that_it_has_too():
    state = State("book", {"city": "Oslo", "day": "Monday"})
    assert updated(state, turn("the weather"), SCHEMA, "weather") == State("weather", {"city": "Oslo"})


def test_slots_of_other_tasks_are_left_alone():
    state = State("weather", {"city": "Oslo"})
    assert updated(state, turn("cheap ones", price="cheap"), SCHEMA, "") == state


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({}, "no intents"),
        ({"intents": {"a": {"needs": []}}}, "'needs'; allowed: required, optional, done"),
        ({"intents": {"a": {"required": "b"}}}, r"intents\.a\.required is 'b'; allowed: a list"),
        ({"intents": {"a": []}}, r"intents\.a is \[\]"),
        ({"intents": {"a": {"done": 3}}}, "allowed: a text"),
        ({"intents": {"a": {}}, "slots": {"b": {"values": [""]}}}, r"slots\.b\.values"),
        ({"tasks": {}}, "'tasks'; allowed: intents, slots"),
    ],
)
def test_a_schema_that_cannot_be_is_refused(table, says):
    with pytest.raises(InputError, match=says):
        Schema.from_dict(table)
