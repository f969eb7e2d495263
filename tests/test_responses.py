"""Learning to write from prompts with responses."""

import json
from dataclasses import replace

import pytest
import torch
from test_methods import QUIET, SPECS

import nlpkit
from nlpkit import data, recipes, training
from nlpkit.errors import BackboneError, DataError, InputError, RecipeError
from nlpkit.generate import Generator
from nlpkit.prompts import prompt_of
from nlpkit.responses import Pair, Pairs, packed
from nlpkit.testing import fake_backbone

PAIRS = [
    ("tell me of the sea", "the sea is wide"),
    ("and of the stone", "the stone is old and grey"),
    ("who stood there", "ada did"),
    ("when", "at noon"),
    ("what did she see in the north", "a shore"),
    ("why", "no one told me"),
]
TABLE = {
    "title": "Answers",
    "heads": ["generation"],
    "licence": "Apache-2.0",
    "backbone": "fake",
    "data": {"format": "pairs", "train": "train.jsonl", "dev": "dev.jsonl", "test": "dev.jsonl"},
    "adapter": {"rank": 4},
    "training": {"epochs": 80, "lr": 0.02, "batch_tokens": 128, "window": 64, "stride": 64, "warmup": 0.0},
}


@pytest.fixture
def folder(tmp_path):
    lines = [json.dumps({"prompt": prompt, "response": response}) for prompt, response in PAIRS]
    (tmp_path / "train.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "dev.jsonl").write_text("\n".join(lines[:3]) + "\n")
    return tmp_path


@pytest.fixture(autouse=True)
def decoder(monkeypatch):
    """The fake backbone writes here."""
    monkeypatch.setattr("nlpkit.testing.fake_backbone.__kwdefaults__", {"kind": "llama", "max_pieces": 64})


def run_of(folder, **changes):
    return training.Run(recipes.from_dict(TABLE | changes, name="answers"), folder, folder / "out")


def written(tmp_path, *records):
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(json.dumps(r) if not isinstance(r, str) else r for r in records) + "\n")
    return path


def test_an_adapter_learns_to_write_and_is_written_with(folder):
    out = nlpkit.train(recipes.from_dict(TABLE, name="answers"), data=folder, out=folder / "out")
    account = json.loads((out / "nlpkit.json").read_text())
    scores = account["scores"]["test"]
    assert scores["perplexity"] < 0.2 * scores["bare_perplexity"]
    assert scores["accuracy"] > 0.6
    assert account["documents"] == {"train": 6, "dev": 3}
    generator = Generator.from_pretrained("fake")
    name = generator.load(out)
    prompt, _ = PAIRS[0]
    assert generator(prompt, adapter=name, max_new_tokens=12).text != generator(prompt, max_new_tokens=12).text
    learnt = [generator(p, adapter=name, max_new_tokens=16) for p, _ in PAIRS]
    assert sum(g.text == r and g.finish == "end" for g, (_, r) in zip(learnt, PAIRS, strict=True)) >= 3


def test_only_the_response_counts(folder):
    run = run_of(folder)
    windows = run.windows[0]
    for window in windows:
        foretold = [piece for piece in run.objective.targets[id(window)] if piece != -100]
        ends = sum(piece in run.adapted.backbone.ends for piece in foretold)
        assert ends == max(1, len(window.starts))
    texts = {response for _, response in PAIRS}
    pieces = [p for w in windows for p in run.objective.targets[id(w)] if p != -100]
    assert len(pieces) == sum(len(run.objective.pairs._prompts.plain(t)) + 1 for t in texts)


@pytest.mark.parametrize("kind", ["llama", "gemma3_text"])
def test_packed_pairs_are_foretold_as_alone(folder, kind):
    run = run_of(folder)
    backbone = fake_backbone(kind=kind)
    (whole,) = run.windows
    documents = run.objective.train_docs
    alone = [run.objective.pairs.windows([d], [prompt_of(d)])[0][0] for d in documents]
    assert len(whole) < len(alone)
    assert any(len(w.starts) > 2 for w in whole)
    with torch.inference_mode():
        for window in whole:
            packs = {tuple(window.input_ids[a:b]): (a, b) for a, b in stretches(window)}
            logits = backbone.foretell([window], torch.arange(len(window)))[0]
            states = backbone.hidden([window, *alone]).states
            for number, other in enumerate(alone, 1):
                if (place := packs.get(tuple(other.input_ids))) is None:
                    continue
                apart = backbone.foretell([other], torch.arange(len(other)))[0]
                torch.testing.assert_close(logits[slice(*place)], apart, atol=1e-5, rtol=0)
                torch.testing.assert_close(states[0, slice(*place)], states[number, : len(other)], atol=1e-5, rtol=0)


def stretches(window):
    ends = [*window.starts[1:], len(window)]
    return list(zip(window.starts or (0,), ends, strict=True))


def test_packs_are_full_and_hold_every_pair_once():
    pairs = [Pair(n, [0] * length, 1) for n, length in enumerate([4, 9, 5, 5, 1, 6])]
    packs = packed(pairs, 10)
    assert sorted(pair.document for pack in packs for pair in pack) == list(range(6))
    assert all(sum(len(pair.ids) for pair in pack) <= 10 for pack in packs)
    assert len(packs) == 3


