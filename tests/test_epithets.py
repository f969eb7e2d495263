"""Persons of one name: epithets, relatives, years of birth."""

import re

import pytest

from nlpkit.chains import chains_of
from nlpkit.epithets import born_apart, extended, other_spellings, relatives
from nlpkit.names import epithet_of
from nlpkit.types import Entity


def persons(text: str, *names: str) -> list[Entity]:
    """Return every place of the names as a person, the longest name first where they overlap."""
    found: list[Entity] = []
    for name in sorted(names, key=len, reverse=True):
        for match in re.finditer(re.escape(name), text):
            if all(match.end() <= e.start or match.start() >= e.end for e in found):
                found.append(Entity(name, match.start(), match.end(), "PER"))
    return sorted(found, key=lambda e: e.start)


@pytest.mark.parametrize(
    ("text", "name", "taken"),
    [
        ("Jan Holt the Elder sang.", "Jan Holt", "Jan Holt the Elder"),
        ("We met Jan Holt, Jr., there.", "Jan Holt", "Jan Holt, Jr."),
        ("Jan Holt II reigned.", "Jan Holt", "Jan Holt II"),
        ("The younger Holt died.", "Holt", "The younger Holt"),
        ("Holt fils wrote.", "Holt", "Holt fils"),
        ("Jan Holt the elderly sang.", "Jan Holt", "Jan Holt"),
        ("Jan Holt the Great sang.", "Jan Holt", "Jan Holt"),
    ],
)
def test_an_epithet_belongs_to_the_name(text, name, taken):
    (entity,) = extended(text, persons(text, name))
    assert entity.text == taken == text[entity.start : entity.end]


def test_other_types_have_no_epithet():
    text = "Rocky II ran."
    entity = Entity("Rocky", 0, 5, "MISC")
    assert extended(text, [entity]) == [entity]


@pytest.mark.parametrize(
    ("name", "epithet"),
    [
        ("Jan Holt the Elder", "i"),
        ("the elder Holt", "i"),
        ("Jan Holt Sr.", "i"),
        ("Holt père", "i"),
        ("Jan Holt Jr.", "ii"),
        ("Jan Holt II", "ii"),
        ("Jan Holt III", "iii"),
        ("Jan Holt", ""),
        ("Elder", ""),
    ],
)
def test_epithets_are_numerals(name, epithet):
    assert epithet_of(name) == epithet


def test_spellings_of_an_epithet():
    spelt = other_spellings("Jan Holt the Younger")
    assert {"jan holt ii", "jan holt jr", "jan holt fils"} <= set(spelt)
    assert all(epithet_of(name) == "ii" for name in spelt)
    assert other_spellings("Jan Holt") == []


@pytest.mark.parametrize(
    ("text", "names", "relative"),
    [
        ("Jan Holt wrote. His father was the painter Jan Holt.", ["Jan Holt"], 1),
        ("Jan Emil Holt was a grandson of the painter Jan Holt.", ["Jan Emil Holt", "Jan Holt"], 1),
        ("Jan Holt wrote. His father was the painter Per Holt.", ["Jan Holt", "Per Holt"], None),
        ("Jan Holt wrote. Ida met Jan Holt.", ["Jan Holt", "Ida"], None),
    ],
)
def test_nobody_is_his_own_relative(text, names, relative):
    found = persons(text, *names)
    assert list(relatives(text, found)) == ([] if relative is None else [relative])
    assert len(chains_of(text, found, pronouns=False)) == (1 if "Ida met" in text else 2) + ("Ida" in text)


def test_the_elder_and_the_younger_are_two():
    text = "Jan Holt the Younger was a poet. His father was Jan Holt the Elder. The younger Holt died."
    chains = chains_of(text, persons(text, "Jan Holt", "Holt"), pronouns=False)
    assert [[m.text for m in chain.mentions] for chain in chains] == [
        ["Jan Holt the Younger", "The younger Holt"],
        ["Jan Holt the Elder"],
    ]


def test_a_surname_is_short_for_a_name_with_an_epithet():
    text = "Jan Holt, known as Holt the Elder, was a poet. Holt died."
    (chain,) = chains_of(text, persons(text, "Jan Holt", "Holt"), pronouns=False)
    assert [m.text for m in chain.mentions] == ["Jan Holt", "Holt the Elder", "Holt"]


@pytest.mark.parametrize(
    ("a", "b", "apart"),
    [
        ("12 February 1809", "19 December 1887", True),
        ("1809", "12 February 1809", False),
        ("1809", "1810", False),
        ("", "1810", False),
        ("May", "1810", False),
    ],
)
def test_years_of_birth(a, b, apart):
    assert born_apart(a, b) == born_apart(b, a) == apart


def test_an_entity_inside_an_epithet_is_part_of_it():
    text = "Jan Holt the Elder met Ida."
    entities = [Entity("Jan Holt", 0, 8, "PER"), Entity("Elder", 13, 18, "MISC"), Entity("Ida", 23, 26, "PER")]
    assert [e.text for e in extended(text, entities)] == ["Jan Holt the Elder", "Ida"]
