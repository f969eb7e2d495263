"""Few examples: drawing them, contrastive tuning, the head that is solved for, and labels without a score."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
import torch
from samples import EXAMPLES, PEOPLE
from sklearn.linear_model import LogisticRegression

import nlpkit
from nlpkit import checkpoint, data, recipes
from nlpkit.contrastive import contrastive
from nlpkit.data.splits import split
from nlpkit.errors import RecipeError
from nlpkit.heads.classification import ClassificationHead
from nlpkit.training import Run
from nlpkit.types import Document, Example, Label

KIND = "classification"
TABLE = {
    "title": "Who is told of, from few examples",
    "heads": [KIND],
    "licence": "Apache-2.0",
    "backbone": "fake",
    "data": {"format": "sample", "train": "train", "test": "test", "shots": 3},
    "adapter": {"rank": 4, "alpha": 8, "dropout": 0.1},
    "training": {"epochs": 12, "lr": 0.02, "batch_tokens": 320, "window": 64, "stride": 48, "contrast": True},
}


def with_(part, **values):
    return {**TABLE, part: {**TABLE.get(part, {}), **values}}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setitem(data.READERS, "sample", lambda path: iter(EXAMPLES))
    for name in ("train", "test"):
        (tmp_path / name).touch()
    return tmp_path


def test_shots_are_so_many_of_each_label_the_same_for_a_seed(folder):
    spec = recipes.from_dict(TABLE, name="a").sets[0]
    few, dev = split(spec, folder)
    assert not dev
    assert Counter(d.labels[KIND].label for d in few) == dict.fromkeys(PEOPLE, 3)
    assert split(spec, folder)[0] == few
    other = recipes.from_dict(with_("data", seed=14), name="b").sets[0]
    assert split(other, folder)[0] != few


def test_shots_of_documents_that_hold_several_things_reach_each(folder, monkeypatch):
    bare = [Example(Document(e.document.text, entities=e.document.entities), e.source) for e in EXAMPLES]
    monkeypatch.setitem(data.READERS, "sample", lambda path: iter(bare))
    table = {**with_("data", shots=4), "heads": ["ner"], "training": {}}
    few, _ = split(recipes.from_dict(table, name="a").sets[0], folder)
    counts = Counter(e.label for d in few for e in d.entities)
    assert min(counts.values()) >= 4
    assert len(few) == 4  # each has a place, and two names of a person


def test_a_recipe_without_them_says_nothing_of_them():
    assert "shots" not in recipes.find("intent/banking77").to_dict()["data"]
    recipe = recipes.from_dict(TABLE, name="a")
    assert recipes.from_dict(recipe.to_dict()) == recipe


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (with_("training", contrast=0.3), "training.contrast = 0.3; allowed: true or false"),
        (
            {**with_("training", contrast=False), "options": {KIND: {"words": {}}}},
            "only where training.contrast = true",
        ),
        (with_("data", shots=0), "data.shots = 0; allowed: above 0"),
        (with_("data", sample=4), "data.sample = 4; allowed: 0 where data.shots"),
        ({**TABLE, "heads": ["ner"]}, 'training.contrast with the heads ner; allowed: .*"classification"'),
    ],
)
def test_what_makes_no_sense_is_refused(table, message):
    with pytest.raises(RecipeError, match=message):
        recipes.from_dict(table, name="a")


def test_a_hidden_layer_and_several_labels_are_refused_before_training(folder, monkeypatch):
    with pytest.raises(RecipeError, match="width = 8, multi = False; allowed: width = 0"):
        Run(recipes.from_dict({**TABLE, "options": {KIND: {"width": 8}}}, name="a"), folder, folder / "out")
    both = [
        Example(Document(t, labels={KIND: Label("a", others=(Label(o),))}), "x") for t, o in (("ab", "b"), ("c", "d"))
    ]
    monkeypatch.setitem(data.READERS, "sample", lambda path: iter(both))
    with pytest.raises(RecipeError, match="multi = True"):
        Run(recipes.from_dict(TABLE, name="a"), folder, folder / "out")


def test_the_loss_is_that_of_setfits_pairs():
    vectors = torch.nn.functional.normalize(torch.randn(7, 5, generator=torch.Generator().manual_seed(1)), dim=-1)
    labels = [0, 1, 0, 2, 1, 2, 0]
    errors = {True: [], False: []}
    for i, j in combinations(range(7), 2):
        same = labels[i] == labels[j]
        errors[same].append((float(vectors[i] @ vectors[j]) - same) ** 2)
    expected = np.mean(errors[True]) + np.mean(errors[False])
    assert float(contrastive(vectors, torch.tensor(labels))) == pytest.approx(expected, rel=1e-5)
    alone = contrastive(vectors[:2], torch.tensor([0, 0]))
    assert float(alone) == pytest.approx(float(1 - vectors[0] @ vectors[1]) ** 2, rel=1e-5)


def test_words_for_a_label_are_one_more_example_of_it(folder):
    worded = {**TABLE, "options": {KIND: {"words": {"Bo Ray": "a sailor"}}}}
    bare, told = (Run(recipes.from_dict(t, name="a"), folder, folder / "out").objective for t in (TABLE, worded))
    added = told.windows[0][len(bare.windows[0]) :]
    assert Counter(told._label(w) for w in added) == Counter(range(len(PEOPLE)))
    assert told.names(added) == sorted("a sailor" if p == "Bo Ray" else p.lower() for p in PEOPLE)
    assert told.sizes == bare.sizes


def test_words_for_an_unknown_label_are_refused(folder):
    table = {**TABLE, "options": {KIND: {"words": {"Nobody": "none"}}}}
    with pytest.raises(RecipeError, match="words names the label 'Nobody'; the data has: "):
        Run(recipes.from_dict(table, name="a"), folder, folder / "out")


def test_no_label_stands_alone_in_what_is_compared(folder):
    objective = Run(recipes.from_dict(TABLE, name="a"), folder, folder / "out").objective
    (windows,) = objective.windows
    (label,) = (objective._label(windows[0]),)
    alone = [windows[0], *(w for w in windows if objective._label(w) == (label + 1) % 5)]
    (partner,) = objective._partners(alone)
    assert objective._label(partner) == label
    assert partner is not windows[0]
    objective._alike[label] = [windows[0]]
    assert list(objective._partners(alone)) == [windows[0]]


def test_the_head_is_scikit_learns_logistic_regression():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 60)
    vectors = rng.normal(size=(60, 16)).astype(np.float32) + 0.5 * np.eye(16, dtype=np.float32)[labels]
    golds = [Document("x", labels={KIND: Label(str(n))}) for n in labels]
    head = ClassificationHead.fit(golds, 16, {}).eval()
    for penalty in (1.0, 0.1):
        head.solve(torch.from_numpy(vectors), labels.tolist(), penalty)
        theirs = LogisticRegression(C=1 / penalty, tol=1e-8, max_iter=1000).fit(vectors, labels)
        ours = head.classes(torch.from_numpy(vectors)).softmax(-1).detach().numpy()
        assert np.abs(ours - theirs.predict_proba(vectors)).max() < 1e-3


def test_the_adapter_is_scored_and_written_half_way(folder):
    run = Run(recipes.from_dict(with_("data", hold_out=8), name="few"), folder, folder / "out")
    first = [p.detach().clone() for _, p in run.adapted.named_parameters("default")]
    run.fit()
    tuned = [p.detach().clone() for _, p in run.adapted.named_parameters("default")]
    assert any(not torch.equal(a, b) for a, b in zip(first, tuned, strict=True))
    with run.adapted.using("default") as model:
        scored = run.objective.dev_scores(model, None)
        kept = [p for _, p in run.adapted.named_parameters("default")]
        assert all(torch.equal(a, b) for a, b in zip(tuned, kept, strict=True))
        assert (
            run.objective.final_scores(model, None, test=False)["dev"]["accuracy"] == scored["classification_accuracy"]
        )
    halves = zip(first, tuned, run.adapted.named_parameters("default"), strict=True)
    assert all(torch.allclose((a + b) / 2, p, atol=1e-3) for a, b, (_, p) in halves)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("few")
    for name in ("train", "test"):
        (folder / name).touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(data.READERS, "sample", lambda path: iter(EXAMPLES))
        seen = []
        out = nlpkit.train(recipes.from_dict(TABLE, name="few"), data=folder, out=folder / "out", progress=seen.append)
    return out, seen


def spread(vectors, labels):
    """Return the mean cosine of vectors of one label, and of different ones."""
    cosines = vectors @ vectors.T
    alike = np.equal.outer(labels, labels)
    return cosines[alike & ~np.eye(len(labels), dtype=bool)].mean(), cosines[~alike].mean()


def test_embeddings_of_one_label_come_together_and_the_head_fits(trained):
    out, seen = trained
    assert seen[-1].loss < 0.7 * seen[0].loss
    task = checkpoint.load(out)
    labels = [e.document.labels[KIND].label for e in EXAMPLES]
    with task.adapted.using(task.name) as model:
        after = spread(model.embed([e.document.text for e in EXAMPLES]), labels)
    before = spread(task.adapted.backbone.embed([e.document.text for e in EXAMPLES]), labels)
    assert after[0] - after[1] > before[0] - before[1] + 0.2
    assert checkpoint.account(out)["scores"]["test"]["accuracy"] > 0.9


def test_without_documents_to_calibrate_on_labels_have_no_score(trained):
    kit = nlpkit.load(str(trained[0]))
    label = kit("Bo Ray was born in Cork. Bo Ray left.").labels
    assert [(one.label, one.score) for one in label.values()] == [("Bo Ray", None)]


def test_with_documents_to_choose_on_labels_have_one(folder):
    recipe = recipes.from_dict(with_("data", hold_out=8), name="few")
    out = nlpkit.train(recipe, data=folder, out=folder / "out")
    kit = nlpkit.load(str(out))
    (label,) = kit("Bo Ray was born in Cork. Bo Ray left.").labels.values()
    assert 0.2 < label.score <= 1.0
    assert checkpoint.account(out)["scores"]["dev"]["accuracy"] > 0.3  # by chance 0.2


def test_a_stopped_run_ends_as_an_unbroken_one(folder, trained):
    recipe = recipes.from_dict(TABLE, name="few")

    def stop(progress):
        if progress.step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nlpkit.train(recipe, data=folder, out=folder / "out", progress=stop)
    nlpkit.train(recipe, data=folder, out=folder / "out")
    one, other = (checkpoint.load(out) for out in (trained[0], folder / "out"))
    assert one.adapted.fingerprint(one.name) == other.adapted.fingerprint(other.name)
    for name, value in one.heads[0].state_dict().items():
        assert torch.equal(value, other.heads[0].state_dict()[name])


PAST = (
    "We walked to the lake before breakfast.",
    "She sold her bicycle last spring.",
    "The committee voted against the plan yesterday.",
    "He forgot his keys at the office.",
    "They painted the kitchen blue.",
    "The train left an hour ago.",
    "I read that novel as a child.",
    "Our neighbours moved away in March.",
)
FUTURE = (
    "We will walk to the museum after lunch.",
    "She is going to buy a piano next week.",
    "The council will decide about the bridge tomorrow.",
    "He will call you from the airport.",
    "They are going to plant three apple trees.",
    "The ferry leaves in two hours.",
    "I will write to the bank on Monday.",
    "Our cousins will visit us in June.",
)
UNSEEN = {
    "past": (
        "The choir sang in the old church.",
        "My brother repaired the radio.",
        "It snowed all night.",
        "The company hired forty people last year.",
        "We ate soup and bread.",
        "The doctor looked at my knee.",
    ),
    "future": (
        "The choir will sing in the old church.",
        "My brother is going to repair the radio.",
        "It will snow all night.",
        "The company will hire forty people next year.",
        "We are going to eat soup and bread.",
        "The doctor will look at my knee.",
    ),
}


@pytest.mark.slow
def test_eight_examples_part_unseen_sentences_that_the_bare_backbone_holds_alike(tmp_path, monkeypatch):
    def labelled(texts, label):
        return [Example(Document(t, labels={KIND: Label(label)}), "written") for t in texts]

    parts = {
        "train": labelled(PAST, "past") + labelled(FUTURE, "future"),
        "test": [e for label, texts in UNSEEN.items() for e in labelled(texts, label)],
    }
    monkeypatch.setitem(data.READERS, "sample", lambda path: iter(parts[path.name]))
    for name in parts:
        (tmp_path / name).touch()
    table = {
        **TABLE,
        "backbone": "default",
        "data": {"format": "sample", "train": "train", "test": "test", "shots": 8},
        "adapter": {"rank": 16, "alpha": 32, "dropout": 0.1},
        "training": {"epochs": 20, "lr": 1e-3, "contrast": True},
    }
    out = nlpkit.train(recipes.from_dict(table, name="tense"), data=tmp_path, out=tmp_path / "out")
    assert checkpoint.account(out)["scores"]["test"]["accuracy"] > 0.9
    task = checkpoint.load(out)
    texts = [e.document.text for e in parts["test"]]
    labels = [e.document.labels[KIND].label for e in parts["test"]]
    with task.adapted.using(task.name) as model:
        after = spread(model.embed(texts), labels)
    before = spread(task.adapted.backbone.embed(texts), labels)
    assert after[0] - after[1] > before[0] - before[1] + 0.3
