"""State tracking guided by a schema: the schema as text, SGD's files, and the joint goal."""

import gzip
import json
from dataclasses import replace

import pytest
import torch

import nlpkit
from nlpkit import data, engine, recipes, schemas
from nlpkit.engine import Reading
from nlpkit.errors import DataError, RecipeError
from nlpkit.heads.dialogue import DialogueHead, given, joint_goals
from nlpkit.schemas import as_query, items_of, spoken
from nlpkit.testing import fake_backbone
from nlpkit.types import Document, Entity, Label

SCHEMA = {
    "service_name": "Trains_1",
    "slots": [
        {"name": "to_city", "description": "City to go to", "is_categorical": False, "possible_values": []},
        {
            "name": "class",
            "description": "Class: of | seats",
            "is_categorical": True,
            "possible_values": ["First", "Second"],
        },
        {"name": "price", "description": "Price", "is_categorical": False, "possible_values": []},
    ],
    "intents": [{"name": "FindTrains", "description": "Find trains"}],
}


def frame(values, intent="FindTrains", requested=()):
    state = {"active_intent": intent, "requested_slots": list(requested), "slot_values": values}
    return [{"service": "Trains_1", "state": state}]


DIALOGUE = {
    "dialogue_id": "1_1",
    "turns": [
        {"speaker": "USER", "utterance": "A train to Ulm.", "frames": frame({"to_city": ["Ulm"]})},
        {"speaker": "SYSTEM", "utterance": "Which class? There is one to Bonn too.", "frames": []},
        {
            "speaker": "USER",
            "utterance": "First. To that one, at what price?",
            "frames": frame({"to_city": ["Bonn"], "class": ["First"]}, requested=["price"]),
        },
        {
            "speaker": "SYSTEM",
            "utterance": "Forty, for two.",
            "frames": [
                {
                    "service": "Trains_1",
                    "actions": [
                        {"act": "INFORM", "slot": "price", "values": ["Forty"]},
                        {"act": "REQ_MORE", "slot": "", "values": []},
                        {"act": "CONFIRM", "slot": "has_seats", "values": ["True"]},
                        {"act": "OFFER_INTENT", "slot": "intent", "values": ["FindTrains"]},
                    ],
                }
            ],
        },
        {
            "speaker": "USER",
            "utterance": "Any class will do, thanks.",
            "frames": frame({"to_city": ["Bonn", "bonn"], "class": ["dontcare"], "price": ["never said"]}, "NONE"),
        },
    ],
}


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "train"
    place.mkdir()
    (place / "schema.json").write_text(json.dumps([SCHEMA]))
    (place / "dialogues_001.json.gz").write_bytes(gzip.compress(json.dumps([DIALOGUE]).encode()))
    return tmp_path


def test_a_schema_as_text_is_read_back():
    query = as_query({"FindTrains": "Find: them"}, {"to_city": "", "class": "a | b"}, {"class": ["First", "Second"]})
    items = list(items_of(query))
    assert [(i.kind, i.name, i.slot) for i in items] == [
        ("intent", "no intent", ""),
        ("intent", "find trains", ""),
        ("slot", "to city", ""),
        ("slot", "class", ""),
        ("value", "First", "class"),
        ("value", "Second", "class"),
    ]
    assert all(query[i.start] == schemas.MARK for i in items)
    assert [spoken(n) for n in ("party_size", "GetEventDates", "ATM2", "座位")] == [
        "party size",
        "get event dates",
        "atm 2",
        "座位",
    ]
    assert list(items_of("where was she born?")) == []


def test_turns_say_what_they_add(folder):
    first, second, third = (e.document for e in data.read(folder / "train", "sgd"))
    assert first.text == "user: A train to Ulm."
    assert [(e.text, e.label) for e in first.slots] == [("Ulm", "to city")]
    assert second.text.startswith("system: Which class?")
    assert {k: v.label for k, v in second.labels.items()} == {
        "dialogue": "find trains",
        "dialogue.requested": "price",
        "dialogue.class": "First",
    }
    assert [(e.text, second.text[e.start : e.end]) for e in second.slots] == [("Bonn", "Bonn")]
    assert {k: v.label for k, v in third.labels.items()} == {"dialogue": "no intent", "dialogue.class": "dontcare"}
    assert third.slots == ()
    assert third.metadata["state"] == {"to city": ["bonn", "bonn"], "class": ["dontcare"], "price": ["never said"]}
    assert {d.metadata["conversation"] for d in (first, second, third)} == {"1_1 Trains_1"}


