"""The shipped adapter with the real weights: what a new user meets first."""

import threading

import peft
import pytest
import torch
from samples import passes
from transformers import AutoModel

import nlpkit
from nlpkit import checkpoint
from nlpkit.embedded import EMBEDDED
from nlpkit.types import Document

pytestmark = pytest.mark.slow

TEXT = (
    "Rosalind Franklin was born in London in 1920. She studied at Newnham College in Cambridge. "
    "Franklin later worked at King's College London, and died in Chelsea on 16 April 1958."
)


@pytest.fixture(scope="module")
def kit():
    return nlpkit.load()


def test_entities_and_relations_of_a_text_nobody_prepared(kit):
    doc = kit(TEXT)
    assert all(TEXT[e.start : e.end] == e.text for e in doc.entities)
    found = {(e.text, e.label) for e in doc.entities}
    assert {("Rosalind Franklin", "PER"), ("London", "LOC"), ("1920", "TIME")} <= found
    chains = {frozenset(m.text for m in c.mentions) for c in doc.chains}
    assert frozenset({"Rosalind Franklin", "She", "Franklin"}) in chains
    facts = {(r.subject.text, r.label, r.object.text) for r in doc.relations}
    assert ("Rosalind Franklin", "date of birth", "1920") in facts
    assert all(0.0 <= r.score <= 1.0 and r.evidence for r in doc.relations)


def test_entities_and_relations_cost_one_forward_pass(kit, monkeypatch):
    calls = passes(monkeypatch)
    assert kit(TEXT).relations
    assert len(calls) == 1


def test_chinese_text_gives_no_rubbish(kit):
    doc = kit("玛丽·居里于1867年出生在华沙，后来在巴黎大学工作。她两次获得诺贝尔奖。")
    assert not [e for e in doc.entities if any("\u4e00" <= c <= "\u9fff" for c in e.text)]


@pytest.mark.parametrize("text", ["", " ", "\x00\x07", "🙂🙂", "a" * 3000, "?!" * 500, "Ω" * 50])
def test_odd_texts_give_sound_documents(kit, text):
    doc = kit(text)
    assert doc.text == text
    assert all(text[e.start : e.end] == e.text for e in doc.entities)


def test_a_long_text_is_read_to_its_end(kit):
    opening = "The committee met again and talked about nothing in particular. " * 120
    doc, alone = kit(opening + TEXT), kit(TEXT)
    shift = len(opening)
    found = {(e.start - shift, e.text) for e in doc.entities}
    assert {(e.start, e.text) for e in alone.entities if e.label in ("PER", "LOC")} <= found
    assert any(r.subject.text == "Rosalind Franklin" and r.evidence[0].start >= shift for r in doc.relations)


def test_batches_equal_single_calls(kit):
    texts = [TEXT, "Paris is the capital of France.", TEXT[:60]]
    for together, text in zip(kit(texts), texts, strict=True):
        alone = kit(text)
        assert [(e.text, e.label) for e in together.entities] == [(e.text, e.label) for e in alone.entities]


def test_threads_do_not_disturb_each_other(kit):
    alone, vectors = kit(TEXT), kit.embed([TEXT])
    wrong = []

    def work():
        for _ in range(3):
            if kit(TEXT) != alone or (kit.embed([TEXT]) != vectors).any():
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
def test_plain_peft_opens_the_shipped_adapter(kit):
    folder = checkpoint.locate("relation/wikipedia")
    plain = AutoModel.from_pretrained(EMBEDDED["default"].paths()[0], dtype=torch.float32)
    plain = peft.PeftModel.from_pretrained(plain, str(folder)).eval()
    (task,) = kit.tasks.values()
    (window,) = task.reading.windows(kit.adapted.backbone, Document(TEXT))
    with torch.inference_mode(), kit.adapted.using(task.name) as backbone:
        ours = backbone.hidden([window]).states
        theirs = plain(input_ids=torch.from_numpy(window.input_ids).long()[None]).last_hidden_state
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_the_account_names_its_sources():
    account = checkpoint.account(checkpoint.locate("relation/wikipedia"))
    assert account["backbone"]["sha256"] == EMBEDDED["default"].sha256
    assert len(account["heads"]["relation"]["relations"]) >= 95
    assert set(account["scores"]) == {"dev", "test"}
    assert account["bytes"] < 12_000_000


def test_to_spacy_keeps_the_entities(kit):
    doc = kit(TEXT)
    spacy_doc = doc.to_spacy()
    assert [e.text for e in spacy_doc.ents] == [e.text for e in doc.entities]
    assert Document.from_spacy(spacy_doc) == doc
