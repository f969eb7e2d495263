"""Every adapter method on an encoder and on a decoder: one contract."""

import json
from dataclasses import replace

import peft
import pytest
import torch
from samples import EXAMPLES
from test_adapters import states, stirred
from test_backbone import batch
from torch._subclasses.fake_tensor import FakeTensorMode

import nlpkit
from nlpkit import checkpoint, data, recipes
from nlpkit.adapters import COPY, METHODS, WEIGHTS, Adapted
from nlpkit.adapters.structure import roles
from nlpkit.errors import AdapterError, RecipeError
from nlpkit.quick import rounded
from nlpkit.recipes import AdapterSpec
from nlpkit.testing import fake_backbone

SPECS = {method: AdapterSpec(method, rank=2, alpha=4.0, tokens=3) for method in METHODS}
SPECS |= {f"bottleneck-{style}": replace(SPECS["bottleneck"], style=style) for style in ("houlsby", "parallel")}
AT_THE_INPUT = ("prompt", "ptuning")
OWN = ("bottleneck", "none", "full")
LAYERED = [name for name, spec in SPECS.items() if spec.method not in (*AT_THE_INPUT, "full")]
QUIET = ["ignore:.is_gradient_checkpointing. is deprecated:FutureWarning", "ignore:Unsupported layer type:UserWarning"]

every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
every_kind = pytest.mark.parametrize("kind", ["bert", "llama"])


def made(spec, kind="bert", name="a", seed=1):
    """Return a fake backbone with one adapter that changes something."""
    adapted = Adapted(fake_backbone(kind=kind))
    torch.manual_seed(seed)
    adapted.add(name, spec)
    return stirred(adapted, name, seed)


def test_recipes_and_adapters_know_the_same_methods():
    assert set(recipes.METHODS) == set(METHODS)


@every_kind
@every_spec
def test_a_method_changes_only_the_calls_that_name_it(spec, kind):
    bare = states(Adapted(fake_backbone(kind=kind)), None)
    adapted = made(spec, kind)
    adapted.add("other", SPECS["lora"])
    changed = states(adapted, "a")
    assert changed.shape == bare.shape
    assert not torch.allclose(changed, bare, atol=1e-3)
    assert torch.equal(states(adapted, None), bare)
    assert torch.equal(states(adapted, "other"), bare)
    adapted.remove("other")
    assert torch.equal(states(adapted, "a"), changed)
    adapted.remove("a")
    assert torch.equal(states(adapted, None), bare)
    assert adapted.names == []


@every_kind
@every_spec
@pytest.mark.parametrize("bf16", [False, True])
def test_a_method_trains(spec, kind, bf16):
    adapted = Adapted(fake_backbone(kind=kind))
    torch.manual_seed(0)
    adapted.add("a", spec)
    window = batch(adapted.backbone)
    target = torch.randn(3, 16)
    parameters = [p for _, p in adapted.named_parameters("a")]
    optimizer = torch.optim.Adam(parameters, lr=0.02)
    losses = []
    for _ in range(15):
        with adapted.using("a") as model:
            adapted.trainable("a", True)
            with rounded(bf16, torch.device("cpu")):
                hidden = model.hidden(window, attention=True)
            assert hidden.states.dtype == hidden.attention.dtype == torch.float32
            loss = (hidden.pooled - target).square().mean()
            optimizer.zero_grad()
            loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.97 * losses[0]
    if spec.method != "full":
        assert not any(p.requires_grad for p in adapted.backbone.model.parameters())
    adapted.trainable("a", False)
    assert not any(p.requires_grad for p in parameters)


@every_kind
@every_spec
def test_saved_and_loaded_outputs_are_bit_identical(spec, kind, tmp_path):
    adapted = made(spec, kind)
    adapted.save("a", tmp_path, torch.float16)
    names = {p.name for p in tmp_path.iterdir()}
    assert names == ({COPY} if spec.method == "full" else {"adapter_config.json", WEIGHTS})
    other = Adapted(fake_backbone(kind=kind))
    other.load("else", tmp_path, spec)
    assert torch.equal(states(other, "else"), states(adapted, "a"))
    assert other.fingerprint("else") == adapted.fingerprint("a")
    bare = states(Adapted(fake_backbone(kind=kind)), None)
    assert torch.equal(states(other, None), bare)


