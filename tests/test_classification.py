"""What is particular to the classification head; the contract of all heads is in test_heads."""

from functools import partial

import numpy as np
import pytest
import torch
from samples import EXAMPLES, PEOPLE
from sklearn.metrics import accuracy_score, f1_score, precision_recall_curve
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.utils.class_weight import compute_class_weight

import nlpkit
from nlpkit import checkpoint, data, engine, recipes
from nlpkit.backbone import Hidden
from nlpkit.engine import Reading
from nlpkit.errors import DataError, RecipeError
from nlpkit.heads.classification import ClassificationHead
from nlpkit.heads.labelling import Pool, best_threshold, sharpness, softmax
from nlpkit.metrics import expected_calibration_error
from nlpkit.testing import fake_backbone
from nlpkit.text import Window
from nlpkit.types import Document, Label

READING = Reading(64, 16, 512)
KIND = "classification"


def labelled(text, *names, query="", scores=None, **metadata):
    """Return a document with the labels; none where no name is given."""
    given = [Label(name, score) for name, score in zip(names, scores or [None] * len(names), strict=True)]
    labels = {KIND: Label(given[0].label, given[0].score, tuple(given[1:]))} if given else {}
    return Document(text, labels=labels, query=query, metadata=metadata)


SINGLE = [labelled("ab", "a"), labelled("cd", "b"), labelled("ef", "c"), labelled("gh", "a")]
MULTI = [labelled("ab", "a", "b"), labelled("cd", "b"), labelled("ef"), labelled("gh", "a", "c")]


