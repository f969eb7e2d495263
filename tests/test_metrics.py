import pytest
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2

from nlpkit.metrics import (
    Counts,
    answer_exact,
    answer_f1,
    answer_scores,
    entity_counts,
    expected_calibration_error,
    reads_by_character,
    total,
    triple_counts,
)
from nlpkit.types import Answer, Chain, Document, Entity, Mention, Relation

TEXT = "Ann Lee met Bo in Rome. Lee left."


def at(name, label, start=None):
    begin = TEXT.index(name) if start is None else start
    return Entity(name, begin, begin + len(name), label)


ANN, BO, ROME, LEE = at("Ann Lee", "PER"), at("Bo", "PER"), at("Rome", "LOC"), at("Lee", "PER", 24)


def chain(*entities, label=None):
    mentions = tuple(Mention(e.text, e.start, e.end) for e in entities)
    return Chain(entities[0].text, label or entities[0].label, mentions)


GOLD = Document(
    TEXT,
    entities=(ANN, BO, ROME, LEE),
    chains=(chain(ANN, LEE), chain(BO), chain(ROME)),
    relations=(Relation(ANN, "knows", BO), Relation(ANN, "lives in", ROME)),
)


def test_entity_f1_equals_seqeval():
    predicted = Document(TEXT, entities=(ANN, at("Bo", "LOC"), ROME))
    gold_tags = [["B-PER", "I-PER", "O", "B-PER", "O", "B-LOC", "O", "B-PER", "O"]]
    tags = [["B-PER", "I-PER", "O", "B-LOC", "O", "B-LOC", "O", "O", "O"]]
    expected = f1_score(gold_tags, tags, mode="strict", scheme=IOB2)
    assert entity_counts(predicted, GOLD).f1 == pytest.approx(expected)


def test_a_triple_counts_by_any_shared_mention_of_the_right_type():
    later = Document(TEXT, chains=(chain(LEE), chain(BO)), relations=(Relation(LEE, "knows", BO),))
    assert triple_counts(later, GOLD) == Counts(hits=1, predicted=1, gold=2)


def test_a_wrong_type_counts_only_without_types():
    place = Entity("Lee", 24, 27, "LOC")
    wrong = Document(TEXT, chains=(chain(place), chain(BO)), relations=(Relation(place, "knows", BO),))
    assert triple_counts(wrong, GOLD).hits == 0
    assert triple_counts(wrong, GOLD, typed=False).hits == 1


def test_a_mention_of_another_type_than_its_chain_counts_by_either():
    he = at("Lee", "PRONOUN", 24)
    gold = Document(
        TEXT, entities=(ANN, BO, he), chains=(chain(ANN, he), chain(BO)), relations=(Relation(he, "knows", BO),)
    )
    for label in ("PER", "PRONOUN"):
        found = at("Lee", label, 24)
        alone = Document(TEXT, chains=(chain(found), chain(BO)), relations=(Relation(found, "knows", BO),))
        assert triple_counts(alone, gold) == Counts(hits=1, predicted=1, gold=1)


def test_a_split_entity_finds_a_triple_once_and_pays_for_the_second():
    split = Document(
        TEXT,
        chains=(chain(ANN), chain(LEE), chain(BO)),
        relations=(Relation(ANN, "knows", BO), Relation(LEE, "knows", BO)),
    )
    assert triple_counts(split, GOLD) == Counts(hits=1, predicted=2, gold=2)


def test_direction_matters():
    turned = Document(TEXT, chains=GOLD.chains, relations=(Relation(BO, "knows", ANN),))
    assert triple_counts(turned, GOLD).hits == 0


def test_totals_are_micro_averages_and_empty_is_zero():
    counts = total([Counts(1, 2, 4), Counts(1, 1, 1)])
    assert (counts.precision, counts.recall) == (2 / 3, 2 / 5)
    assert Counts().f1 == 0.0


def test_calibration_error_of_known_bins():
    assert expected_calibration_error([(0.9, True), (0.9, False)]) == pytest.approx(0.4)
    assert expected_calibration_error([(1.0, True), (0.0, False)]) == 0.0
    assert expected_calibration_error([]) == 0.0


def test_answers_compare_without_case_punctuation_and_articles():
    assert answer_exact("The Tower", ["a tower!", "spire"]) == 1.0
    assert answer_exact("tower hill", ["tower"]) == 0.0
    assert answer_f1("the old tower", ["tower", "old mill"]) == pytest.approx(2 / 3)
    assert answer_f1("tower tower", ["tower"]) == pytest.approx(2 / 3)  # a word counts as often as it stands in both


def test_no_answer_is_right_only_where_there_is_none():
    assert (answer_exact("", []), answer_f1("", [])) == (1.0, 1.0)
    assert (answer_exact("Oslo", []), answer_f1("Oslo", [])) == (0.0, 0.0)
    assert (answer_exact("", ["Oslo"]), answer_f1("", ["Oslo"])) == (0.0, 0.0)
    assert answer_f1("", ["the"]) == 1.0  # a gold answer of articles alone counts for none


def test_chinese_answers_compare_by_the_longest_shared_run_of_characters():
    assert answer_exact("《奥斯陆》", ["奥斯陆"], by_character=True) == 1.0
    assert answer_f1("在奥斯陆", ["奥斯陆"], by_character=True) == pytest.approx(6 / 7)
    assert answer_f1("1963年", ["1963"], by_character=True) == pytest.approx(2 / 3)
    assert answer_f1("奥陆斯", ["奥斯陆"], by_character=True) == pytest.approx(1 / 3)
    assert answer_f1("罗马", ["奥斯陆"], by_character=True) == 0.0


def test_the_text_decides_how_its_answers_compare():
    chinese, english = "李安于1963年到奥斯陆。", "Ann went to Oslo (奥斯陆) in 1963, by train."
    assert reads_by_character(chinese)
    assert not reads_by_character(english)
    assert not reads_by_character("")
    gold = Document(chinese, query="何时？", answers=(Answer("1963年", 3, 8),))
    found = Document(chinese, answers=(Answer("1963", 3, 7), Answer("1963年", 3, 8)))
    assert answer_scores([found], [gold]) == {"exact": 0.0, "f1": pytest.approx(2 / 3)}
    assert answer_scores([], []) == {"exact": 0.0, "f1": 0.0}
