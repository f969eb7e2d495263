"""Plans: how they read, what they refuse, what they reach."""

import pytest
from asking import FILMS, MemoryGraph

from nlpkit.errors import QuestionError
from nlpkit.graph.execute import execute
from nlpkit.graph.plan import Branch, Plan, Step
from nlpkit.graph.vocabulary import generic, vocabulary

GRAPH = MemoryGraph(FILMS)


def chain(topic: str, *steps: str) -> Branch:
    """Return a branch; a step that starts with "<" goes back."""
    return Branch(GRAPH.node(GRAPH.id(topic)), tuple(Step(s.removeprefix("<"), s.startswith("<")) for s in steps))


def names(plan: Plan) -> set[str]:
    return {GRAPH.node(reached.node).name for reached in execute(plan, GRAPH)}


def test_plan_in_words_and_compact():
    branch = chain("Al Pacino", "<starred_actors", "has_genre")
    topic = GRAPH.id("Al Pacino")
    assert str(Plan((branch,))) == "(Al Pacino) <-starred_actors- ? -has_genre-> ?"
    assert str(Plan((branch,), count=True)) == "count (Al Pacino) <-starred_actors- ? -has_genre-> ?"
    assert Plan((branch,)).compact == f"{topic}/-starred_actors/+has_genre"
    assert Plan((branch,), True, frozenset({"MISC"})).compact == f"count({topic}/-starred_actors/+has_genre):MISC"
    assert Plan((branch,)).n_hops == 2


def test_one_hop_both_ways():
    assert names(Plan((chain("Heat", "directed_by"),))) == {"Michael Mann"}
    assert names(Plan((chain("Michael Mann", "<directed_by"),))) == {"Heat", "Ali"}


def test_topic_is_dropped_after_the_second_hop():
    assert names(Plan((chain("Heat", "directed_by", "<directed_by"),))) == {"Ali"}
    there_and_back = chain("Al Pacino", "<starred_actors", "directed_by", "<directed_by")
    assert names(Plan((there_and_back,))) == {"Heat", "Ali"}


def test_topic_is_kept_after_the_first_hop():
    graph = MemoryGraph("Narcissus|loves|Narcissus")
    assert [r.node for r in execute(Plan((Branch(graph.node(0), (Step("loves", False),)),)), graph)] == [0]


def test_intersection():
    plan = Plan((chain("Michael Mann", "<directed_by"), chain("Al Pacino", "<starred_actors")))
    assert names(plan) == {"Heat"}
    assert str(plan) == "(Michael Mann) <-directed_by- ? & (Al Pacino) <-starred_actors- ?"


def test_path_and_score():
    (reached,) = execute(Plan((chain("Serpico", "starred_actors", "<starred_actors"),)), GRAPH)
    assert [(GRAPH.node(f.subject).name, f.relation) for f in reached.path] == [
        ("Serpico", "starred_actors"),
        ("Heat", "starred_actors"),
    ]
    assert reached.score == pytest.approx(0.81)


def test_types_filter_but_pass_nodes_without_one():
    graph = MemoryGraph("A:PER|knows|B:PER\nA:PER|knows|C:ORG\nA:PER|knows|D")
    plan = Plan((Branch(graph.node(0), (Step("knows", False),)),), types=frozenset({"PER"}))
    assert {graph.node(r.node).name for r in execute(plan, graph)} == {"B", "D"}


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (Plan(()), "1 to 3 branches"),
        (Plan((chain("Heat"),)), "1 to 3 hops, not 0"),
        (Plan((chain("Heat", *["directed_by", "<directed_by"] * 2),)), "1 to 3 hops, not 4"),
        (Plan((chain("Heat", "filmed_in"),)), "no relation 'filmed_in' in this graph; known: directed_by"),
        (Plan((chain("Heat", "directed_by"), chain("Heat", "has_genre"))), "starts twice at one node"),
    ],
)
def test_invalid_plans_do_not_run(plan: Plan, message: str):
    with pytest.raises(QuestionError, match=message):
        execute(plan, GRAPH)


def test_every_relation_has_words_both_ways():
    known = vocabulary().wordings
    assert len(known) >= 96
    for wording in known.values():
        for side in (wording.forward, wording.backward):
            assert side.nouns
            assert side.types <= {"PER", "ORG", "LOC", "MISC", "TIME", "NUM"}
            assert all(text.count("{x}") == 1 for text in side.phrases + side.questions)


def test_relation_labels_are_found_in_any_writing():
    assert vocabulary().get("Place_of_birth") is vocabulary()["place of birth"]
    assert vocabulary().get("shoe size") is None


def test_generic_wording():
    assert generic("directed_by").backward.phrases == ("the things directed by {x}",)
    assert generic("has_genre").forward.questions == ("what is the genre of {x}",)
    assert "{x}" in generic("作者").forward.questions[0]
