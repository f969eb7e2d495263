"""What questions with answers teach: plans found by walking, each wording once, what is right by accident outvoted."""

from itertools import product

import pytest
from asking import FACTS, FILMS, BagOfWords, MemoryGraph

from nlpkit.graph.execute import execute
from nlpkit.graph.learning import Walker, lessons
from nlpkit.graph.plan import MAX_HOPS, Branch, Plan, Step, name_of, steps_of
from nlpkit.types import Document

MOVIES = MemoryGraph(FILMS)
KIT = BagOfWords()


def asked(question, *answers, topic=None):
    found = {"answers": list(answers), "topic": topic}
    return Document(question, metadata={k: v for k, v in found.items() if v})


def taught(*documents, graph=MOVIES):
    return lessons(documents, graph, Walker(graph, range(len(graph.nodes))), KIT)


def worths(document):
    return {choice.name: choice.worth for choice in document.metadata["choices"]}


@pytest.mark.parametrize("lines", [FACTS, FILMS])
def test_walking_all_plans_agrees_with_executing_each(lines):
    graph = MemoryGraph(lines)
    walker = Walker(graph, range(len(graph.nodes)))
    steps = [Step(relation, inverse) for relation in graph.relations() for inverse in (False, True)]
    topic, gold = graph.facts[0].subject, {graph.facts[0].object, graph.facts[-1].object}
    expected = {}
    for n in range(1, MAX_HOPS + 1):
        for chain in product(steps, repeat=n):
            ends = {end.node for end in execute(Plan((Branch(graph.node(topic), chain),)), graph)}
            if ends & gold:
                expected[chain] = 2 * len(ends & gold) / (len(ends) + len(gold))
    found = walker.agreeing(topic, walker.numbers(gold), len(gold))
    assert expected
    assert found == pytest.approx(expected)


def test_questions_in_the_same_words_are_one_lesson():
    (lesson,) = taught(
        asked("who made Heat", "Michael Mann", topic="Heat"), asked("who made Ali", "Michael Mann", topic="Ali")
    )
    assert lesson.text == "who made it"
    assert worths(lesson)["+directed_by"] == 1.0


def test_what_is_right_by_accident_loses_to_what_all_bear_out():
    accident = asked("name a film beside Serpico", "Heat", topic="Serpico")
    (lesson,) = taught(accident)
    assert worths(lesson)["+starred_actors / -starred_actors"] == 1.0
    (lesson,) = taught(accident, asked("name a film beside Ali", "Heat", topic="Ali"))
    assert worths(lesson)["+starred_actors / -starred_actors"] == 0.5


def test_there_and_back_and_there_again_is_no_plan_of_its_own():
    (lesson,) = taught(asked("who made Heat", "Michael Mann", topic="Heat"))
    assert "+directed_by" in worths(lesson)
    assert "+directed_by / -directed_by / +directed_by" not in worths(lesson)


def test_a_plan_comes_with_its_words_and_those_of_its_steps():
    (lesson,) = taught(asked("whose films are like Heat", "Ali", topic="Heat"))
    choice = next(c for c in lesson.metadata["choices"] if c.name == "+directed_by / -directed_by")
    whole, first, back = choice.words
    assert "directed" in first
    assert "directed" in back
    assert whole not in (first, back)


@pytest.mark.parametrize(
    "document",
    [
        asked("who made Heat", "Nobody At All", topic="Heat"),
        asked("who made Heat", topic="Heat"),
        asked("who made this", "Michael Mann"),
        asked("are Heat and Ali alike", "Crime"),
        asked("", "Crime"),
        asked("word " * 500, "Crime", topic="Heat"),
    ],
)
def test_what_teaches_nothing_is_left_out(document):
    assert taught(document) == []


def test_topics_that_are_not_given_are_found():
    (lesson,) = taught(asked("who made Heat", "Michael Mann"))
    assert lesson.text == "who made it"


def test_steps_are_written_and_read():
    steps = (Step("place of birth", False), Step("/film/film/genre", True))
    assert name_of(steps) == "+place of birth / -/film/film/genre"
    assert steps_of(name_of(steps)) == steps
