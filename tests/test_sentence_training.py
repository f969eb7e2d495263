"""Training where the entities are given, and training texts that also stand in dev or test."""

import pytest
from samples import EXAMPLES

import nlpkit
from nlpkit import checkpoint, data, recipes
from nlpkit.data.splits import split

TABLE = {
    "title": "Where two marked people and places meet",
    "heads": ["relation"],
    "licence": "Apache-2.0",
    "backbone": "fake",
    "data": {"format": "sample", "train": "train", "dev": "dev", "test": "test"},
    "adapter": {"rank": 4, "alpha": 8},
    "training": {"epochs": 8, "lr": 0.01, "head_lr": 0.01, "batch_tokens": 320, "window": 64, "stride": 48},
    "options": {"relation": {"exclusive": True, "width": 16, "dropout": 0.0}},
}
PARTS = {"train": EXAMPLES, "dev": EXAMPLES[:3], "test": EXAMPLES[:6]}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setitem(data.READERS, "sample", lambda path: iter(PARTS[path.name]))
    for name in PARTS:
        (tmp_path / name).touch()
    return tmp_path


def test_gold_chains_are_given_where_no_head_finds_them(folder):
    out = nlpkit.train(recipes.from_dict(TABLE, name="relation/sentence"), data=folder, out=folder / "out")
    scores = checkpoint.account(out)["scores"]["test"]
    assert scores["macro_f1"] > 0.9
    assert not [name for name in scores if name.startswith("given_")]
    assert nlpkit.evaluate(out, data=folder).scores == scores


def test_texts_of_dev_and_test_are_dropped_from_training_when_asked(folder):
    plain = recipes.from_dict(TABLE, name="a")
    clean = recipes.from_dict({**TABLE, "data": {**TABLE["data"], "deduplicate": True}}, name="b")
    assert len(split(plain.data, folder)[0]) == len(EXAMPLES)
    documents, dev = split(clean.data, folder)
    assert len(dev) == 3
    assert {d.text for d in documents} == {e.document.text for e in EXAMPLES[6:]}


def test_no_text_is_on_both_sides_of_what_is_held_out_and_a_sample_is_of_the_rest(folder, monkeypatch):
    twice = [*EXAMPLES, *EXAMPLES]
    monkeypatch.setitem(data.READERS, "sample", lambda path: iter(twice))
    table = {**TABLE, "data": {"format": "sample", "train": "train", "hold_out": 4}}
    documents, dev = split(recipes.from_dict(table, name="a").data, folder)
    assert len(dev) == 4
    assert not {d.text for d in documents} & {d.text for d in dev}
    sampled = {**table, "data": {**table["data"], "sample": 5}}
    few, same = split(recipes.from_dict(sampled, name="b").data, folder)
    assert len(few) == 5
    assert same == dev
    assert all(d in documents for d in few)
    more = {**table, "data": {**table["data"], "sample": 5000}}
    assert split(recipes.from_dict(more, name="c").data, folder)[0] == documents
