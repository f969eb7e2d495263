"""Tasks that a decoder is shown in its prompt, with the fake one; SmolLM2 where it is installed."""

import numpy as np
import pytest
import torch
from test_methods import SPECS, made

import nlpkit
from nlpkit.adapters import Adapted
from nlpkit.backbone import Backbone
from nlpkit.embedded import EMBEDDED
from nlpkit.errors import BackboneError, InputError
from nlpkit.incontext.classification import Classification
from nlpkit.incontext.examples import Chooser, Shot
from nlpkit.incontext.likelihood import Likelihoods, Tree
from nlpkit.prompts import Prompts
from nlpkit.testing import fake_backbone
from nlpkit.types import Document

LABELS = ["good", "bad", "not bad", "not good at all"]
TEXTS = ["what a fine boat", "the rain came in through every crack of the old roof", "no"]
SHOTS = [("a warm bright room", "good"), ("cold soup again", "bad"), ("it will do", "not bad")]


@pytest.fixture(scope="module")
def adapted():
    return Adapted(fake_backbone(kind="llama", max_pieces=512))


def whole_passes(backbone, prompt, texts, rows):
    """Return the log-likelihoods by a pass for each label's full prompt."""
    found = np.zeros((len(texts), len(rows)))
    for n, text in enumerate(texts):
        for k, row in enumerate(rows):
            with torch.inference_mode():
                logits = backbone.writer()(torch.tensor([[*prompt, *text, *row]])).logits[0].log_softmax(-1)
            first = len(prompt) + len(text) - 1
            found[n, k] = sum(float(logits[first + i, piece]) for i, piece in enumerate(row))
    return found


def pieces(backbone):
    plain = Prompts(backbone.tokenizer).plain
    prompt = [*backbone.specials[0], *plain("label each text. " * 9)]
    return prompt, [plain(t) for t in TEXTS], [plain(f" {label}\n") for label in LABELS]


@pytest.mark.parametrize(
    "name", ["fake", *(pytest.param(n, marks=pytest.mark.slow) for n in ("smollm2", "gemma3-270m"))]
)
def test_one_pass_a_text_finds_what_a_pass_for_each_label_does(name):
    if name != "fake" and not EMBEDDED[name].installed:
        pytest.skip(EMBEDDED[name].install)
    backbone = fake_backbone(kind="llama", max_pieces=512) if name == "fake" else Backbone.from_pretrained(name)
    prompt, texts, rows = pieces(backbone)
    likely = Likelihoods(Adapted(backbone))
    expected = whole_passes(backbone, prompt, texts, rows)
    nearness = 1e-4 if name == "fake" else 3e-4  # sums of float32 logits over tens of thousands of pieces differ more
    for _ in range(2):  # the second time the prompt is kept
        np.testing.assert_allclose(likely.of(prompt, texts, rows), expected, atol=nearness)
    np.testing.assert_allclose(likely.of([], [[*prompt, *t] for t in texts], rows), expected, atol=nearness)


@pytest.mark.parametrize("method", ["lora", "ia3", "bottleneck", "layernorm", "full"])
def test_an_adapter_reads_the_prompt_too(method):
    adapted = made(SPECS[method], "llama")
    plain = Prompts(adapted.backbone.tokenizer).plain
    prompt, texts, rows = plain("label each"), [plain("a boat"), plain("no")], [plain("good"), plain("not bad")]
    likely = Likelihoods(adapted)
    bare = likely.of(prompt, texts, rows)
    with adapted.using("a") as model:
        expected = whole_passes(model, prompt, texts, rows)
    np.testing.assert_allclose(likely.of(prompt, texts, rows, adapter="a"), expected, atol=1e-4)
    np.testing.assert_array_equal(likely.of(prompt, texts, rows), bare)
    assert not np.allclose(bare, expected, atol=1e-2)


def test_rows_that_begin_alike_share_their_beginning():
    tree = Tree.of([[1, 2], [1, 3], [1, 2, 4], [5]])
    assert (tree.pieces, tree.parents, tree.depths) == ([1, 2, 3, 4, 5], [-1, 0, 0, 1, -1], [1, 2, 2, 3, 1])
    assert tree.ends == [[0, 1], [0, 2], [0, 1, 3], [4]]
    assert tree.above().int().tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 0, 1, 0, 0],
        [1, 1, 0, 1, 0],
        [0, 0, 0, 0, 1],
    ]


