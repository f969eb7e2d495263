"""Questions on graphs, marked texts, and triples that texts state: what is particular to each reader."""

import json
import sys

import pytest
from test_readers import documents, written

from nlpkit import data
from nlpkit.errors import DataError, MissingExtraError

QALD = {
    "questions": [
        {
            "question": [
                {"language": "en", "string": "Who wrote Hills?"},
                {"language": "de", "string": "Wer schrieb Hügel?"},
                {"language": "fr"},
            ],
            "query": {"sparql": "SELECT ?x WHERE { <h> <author> ?x }"},
            "answers": [{"results": {"bindings": [{"x": {"type": "uri", "value": "http://x.org/Ann"}}]}}],
        },
        {"question": [{"language": "en", "string": "Is Ann old?"}], "answers": [{"boolean": False}]},
    ]
}


def told(document):
    return document.text, dict(document.metadata)


def test_questions_of_qald_come_in_the_language_asked_for(tmp_path):
    path = tmp_path / "qald.json"
    path.write_text(json.dumps(QALD, ensure_ascii=False), encoding="utf-8")
    first = {"answers": ["http://x.org/Ann"], "query": "SELECT ?x WHERE { <h> <author> ?x }"}
    assert list(map(told, documents(path, "auto"))) == [
        ("Who wrote Hills?", first),
        ("Is Ann old?", {"answers": [False]}),
    ]
    assert list(map(told, documents(f"{path}#de", "auto"))) == [("Wer schrieb Hügel?", first)]
    with pytest.raises(DataError, match="holds no example"):
        documents(f"{path}#fr", "questions")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[{"corrected_question": "Who?", "sparql_query": " ASK {} "}]', ("Who?", {"query": "ASK {}"})),
        (
            '{"question": "Who?", "answer": "Ann."}\n{"question": "Why?", "answer": "So."}',
            ("Who?", {"answers": ["Ann."]}),
        ),
        ("who wrote [Hills]\tAnn|Bo\n", ("who wrote Hills", {"answers": ["Ann", "Bo"], "topic": "Hills"})),
        (
            "who wrote [Hills] again\tAnn\twritten_by|knows\n",
            ("who wrote Hills again", {"answers": ["Ann"], "topic": "Hills", "path": ["written_by", "knows"]}),
        ),
        (
            "<question id=1>\twho wrote Hills\n<triple id=1>\tHills ||| author ||| Ann\n<answer id=1>\tAnn ||| Bo\n",
            ("who wrote Hills", {"answers": ["Ann", "Bo"], "triple": ["Hills", "author", "Ann"]}),
        ),
    ],
)
def test_questions_in_other_shapes(text, expected, tmp_path):
    path = tmp_path / "questions"
    path.write_text(text)
    assert told(documents(path, "auto")[0]) == expected
    with pytest.raises(DataError, match="has no part 'de'; only QALD"):
        documents(f"{path}#de", "questions")


def test_an_end_of_a_triple_is_taken_where_its_words_stand(tmp_path, caplog):
    one, other = documents(written(tmp_path, "webnlg"), "webnlg")
    assert [(r.subject.text, r.label, r.object.text) for r in one.relations] == [("Ada Byron", "home", "OSLO")]
    assert [(r.subject.text, r.label, r.object.text) for r in other.relations] == [
        ("Ada Byron", "home", "Oslo"),
        ("Ada Byron", "age", "41"),
    ]
    assert (
        one.metadata["triples"]
        == other.metadata["triples"]
        == [
            ["Ada_Byron", "home", '"Oslo"@en'],
            ["Ada_Byron", "age", '"41"^^xsd:integer'],
        ]
    )
    assert "1 triples were left out" in caplog.text


def test_words_of_a_sentence_stand_as_far_apart_as_their_offsets(tmp_path):
    path = tmp_path / "DRUG-AE.rel"
    path.write_text(written(tmp_path, "ade-corpus").read_text())
    first, second = documents(path, "auto")
    assert [(r.subject.start, r.label, r.object.start) for r in first.relations] == [(20, "AE", 32), (0, "AE", 11)]
    assert [(e.text, e.label) for e in second.entities] == [("Zinc", "DRUG"), ("stopped", "AE")]
    assert {(r.subject.text, r.object.text) for r in first.relations} == {("rash", "zinc"), ("Rash", "zinc")}


def test_marks_may_stand_within_others_and_break_over_lines(tmp_path):
    (document,) = documents(written(tmp_path, "enamex"), "auto")
    assert [(e.text, e.label) for e in document.entities] == [
        ("Ada\nByron", "PERSON"),
        ("Oslo Opera", "ORGANIZATION"),
        ("Oslo", "LOCATION"),
        ("Friday", "DATE"),
    ]
    assert "<" not in document.text


def test_links_stand_in_the_order_of_the_entities(tmp_path, monkeypatch):
    path = written(tmp_path, "nif")
    (document,) = documents(path, "auto")
    assert [e.text for e in document.entities] == ["Ada", "Oslo"]
    assert document.metadata["links"] == [None, "http://y.org/Oslo"]
    monkeypatch.setitem(sys.modules, "rdflib", None)
    with pytest.raises(MissingExtraError, match=r"nlpkit\[rdf\]"):
        documents(path, "nif")


def test_a_list_of_labels_is_several_labels(tmp_path):
    path = tmp_path / "films.jsonl"
    path.write_text('{"plot": "Two ships.", "genres": ["sea", "war", "sea"]}\n{"plot": "Tea.", "genres": []}\n')
    first, second = (e.document for e in data.read(f"{path}#label=genres+text=plot"))
    assert (first.labels["classification"].label, [o.label for o in first.labels["classification"].others]) == (
        "sea",
        ["war"],
    )
    assert not second.labels
