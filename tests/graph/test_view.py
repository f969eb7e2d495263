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


@pytest.mark.parametrize(("doubt", "answers"), [(0.8, ["3"]), (0.6, ["3"]), (0.45, ["2"]), (0.1, ["2"])])
@pytest.mark.parametrize("count_of", ["How many people founded [Kit]?", "How many founders does [Kit] have?"])
def test_a_count_takes_what_is_likely(count_of, doubt, answers):
    scores = {"Ann": 0.9, "Cy": 0.9, "Bo": doubt}
    lines = [(f"Kit:ORG|founded by|{name}:PER", score) for name, score in scores.items()]
    answer = ask(graph(*lines), BagOfWords(), count_of)
    assert [found.text for found in answer.answers] == answers


@pytest.mark.parametrize("scores", [(0.55, 0.9, 0.45), (0.9, 0.2, 0.2)])
def test_what_does_not_stand_clear_or_is_alone_is_not_counted(scores):
    names_ = ("Ann", "Bo", "Cy")
    lines = [(f"Kit:ORG|founded by|{name}:PER", s) for name, s in zip(names_, scores, strict=True)]
    answer = ask(graph(*lines), BagOfWords(), "How many people founded [Kit]?")
    assert answer.abstained
    assert "count" in answer.note


def test_a_first_name_beside_the_full_name_is_counted_once():
    lines = [(f"{name}:PER|father|Per Lund:PER", 0.9) for name in ("Ida Lund", "Ida", "Eva Lund")]
    answer = ask(graph(*lines), BagOfWords(), "How many children did [Per Lund] have?")
    assert [found.text for found in answer.answers] == ["2"]


def test_two_dates_of_birth_of_one_weight_are_no_answer():
    source = graph(("Ann:PER|date of birth|1900:TIME", 0.9), ("Ann:PER|date of birth|1950:TIME", 0.9))
    answer = ask(source, BagOfWords(), "When was [Ann] born?")
    assert answer.abstained
    assert "1900 and 1950" in answer.note or "1950 and 1900" in answer.note


def test_an_answer_by_doubtful_facts_only_is_not_given():
    source = graph(("Ann:PER|father|Bo:PER", 0.45), ("Bo:PER|place of birth|Rome:LOC", 0.45))
    answer = ask(source, BagOfWords(), "Where was the father of [Ann] born?")
    assert answer.abstained
    assert "score" in answer.note


def test_parents_are_father_and_mother():
    source = graph(("Ann:PER|father|Bo:PER", 0.9), ("Ann:PER|mother|Ida:PER", 0.9))
    assert {a.text for a in ask(source, BagOfWords(), "Who were the parents of [Ann]?").answers} == {"Bo", "Ida"}


def test_members_are_parts():
    source = graph(("Duo:ORG|has part|Ann:PER", 0.9), ("Bo:PER|member of|Duo:ORG", 0.9))
    assert {a.text for a in ask(source, BagOfWords(), "Who are the members of [Duo]?").answers} == {"Ann", "Bo"}


def test_the_kind_of_place_asked_for_is_no_second_step():
    lines = [("Ann:PER|place of death|Rome:LOC", 0.9)]
    lines.append(("Rome:LOC|located in the administrative territorial entity|Lazio:LOC", 0.9))
    assert [a.text for a in ask(graph(*lines), BagOfWords(), "In which city did [Ann] die?").answers] == ["Rome"]


def test_a_relation_named_and_not_walked_leaves_the_question_open():
    source = graph(("Ann:PER|place of birth|Rome:LOC", 0.9), ("Ann:PER|father|Bo:PER", 0.9))
    assert ask(source, BagOfWords(), "Where was [Ann] born?").answers[0].text == "Rome"
    assert ask(source, BagOfWords(), "Where was the father of [Ann] born?").abstained


def test_a_role_named_twice_is_walked_twice():
    source = graph(("Ann:PER|father|Bo:PER", 0.9), ("Bo:PER|father|Cy:PER", 0.9))
    answer = ask(source, BagOfWords(), "Who was [Ann]'s grandfather on her father's side?")
    assert [found.text for found in answer.answers] == ["Cy"]


def test_two_forms_of_one_word_are_one_step():
    source = graph(("Heat:MISC|cast member|Ann:PER", 0.9), ("Ann:PER|sibling|Bo:PER", 0.9))
    answer = ask(source, BagOfWords(), "Which actors acted in [Heat]?")
    assert [found.text for found in answer.answers] == ["Ann"]
