"""What nobody should ask or import, and what becomes of it: an answer, an abstention with its reason, or an error."""

import json
import time

import pytest
from asking import BagOfWords

from nlpkit import KnowledgeGraph
from nlpkit.errors import InputError, NlpkitError, QuestionError

KIT = BagOfWords()


def graph_of(folder, *lines):
    (folder / "facts.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return KnowledgeGraph.load_file(folder / "facts.txt", folder / "facts.kg", KIT)


@pytest.fixture
def films(tmp_path):
    lines = [f"Film {n}|director|Ann Lee" for n in range(40)]
    with graph_of(tmp_path, *lines, "Film 1|cast member|Bo Ray", "!!!|director|Bo Ray") as graph:
        yield graph


def test_a_question_of_ten_thousand_words_is_an_error_that_says_how_many_there_may_be(films):
    with pytest.raises(QuestionError, match="up to 120 words"):
        films.ask("who directed Film 1 " * 2500)


@pytest.mark.parametrize(
    "question",
    [
        "Kto wyreżyserował Film 1?",
        "Φιλμ 1: ποιος τον σκηνοθέτησε;",
        "من أخرج هذا الفيلم؟",
        "Who is it?",
        "Why?",
        "directed directed directed",
        "Who directed [nothing at all]?",
        f"Who directed {', '.join(f'Film {n}' for n in range(30))}?",
    ],
)
def test_what_cannot_be_answered_is_left_open_with_a_reason(films, question):
    answer = films.ask(question)
    assert answer.abstained
    assert answer.note


def test_thirty_entities_are_counted_in_the_reason(films):
    assert "30 names" in films.ask(f"Who directed {', '.join(f'Film {n}' for n in range(30))}?").note


def test_a_name_of_punctuation_alone_can_be_asked_about_in_brackets(films):
    (found,) = films.ask("who directed [!!!]").answers
    assert found.text == "Bo Ray"


def test_five_hundred_namesakes_are_told_and_do_not_slow_the_answer(tmp_path):
    graph = KnowledgeGraph.load_file(same_named(tmp_path), tmp_path / "same.kg", KIT)
    assert len(graph.store.find("Ann Lee")) == 500
    began = time.perf_counter()
    answer = graph.ask("Where was [Ann Lee] born?")
    assert time.perf_counter() - began < 5.0
    assert answer.answers or answer.note


def same_named(folder):
    """Write a graph in which 500 nodes have one name."""
    nodes = [{"id": n, "name": "Ann Lee", "type": "PER"} for n in range(500)]
    nodes += [{"id": 500 + n, "name": f"Town {n}", "type": "LOC"} for n in range(500)]
    links = [{"source": n, "target": 500 + n, "key": "place of birth"} for n in range(500)]
    path = folder / "same.json"
    path.write_text(
        json.dumps({"directed": True, "multigraph": True, "nodes": nodes, "edges": links}), encoding="utf-8"
    )
    return path


@pytest.mark.parametrize(
    "line", ["|director|Ann Lee", "Film 1||Ann Lee", "Film 1|director|", "Film 1|director", " | | "]
)
def test_a_triple_with_an_empty_field_is_named_by_its_line_and_nothing_is_written(tmp_path, line):
    (tmp_path / "bad.txt").write_text(f"A|director|B\n{line}\n", encoding="utf-8")
    with pytest.raises(NlpkitError, match="line 2"):
        KnowledgeGraph.load_file(tmp_path / "bad.txt", tmp_path / "bad.kg")
    assert not (tmp_path / "bad.kg").exists()


def test_marks_of_html_and_cypher_in_a_name_stay_text(tmp_path):
    name = "<script>alert('x')</script>`}) DETACH DELETE n //"
    with graph_of(tmp_path, f"{name}|director|Ann Lee") as graph:
        (found,) = graph.ask(f"who directed [{name}]").answers
        assert found.text == "Ann Lee"
        graph.to_html(tmp_path / "page.html")
        assert "<script>alert" not in (tmp_path / "page.html").read_text(encoding="utf-8")
        graph.export(tmp_path / "graph.cypher")
        statements = (tmp_path / "graph.cypher").read_text(encoding="utf-8").splitlines()
        assert all(line.startswith(("CREATE", "MATCH")) for line in statements)
        with pytest.raises(InputError):
            graph.export(tmp_path / "graph.unknown")
