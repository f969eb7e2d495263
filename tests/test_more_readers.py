"""Excel, Hugging Face's data sets, dialogues, and annotations that say which words: what is particular to each."""

import json
import logging
import subprocess
import sys
import zipfile

import datasets
import pytest
from test_readers import MULTIWOZ, ONTOLOGY, documents, table, written

from nlpkit import data
from nlpkit.data import splits
from nlpkit.errors import DataError, MissingExtraError
from nlpkit.recipes import DataSpec


def label(document):
    return document.labels["classification"].label


def test_a_sheet_is_read_by_its_name_with_whole_numbers_and_lines(tmp_path):
    path = written(tmp_path, "excel", "survey.xlsx")
    examples = list(data.read(f"{path}#Mood+label=label+text=review"))
    assert [(e.document.text, label(e.document), e.line) for e in examples] == [
        ("warm tea", "1", 2),
        ("cold tea", "0.5", 4),
        ("7", "2", 5),
    ]
    assert [d.text for d in documents(path, "excel")] == ["warm tea", "cold tea", "7"]  # the first sheet
    with pytest.raises(DataError, match="has no sheet 'Mod'; allowed: Mood, Sheet"):
        documents(f"{path}#Mod", "excel")
    with pytest.raises(DataError, match=r"no column 'tone' for the label; allowed: Label, Review"):
        documents(f"{path}#Mood+label=tone", "excel")


def test_without_the_extra_it_is_named(tmp_path, monkeypatch):
    path = written(tmp_path, "excel", "survey.xlsx")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingExtraError, match=r"nlpkit\[excel\]"):
        documents(path, "excel")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"nlpkit\[datasets\]"):
        list(data.read("hub:some/where#test"))


def test_tables_as_spreadsheets_save_them(tmp_path, caplog):
    path = tmp_path / "survey.csv"
    path.write_bytes("评论,标签\r\n很好吃,好评\r\n太慢了,差评\r\n".encode("gbk"))
    assert [(e.document.text, label(e.document), e.line) for e in data.read(path)] == [
        ("很好吃", "好评", 2),
        ("太慢了", "差评", 3),
    ]
    path.write_bytes('text;label\r\n"schöne Grüße; bis morgen";gut\r\n'.encode("cp1252"))
    assert [(d.text, label(d)) for d in documents(path, "auto")] == [("schöne Grüße; bis morgen", "gut")]
    path.write_bytes("评论\t标签\r\n很好吃\t好评\r\n".encode("utf-16"))
    assert [(d.text, label(d)) for d in documents(path, "tsv")] == [("很好吃", "好评")]


@pytest.mark.parametrize("blanks", ["", "\n  "])
def test_objects_may_stand_in_a_list_too(blanks, tmp_path):
    path = tmp_path / "data.json"
    path.write_text(f'\n[{blanks}{{"text": "a", "label": "x"}},{blanks}{{"text": "b", "label": "y"}}{blanks}]')
    first = 2 + bool(blanks)
    assert [(e.document.text, e.line) for e in data.read(path)] == [("a", first), ("b", first + bool(blanks))]
    assert len({e.source for e in data.read(path)}) == 2
    path.write_text('[{"text": "a", "label": "x"},\n{"text": "b", "lab')
    with pytest.raises(DataError, match="line 2: not JSON"):
        documents(path, "json-lines")
    path.write_text('[{"text": "a", "label": "x"}\n{"text": "b"}]')
    with pytest.raises(DataError, match=r"line 2: '\{' where , or \] must be"):
        documents(path, "json-lines")
    path.write_text('[{"text": "Ada", "spans": [[0, 3, "PER"]]}]')
    assert documents(path, "auto")[0].entities[0].label == "PER"


def rows(**columns):
    return [e.document for e in data.of_dataset(datasets.Dataset.from_dict(columns))]