def test_replies_say_what_they_should_do(folder):
    first, second = (e.document for e in data.read(folder / "train", "sgd-replies"))
    assert first.query == "user: A train to Ulm.\nstate: find trains; to city (Ulm)\nsay: none\nsystem:"
    assert first.text == " Which class? There is one to Bonn too."
    state = "state: find trains; to city (Bonn); class (First)"
    say = "say: The price is Forty. Is there anything else? Please confirm: has seats (yes). Shall I find trains?"
    assert second.query == f"user: First. To that one, at what price?\n{state}\n{say}\nsystem:"
    assert second.metadata["values"] == ["Forty"]


def test_a_slot_without_values_is_said_with_its_dialogue(folder):
    empty = DIALOGUE | {"turns": [DIALOGUE["turns"][0] | {"frames": frame({"to_city": []})}, *DIALOGUE["turns"][1:]]}
    (folder / "train" / "dialogues_001.json.gz").write_bytes(gzip.compress(json.dumps([empty]).encode()))
    with pytest.raises(DataError, match="dialogue 1_1: IndexError"):
        list(data.read(folder / "train", "sgd-replies"))


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda f: (f / "schema.json").unlink(), "schema.json"),
        (lambda f: (f / "dialogues_001.json.gz").unlink(), "has no dialogues_"),
        (lambda f: (f / "schema.json").write_text("{}"), "no list of objects with 'service_name'"),
        (lambda f: (f / "schema.json").write_text("[]"), "dialogue 1_1: KeyError"),
        (lambda f: (f / "dialogues_001.json.gz").write_bytes(b"x"), "dialogues_001"),
    ],
)
def test_broken_files_are_named(folder, break_it, says):
    break_it(folder / "train")
    with pytest.raises(DataError, match=says):
        list(data.read(folder / "train", "sgd"))


def test_the_joint_goal_is_the_whole_state_after_each_turn(folder):
    golds = [e.document for e in data.read(folder / "train", "sgd")]
    assert joint_goals(golds, golds) == [True, True, False]  # a value that nobody said cannot be followed
    lost = [replace(golds[0], slots=()), *golds[1:]]
    assert joint_goals(lost, golds) == [False, True, False]
    bare = [replace(d, metadata={}) for d in golds]
    assert joint_goals(lost, bare) == [False, True, True]
    head = DialogueHead(8)
    scores = head.score(golds, golds)
    assert (scores["intent_accuracy"], scores["requested_f1"], scores["value_f1"]) == (1.0, 1.0, 1.0)
    assert scores["joint_goal_accuracy"] == pytest.approx(2 / 3)
    assert given(golds[1]) == {"class": "first", "to city": "bonn"}
    assert head.per_label(lost, golds)["to city"]["recall"] == 0.5


def test_a_tracker_is_trained_and_finds_what_it_learnt(folder, monkeypatch):
    monkeypatch.setattr("nlpkit.testing.fake_backbone.__kwdefaults__", {"kind": "bert", "max_pieces": 512})
    table = {
        "title": "Trains",
        "heads": ["dialogue"],
        "licence": "x",
        "backbone": "fake",
        "data": {"format": "sgd", "train": "train", "test": "train"},
        "adapter": {"rank": 8},
        "training": {"epochs": 120, "lr": 0.01, "head_lr": 0.01, "batch_tokens": 2048, "window": 512, "stride": 384},
    }
    out = nlpkit.train(recipes.from_dict(table, name="trains"), data=folder, out=folder / "out")
    scores = json.loads((out / "nlpkit.json").read_text())["scores"]["test"]
    assert scores["intent_accuracy"] == 1.0
    assert scores["value_f1"] > 0.8
    kit = nlpkit.load(str(out))
    golds = [e.document for e in data.read(folder / "train", "sgd")]
    found = kit([Document(d.text, query=d.query) for d in golds])
    assert sum(given(f) == given(g) for f, g in zip(found, golds, strict=True)) >= 2
    assert kit("no schema is read with this").labels == {}


def test_what_cannot_be_learnt_is_refused():
    with pytest.raises(DataError, match="schema"):
        DialogueHead.fit([Document("hello", query="where?")], 8, {})
    with pytest.raises(RecipeError, match="depth"):
        DialogueHead.fit([Document("hello", query="| no intent")], 8, {"depth": 3})


def test_a_long_turn_keeps_its_schema_in_every_window():
    backbone = fake_backbone(max_pieces=64)
    torch.manual_seed(0)
    head = DialogueHead(16)
    query = as_query({"go": ""}, {"to": ""}, {})
    (found,) = engine.read(backbone, [head], [Document("to oslo and on to rome " * 20, query=query)], Reading(64, 8))
    assert found.labels["dialogue"].label in ("go", "no intent")
    assert all(found.text[e.start : e.end] == e.text and e.label == "to" for e in found.slots)


def test_a_value_is_an_entity_or_a_label_as_its_slot_is():
    document = Document("to oslo", labels={"dialogue.on": Label("Sun")}, slots=(Entity("oslo", 3, 7, "to"),))
    assert given(document) == {"on": "sun", "to": "oslo"}
