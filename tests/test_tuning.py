"""Settings chosen by trials within a time."""

from dataclasses import asdict
from types import SimpleNamespace

import pytest
from samples import EXAMPLES

from nlpkit import checkpoint, data, recipes
from nlpkit.cli.train import seconds
from nlpkit.errors import InputError
from nlpkit.tuning import tune

TABLE = {
    "title": "People and places",
    "heads": ["ner"],
    "licence": "Apache-2.0",
    "backbone": "fake",
    "data": {"format": "sample", "train": "train", "hold_out": 5},
    "adapter": {"rank": 2, "alpha": 4},
    "training": {"epochs": 4, "lr": 0.01, "head_lr": 0.01, "batch_tokens": 64, "window": 64, "stride": 48},
    "options": {"ner": {"width": 16, "dropout": 0.0}},
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setitem(data.READERS, "sample", lambda path: iter(EXAMPLES))
    (tmp_path / "train").touch()
    return tmp_path


@pytest.mark.slow
def test_trials_choose_and_a_training_follows(folder):
    told = []
    recipe = recipes.from_dict(TABLE, name="ner/sample")
    out = tune(recipe, data=folder, out=folder / "out", seconds=30, tell=told.append)
    account = checkpoint.account(out)
    assert told[0].settings == {"method": "lora", "layers": "all", "rank": 2, "lr": 0.01}
    assert len(told) > 1
    assert account["tried"] == [asdict(t) for t in told]
    best = max(told, key=lambda t: t.score)
    chosen = account["recipe"]["adapter"]
    assert (chosen["method"], chosen["layers"], chosen["rank"]) == tuple(
        best.settings[k] for k in ("method", "layers", "rank")
    )
    assert account["recipe"]["training"]["lr"] == best.settings["lr"]
    assert account["recipe"]["training"]["epochs"] <= 4
    assert any(t.epochs < 3 for t in told) or len(told) < 4, "poor trials are broken off"
    assert f"the best of {len(told)} that were tried" in (out / "README.md").read_text()
    assert sorted(p.name for p in folder.iterdir()) == ["out", "train"]


def test_without_a_score_nothing_is_chosen(folder):
    recipe = recipes.from_dict(TABLE, name="ner/sample")
    with pytest.raises(InputError, match="no trial came to a score"):
        tune(recipe, data=folder, out=folder / "out", seconds=0.01)
    assert sorted(p.name for p in folder.iterdir()) == ["train"]
    bare = recipes.from_dict({**TABLE, "data": {"format": "sample", "train": "train"}}, name="ner/sample")
    with pytest.raises(InputError, match="names no dev file and holds nothing out"):
        tune(bare, data=folder, out=folder / "out", seconds=10)


def test_several_processes_are_refused(folder, monkeypatch):
    monkeypatch.setattr("nlpkit.tuning.processes", lambda: SimpleNamespace(num_processes=2))
    with pytest.raises(InputError, match="need one process, not 2; choose the settings in one"):
        tune(recipes.from_dict(TABLE, name="ner/sample"), data=folder, out=folder / "out", seconds=10)
    assert [p.name for p in folder.iterdir()] == ["train"]


@pytest.mark.parametrize(("said", "meant"), [("90s", 90), ("15m", 900), ("1.5h", 5400)])
def test_times(said, meant):
    assert seconds(said) == meant


@pytest.mark.parametrize("said", ["15", "m", "", "-3m", "0m", "1d", "1..5h"])
def test_what_is_no_time(said):
    with pytest.raises(InputError, match="allowed: a number and s, m or h"):
        seconds(said)
