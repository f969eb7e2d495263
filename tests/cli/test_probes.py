"""`nlpkit explain`, and `nlpkit evaluate` with --robustness and --fairness, on a task of the fake backbone."""

import json

import pytest
from samples import EXAMPLES
from test_explaining import task

import nlpkit
from nlpkit import checkpoint, data
from nlpkit.evaluation import Evaluation


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """Let every name be an untrained tagger's, and its data the samples."""
    loaded = task("ner")
    monkeypatch.setattr(checkpoint, "locate", lambda adapter: tmp_path)
    monkeypatch.setattr(checkpoint, "load", lambda folder: loaded)
    monkeypatch.setattr(checkpoint, "account", lambda folder: {"recipe": {"heads": ["ner"]}})
    monkeypatch.delitem(data.PART_READERS, "squad")
    monkeypatch.setitem(data.READERS, "squad", lambda path: iter(EXAMPLES[:3]))
    evaluation = Evaluation("t", "test", 3, {"f1": 0.5}, {})
    monkeypatch.setitem(vars(nlpkit), "evaluate", lambda adapter, *, data: evaluation)
    (tmp_path / "test").touch()
    return tmp_path / "test"


def test_robustness_and_fairness_stand_beside_the_scores(run, fake):
    found = json.loads(run("evaluate", "t", "--data", fake, "--robustness", "--fairness", "--json").stdout)
    assert found["scores"] == {"f1": 0.5}
    assert found["robustness"]["effects"]["unseen names"]["n"] == 3
    assert set(found["fairness"]["axes"]["origin"]["groups"]) >= {"english", "polish"}
    shown = run("evaluate", "t", "--data", fake, "--robustness", "--fairness").stdout
    assert "upper case" in shown
    assert "not decided alike" in shown
    assert "pronouns: not measured" in shown


def test_neither_is_measured_unless_asked_for(run, fake):
    assert set(json.loads(run("evaluate", "t", "--data", fake, "--json").stdout)) == {
        *("task", "data", "n", "scores", "per_label")
    }


def test_groups_of_ones_own_and_what_is_wrong_with_them(run, fake):
    own = fake.with_name("own.toml")
    own.write_text("[side.one]\nfamily = ['Ash']\n[side.two]\nfamily = ['Elm']\n", encoding="utf-8")
    found = json.loads(run("evaluate", "t", "--data", fake, "--fairness", "--groups", own, "--json").stdout)
    assert set(found["fairness"]["axes"]) == {"side"}
    alone = run("evaluate", "t", "--data", fake, "--groups", own)
    assert (alone.exit_code, "give both" in alone.stderr) == (1, True)
    own.write_text("[side.one]\n", encoding="utf-8")
    assert run("evaluate", "t", "--data", fake, "--fairness", "--groups", own).exit_code == 1


def test_explain_prints_words_json_or_a_page(run, fake):
    shown = run("explain", "t", "Ann Lee left Rome.", "--most", 1)
    assert shown.exit_code == 0
    assert "adds" in shown.stdout
    page = fake.with_name("page.html")
    result = run("explain", "t", "Ann Lee left Rome.", "--most", 2, "--json", "--html", page)
    found = json.loads(result.stdout)
    assert len(found["explanations"]) <= 2
    assert [w["text"] for w in found["explanations"][0]["words"]] == ["Ann", "Lee", "left", "Rome", "."]
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [p.name for p in fake.parent.iterdir() if p.name.endswith(".part")] == []


def test_explain_says_what_is_wrong(run, fake):
    result = run("explain", "t", "Ann left.", "--task", "nre")
    assert (result.exit_code, "no task 'nre'" in result.stderr) == (1, True)
