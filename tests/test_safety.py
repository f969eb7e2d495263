"""Filters after a generator, and whom a text names."""

import pytest

from nlpkit.errors import InputError
from nlpkit.generate import Generator
from nlpkit.safety import Named, classifier_filter, names_in, word_filter
from nlpkit.streaming import unobjected
from nlpkit.testing import fake_backbone
from nlpkit.types import Document, Entity, Label


def found(word, text):
    return Entity(word, text.index(word), text.index(word) + len(word), "PER")


class Reader:
    """Finds capitalised words, and calls texts with "storm" rough."""

    def __call__(self, texts, *, tasks=None):
        assert tasks in (None, ["tone"])
        return [
            Document(
                text,
                entities=tuple(
                    Entity(w, text.index(w), text.index(w) + len(w), "PER") for w in text.split() if w.istitle()
                ),
                labels={"tone": Label("rough", 0.7) if "storm" in text else Label("calm", 0.9, (Label("dull", 0.6),))},
            )
            for text in texts
        ]


def test_words_are_whole_words_in_any_case_and_chinese_ones_stand_anywhere(tmp_path):
    check = word_filter(["ass", "Old Goat", "c++", "坏人"])
    assert check(["A class of brass", "an ASS, an old goat", "c++!", "他是坏人吗", ""]) == [
        (),
        ("the word 'ass'", "the word 'old goat'"),
        ("the word 'c++'",),
        ("the word '坏人'",),
        (),
    ]
    path = tmp_path / "words.txt"
    path.write_text("# rude\nass\n\n", encoding="utf-8")
    assert word_filter(path)(["ass ass", "# rude"]) == [("the word 'ass'",), ()]


def test_a_classifier_objects_to_labels_it_is_sure_of():
    texts = ["a storm", "a calm sea"]
    assert classifier_filter(Reader(), "tone", ["rough", "dull"])(texts) == [("rough by tone",), ("dull by tone",)]
    assert classifier_filter(Reader(), "tone", {"rough"}, 0.8)(texts) == [(), ()]


def test_names_say_whether_the_prompt_has_them():
    found = names_in("Ada met Bo and Ada left", Reader(), prompt="a story about ada")
    assert found == [Named("Ada", "PER", True), Named("Bo", "PER", False)]
    assert found[1].to_dict() == {"text": "Bo", "label": "PER", "in_prompt": False}


def test_a_text_that_a_filter_objects_to_is_withheld():
    plain = Generator(fake_backbone(kind="llama"))
    prompts = ["ada saw the sea", "no"]
    bare = plain(prompts, max_new_tokens=8)
    guarded = Generator(plain.adapted, filters=[lambda texts: [("no",) if t == bare[0].text else () for t in texts]])
    first, second = guarded(prompts, max_new_tokens=8)
    assert (first.text, first.finish, first.reasons) == ("", "withheld", ("no",))
    assert first.to_dict()["reasons"] == ["no"]
    assert second == bare[1]
    assert list(guarded.stream(prompts[0], max_new_tokens=8)) == []
    assert "".join(guarded.stream(prompts[1], max_new_tokens=8)) == bare[1].text


def test_a_stream_ends_before_the_sentence_that_is_objected_to():
    check = word_filter(["storm"])
    parts = ["One boat le", "ft. Two came", " back. A storm ro", "se. All was", " well."]
    assert "".join(unobjected(iter(parts), check)) == "One boat left. Two came back. "
    assert "".join(unobjected(iter(parts[:2]), check)) == "One boat left. Two came"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: word_filter([]), "one word at least"),
        (lambda path: word_filter(["", " "]), "one word at least"),
        (lambda path: word_filter(path / "none.txt"), "cannot read the words"),
        (lambda path: classifier_filter(Reader(), "tone", []), "one or more"),
        (lambda path: classifier_filter(Reader(), "tone", "rough"), "one or more"),
        (lambda path: classifier_filter(Reader(), "tone", ["rough"], 2), "from 0 to 1"),
    ],
)
def test_filters_that_cannot_be_are_named(tmp_path, make, says):
    with pytest.raises(InputError, match=says):
        make(tmp_path)
