"""Entities, relations, slots and answers by a decoder that is shown them in its prompt, with the fake one."""

import json
import random
from dataclasses import replace

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

import nlpkit
from nlpkit.adapters import Adapted
from nlpkit.backbone import Backbone
from nlpkit.embedded import EMBEDDED
from nlpkit.errors import BackboneError, InputError
from nlpkit.incontext.extraction import Extraction
from nlpkit.incontext.forms import Line, form_of
from nlpkit.testing import fake_backbone
from nlpkit.types import Answer, Document, Entity, Label, Relation

TEXT = "ada lee met\n  bob in oslo, and bob left."


def span(part, label="", text=TEXT):
    start = text.index(part)
    return Entity(part, start, start + len(part), label)


GOLD = {
    "ner": Document(TEXT, entities=(span("ada lee", "person"), span("bob", "person"), span("oslo", "place"))),
    "relation": Document(TEXT, relations=(Relation(span("ada lee"), "knows", span("bob")),)),
    "slots": Document(TEXT, slots=(span("oslo", "place"),), labels={"slots": Label("tell")}),
    "qa": Document(TEXT, query="where did she meet bob?", answers=(Answer("oslo", 21, 25),)),
}
LABELS = {
    "ner": ["person", "place"],
    "relation": ["knows", "lives in"],
    "slots": {"intents": ["tell", "ask"], "slots": ["place", "time"]},
    "qa": [],
}
every_kind = pytest.mark.parametrize("kind", LABELS)