@pytest.mark.filterwarnings(*QUIET)
@every_kind
@pytest.mark.parametrize("spec", [s for s in SPECS.values() if s.method not in OWN], ids=lambda s: s.method)
def test_plain_peft_opens_the_folder(spec, kind, tmp_path):
    adapted = made(spec, kind)
    adapted.save("a", tmp_path)
    assert json.loads((tmp_path / "adapter_config.json").read_text())["base_model_name_or_path"] == "fake"
    plain = peft.PeftModel.from_pretrained(fake_backbone(kind=kind).model, str(tmp_path)).eval()
    window = batch(adapted.backbone)[0]
    ids = torch.from_numpy(window.input_ids).long()[None]
    more = {}
    if spec.method == "prefix" and kind == "bert":  # peft would move the text; an encoder's positions are kept
        more["position_ids"] = torch.arange(ids.shape[1])[None] - spec.tokens
    with torch.inference_mode():
        expected = plain(input_ids=ids, attention_mask=torch.ones_like(ids), **more).last_hidden_state
    with adapted.using("a") as model, torch.inference_mode():
        found = model.hidden([window]).states
    torch.testing.assert_close(found, expected[:, -len(window) :], atol=3e-5, rtol=1e-4)


@every_kind
@pytest.mark.parametrize("name", LAYERED)
def test_the_layers_below_are_left_alone(name, kind):
    adapted = made(replace(SPECS[name], layers="top:1"), kind)
    assert adapted.lowest_layer("a") == 1
    windows = batch(adapted.backbone)
    with torch.inference_mode():
        trunk = adapted.backbone.trunk(windows, 1)
        with adapted.using("a") as model:
            assert torch.equal(model.trunk(windows, 1).states, trunk.states)
            whole = model.hidden(windows, attention=True)
            going_on = model.hidden(windows, attention=True, given=trunk)
    assert torch.equal(going_on.states, whole.states)
    assert torch.equal(going_on.attention, whole.attention)
    assert not torch.allclose(whole.states, states(adapted, None), atol=1e-3)


@every_kind
@pytest.mark.parametrize("name", ["full", *AT_THE_INPUT, "none", "prefix"])
def test_a_method_that_changes_all_layers_shares_none(name, kind):
    assert made(SPECS[name], kind).lowest_layer("a") == 0


@pytest.mark.parametrize("name", AT_THE_INPUT)
def test_the_input_has_no_layers(name):
    with pytest.raises(RecipeError, match=rf"top:1.*{name}"):
        made(replace(SPECS[name], layers="top:1"))


