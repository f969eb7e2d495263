"""The view of a graph that questions get: inverse, symmetric, single-valued and exclusive relations."""

import pytest
from asking import BagOfWords, MemoryGraph

from nlpkit.graph.ask import ask
from nlpkit.graph.view import View


def graph(*facts: tuple[str, float | None]) -> MemoryGraph:
    """Return a graph of (line, score)."""
    made = MemoryGraph("\n".join(line for line, _ in facts))
    made.facts = [
        type(f)(f.subject, f.relation, f.object, score) for f, (_, score) in zip(made.facts, facts, strict=True)
    ]
    return made


def names(source: MemoryGraph, start: str, relation: str, inverse: bool = False) -> set[str]:
    facts = View(source).follow([source.id(start)], relation, inverse)
    return {source.node(f.subject if inverse else f.object).name for f in facts}


def test_inverse_relations_say_the_same():
    source = graph(("Warsaw:LOC|capital of|Poland:LOC", 0.6), ("Peru:LOC|capital|Lima:LOC", 0.7))
    assert names(source, "Poland", "capital") == {"Warsaw"}
    assert names(source, "Lima", "capital of") == {"Peru"}
    view = View(source)
    assert view.relations() == {"capital": 2, "capital of": 2}
    assert view.steps([source.id("Poland")])["capital", False] == 1
    assert view.neighbour_types()["capital", False]["LOC"] == 2
    (fact,) = view.follow([source.id("Poland")], "capital", False)
    assert [e.text for e in view.evidence(fact)] == ["Poland capital Warsaw.", "Warsaw capital of Poland."]


def test_symmetric_relations_hold_both_ways():
    source = graph(("Ann:PER|spouse|Bo:PER", 0.8))
    assert names(source, "Bo", "spouse") == names(source, "Bo", "spouse", inverse=True) == {"Ann"}


def test_of_a_single_valued_relation_the_best_supported_object_is_taken_both_ways():
    source = graph(("Ann:PER|place of birth|Rome:LOC", 0.9), ("Ann:PER|place of birth|Oslo:LOC", 0.4))
    assert names(source, "Ann", "place of birth") == {"Rome"}
    assert names(source, "Rome", "place of birth", inverse=True) == {"Ann"}
    assert names(source, "Oslo", "place of birth", inverse=True) == set()


def test_facts_without_a_score_are_not_weighed():
    source = graph(("Ann:PER|place of birth|Rome:LOC", None), ("Ann:PER|place of birth|Oslo:LOC", None))
    assert names(source, "Ann", "place of birth") == {"Rome", "Oslo"}


def test_of_relations_that_exclude_each_other_the_best_supported_is_taken():
    source = graph(("Ann:PER|spouse|Bo:PER", 0.6), ("Ann:PER|father|Bo:PER", 0.5), ("Bo:PER|child|Ann:PER", 0.4))
    assert names(source, "Ann", "spouse") == {"Bo"}
    assert names(source, "Ann", "father") == set()
    assert names(source, "Bo", "child") == set()


def test_a_child_tells_a_parent_where_the_gender_is_known():
    source = graph(("Mary Fox:PER|child|Cy Fox:PER", 0.7), ("Kim Fox:PER|child|Cy Fox:PER", 0.7))
    assert names(source, "Cy Fox", "mother") == {"Mary Fox"}
    assert names(source, "Cy Fox", "father") == set()


def test_ends_of_the_wrong_type_are_passed_over():
    source = graph(("Ann:PER|place of birth|1903:TIME", 0.9), ("Ann:PER|place of birth|Rome:LOC", 0.3))
    assert names(source, "Ann", "place of birth") == {"Rome"}


def test_relations_nobody_described_pass_as_they_are():
    source = graph(("a|likes|b", 0.2), ("a|likes|c", 0.9))
    assert names(source, "a", "likes") == {"b", "c"}


@pytest.mark.parametrize(
    ("scores", "answers"),
    [((0.9, 0.8), ["Ann", "Bo"]), ((0.9, 0.4), ["Ann"]), ((0.2, 0.1), [])],
)
def test_answers_are_given_as_far_as_the_facts_bear_them_out(scores, answers):
    source = graph(("Kit:ORG|founded by|Ann:PER", scores[0]), ("Kit:ORG|founded by|Bo:PER", scores[1]))
    answer = ask(source, BagOfWords(), "Who founded [Kit]?")
    assert [found.text for found in answer.answers] == answers
    assert answer.abstained == (not answers)


@pytest.mark.parametrize(("doubt", "answers"), [(0.6, ["2"]), (0.4, []), (0.1, ["1"])])
def test_a_count_is_given_where_no_fact_in_it_is_in_doubt(doubt, answers):
    source = graph(("Kit:ORG|founded by|Ann:PER", 0.9), ("Kit:ORG|founded by|Bo:PER", doubt))
    answer = ask(source, BagOfWords(), "How many people founded [Kit]?")
    assert [found.text for found in answer.answers] == answers


def test_a_relation_named_and_not_walked_leaves_the_question_open():
    source = graph(("Ann:PER|place of birth|Rome:LOC", 0.9), ("Ann:PER|father|Bo:PER", 0.9))
    assert ask(source, BagOfWords(), "Where was [Ann] born?").answers[0].text == "Rome"
    assert ask(source, BagOfWords(), "Where was the father of [Ann] born?").abstained
