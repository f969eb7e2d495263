"""Augmentation: whatever is labelled stays labelled, in every script, and nothing changes unless asked."""

import json
import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import EXAMPLES, QUESTIONS

import nlpkit
from nlpkit import checkpoint, data, recipes
from nlpkit.adapters import Adapted
from nlpkit.data.augmentation import augmented, balanced, mistyped, recased, renamed, swapped_or_deleted
from nlpkit.data.inventory import labels_of
from nlpkit.data.relations import joined
from nlpkit.editing.edits import Edit, edited, places
from nlpkit.errors import RecipeError
from nlpkit.objectives import Heads
from nlpkit.recipes import AugmentationSpec
from nlpkit.testing import fake_backbone
from nlpkit.types import Document, Entity, Label, Relation, Turn

NAMES = {"PER": ("Ann Lee", "李明", "O'Neil"), "LOC": ("Oslo", "北京市"), "ORG": ("Acme", "大学")}
KINDS = ("entities", "edits", "case", "typing")
WORDS = st.text("abc DEF,.ßİ我在的去了。", min_size=0, max_size=12)


@st.composite
def documents(draw):
    """Texts of both scripts with entities, some inside others, the first two of them related."""
    text, entities = draw(WORDS), []
    for _ in range(draw(st.integers(0, 4))):
        label = draw(st.sampled_from(sorted(NAMES)))
        name = draw(st.sampled_from(NAMES[label]))
        entities.append(Entity(name, len(text), len(text) + len(name), label))
        if len(name) > 4 and draw(st.booleans()):
            entities.append(Entity(name[:3], len(text), len(text) + 3, "PER"))
        text += name + draw(WORDS)
    relations = [Relation(entities[0], "knows", entities[1])] if len(entities) > 1 else []
    return joined(text, "d", entities, relations)


def assert_places_right(document):
    for place in places(document):
        assert place.text == document.text[place.start : place.end]
        assert place.text
    for relation in document.relations:
        assert {relation.subject, relation.object} <= set(document.entities)
    for chain in document.chains:
        assert chain.name in {mention.text for mention in chain.mentions}


@given(st.lists(documents(), min_size=1, max_size=4), st.integers(0, 99))
def test_every_span_of_a_copy_is_its_text(texts, seed):
    found = augmented(texts, AugmentationSpec(1.0, 1.0, 1.0, 1.0, balance=True), seed)
    for document in found:
        assert_places_right(document)
    kept = {t.id for t in texts}
    assert kept <= {document.id for document in found}


@given(documents(), st.integers(0, 99))
def test_noise_and_edits_keep_the_labels(document, seed):
    for change in (swapped_or_deleted, recased, mistyped):
        copy = change(document, random.Random(seed))
        if copy is not None:
            assert Counter(e.label for e in copy.entities) == Counter(e.label for e in document.entities)
            assert labels_of(copy) == labels_of(document)


@given(documents(), st.integers(0, 99))
def test_edits_leave_what_is_labelled(document, seed):
    copy = swapped_or_deleted(document, random.Random(seed))
    if copy is not None:
        assert [e.text for e in copy.entities] == [e.text for e in document.entities]


@given(documents(), st.integers(0, 99))
def test_other_names_are_of_the_same_label_and_the_rest_of_the_text_stays(document, seed):
    copy = renamed(document, NAMES | {"PER": (*NAMES["PER"], "Ann", "O'N")}, random.Random(seed))
    if copy is None:
        return
    assert copy.text != document.text
    pairs = zip(document.entities, copy.entities, strict=True)
    changed = [(old, new) for old, new in pairs if old.text != new.text]
    assert changed
    assert all(old.label == new.label for old, new in changed)


def test_nothing_changes_unless_asked():
    texts = [e.document for e in EXAMPLES]
    assert augmented(texts, AugmentationSpec(), 13) == texts


@pytest.mark.parametrize("kind", KINDS)
def test_a_share_is_copied_and_the_seed_decides(kind):
    texts = [replace(e.document, chains=()) for e in EXAMPLES] * 20
    found = augmented(texts, AugmentationSpec(**{kind: 0.3}), 13)
    assert found[: len(texts)] == texts
    assert 0.2 < (len(found) - len(texts)) / len(texts) < 0.4
    assert all(copy.id.endswith(f"({kind})") and copy.text != texts[0].text for copy in found[len(texts) :])
    assert found == augmented(texts, AugmentationSpec(**{kind: 0.3}), 13)
    assert found != augmented(texts, AugmentationSpec(**{kind: 0.3}), 14)


