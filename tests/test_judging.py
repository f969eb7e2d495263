"""What is right, what is wrong and in which way, and what that adds up to."""

import pytest

from nlpkit.analysis import NONE, analysed, best_threshold, calibration, confused, confusion, matching, thresholds
from nlpkit.judging import (
    BOTH,
    BOUNDARY,
    INVENTED,
    MISSED,
    RIGHT,
    TYPE,
    WRONG,
    Finding,
    Judgement,
    judge_answer,
    judge_labels,
    judge_relations,
    judge_spans,
    judge_values,
)
from nlpkit.types import Answer, Chain, Document, Entity, Label, Mention, Relation


def span(start, end, label, score=None):
    return Entity("x" * (end - start), start, end, label, score)


GOLD = [span(0, 5, "A"), span(10, 15, "A"), span(20, 25, "B"), span(30, 35, "B"), span(40, 45, "A")]
FOUND = [span(0, 5, "A"), span(10, 15, "B"), span(22, 25, "B"), span(28, 33, "A"), span(50, 55, "A")]


def kinds(judgements):
    return [j.kind for j in judgements]


def test_spans_are_right_or_wrong_in_a_way():
    judged = judge_spans("entities", FOUND, GOLD)
    assert kinds(judged) == [RIGHT, TYPE, BOUNDARY, BOTH, MISSED, INVENTED]
    assert judged[3].labels == ("B", "A")
    assert (judged[4].predicted, judged[5].gold) == (None, None)
    assert judge_spans("entities", [], []) == []


def test_each_span_is_held_against_one_and_the_nearest_comes_first():
    gold = [span(0, 10, "A"), span(12, 20, "A")]
    judged = judge_spans("entities", [span(0, 4, "A"), span(3, 10, "A"), span(12, 20, "A")], gold)
    assert kinds(judged) == [BOUNDARY, INVENTED, RIGHT]
    assert judged[0].predicted.places[0].start == 3
    nested = judge_spans("entities", [span(0, 10, "B"), span(0, 4, "A")], [span(0, 10, "A")])
    assert kinds(nested) == [TYPE, INVENTED]
    assert kinds(judge_spans("entities", [span(0, 4, "A")] * 2, [span(0, 4, "A")])) == [RIGHT]


def test_matching_in_part_is_that_of_semeval_2013():
    """Worked by hand: 5 gold and 5 found; 1 right, 1 of another type, 1 of other borders, 1 of both."""
    found = matching(judge_spans("entities", FOUND, GOLD))
    assert {scheme: own["micro"]["f1"] for scheme, own in found.items()} == {
        "strict": 0.2,
        "exact": 0.4,
        "partial": 0.6,
        "type": 0.4,
    }
    # A: gold 3, found 3, one right. B: gold 2, found 2, one of other borders.
    assert found["strict"]["macro"]["f1"] == pytest.approx((1 / 3 + 0) / 2, abs=1e-4)
    assert found["partial"]["per_label"]["B"] == {"precision": 0.25, "recall": 0.25, "f1": 0.25}
    assert found["type"]["per_label"]["B"]["f1"] == 0.5


def test_rows_of_a_confusion_add_up_to_what_is_gold_and_columns_to_what_was_found():
    table = confusion(judge_spans("entities", FOUND, GOLD))
    assert sum(n for gold, row in table.items() for n in row.values() if gold != NONE) == len(GOLD)
    assert sum(n for row in table.values() for found, n in row.items() if found != NONE) == len(FOUND)
    assert table["A"] == {"A": 1, "B": 1, NONE: 1}
    assert confused(table, 5) == [("A", "B", 1)]


def test_labels():
    a, b = Label("a", 0.8), Label("b", 0.6)
    assert judge_labels("label", a, None) == []
    assert kinds(judge_labels("label", None, a)) == [MISSED]
    assert kinds(judge_labels("label", b, a)) == [TYPE]
    several = judge_labels("label", Label("a", 0.8, (b,)), Label("b", others=(Label("c"),)), multi=True)
    assert sorted((j.kind, *j.labels) for j in several) == [(INVENTED, "a"), (MISSED, "c"), (RIGHT, "b")]


