import pytest
import torch
from safetensors.torch import load_file, save_file
from test_backbone import batch, fake_decoder

from nlpkit.adapters import WEIGHTS, Adapted, linear_modules
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


def test_broken_folders_are_refused(adapted, tmp_path):
    with pytest.raises(AdapterError, match="no adapter in"):
        Adapted(fake_backbone()).load("a", tmp_path, SPEC)
    adapted.save("a", tmp_path)
    with pytest.raises(AdapterError, match="does not fit"):
        Adapted(fake_decoder()).load("a", tmp_path, SPEC)
    whole = load_file(tmp_path / WEIGHTS)
    save_file(dict(list(whole.items())[1:]), tmp_path / WEIGHTS)
    with pytest.raises(AdapterError, match="lacks"):
        Adapted(fake_backbone()).load("a", tmp_path, SPEC)
    (tmp_path / WEIGHTS).write_bytes(b"\xff" * 100)
    with pytest.raises(AdapterError, match="does not fit"):
        Adapted(fake_backbone()).load("a", tmp_path, SPEC)


def test_names_are_checked(adapted):
    with pytest.raises(AdapterError, match=r"'b'.*loaded: a"), adapted.using("b"):
        pass
    with pytest.raises(AdapterError, match="loaded already"):
        adapted.add("a", SPEC)
    with pytest.raises(AdapterError, match="'b'"):
        adapted.remove("b")
    with pytest.raises(AdapterError, match="inside a call"), adapted.using("a"):
        adapted.remove("a")
    assert adapted.names == ["a"]