def spelling_backbone(max_pieces=1024):
    """Return a tiny decoder whose pieces are bytes: one that can spell any JSON."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    signs = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.BPE({piece: n for n, piece in enumerate([*signs, *letters])}, []))
    tokenizer.add_special_tokens(signs)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    config = {
        "model_type": "llama",
        "vocab_size": len(signs) + len(letters),
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": max_pieces,
        "initializer_range": 0.2,
        "eos_token_id": 3,
    }
    return Backbone.from_config(config, tokenizer, name="spelling", seed=0)


@pytest.fixture(scope="module")
def adapted():
    return Adapted(spelling_backbone())


def shown(adapted, kind, **more):
    return Extraction(adapted, kind, LABELS[kind], [GOLD[kind]], **more)


def bare(document):
    return Document(document.text, query=document.query)


@every_kind
def test_the_answer_of_a_gold_document_is_read_as_that_document(kind):
    form = form_of(kind, LABELS[kind])
    answer = json.loads(json.dumps(form.answer(GOLD[kind])))
    assert form.found(bare(GOLD[kind]), Line.of(TEXT), answer) == GOLD[kind]


@every_kind
def test_what_is_written_parses_and_stands_in_the_text(adapted, kind):
    texts = [TEXT, 'she said "no \\ yes" to ada', "一个人去了北京。", "x"]
    found = shown(adapted, kind).read([Document(t, query="who?") for t in texts])
    for document, text in zip(found, texts, strict=True):
        assert document.text == text
        ends = [e for r in document.relations for e in (r.subject, r.object)]
        for part in (*document.entities, *document.slots, *document.answers, *ends):
            assert text[part.start : part.end] == part.text
            assert part.text.strip() == part.text != ""
        assert {e.label for e in document.entities} <= {"person", "place"}
        assert {r.label for r in document.relations} <= {"knows", "lives in"}
        assert all(label.label in ("tell", "ask") for label in document.labels.values())
        assert document.metadata["in_context"] == {"shown": 1, "left_out": 0}


@every_kind
def test_a_text_without_words_is_left_alone(adapted, kind):
    documents = [Document(text, query="who?") for text in ("", " \n ")]
    assert shown(adapted, kind).read(documents) == documents


def test_a_question_is_needed_for_an_answer(adapted):
    assert shown(adapted, "qa").read([Document(TEXT)]) == [Document(TEXT)]


@every_kind
def test_together_is_as_alone(adapted, kind):
    task = shown(adapted, kind)
    documents = [Document(text, query="who?") for text in (TEXT, "ada left.", "bob and ada and bob.")]
    assert task.read(documents) == [task.read([d])[0] for d in documents]


def test_an_entity_named_again_is_its_next_place():
    form = form_of("ner", ["person"])
    line = Line.of(TEXT)
    answer = [{"text": part, "label": "person"} for part in ("bob", "bob", "bob", "bob left", "met bob")]
    found = form.found(Document(TEXT), line, answer)
    assert [(e.start, e.text) for e in found.entities] == [(TEXT.index("bob"), "bob"), (TEXT.rindex("bob"), "bob")]


def test_relations_take_the_entities_that_are_known():
    document = replace(Document(TEXT), entities=(span("bob", "person"),))
    answer = [{"subject": "ada lee", "relation": "knows", "object": "bob"}] * 2
    answer.append({"subject": "bob", "relation": "knows", "object": "bob"})
    found = form_of("relation", ["knows"]).found(document, Line.of(TEXT), answer)
    assert found.relations == (Relation(span("ada lee"), "knows", span("bob", "person")),)


@pytest.mark.parametrize("seed", range(50))
def test_a_line_knows_where_its_signs_stand(seed):
    draws = random.Random(seed)
    text = "".join(draws.choices('ab "\\.北京\n\t', k=draws.randrange(30)))
    line = Line.of(text)
    assert all(
        text[place] == sign or (text[place].isspace() and sign == " ")
        for place, sign in zip(line.places, line.text, strict=True)
    )
    assert line.text == " ".join(text.split())
    assert "".join(json.loads(f'"{chunk}"') for chunk in line.chunks()) == line.text
    for start, end in line.occurrences(line.text[1:4]):
        assert " ".join(text[start:end].split()) == line.text[1:4].strip()


@every_kind
def test_a_long_text_is_read_in_stretches(kind):
    adapted = Adapted(spelling_backbone(512))
    text = "ada saw a boat by the sea. " * 60
    (found,) = shown(adapted, kind).read([Document(text, query="who?")])
    for part in (*found.entities, *found.slots, *found.answers):
        assert text[part.start : part.end] == part.text
    if kind in ("ner", "slots"):
        starts = [e.start for e in (*found.entities, *found.slots)]
        assert starts == sorted(starts)
        assert not starts or max(starts) > len(text) / 2


def test_examples_that_do_not_fit_are_left_out_and_told(adapted):
    examples = [replace(GOLD["ner"], text=TEXT + f" number {n}.") for n in range(20)]
    (found,) = Extraction(adapted, "ner", LABELS["ner"], examples, k=20).read([Document(TEXT)])
    noted = found.metadata["in_context"]
    assert noted["left_out"] > 0
    assert noted["shown"] + noted["left_out"] == 20


def test_a_kit_reads_with_it(adapted):
    kit = nlpkit.load("ner", backbone=adapted.backbone, labels=LABELS["ner"], examples=[GOLD["ner"]])
    assert kit(TEXT).entities == shown(adapted, "ner").read([Document(TEXT)])[0].entities
    asked = nlpkit.load("qa", backbone=adapted.backbone, labels=[], examples=[GOLD["qa"]])
    found = asked.answer("who met bob?", TEXT)
    assert found is None or TEXT[found.start : found.end] == found.text


@pytest.mark.parametrize(
    ("kind", "labels", "examples", "says"),
    [
        ("ner", [], (), "give one or more"),
        ("ner", "person", (), "give one or more"),
        ("ner", ["a", "a"], (), "twice"),
        ("ner", ["a", " "], (), "label 1"),
        ("ner", ["place"], (GOLD["ner"],), "the label 'person'"),
        ("ner", ["place"], ("ada",), "example 0"),
        ("qa", ["a"], (), "no labels"),
        ("slots", ["a"], (), "intents"),
        ("events", ["a"], (), "no task 'events'"),
    ],
)
def test_what_cannot_be_shown_is_refused(adapted, kind, labels, examples, says):
    with pytest.raises(InputError, match=says):
        Extraction(adapted, kind, labels, examples)


def test_an_encoder_cannot_be_shown_anything():
    with pytest.raises(BackboneError, match="writes none"):
        Extraction(Adapted(fake_backbone()), "ner", ["person"])


def test_labels_that_leave_no_room_are_refused(adapted):
    with pytest.raises(InputError, match="leaves no room"):
        Extraction(adapted, "ner", {f"label {n}": "that which is so called" for n in range(200)}).read([Document(TEXT)])
    with pytest.raises(InputError, match="shorten it"):
        shown(adapted, "qa").read([Document(TEXT, query="who " * 900)])


@pytest.mark.slow
@pytest.mark.skipif(not EMBEDDED["smollm2"].installed, reason="SmolLM2 is not installed")
def test_smollm2_finds_names_after_a_few_examples():
    def named(text, *names):
        return Document(text, entities=tuple(span(name, label, text) for name, label in names))

    examples = [
        named("Anna Berg flew to Oslo on Monday.", ("Anna Berg", "person"), ("Oslo", "place")),
        named("It rained all day."),
        named("The mayor of Lima met Jorge Paz.", ("Lima", "place"), ("Jorge Paz", "person")),
    ]
    kit = nlpkit.load("ner", backbone="smollm2", labels=["person", "place"], examples=examples)
    found = kit("Marie Curie was born in Warsaw.")
    assert "Marie Curie" in [e.text for e in found.entities]
