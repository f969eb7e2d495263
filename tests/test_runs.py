"""Long runs: killed and taken up, spread over processes, stopped when nothing is gained, in large steps."""

import json
import random
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from safetensors.torch import load_file
from samples import EXAMPLES

import nlpkit
from nlpkit import checkpoint, data, quick, recipes, runstate, training
from nlpkit.objectives import Heads

TABLE = {
    "title": "People and places",
    "heads": ["ner"],
    "licence": "Apache-2.0",
    "backbone": "fake",
    "data": {"format": "conll", "train": "train.conll", "test": "train.conll", "hold_out": 5},
    "adapter": {"rank": 4, "alpha": 8},
    "training": {"epochs": 4, "lr": 0.01, "head_lr": 0.01, "batch_tokens": 64, "window": 64, "stride": 48},
    "options": {"ner": {"width": 16, "dropout": 0.1}},
}
RECIPE = recipes.from_dict(TABLE, name="ner/sample")
SCRIPT = """
import json, sys
import nlpkit
from nlpkit import recipes
recipe = recipes.from_dict(json.loads(sys.argv[1]), name="ner/sample")
nlpkit.train(recipe, data=sys.argv[2], out=sys.argv[3], progress=lambda p: print(f"{p.step}\\n", end="", flush=True))
"""
COUNTED = """
from nlpkit.objectives import Heads
loss, batches = Heads.loss, []
Heads.loss = lambda *given: batches.append(1) or loss(*given)
"""
SHARED = """
import os
print(f"batches {os.environ['RANK']} {len(batches)}\\n", end="", flush=True)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the samples as columns."""
    folder = tmp_path_factory.mktemp("runs")
    lines = []
    for example in EXAMPLES:
        document = example.document
        ends = {e.start: (e.end, e.label) for e in document.entities}
        at, inside, label = 0, 0, ""
        for word in document.text.replace(".", " .").split():
            at = document.text.index(word, at)
            if at in ends:
                inside, label = ends[at]
            lines.append(f"{word} {'O' if at >= inside else f'B-{label}' if at in ends else f'I-{label}'}")
            at += len(word)
        lines.append("")
    (folder / "train.conll").write_text("\n".join(lines))
    return folder


def begin(recipe, folder, out, *, command=()):
    """Start a training in a process of its own; its output is the number of each step."""
    given = [json.dumps(recipe.to_dict()), str(folder), str(out)]
    command = [*(command or [sys.executable]), "-c", SCRIPT] if not command else [*command]
    return subprocess.Popen([*command, *given], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def same(one, other):
    """Say whether two adapter folders hold the same weights, bit for bit."""
    files = ("adapter_model.safetensors", "head.safetensors")
    pairs = [(load_file(one / name), load_file(other / name)) for name in files]
    return all(a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a) for a, b in pairs)


@pytest.mark.slow
def test_a_killed_run_ends_as_an_unbroken_one(folder, tmp_path):
    draw, recipe = random.Random(5), replace(RECIPE, training=replace(RECIPE.training, epochs=40))
    nlpkit.train(recipe, data=folder, out=tmp_path / "whole")
    seen = []
    for _ in range(2):
        process = begin(recipe, folder, tmp_path / "killed")
        first = process.stdout.readline()
        for _ in range(draw.randint(40, 60)):
            assert process.stdout.readline()
        time.sleep(draw.uniform(0.0, 0.02))
        process.kill()
        process.communicate()
        assert process.returncode == -9
        seen.append(int(first))
    # Each goes on near where the one before was killed, and none had ended.
    assert all(after > before + 1 for before, after in pairwise(seen))
    process = begin(recipe, folder, tmp_path / "killed")
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert same(tmp_path / "whole", tmp_path / "killed")
    one, other = (checkpoint.account(tmp_path / name)["training"]["history"] for name in ("whole", "killed"))
    assert one == other


def test_what_a_killed_save_left_is_removed(tmp_path):
    parameters = {"weight": torch.nn.Parameter(torch.ones(3))}
    (tmp_path / ".tmpAbCd").write_bytes(b"half a state")
    runstate.save(tmp_path / "last.safetensors", parameters, {"step": 4})
    assert [p.name for p in tmp_path.iterdir()] == ["last.safetensors"]
    assert runstate.account(tmp_path / "last.safetensors") == {"step": 4}


@pytest.mark.slow
def test_processes_share_the_batches_of_a_step(folder, tmp_path, monkeypatch):
    recipe = replace(RECIPE, training=replace(RECIPE.training, epochs=3, step_tokens=128))
    counted, loss = [], Heads.loss
    monkeypatch.setattr(Heads, "loss", lambda *given: counted.append(1) or loss(*given))
    nlpkit.train(recipe, data=folder, out=tmp_path / "one")
    script = tmp_path / "script.py"
    script.write_text(f"{COUNTED}{SCRIPT}{SHARED}")
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(script)]
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    process = begin(recipe, folder, tmp_path / "two", command=[sys.executable, *launch])
    output, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    said = [line.split() for line in output.splitlines()]
    steps = [int(line[0]) for line in said if len(line) == 1]
    assert sorted(steps) == sorted(2 * [*range(1, max(steps) + 1)])
    # Each batch is learnt from by one of them.
    learnt = {rank: int(batches) for rank, batches in (line[1:] for line in said if line[0] == "batches")}
    assert learnt.keys() == {"0", "1"}
    assert min(learnt.values()) > 0
    assert sum(learnt.values()) == len(counted)
    one, two = (load_file(tmp_path / name / "head.safetensors") for name in ("one", "two"))
    assert all(torch.allclose(one[name], two[name], atol=2e-3) for name in one)
    assert checkpoint.account(tmp_path / "two")["scores"] == checkpoint.account(tmp_path / "one")["scores"]


