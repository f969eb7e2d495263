"""An adapter trained further, with and without what it learnt before."""

import json

import pytest
import torch

import nlpkit
from nlpkit import checkpoint, recipes
from nlpkit.continuing import go_on
from nlpkit.data.splits import split
from nlpkit.errors import AdapterError, RecipeError

OLD = [("play some jazz", "music"), ("play the song", "music"), ("is it cold", "weather"), ("will it rain", "weather")]
NEW = [
    ("it will ring", "music"),
    ("is it loud", "music"),
    ("play of clouds", "weather"),
    ("the jazz of rain", "weather"),
]
TABLE = {
    "title": "Music or weather",
    "heads": ["classification"],
    "licence": "Apache-2.0",
    "backbone": "fake",
    "data": {"format": "json-lines", "train": "old.jsonl"},
    "adapter": {"rank": 2, "alpha": 4},
    "training": {"epochs": 20, "lr": 0.02, "head_lr": 0.02, "batch_tokens": 320, "window": 64, "stride": 48},
}


def file(folder, name, pairs):
    path = folder / name
    path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in pairs))
    return path


@pytest.fixture
def folder(tmp_path):
    file(tmp_path, "old.jsonl", OLD * 5)
    file(tmp_path, "new.jsonl", NEW * 5)
    nlpkit.train(recipes.from_dict(TABLE, name="intent/rooms"), data=tmp_path, out=tmp_path / "first")
    return tmp_path


def test_new_data_is_learnt_and_the_old_is_reported(folder):
    old, new = folder / "old.jsonl", folder / "new.jsonl"
    before = (folder / "first" / "adapter_model.safetensors").read_bytes()
    out = go_on(folder / "first", data=new, out=folder / "second", test=new, replay=old, share=0.5, old=old)
    account = checkpoint.account(out)
    assert account["continued"]["from"] == "intent/rooms"
    scores = account["continued"]
    assert scores["new"]["after"]["accuracy"] > scores["new"]["before"]["accuracy"]
    assert scores["old"]["before"]["accuracy"] == 1.0
    assert scores["old"]["after"]["accuracy"] > 0.7
    assert account["documents"]["train"] == 30
    assert (folder / "first" / "adapter_model.safetensors").read_bytes() == before
    assert nlpkit.evaluate(out, data=old).scores == scores["old"]["after"]
    card = (out / "README.md").read_text()
    assert "trained further" in card
    assert "| old: accuracy | 1.0000 |" in card
    assert "No text was held out" in card
    assert account["scores"].keys() <= {"test"}, "what was trained on is not scored"


def test_it_begins_where_the_other_ended(folder):
    from nlpkit.training import Run

    recipe = recipes.from_dict(TABLE | {"start": str(folder / "first")}, name="intent/rooms")
    run = Run(recipe, folder, folder / "out")
    there = checkpoint.load(folder / "first")
    for name, parameter in there.adapted.named_parameters(there.name):
        assert torch.equal(parameter, dict(run.adapted.named_parameters("default"))[name])
    ours, theirs = run.objective.heads[0].state_dict(), there.heads[0].state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_replay_is_a_seeded_share(folder):
    spec = recipes.from_dict(
        TABLE | {"data": {"format": "json-lines", "train": "new.jsonl", "replay": "old.jsonl", "replay_share": 0.25}},
        name="a",
    ).data
    documents, _ = split(spec, folder)
    old = [d for d in documents if d.id.startswith("old")]
    assert (len(documents), len(old)) == (25, 5)
    assert split(spec, folder)[0] == documents


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"adapter": {"rank": 4}}, AdapterError, r"another shape; .*\"rank\": 2"),
        ({"start": "nowhere"}, AdapterError, "no adapter 'nowhere'"),
    ],
)
def test_what_it_cannot_begin_from(folder, changes, error, message):
    recipe = recipes.from_dict(TABLE | {"start": str(folder / "first")} | changes, name="a")
    with pytest.raises(error, match=message):
        nlpkit.train(recipe, data=folder, out=folder / "out")


def test_labels_that_are_new_are_refused(folder):
    other = file(folder, "other.jsonl", [*NEW, ("wake me at six", "alarm")])
    with pytest.raises(RecipeError, match=r"does not know the label 'alarm' .*it knows: music, weather"):
        go_on(folder / "first", data=other, out=folder / "second")
