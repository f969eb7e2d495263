"""`check`, `split` and `convert`, as a user runs them."""

import json

import pytest

from nlpkit import data

GOOD = "".join(f"Ada{n}\tB-PER\nsang\tO\nin\tO\nOslo{n}\tB-LOC\n\n" for n in range(10))


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "all.conll"
    path.write_text(GOOD, encoding="utf-8")
    return path


def test_good_data_ends_with_0(good, run):
    result = run("check", good, "--as", "ner")
    assert result.exit_code == 0
    assert "0 errors, 0 warnings, 0 notes" in result.stdout
    assert "PER" in result.stdout


def test_errors_end_with_1_and_warnings_where_strict(good, run):
    good.write_text(GOOD + "Bo\tB-PER\nsang\tO\nin\tO\nRome\tB-LOC\n\n" * 2, encoding="utf-8")
    assert run("check", good).exit_code == 0
    assert run("check", good, "--strict").exit_code == 1
    good.write_text(GOOD + "Bo\tI-PER\n", encoding="utf-8")
    result = run("check", good)
    assert result.exit_code == 1
    assert f"{good}:51: I-PER follows O" in result.stdout


def test_json_is_one_object(good, run):
    result = run("check", good, "--json")
    report = json.loads(result.stdout)
    assert report["files"][0]["texts"] == 10
    assert {"of": "entity", "label": "PER", "count": 10, "example": "Ada0"} in report["files"][0]["labels"]
    assert report["findings"] == []


def test_page_and_copy_are_written(good, tmp_path, run):
    good.write_text(GOOD + "Bo\tI-PER\n", encoding="utf-8")
    result = run("check", good, "--html", tmp_path / "page.html", "--fix", tmp_path / "fixed.conll")
    assert "broken tags mended 1" in result.stderr
    assert "<svg" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert run("check", tmp_path / "fixed.conll").exit_code == 0


def test_split_writes_parts_that_are_read(good, tmp_path, run):
    result = run("split", good, "--out", tmp_path / "parts")
    assert result.exit_code == 0
    sizes = {p.name: len(list(data.read(p))) for p in (tmp_path / "parts").iterdir()}
    assert sizes == {"train.conll": 8, "dev.conll": 1, "test.conll": 1}
    assert run("split", good, "--out", tmp_path / "x", "--by", "document").exit_code == 1
    assert not (tmp_path / "x").exists()


def test_convert_says_what_is_lost(good, tmp_path, run):
    result = run("convert", good, tmp_path / "a.jsonl")
    assert "nothing was lost" in result.stderr
    assert [e.document.entities for e in data.read(tmp_path / "a.jsonl")] == [
        e.document.entities for e in data.read(good)
    ]
    record = {
        "text": "Ada in New York",
        "entities": [
            {"id": 1, "start": 0, "end": 3, "label": "PER"},
            {"id": 2, "start": 7, "end": 15, "label": "LOC"},
            {"id": 3, "start": 11, "end": 15, "label": "LOC"},
        ],
        "relations": [{"from_id": 1, "to_id": 2, "type": "in"}],
    }
    (tmp_path / "b.jsonl").write_text(json.dumps(record), encoding="utf-8")
    result = run("convert", tmp_path / "b.jsonl", tmp_path / "b.conll", "--scheme", "bioes")
    assert "relations 1, overlapping spans 1" in result.stderr
    assert "S-PER" in (tmp_path / "b.conll").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", [["convert"], ["split", "--out"]])
def test_data_is_never_written_over(good, run, command):
    target = good if command == ["convert"] else good.parent
    good.rename(good.with_name("train.conll"))
    source = good.with_name("train.conll")
    result = run(command[0], source, *command[1:], source if command == ["convert"] else target)
    assert result.exit_code == 1
    assert "written over" in result.stderr
    assert source.read_text(encoding="utf-8") == GOOD