@every_kind
@pytest.mark.parametrize("name", ["prompt", "ptuning", "prefix"])
def test_virtual_pieces_do_not_come_out(name, kind):
    adapted = made(SPECS[name], kind)
    windows = batch(adapted.backbone)
    with adapted.using("a") as model, torch.inference_mode():
        together = model.hidden(windows, attention=True)
        assert together.states.shape[1] == together.mask.shape[1] == max(map(len, windows))
        assert together.attention.shape[-2:] == (together.mask.shape[1],) * 2
        for row, window in enumerate(windows):
            n, alone = len(window), model.hidden([window], attention=True)
            torch.testing.assert_close(together.states[row, :n], alone.states[0], atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(together.attention[row, :, :n, :n], alone.attention[0], atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(alone.attention.sum(-1), torch.ones(1, 4, n))
            torch.testing.assert_close(together.pooled[row], alone.pooled[0], atol=1e-5, rtol=1e-5)


def test_a_prompt_leaves_room_for_itself():
    adapted = Adapted(fake_backbone(max_pieces=12))
    adapted.add("a", replace(SPECS["prompt"], tokens=6))
    with pytest.raises(AdapterError, match=r"training.window to 6"), adapted.using("a") as model:
        model.hidden(batch(fake_backbone()))


@pytest.mark.parametrize("name", ["bottleneck", "bottleneck-houlsby", "bottleneck-parallel", "ia3", "lora", "dora"])
@every_kind
def test_a_fresh_adapter_changes_nothing(name, kind):
    adapted = Adapted(fake_backbone(kind=kind))
    adapted.add("a", SPECS[name])
    torch.testing.assert_close(states(adapted, "a"), states(adapted, None), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "bert", "llama"),
    [
        ("lora", 2 * 2 * (4 * 32 + 2 * 48), 2 * 2 * (2 * 32 + 2 * 24 + 3 * 48)),
        ("dora", 2 * (2 * (4 * 32 + 2 * 48) + 5 * 16 + 32), 2 * (2 * (2 * 32 + 2 * 24 + 3 * 48) + 128)),
        ("ia3", 2 * (16 + 16 + 32), 2 * (8 + 8 + 32)),
        ("prefix", 3 * 2 * 2 * 16, 3 * 2 * 2 * 8),
        ("prompt", 3 * 16, 3 * 16),
        ("ptuning", 3 * 16 + 3 * (16 * 16 + 16), 3 * 16 + 3 * (16 * 16 + 16)),
        ("layernorm", 2 * 2 * 32, 2 * 2 * 16 + 16),
        ("bottleneck", 2 * (2 * 2 * 16 + 16 + 2), 2 * (2 * 2 * 16 + 16 + 2)),
        ("bottleneck-houlsby", 4 * (2 * 2 * 16 + 16 + 2), 4 * (2 * 2 * 16 + 16 + 2)),
        ("bottleneck-parallel", 2 * (2 * 2 * 16 + 16 + 2), 2 * (2 * 2 * 16 + 16 + 2)),
        ("none", 3 + 1, 3 + 1),
    ],
)
def test_parameters_are_as_many_as_the_formulas_say(name, bert, llama):
    for kind, expected in (("bert", bert), ("llama", llama)):
        assert sum(p.numel() for _, p in made(SPECS[name], kind).named_parameters("a")) == expected, kind


def test_the_parts_of_a_layer_are_told_by_structure():
    found = roles(fake_backbone().layers[0])
    assert found.keys_and_values == ("attention.self.key", "attention.self.value")
    assert (found.out_of_attention, found.out_of_ffn) == ("attention.output.dense", "output.dense")
    assert found.into_ffn == ("intermediate.dense",)
    found = roles(fake_backbone(kind="llama").layers[0])
    assert found.keys_and_values == ("self_attn.k_proj", "self_attn.v_proj")
    assert (found.out_of_attention, found.out_of_ffn) == ("self_attn.o_proj", "mlp.down_proj")
    assert found.into_ffn == ("mlp.gate_proj", "mlp.up_proj")
    with pytest.raises(RecipeError, match=r"Sequential is no attention.*lora"):
        roles(torch.nn.Sequential(torch.nn.Linear(2, 2)))


@every_kind
def test_a_mix_of_the_last_layer_alone_is_the_last_layer(kind):
    adapted = Adapted(fake_backbone(kind=kind))
    adapted.add("a", AdapterSpec("none", layers="top:1"))
    torch.testing.assert_close(states(adapted, "a"), states(adapted, None))


@every_kind
def test_attention_goes_both_ways_where_the_spec_says_so(kind):
    adapted = made(replace(SPECS["lora"], layers="top:1", attention="both"), kind)
    with adapted.using("a") as model:
        assert model.both_from == (1 if kind == "llama" else None)


def test_keys_without_a_meaning_are_refused():
    table = {"title": "t", "heads": ["ner"], "licence": "l", "data": {"format": "conll", "train": "t"}}
    for adapter, message in (
        ({"method": "ia3", "rank": 8}, r"adapter.rank means nothing to 'ia3'; it knows: method, layers, modules, att"),
        ({"method": "prompt", "layers": "top:2"}, r"adapter.layers means nothing to 'prompt'"),
        ({"method": "bottleneck", "alpha": 4}, r"adapter.alpha means nothing to 'pfeiffer bottleneck'"),
        ({"method": "lora", "style": "houlsby"}, r"adapter.style means nothing to 'lora'"),
        ({"method": "magic"}, r"adapter.method = 'magic'; allowed: lora, rslora"),
        ({"method": "bottleneck", "style": "serial"}, r"adapter.style = 'serial'; allowed: .houlsby"),
    ):
        with pytest.raises(RecipeError, match=message):
            recipes.from_dict({**table, "adapter": adapter})
    for spec in SPECS.values():
        recipe = replace(recipes.from_dict(table), adapter=spec)
        again = recipes.from_dict(recipe.to_dict())
        assert again.to_dict() == recipe.to_dict()
        assert set(recipe.to_dict()["adapter"]) - {"method", "attention"} <= set(recipes.METHODS[spec.method])
    old = {**table, "adapter": {"method": "full", "rank": 8}}
    assert recipes.from_dict(old, strict=False).adapter.method == "full"


@pytest.mark.parametrize("name", ["ia3", "prompt", "bottleneck", "none", "full"])
def test_broken_folders_are_refused(name, tmp_path):
    adapted = made(SPECS[name])
    adapted.save("a", tmp_path)
    file = tmp_path / (COPY if name == "full" else WEIGHTS)
    if name != "full":
        with pytest.raises(AdapterError, match="does not fit"):
            Adapted(fake_backbone()).load("a", tmp_path, SPECS["layernorm"])
    file.write_bytes(file.read_bytes()[:-9])
    other = Adapted(fake_backbone())
    with pytest.raises(AdapterError, match="does not fit"):
        other.load("a", tmp_path, SPECS[name])
    assert other.names == []
    file.unlink()
    with pytest.raises(AdapterError, match="no adapter in"):
        other.load("a", tmp_path, SPECS[name])


@pytest.mark.parametrize("name", ["ptuning", "prefix", "bottleneck", "none", "full"])
def test_a_trained_folder_says_what_it_is_and_reads_as_it_was_scored(name, tmp_path, monkeypatch):
    monkeypatch.setitem(data.READERS, "sample", lambda path: iter(EXAMPLES))
    (tmp_path / "train").touch()
    table = {
        "title": "People",
        "heads": ["ner"],
        "licence": "Apache-2.0",
        "backbone": "fake",
        "data": {"format": "sample", "train": "train", "test": "train", "hold_out": 5},
        "training": {"epochs": 2, "lr": 0.01, "head_lr": 0.01, "batch_tokens": 320, "window": 48, "stride": 32},
        "options": {"ner": {"width": 16, "dropout": 0.0}},
    }
    recipe = replace(recipes.from_dict(table, name="people"), adapter=replace(SPECS[name], dropout=0.5))
    out = nlpkit.train(recipe, data=tmp_path, out=tmp_path / "out")
    account = checkpoint.account(out)
    assert nlpkit.evaluate(out, data=tmp_path).scores == account["scores"]["test"]
    assert account["parameters"]["adapter"] == sum(p.numel() for _, p in made(SPECS[name]).named_parameters("a"))
    line = next(line for line in (out / "README.md").read_text().splitlines() if line.startswith("| adapter |"))
    assert line.split(" | ")[1].split(",")[0].removesuffix(" |") == SPECS[name].method
    assert ("rank 2" in line) == (name == "bottleneck")


@every_spec
@every_kind
def test_a_backbone_on_another_device_is_given_all_it_reads_there(spec, kind):
    # No machine that runs tests need have a second device: "meta" stands for it, its contents imagined.
    backbone = fake_backbone(kind=kind).to("meta")
    adapted = Adapted(backbone)
    adapted.add("a", spec)
    window = batch(fake_backbone(kind=kind))
    trained = dict(adapted.named_parameters("a"))
    assert {p.device.type for p in trained.values()} <= {"meta"}
    read = []

    def note(module, args, options):
        read.extend(t.device.type for t in (*args, *options.values()) if isinstance(t, torch.Tensor))

    with FakeTensorMode(allow_non_fake_inputs=True), adapted.using("a") as model:
        adapted.trainable("a", True)
        for module in model.model.modules():
            module.register_forward_pre_hook(note, with_kwargs=True)
        given = model.trunk(window, adapted.lowest_layer("a"))
        hidden = model.hidden(window, attention=True, given=given)
        hidden.pooled.sum().backward()
        assert {given.states.device.type, hidden.states.device.type, hidden.attention.device.type} == {"cpu"}
    assert set(read) == {"meta"}
    assert all(p.grad is not None for p in trained.values()) or spec.method in ("none", "full")
