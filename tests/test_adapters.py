import json

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from test_backbone import batch, fake_decoder

from nlpkit.adapters import METHODS, WEIGHTS, Adapted, linear_modules
from nlpkit.errors import AdapterError, RecipeError
from nlpkit.recipes import AdapterSpec
from nlpkit.testing import fake_backbone

SPEC = AdapterSpec(rank=2, alpha=4.0)


def stirred(adapted, name="a", seed=1):
    """Give an adapter weights that change something: a fresh LoRA changes nothing."""
    generator = torch.Generator().manual_seed(seed)
    for _, parameter in adapted.named_parameters(name):
        parameter.data = (torch.randn(parameter.shape, generator=generator) * 0.3).half().float()
    return adapted


def states(adapted, name):
    with adapted.using(name) as model, torch.inference_mode():
        return model.hidden(batch(model)).states


@pytest.fixture
def adapted():
    made = Adapted(fake_backbone())
    made.add("a", SPEC)
    return stirred(made)


@pytest.mark.parametrize("backbone", [fake_backbone(), fake_decoder()], ids=["encoder", "decoder"])
def test_linear_maps_are_found_by_structure(backbone):
    everywhere = linear_modules(backbone, SPEC)
    per_layer = len(everywhere) // backbone.n_layers
    assert per_layer in (6, 7)
    assert len(linear_modules(backbone, AdapterSpec(layers="top:1"))) == per_layer
    assert all(".1." in name for name in linear_modules(backbone, AdapterSpec(layers="1")))
    one = everywhere[0].rsplit(".", 1)[1]
    assert len(linear_modules(backbone, AdapterSpec(modules=(one,)))) == backbone.n_layers


def test_a_module_or_layer_that_is_not_there_is_named():
    with pytest.raises(RecipeError, match=r"no linear module 'gate'.*known"):
        linear_modules(fake_backbone(), AdapterSpec(modules=("gate",)))
    with pytest.raises(RecipeError, match=r"top:9.*2 layers"):
        linear_modules(fake_backbone(), AdapterSpec(layers="top:9"))
    with pytest.raises(RecipeError, match=r"'magic'.*lora"):
        Adapted(fake_backbone()).add("a", AdapterSpec(method="magic"))


@pytest.mark.parametrize("method", [*METHODS, "full"])
def test_an_adapter_changes_only_the_calls_that_name_it(method):
    bare = states(Adapted(fake_backbone()), None)
    adapted = Adapted(fake_backbone())
    adapted.add("a", AdapterSpec(method=method, rank=2))
    stirred(adapted)
    assert not torch.allclose(states(adapted, "a"), bare, atol=1e-3)
    assert torch.equal(states(adapted, None), bare)


def test_a_second_adapter_leaves_the_first_bit_identical(adapted):
    first = states(adapted, "a")
    adapted.add("b", AdapterSpec(rank=4, layers="top:1"))
    stirred(adapted, "b", seed=2)
    assert torch.equal(states(adapted, "a"), first)
    assert not torch.equal(states(adapted, "b"), first)
    adapted.remove("b")
    assert torch.equal(states(adapted, "a"), first)
    adapted.remove("a")
    assert adapted.names == []
    assert torch.equal(states(adapted, None), states(Adapted(fake_backbone()), None))


@pytest.mark.parametrize("method", [*METHODS, "full"])
def test_saved_and_loaded_outputs_are_bit_identical(method, tmp_path):
    adapted = Adapted(fake_backbone())
    adapted.add("a", AdapterSpec(method=method, rank=2))
    stirred(adapted)
    adapted.save("a", tmp_path, torch.float16)
    other = Adapted(fake_backbone())
    other.load("else", tmp_path)
    assert torch.equal(states(other, "else"), states(adapted, "a"))
    assert other.fingerprint("else") == adapted.fingerprint("a")


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
def test_plain_peft_opens_the_folder(adapted, tmp_path):
    adapted.save("a", tmp_path)
    assert json.loads((tmp_path / "adapter_config.json").read_text())["base_model_name_or_path"] == "fake"
    backbone = fake_backbone()
    plain = peft.PeftModel.from_pretrained(backbone.model, str(tmp_path)).eval()
    window = batch(backbone)[0]
    ids = torch.from_numpy(window.input_ids).long()[None]
    with torch.inference_mode():
        expected = plain(input_ids=ids).last_hidden_state
    with adapted.using("a") as model, torch.inference_mode():
        torch.testing.assert_close(model.hidden([window]).states, expected, atol=0, rtol=0)


def test_broken_folders_are_refused(adapted, tmp_path):
    with pytest.raises(AdapterError, match="no adapter in"):
        Adapted(fake_backbone()).load("a", tmp_path)
    adapted.save("a", tmp_path)
    with pytest.raises(AdapterError, match="does not fit"):
        Adapted(fake_decoder()).load("a", tmp_path)
    whole = load_file(tmp_path / WEIGHTS)
    save_file(dict(list(whole.items())[1:]), tmp_path / WEIGHTS)
    with pytest.raises(AdapterError, match="lacks"):
        Adapted(fake_backbone()).load("a", tmp_path)
    (tmp_path / WEIGHTS).write_bytes(b"\xff" * 100)
    with pytest.raises(AdapterError, match="does not fit"):
        Adapted(fake_backbone()).load("a", tmp_path)


def test_names_are_checked(adapted):
    with pytest.raises(AdapterError, match=r"'b'.*loaded: a"), adapted.using("b"):
        pass
    with pytest.raises(AdapterError, match="loaded already"):
        adapted.add("a", SPEC)
    with pytest.raises(AdapterError, match="'b'"):
        adapted.remove("b")