@pytest.mark.slow
def test_the_first_of_several_processes_speaks_for_all(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    asked = ["train", "--data", folder / "train.conll", "--out", tmp_path / "out", "--backbone", "fake"]
    done = subprocess.run([*launch, "-m", "nlpkit", *asked], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(tmp_path / "out")]
    assert done.stderr.count("training ner/") == 1
    assert checkpoint.account(tmp_path / "out")["training"]["history"]
    assert not (tmp_path / "out" / ".training").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]


def test_a_step_of_several_batches_is_the_step_of_one_large_batch(folder, tmp_path, monkeypatch):
    """With all windows of one length, nothing but the order of sums differs."""
    text = "Ann Lee was born in Rome ."
    tags = ["B-PER", "I-PER", "O", "O", "O", "B-LOC", "O"]
    sentence = "\n".join(f"{word} {tag}" for word, tag in zip(text.split(), tags, strict=True))
    (tmp_path / "train.conll").write_text("\n\n".join([sentence] * 12))
    cubes = lambda self, hidden, windows, targets: (hidden.states**3).mean()  # noqa: E731
    monkeypatch.setattr("nlpkit.heads.ner.NerHead.loss", cubes)
    for dropout in (torch.nn.Dropout, quick.Dropout):
        monkeypatch.setattr(dropout, "forward", lambda self, states: states)
    runs = []
    for batch_tokens, step_tokens in ((1000, 0), (22, 1000)):
        spec = replace(RECIPE.training, epochs=1, batch_tokens=batch_tokens, step_tokens=step_tokens)
        quiet = replace(RECIPE, training=spec, data=replace(RECIPE.data, hold_out=0, test=None))
        run = training.Run(quiet, tmp_path, tmp_path / "out")
        assert run.steps == 1
        run.fit()
        runs.append(run)
    assert runs[0]._n_batches == 1 < runs[1]._n_batches
    assert runs[0].history[0]["loss"] == pytest.approx(runs[1].history[0]["loss"], rel=1e-5)
    gradients = [{n: p.grad for n, p in run.parameters.items() if p.grad is not None} for run in runs]
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradient, gradients[1][name], rtol=1e-3, atol=1e-6), name


def test_training_ends_when_nothing_is_gained(folder, tmp_path, monkeypatch):
    scores = iter([0.5, 0.7, 0.6, 0.7, 0.4, 0.9])
    monkeypatch.setattr(
        "nlpkit.objectives.Heads.dev_scores", lambda self, model, trunks: {"ner_f1": next(scores), "ner_recall": 1.0}
    )
    patient = replace(RECIPE, training=replace(RECIPE.training, epochs=40, patience=2))
    out = nlpkit.train(patient, data=folder, out=tmp_path / "out")
    course = checkpoint.account(out)["training"]
    assert [epoch["ner_f1"] for epoch in course["history"]] == [0.5, 0.7, 0.6, 0.7]
    assert course["seconds"] > 0


def test_the_last_state_is_kept_beside_the_best(folder, tmp_path, monkeypatch):
    scores = iter([0.5, 0.7, 0.6])
    monkeypatch.setattr("nlpkit.objectives.Heads.dev_scores", lambda self, model, trunks: {"ner_f1": next(scores)})
    spec = replace(RECIPE.training, epochs=3, keep_last=True)
    out = nlpkit.train(replace(RECIPE, training=spec), data=folder, out=tmp_path / "out")
    assert [p.name for p in tmp_path.glob("*out*")] == ["out"]
    states = [load_file(place / "adapter_model.safetensors") for place in (out, out / "last")]
    assert any(not torch.equal(best, states[1][name]) for name, best in states[0].items())
    assert checkpoint.account(out)["scores"].keys() == {"dev", "test"}
    assert checkpoint.account(out / "last")["scores"].keys() == {"dev"}
    assert nlpkit.load(str(out / "last")).tasks

    run = training.Run(replace(RECIPE, training=spec), folder, tmp_path / "again")
    monkeypatch.setattr("nlpkit.objectives.Heads.dev_scores", lambda self, model, trunks: {"ner_f1": 1.0})
    run.fit()
    last = {name: p.detach().half() for name, p in run.parameters.items()}
    kept = load_file(out / "last" / "head.safetensors")
    for name, tensor in kept.items():
        assert torch.equal(tensor, last[name]), name


def test_ctrl_c_within_a_step_leaves_the_state_before_it(folder, tmp_path, monkeypatch):
    run = training.Run(RECIPE, folder, tmp_path / "out")
    step = run.optimizer.step

    def broken(*args):
        step(*args)
        if run.step == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(run.optimizer, "step", broken)
    with pytest.raises(KeyboardInterrupt):
        run.fit()
    again = training.Run(RECIPE, folder, tmp_path / "out")
    again.resume()
    assert again.step <= 2
    again.fit()
    whole = training.Run(RECIPE, folder, tmp_path / "whole")
    whole.fit()
    assert all(torch.equal(p, whole.parameters[name]) for name, p in again.parameters.items())


def test_the_readers_see_the_samples(folder):
    documents = [e.document for e in data.read(folder / "train.conll")]
    assert [len(d.entities) for d in documents] == [3] * len(EXAMPLES)
