"""Answers, and abstentions, on a small graph with vectors that only count words."""

import json

import pytest
from asking import FACTS, FILMS, BagOfWords, MemoryGraph

from nlpkit.errors import QuestionError
from nlpkit.graph import execute
from nlpkit.graph.ask import ask, plans
from nlpkit.graph.english import stem
from nlpkit.graph.question import read

GRAPH = MemoryGraph(FACTS)
MOVIES = MemoryGraph(FILMS)
KIT = BagOfWords()


def answers(question: str, graph: MemoryGraph = GRAPH) -> set[str]:
    return {answer.text for answer in ask(graph, KIT, question).answers}


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Where was Marie Curie born?", {"Warsaw"}),
        ("When was Marie Curie born?", {"7 November 1867"}),
        ("When did Alan Turing die?", {"7 June 1954"}),
        ("Where was the discoverer of polonium born?", {"Warsaw"}),
        ("Who founded the company that makes the iPhone?", {"Steve Jobs", "Steve Wozniak"}),
        ("What is the capital of the country where Marie Curie was born?", {"Warsaw"}),
        ("Where did Marie Curie study?", {"University of Paris"}),
        ("Who won the Nobel Prize in Physics?", {"Marie Curie", "Pierre Curie"}),
        ("How many people were born in Warsaw?", {"2"}),
        ("Which films star Al Pacino and Robert De Niro?", {"Heat"}),
        ("Who was born in Warsaw and lived in Paris?", {"Frédéric Chopin"}),
        ("Who acted together with Marlon Brando?", {"Al Pacino"}),
    ],
)
def test_answers(question: str, expected: set[str]):
    assert answers(question) == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("who directed [Heat]", {"Michael Mann"}),
        ("what films did [Michael Mann] direct", {"Heat", "Ali"}),
        ("what genres are the films directed by [Michael Mann]", {"Crime", "Drama"}),
        ("which films share the director with [Heat]", {"Ali"}),
        ("who starred in the films directed by the director of [Heat]", {"Will Smith"}),
        ("when were the films starring the actors of [Heat] released", {"1973"}),
    ],
)
def test_relations_named_by_their_own_words(question: str, expected: set[str]):
    assert answers(question, MOVIES) == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Was Marie Curie born in Warsaw?", {"yes"}),
        # A town may lie in the country that is asked about, so that the graph's other place does not say no.
        ("Was Marie Curie born in Poland?", set()),
        ("Did Michael Mann direct Heat?", {"yes"}),
        ("Is Warsaw the capital of Poland?", {"yes"}),
        # A film may have more actors than the graph knows.
        ("Did Will Smith act in The Godfather?", set()),
    ],
)
def test_yes_and_no(question: str, expected: set[str]):
    assert answers(question) == expected


def test_yes_comes_with_its_fact():
    answer = ask(GRAPH, KIT, "Was Marie Curie born in Warsaw?")
    assert answer.path == (("Marie Curie", "place of birth", "Warsaw"),)
    assert answer.evidence
    assert 0.5 < answer.score <= 1.0


def test_no_comes_with_what_is_so_instead():
    graph = MemoryGraph("Ada Byron:PER|father|George Byron:PER\nBo Ray:PER|father|Al Ray:PER")
    assert answers("Is George Byron the father of Ada Byron?", graph) == {"yes"}
    refuted = ask(graph, KIT, "Is Al Ray the father of Ada Byron?")
    assert [answer.text for answer in refuted.answers] == ["no"]
    assert refuted.path == (("Ada Byron", "father", "George Byron"),)


@pytest.mark.parametrize(
    "question", ["Who was not born in Warsaw?", "Which films without Al Pacino did Michael Mann direct?"]
)
def test_negation_is_refused_with_its_reason(question: str):
    answer = ask(GRAPH, KIT, question)
    assert answer.abstained
    assert "what does not hold" in answer.note


def test_a_plan_that_would_touch_everything_is_refused_with_its_estimate(monkeypatch):
    monkeypatch.setattr(execute, "MOST_FACTS", 2)
    answer = ask(GRAPH, KIT, "Which films star Al Pacino?")
    assert not answer.abstained
    wide = ask(
        MemoryGraph("\n".join(f"Film {n}:MISC|director|Ann Lee:PER" for n in range(9))), KIT, "What did Ann Lee direct?"
    )
    assert wide.abstained
    assert "would walk 9 facts" in wide.note


