"""What a sentence says in so many words."""

import pytest

from nlpkit.chains import chains_of
from nlpkit.cues import LEAST, claims, cues, properties
from nlpkit.heads.relation import RelationHead
from nlpkit.text import sentences
from nlpkit.types import Chain, Document, Entity, Mention, Relation


def said(text: str, **names: str) -> set[tuple[str, str, str]]:
    """Return the claims of a text in which these names, by type, are the entities."""
    found = []
    for label, listed in names.items():
        for name in listed.split("|"):
            start = text.find(name)
            while start >= 0:
                found.append(Entity(name, start, start + len(name), label))
                start = text.find(name, start + 1)
    chains = chains_of(text, found)
    result = claims(text, chains, sentences(text), properties())
    return {(chains[c.subject].name, c.property, chains[c.object].name) for c in result}


@pytest.mark.parametrize(
    ("text", "names", "claim"),
    [
        ("Anna Berg was born in Oslo.", {"PER": "Anna Berg", "LOC": "Oslo"}, ("Anna Berg", "P19", "Oslo")),
        ("Anna Berg sang. She died in Turku.", {"PER": "Anna Berg", "LOC": "Turku"}, ("Anna Berg", "P20", "Turku")),
        ("Anna Berg was the daughter of Olav Berg.", {"PER": "Anna Berg|Olav Berg"}, ("Anna Berg", "P22", "Olav Berg")),
        ("Anna Berg married Per Lund.", {"PER": "Anna Berg|Per Lund"}, ("Per Lund", "P26", "Anna Berg")),
        ("Acme was founded in 1950 by Per Lund and Ida Dahl.",
         {"ORG": "Acme", "PER": "Per Lund|Ida Dahl", "TIME": "1950"}, ("Acme", "P112", "Ida Dahl")),
        ("Acme was founded in 1950.", {"ORG": "Acme", "TIME": "1950"}, ("Acme", "P571", "1950")),
        ("Oslo is the capital of Norway.", {"LOC": "Oslo|Norway"}, ("Oslo", "P1376", "Norway")),
        ("Anna Berg studied law at Uppsala University.",
         {"PER": "Anna Berg", "ORG": "Uppsala University"}, ("Anna Berg", "P69", "Uppsala University")),
    ],
)  # fmt: skip
def test_a_wording_is_read(text, names, claim):
    assert claim in said(text, **names)


def test_no_claim_without_a_wording():
    assert said("Anna Berg met Per Lund in Oslo.", PER="Anna Berg|Per Lund", LOC="Oslo") == set()


def test_her_mother_is_not_her_fathers():
    text = "Anna Berg sang. Her father was Olav Berg, and her mother was Ida Dahl."
    claims_ = said(text, PER="Anna Berg|Olav Berg|Ida Dahl")
    assert ("Anna Berg", "P25", "Ida Dahl") in claims_
    assert ("Olav Berg", "P25", "Ida Dahl") not in claims_


def test_it_is_what_the_sentence_before_is_about():
    text = "Blue Hill is a film of 1990. Per Lund directed it."
    assert ("Blue Hill", "P57", "Per Lund") in said(text, MISC="Blue Hill", PER="Per Lund", TIME="1990")


def test_born_there_is_who_is_named_first():
    text = "Anna Berg was a painter. Born in Oslo in 1901, she was the daughter of Ida Dahl."
    claims_ = said(text, PER="Anna Berg|Ida Dahl", LOC="Oslo", TIME="1901")
    assert {s for s, p, _ in claims_ if p in ("P19", "P569")} == {"Anna Berg"}


def test_every_cue_has_counts_that_bear_its_score():
    for cue in cues():
        assert 0 <= cue.right + cue.said <= cue.found
        assert LEAST <= cue.score <= 1


@pytest.mark.parametrize(
    ("property_", "options", "on"),
    [("P19", {}, True), ("P19", {"cues": False}, False), ("P2046", {}, False), ("Cause-Effect(e1,e2)", {}, False)],
)
def test_a_head_for_known_relations_reads_the_cues(property_, options, on):
    ends = Entity("Anna Berg", 0, 9, "PER"), Entity("Oslo", 22, 26, "LOC")
    chains = tuple(Chain(e.text, e.label, (Mention(e.text, e.start, e.end),)) for e in ends)
    relation = Relation(ends[0], "a relation", ends[1], None, property_)
    document = Document("Anna Berg was born in Oslo.", chains=chains, relations=(relation,))
    assert RelationHead.fit([document], 8, options).cues is on
