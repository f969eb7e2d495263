"""Which entities a question is about."""

from dataclasses import replace

import pytest
from asking import FACTS, BagOfWords, MemoryGraph

from nlpkit.errors import QuestionError
from nlpkit.graph.topics import find_topics

GRAPH = MemoryGraph(FACTS)


def topics(question: str, *given: str, kit: BagOfWords | None = None) -> list[str]:
    found = find_topics(question, GRAPH, kit or BagOfWords(), given or None)
    return [topic.nodes[0].name for topic in found.topics]


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("Where was Marie Curie born?", ["Marie Curie"]),
        ("What is Marie Curie's favourite food?", ["Marie Curie"]),
        ("Where was the discoverer of polonium born?", ["polonium"]),
        ("Who won the Nobel Prize in Physics?", ["Nobel Prize in Physics"]),
        ("Which films star Al Pacino and Robert De Niro?", ["Al Pacino", "Robert De Niro"]),
        ("who directed heat", ["Heat"]),
        ("Where is the place of birth?", []),
        ("Where was Ludwig van Beethoven born?", []),
    ],
)
def test_alias_index(question: str, names: list[str]):
    assert topics(question) == names


def test_marked_topic_needs_no_ner():
    kit = BagOfWords(["Poland"])
    found = find_topics("who acted in [Heat] of Poland", GRAPH, kit)
    assert [t.nodes[0].name for t in found.topics] == ["Heat"]
    assert found.text == "who acted in Heat of Poland"
    assert (found.topics[0].first, found.topics[0].last) == (3, 4)
    assert kit.n_read == 0


def test_given_topic_that_the_question_does_not_spell():
    assert topics("where was she born", "Marie Curie") == ["Marie Curie"]


def test_near_spelling_of_a_marked_topic():
    (topic,) = find_topics("where was [Marie Currie] born", GRAPH, BagOfWords()).topics
    assert topic.nodes[0].name == "Marie Curie"
    assert topic.near


def test_part_of_a_longer_name_is_not_the_name():
    graph = MemoryGraph("Curie:PER|place of birth|Warsaw:LOC")
    found = find_topics("Where was Pierre Curie born?", graph, BagOfWords(["Pierre Curie"]))
    assert found.topics == ()
    assert found.missing == ("Pierre Curie",)


def test_ner_names_what_is_missing():
    found = find_topics("When did Marie Curie visit Japan?", GRAPH, BagOfWords(["Japan"]))
    assert [t.nodes[0].name for t in found.topics] == ["Marie Curie"]
    assert found.missing == ("Japan",)


def test_exact_case_comes_before_other_cases():
    graph = MemoryGraph("Crime:MISC|has_tags|heat\nHeat:MISC|directed_by|Michael Mann")
    (topic,) = find_topics("who directed [Heat]", graph, BagOfWords()).topics
    assert [node.name for node in topic.nodes] == ["Heat"]


@pytest.mark.parametrize("question", ["", "   ", "?!", "[]", "word " * 10_000, "x" * 100_000])
def test_no_question(question: str):
    with pytest.raises(QuestionError):
        find_topics(question, GRAPH, BagOfWords())


@pytest.mark.parametrize("asked", ["Jan Holt the Younger", "Jan Holt Jr.", "Jan Holt II"])
def test_an_epithet_is_part_of_the_name(asked: str):
    graph = MemoryGraph("Jan Holt I|father|Per Holt\nJan Holt the Younger|father|Jan Holt I")
    found = find_topics(f"Who was the father of {asked}?", graph, BagOfWords())
    assert [topic.nodes[0].name for topic in found.topics] == ["Jan Holt the Younger"]


def test_an_epithet_may_stand_in_another_name_of_the_node():
    graph = MemoryGraph("Jan Holt|father|Per Holt")
    graph.nodes[0] = replace(graph.nodes[0], aliases=("Jan Holt", "Holt the Elder"))
    for asked, names in (("Jan Holt the Elder", ["Jan Holt"]), ("Jan Holt the Younger", [])):
        found = find_topics(f"Who was the father of {asked}?", graph, BagOfWords())
        assert [topic.nodes[0].name for topic in found.topics] == names
