import dataclasses
import json

import pytest

from nlpkit import recipes
from nlpkit.errors import RecipeError

SMALLEST = """
title = "Two lines"
heads = ["ner"]
licence = "CC0-1.0"

[data]
format = "conll"
train = "train.txt"
"""


def written(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", recipes.names())
def test_every_shipped_recipe_loads_and_comes_back_from_json(name):
    recipe = recipes.find(name)
    assert recipe.name == name
    assert recipe.heads
    assert recipe.goals, "a shipped recipe says what it must reach"
    assert recipe.data.test, "a shipped recipe says what it is measured on"
    assert recipes.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_the_wikipedia_recipe_is_shipped():
    assert "relation/wikipedia" in recipes.names()


def test_a_recipe_is_frozen():
    recipe = recipes.find("relation/wikipedia")
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe.training.epochs = 1


@pytest.mark.parametrize("name", ["relation/wikipedia", "tasks/relation/wikipedia.toml"])
def test_a_shipped_recipe_is_found_from_any_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert recipes.find(name).name == "relation/wikipedia"


def test_defaults_fill_what_is_not_said(tmp_path):
    recipe = recipes.find(written(tmp_path, SMALLEST))
    assert recipe.name == "mine"
    assert recipe.backbone == "default"
    assert recipe.adapter == recipes.AdapterSpec()
    assert recipe.training == recipes.TrainingSpec()
    assert recipe.data.dev is None


def test_a_whole_number_may_stand_for_a_fraction(tmp_path):
    recipe = recipes.load(written(tmp_path, SMALLEST + "[adapter]\nalpha = 8\n"))
    assert recipe.adapter.alpha == 8.0
    assert isinstance(recipe.adapter.alpha, float)


def test_modules_by_name_and_options(tmp_path):
    text = SMALLEST + '[adapter]\nmodules = ["query", "value"]\n[options.ner]\nshape = true\n'
    recipe = recipes.load(written(tmp_path, text))
    assert recipe.adapter.modules == ("query", "value")
    assert recipe.options == {"ner": {"shape": True}}
    assert recipes.from_dict(recipe.to_dict()) == recipe


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SMALLEST + "[training]\nepoch = 3\n", r"unknown key 'training\.epoch'; allowed: epochs, lr"),
        ("colour = 1\n" + SMALLEST, "unknown key 'colour'; allowed: name, title"),
        ('name = "x"\n' + SMALLEST, "named by its path"),
        (SMALLEST + "[training]\nepochs = 0\n", r"training\.epochs = 0; allowed: above 0"),
        (SMALLEST + "[training]\nepochs = true\n", r"training\.epochs = True; allowed: a whole number"),
        (SMALLEST + "[training]\nepochs = 1.5\n", r"training\.epochs = 1\.5; allowed: a whole number"),
        (SMALLEST + '[training]\nlr = "1e-3"\n', r"training\.lr = '1e-3'; allowed: a number"),
        (SMALLEST + "[training]\nlr = nan\n", r"training\.lr = nan; allowed: a number"),
        (SMALLEST + "[training]\nhide = 1\n", r"training\.hide = 1; allowed: from 0"),
        (SMALLEST + "[training]\nwindow = 64\nstride = 65\n", r"stride = 65; allowed: at most training\.window \(64\)"),
        (SMALLEST + "[adapter]\ndropout = 1.0\n", r"adapter\.dropout = 1\.0"),
        (SMALLEST + '[adapter]\nlayers = "top"\n', r'adapter\.layers = \'top\'; allowed: "all", "top:N"'),
        (SMALLEST + '[adapter]\nlayers = "top:0"\n', r"adapter\.layers"),
        (SMALLEST + '[adapter]\nmodules = "query"\n', r'adapter\.modules = \'query\'; allowed: "all-linear" or a list'),
        (SMALLEST + "[adapter]\nmodules = [1]\n", r"adapter\.modules = \[1\]"),
        (SMALLEST + "[goals]\nf1 = 83\n", r"goals\.f1 = 83; allowed: a number from 0 to 1"),
        (SMALLEST + "[options.qa]\nx = 1\n", "options for 'qa'.*allowed: ner"),
        (SMALLEST + "[options]\nner = 3\n", r"options\.ner = 3; allowed: a table"),
        (SMALLEST + 'dev = "d"\nhold_out = 5\n', r"data\.hold_out = 5; allowed: 0 where data\.dev"),
        (SMALLEST.replace('["ner"]', "[]"), r"heads = \[\]; allowed: one head or more"),
        (SMALLEST.replace('["ner"]', '["ner", "ner"]'), "none twice"),
        (SMALLEST.replace('["ner"]', '"ner"'), "heads = 'ner'; allowed: a list of strings"),
        (SMALLEST.replace('train = "train.txt"', ""), r"the key 'data\.train' is missing"),
        ('backbone_sha256 = "abc"\n' + SMALLEST, "backbone_sha256 = 'abc'; allowed: 64 hexadecimal digits"),
        ("adapter = 3\n" + SMALLEST, "adapter = 3; allowed: a table"),
        ("title = ", "not a TOML file"),
    ],
)
def test_a_broken_recipe_names_file_key_value_and_what_is_allowed(tmp_path, text, message):
    with pytest.raises(RecipeError, match=message) as error:
        recipes.load(written(tmp_path, text))
    assert "mine.toml" in str(error.value)


def test_a_file_that_is_not_text(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(RecipeError, match="UTF-8"):
        recipes.load(path)


def test_an_unknown_recipe_is_told_with_the_nearest():
    with pytest.raises(RecipeError, match=r"no recipe 'relation/wikpedia'; did you mean 'relation/wikipedia'"):
        recipes.find("relation/wikpedia")


def test_names_do_not_leave_the_folder():
    with pytest.raises(RecipeError, match="no recipe"):
        recipes.find("../pyproject")


def test_a_missing_file():
    with pytest.raises(RecipeError, match=r"cannot read the recipe nowhere\.toml"):
        recipes.load("nowhere.toml")


def test_a_shipped_adapter_was_made_by_the_recipe_of_its_name():
    from nlpkit import checkpoint

    for name in checkpoint.shipped_names():
        assert recipes.from_dict(checkpoint.account(checkpoint.locate(name))["recipe"]) == recipes.find(name)
