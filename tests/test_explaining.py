"""Which words carried a decision: the shares add up, stand where they should, and the words matter to the model."""

import random
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from samples import EXAMPLES, QUESTIONS

from nlpkit import checkpoint, recipes
from nlpkit.adapters import Adapted
from nlpkit.checkpoint import Task
from nlpkit.engine import Reading, read
from nlpkit.errors import InputError
from nlpkit.explaining import Case, explain
from nlpkit.heads import head_class
from nlpkit.highlighting import page
from nlpkit.recipes import AdapterSpec
from nlpkit.testing import fake_backbone
from nlpkit.types import Document

GOLDS = [e.document for e in EXAMPLES[:6]]


def task(*kinds, backbone="bert", method="lora", window=64):
    """Return an untrained task: what it decides is chance, what carried that is not."""
    torch.manual_seed(0)
    adapted = Adapted(fake_backbone(kind=backbone))
    adapted.add("t", AdapterSpec(method=method))
    table = {"title": "t", "heads": list(kinds), "licence": "MIT", "data": {"format": "squad", "train": "t"}}
    heads = [head_class(k).fit([e.document for e in QUESTIONS] if k == "qa" else GOLDS, 16, {}).eval() for k in kinds]
    return Task("t", recipes.from_dict(table, name="t"), adapted, heads, Reading(window, 16, 512), {})


@pytest.mark.parametrize("backbone", ["bert", "llama"])
@pytest.mark.parametrize("kind", ["classification", "ner", "slots", "qa"])
def test_the_words_add_up_to_what_the_decision_gains(kind, backbone):
    query = "where?" if kind == "qa" else ""
    found = explain(task(kind, backbone=backbone), Document("Ann Lee was born in Rome. She left.", query=query))
    for explanation in found:
        gained = explanation.output - explanation.baseline
        assert sum(w.weight for w in explanation.words) == pytest.approx(gained, abs=0.02 * max(1.0, abs(gained)))
        assert abs(explanation.delta) < 0.02 * max(1.0, abs(gained))
        assert explanation.looks.shape == (len(explanation.words),) * 2
        assert all(0.0 <= w.attention <= 1.0 for w in explanation.words)


def test_words_are_whole_and_in_their_place_in_text_and_query():
    document = Document("Ann Lee, born in Rome; 北京!", query="where to?")
    (explanation, *_) = explain(task("qa"), document)
    for word in explanation.words:
        side = document.query if word.query else document.text
        assert side[word.start : word.end] == word.text
    assert [w.text for w in explanation.words if w.query] == ["where", "to", "?"]
    assert [w.text for w in explanation.words if not w.query][:4] == ["Ann", "Lee", ",", "born"]


def test_a_label_that_was_not_chosen_can_be_asked_for():
    loaded = task("classification")
    (chosen,) = explain(loaded, GOLDS[0])
    other = next(label for label in loaded.heads[0].labels if label != chosen.decision.label)
    (asked,) = explain(loaded, GOLDS[0], label=other)
    assert asked.decision.label == other
    assert asked.output < chosen.output


def test_a_long_text_is_explained_where_it_was_decided():
    loaded = task("ner", window=24)
    text = "nobody came to see it. " * 6 + "Ann Lee left Rome. " + "nobody came. " * 6
    for explanation in explain(loaded, Document(text), most=50):
        (place,) = explanation.decision.places
        assert explanation.words[0].start <= place.start
        assert place.end <= explanation.words[-1].end
        assert len(explanation.words) < 24
    (whole,) = explain(task("classification", window=24), Document(text))
    assert len(whole.words) < 24


@pytest.mark.parametrize(
    ("kinds", "document", "named", "told"),
    [
        (["classification"], GOLDS[0], {"kind": "nre"}, "no task 'nre'.*classification"),
        (["classification"], GOLDS[0], {"label": "Zoe"}, "no label 'Zoe'.*Ann Lee"),
        (["classification"], Document(""), {}, "finds nothing"),
        (["qa"], Document("Ann left."), {}, "--query"),
        (["qa"], Document("Ann left.", query="who?"), {"label": "x"}, "finds no 'x'"),
    ],
)
def test_what_cannot_be_explained_is_told(kinds, document, named, told):
    with pytest.raises(InputError, match=told):
        explain(task(*kinds), document, **named)


def test_a_method_that_hides_the_words_is_told():
    with pytest.raises(InputError, match="prompt, ptuning"):
        explain(task("classification", method="prompt"), GOLDS[0])


class Links(HTMLParser):
    """Collects what a page would load, and its text."""

    def __init__(self):
        super().__init__()
        self.loads, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.loads += [value for key, value in attrs if key in ("src", "href")]
        assert tag != "script"

    def handle_data(self, data):
        self.text += data


def test_the_page_needs_nothing_and_escapes_everything():
    document = Document('Ann <script>alert("x")</script> & Rome', query="")
    text = page(document, explain(task("classification"), document), task="<b>t</b>")
    reader = Links()
    reader.feed(text)
    assert not reader.loads
    assert "http" not in text
    assert "<b>t</b>" not in text
    assert document.text in reader.text
    assert "Attention is not explanation" in reader.text
    assert "<svg" in text


TEXTS = (
    "I ordered my new card three weeks ago and it still has not come.",
    "Somebody took money out of a machine with my card and it was not me!",
    "Why was I charged a fee when I paid in a shop abroad?",
    "How do I change the PIN that I use at the machine?",
    "The exchange rate that you gave me in Prague was much worse than the official one.",
    "My transfer to a friend is still pending, how long does it take?",
    "I lost my phone on the train and cannot open the app any more.",
    "Please close my account, I am not happy with your service.",
)


@pytest.mark.slow
def test_hiding_the_words_that_carried_a_decision_costs_more_than_hiding_others():
    loaded = checkpoint.load(checkpoint.locate("intent/banking77"))
    drawn = random.Random(0)
    lost: dict[str, list[float]] = {"top": [], "random": []}
    for text in TEXTS:
        (explanation,) = explain(loaded, Document(text))
        assert abs(explanation.delta) < 0.05
        order = np.argsort([-w.weight for w in explanation.words]).tolist()
        n = max(1, len(order) // 5)
        with loaded.adapted.using(loaded.name) as model:
            (found,) = read(model, loaded.heads, [Document(text)], loaded.reading)
            case = Case.of(model, loaded.heads[0], loaded, found, explanation.decision)
            lost["top"].append(explanation.output - case.output(order[:n]))
            others = [drawn.sample(order, n) for _ in range(5)]
            lost["random"].append(float(np.mean([explanation.output - case.output(own) for own in others])))
    assert np.mean(lost["top"]) > 1.5 * np.mean(lost["random"])
    assert np.mean(lost["top"]) > 0


@pytest.mark.slow
def test_relations_and_entities_of_the_shipped_adapter_are_carried_by_what_says_them():
    document = Document("Marie Curie was born in Warsaw in 1867. She worked at the University of Paris.")
    found = explain(checkpoint.load(checkpoint.locate("relation/wikipedia")), document, kind="relation")
    best = next(e for e in found if e.decision.label == "place of birth")
    assert abs(best.delta) < 0.05
    assert max(best.words, key=lambda w: w.weight).text == "born"
    marked = Document.marked("The <e1>fire</e1> was caused by a faulty <e2>heater</e2>.")
    (cause,) = explain(checkpoint.load(checkpoint.locate("relation/semeval2010")), marked)
    assert max(cause.words, key=lambda w: w.weight).text == "caused"
