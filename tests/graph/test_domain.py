"""What a graph does with a kit that knows its domain: aliases are one node, relations are asked for in its words."""

import threading

import pytest

from nlpkit.domain import Domain, RelationSpec
from nlpkit.graph.kg import KnowledgeGraph
from nlpkit.graph.vocabulary import knowing, vocabulary
from nlpkit.types import Chain, Document, Entity, Mention, Relation

DOMAIN = Domain(
    relations={
        "place of birth": RelationSpec(
            types=(("PER",), ("LOC",)), ask=("which cradle rocked {x}",), object=("cradle",), single=True
        ),
        "runs": RelationSpec("chief_of", object=("boss",)),
    },
    aliases={"PER": {"Augusta Ada King": ("Ada Byron", "Countess Lovelace")}, "LOC": {"Roma": ("Ada Byron",)}},
)
TEXTS = {
    "one": "Ada Byron was born in Rome.",
    "two": "Countess Lovelace worked for Turing.",
    "three": "Augusta Ada King slept. Ada Byron woke.",
}


@pytest.fixture
def graph(kit):
    kit.domain = DOMAIN
    with KnowledgeGraph.build([Document(text, id=name) for name, text in TEXTS.items()], kit) as graph:
        yield graph


def test_the_names_of_one_entity_are_one_node(graph):
    (ada,) = [node for node in graph.nodes() if "Ada" in node.name]
    assert ada.name == "Augusta Ada King"
    assert set(ada.aliases) == {"Ada Byron", "Countess Lovelace"}
    assert ada.count == 4
    assert {merge.reason for merge in graph.merges() if merge.entity == ada.id} == {"a name that the aliases know"}
    graph.remove("two")
    (ada,) = [node for node in graph.nodes() if "Ada" in node.name]
    assert ada.aliases == ("Ada Byron",)


def test_without_the_domain_they_are_several(kit):
    with KnowledgeGraph.build([Document(text, id=name) for name, text in TEXTS.items()], kit) as graph:
        assert {"Ada Byron", "Countess Lovelace", "Augusta Ada King"} <= {node.name for node in graph.nodes()}


def test_a_question_may_use_a_name_that_no_text_has(kit):
    kit.domain = Domain(aliases={"PER": {"Ada Byron": ("The Enchantress",)}})
    with KnowledgeGraph.build([Document(TEXTS["one"], id="one")], kit) as graph:
        assert [a.text for a in graph.ask("Where was The Enchantress born?").answers] == ["Rome"]
        assert [node.name for node in graph.named("The Enchantress slept")] == ["Ada Byron"]
        kit.domain = None
        assert graph.ask("Where was The Enchantress born?").abstained


def test_a_relation_is_asked_for_in_the_domains_words(graph, kit):
    assert [a.text for a in graph.ask("Which cradle rocked Ada Byron?").answers] == ["Rome"]


def test_what_a_domain_knows_is_known_inside_alone():
    shipped = vocabulary()
    with knowing(DOMAIN):
        assert vocabulary().get("chief of").forward.nouns == ("boss",)
        assert vocabulary().get("chief_of").forward.questions, "its own name words what it does not say"
        assert vocabulary().get("father") is shipped.get("father") or vocabulary().get("father") == shipped.get(
            "father"
        )
        elsewhere = []
        thread = threading.Thread(target=lambda: elsewhere.append(vocabulary()))
        thread.start()
        thread.join()
        assert elsewhere == [shipped]
    assert vocabulary() is shipped
    assert shipped.get("chief_of") is None


def test_documents_with_results_are_given_their_names_too(kit):
    kit.domain = DOMAIN
    entity = Entity("Countess Lovelace", 0, 17, "PER")
    other = Entity("Rome", 22, 26, "LOC")
    mentions = [Mention(e.text, e.start, e.end) for e in (entity, other)]
    chains = (Chain("Countess Lovelace", "PER", (mentions[0],)), Chain("Rome", "LOC", (mentions[1],)))
    document = Document(
        "Countess Lovelace saw Rome.", "seen", (entity, other), chains, (Relation(entity, "saw", other, 0.9),)
    )
    with KnowledgeGraph.build([Document(TEXTS["one"], id="one")], kit) as graph:
        graph.add(document)
        assert [node.name for node in graph.nodes() if node.type == "PER"] == ["Augusta Ada King"]
