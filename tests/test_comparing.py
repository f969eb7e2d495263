"""Zero-shot, in context and adapters on the same texts, with fake models."""

import pytest

from nlpkit import comparing, recipes
from nlpkit.backbone import Backbone
from nlpkit.comparing import Comparison, Point, plot
from nlpkit.errors import InputError
from nlpkit.testing import fake_backbone
from nlpkit.types import Document, Label

WORDS = {"w": "weather", "f": "food"}
TEXTS = {
    "w": ["rain and fog", "a cold wind", "snow in the north", "storm"],
    "f": ["soup", "bread", "tea and rice", "corn"],
}


def documents(*texts):
    return [Document(text, labels={"classification": Label(label)}) for label, text in texts]


TRAIN = documents(*((label, f"{text} {n}") for n in range(8) for label, texts in TEXTS.items() for text in texts))
TEST = documents(*((label, text) for label, texts in TEXTS.items() for text in texts))


@pytest.fixture(autouse=True)
def fakes(monkeypatch):
    real = Backbone.from_pretrained.__func__

    def from_pretrained(cls, name="default", **more):
        return fake_backbone(kind="llama", max_pieces=1024) if name == "decoder" else real(cls, name, **more)

    monkeypatch.setattr(Backbone, "from_pretrained", classmethod(from_pretrained))


def compared(*, sizes=(8, None), done=(), **changes):
    settings = {"words": WORDS, "encoder": "fake", "decoder": "decoder"}
    return list(Comparison(TRAIN, TEST, **settings | changes).points((0, 4), sizes, done))


def test_each_way_is_measured_on_the_same_texts():
    points = compared()
    expected = [("zero-shot", 0), ("in context", 0), ("in context", 4), ("adapter", 8), ("adapter", len(TRAIN))]
    assert [(p.way, p.examples) for p in points] == expected
    assert all(0 <= p.accuracy <= 1 and 0 < p.seconds_per_text * len(TEST) <= p.seconds + 1e-6 for p in points)
    assert points[-1].accuracy > 0.6


def test_what_is_done_is_not_done_again(monkeypatch):
    done = [Point("adapter", "fake", n, 0.5, 1.0, 0.1) for n in (8, len(TRAIN))]
    monkeypatch.setattr(comparing, "_trained", None)
    assert [p.way for p in compared(done=done, decoder=None)] == ["zero-shot"]


def test_a_recipe_says_how_to_train(monkeypatch):
    seen = []
    real = comparing.training.train
    monkeypatch.setattr(comparing.training, "train", lambda recipe, **more: seen.append(recipe) or real(recipe, **more))
    table = {
        "title": "x",
        "heads": ["classification"],
        "licence": "x",
        "backbone": "fake",
        "data": {"format": "csv", "train": "x"},
        "adapter": {"rank": 3},
        "training": {"epochs": 2, "lr": 5e-4},
    }
    compared(base=recipes.from_dict(table, name="x"), decoder=None, sizes=(8,))
    assert (seen[0].adapter.rank, seen[0].training.lr, seen[0].training.epochs) == (3, 5e-4, 40)


def test_examples_are_drawn_by_turns_and_smaller_draws_are_in_larger():
    drawn = comparing._drawn(TRAIN, "classification", 3)
    assert sorted(d.text for d in drawn) == sorted(d.text for d in TRAIN)
    for n in range(0, len(drawn), 2):
        assert {d.labels["classification"].label for d in drawn[n : n + 2]} == {"w", "f"}
    assert comparing._drawn(TRAIN, "classification", 3) == drawn != comparing._drawn(TRAIN, "classification", 4)


@pytest.mark.parametrize(
    ("train", "test", "says"),
    [
        ([], TEST, "no train text"),
        (TRAIN, [], "no test text"),
        (TRAIN, [Document("x", id="here")], "test text 'here' has no label"),
        (TRAIN[:1], TEST[:1], "one label 'w'"),
    ],
)
def test_texts_that_cannot_be_compared_are_refused(train, test, says):
    with pytest.raises(InputError, match=says):
        Comparison(train, test, encoder="fake", decoder=None)


def test_a_chart_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    points = [Point("adapter", "fake", n, n / 10, n, 0.1) for n in (1, 2)] + [
        Point("zero-shot", "fake", 0, 0.3, 1, 0.1)
    ]
    path = tmp_path / "chart.svg"
    plot({"one": points, "two": points[:1]}, path)
    assert path.read_text(encoding="utf-8").count("<svg") == 1
    assert "seconds, training included" in path.read_text(encoding="utf-8")
