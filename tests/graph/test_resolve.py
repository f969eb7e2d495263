from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from nlpkit.graph.resolve import Candidate, Resolver, blocking_keys
from nlpkit.types import Chain, Mention


class Known:
    """A candidate source over a list."""

    def __init__(self, *entities: tuple[str, str | tuple[str, ...]], contexts: Collection[object] = ()) -> None:
        given = list(contexts) or [None] * len(entities)
        self.rows = [
            (label, Candidate(number, (names,) if isinstance(names, str) else names, context, 1))  # type: ignore[arg-type]
            for number, ((label, names), context) in enumerate(zip(entities, given, strict=True))
        ]

    def candidates(self, label: str, keys: Collection[str]) -> list[Candidate]:
        wanted = set(keys)
        return [c for known, c in self.rows if known == label and any(blocking_keys(n) & wanted for n in c.names)]


def chain(label: str, *names: str) -> Chain:
    return Chain(names[0], label, tuple(Mention(name, 0, len(name)) for name in names))


def towards(angle: float) -> NDArray[np.float32]:
    return np.array([np.cos(angle), np.sin(angle)], np.float32)


def linked(known: Known, *names: str, label: str = "PER", context: float | None = None) -> int | None:
    return Resolver(known).link(chain(label, *names), None if context is None else towards(context), ()).entity


CURIES = Known(("PER", ("Marie Curie", "Curie")), ("PER", ("Pierre Curie", "Curie")), ("PER", ("Niels Bohr", "Bohr")))


@pytest.mark.parametrize(
    ("name", "entity"),
    [
        ("Marie Curie", 0),
        ("Marie Skłodowska Curie", 0),
        ("Dr. Pierre Curie", 1),
        ("Ève Curie", None),
        ("Curie", None),
        ("Bohr", 2),
        ("Professor Bohr", 2),
        ("Aage Bohr", None),
        ("Niels", None),
    ],
)
def test_persons(name: str, entity: int | None) -> None:
    assert linked(CURIES, name) == entity


@pytest.mark.parametrize(
    ("label", "name", "entity"),
    [
        ("ORG", "UN", 0),
        ("ORG", "University of Warsaw", None),
        ("LOC", "Warsaw", 1),
        ("ORG", "Warsaw", None),
        ("LOC", "York", None),
        ("ORG", "Congress", None),
        ("ORG", "Nokia Corporation", 4),
        ("MISC", "World War II", None),
    ],
)
def test_things(label: str, name: str, entity: int | None) -> None:
    known = Known(
        ("ORG", ("United Nations", "UN")),
        ("LOC", "Warsaw"),
        ("LOC", "New York"),
        ("ORG", ("Indian National Congress", "Congress")),
        ("ORG", "Nokia"),
        ("MISC", "World War I"),
    )
    assert linked(known, name, label=label) == entity


def test_a_namesake_is_told_by_its_context() -> None:
    known = Known(("PER", "John Smith"), contexts=[towards(0.0)])
    assert linked(known, "John Smith", context=0.5) == 0
    result = Resolver(known).link(chain("PER", "John Smith"), towards(np.pi / 2), ())
    assert result.entity is None
    assert "namesake" in result.reason


def test_of_two_namesakes_the_nearer_is_taken() -> None:
    known = Known(("PER", "John Smith"), ("PER", "John Smith"), contexts=[towards(0.0), towards(1.2)])
    assert linked(known, "John Smith", context=0.1) == 0
    assert linked(known, "John Smith", context=1.1) == 1


def test_a_surname_goes_to_the_clearly_nearer_only() -> None:
    known = Known(("PER", "Marie Curie"), ("PER", "Pierre Curie"), contexts=[towards(0.0), towards(1.2)])
    assert linked(known, "Curie", context=0.1) == 0
    assert linked(known, "Curie", context=0.6) is None
    assert linked(Known(("PER", "Niels Bohr"), contexts=[towards(0.0)]), "Bohr", context=1.5) is None


def test_two_chains_of_a_document_stay_two() -> None:
    assert Resolver(CURIES).link(chain("PER", "Marie Curie"), None, {0}).entity is None


def test_a_longer_other_name_helps() -> None:
    known = Known(("PER", "Lev Bronstein"))
    assert linked(known, "Lev Davidovich Trotsky", "Lev Bronstein") == 0


def test_every_link_says_why() -> None:
    for name in ("Marie Curie", "Bohr", "Curie", "Nobody Known"):
        result = Resolver(CURIES).link(chain("PER", name), None, ())
        assert result.reason
        assert 0 <= result.score <= 1


@pytest.mark.parametrize(
    ("names", "entity"),
    [
        (("Jan Holt the Elder",), 0),
        (("Jan Holt Sr.",), 0),
        (("Jan Holt", "the elder Holt"), 0),
        (("Jan Holt II",), 1),
        (("Jan Holt III",), None),
    ],
)
def test_epithets_are_part_of_who_one_is(names: tuple[str, ...], entity: int | None) -> None:
    known = Known(("PER", ("Jan Holt", "Holt the Elder")), ("PER", ("Jan Holt", "Holt the Younger")))
    assert linked(known, *names) == entity


def test_nobody_is_born_twice() -> None:
    known = Known(("PER", "Jan Holt"))
    known.rows = [(label, replace(candidate, born="12 May 1809")) for label, candidate in known.rows]
    resolver = Resolver(known)
    assert resolver.link(chain("PER", "Jan Emil Holt"), None, (), "1 June 1887").entity is None
    assert resolver.link(chain("PER", "Jan Emil Holt"), None, (), "1809").entity == 0


def test_the_very_name_goes_before_a_fuller_one() -> None:
    known = Known(("PER", "Jan Emil Holt"), ("PER", "Jan Holt"), contexts=[towards(0.0), towards(1.0)])
    assert linked(known, "Jan Holt", context=0.0) == 1


@pytest.mark.parametrize(("context", "entity"), [(0.0, 0), (1.0, 1), (0.5, None)])
def test_the_bare_name_goes_to_whom_the_context_says(context: float, entity: int | None) -> None:
    both = (("PER", ("Jan Holt", "Holt the Elder")), ("PER", ("Jan Holt", "Holt the Younger")))
    assert linked(Known(*both, contexts=[towards(0.0), towards(1.0)]), "Jan Holt", context=context) == entity