def test_answers_move_with_the_text():
    for document in augmented([e.document for e in QUESTIONS], AugmentationSpec(edits=1.0, typing=1.0), 13):
        assert_places_right(document)


def test_a_name_mentioned_again_is_not_replaced():
    document = replace(EXAMPLES[0].document, slots=())
    for seed in range(20):
        copy = renamed(document, {"PER": ("Ann Lee", "Bo Ray"), "LOC": ("Rome", "Oslo")}, random.Random(seed))
        assert [e.text for e in copy.entities] == ["Ann Lee", "Oslo", "Ann Lee"]
        assert copy.chains[1].name == copy.relations[0].object.text == "Oslo"


def test_turns_of_a_conversation_are_left_alone():
    turn = Document("Book it in Oslo please", history=(Turn("user", "Hello"),))
    assert augmented([turn], AugmentationSpec(edits=1.0, case=1.0, typing=1.0), 13) == [turn]


def test_rare_labels_come_again():
    texts = [Document(f"a{n}", labels={"classification": Label("often")}) for n in range(100)]
    texts += [Document(f"b{n}", labels={"classification": Label("rare")}) for n in range(4)]
    counts = Counter(d.labels["classification"].label for d in balanced(texts, random.Random(13)))
    assert counts == {"often": 100, "rare": 20}  # the square root of 100 / 4 times as many


def test_chinese_is_changed_too():
    text = "我在北京大学学习自然语言处理"
    document = joined(text, "zh", [Entity("北京大学", 2, 6, "ORG")], [])
    swapped = {swapped_or_deleted(document, random.Random(seed)).text for seed in range(20)}
    typed = {mistyped(document, random.Random(seed)).text for seed in range(20)}
    assert len(swapped) > 5
    assert len(typed) > 5
    assert all("北京大学" in text for text in swapped)
    assert recased(document, random.Random(13)) is None


def test_an_edit_moves_what_stands_behind_it():
    document = joined("Ada in Rome", "", [Entity("Ada", 0, 3, "PER"), Entity("Rome", 7, 11, "LOC")], [])
    longer = edited(document, [Edit(0, 3, "Augusta"), Edit(4, 7, "")])
    assert longer.text == "Augusta Rome"
    assert [(e.text, e.start) for e in longer.entities] == [("Augusta", 0), ("Rome", 8)]


def recipe(**changes):
    table = {"title": "t", "heads": ["ner"], "licence": "CC0-1.0", "data": {"format": "conll", "train": "t"}}
    return recipes.from_dict({**table, **changes}, name="mine")


def test_a_recipe_says_so_or_stays_as_it_was():
    assert "augmentation" not in recipe().to_dict()
    asked = recipe(augmentation={"entities": 0.3, "balance": True})
    assert asked.augmentation == AugmentationSpec(entities=0.3, balance=True)
    assert recipes.from_dict(json.loads(json.dumps(asked.to_dict()))) == asked


@pytest.mark.parametrize(("table", "said"), [({"entities": 2}, "from 0 to 1"), ({"synonyms": 0.1}, "unknown key")])
def test_what_a_recipe_may_not_say(table, said):
    with pytest.raises(RecipeError, match=said):
        recipe(augmentation=table)


def test_what_is_written_is_not_augmented():
    with pytest.raises(RecipeError, match="learns to write"):
        recipe(heads=["generation"], augmentation={"case": 0.5})


def test_copies_are_trained_on_and_originals_counted(tmp_path, monkeypatch):
    monkeypatch.setitem(data.READERS, "sample", lambda path: iter(EXAMPLES if path.name == "train" else EXAMPLES[:6]))
    for name in ("train", "dev"):
        (tmp_path / name).touch()
    table = {
        "title": "t",
        "heads": ["ner"],
        "licence": "CC0-1.0",
        "backbone": "fake",
        "data": {"format": "sample", "train": "train", "dev": "dev"},
        "training": {"epochs": 1, "window": 64, "stride": 48},
        "augmentation": {"case": 1.0},
    }
    out = nlpkit.train(recipes.from_dict(table, name="mine"), data=tmp_path, out=tmp_path / "out")
    account = checkpoint.account(out)
    assert account["documents"] == {"train": 25, "dev": 6}
    assert account["recipe"]["augmentation"]["case"] == 1.0
    learnt = Heads(recipes.from_dict(table, name="mine"), tmp_path, Adapted(fake_backbone()))
    assert len(learnt.train_docs) == 50
    assert learnt.dev_docs == [[e.document for e in EXAMPLES[:6]]]