def test_a_text_gets_a_label_whatever_is_beside_it(adapted):
    task = Classification(adapted, LABELS, SHOTS)
    together = task.read([Document(t) for t in (*TEXTS, " ")])
    assert together[:3] == [task.read([Document(t)])[0] for t in TEXTS]
    assert together[3] == Document(" ")
    for document in together[:3]:
        assert document.labels["classification"].label in LABELS
        assert document.labels["classification"].score is None
        assert document.metadata["in_context"] == {"shown": 3, "left_out": 0, "dropped": 0}


def test_calibration_divides_by_what_no_content_gets(adapted):
    task, raw = (Classification(adapted, LABELS, SHOTS, calibrate=c) for c in (True, False))
    plain = raw.probabilities(TEXTS)
    np.testing.assert_allclose(plain.sum(1), 1)
    without = raw.probabilities(["N/A", "...", "-"]).mean(0)
    expected = plain / without
    np.testing.assert_allclose(task.probabilities(TEXTS), expected / expected.sum(1, keepdims=True), rtol=1e-4)
    shares = np.exp(raw.log_likelihoods(TEXTS))
    np.testing.assert_allclose(plain, shares / shares.sum(1, keepdims=True), rtol=1e-6)


def test_what_has_no_room_is_left_out_and_told():
    task = Classification(Adapted(fake_backbone(kind="llama", max_pieces=200)), ["good", "bad"], SHOTS[:2] * 5, k=10)
    (short,) = task.read([Document("no")])
    told = short.metadata["in_context"]
    assert told["shown"] + told["left_out"] == 10
    assert told["shown"] > 0
    assert told["dropped"] == 0
    (long,) = task.read([Document("a b c d " * 99)])
    assert long.metadata["in_context"]["shown"] == 0
    assert long.metadata["in_context"]["dropped"] > 200
    with pytest.raises(InputError, match="leave no room for a text"):
        Classification(task._likelihoods.adapted, {"good": "a b c d " * 60, "bad": ""}).read([Document("no")])


def test_the_nearest_examples_come_last_and_are_not_all_alike():
    shots = [Shot(f"{n}", "x") for n in range(5)]
    angles = {"0": 0.0, "1": 0.01, "2": 0.02, "3": 0.9, "4": 2.0, "asked": 0.45}

    def embed(texts):
        return np.array([[np.cos(angles[t]), np.sin(angles[t])] for t in texts], dtype=np.float32)

    (chosen,) = Chooser(shots, 2, embed).chosen(["asked"])
    assert [shot.text for shot in chosen] == ["3", "2"]
    assert Chooser(shots, 9, embed).chosen(["asked", "asked"]) == [tuple(shots)] * 2
    assert Chooser(shots, 0, embed).chosen(["asked"]) == [()]


def test_a_kit_is_called_as_one_with_trained_tasks(adapted):
    kit = nlpkit.load("classification", backbone=adapted.backbone, labels=LABELS, examples=SHOTS)
    document = kit(TEXTS[0])
    assert document.labels["classification"].label in LABELS
    assert kit([TEXTS[0], TEXTS[2]], tasks=["classification"])[0] == document
    many = nlpkit.load("classification", backbone=adapted.backbone, labels=LABELS, examples=SHOTS, k=2)
    assert many(TEXTS[0]).metadata["in_context"]["shown"] == 2


def test_chinese_labels_have_a_chinese_prompt(adapted):
    task = Classification(adapted, ["体育", "财经"], [("球队赢了", "体育")])
    assert task._words.task.startswith("给")


@pytest.mark.parametrize(
    ("labels", "examples", "says"),
    [
        (["good"], [], "two or more"),
        ("good", [], "two or more"),
        (["good", "good"], [], "'good' is there twice"),
        (["good", " "], [], "label 1 is ' '"),
        (["good", "bad"], [("x", "fine")], "example 0 has the label 'fine'; allowed: good, bad"),
        (["good", "bad"], ["x"], r"example 0 is 'x'; allowed: \(text, label\)"),
    ],
)
def test_labels_and_examples_that_cannot_be_are_named(adapted, labels, examples, says):
    with pytest.raises(InputError, match=says):
        nlpkit.load("classification", backbone=adapted.backbone, labels=labels, examples=examples)


def test_what_cannot_be_shown_is_named(adapted):
    with pytest.raises(InputError, match="labels were given for kgqa; a decoder can be shown one of: classification"):
        nlpkit.load("kgqa", backbone=adapted.backbone, labels=LABELS)
    with pytest.raises(BackboneError, match="writes none"):
        nlpkit.load("classification", backbone=fake_backbone(), labels=LABELS)