def test_values_by_name():
    judged = judge_values("values", {"to": "oslo", "on": "sun"}, {"to": "rome", "at": "noon"})
    assert [(j.kind, *j.labels) for j in judged] == [(MISSED, "at"), (INVENTED, "on"), (WRONG, "to")]
    assert confusion(judged) == {"at": {NONE: 1}, "to": {NONE: 1}, NONE: {"on": 1, "to": 1}}


def test_relations_are_turned_round_or_of_another_kind():
    ends = [span(0, 1, "E"), span(2, 3, "E"), span(4, 5, "E")]
    chains = tuple(Chain(e.text, "E", (Mention(e.text, e.start, e.end),)) for e in ends)
    a, b, c = ends

    def document(*relations):
        return Document("x x x", chains=chains, relations=relations)

    gold = document(Relation(a, "r", b), Relation(b, "r", c), Relation(a, "s", c))
    found = document(Relation(b, "r", a, 0.9), Relation(b, "q", c, 0.8), Relation(a, "s", c, 0.7), Relation(c, "t", a))
    judged = judge_relations(found, gold)
    assert sorted(kinds(judged)) == ["direction", INVENTED, RIGHT, TYPE]
    assert analysed(judged)["errors"]["relations"] == {RIGHT: 1, TYPE: 1, "direction": 1, INVENTED: 1}
    assert kinds(judge_relations(document(), gold)) == [MISSED] * 3


def test_answers():
    def document(*texts):
        return Document("Ann went to Oslo by train.", query="?", answers=tuple(Answer(t, 12, 16, 0.5) for t in texts))

    assert judge_answer(document(), document()) == []
    assert kinds(judge_answer(document(), document("Oslo"))) == [MISSED]
    assert kinds(judge_answer(document("Oslo"), document())) == [INVENTED]
    assert kinds(judge_answer(document("to Oslo"), document("Ann", "Oslo"))) == [BOUNDARY]
    assert kinds(judge_answer(document("train"), document("Oslo"))) == [WRONG]
    assert confusion(judge_answer(document("train"), document("Oslo"))) == {}


def scored(*pairs, missed=0):
    some = [
        Judgement("x", RIGHT if right else INVENTED, Finding("a") if right else None, Finding("a", score=score))
        for score, right in pairs
    ]
    return some + [Judgement("x", MISSED, Finding("a"))] * missed


def test_a_threshold_comes_of_dev_and_is_told_on_test():
    dev, test = (
        scored((0.9, True), (0.8, True), (0.4, False), (0.3, False)),
        scored((0.85, True), (0.7, True), missed=2),
    )
    chosen = thresholds(dev, test, test, None)["x"]
    assert chosen.least == 0.8
    assert chosen.dev == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "coverage": 0.5}
    assert chosen.test == {"precision": 1.0, "recall": 0.25, "f1": 0.4, "coverage": 0.5}
    assert chosen.trained["recall"] == 0.5


def test_a_threshold_for_a_precision_takes_the_highest_recall():
    pairs = [(0.9, True), (0.8, False), (0.7, True), (0.6, True), (0.5, False), (0.5, True)]
    assert best_threshold(pairs, 4, 0.75) == 0.6
    assert best_threshold(pairs, 4, 0.6) == 0.5  # the equal scores fall on one side
    assert best_threshold(pairs, 4, 1.0) == 0.9
    assert best_threshold([(0.5, False)], 1, 0.5) is None
    assert thresholds(scored((0.5, False)), [], [], 0.5)["x"].test["f1"] == 0.0


def test_calibration_counts_all_scores_in_bins():
    found = calibration([(0.95, True), (0.92, False), (0.15, False), (1.0, True)])
    assert [(b["low"], b["n"]) for b in found["bins"]] == [(0.1, 1), (0.9, 3)]
    assert found["ece"] == pytest.approx((0.15 + 3 * abs(2.87 / 3 - 2 / 3)) / 4, abs=1e-4)
    assert "calibration" not in {k for k, v in analysed([Judgement("x", MISSED, Finding("a"))]).items() if v}