@pytest.mark.filterwarnings(*QUIET)
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_method_learns_to_write(folder, spec):
    table = {"method": spec.method, **{k: getattr(spec, k) for k in recipes.METHODS[spec.method] if k != "alpha"}}
    spec_table = {k: list(v) if isinstance(v, tuple) else v for k, v in table.items()}
    run = run_of(folder, adapter=spec_table, training={**TABLE["training"], "epochs": 8})
    before = run.objective.dev_scores(run.adapted.backbone, None)
    run.fit()
    with run.adapted.using(training.ADAPTER) as model:
        assert run.objective.dev_scores(model, None)["perplexity"] < before["perplexity"]


def test_layers_below_the_adapter_are_read_once(folder):
    table = {"rank": 4, "layers": "top:1"}
    losses = []
    for layers in ("top:1", "0,1"):
        run = run_of(
            folder, adapter={**table, "layers": layers}, training={**TABLE["training"], "epochs": 2, "lr": 1e-9}
        )
        seen = []
        run.fit(seen.append)
        losses.append([progress.loss for progress in seen if progress.trunk is None])
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)


def test_a_conversation_is_a_prompt(tmp_path):
    turns = [{"role": "user", "content": "who stood there"}, {"role": "assistant", "content": "ada did"}]
    path = written(tmp_path, {"messages": turns}, {"prompt": turns[:1], "completion": turns[1:]})
    documents = [e.document for e in data.read(path, "pairs")]
    assert [d.text for d in documents] == ["ada did", "ada did"]
    assert documents[0].history == documents[1].history == (nlpkit.Turn("user", "who stood there"),)
    backbone = fake_backbone(kind="llama")
    backbone.tokenizer.chat_template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:"
    ((window, wanted), _) = Pairs(backbone, 64, together=False).windows(documents, [prompt_of(d) for d in documents])
    read = [piece for piece, target in zip(window.input_ids, wanted, strict=True) if target == -100]
    assert backbone.tokenizer.decode(read).startswith("user : who stood there assistant")


def test_what_is_no_pair_is_refused_by_its_line(tmp_path):
    good = {"prompt": "a", "response": "b"}
    turn = {"role": "user", "content": "a"}
    for bad, said in (
        ({"prompt": "a"}, "the response is None"),
        ({"response": "b"}, "has the keys response"),
        ({"prompt": "a", "response": " "}, "not empty"),
        ({"messages": [turn]}, "the last turn is of 'user'"),
        ({"messages": ["a"]}, "a turn is 'a'"),
        ([1], "is no object"),
        ("{", "line 2"),
    ):
        with pytest.raises(DataError, match=said) as caught:
            list(data.read(written(tmp_path, good, bad), "pairs"))
        assert "line 2" in str(caught.value)


def test_what_cannot_be_learnt_is_refused(folder, monkeypatch):
    with pytest.raises(RecipeError, match=r"training\.hide = 0"):
        run_of(folder, training={**TABLE["training"], "hide": 0.1})
    with pytest.raises(RecipeError, match=r"options\.generation\.chap"):
        run_of(folder, options={"generation": {"chap": True}})
    with pytest.raises(InputError, match="no chat template"):
        run_of(folder, options={"generation": {"chat": True}})
    (folder / "train.jsonl").write_text(json.dumps({"prompt": "a", "response": "no one knew " * 40}) + "\n")
    with pytest.raises(DataError, match=r"train\.jsonl:1.* raise training\.window"):
        run_of(folder)
    monkeypatch.setattr("nlpkit.testing.fake_backbone.__kwdefaults__", {"kind": "bert", "max_pieces": 64})
    with pytest.raises(BackboneError, match="writes none"):
        run_of(folder)


def test_a_prompt_that_loses_its_beginning_is_told(folder, caplog):
    (folder / "train.jsonl").write_text(json.dumps({"prompt": "the sea is wide " * 30, "response": "no"}) + "\n")
    run = run_of(folder)
    assert "1 of 1 prompts lost their beginning" in caplog.text
    assert max(map(len, run.windows[0])) <= 64


def test_a_kit_says_who_writes(folder):
    table = TABLE | {"training": {**TABLE["training"], "epochs": 1}}
    out = nlpkit.train(recipes.from_dict(table, name="answers"), data=folder, out=folder / "out")
    with pytest.raises(InputError, match="Generator"):
        nlpkit.load(str(out))
    assert "## Limits" in (out / "README.md").read_text()
    assert replace(run_of(folder).recipe, title="x").writes


def test_a_kind_of_text_names_its_adapter(folder):
    table = TABLE | {"training": {**TABLE["training"], "epochs": 2}}
    out = nlpkit.train(recipes.from_dict(table, name="answers"), data=folder, out=folder / "out")
    kind = folder / "answer.toml"
    prompts = '[en]\nplain = "{text}"\n[zh]\nplain = "{text}"\n[decoding]\nmax_new_tokens = 6\n'
    kind.write_text(f'title = "Answers"\nadapter = "{out}"\n{prompts}')
    generator = Generator.from_pretrained("fake")
    written = generator.write(str(kind), "tell me of the sea").text
    assert written == generator("tell me of the sea", adapter=str(out), max_new_tokens=6).text
    assert written != generator("tell me of the sea", max_new_tokens=6).text
    assert generator.adapter_of("poem") is None
