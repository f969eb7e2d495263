"""What is particular to the slots head; the contract of all heads is in test_heads."""

from dataclasses import replace

import pytest
import torch
from samples import EXAMPLES
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2

from nlpkit import engine
from nlpkit.engine import Reading
from nlpkit.errors import DataError, RecipeError
from nlpkit.heads.slots import SlotsHead
from nlpkit.testing import fake_backbone
from nlpkit.types import Document, Entity, Label

READING = Reading(64, 16, 512)
GOLDS = [e.document for e in EXAMPLES[:10]]
BARE = [Document(d.text) for d in GOLDS]


@pytest.fixture(scope="module")
def trained():
    torch.manual_seed(0)
    backbone = fake_backbone()
    head = SlotsHead.fit(GOLDS, 16, {"width": 32, "dropout": 0.0})
    cut = [w for n, d in enumerate(GOLDS) for w in READING.windows(backbone, d, n)]
    hidden = backbone.hidden(cut)
    targets = [head.targets(w, head.gold(GOLDS[w.document])) for w in cut]
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    for _ in range(200):
        loss = head.loss(hidden, cut, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return head.eval(), backbone


def utterance(intent, *spans, words=("fly", "to", "new", "york", "on", "monday")):
    """Return a document of these words with slots [first, last) by word."""
    starts = [sum(len(w) + 1 for w in words[:n]) for n in range(len(words))]
    text = " ".join(words)
    places = [(starts[a], starts[b - 1] + len(words[b - 1]), label) for a, b, label in spans]
    slots = tuple(Entity(text[a:b], a, b, label) for a, b, label in places)
    return Document(text, slots=slots, labels={"slots": Label(intent)})


def test_slots_and_intent_are_learnt_together(trained):
    head, backbone = trained
    found = engine.read(backbone, [head], BARE, READING)
    scores = head.score(found, GOLDS)
    assert scores["slot_f1"] == 1.0
    assert scores["intent_accuracy"] >= 0.9
    assert all(0.0 <= slot.score <= 1.0 for d in found for slot in d.slots)
    assert all(0.0 <= d.labels["slots"].score <= 1.0 for d in found)
    assert not any(d.entities or d.metadata for d in found)


def test_calibration_fits_both(trained):
    head, backbone = trained
    head = SlotsHead.from_config(head.config())
    head.load_state_dict(trained[0].state_dict())
    head.eval().calibrate(lambda: engine.read(backbone, [head], BARE, READING), GOLDS)
    assert head.intent_sharpness != 1.0
    found = engine.read(backbone, [head], BARE, READING)
    assert not any(d.metadata for d in found)


def test_slot_f1_equals_seqeval():
    gold = [utterance("go", (2, 4, "city"), (5, 6, "day")), utterance("go", (0, 2, "do")), utterance("stay")]
    found = [
        utterance("go", (2, 3, "city"), (5, 6, "day")),
        utterance("go", (0, 2, "day")),
        utterance("go", (1, 2, "do")),
    ]
    gold_tags = [["O", "O", "B-city", "I-city", "O", "B-day"], ["B-do", "I-do", *"OOOO"], [*"OOOOOO"]]
    found_tags = [["O", "O", "B-city", "O", "O", "B-day"], ["B-day", "I-day", *"OOOO"], ["O", "B-do", *"OOOO"]]
    scores = SlotsHead(16, ("city", "day", "do"), ("go", "stay")).score(found, gold)
    assert scores["slot_f1"] == pytest.approx(f1_score(gold_tags, found_tags, mode="strict", scheme=IOB2))
    assert scores["intent_accuracy"] == pytest.approx(2 / 3)


def test_intents_joined_with_a_sign_are_one_label():
    golds = [utterance("flight#airfare", (2, 4, "city")), utterance("flight", (2, 4, "city"))]
    head = SlotsHead.fit(golds, 16, {})
    assert head.intents == ("flight", "flight#airfare")
    assert head.score([golds[1]], [golds[0]])["intent_accuracy"] == 0.0


def test_slots_and_intents_never_seen_count_as_wrong(trained):
    head, backbone = trained
    gold = replace(GOLDS[0], labels={"slots": Label("new")}, slots=(Entity("Ann", 0, 3, "new"),))
    found = engine.read(backbone, [head], BARE[:1], READING)
    assert head.score(found, [gold]) == {"slot_f1": 0.0, "intent_accuracy": 0.0}


def test_a_long_text_has_one_intent_and_the_slots_of_all_its_windows(trained):
    head, backbone = trained
    text = " ".join([GOLDS[0].text] * 6)
    (found,) = engine.read(backbone, [head], [Document(text)], READING)
    assert found.labels["slots"].label in head.intents
    assert len({(s.start, s.end) for s in found.slots}) == len(found.slots) >= 6
    assert max(s.end for s in found.slots) > 5 * len(GOLDS[0].text)


def test_data_that_cannot_be_learnt_from_is_told():
    with pytest.raises(DataError, match="classification"):
        SlotsHead.fit([utterance("go"), utterance("stay")], 16, {})
    with pytest.raises(DataError, match="two or more"):
        SlotsHead.fit([utterance("go", (0, 1, "city"))], 16, {})
    with pytest.raises(RecipeError, match=r"options\.slots\.depth.*width"):
        SlotsHead.fit(GOLDS, 16, {"depth": 2})
