import gzip
import json

import pytest

from nlpkit import data
from nlpkit.data.tokens import rebuild
from nlpkit.errors import DataError

RECORD = {
    "title": "Ada",
    "sents": [
        ["Ada", "Byron", "(", "born", "1815", ")", "wrote", "'", "Notes", "'", "."],
        ["Ada", "lived", "in", "London", "."],
    ],
    "vertexSet": [
        [
            {"name": "Ada Byron", "sent_id": 0, "pos": [0, 2], "type": "PER"},
            {"name": "Ada", "sent_id": 1, "pos": [0, 1], "type": "PER"},
        ],
        [{"name": "London", "sent_id": 1, "pos": [3, 4], "type": "LOC"}],
    ],
    "labels": [{"h": 0, "t": 1, "r": "P551", "evidence": [1]}],
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "rel_info.json").write_text(json.dumps({"P551": "residence"}))
    with gzip.open(tmp_path / "dev.json.gz", "wt") as f:
        json.dump([RECORD], f)
    return tmp_path


def test_documents_come_with_chains_relations_and_evidence(folder):
    (example,) = data.read(folder / "dev.json.gz", "redocred")
    document = example.document
    assert document.text.startswith("Ada Byron (born 1815) wrote")
    assert [m.text for m in document.chains[0].mentions] == ["Ada Byron", "Ada"]
    for chain in document.chains:
        assert all(document.text[m.start : m.end] == m.text for m in chain.mentions)
    (relation,) = document.relations
    assert (relation.subject.text, relation.label, relation.property, relation.object.text) == (
        "Ada Byron",
        "residence",
        "P551",
        "London",
    )
    assert [s.text for s in relation.evidence] == ["Ada lived in London."]


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (["He", "won", "the", "men", "'s", "race", "."], "He won the men's race."),
        (["a", "two", "-", "year", "plan"], "a two-year plan"),
        (["from", "1914", "–", "18", ",", "then"], "from 1914–18, then"),
        (["called", '"', "Big", "Ben", '"', "."], 'called "Big Ben".'),
        (["(", "UN", ")", "and", "$", "5"], "(UN) and $5"),
    ],
)
def test_spacing_is_natural(tokens, text):
    assert rebuild([tokens])[0] == text


def test_a_broken_document_is_named_by_its_number(folder):
    path = folder / "bad.json"
    path.write_text(json.dumps([RECORD, {**RECORD, "labels": [{"h": 9, "t": 1, "r": "P551"}]}]))
    with pytest.raises(DataError, match="document 1"):
        list(data.read(path, "redocred"))


def test_missing_files_and_formats_are_explained(folder):
    with pytest.raises(DataError, match=r"no data file .*--data"):
        data.read(folder / "none.json", "redocred")
    with pytest.raises(DataError, match="redocred"):
        data.read(folder / "dev.json.gz", "conll99")
    (folder / "text.json").write_text("{")
    with pytest.raises(DataError, match="not a JSON file"):
        list(data.read(folder / "text.json", "redocred"))
