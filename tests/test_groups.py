"""Texts told of other people: pronouns in their forms, names and words, and which texts can be told so."""

from pathlib import Path

import pytest

from nlpkit.editing.edits import applied, edited
from nlpkit.editing.groups import read_groups, told
from nlpkit.editing.pronouns import plural_of
from nlpkit.errors import RecipeError
from nlpkit.types import Document, Entity

GROUPS = read_groups()


def versions(text, axis="pronouns", *names, query=""):
    """Return the text as told of each group of an axis, with these names known as persons."""
    people = tuple(Entity(name, text.index(name), text.index(name) + len(name), "PER") for name in names)
    document = Document(text, entities=people, query=query)
    found = told(document, GROUPS.axes[axis], GROUPS.forms, "0")
    return {group: edited(document, own.text, own.query) for group, own in found.items()}


def texts(*arguments, **named):
    return {group: document.text for group, document in versions(*arguments, **named).items()}


@pytest.mark.parametrize(
    ("she", "he", "they"),
    [
        ("She took her book.", "He took his book.", "They took their book."),
        ("We saw her in town.", "We saw him in town.", "We saw them in town."),
        ("We told her that it rains.", "We told him that it rains.", "We told them that it rains."),
        ("I know her.", "I know him.", "I know them."),
        ("The house is hers.", "The house is his.", "The house is theirs."),
        ("It was hers and mine.", "It was his and mine.", "It was theirs and mine."),
        ("SHE hurt herself.", "HE hurt himself.", "THEY hurt themselves."),
        ("She is tall; isn't she?", "He is tall; isn't he?", "They are tall; aren't they?"),
        ("Was she there?", "Was he there?", "Were they there?"),
        ("She's late and she's got a cold.", "He's late and he's got a cold.", "They're late and they've got a cold."),
        ("She often walks home.", "He often walks home.", "They often walk home."),
        ("She doesn't mind.", "He doesn't mind.", "They don't mind."),
        ("Her own dog bit her.", "His own dog bit him.", "Their own dog bit them."),
    ],
)
def test_pronouns_change_in_their_forms(she, he, they):
    assert texts(she) == {"she": she, "he": he, "they": they}
    assert texts(he) == {"she": she, "he": he, "they": they}


@pytest.mark.parametrize(
    ("verb", "plural"),
    [
        *(
            ("carries", "carry"),
            ("watches", "watch"),
            ("goes", "go"),
            ("dies", "die"),
            ("uses", "use"),
            ("runs", "run"),
        ),
        *(("thus", "thus"), ("passes", "pass"), ("Has", "Have"), ("went", "went"), ("this", "this"), ("fixes", "fix")),
    ],
)
def test_verbs_go_into_the_plural(verb, plural):
    assert plural_of(verb) == plural


def test_a_text_of_several_people_is_left_out_and_so_is_one_of_nobody():
    assert texts("He told her the news.") == {}
    assert texts("They left.") == {}
    assert texts("Her father came.", "gender") == {}
    assert texts("It rains.", "gender") == {}
    assert texts("He left.", "pronouns", query="Where did she go?") == {}


def test_the_query_is_told_of_the_same_group():
    found = versions("She left Oslo.", query="Where was her home?")
    assert found["he"].text == "He left Oslo."
    assert found["he"].query == "Where was his home?"


def test_names_words_and_pronouns_change_together():
    found = texts("Mrs Ann Lee is an actress. Her son knows Ann.", "gender", "Ann Lee")
    assert found == {}  # a son beside an actress
    found = texts("Mrs Ann Lee is an actress. She was born in Oslo.", "gender", "Ann Lee")
    assert found["male"].startswith("Mr ")
    assert texts("Miss Smith came.", "gender") == {"female": "Miss Smith came.", "male": "Mr Smith came."}
    assert texts("Mr Smith came.", "gender")["female"] == "Ms Smith came."
    assert found["male"].endswith("Lee is an actor. He was born in Oslo.")
    assert found["female"].startswith("Mrs ")
    assert "Ann" not in found["female"]


def test_names_of_origins_are_whole_and_the_same_for_the_same_person():
    found = texts("Ann Lee came. Then Lee left with Bo Ray.", "origin", "Ann Lee", "Bo Ray")
    assert len(set(found.values())) == len(GROUPS.axes["origin"])
    assert all("Ann" not in text and "Ray" not in text for text in found.values())


def test_chinese_pronouns_that_are_words_of_their_own():
    assert (
        texts("他在北京。其他人没来，他们走了，他人很好。", "gender")["female"]
        == "她在北京。其他人没来，他们走了，他人很好。"
    )
    assert texts("其他人没来，他们走了。", "gender") == {}
    assert texts("她在北京。", "pronouns") == {}  # there is no "they" to tell it of


def test_chinese_given_names_change_and_family_names_stay():
    found = texts("王建军来了。", "gender", "王建军")
    assert all(text.startswith("王") and text.endswith("来了。") for text in found.values())
    assert len({*found.values(), "王建军来了。"}) == 3


def test_spans_stand_where_they_should_after_the_change():
    for axis in GROUPS.axes:
        for document in versions("She said Ann Lee was her friend.", axis, "Ann Lee").values():
            (person,) = document.entities
            assert document.text[person.start : person.end] == person.text
            assert document.text == applied(document.text, [])


def test_groups_of_ones_own(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('[faith.one]\nwords = ["church"]\n[faith.two]\nwords = ["mosque"]\n', encoding="utf-8")
    own = read_groups(path)
    document = Document("The Church is old.")
    found = told(document, own.axes["faith"], own.forms, "0")
    assert edited(document, found["two"].text).text == "The Mosque is old."
    assert not found["one"].text


@pytest.mark.parametrize(
    ("written", "told_of"),
    [
        ("[a.x]\nwords = ['b']\n", "two groups"),
        ("[a.x]\nwords = ['b']\n[a.y]\nwords = ['c', 'd']\n", "side by side"),
        ("[a.x]\nwords = ['b']\n[a.y]\n", "empty"),
        ("[a.x]\nwords = ['b']\n[a.y]\nwords = ['']\n", "empty name or word"),
        ("[a.x]\npronouns = 'he'\n[a.y]\npronouns = 'she'\n", "'he'"),
        ("[a.x]\nword = ['b']\n", "unknown key 'a.x.word'"),
        ("a = 1\n", "a table of groups"),
        ("[a\n", "cannot read"),
    ],
)
def test_a_broken_file_of_groups_is_told(tmp_path, written, told_of):
    path = tmp_path / "own.toml"
    path.write_text(written, encoding="utf-8")
    with pytest.raises(RecipeError, match=told_of):
        read_groups(path)


def test_a_missing_file_of_groups_is_told(tmp_path):
    with pytest.raises(RecipeError, match="cannot read"):
        read_groups(tmp_path / "none.toml")


def test_the_groups_in_the_docs_can_be_read(tmp_path):
    docs = Path(__file__).resolve().parent.parent / "docs" / "robustness.md"
    path = tmp_path / "docs.toml"
    path.write_text(docs.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0], encoding="utf-8")
    assert set(read_groups(path).axes) == {"age", "names"}
