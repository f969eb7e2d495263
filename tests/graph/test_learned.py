"""Asking with an adapter that learnt from questions and answers, on words that name nothing in the graph."""

import json

import pytest
from asking import FILMS, BagOfWords
from typer.testing import CliRunner

import nlpkit
from nlpkit import KnowledgeGraph, recipes
from nlpkit.adapters import Adapted
from nlpkit.cli.main import app
from nlpkit.errors import DataError
from nlpkit.kit import Kit
from nlpkit.testing import fake_backbone
from nlpkit.types import Document

RECIPE = """
title = "Made-up words"
heads = ["kgqa"]
licence = "CC0-1.0"
backbone = "fake"

[data]
format = "questions"
train = "made-up-*.txt"
test = "made-up-1.txt"

[adapter]
method = "lora"
rank = 4

[training]
epochs = 200
lr = 1e-2
head_lr = 3e-2
window = 64
stride = 48

[goals]
set_f1 = 0.9
"""
FIRST = """
zim rano [Heat]\tMichael Mann
zim rano [Ali]\tMichael Mann
[Al Pacino] oteto sera\tHeat|Serpico
[Will Smith] oteto sera\tAli
"""
SECOND = """
tosa [Ali] nerit\tDrama
tosa [Heat] nerit\tCrime
ilon [Serpico]\t1973
ilon [Ali]\t2001
sist [Serpico] rerit\tMichael Mann
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("kgqa")
    (path / "films.txt").write_text(FILMS.strip() + "\n", encoding="utf-8")
    (path / "made-up-1.txt").write_text(FIRST.strip() + "\n", encoding="utf-8")
    (path / "made-up-2.txt").write_text(SECOND.strip() + "\n", encoding="utf-8")
    (path / "mine.toml").write_text(RECIPE, encoding="utf-8")
    KnowledgeGraph.load_file(path / "films.txt", path / "films.kg").close()
    return path


@pytest.fixture(scope="module")
def adapter(folder):
    with KnowledgeGraph.open(folder / "films.kg", Kit(Adapted(fake_backbone()))) as graph:
        return nlpkit.train(folder / "mine.toml", data=folder, out=folder / "adapter", graph=graph)


@pytest.fixture
def graph(folder, adapter):
    with KnowledgeGraph.open(folder / "films.kg", nlpkit.load(str(adapter))) as opened:
        yield opened


def found(graph, question, **options):
    return {one.text for one in graph.ask(question, **options).answers}


@pytest.mark.parametrize(
    ("question", "answers"),
    [
        ("zim rano [Heat]", {"Michael Mann"}),
        ("zim rano Ali", {"Michael Mann"}),
        ("[Al Pacino] oteto sera", {"Heat", "Serpico"}),
        ("tosa [Heat] nerit", {"Crime"}),
        ("ilon [Serpico]", {"1973"}),
        ("sist [Serpico] rerit", {"Michael Mann"}),
    ],
)
def test_it_answers_in_words_that_it_learnt(graph, question, answers):
    assert found(graph, question, threshold=0.0) == answers


def test_an_answer_has_its_path_and_a_probability(graph):
    answer = graph.ask("zim rano [Heat]", threshold=0.0)
    assert answer.path == (("Heat", "directed_by", "Michael Mann"),)
    assert 0.0 < answer.score <= 1.0
    assert "directed_by" in answer.plan


def test_what_the_graph_lacks_is_left_open_rather_than_answered_by_another_plan(graph):
    # Heat has no year, and what else it has was not asked for.
    sure, gone = graph.ask("ilon [Serpico]", threshold=0.0), graph.ask("ilon [Heat]", threshold=0.0)
    assert gone.abstained or gone.score < 0.5 < sure.score


def test_without_the_adapter_the_words_mean_nothing(folder):
    with KnowledgeGraph.open(folder / "films.kg", BagOfWords()) as bare:
        assert bare.ask("zim rano [Heat]").abstained


def test_texts_are_read_as_if_the_task_was_not_there(adapter):
    document = nlpkit.load(str(adapter))("zim rano Heat")
    assert document == Document("zim rano Heat")
    assert json.dumps(document.to_dict())


def test_without_a_graph_training_says_what_is_missing(folder, tmp_path):
    with pytest.raises(DataError, match="--graph"):
        nlpkit.train(folder / "mine.toml", data=folder, out=tmp_path / "out")


def test_the_account_says_what_was_learnt(adapter):
    account = json.loads((adapter / "nlpkit.json").read_text(encoding="utf-8"))
    assert account["scores"]["test"]["set_f1"] > 0.9


def test_the_commands_train_ask_and_evaluate(folder, adapter, tmp_path):
    quick = recipes.find(folder / "mine.toml")
    (tmp_path / "quick.toml").write_text(RECIPE.replace("epochs = 200", "epochs = 1"), encoding="utf-8")
    assert quick.heads == ("kgqa",)
    run = CliRunner().invoke
    kg, out = str(folder / "films.kg"), str(tmp_path / "out")
    trained = run(app, ["train", str(tmp_path / "quick.toml"), "--data", str(folder), "--graph", kg, "--out", out])
    assert trained.exit_code == 0, trained.output
    assert (tmp_path / "out" / "nlpkit.json").is_file()
    asked = run(
        app,
        [
            "graph",
            "evaluate",
            kg,
            "-q",
            str(folder / "made-up-1.txt"),
            "-a",
            str(adapter),
            "--threshold",
            "0",
            "--json",
        ],
    )
    assert asked.exit_code == 0, asked.output
    scores = json.loads(asked.stdout)
    assert scores["n"] == 4
    assert scores["scores"]["hits1"] == 1.0
    assert scores["scores"].keys() >= {"hits1", "set_f1", "exact_set"}
