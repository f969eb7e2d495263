import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from samples import EXAMPLES, born, passes
from torch import nn

import nlpkit
from nlpkit import checkpoint, data, engine, recipes, runstate, training
from nlpkit.adapters import Adapted
from nlpkit.data import splits
from nlpkit.data.batches import BATCH_PIECES, token_budget
from nlpkit.errors import AdapterError, DataError, RecipeError
from nlpkit.testing import fake_backbone
from nlpkit.types import Document

TABLE = {
    "title": "People and where they were born",
    "heads": ["relation", "ner"],
    "licence": "Apache-2.0",
    "backbone": "fake",
    "data": {"format": "sample", "train": "train", "test": "test", "hold_out": 5},
    "adapter": {"rank": 4, "alpha": 8},
    "training": {"epochs": 12, "lr": 0.01, "head_lr": 0.01, "batch_tokens": 320, "window": 64, "stride": 48},
    "options": {"ner": {"width": 16, "dropout": 0.0}, "relation": {"width": 16, "block": 4, "dropout": 0.0}},
}
RECIPE = recipes.from_dict(TABLE, name="relation/sample")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with data files that the reader "sample" makes its examples of."""
    monkeypatch.setitem(data.READERS, "sample", lambda path: iter(EXAMPLES if path.name == "train" else EXAMPLES[:6]))
    for name in ("train", "test"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A task trained on the samples, once for all tests."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("train", "test"):
        (folder / name).touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(data.READERS, "sample", lambda path: iter(EXAMPLES if path.name == "train" else EXAMPLES[:6]))
        seen = []
        out = nlpkit.train(RECIPE, data=folder, out=folder / "out", progress=seen.append)
    assert [p.step for p in seen] == list(range(1, seen[0].steps + 1))
    assert seen[-1].loss < 0.2 * seen[0].loss
    return out


def test_a_joint_recipe_learns_both_tasks(trained):
    account = checkpoint.account(trained)
    assert account["scores"]["test"]["ner_f1"] > 0.9
    assert account["scores"]["test"]["relation_f1"] > 0.9
    assert account["scores"]["test"]["relation_given_f1"] > 0.9
    assert account["documents"] == {"train": 20, "dev": 5}
    assert not (trained / ".training").exists()


def test_the_folder_is_complete_and_its_card_true(trained):
    names = {p.name for p in trained.iterdir()}
    assert names == {"adapter_config.json", "adapter_model.safetensors", "head.safetensors", "nlpkit.json", "README.md"}
    card = (trained / "README.md").read_text()
    score = checkpoint.account(trained)["scores"]["test"]["ner_f1"]
    assert "| ner_f1 |" in card
    assert f"{score:.4f}" in card
    assert "place of birth (P19)" in card


def test_a_loaded_kit_finds_what_was_learnt(trained):
    kit = nlpkit.load(str(trained))
    text = "Ann Lee was born in Cork. Ann Lee left."
    doc = kit(text)
    assert [(e.text, e.label) for e in doc.entities] == [("Ann Lee", "PER"), ("Cork", "LOC"), ("Ann Lee", "PER")]
    (relation,) = doc.relations
    assert (relation.subject.text, relation.label, relation.object.text) == ("Ann Lee", "place of birth", "Cork")
    assert relation.property == "P19"
    assert [s.text for s in relation.evidence] == ["Ann Lee was born in Cork."]
    assert 0.5 < relation.score <= 1
    assert all(text[e.start : e.end] == e.text for e in doc.entities)
    assert json.loads(json.dumps(doc.to_dict()))["relations"][0]["subject"]["text"] == "Ann Lee"


def test_entities_and_relations_cost_one_pass_a_window(trained, monkeypatch):
    kit = nlpkit.load(str(trained))
    calls = passes(monkeypatch)
    doc = kit("Ann Lee was born in Rome. Ann Lee left.")
    assert doc.entities
    assert doc.relations
    assert len(calls) == 1


def test_saved_and_loaded_outputs_are_bit_identical(trained, tmp_path):
    one = checkpoint.load(trained)
    checkpoint.save(one, tmp_path / "again")
    other = checkpoint.load(tmp_path / "again")
    texts = [Document(born("Bo Ray", "Bern").document.text)]
    results = []
    for task in (one, other):
        with task.adapted.using(task.name) as model:
            results.append(engine.read(model, task.heads, texts, task.reading))
    assert results[0] == results[1]
    assert one.revision == other.revision


def test_lists_come_back_in_order_and_long_texts_whole(trained):
    kit = nlpkit.load(str(trained))
    texts = [EXAMPLES[n].document.text * (1 + 8 * (n % 3 == 0)) for n in range(9)]
    docs = kit([*texts, "", " "])
    assert [d.text for d in docs] == [*texts, "", " "]
    assert docs[-1].entities == ()
    for text, doc in zip(texts, docs[:9], strict=True):
        person = text.split(" was")[0]
        assert sum(e.text == person for e in doc.entities) == text.count(person)
        assert len({(e.start, e.end) for e in doc.entities}) == len(doc.entities)


def test_parts_of_a_kit_can_be_asked_for(trained, monkeypatch):
    monkeypatch.setattr("nlpkit.loading.DEFAULT_PACK", str(trained))
    assert [h.kind for h in next(iter(nlpkit.load("ner").tasks.values())).heads] == ["ner"]
    assert [h.kind for h in next(iter(nlpkit.load("relation").tasks.values())).heads] == ["ner", "relation"]
    with pytest.raises(AdapterError, match="no adapter 'nre'"):
        nlpkit.load("nre")


def test_evaluation_says_what_the_account_says(trained, folder):
    evaluation = nlpkit.evaluate(trained, data=folder / "test", format="sample")
    assert evaluation.n == 6
    assert evaluation.scores == checkpoint.account(trained)["scores"]["test"]
    assert evaluation.per_label["PER"]["f1"] > 0.9
    assert nlpkit.evaluate(trained, data=folder).to_dict() == evaluation.to_dict()


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_stopped_run_ends_as_an_unbroken_one(folder, monkeypatch, method):
    short = replace(RECIPE.training, epochs=2)
    recipe = replace(RECIPE, adapter=replace(RECIPE.adapter, method=method), training=short)
    nlpkit.train(recipe, data=folder, out=folder / "whole")

    def stop(progress):
        if progress.step == progress.steps // 2 + 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nlpkit.train(recipe, data=folder, out=folder / "broken", progress=stop)
    steps = []
    nlpkit.train(recipe, data=folder, out=folder / "broken", progress=steps.append)
    assert steps[0].step == steps[0].steps // 2 + 2
    one, other = (checkpoint.load(folder / name) for name in ("whole", "broken"))
    assert one.adapted.fingerprint(one.name) == other.adapted.fingerprint(other.name)
    for a, b in zip(one.heads, other.heads, strict=True):
        assert all(torch.equal(a.state_dict()[k], b.state_dict()[k]) for k in a.state_dict())


def test_another_recipe_does_not_take_up_a_run(folder):
    def stop(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nlpkit.train(RECIPE, data=folder, out=folder / "out", progress=stop)
    other = replace(RECIPE, training=replace(RECIPE.training, lr=0.5))
    with pytest.raises(RecipeError, match="unfinished run of another recipe"):
        nlpkit.train(other, data=folder, out=folder / "out")


def test_a_run_goes_on_where_the_recipe_says_the_same_in_other_words(folder):
    def stop(progress):
        if progress.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nlpkit.train(RECIPE, data=folder, out=folder / "out", progress=stop)
    path = folder / "out" / ".training" / "last.safetensors"
    noted = runstate.account(path)
    del noted["recipe"]["training"]["keep_last"]  # as a version wrote it that did not know the key
    save_file(load_file(path), path, metadata={"state": json.dumps(noted)})
    steps = []
    worded = replace(RECIPE, title="Anew", note="Said later.", goals={"f1": 0.1})
    nlpkit.train(worded, data=folder, out=folder / "out", progress=steps.append)
    assert steps[0].step == 3


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_documents(folder, monkeypatch):
    monkeypatch.setattr("nlpkit.heads.ner.NerHead.loss", lambda self, hidden, *_: hidden.states.sum() * float("nan"))
    with pytest.raises(DataError, match=r"loss is nan at step 0 on the documents .*doc"):
        nlpkit.train(RECIPE, data=folder, out=folder / "out")


def test_a_gradient_that_is_no_number_stops_the_run_and_the_last_good_state_is_kept(folder, monkeypatch):
    run = training.Run(RECIPE, folder, folder / "out")
    begun, clip = [], nn.utils.clip_grad_norm_

    def broken(parameters, *args):
        begun.append(1)
        return clip(parameters, *args) if len(begun) < 4 else torch.tensor(float("inf"))

    monkeypatch.setattr(nn.utils, "clip_grad_norm_", broken)
    with pytest.raises(DataError, match=r"gradient is inf at step 3 on the documents .*doc.*lower the lr"):
        run.fit()
    good = {name: p.detach().clone() for name, p in run.parameters.items()}
    other = training.Run(RECIPE, folder, folder / "out")
    other.resume()
    assert other.step == 3
    assert all(torch.equal(p, good[name]) and p.isfinite().all() for name, p in other.parameters.items())


def test_a_part_of_the_test_file_is_the_same_part_each_time(folder):
    spec = recipes.from_dict(TABLE, name="sample").data
    whole = splits.tests(spec, folder)
    part = splits.tests(replace(spec, test_sample=2), folder)
    assert part == splits.tests(replace(spec, test_sample=2), folder)
    assert len(part) == 2 < len(whole)
    assert {d.text for d in part} <= {d.text for d in whole}
    assert splits.tests(replace(spec, test_sample=999), folder) == whole


def test_a_part_of_the_dev_file_is_chosen_on(folder):
    spec = replace(recipes.from_dict(TABLE, name="sample").data, hold_out=6)
    train, dev = splits.split(spec, folder)
    fewer = splits.split(replace(spec, dev_sample=2), folder)
    assert fewer[0] == train
    assert len(fewer[1]) == 2 < len(dev)
    assert {d.text for d in fewer[1]} <= {d.text for d in dev}


def test_a_hold_out_that_takes_everything_is_refused(folder):
    recipe = replace(RECIPE, data=replace(RECIPE.data, hold_out=25))
    with pytest.raises(DataError, match="0 to 24"):
        training.train(recipe, data=folder, out=folder / "out")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "head.safetensors").unlink(), "no head.safetensors"),
        (lambda f: (f / "head.safetensors").write_bytes(b"x"), "damaged"),
        (lambda f: (f / "nlpkit.json").write_text("{"), "damaged"),
        (lambda f: (f / "nlpkit.json").unlink(), "missing"),
        (lambda f: (f / "adapter_model.safetensors").unlink(), "no adapter in"),
        (lambda f: edit(f, format=99), "upgrade"),
        (lambda f: (f / "nlpkit.json").write_text("[" * 100_000), "damaged"),
        (lambda f: without(f / "head.safetensors", "ner.tagger.1.weight"), "head 'ner' whole: .*tagger.1.weight"),
        (lambda f: without(f / "adapter_model.safetensors", ".weight"), "lacks base_model"),
        (lambda f: head(f, labels=["PER", "LOC"]), "labels in another order"),
        (lambda f: (written_before(f), head(f, hidden_width=10**15)), "describes no head 'ner'"),
        (lambda f: (written_before(f), head(f, colour=3)), "describes no head 'ner'"),
        (lambda f: edit(f, backbone={"name": "x", "sha256": "1", "hidden_width": 8}), "trained on the backbone 'x'"),
    ],
)
def test_a_damaged_folder_is_refused(trained, tmp_path, damage, message):
    folder = tmp_path / "copy"
    shutil.copytree(trained, folder)
    damage(folder)
    with pytest.raises(AdapterError, match=message):
        checkpoint.load(folder, Adapted(fake_backbone()))


def edit(folder, **changes):
    path = folder / "nlpkit.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def head(folder, **changes):
    heads = json.loads((folder / "nlpkit.json").read_text())["heads"]
    edit(folder, heads=heads | {"ner": heads["ner"] | changes})


def without(file, name):
    """Leave out the first tensor of a file whose name ends so."""
    tensors = load_file(file)
    del tensors[next(key for key in tensors if key.endswith(name))]
    save_file(tensors, file, metadata={"format": "pt"})


def written_before(folder):
    """Take out of a file what it says of its heads, which older files do not say."""
    file = folder / "head.safetensors"
    save_file(load_file(file), file, metadata={"format": "pt"})


def test_layers_below_the_adapter_are_run_once_for_all_epochs(folder, tmp_path):
    table = TABLE | {"adapter": {"rank": 4, "layers": "top:1"}, "training": {**TABLE["training"], "epochs": 3}}
    run = training.Run(recipes.from_dict(table, name="sample"), folder, tmp_path / "out")
    below = []
    next(iter(run.adapted.backbone.layers[0].children())).register_forward_hook(lambda *_: below.append(1))
    with run.adapted.using(training.ADAPTER) as view:
        next(iter(view.layers[0].children())).register_forward_hook(lambda *_: below.append(1))
    seen = []
    run.fit(seen.append)
    n_dev = len(list(token_budget(run.objective.dev_windows, BATCH_PIECES)))
    assert [p.trunk for p in seen if p.trunk is not None][-1:] == [1.0]
    assert [p.step for p in seen if p.trunk is None] == list(range(1, run.steps + 1))
    assert run.step == 3 * run.epoch_steps
    assert n_dev <= len(below) <= run.epoch_steps + n_dev
    assert [p.name for p in run.state_folder.glob("*.npy")] == ["dev.0.npy"]
    with run.adapted.using(training.ADAPTER) as model:
        by_itself = run.objective.dev_scores(model, None)
    assert by_itself == run.dev
    run.finish()
    assert not list((tmp_path / "out").glob("**/*.npy"))


def test_what_is_chosen_on_is_read_once_for_all_heads(folder, tmp_path, monkeypatch):
    run = training.Run(recipes.from_dict(TABLE, name="sample"), folder, tmp_path / "out")
    calls = passes(monkeypatch)
    with run.adapted.using(training.ADAPTER) as model:
        scores = run.objective.dev_scores(model, None)
    assert {"ner_f1", "relation_f1"} <= scores.keys()
    assert len(calls) == len(list(token_budget(run.objective.dev_windows, BATCH_PIECES)))
