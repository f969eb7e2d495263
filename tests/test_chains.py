import re
from collections.abc import Sequence

import pytest

from nlpkit.chains import chains_of
from nlpkit.names import match_names
from nlpkit.pronouns import Referent, anaphora
from nlpkit.text import sentences
from nlpkit.types import Chain, Entity, Mention


def entities(text: str, *names: tuple[str, str]) -> list[Entity]:
    """Return every place of the names, the longest name first where they overlap."""
    taken: list[Entity] = []
    for name, label in sorted(names, key=lambda n: -len(n[0])):
        for match in re.finditer(re.escape(name), text):
            if all(match.end() <= e.start or match.start() >= e.end for e in taken):
                taken.append(Entity(name, match.start(), match.end(), label))
    return taken


def groups(chains: Sequence[Chain]) -> dict[str, list[str]]:
    return {chain.name: [mention.text for mention in chain.mentions] for chain in chains}


def read(text: str, *names: tuple[str, str], pronouns: bool = True) -> dict[str, list[str]]:
    return groups(chains_of(text, entities(text, *names), pronouns=pronouns))


def test_names_of_a_family() -> None:
    text = "Marie Curie was born in Warsaw. Marie Curie married Pierre Curie. Madame Curie won. Pierre died."
    found = read(
        text,
        ("Marie Curie", "PER"),
        ("Pierre Curie", "PER"),
        ("Madame Curie", "PER"),
        ("Pierre", "PER"),
        pronouns=False,
    )
    assert found == {
        "Marie Curie": ["Marie Curie", "Marie Curie", "Madame Curie"],
        "Pierre Curie": ["Pierre Curie", "Pierre"],
    }


def test_acronyms_and_equations() -> None:
    text = "The United Nations (UN) met. The UN voted. Luossavaara-Kiirunavaara Aktiebolag (LKAB) mines. LKAB sells."
    names = ("United Nations", "UN", "Luossavaara-Kiirunavaara Aktiebolag", "LKAB")
    found = read(text, *((name, "ORG") for name in names))
    assert found["United Nations"] == ["United Nations", "UN", "UN"]
    assert found["Luossavaara-Kiirunavaara Aktiebolag"] == ["Luossavaara-Kiirunavaara Aktiebolag", "LKAB", "LKAB"]


def test_also_known_as() -> None:
    found = read("Lev Bronstein, also known as Trotsky, wrote.", ("Lev Bronstein", "PER"), ("Trotsky", "PER"))
    assert list(found.values()) == [["Lev Bronstein", "Trotsky"]]


def test_a_short_form_between_two_kings_joins_neither() -> None:
    text = "Carol I reigned. Carol II followed. Carol abdicated."
    found = read(text, ("Carol I", "PER"), ("Carol II", "PER"), ("Carol", "PER"))
    assert all(not {"Carol I", "Carol II"} <= set(names) for names in found.values())


def test_types_agree_and_a_clear_majority_decides() -> None:
    text = "Washington spoke. Washington left."
    both = [Entity("Washington", 0, 10, "PER"), Entity("Washington", 18, 28, "LOC")]
    assert [chain.label for chain in chains_of(text, both)] == ["PER", "LOC"]
    text += " Washington slept."
    three = [*both, Entity("Washington", 35, 45, "PER")]
    (chain,) = chains_of(text, three)
    assert chain.label == "PER"
    assert len(chain.mentions) == 3


def test_every_entity_is_in_exactly_one_chain() -> None:
    text = "Ann Lee met Bo Lee and Lee in NY, New York, on 5 May 1943 and May 5, 1943."
    found = entities(
        text, ("Ann Lee", "PER"), ("Bo Lee", "PER"), ("Lee", "PER"), ("NY", "LOC"), ("New York", "LOC"),
        ("5 May 1943", "TIME"), ("May 5, 1943", "TIME"),
    )  # fmt: skip
    places = [(m.start, m.end) for c in chains_of(text, found) for m in c.mentions if m.kind == "name"]
    assert sorted(places) == sorted((e.start, e.end) for e in found)
    assert len(chains_of(text, found)) == 4


