"""What the graph does not say is read in documents, and the answer says so."""

import json

import pytest
from asking import FACTS, BagOfWords
from typer.testing import CliRunner

from nlpkit import KnowledgeGraph
from nlpkit.cli.main import app
from nlpkit.errors import GraphError
from nlpkit.graph import beside
from nlpkit.types import Answer

TEXTS = ["Alan Turing ran marathons. His favourite fruit was the apple.", "Warsaw lies on the Vistula."]


class Searching(BagOfWords):
    """Finds the first document that has the question's last word."""

    def search(self, question, documents):
        word = question.rstrip("?").split()[-1]
        places = [(str(n), text.find(word), text) for n, text in enumerate(documents)]
        return [Answer(word, at, at + len(word), 0.8, name) for name, at, _ in places if at >= 0]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("beside")
    bare = "\n".join(
        "|".join(part.partition(":")[0] for part in line.split("|")) for line in FACTS.strip().splitlines()
    )
    (folder / "facts.txt").write_text(bare + "\n", encoding="utf-8")
    KnowledgeGraph.load_file(folder / "facts.txt", folder / "facts.kg").close()
    return folder / "facts.kg"


@pytest.fixture
def graph(path):
    with KnowledgeGraph.open(path, Searching()) as opened:
        yield opened


def test_what_the_graph_says_comes_from_the_graph(graph):
    answer = graph.ask("Where was Marie Curie born?", documents=TEXTS)
    assert [one.text for one in answer.answers] == ["Warsaw"]
    assert answer.source == "graph"


def test_what_it_does_not_say_comes_from_a_text_with_its_place(graph):
    answer = graph.ask("On what river lies [Warsaw], the Vistula?", documents=TEXTS)
    assert not answer.abstained
    assert answer.source == answer.to_dict()["source"] == "text"
    (evidence,) = answer.evidence
    assert TEXTS[int(evidence.document)][evidence.start : evidence.end] == answer.answers[0].text == "Vistula"
    assert "read in" in answer.note
    assert answer.path == ()


def test_what_neither_says_is_left_open(graph):
    answer = graph.ask("Who is the king of [Atlantis]?", documents=TEXTS)
    assert answer.abstained
    assert answer.source == "graph"
    assert answer.note.endswith("the documents do not say it either")


def test_a_doubtful_reading_is_left_open(graph, monkeypatch):
    monkeypatch.setattr(beside, "LEAST", 0.9)
    assert graph.ask("On what river lies [Warsaw], the Vistula?", documents=TEXTS).abstained


def test_a_kit_that_cannot_search_is_an_error_that_says_so(path):
    with KnowledgeGraph.open(path, BagOfWords()) as bare, pytest.raises(GraphError, match="cannot search"):
        bare.ask("Who is the king of [Atlantis]?", documents=TEXTS)


@pytest.mark.slow
def test_the_command_reads_a_folder(path, tmp_path):
    (tmp_path / "turing.txt").write_text(
        "Alan Turing ran marathons. He kept his mug chained to a radiator in Bletchley."
    )
    asked = [
        "graph",
        "ask",
        str(path),
        "Where did Alan Turing keep his mug?",
        "--documents",
        str(tmp_path),
        "--json",
    ]
    found = CliRunner().invoke(app, asked)
    assert found.exit_code == 0, found.output
    answer = json.loads(found.stdout)
    assert answer["source"] == "text"
    assert "Bletchley" in answer["answers"][0]["text"]
    assert answer["evidence"][0]["document"] == "turing.txt"
