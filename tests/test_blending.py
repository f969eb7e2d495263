"""Adapters made of others: merged into the weights, or combined by weight."""

import pytest
import torch
from samples import EXAMPLES
from test_adapters import states, stirred
from test_methods import SPECS, made

from nlpkit import Backbone, recipes
from nlpkit.adapters import METHODS, Adapted
from nlpkit.checkpoint import Task
from nlpkit.engine import Reading
from nlpkit.errors import AdapterError
from nlpkit.heads import HEADS
from nlpkit.kit import Kit
from nlpkit.recipes import AdapterSpec
from nlpkit.testing import fake_backbone

every_kind = pytest.mark.parametrize("kind", ["bert", "llama"])
MERGEABLE = ["lora", "rslora", "dora", "ia3", "layernorm"]
BLENDABLE = ["lora", "rslora", "ia3", "layernorm"]


def shrunk(adapted, name="a"):
    """Make an adapter's change a small one, as training does: sums of large ones lose digits."""
    for path, parameter in adapted.named_parameters(name):
        if "ia3" not in path and "ln_tuning" not in path and "magnitude" not in path:
            parameter.data = parameter.data * 0.3
    return adapted


@every_kind
@pytest.mark.parametrize("method", MERGEABLE)
def test_a_merged_backbone_gives_the_adapters_outputs(method, kind):
    adapted = shrunk(made(SPECS[method], kind))
    bare, expected = states(adapted, None), states(adapted, "a")
    merged = adapted.merged("a")
    assert isinstance(merged, Backbone)
    assert merged.fingerprint != adapted.backbone.fingerprint
    found = states(Adapted(merged), None)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(found, bare, atol=1e-3)
    assert torch.equal(states(adapted, None), bare)
    assert torch.equal(states(adapted, "a"), expected)
    assert set(merged.model.state_dict()) == set(adapted.backbone.model.state_dict())


@pytest.mark.parametrize("method", [m for m in METHODS if m not in MERGEABLE])
def test_what_cannot_be_merged_says_what_can(method):
    with pytest.raises(AdapterError, match=rf"'a' is {method}.*lora, rslora, dora, ia3"):
        made(SPECS[method]).merged("a")


@every_kind
def test_low_rank_updates_are_summed_exactly(kind):
    """The change of a linear map is the weighted sum of the changes, whatever ranks, layers and scalings they have."""
    adapted = made(AdapterSpec("lora", rank=2, alpha=4.0), kind)
    adapted.add("b", AdapterSpec("rslora", rank=3, alpha=2.0, layers="top:1"))
    shrunk(stirred(adapted, "b", 2), "b")
    shrunk(adapted)
    bare = {n: t.clone() for n, t in adapted.backbone.model.state_dict().items()}
    one, other = (adapted.merged(name).model.state_dict() for name in "ab")
    spec = adapted.blend("sum", {"a": 0.7, "b": -0.4})
    assert (spec.rank, spec.layers) == (5, "all")
    summed = adapted.merged("sum").model.state_dict()
    for name, tensor in bare.items():
        expected = tensor + 0.7 * (one[name] - tensor) - 0.4 * (other[name] - tensor)
        torch.testing.assert_close(summed[name], expected, atol=1e-6, rtol=1e-5)


@every_kind
@pytest.mark.parametrize("method", BLENDABLE)
def test_weights_of_one_and_nought_are_the_ends(method, kind, tmp_path):
    adapted = shrunk(made(SPECS[method], kind))
    adapted.add("b", SPECS[method])
    stirred(adapted, "b", 2)
    alone = {name: states(adapted, name) for name in (None, "a", "b")}
    spec = adapted.blend("itself", {"a": 1.0, "b": 0.0})
    torch.testing.assert_close(states(adapted, "itself"), alone["a"], atol=1e-5, rtol=1e-5)
    adapted.blend("nothing", {"a": 0.0})
    torch.testing.assert_close(states(adapted, "nothing"), alone[None], atol=1e-5, rtol=1e-5)
    adapted.blend("half", {"a": 0.5, "b": 0.5})
    assert not torch.allclose(states(adapted, "half"), alone["a"], atol=1e-3)
    assert adapted.mixes("half") == METHODS[method].by_rows
    adapted.save("itself", tmp_path)
    other = Adapted(fake_backbone(kind=kind))
    other.load("itself", tmp_path, spec)
    assert torch.equal(states(other, "itself"), states(adapted, "itself"))
    for name in ("itself", "nothing", "half"):
        adapted.remove(name)
    assert all(torch.equal(states(adapted, name), expected) for name, expected in alone.items())


@pytest.mark.parametrize("method", [m for m in METHODS if m not in BLENDABLE])
def test_what_has_no_sum_says_why(method):
    with pytest.raises(AdapterError, match=rf"'a' is {method}, which has no weighted sum: .*lora, rslora, ia3"):
        made(SPECS[method]).blend("b", {"a": 1.0})


def test_what_cannot_be_combined_is_named():
    adapted = made(SPECS["lora"])
    adapted.add("factors", SPECS["ia3"])
    with pytest.raises(AdapterError, match=r"different kinds.*'a' is lora.*'factors' is ia3"):
        adapted.blend("b", {"a": 1.0, "factors": 1.0})
    with pytest.raises(AdapterError, match="one finite number or more"):
        adapted.blend("b", {})
    with pytest.raises(AdapterError, match="one finite number or more"):
        adapted.blend("b", {"a": float("nan")})
    with pytest.raises(AdapterError, match="'nobody'"):
        adapted.blend("b", {"nobody": 1.0})
    with pytest.raises(AdapterError, match="loaded already"):
        adapted.blend("a", {"a": 1.0})


def test_a_kit_blends_tasks():
    adapted = made(SPECS["lora"])
    adapted.add("b", SPECS["lora"])
    stirred(adapted, "b", 2)
    kit = Kit(adapted)
    table = {"title": "t", "heads": ["ner"], "licence": "l", "data": {"format": "conll", "train": "t"}}
    heads = [HEADS["ner"].fit([e.document for e in EXAMPLES], 16, {}).eval()]
    for name in "ab":
        recipe = recipes.from_dict(table, name=name)
        kit.add(Task(name, recipe, adapted, heads, Reading(64, 16), {"dev": {"f1": 1.0}}))
    before = kit("Ann Lee was born in Rome.", tasks=["a"])
    task = kit.blend("ab", {"a": 0.6, "b": 0.4}, heads="b")
    assert (task.recipe.adapter.rank, dict(task.scores)) == (4, {})
    assert task.revision.startswith("ab@")
    kit("Ann Lee was born in Rome.", tasks=["ab"])
    assert kit("Ann Lee was born in Rome.", tasks=["a"]) == before
    kit.remove("ab")
    assert adapted.names == ["a", "b"]
    with pytest.raises(AdapterError, match="'nobody'"):
        kit.blend("ab", {"nobody": 1.0}, heads="a")
