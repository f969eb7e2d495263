"""What a conversation has settled."""

import pytest

from nlpkit.dialogue import Schema, State
from nlpkit.dialogue.state import tracked, updated
from nlpkit.errors import InputError
from nlpkit.schemas import items_of
from nlpkit.types import Document, Entity, Label

SCHEMA = Schema.from_dict(
    {
        "intents": {
            "book": {"required": ["city", "day"], "optional": ["price"], "done": "Booked in {city} on {day}."},
            "weather": {"required": ["city"]},
        },
        "slots": {"price": {"values": ["cheap", "dear"]}, "day": {"question": "Which day?"}},
    }
)


def after(state, said, intent="", **values):
    return updated(state, said, values, SCHEMA, intent)


def test_slots_are_carried_over_turns_and_corrected():
    state = after(State(), "a table in Oslo", "book", city="Oslo")
    assert (state.intent, dict(state.slots), state.missing(SCHEMA)) == ("book", {"city": "Oslo"}, ["day"])
    state = after(state, "on Monday", day="Monday")
    assert state.missing(SCHEMA) == []
    for said, day in (("no, Tuesday", "Tuesday"), ("I mean Friday", "Friday"), ("sorry, make it Sunday!", "Sunday")):
        state = after(state, said)
        assert dict(state.slots) == {"city": "Oslo", "day": day}
    assert dict(after(state, "不，应该是周一").slots)["day"] == "周一"


def test_an_answer_to_what_was_asked_is_its_value():
    asked = State("book", {"city": "Oslo"}, asked="day")
    assert dict(after(asked, "Monday.").slots) == {"city": "Oslo", "day": "Monday"}


def test_closed_values_are_those_of_the_list_or_none():
    state = State("book", {"city": "Oslo"}, asked="price")
    assert after(state, "something Cheap please").slots["price"] == "cheap"
    assert after(state, "purple") == state


def test_another_intent_keeps_the_slots_that_it_has_too():
    state = State("book", {"city": "Oslo", "day": "Monday"})
    assert after(state, "the weather", "weather") == State("weather", {"city": "Oslo"})


def test_slots_of_other_tasks_are_left_alone():
    state = State("weather", {"city": "Oslo"})
    assert after(state, "cheap ones", price="cheap") == state


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({}, "no intents"),
        ({"intents": {"a": {"needs": []}}}, "'needs'; allowed: required, optional, done"),
        ({"intents": {"a": {"required": "b"}}}, r"intents\.a\.required is 'b'; allowed: a list"),
        ({"intents": {"a": []}}, r"intents\.a is \[\]"),
        ({"intents": {"a": {"done": 3}}}, "allowed: a text"),
        ({"intents": {"a": {}}, "slots": {"b": {"values": [""]}}}, r"slots\.b\.values"),
        ({"intents": {"a": {"done": "in {"}}}, "done is no template"),
        ({"intents": {"a": {"done": "{x.y}", "required": ["x"]}}}, r"asks for 'x\.y'; allowed: its slots \(x\)"),
        ({"tasks": {}}, "'tasks'; allowed: intents, slots"),
    ],
)
def test_a_schema_that_cannot_be_is_refused(table, says):
    with pytest.raises(InputError, match=says):
        Schema.from_dict(table)


def test_a_tracker_speaks_of_the_schema_in_words():
    schema = Schema.from_dict(
        {
            "intents": {"BookTable": {"required": ["party_size", "day"], "description": "Book a table"}},
            "slots": {"day": {"values": ["sun", "mon"]}},
        }
    )
    assert [i.name for i in items_of(schema.query)] == ["no intent", "book table", "day", "sun", "mon", "party size"]
    labels = {"dialogue": Label("book table"), "dialogue.day": Label("sun"), "dialogue.requested": Label("day")}
    found = Document("for four", labels=labels, slots=(Entity("four", 4, 8, "party size"),))
    assert tracked(found, schema) == ("BookTable", {"day": "sun", "party_size": "four"})
    assert tracked(Document("x", labels={"dialogue": Label("no intent")}), schema) == ("", {})
    state = updated(State(), "for any day", {"day": "dontcare", "party_size": "four"}, schema, "BookTable")
    assert state.missing(schema) == []
