"""What an evaluation of a trained adapter holds, and what the command makes of it."""

import json

import pytest
from test_training import folder, trained  # noqa: F401
from typer.testing import CliRunner

import nlpkit
from nlpkit.cli.main import app
from nlpkit.errors import InputError


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_scores_come_with_all_that_explains_them(trained, folder):  # noqa: F811
    found = nlpkit.evaluate(trained, data=folder)
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["intervals"].keys() == plain["scores"].keys()
    for name, (low, high) in plain["intervals"].items():
        assert low <= plain["scores"][name] <= high
    assert plain["matching"]["entities"]["strict"]["micro"]["f1"] == pytest.approx(plain["scores"]["ner_f1"], abs=1e-4)
    assert sum(plain["errors"]["relations"].values()) >= 6
    assert plain["calibration"]["entities"]["n"] > 0
    assert "thresholds" not in plain
    assert "documents" not in plain
    assert [d.gold.id for d in found.documents] == [f"doc{n}" for n in range(6)]


def test_a_threshold_is_chosen_on_other_data(trained, folder):  # noqa: F811
    (folder / "dev").touch()
    test = folder / "test"
    found = nlpkit.evaluate(trained, data=test, format="sample", threshold_from=folder / "dev", precision=0.5)
    assert found.scores == nlpkit.evaluate(trained, data=test, format="sample").scores
    relations = found.thresholds["relations"]
    assert relations.dev["precision"] >= 0.5
    assert 0 < relations.test["coverage"] <= 1
    assert found.to_dict()["thresholds"]["entities"]["least"] == found.thresholds["entities"].least


def test_what_does_not_go_together_is_said(trained, folder):  # noqa: F811
    test = folder / "test"
    with pytest.raises(InputError, match="chosen on the test data"):
        nlpkit.evaluate(trained, data=test, threshold_from=folder / "." / "test")
    for precision, dev in ((0.9, None), (1.5, folder / "dev"), (0.0, folder / "dev")):
        with pytest.raises(InputError, match=f"precision={precision}"):
            nlpkit.evaluate(trained, data=test, threshold_from=dev, precision=precision)
    result = run("evaluate", "qa/squad", "--data", folder, "--set", "top_k=3")
    assert (result.exit_code, "reads texts" in result.stderr) == (1, True)
    result = run("evaluate", "qa/squad", "--data", folder, "--against", "a", "--against", "b")
    assert (result.exit_code, "takes one adapter" in result.stderr) == (1, True)
    result = run("evaluate", trained, "--data", folder, "--against", "nowhere")
    assert (result.exit_code, "no adapter 'nowhere'" in result.stderr) == (1, True)
    result = run("evaluate", "summary", "--data", folder, "--report", folder / "report.html")
    assert (result.exit_code, "writes texts" in result.stderr) == (1, True)


def test_an_adapter_for_something_else_is_refused(trained, folder):  # noqa: F811
    with pytest.raises(InputError, match=r"intent/banking77 has the heads classification; test is for relation"):
        nlpkit.evaluate("intent/banking77", data=folder, read_as=trained)


def test_the_command_shows_reports_and_compares(trained, folder):  # noqa: F811
    page = folder / "report.html"
    result = run("evaluate", trained, "--data", folder, "--against", trained, "--report", page, "--json")
    assert result.exit_code == 0, result.stderr
    (record,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert record["against"]["differences"]["ner_f1"]["p"] == 1.0
    assert record["against"]["right"]["first"] == record["against"]["right"]["second"] == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert not list(folder.glob(".*.part"))
    shown = run("evaluate", trained, "--data", folder, "--against", trained).stdout
    assert "95 % interval" in shown
    assert "strict and in part" in shown
    assert "documents all right: " in shown
