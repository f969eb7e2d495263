"""Joint recipes: several data sets, each with heads of its own, on one adapter."""

import random
from collections import Counter

import pytest
from samples import EXAMPLES, QUESTIONS

import nlpkit
import nlpkit.testing
from nlpkit import checkpoint, data, engine, recipes, training
from nlpkit.data.batches import mixed, token_budget
from nlpkit.errors import RecipeError
from nlpkit.types import Document

TABLE = {
    "title": "Names, and whose text it is, and questions",
    "heads": ["ner", "classification", "qa"],
    "licence": "Apache-2.0",
    "backbone": "fake",
    "data": {"format": "sample", "train": "names", "test": "names", "hold_out": 5, "heads": ["ner"], "folder": "a"},
    "more": [
        {"format": "sample", "train": "names", "test": "names", "heads": ["classification"], "folder": "b"},
        {"format": "sample", "train": "questions", "dev": "questions", "test": "questions", "heads": ["qa"]},
    ],
    "adapter": {"rank": 4, "alpha": 8},
    "training": {
        "epochs": 20,
        "lr": 0.01,
        "head_lr": 0.01,
        "batch_tokens": 320,
        "window": 64,
        "stride": 48,
        "temperature": 2.0,
    },
    "options": {"ner": {"width": 16, "dropout": 0.0}, "qa": {"width": 16, "dropout": 0.0}},
}
FILES = {"names": EXAMPLES, "questions": QUESTIONS}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setitem(data.READERS, "sample", lambda path: iter(FILES[path.name]))
    for place in ("a/names", "b/names", "questions"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).touch()
    return tmp_path


def test_each_head_learns_from_its_data_set_alone_on_one_adapter(folder):
    recipe = recipes.from_dict(TABLE, name="joint/sample")
    out = nlpkit.train(recipe, data=folder, out=folder / "out")
    account = checkpoint.account(out)
    scores = account["scores"]["test"]
    assert scores["ner_f1"] > 0.9
    assert scores["classification_accuracy"] > 0.9
    assert 0.0 <= scores["qa_f1"] <= 1.0
    card = (out / "README.md").read_text()
    assert "ner from sample: names; classification from sample: names; qa from sample: questions" in card
    assert "`qa`: a span of the text" in card
    assert account["documents"] == {"train": 20 + 25 + 25, "dev": 5 + 0 + 25}
    found = nlpkit.evaluate(out, data=folder)
    assert (found.scores, found.n) == (scores, 75)
    assert found.data == "names, names, questions"
    first = nlpkit.evaluate(out, data=folder / "a" / "names")
    assert (first.data, first.n) == ("names", 25)
    assert first.scores == {name: value for name, value in scores.items() if name.startswith("ner_")}
    document = nlpkit.load(out)(EXAMPLES[3].document.text)
    assert [e.text for e in document.entities] == [e.text for e in EXAMPLES[3].document.entities]
    assert next(iter(document.labels.values())).label == EXAMPLES[3].document.labels["classification"].label


def test_a_joint_text_is_read_in_one_pass_and_once_more_where_it_is_asked_something(folder, monkeypatch):
    recipe = recipes.from_dict({**TABLE, "training": {**TABLE["training"], "epochs": 1}}, name="joint/sample")
    kit = nlpkit.load(nlpkit.train(recipe, data=folder, out=folder / "out"))
    read = []
    hidden = type(kit.adapted.backbone).hidden
    monkeypatch.setattr(
        type(kit.adapted.backbone), "hidden", lambda self, w, **how: read.append(len(w)) or hidden(self, w, **how)
    )
    kit("Ann Lee left.")
    assert read == [1]
    read.clear()
    (asked,) = kit([Document("Ann Lee left.", query="who?")])
    assert read == [1, 1]
    (mixed,) = kit.mixed([Document("Ann Lee left.", query="who?")], ["joint/sample"])
    assert (mixed.entities, mixed.labels, mixed.answers) == (asked.entities, asked.labels, asked.answers)


def test_a_batch_is_of_one_set_and_has_targets_for_its_heads_alone(folder):
    run = training.Run(recipes.from_dict(TABLE, name="joint/sample"), folder, folder / "out")
    kinds = [[run.objective.heads[n].kind for n in learners] for learners in run.objective.learners]
    assert kinds == [["ner"], ["classification"], ["qa"]]
    for (batch,) in run._epoch_batches():
        (number,) = {run.objective._set_of[w.document] for w in batch}
        assert all(len(run.objective.targets[id(w)]) == 1 for w in batch)
        assert all(bool(run.objective.train_docs[w.document].query) is (number == 2) for w in batch)


@pytest.mark.parametrize(("temperature", "share"), [(1.0, 9 / 10), (2.0, 3 / 4), (1e6, 1 / 2)])
def test_temperature_evens_out_data_sets(temperature, share):
    backbone = nlpkit.testing.fake_backbone()
    reading = engine.Reading(64, 16)
    large = [w for n in range(90) for w in reading.windows(backbone, Document("ab"), n)]
    small = [w for n in range(10) for w in reading.windows(backbone, Document("cd"), 90 + n)]
    batches = list(mixed([large, small], len(large[0]), 4000, temperature, random.Random(0)))
    counts = Counter(batch[0].text for batch in batches)
    assert counts["ab"] / 4000 == pytest.approx(share, abs=0.03)
    read = Counter(w.document for batch in batches for w in batch if w.document >= 90)
    assert max(read.values()) - min(read.values()) <= 1, "a set is gone through whole before it begins anew"


def test_of_one_set_the_batches_are_those_of_the_token_budget():
    backbone = nlpkit.testing.fake_backbone()
    windows = [w for n in range(30) for w in engine.Reading(64, 16).windows(backbone, Document("ab " * n), n)]
    plain = list(token_budget(windows, 128, random.Random(3)))
    assert list(mixed([windows], 128, len(plain), 1.0, random.Random(3))) == plain


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"more": []}, r"train ner; allowed: each of ner, classification, qa by one data set"),
        ({"more": [*TABLE["more"], TABLE["more"][0]]}, r"ner, classification, qa, classification; allowed"),
        ({"more": [{**TABLE["more"][0], "colour": 3}]}, r"unknown key 'more\[0\]\.colour'"),
        ({"more": [{"heads": ["qa"]}]}, r"'more\[0\]\.format' is missing"),
        ({"more": 3}, r"more = 3; allowed: tables \[\[more\]\]"),
        ({"data": {**TABLE["data"], "heads": ["ner", "slots"]}}, r"train ner, slots, classification, qa; allowed"),
    ],
)
def test_a_joint_recipe_says_which_set_trains_which_head(change, message):
    with pytest.raises(RecipeError, match=message):
        recipes.from_dict({**TABLE, **change}, name="joint/sample")


def test_a_joint_recipe_survives_its_account():
    recipe = recipes.from_dict(TABLE, name="joint/sample")
    assert recipes.from_dict(recipe.to_dict()) == recipe
