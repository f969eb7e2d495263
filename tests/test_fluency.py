"""Scores of written texts, against values counted by hand and against sacrebleu."""

import math

import pytest
import torch
from sacrebleu import corpus_bleu, corpus_chrf

from nlpkit import fluency
from nlpkit.errors import InputError
from nlpkit.generate import Generator
from nlpkit.testing import fake_backbone

FOUND = ["The old boat lay in the harbour.", "Two gulls sat on a wall."]
GOLD = ["An old boat lay in a harbour.", "Two gulls were sitting on the wall."]


def test_corpus_scores_are_sacrebleus():
    assert fluency.bleu(FOUND, GOLD) == pytest.approx(corpus_bleu(FOUND, [GOLD]).score / 100)
    assert fluency.chrf(FOUND, GOLD) == pytest.approx(corpus_chrf(FOUND, [GOLD]).score / 100)
    two = [[gold, found] for gold, found in zip(GOLD, FOUND, strict=True)]
    assert fluency.bleu(FOUND, two) == pytest.approx(1.0)
    assert fluency.bleu(FOUND, [[GOLD[0], FOUND[0]], [GOLD[1]]]) > fluency.bleu(FOUND, GOLD)


def test_chinese_is_scored_by_characters():
    assert fluency.bleu(["港口里有一条旧船。"], ["港口里有一条旧船。"]) == pytest.approx(1.0)
    assert 0 < fluency.bleu(["港口里有一条旧船。"], ["港口里有两条旧船。"]) < 1
    assert fluency.rouge(["旧船"], ["旧港"])["rouge_1"] == 0.5


def test_rouge_counted_by_hand():
    scores = fluency.rouge(["the cat sat"], ["the cat was sat"])
    assert scores["rouge_1"] == pytest.approx(6 / 7)
    assert scores["rouge_2"] == pytest.approx(2 / 5)
    assert scores["rouge_l"] == pytest.approx(6 / 7)
    assert fluency.rouge(["sat cat the"], ["the cat sat"])["rouge_l"] == pytest.approx(1 / 3)
    assert fluency.rouge(["a b"], [["x y", "A b"]])["rouge_2"] == 1.0
    assert fluency.rouge([""], ["a"]) == {"rouge_1": 0.0, "rouge_2": 0.0, "rouge_l": 0.0}


def test_variety_counted_by_hand():
    assert fluency.distinct(["a b a b"], 1) == 0.5
    assert fluency.distinct(["a b a b"], 2) == pytest.approx(2 / 3)
    assert fluency.distinct(["a"], 2) == 0.0
    assert fluency.repetition(["a b c d a b c d", "a b c d e"], 4) == pytest.approx((1 / 5) / 2)
    assert fluency.self_bleu(["a b c d e f"] * 3) == pytest.approx(1.0)
    assert fluency.self_bleu(["a b c d e f", "u v w x y z"]) < 0.1


def test_a_report_has_what_there_is_to_compare_with():
    alone = fluency.report(["a b c"])
    assert set(alone) == {"distinct_1", "distinct_2", "repetition", "words"}
    assert alone["words"] == 3
    assert set(fluency.report(FOUND, GOLD)) == {
        *alone,
        *("self_bleu", "bleu", "chrf", "rouge_1", "rouge_2", "rouge_l"),
    }


def test_what_cannot_be_scored_is_named():
    for texts in ([], "text"):
        with pytest.raises(InputError, match="a list of one string or more"):
            fluency.distinct(texts, 1)
    with pytest.raises(InputError, match="2 texts and references for 1"):
        fluency.bleu(FOUND, GOLD[:1])
    with pytest.raises(InputError, match="two or more"):
        fluency.self_bleu(["a"])


def plain_perplexity(model, ids, window, stride):
    """Return what the loop of transformers' documentation returns."""
    losses, done = [], 0
    for first in range(0, len(ids), stride):
        last = min(first + window, len(ids))
        piece = torch.tensor([ids[first:last]])
        labels = piece.clone()
        labels[:, : -(last - done)] = -100
        with torch.no_grad():
            n = int((labels[:, 1:] != -100).sum())
            if n:
                losses.append((float(model(piece, labels=labels).loss), n))
        done = last
        if last == len(ids):
            break
    return math.exp(sum(loss * n for loss, n in losses) / sum(n for _, n in losses))


@pytest.mark.parametrize(("window", "stride"), [(64, 63), (32, 16), (20, 7), (500, 250), (None, None)])
def test_perplexity_is_that_of_a_plain_loop(window, stride):
    writer = Generator(fake_backbone(kind="llama", max_pieces=512))
    text = "one stone stood on the shore, and no one saw it in the rain. " * 3
    ids = [*writer.adapted.backbone.specials[0], *writer.prompts.plain(text)]
    found, n = writer.perplexity(text, window=window, stride=stride)
    assert n == len(ids) - 1
    plain = plain_perplexity(writer.adapted.backbone.writer(), ids, window or 512, stride or 256)
    assert found == pytest.approx(plain, rel=1e-5)


def test_a_perplexity_that_cannot_be_is_named():
    writer = Generator(fake_backbone(kind="llama"))
    with pytest.raises(InputError, match="two or more"):
        writer.perplexity("")
    for window, stride in ((65, 1), (32, 32), (32, 0)):
        with pytest.raises(InputError, match="0 < stride < window <= 64"):
            writer.perplexity("a b c", window=window, stride=stride)