def test_rows_of_a_dataset_are_read_by_their_columns():
    assert [label(e.document) for e in data.of_dataset(table())] == ["good", "bad"]
    names = datasets.ClassLabel(names=["O", "B-PER"])
    features = datasets.Features(
        {"tokens": [datasets.Value("string")], "pos_tags": [datasets.Value("int64")], "ner_tags": [names]}
    )
    tagged = datasets.Dataset.from_dict(
        {"tokens": [["Ada", "sang"]], "pos_tags": [[3, 4]], "ner_tags": [[1, 0]]}, features
    )
    (document,) = (e.document for e in data.of_dataset(tagged))
    assert [(e.text, e.label) for e in document.entities] == [("Ada", "PER")]
    (pair,) = rows(sentence1=["It rains."], sentence2=["Rain falls."], label=["same"])
    assert (pair.query, pair.text, label(pair)) == ("It rains.", "Rain falls.", "same")
    (question,) = rows(
        id=["a"], context=["Ada in Oslo"], question=["Where?"], answers=[{"text": ["Oslo"], "answer_start": [7]}]
    )
    assert (question.query, question.answers[0].start) == ("Where?", 7)
    (spans,) = rows(text=["Ada sang"], spans=[[{"start": 0, "end": 3, "label": "PER"}]])
    assert spans.entities[0].text == "Ada"
    (asked,) = rows(prompt=["Who?"], response=["Ada."])
    assert (asked.query, asked.text) == ("Who?", "Ada.")
    named = data.of_dataset(
        datasets.Dataset.from_dict({"words": ["tea"], "mood": ["good"]}), "teas", text="words", label="mood"
    )
    assert [(e.document.text, e.source) for e in named] == [("tea", "teas#0")]
    with pytest.raises(DataError, match=r"dataset, row 0 has the columns words, .*; allowed: tokens and ner_tags"):
        rows(words=["tea"])
    with pytest.raises(DataError, match="has the splits train; give one of them"):
        list(data.of_dataset(datasets.DatasetDict(train=table())))


def test_saved_data_sets_parquet_and_the_hub_are_paths(tmp_path, monkeypatch):
    both = datasets.DatasetDict(train=table(), test=table().select([1]))
    both.save_to_disk(tmp_path / "saved")
    assert [label(d) for d in documents(f"{tmp_path / 'saved'}#test", "auto")] == ["bad"]
    with pytest.raises(DataError, match=r"has no split 'dev'; allowed: train, test"):
        documents(f"{tmp_path / 'saved'}#dev", "dataset")
    table().to_parquet(tmp_path / "rows.parquet")
    assert [label(d) for d in documents(tmp_path / "rows.parquet", "auto")] == ["good", "bad"]
    asked = []
    monkeypatch.setattr(datasets, "load_dataset", lambda *given: asked.append(given) or both)
    assert [label(d) for d in documents("hub:some/where#train+config=small", "auto")] == ["good", "bad"]
    assert asked == [("some/where", "small")]
    assert data.exists("hub:some/where#test")
    spec = DataSpec(format="auto", train="hub:some/where#train", test="hub:some/where#test")
    train, _ = splits.split(spec, tmp_path)
    assert ([label(d) for d in train], [label(d) for d in splits.tests(spec, tmp_path)]) == (["good", "bad"], ["bad"])


def test_a_hub_that_cannot_be_reached_is_said():
    with pytest.raises(DataError, match=r"cannot get hub:nobody/nothing: .*; check the name, the network"):
        list(data.read("hub:nobody/nothing#train"))


def test_dialogues_of_multiwoz_are_states_of_their_domains(tmp_path):
    path = written(tmp_path, "multiwoz", "val.json")
    first, second = documents(path, "multiwoz")
    assert first.text == "user: a cheap hotel in the east"
    assert first.labels["dialogue"].label == "find hotel"
    assert first.labels["dialogue.requested"].label == "phone"
    assert first.labels["dialogue.pricerange"].label == "cheap"
    assert first.metadata == {
        "conversation": "P1 hotel",
        "state": {"area": ["east"], "pricerange": ["cheap", "moderate"]},
    }
    assert "| slot area | value east | slot name" in first.query
    assert second.labels["dialogue"].label == "book hotel"
    assert second.labels["dialogue.area"].label == "dontcare"
    assert [(s.text, s.label) for s in second.slots] == [("acorn", "name")]
    with zipfile.ZipFile(tmp_path / "val.json.zip", "w") as archive:
        archive.writestr("val.json", json.dumps(MULTIWOZ))
    assert documents(tmp_path / "val.json.zip", "auto") == [first, second]
    assert (tmp_path / "ontology21.json").read_text() == json.dumps(ONTOLOGY)