def trained(golds, steps=150, **options):
    torch.manual_seed(0)
    backbone = fake_backbone()
    head = ClassificationHead.fit(golds, 16, {"dropout": 0.0, **options})
    cut = [w for n, d in enumerate(golds) for w in READING.windows(backbone, d, n)]
    hidden = backbone.hidden(cut)
    targets = [head.targets(w, head.gold(golds[w.document])) for w in cut]
    optimizer = torch.optim.Adam(head.parameters(), lr=0.05)
    for _ in range(steps):
        loss = head.loss(hidden, cut, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return head.eval(), backbone


def part(start, end, *probabilities, kind=KIND):
    """Return a window with this core and its log-probabilities."""
    window = Window(0, "", *[np.zeros(0, np.int32)] * 4, core=(start, end))
    return window, Document("", metadata={kind: np.log(np.array(probabilities))})


def test_one_label_or_several_is_found_from_the_data_and_may_be_said():
    assert not ClassificationHead.fit(SINGLE, 16, {}).multi
    assert ClassificationHead.fit(MULTI, 16, {}).multi
    assert ClassificationHead.fit(SINGLE, 16, {"multi": True}).multi


def test_single_scores_equal_scikit_learn():
    gold, found = ["a", "a", "b", "c", "b", "a"], ["a", "b", "b", "a", "b", "d"]
    scores = ClassificationHead(16, "abcd").score([labelled("", n) for n in found], [labelled("", n) for n in gold])
    assert scores["accuracy"] == pytest.approx(accuracy_score(gold, found))
    assert scores["macro_f1"] == pytest.approx(f1_score(gold, found, average="macro", zero_division=0))


def test_multi_scores_equal_scikit_learn():
    gold, found = [{"a", "b"}, {"b"}, set(), {"c"}, {"a"}], [{"a"}, {"b", "c"}, set(), {"c"}, set()]
    binary = MultiLabelBinarizer().fit(gold)
    rows = binary.transform(gold), binary.transform(found)
    head = ClassificationHead(16, "abc", multi=True)
    scores = head.score(*([labelled("", *sorted(names)) for names in sets] for sets in (found, gold)))
    assert scores["accuracy"] == pytest.approx(accuracy_score(*rows))
    assert scores["macro_f1"] == pytest.approx(f1_score(*rows, average="macro", zero_division=0))
    assert scores["micro_f1"] == pytest.approx(f1_score(*rows, average="micro"))


def test_outside_texts_are_scored_by_recall_at_precision_and_left_out_of_accuracy():
    rng = np.random.default_rng(0)
    outside = rng.random(200) < 0.3
    scores = np.clip(rng.normal(0.3 + 0.3 * outside, 0.15), 0, 1)
    golds = [labelled("", "oos" if out else "pay") for out in outside]
    found = [labelled("", "oos" if s > 0.5 else "pay", outside=float(s)) for s in scores]
    result = ClassificationHead(16, ("oos", "pay")).score(found, golds)
    precision, recall, _ = precision_recall_curve(outside, scores)
    assert result["oos_recall_at_p90"] == pytest.approx(recall[precision >= 0.9].max())
    assert result["accuracy"] == pytest.approx(np.mean(scores[~outside] <= 0.5))
    assert "oos_recall_at_p90" not in ClassificationHead(16, ("oos", "pay")).score(found, [labelled("", "pay")] * 200)


def test_the_probability_of_outside_is_reported_beside_the_label():
    head, backbone = trained([labelled("ab ab", "pay"), labelled("xy xy", "oos"), labelled("cd", "move")])
    for document in engine.read(backbone, [head], [Document("ab ab"), Document("xy xy")], READING):
        label, outside = document.labels[KIND], document.metadata["outside"]
        assert (label.label == "oos") == (label.score == outside)


def test_a_long_text_is_decided_on_once_from_the_mean_of_its_windows_by_length():
    head = ClassificationHead(16, ("a", "b"), calibration=(2.0, 0.0))
    parts = [part(0, 30, 0.6, 0.4), part(30, 40, 0.1, 0.9)]
    label = head.merge(parts, Document("x" * 40)).labels[KIND]
    mean = 0.75 * np.log([0.6, 0.4]) + 0.25 * np.log([0.1, 0.9])
    expected = softmax(2.0 * mean)
    assert label.label == "ab"[int(expected.argmax())]
    assert label.score == pytest.approx(expected.max())


def test_merging_keeps_what_other_heads_found_and_drops_the_windows_scores():
    head = ClassificationHead(16, ("a", "b"))
    before = Document("x", labels={"slots": Label("go"), KIND: Label("old")}, metadata={"page": 3})
    merged = head.merge([part(0, 1, 0.9, 0.1)], before)
    assert set(merged.labels) == {"slots", KIND}
    assert merged.labels[KIND].label == "a"
    assert merged.metadata == {"page": 3}
    assert KIND not in head.merge([], before).labels


def test_the_first_sentence_of_a_pair_matters():
    pairs = [labelled("it is so", name, query=query) for query, name in (("is it so?", "same"), ("no no no", "other"))]
    head, backbone = trained(pairs, steps=300)
    assert head.reads_query
    bare = [Document(d.text, query=d.query) for d in pairs]
    assert [d.labels[KIND].label for d in engine.read(backbone, [head], bare, READING)] == ["same", "other"]


@pytest.mark.parametrize("pool", ["mean", "first", "attention"])
@pytest.mark.parametrize("width", [0, 8])
def test_every_pool_learns(pool, width):
    golds = [e.document for e in EXAMPLES[:10]]
    head, backbone = trained(golds, steps=400, pool=pool, width=width)
    found = engine.read(backbone, [head], [Document(d.text) for d in golds], READING)
    assert head.score(found, golds)["accuracy"] >= 0.8


def test_pools_leave_padding_out():
    states = torch.randn(2, 5, 16)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    for how in ("auto", "mean", "attention"):
        for causal in (False, True):
            pool = Pool(how, 16)
            alone = pool(Hidden(states[1:, :3], mask[1:, :3], None, causal))
            torch.testing.assert_close(pool(Hidden(states, mask, None, causal))[1:], alone)
    with pytest.raises(RecipeError, match="decoder"):
        Pool("first", 16)(Hidden(states, mask, None, True))
    with pytest.raises(RecipeError, match=r"'max'.*attention"):
        Pool("max", 16)


def test_several_labels_are_learnt_calibrated_and_reported_best_first():
    golds = [labelled(text, *names) for text, names in (("ab ab", "ab"), ("cd cd", "b"), ("ef", ""), ("gh gh", "ac"))]
    for threshold in ("one", "each"):
        head, backbone = trained(golds, steps=300, threshold=threshold)
        bare = [Document(d.text) for d in golds]
        head.calibrate(partial(engine.read, backbone, [head], bare, READING), golds)
        found = engine.read(backbone, [head], bare, READING)
        assert head.score(found, golds)["accuracy"] == 1.0
        assert KIND not in found[2].labels
        for label in (d.labels[KIND] for d in found if d.labels):
            scores = [label.score, *(other.score for other in label.others)]
            assert scores == sorted(scores, reverse=True)
            assert not any(other.others for other in label.others)


def test_the_temperature_that_made_the_data_is_recovered():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 5))
    golds = [int(rng.choice(5, p=p)) for p in softmax(logits)]
    too_sure = [row for row in 2.5 * logits]
    assert sharpness(too_sure, golds) == pytest.approx(1 / 2.5, rel=0.03)
    assert sharpness([], []) == 1.0
    assert 0 < sharpness([row for row in logits], list(logits.argmax(1))) < 1e3  # no error: finite all the same


def test_calibration_makes_scores_true():
    rng = np.random.default_rng(1)
    head = ClassificationHead(16, "abcde")
    logits = rng.normal(0, 1, (4000, 5))
    golds = [labelled("x", "abcde"[rng.choice(5, p=p)]) for p in softmax(logits)]
    windows = [part(0, 1, *softmax(4 * row)) for row in logits]

    def predict():
        return [head.merge([one], Document("x")) for one in windows]

    def error():
        pairs = [(d.labels[KIND], g.labels[KIND].label) for d, g in zip(predict(), golds, strict=True)]
        return expected_calibration_error((found.score, found.label == true) for found, true in pairs)

    assert error() > 0.2
    head.calibrate(predict, golds)
    assert error() < 0.03
    assert not any(d.metadata for d in predict())