PRONOUNS = [
    ("Marie Curie was born in 1867. She studied.", {"Marie Curie": ["Marie Curie", "She"]}),
    ("Marie Curie met Niels Bohr. He smiled.", {"Marie Curie": ["Marie Curie"], "Niels Bohr": ["Niels Bohr", "He"]}),
    ("Kim Novak was an actress. Kim Novak met Lee Marvin. She left. He stayed.",
     {"Kim Novak": ["Kim Novak", "Kim Novak", "She"], "Lee Marvin": ["Lee Marvin", "He"]}),
    ("Lee Marvin met Kim Novak. He hired her.",
     {"Lee Marvin": ["Lee Marvin", "He"], "Kim Novak": ["Kim Novak", "her"]}),
    ("Lee Marvin praised him.", {"Lee Marvin": ["Lee Marvin"]}),
    ("Lee Marvin and his wife left.", {"Lee Marvin": ["Lee Marvin", "his"]}),
    ("They met Lee Marvin. It rained. They left.", {"Lee Marvin": ["Lee Marvin"]}),
    ("Lee Marvin won. It rained. It snowed. It blew. He left.", {"Lee Marvin": ["Lee Marvin"]}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), PRONOUNS)
def test_pronouns(text: str, expected: dict[str, list[str]]) -> None:
    names = ("Marie Curie", "Niels Bohr", "Kim Novak", "Lee Marvin")
    assert read(text, *((name, "PER") for name in names)) == expected


def test_chinese_pronouns() -> None:
    assert read("居里出生于华沙。她研究物理，其他人没有。", ("居里", "PER"))["居里"] == ["居里", "她"]


NOMINALS = [
    ("Nokia made tyres. The company moved.", "Nokia", "ORG", ["Nokia", "The company"]),
    ("Ann works for Nokia. The company moved.", "Nokia", "ORG", ["Nokia"]),
    ("Ann studied at Yale University. The university grew.", "Yale University", "ORG",
     ["Yale University", "The university"]),
    ("Yale grew. The university moved.", "Yale", "ORG", ["Yale"]),
    ("Warsaw lies in Poland. The city council met.", "Warsaw", "LOC", ["Warsaw"]),
    ("Warsaw lies in Poland. The city is old.", "Warsaw", "LOC", ["Warsaw", "The city"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "name", "label", "expected"), NOMINALS)
def test_nominals(text: str, name: str, label: str, expected: list[str]) -> None:
    found = chains_of(text, entities(text, (name, label)))
    assert groups(found)[name] == expected
    assert [m.kind for m in found[0].mentions] == ["name", *["nominal"] * (len(expected) - 1)]


def test_pronouns_can_be_left_out() -> None:
    text = "Marie Curie was born in 1867. She studied."
    assert read(text, ("Marie Curie", "PER"), pronouns=False) == {"Marie Curie": ["Marie Curie"]}


def test_mentions_lie_in_the_text_in_order() -> None:
    text = "Lee Marvin met Kim Novak. He hired her. Nokia paid. The company grew."
    found = entities(text, ("Lee Marvin", "PER"), ("Kim Novak", "PER"), ("Nokia", "ORG"))
    for chain in chains_of(text, found):
        starts = [m.start for m in chain.mentions]
        assert starts == sorted(starts)
        assert all(text[m.start : m.end] == m.text for m in chain.mentions)


def test_nothing_in_nothing_out() -> None:
    assert chains_of("", []) == ()
    assert chains_of("He left.", []) == ()


@pytest.mark.parametrize("surname", ["Smith", None])
def test_work_grows_with_the_number_of_mentions(surname: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0

    def counted(a: str, b: str, label: str) -> object:
        nonlocal compared
        compared += 1
        return match_names(a, b, label)

    monkeypatch.setattr("nlpkit.chains.match_names", counted)
    names = [f"{chr(97 + n % 26)}{n:05d} {surname or f'x{n}'}".title() for n in range(10_000)]
    text, found = "", []
    for name in [*names, *names]:
        found.append(Entity(name, len(text), len(text) + len(name), "PER"))
        text += f"{name} slept. "
    chains = chains_of(text, found)
    assert len(chains) == 10_000
    assert compared < 50 * len(found)


def test_a_paragraph_without_a_name_goes_on_with_whom_the_text_is_about() -> None:
    text = "Per Lund sang. He met Eva, and their son Jan was born.\n\nIn 1969 he married Ida Dahl."
    found = read(text, ("Per Lund", "PER"), ("Eva", "PER"), ("Jan", "PER"), ("Ida Dahl", "PER"))
    assert found["Per Lund"] == ["Per Lund", "He", "he"]


def test_pronouns_are_looked_for_in_the_sentences_given_alone() -> None:
    text = "Ada Lee left. She sang. Ada Lee slept. She woke."
    last = [s for s in sentences(text) if s.start >= text.index("Ada Lee slept")]
    found = [m for _, m in anaphora(text, [Referent("PER", (Mention("Ada Lee", 24, 31),))], last)]
    assert [(m.text, m.start) for m in found] == [("She", 39)]
    assert not list(anaphora(text, [], []))
