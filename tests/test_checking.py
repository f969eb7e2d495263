"""Checking data: each kind of finding is found, at its line, and is gone from a repaired copy."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpkit import data
from nlpkit.checking import KINDS, Measure, check, load, tags
from nlpkit.checking.page import page
from nlpkit.checking.repair import fix
from nlpkit.data.writing.columns import SCHEMES
from nlpkit.data.writing.columns import tags as written
from nlpkit.errors import DataError
from nlpkit.testing import fake_backbone

BAD = "\n".join(
    json.dumps(record, ensure_ascii=False)
    for record in [
        {"text": "Ada moved to Oslo.", "entities": [[0, 4, "PER"], [13, 17, "LOC"]]},
        {"text": "Ada moved to Oslo.", "entities": [[0, 4, "PER"], [13, 17, "LOC"]]},
        {"text": "Bo left Rome.", "entities": [[0, 2, "PER"]]},
        {"text": "Bo left Rome.", "entities": [[0, 2, "PER"], [8, 12, "LOC"]]},
        {"text": "bo  left rome.", "entities": []},
        {"text": "", "entities": []},
        {"text": "CafÃ© de Rome\x07 closed", "entities": [[0, 12, "ORG"], [9, 13, "LOC"]]},
        {"text": "It is \ufffd in Oslo\u00a0now", "entities": [[11, 15, "LOC"], [11, 15, "GPE"]]},
        {"text": "Ada is in Oslo, Rome", "entities": [[0, 3, "PER"], [10, 15, "LOC"], [10, 14, "LOC"]]},
        {"text": "Oslo ９ Oslo and Oslo", "entities": [[0, 4, "LOC"], [7, 11, "loc"]]},
    ]
)
FOUND = {
    "span with blanks at its ends": {1, 2},
    "duplicate": {2},
    "conflicting labels": {4},
    "near duplicate": {5},
    "empty text": {6},
    "encoding": {7, 8},
    "control characters": {7},
    "overlapping spans": {7},
    "unusual blanks": {8},
    "span with two labels": {8},
    "span with punctuation at its ends": {9},
    "span inside another": {9},
    "full-width letters": {10},
    "rare label": {0},
    "labels that differ in spelling": {0},
    "not marked everywhere": {3, 10},
}


@pytest.fixture
def bad(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text(f"{BAD}\n", encoding="utf-8")
    return path


def lines(report):
    found = {}
    for finding in report.findings:
        found.setdefault(finding.kind, set()).add(finding.line)
    return found


def test_each_kind_is_found_at_its_line(bad):
    report = check(load([bad]))
    assert lines(report) == FOUND
    assert report.failed()
    assert all(f.file == str(bad) for f in report.findings)


def test_labels_are_counted_with_an_example(bad):
    (file,) = check(load([bad])).files
    held = {label.label: (label.count, label.example) for label in file.labels if label.of == "entity"}
    assert held["LOC"] == (8, "Oslo")
    assert held["GPE"] == (1, "Oslo")
    assert (file.texts, file.lengths.longest, file.lengths.unit) == (10, 21, "characters")
    assert sum(n for _, _, n in file.lengths.bars) == 10


def test_a_repaired_copy_has_what_can_be_mended(bad, tmp_path):
    before = bad.read_bytes()
    (out,), repairs, losses = fix(load([bad]), tmp_path / "out.jsonl")
    assert bad.read_bytes() == before
    assert repairs == {
        "spans freed of blanks at their ends": 2,
        "signs of a wrong encoding mended": 1,
        "control characters taken out": 1,
        "duplicates left out": 1,
        "empty texts left out": 1,
    }
    assert not losses
    again = check(load([out]))
    gone = {"span with blanks at its ends", "duplicate", "empty text", "control characters"}
    assert not gone & set(lines(again))
    assert "conflicting labels" in lines(again)
    texts = {e.document.text: e.document for e in data.read(out)}
    assert [e.text for e in texts["Café de Rome closed"].entities] == ["Café de Rom", "Rome"]
    assert not fix(load([out]), tmp_path / "again.jsonl")[1]


def test_broken_tags_are_named_by_their_lines_and_mended(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text(
        "Ada\tB-PER\nLee\tI-PER\nsang\tO\n\nBo\tI-PER\nin\tO\nOslo\tB-LOC\nFjord\tI-PER\n", encoding="utf-8"
    )
    assert lines(check(load([path])))["broken tag"] == {5, 8}
    (out,), repairs, _ = fix(load([path]), tmp_path / "b.conll")
    assert repairs == {"broken tags mended": 2}
    assert "broken tag" not in lines(check(load([out])))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("B-P I-P O B-P B-P I-Q O", [6]),
        ("I-P I-P O I-P B-P I-Q O", []),
        ("B-P E-P O S-P O E-P O", [6]),
        ("B-P O S-P B-P E-P S-P", [1]),
        ("B-P M-P M-Q E-Q S-P S-P", [2]),
        ("B-P I-P L-P U-P O", []),
        (" ".join(["B-P O"] * 40 + ["E-P O"]), [81]),
    ],
)
def test_what_is_broken_depends_on_the_scheme(given, wanted):
    rows = [list(enumerate(given.split(), 1))]
    assert [line for line, _, _ in tags.broken(rows)] == wanted


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.sampled_from(["P", "Q"])), max_size=6),
    st.sampled_from(sorted(SCHEMES)),
)
def test_tags_of_a_scheme_are_never_broken(runs, scheme):
    at, spans = 0, []
    for gap, length, label in runs:
        spans.append((at + gap, at + gap + length, label))
        at += gap + length
    assert not list(tags.broken([list(enumerate(written(at, spans, scheme), 1))]))


@pytest.fixture
def folder(tmp_path):
    rows = {
        "train": "label,text\n"
        + "".join(f"yes,text {n}\nno,more {n}\n" for n in range(6))
        + "yes,in both\nno,Case  here\n",
        "test": "label,text\nyes,in both\nno,case here\nmaybe,new one\n",
    }
    for name, text in rows.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    (tmp_path / "notes.md").write_text("not data", encoding="utf-8")
    return tmp_path


def test_leaks_and_labels_that_cannot_be_learnt(folder):
    report = check(load([folder]), kind="classification")
    counts = Counter(finding.kind for finding in report.findings)
    assert counts == {"leak between files": 1, "near leak between files": 1, "label not in train": 1}
    assert {f.file for f in report.findings} == {str(folder / "test.csv")}
    files, repairs, _ = fix(load([folder]), folder / "fixed")
    assert [f.name for f in files] == ["train.csv", "test.csv"]
    assert repairs == {"texts of other files left out of train": 2}
    assert Counter(f.kind for f in check(load([folder / "fixed"])).findings) == {"label not in train": 1}


def test_what_the_data_is_for_must_be_in_it(folder):
    found = check(load([folder / "train.csv"]), kind="ner").findings
    assert [f.kind for f in found] == ["nothing labelled"]
    with pytest.raises(DataError, match=", ".join(KINDS)):
        check(load([folder / "train.csv"]), kind="parsing")


def test_a_broken_file_is_a_finding_with_its_line(tmp_path, bad):
    broken = tmp_path / "dev.conll"
    broken.write_text("Ada\tB-PER\nsang\tX-PER\n" + "on\tO\n" * 10, encoding="utf-8")
    report = check(load([bad, broken]))
    (finding,) = [f for f in report.findings if f.kind == "broken file"]
    assert (finding.file, finding.line) == (str(broken), 2)
    assert len(report.findings) > 10


def test_windows_are_counted_with_a_tokenizer(bad):
    measure = Measure(fake_backbone().encode, 8, 6)
    report = check(load([bad]), measure=measure)
    assert report.files[0].lengths.unit == "pieces"
    assert report.files[0].lengths.windows > 10
    assert "long text" in lines(report)


def test_an_input_is_never_written_over(bad, tmp_path):
    with pytest.raises(DataError, match="never changed"):
        fix(load([bad]), bad)


def test_a_folder_without_data_is_said(tmp_path):
    (tmp_path / "readme.md").write_text("hello", encoding="utf-8")
    with pytest.raises(DataError, match="no file called train"):
        load([tmp_path])
    with pytest.raises(DataError, match="no data file"):
        load([tmp_path / "gone.csv"])


def test_the_page_escapes_and_needs_nothing_else(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        "label,text\n<b>x</b>,<script>alert(1)</script>\n<b>x</b>,<script>alert(1)</script>\n", encoding="utf-8"
    )
    html = page(check(load([path])))
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "<svg" in html
    assert "http" not in html