@pytest.mark.parametrize(
    "question",
    [
        "What is Marie Curie's favourite food?",
        "How tall was Alan Turing?",
        "Who is the mayor of Warsaw?",
        "When did Pierre Curie die?",
        "When was Heat released?",
        "Where was Albert Einstein born?",
        "Was Frédéric Chopin the director of Heat?",
        "Is Warsaw in France?",
        "玛丽·居里出生在哪里？",
        "Wo wurde Marie Curie geboren?",
        "Marie Curie",
        "Did Marie Curie, Pierre Curie, Warsaw, Paris, Poland, Apple, Steve Jobs, Heat and Al Pacino meet, and who?",
    ],
)
def test_abstains(question: str):
    answer = ask(GRAPH, KIT, question)
    assert answer.abstained
    assert answer.answers == ()
    assert answer.note


def test_thirty_names_are_too_many_to_ask_about():
    graph = MemoryGraph("\n".join(f"Person{i}:PER|spouse|Partner{i}:PER" for i in range(30)))
    question = "Who married " + " and ".join(f"Person{i}" for i in range(30))
    assert "found 30 names" in ask(graph, KIT, question).note


def test_a_graph_without_facts_abstains():
    assert ask(MemoryGraph(""), KIT, "Where was Marie Curie born?").abstained


@pytest.mark.parametrize("question", ["", "?", "who " * 10_000])
def test_no_question_is_an_error(question: str):
    with pytest.raises(QuestionError):
        ask(GRAPH, KIT, question)


def test_answer_says_how_it_was_found():
    answer = ask(GRAPH, KIT, "Where was the discoverer of polonium born?")
    assert answer.plan == "(polonium) <-notable work- ? -place of birth-> ?"
    assert answer.path == (("Marie Curie", "notable work", "polonium"), ("Marie Curie", "place of birth", "Warsaw"))
    assert [e.text for e in answer.evidence] == [
        "Marie Curie notable work polonium.",
        "Marie Curie place of birth Warsaw.",
    ]
    assert answer.answers[0].id == GRAPH.id("Warsaw")
    assert 0.0 < (answer.score or 0.0) < 1.0
    assert json.loads(json.dumps(answer.to_dict()))["answers"][0]["text"] == "Warsaw"


def test_a_count_has_no_node():
    (answer,) = ask(GRAPH, KIT, "How many people were born in Warsaw?").answers
    assert (answer.text, answer.id) == ("2", None)


def test_threshold_decides_on_abstention():
    vague = "What is Marie Curie's favourite food?"
    assert not ask(GRAPH, KIT, vague, threshold=0.0).abstained
    assert ask(GRAPH, KIT, "Where was Marie Curie born?", threshold=1.0).abstained


def test_plans_are_ranked_and_readable():
    ranked = plans(GRAPH, KIT, "Where was [Marie Curie] born?")
    assert str(ranked[0].plan) == "(Marie Curie) -place of birth-> ?"
    assert [r.total for r in ranked] == sorted((r.total for r in ranked), reverse=True)


def test_words_are_embedded_once():
    kit = BagOfWords()
    ask(GRAPH, kit, "Where was Marie Curie born?")
    n_texts = kit.n_texts
    ask(GRAPH, kit, "Where was Pierre Curie born?")
    assert kit.n_texts <= n_texts + 6


@pytest.mark.parametrize(
    ("words", "one"),
    [
        ("write wrote written writer writers", "writ"),
        ("directed director directing", "direct"),
        ("discoverer discovered", "discov"),
    ],
)
def test_stems(words: str, one: str):
    assert {stem(word) for word in words.split()} == {one}


def test_reading_a_question():
    question = read("which film genre did Heat have", ((4, 5),))
    assert (question.wh, question.noun) == ("which", "genr")
    assert question.masked("it") == "which film genre did it have"
    assert read("when was Heat released", ((2, 3),)).types == {"TIME"}
    assert read("how many actors has Heat", ((4, 5),)).count
