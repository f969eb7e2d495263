"""Recipes for data that has none, and how a training went, to look at."""

import json
from xml.etree import ElementTree

import pytest

import nlpkit
from nlpkit import checkpoint, curves, recipes
from nlpkit.data.splits import split
from nlpkit.drafting import draft, written
from nlpkit.errors import DataError, RecipeError

COLUMNS = "Ada B-PER\nsang O\nin O\nOslo B-LOC\n. O\n\n"
CHINESE = "李 B-PER\n明 I-PER\n在 O\n北 B-LOC\n京 I-LOC\n唱 O\n歌 O\n。 O\n\n"
JOINT = [
    {
        "tokens": ["Ada", "moved", "to", "Oslo"],
        "entities": [{"type": "PER", "start": 0, "end": 1}, {"type": "LOC", "start": 3, "end": 4}],
        "relations": [{"type": "lives in", "head": 0, "tail": 1}],
    }
]


@pytest.fixture
def columns(tmp_path):
    path = tmp_path / "mine.conll"
    path.write_text("".join(COLUMNS.replace("in O", f"{n} O") for n in range(70)))
    return path


def test_the_data_says_what_to_learn(columns, tmp_path):
    recipe = draft(columns)
    assert (recipe.heads, recipe.backbone, recipe.adapter.layers) == (("ner",), "default", "all")
    assert (recipe.data.format, recipe.data.train, recipe.data.dev, recipe.data.hold_out) == (
        *("conll", "mine.conll", None),
        7,
    )
    joint = tmp_path / "joint.json"
    joint.write_text(json.dumps(JOINT))
    assert draft(joint).heads == ("ner", "relation")
    assert draft(joint).options == {"relation": {"chains": "mentions"}}
    assert draft(joint, kind="ner").heads == ("ner",)
    table = tmp_path / "tickets.csv"
    table.write_text("text,label\nmy card is lost,card\nwhere is my money,transfer\n")
    assert draft(table).heads == ("classification",)
    assert draft(table).data.hold_out == 0


@pytest.mark.parametrize(
    ("labels", "n", "epochs", "words"),
    [
        (("card", "transfer"), 8, 20, {}),
        (("0", "1"), 16, 20, None),
        (("LABEL_0", "LABEL_1"), 16, 20, None),
        (tuple(f"topic {n}" for n in range(70)), 8, 4, {}),
        (("card", "transfer"), 17, None, None),
    ],
)
def test_few_examples_a_label_are_learnt_by_contrast(labels, n, epochs, words, tmp_path):
    table = tmp_path / "few.csv"
    table.write_text("text,label\n" + "".join(f"number {k} of {one},{one}\n" for one in labels for k in range(n)))
    recipe = draft(table)
    assert recipe.training.contrast is (epochs is not None)
    assert epochs in (None, recipe.training.epochs)
    assert recipe.options.get("classification", {}).get("words") == words


def test_texts_of_several_labels_and_chinese_ones_are_not(tmp_path):
    lines = [{"text": f"card {k}", "labels": ["card", "lost"] if k else ["card"]} for k in range(4)]
    several, chinese = tmp_path / "several.jsonl", tmp_path / "chinese.csv"
    several.write_text("\n".join(map(json.dumps, lines)))
    chinese.write_text("text,label\n我的卡不见了,卡\n钱还没到账,转账\n", encoding="utf-8")
    assert not draft(several, kind="classification").training.contrast
    assert not draft(chinese).training.contrast


def test_chinese_data_gets_the_multilingual_backbone_unless_told(tmp_path):
    path = tmp_path / "mine.conll"
    path.write_text(CHINESE * 3, encoding="utf-8")
    assert (draft(path).backbone, draft(path).adapter.layers) == ("gemma3-270m", "top:6")
    assert (draft(path, backbone="fake").backbone, draft(path, backbone="fake").adapter.layers) == ("fake", "all")


def test_long_data_is_not_read_for_hours(tmp_path):
    path = tmp_path / "long.conll"
    path.write_text((COLUMNS.replace("\n\n", "\n") * 40 + "\n") * 200)
    recipe = draft(path)
    assert recipe.training.window > 128
    assert recipe.training.epochs < draft(path, backbone="fake").training.epochs + 1
    assert recipe.training.epochs * 200 * 40 * 5 <= 2_000_000


def test_what_is_written_reads_back(columns):
    recipe = draft(columns, dev=columns, test=columns)
    path = columns.with_name("recipe.toml")
    path.write_text(written(recipe))
    found = recipes.load(path)
    assert found.to_dict() | {"name": ""} == recipe.to_dict() | {"name": ""}
    assert split(found.data, columns.parent)[1]


def test_files_elsewhere_keep_their_paths(columns, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / "dev.conll"
    other.write_text(COLUMNS)
    recipe = draft(columns, dev=other)
    assert recipe.data.dev == str(other)
    assert len(split(recipe.data, columns.parent)[1]) == 1


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("nre", RecipeError, "no task 'nre' .*allowed: relation"),
        ("relation", DataError, "nothing for relation to learn; it holds: ner"),
    ],
)
def test_what_cannot_be_learnt_is_said(columns, kind, error, message):
    with pytest.raises(error, match=message):
        draft(columns, kind=kind)


def test_texts_without_annotations_are_refused(tmp_path):
    path = tmp_path / "bare.jsonl"
    path.write_text('{"text": "Ada sang", "spans": []}\n' * 3)
    with pytest.raises(DataError, match="3 texts and nothing for a task to learn; it holds: no annotations"):
        draft(path)


def test_a_draft_trains_and_its_curves_are_drawn(columns, tmp_path):
    recipe = draft(columns, backbone="fake", test=columns)
    short = recipes.from_dict(recipe.to_dict() | {"training": {"epochs": 2, "batch_tokens": 640}}, name="ner/mine")
    log = curves.Log(tmp_path / "events")
    out = nlpkit.train(short, data=columns.parent, out=tmp_path / "out", progress=log)
    assert len(checkpoint.account(out)["training"]["history"]) == 2
    drawn = curves.plot(out)
    assert ElementTree.fromstring(drawn.read_text()).tag.endswith("svg")
    assert "ner_f1" in drawn.read_text()
    scalars = events(tmp_path / "events")
    assert scalars.keys() >= {"train/loss", "train/lr", "dev/ner_f1"}
    assert len(scalars["train/loss"]) == sum(1 for _ in scalars["train/lr"]) > 2
    assert len(scalars["dev/ner_precision"]) <= 2


def events(folder):
    """Return the values that TensorBoard would show, by name."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder)).Reload()
    return {tag: [event.value for event in found.Scalars(tag)] for tag in found.Tags()["scalars"]}
