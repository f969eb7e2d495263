"""A kit with several tasks: who reads what, and how the findings come together."""

import pytest
import torch
from samples import EXAMPLES, QUESTIONS
from test_adapters import stirred

from nlpkit import recipes
from nlpkit.adapters import Adapted
from nlpkit.checkpoint import Task
from nlpkit.combining import combined
from nlpkit.engine import Reading
from nlpkit.errors import AdapterError, InputError
from nlpkit.heads import head_class
from nlpkit.kit import Kit
from nlpkit.recipes import AdapterSpec
from nlpkit.testing import fake_backbone
from nlpkit.types import Chain, Document, Entity, Label, Mention

GOLDS = [e.document for e in EXAMPLES[:6]]
QUERIES = [e.document for e in QUESTIONS]
READING = Reading(64, 16, 512)


@pytest.fixture(scope="module")
def kit():
    """Untrained tasks of three kinds, each with an adapter of its own."""
    adapted = Adapted(fake_backbone())
    made = Kit(adapted)
    for n, (name, kind) in enumerate((("people", "ner"), ("mood/film", "classification"), ("reading", "qa"))):
        adapted.add(name, AdapterSpec(rank=2))
        stirred(adapted, name, seed=n)
        torch.manual_seed(n)
        head = head_class(kind).fit(QUERIES if kind == "qa" else GOLDS, 16, {}).eval()
        table = {
            "title": name,
            "heads": [kind],
            "licence": "Apache-2.0",
            "backbone": "fake",
            "data": {"format": "sample", "train": "train"},
        }
        made.add(Task(name, recipes.from_dict(table, name=name), adapted, [head], READING, {}))
    return made


def test_every_task_reads_and_its_label_stands_under_its_name(kit):
    one, other = kit([d.text for d in GOLDS[:2]])
    assert set(one.labels) == set(other.labels) == {"mood/film"}
    assert one.entities
    assert not one.answers


def test_tasks_can_be_chosen(kit):
    document = kit(GOLDS[0].text, tasks=["mood/film"])
    assert document.labels
    assert not document.entities
    with pytest.raises(AdapterError, match=r"'news'.*people"):
        kit("x", tasks=["news"])


def test_only_a_document_with_a_query_is_read_for_an_answer(kit, monkeypatch):
    read = []
    head = kit.tasks["reading"].heads[0]
    decode = type(head).decode
    monkeypatch.setattr(
        type(head), "decode", lambda self, h, w, f: read.extend(d.query for d in f) or decode(self, h, w, f)
    )
    kit([Document("Ann Lee left."), Document("Ann Lee left.", query="Who left?")])
    assert set(read) == {"Who left?"}


def test_mixed_reads_each_text_for_its_task(kit):
    texts = [d.text for d in GOLDS[:4]]
    found = kit.mixed(texts, ["people", "mood/film", "people", "mood/film"])
    assert [bool(d.labels) for d in found] == [False, True, False, True]
    for document, text, task in zip(found, texts, ["people", "mood/film", "people", "mood/film"], strict=True):
        alone = kit(text, tasks=[task])
        assert [(e.start, e.end, e.label) for e in document.entities] == [
            (e.start, e.end, e.label) for e in alone.entities
        ]
        assert {k: v.label for k, v in document.labels.items()} == {k: v.label for k, v in alone.labels.items()}
    with pytest.raises(InputError, match="2 texts and 1 tasks"):
        kit.mixed(["a", "b"], ["people"])


def test_mixed_gives_a_query_only_to_the_task_that_reads_it(kit):
    with_query = [Document(GOLDS[0].text, query="Who left?")] * 2
    found = kit.mixed(with_query, ["people", "reading"])
    assert found[0].entities == kit.mixed([GOLDS[0].text], ["people"])[0].entities
    assert [d.query for d in found] == ["Who left?", "Who left?"]


@pytest.mark.parametrize("wrong", [3, None, b"bytes"])
def test_what_is_no_text_is_refused(kit, wrong):
    with pytest.raises(InputError, match=r"texts\[1\] is"):
        kit(["a", wrong])


def test_embed_takes_a_list(kit):
    assert kit.embed(["a", "b"]).shape == (2, 16)
    with pytest.raises(InputError, match=r"\[text\]"):
        kit.embed("a")


def test_findings_come_together():
    text = "Ann Lee left Rome."
    low, high = (Entity("Ann Lee", 0, 7, "PER", score) for score in (0.4, 0.9))
    chain = Chain("Ann Lee", "PER", (Mention("Ann Lee", 0, 7),))
    place = Entity("Rome", 13, 17, "LOC", 0.8)
    document = combined(
        Document(text, metadata={"source": "x"}),
        [
            ("a", Document(text, entities=(low,), labels={"classification": Label("news")})),
            ("b", Document(text, entities=(place, high), chains=(chain,))),
            ("c", Document(text, labels={"classification": Label("sad"), "slots": Label("Leave")})),
        ],
    )
    assert document.entities == (high, place)
    assert document.chains == (chain,)
    assert {name: label.label for name, label in document.labels.items()} == {
        "a": "news",
        "classification": "sad",
        "slots": "Leave",
    }
    assert document.metadata == {"source": "x"}