def test_conversations_are_turns_with_what_was_said_before(tmp_path):
    path = written(tmp_path, "conversations", "chats.json")
    first, second = documents(path, "auto")
    assert (first.text, [(t.role, t.text) for t in first.history]) == ("Hi.", [("user", "Hello.")])
    assert [(t.role, t.text) for t in second.history] == [("assistant", "Hello."), ("user", "Hi.")]
    for shape in ({"a": {"content": [{"message": "A"}, {"message": "B"}]}}, [{"dialogue": ["A", "B"]}]):
        path.write_text(json.dumps(shape))
        assert [d.text for d in documents(path, "auto")] == ["B"]
    path.write_text("A ? __eou__ B . __eou__\n")
    assert [(e.document.text, e.line) for e in data.read(path)] == [("B .", 1)]


def test_words_are_found_where_they_stand(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    (document,) = documents(written(tmp_path, "nyt"), "nyt")
    assert document.text == "In Oslo, Ada sang."
    assert [(r.subject.start, r.label, r.object.start) for r in document.relations] == [(3, "of", 9)]
    assert "1 triples were left out" in caplog.text
    path = tmp_path / "slots.jsonl"
    path.write_text('{"text": "from Rome to Rome", "intent": "go", "slots": {"from": "Rome", "to": ["Rome"]}}\n')
    (document,) = documents(path, "auto")
    assert [(s.start, s.label) for s in document.slots] == [(5, "from"), (13, "to")]


def test_two_people_are_the_query_and_numbers_have_names(tmp_path):
    (tmp_path / "rel_dict.json").write_text('{"unknown": 0, "夫妻": 1}')
    first, second = documents(written(tmp_path, "people-relations"), "people-relations")
    assert (first.query, first.text, label(first), label(second)) == ("李明，王芳", "###和###结婚了", "夫妻", "unknown")


def test_labels_of_doccano_are_those_of_the_text(tmp_path):
    path = tmp_path / "texts.jsonl"
    path.write_text('{"id": 3, "text": "Ada sang", "label": ["music", "past"]}\n')
    (document,) = documents(path, "auto")
    assert (label(document), document.labels["classification"].others[0].label) == ("music", "past")


def test_one_file_of_a_zip_is_read_by_any_reader(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("in/train.txt", "Ada B-PER\nsang O\n")
        archive.writestr("in/test.json", '{"text": "Ada", "spans": [[0, 3, "PER"]]}\n')
    assert documents(f"{tmp_path / 'all.zip'}#in/train.txt", "auto")[0].entities[0].text == "Ada"
    assert documents(f"{tmp_path / 'all.zip'}#test.json", "spans")[0].entities[0].text == "Ada"


GROWN = """
import resource, sys
from nlpkit import data
n = sum(1 for _ in data.read(sys.argv[1], sys.argv[2]))
print(n, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
LINES = {
    "csv": ("text,label\n", "a warm cup of tea,good\n"),
    "tsv": ("", "a warm cup of tea\tgood\n"),
    "conll": ("", "Ada B-PER\nsang O\n\n"),
    "json-lines": ("", '{"text": "a warm cup of tea", "label": "good"}\n'),
    "spans": ("", '{"text": "Ada sang", "spans": [[0, 3, "PER"]]}\n'),
}


@pytest.mark.slow
@pytest.mark.parametrize("format", LINES)
def test_a_long_file_is_read_in_flat_memory(format, tmp_path):
    heading, line = LINES[format]
    peaks = []
    for n in (30_000, 300_000):
        path = tmp_path / f"{n}.txt"
        with path.open("w") as file:
            file.write(heading)
            file.writelines(line for _ in range(n))
        done = subprocess.run([sys.executable, "-c", GROWN, path, format], capture_output=True, text=True, check=True)
        counted, peak = map(int, done.stdout.split())
        assert counted == n
        peaks.append(peak)
    assert peaks[1] < peaks[0] + 8 * 1024, "kilobytes"