def test_the_best_threshold_keeps_equal_scores_together():
    scores, right = np.array([0.9, 0.8, 0.8, 0.3, 0.1]), np.array([1, 1, 0, 1, 0], dtype=bool)
    assert best_threshold(scores, right) == pytest.approx(0.2)
    assert best_threshold(scores, np.zeros(5, dtype=bool)) == 0.5


def test_balanced_weights_equal_scikit_learn_and_a_table_may_leave_labels_out():
    names = [d.labels[KIND].label for d in SINGLE]
    expected = compute_class_weight("balanced", classes=np.array(["a", "b", "c"]), y=names)
    assert ClassificationHead.fit(SINGLE, 16, {"weights": "balanced"}).weights == pytest.approx(expected)
    assert ClassificationHead.fit(SINGLE, 16, {"weights": {"b": 3}}).weights == (1.0, 3.0, 1.0)
    assert ClassificationHead.fit(MULTI, 16, {"weights": "balanced"}).weights == (1.0, 1.0, 3.0)


def test_weights_and_smoothing_reach_the_loss():
    backbone = fake_backbone()
    cut = [w for n, d in enumerate(SINGLE) for w in READING.windows(backbone, d, n)]
    hidden = backbone.hidden(cut)
    losses = []
    for options in ({}, {"weights": {"c": 9.0}}, {"smoothing": 0.3}):
        torch.manual_seed(0)
        head = ClassificationHead.fit(SINGLE, 16, options).eval()
        losses.append(float(head.loss(hidden, cut, [head.targets(w, SINGLE[w.document]) for w in cut]).detach()))
    assert len(set(losses)) == 3


def test_texts_without_a_label_take_no_part():
    head = ClassificationHead.fit([*SINGLE, labelled("zz")], 16, {})
    backbone = fake_backbone()
    cut = [*READING.windows(backbone, Document("zz"))]
    assert head.targets(cut[0], Document("zz")) == -1
    assert float(head.loss(backbone.hidden(cut), cut, [-1]).detach()) == 0.0
    assert head.score([labelled("", "a")] * 2, [labelled("", "a"), labelled("")])["accuracy"] == 1.0


def test_a_label_never_seen_counts_as_wrong():
    head, backbone = trained(SINGLE, steps=5)
    golds = [labelled("ab", "new"), labelled("cd", "new")]
    bare = [Document(d.text) for d in golds]
    head.calibrate(lambda: engine.read(backbone, [head], bare, READING), golds)
    assert head.calibration == (1.0, 0.0)
    assert head.score(engine.read(backbone, [head], bare, READING), golds) == {"accuracy": 0.0, "macro_f1": 0.0}


@pytest.mark.parametrize("golds", [[labelled("x", "only"), labelled("y", "only")], [Document("x")], []])
def test_a_data_set_with_one_class_is_told(golds):
    with pytest.raises(DataError, match="two or more"):
        ClassificationHead.fit(golds, 16, {})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pol": "mean"}, r"'options\.classification\.pol'.*pool"),
        ({"weights": "even"}, "balanced"),
        ({"weights": {"z": 1.0}}, "'z'"),
        ({"weights": {"a": 0}}, "above 0"),
        ({"smoothing": 1.0}, r"smoothing is 1\.0"),
        ({"threshold": "two"}, "'two'.*each"),
    ],
)
def test_wrong_options_are_named(options, said):
    with pytest.raises(RecipeError, match=said):
        ClassificationHead.fit(SINGLE, 16, options)


def test_a_recipe_trains_saves_and_loads_it_beside_slots(tmp_path, monkeypatch):
    monkeypatch.setitem(data.READERS, "sample", lambda *_: iter(EXAMPLES))
    (tmp_path / "train").touch()
    table = {
        "title": "Who, and where to",
        "heads": ["classification", "slots"],
        "licence": "Apache-2.0",
        "backbone": "fake",
        "data": {"format": "sample", "train": "train", "hold_out": 5},
        "training": {"epochs": 2, "batch_tokens": 320, "window": 64, "stride": 48},
        "options": {"classification": {"weights": "balanced"}, "slots": {"width": 16}},
    }
    recipe = recipes.from_dict(table, name="slots/sample")
    out = nlpkit.train(recipe, data=tmp_path, out=tmp_path / "out")
    scores = checkpoint.account(out)["scores"]["dev"]
    for name in ("classification_accuracy", "classification_macro_f1", "slots_slot_f1", "slots_intent_accuracy"):
        assert 0.0 <= scores[name] <= 1.0
    doc = nlpkit.load(str(out))(EXAMPLES[0].document.text)
    assert doc.labels
    assert {label.label for label in doc.labels.values()} <= {"north", "south", *PEOPLE}
