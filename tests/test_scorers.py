"""Our scores are those of the field's scorers, on the same predictions: seqeval, scikit-learn, SQuAD, SemEval-2010.

The files of `data/` were written for these tests. The expected values of SQuAD and SemEval were worked out by hand
from the papers' definitions.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from nlpkit.analysis import NONE, analysed, confusion, matching
from nlpkit.heads import head_class
from nlpkit.types import Answer, Chain, Document, Entity, Label, Mention, Relation

DATA = Path(__file__).parent / "data"
TYPES = ("PER", "LOC", "ORG")


def lines(name):
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def tagged(rng, n_words):
    """Return random BIO tags, and the document that they stand for: words of one letter."""
    tags, entities, n = [], [], 0
    while n < n_words:
        length = min(int(rng.integers(1, 4)), n_words - n)
        label = rng.choice(["O", "O", *TYPES])
        tags += ["O"] * length if label == "O" else [f"B-{label}", *[f"I-{label}"] * (length - 1)]
        if label != "O":
            entities.append(Entity("x " * (length - 1) + "x", 2 * n, 2 * (n + length) - 1, str(label)))
        n += length
    return tags, Document("x " * n_words, entities=tuple(entities))


def test_entities_score_as_seqeval_scores_them_strictly():
    rng = np.random.default_rng(3)
    gold_tags, golds = zip(*[tagged(rng, 12) for _ in range(60)], strict=True)
    tags, found = zip(*[tagged(rng, 12) for _ in range(60)], strict=True)
    expected = classification_report(
        list(gold_tags), list(tags), mode="strict", scheme=IOB2, output_dict=True, zero_division=0
    )
    head = head_class("ner").fit(golds, 16, {})
    strict = matching([j for p, g in zip(found, golds, strict=True) for j in head.judge(p, g)])["strict"]
    assert 0 < expected["micro avg"]["f1-score"] < 0.5
    for ours, theirs in (("micro", "micro avg"), ("macro", "macro avg")):
        for name, key in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert strict[ours][name] == pytest.approx(expected[theirs][key], abs=1e-4)
    scores = head.score(found, golds)
    assert scores["f1"] == pytest.approx(expected["micro avg"]["f1-score"])
    for label in TYPES:
        assert strict["per_label"][label]["f1"] == pytest.approx(expected[label]["f1-score"], abs=1e-4)
        assert head.per_label(found, golds)[label]["recall"] == pytest.approx(expected[label]["recall"])


def test_labels_score_as_scikit_learn_scores_them():
    rng = np.random.default_rng(4)
    gold, predicted = (rng.choice(["a", "b", "c", "d"], size=200, p=[0.6, 0.2, 0.15, 0.05]) for _ in range(2))
    golds, found = (
        [Document("x", labels={"classification": Label(str(name))}) for name in names] for names in (gold, predicted)
    )
    head = head_class("classification").fit(golds, 16, {})
    scores = head.score(found, golds)
    assert scores["accuracy"] == pytest.approx(accuracy_score(gold, predicted))
    assert scores["macro_f1"] == pytest.approx(f1_score(gold, predicted, average="macro"))
    table = confusion([j for p, g in zip(found, golds, strict=True) for j in head.judge(p, g)])
    ours = [[table.get(a, {}).get(b, 0) for b in "abcd"] for a in "abcd"]
    assert ours == confusion_matrix(gold, predicted, labels=list("abcd")).tolist()


def test_several_labels_score_as_scikit_learn_scores_them():
    rng = np.random.default_rng(5)
    gold, predicted = (rng.random((80, 4)) < 0.4 for _ in range(2))

    def documents(rows):
        for row in rows:
            names = [Label(name) for name, has in zip("abcd", row, strict=True) if has]
            label = Label(names[0].label, others=tuple(names[1:])) if names else None
            yield Document("x", labels={"classification": label} if label else {})

    golds, found = list(documents(gold)), list(documents(predicted))
    scores = head_class("classification").fit(golds, 16, {"multi": True}).score(found, golds)
    assert scores["accuracy"] == pytest.approx(accuracy_score(gold, predicted))
    for average in ("micro", "macro"):
        assert scores[f"{average}_f1"] == pytest.approx(f1_score(gold, predicted, average=average))


def test_answers_score_as_the_scorer_of_squad_does():
    head = head_class("qa")(16)
    rows = lines("squad-scores.jsonl")

    def document(texts):
        return Document("An English text.", query="What?", answers=tuple(Answer(t, -1, -1) for t in texts))

    for row in rows:
        found, gold = document([row["predicted"]] if row["predicted"] else []), document(row["golds"])
        assert head.score([found], [gold]) == pytest.approx({"exact": row["exact"], "f1": row["f1"]}), row
        assert all(j.kind == "right" for j in head.judge(found, gold)) == bool(row["exact"])
    assert {row["exact"] for row in rows} == {0, 1}


def test_directed_relations_score_as_the_scorer_of_semeval_2010_does():
    """Over relations, a wrong direction counting as wrong, "Other" left out: worked out by hand.

    part: 2 right of 4 found and 4 gold, F1 0.5; cause: 1 right of 3 found and 3 gold, F1 1/3; the mean is 5/12.
    """
    ends = tuple(Entity(t, n, n + 1, "e") for t, n in (("x", 0), ("y", 2)))
    chains = tuple(Chain(e.text, "e", (Mention(e.text, e.start, e.end),)) for e in ends)

    def document(name):
        label, _, direction = name.partition("(")
        subject, object_ = ends if direction.startswith("e1") else reversed(ends)
        relations = (Relation(subject, label, object_),) if direction else ()
        return Document("x y", chains=chains, relations=relations)

    golds, found = ([document(row[side]) for row in lines("semeval-scores.jsonl")] for side in ("gold", "predicted"))
    head = head_class("relation").fit(golds, 16, {"exclusive": True})
    assert head.score(found, golds)["macro_f1"] == pytest.approx(5 / 12)
    counted = analysed([j for p, g in zip(found, golds, strict=True) for j in head.judge(p, g)])
    assert counted["errors"]["relations"] == {"right": 3, "type": 1, "direction": 2, "missed": 1, "invented": 1}
    assert counted["confusion"]["relations"]["cause"] == {NONE: 1, "cause": 1, "part": 1}
