"""Kinds of texts as data: what their prompts say, and what a broken file is told."""

import pytest

from nlpkit import recipes, writings
from nlpkit.errors import InputError, RecipeError
from nlpkit.generate import Generator
from nlpkit.testing import fake_backbone
from nlpkit.text import chinese

ENGLISH = "Ada Quist built {the} harbour of Tornby."
CHINESE = "林海在 Tornby 修了一座港口。"

SMALLEST = """
title = "A riddle"
[en]
plain = "A riddle on {text}:"
[zh]
plain = "谜语({text}):"
"""


@pytest.mark.parametrize("name", writings.names())
def test_every_kind_asks_in_the_language_of_the_text_and_keeps_the_text(name):
    writing = writings.find(name)
    assert writing == writings.find(f"generation/{name}")
    for text in (ENGLISH, CHINESE):
        plain = writing.prompt({"text": text}, chat=False)
        turns = writing.prompt({"text": text}, chat=True)
        asked = turns if isinstance(turns, str) else turns[-1]["content"]
        assert text in plain
        assert text in asked
        assert chinese(asked) is (text is CHINESE)
    for template in (writing.en, writing.zh):
        if name != "poem":
            assert not template.user or "name" in template.user or "人名" in template.user, "names are never translated"


def test_kinds_are_no_recipes_to_train():
    assert not [name for name in recipes.names() if name.startswith(recipes.GENERATION)]
    assert {"summary", "poem", "translation"} <= set(writings.names())


@pytest.mark.parametrize(
    ("text", "is_chinese"),
    [
        ("abc", False),
        ("中文", True),
        ("用 LoRA 训练", True),
        ("the word 水 means water", False),
        ("", False),
        ("12", False),
    ],
)
def test_languages_are_told_apart(text, is_chinese):
    assert chinese(text) is is_chinese


def test_inputs_stand_in_their_places_or_are_refused():
    writing = writings.find("rewriting")
    assert "formal" in writing.prompt({"text": "Hi.", "style": "formal"}, chat=False)
    assert writing.inputs["style"] in writing.prompt({"text": "Hi."}, chat=False)
    assert "通俗亲切" in writing.prompt({"text": "你好。"}, chat=False)
    assert "庄重" in writing.prompt({"text": "你好。", "style": "庄重"}, chat=True)[0]["content"]
    with pytest.raises(InputError, match="no place for 'tone'; it has: text, style"):
        writing.prompt({"text": "Hi.", "tone": "x"}, chat=False)
    for text in ("", " ", None):
        with pytest.raises(InputError, match="rewriting got the text"):
            writing.prompt({"text": text}, chat=False)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("{text}:", "{theme}:", "en.plain asks for theme; allowed: text"),
        ("{text}:", "it:", "en.plain asks for nothing"),
        ("{text}:", "{text:", "en.plain is no template"),
        ('title = "A riddle"', 'title = ""', "title = ''; allowed: not empty"),
        ("[zh]", "[de]", "unknown key 'de'"),
        ("[zh]", "[decoding]\ntop_p = 3.0\n[zh]", "decoding.top_p = 3.0"),
        ("[zh]", "[decoding]\nnum_beams = 2\ndo_sample = true\n[zh]", "one of the two"),
        ("[zh]", "[zh.inputs]\nn = '1'\n[zh]", r"zh.inputs has 'n'; allowed: those of \[inputs\] \(none\)"),
        ("[zh]", "[inputs]\nn = 3\n[zh]", "inputs.n = 3; allowed: a string"),
        ("[zh]", "[zh", "not a TOML file"),
    ],
)
def test_a_broken_file_is_told_what_is_wrong(tmp_path, old, new, says):
    path = tmp_path / "riddle.toml"
    path.write_text(SMALLEST, encoding="utf-8")
    assert writings.find(path).name == "riddle"
    path.write_text(SMALLEST.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RecipeError, match=says):
        writings.find(path)


def test_an_unknown_kind_is_told_the_known_ones():
    with pytest.raises(RecipeError, match=r"did you mean 'poem'\? known: article, .*summary"):
        writings.find("peom")


def test_a_kind_is_written_from_one_text_or_several(tmp_path):
    path = tmp_path / "riddle.toml"
    path.write_text(SMALLEST, encoding="utf-8")
    writer = Generator(fake_backbone(kind="llama"))
    one = writer.write(str(path), "a stone", max_new_tokens=5)
    assert one == writer("A riddle on a stone:", max_new_tokens=5)
    assert writer.write(str(path), ["a stone", "水"], max_new_tokens=5) == [
        one,
        writer("谜语(水):", max_new_tokens=5),
    ]
    with pytest.raises(InputError, match="candidates"):
        writer.write(str(path), "a stone", max_new_tokens=5, do_sample=True, num_return_sequences=2)
