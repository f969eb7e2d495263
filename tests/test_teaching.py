"""Adapters that are trained on prompts with examples, and read such prompts."""

import json

import pytest
import torch
from test_extraction import GOLD, LABELS, TEXT, spelling_backbone

import nlpkit
from nlpkit import data, recipes
from nlpkit.adapters import Adapted
from nlpkit.backbone import Backbone
from nlpkit.data import pairs
from nlpkit.errors import AdapterError, InputError
from nlpkit.incontext.classification import Classification
from nlpkit.incontext.extraction import Extraction
from nlpkit.incontext.teaching import lessons
from nlpkit.types import Document, Label

WORDS = ["good", "bad"]
GOLDS = [
    Document(text, labels={"classification": Label(label)})
    for text, label in (("a warm room", "good"), ("cold soup", "bad"), ("kind people", "good"), ("a long wait", "bad"))
]
TABLE = {
    "title": "Lessons",
    "heads": ["generation"],
    "licence": "x",
    "backbone": "spelling",
    "data": {"format": "pairs", "train": "train.jsonl"},
    "adapter": {"rank": 8},
    "training": {"epochs": 40, "lr": 0.02, "batch_tokens": 2048, "window": 512, "stride": 512},
    "options": {"generation": {"chat": False}},
}


@pytest.fixture(autouse=True)
def spelling(monkeypatch):
    """The tiny decoder that spells, under its name."""
    monkeypatch.setattr(Backbone, "from_pretrained", classmethod(lambda cls, *names, **more: spelling_backbone()))


def test_a_lesson_is_the_prompt_that_will_be_read():
    task = Classification(Adapted(spelling_backbone()), WORDS)
    taught = lessons(task, GOLDS, k=2, seed=1)
    assert [d.text for d in taught] == [" good\n", " bad\n", " good\n", " bad\n"]
    for lesson, gold in zip(taught, GOLDS, strict=True):
        assert lesson.query.endswith(f"Text: {gold.text}\nLabel:")
        assert lesson.query.count("Text: ") == 3
        assert lesson.query.count(f"Text: {gold.text}\n") == 1
    shots = [(d.text, d.labels["classification"].label) for d in GOLDS[1:3]]
    (query,) = Classification(Adapted(spelling_backbone()), WORDS, shots)._queries([GOLDS[0].text])
    plain = task._prompts.plain
    assert plain(task.written(GOLDS[0].text, "good", shots).query) == [*query.prompt, *query.pieces]


def test_an_extraction_teaches_its_answer():
    task = Extraction(Adapted(spelling_backbone()), "ner", LABELS["ner"])
    lesson = task.written(GOLD["ner"], [Document("no one.")])
    assert lesson.query.endswith("Entities:")
    assert "Text: no one.\nEntities: []" in lesson.query
    assert json.loads(lesson.text) == task.form.answer(GOLD["ner"])


def test_an_adapter_learns_from_lessons_and_reads_with_them(tmp_path):
    task = Classification(Adapted(spelling_backbone()), WORDS)
    pairs.write(tmp_path / "train.jsonl", lessons(task, GOLDS, k=1))
    assert next(e.document.text for e in data.read(tmp_path / "train.jsonl", "pairs")) == " good\n"
    out = nlpkit.train(recipes.from_dict(TABLE, name="lessons"), data=tmp_path, out=tmp_path / "out")
    shots = [(d.text, d.labels["classification"].label) for d in GOLDS[:1]]
    kit = nlpkit.load("classification", backbone="spelling", labels=WORDS, examples=shots, adapter=str(out))
    found = [d.labels["classification"].label for d in kit([d.text for d in GOLDS])]
    assert sum(a == d.labels["classification"].label for a, d in zip(found, GOLDS, strict=True)) >= 3
    bare = nlpkit.load("classification", backbone="spelling", labels=WORDS, examples=shots)
    likely = [k.shown["classification"].log_likelihoods([TEXT]) for k in (kit, bare)]
    assert not torch.allclose(*(torch.from_numpy(one) for one in likely))


def test_lessons_that_cannot_be_are_refused(tmp_path):
    task = Classification(Adapted(spelling_backbone()), WORDS)
    with pytest.raises(InputError, match="k is 4 and there are 4"):
        lessons(task, GOLDS, k=4)
    with pytest.raises(InputError, match="has no label 'tone'"):
        lessons(task, GOLDS, k=1, key="tone")
    with pytest.raises(AdapterError, match="no adapter"):
        nlpkit.load("classification", backbone="spelling", labels=WORDS, adapter=str(tmp_path / "nowhere"))
