from itertools import product

import pytest

from nlpkit.names import FULL, acronym_of, blocking_keys, gender_of, match_names, normalise, spells, untitled


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("The United States", "united states"),
        ("U.S.", "us"),
        ("Marie Curie's", "marie curie"),
        ("Marie Skłodowska-Curie", "marie sklodowska curie"),
        ("O'Brien", "obrien"),
        ("J. R. R. Tolkien", "jrr tolkien"),
        ("Johnson & Johnson", "johnson and johnson"),
        ("AT&T", "at&t"),
        ("C++", "c++"),
        ("3.5", "3.5"),
        ("1,000", "1000"),
        ("-5", "-5"),
        ("İstanbul", "istanbul"),
        ("ＡＢＣ", "abc"),
        ("玛丽·居里", "玛丽 居里"),
        ("ガ", "ガ"),
        ("The The", "the"),
        ("!!!", "!!!"),
        ("", ""),
    ],
)
def test_normalise(name: str, plain: str) -> None:
    assert normalise(name) == plain


@pytest.mark.parametrize("name", ["Łódź", "The Beatles'", "U.S. Army", "5 April 1943", "北京大学", "a\u200bb \x00 c"])
def test_normalise_is_stable(name: str) -> None:
    assert normalise(normalise(name)) == normalise(name)


SAME = [
    ("PER", "Marie Curie", "MARIE CURIE"),
    ("PER", "Dr. Marie Curie", "Marie Curie"),
    ("PER", "Marie Curie", "Marie Skłodowska Curie"),
    ("PER", "J. R. R. Tolkien", "John Ronald Reuel Tolkien"),
    ("PER", "Irène Joliot-Curie", "Irène Curie"),
    ("PER", "Fyodor Dostoevsky", "Fyodor Dostoyevsky"),
    ("PER", "George Bush", "George W. Bush"),
    ("ORG", "Taito Corporation", "Taito"),
    ("ORG", "华为技术有限公司", "华为技术"),
    ("TIME", "5 April 1943", "April 5, 1943"),
    ("TIME", "1943年4月5日", "5 April 1943"),
    ("TIME", "1943-04-05", "5 April 1943"),
]
SHORT = [
    ("PER", "Marie Curie", "Curie", "surname"),
    ("PER", "Marie Curie", "Madame Curie", "title and surname"),
    ("PER", "Gabriel García Márquez", "García Márquez", "surname"),
    ("PER", "玛丽·居里", "居里", "surname"),
    ("PER", "Marie Curie", "Marie", "given name"),
    ("ORG", "United Nations", "UN", "acronym"),
    ("ORG", "Massachusetts Institute of Technology", "MIT", "acronym"),
    ("LOC", "United States", "the U.S.", "acronym"),
    ("LOC", "Kazakhstan", "Republic of Kazakhstan", "name without its kind"),
    ("ORG", "Butler University", "Butler", "name without its head"),
    ("ORG", "Indian National Congress", "Congress", "head of the name"),
]
OTHERS = [
    ("PER", "Marie Curie", "Pierre Curie"),
    ("PER", "Marie Curie", "Maria Curie"),
    ("PER", "Hans Albert Einstein", "Albert Einstein"),
    ("PER", "George W. Bush", "George H. W. Bush"),
    ("PER", "John A. Smith", "John B. Smith"),
    ("PER", "Mr Curie", "Mrs Curie"),
    ("PER", "Johann Strauss I", "Johann Strauss II"),
    ("PER", "William Pitt the Elder", "William Pitt the Younger"),
    ("PER", "Thomas Watson Jr.", "Thomas J. Watson"),
    ("PER", "William Pitt the Elder", "William Pitt the Younger"),
    ("PER", "the elder Dumas", "Dumas fils"),
    ("PER", "Thomas-Alexandre Dumas", "Alexandre Dumas"),
    ("ORG", "Harvard University", "Harvard University Press"),
    ("PER", "Curie", "Irène Joliot-Curie"),
    ("ORG", "University of Warsaw", "Warsaw"),
    ("ORG", "Apple Inc.", "Apple Records"),
    ("ORG", "Square Enix", "Enix"),
    ("LOC", "New York", "York"),
    ("LOC", "Mexico City", "Mexico"),
    ("LOC", "North Korea", "South Korea"),
    ("LOC", "South Korea", "South Korean"),
    ("MISC", "World War I", "World War II"),
    ("MISC", "2004 Summer Olympics", "2008 Summer Olympics"),
    ("TIME", "April 1943", "5 April 1943"),
    ("NUM", "21", "22"),
    ("NUM", "about 1000000001", "about 1000000002"),
]


@pytest.mark.parametrize(("label", "a", "b"), SAME)
def test_full_names_match(label: str, a: str, b: str) -> None:
    match = match_names(a, b, label)
    assert match is not None
    assert match.score >= FULL


@pytest.mark.parametrize(("label", "a", "b", "reason"), SHORT)
def test_short_forms_match_weakly(label: str, a: str, b: str, reason: str) -> None:
    match = match_names(a, b, label)
    assert match is not None
    assert match.reason == reason
    assert 0 < match.score < FULL


@pytest.mark.parametrize(("label", "a", "b"), OTHERS)
def test_others_do_not_match(label: str, a: str, b: str) -> None:
    assert match_names(a, b, label) is None


def test_matching_is_symmetric() -> None:
    names = [name for case in (*SAME, *SHORT, *OTHERS) for name in case[1:3]]
    for (a, b), label in product(product(names[:60], names[:60]), ("PER", "ORG", "LOC")):
        assert match_names(a, b, label) == match_names(b, a, label)


@pytest.mark.parametrize(("label", "a", "b"), [*SAME, *(case[:3] for case in SHORT[:8])])
def test_names_that_link_across_documents_share_a_blocking_key(label: str, a: str, b: str) -> None:
    if (label, a, b) != ("PER", "Marie Curie", "Marie"):
        assert blocking_keys(a) & blocking_keys(b)


def test_parts_of_names() -> None:
    assert gender_of("Queen Victoria") == "f"
    assert gender_of("Victoria") == ""
    assert untitled("Prof. Dr. Niels Bohr") == ("niels", "bohr")
    assert untitled("Prince of Wales") == ("prince", "of", "wales")
    assert acronym_of("U.N.") == "un"
    assert acronym_of("Un") == ""
    assert spells("LKAB", "Luossavaara-Kiirunavaara Aktiebolag")
    assert not spells("XYZ", "Luossavaara-Kiirunavaara Aktiebolag")


@pytest.mark.parametrize("odd", ["", " ", "...", "😀", "\x00", "III", "Jr.", "-", "a-", "-a", "()", "The", "'s"])
def test_odd_names_break_nothing(odd: str) -> None:
    for label in ("PER", "ORG", "LOC", "MISC", "TIME", "NUM"):
        match = match_names(odd, "Marie Curie", label)
        assert match is None or 0 < match.score <= 1
        assert match_names(odd, odd, label) == (1.0, "same name")
    assert all(blocking_keys(odd))
