from contextlib import nullcontext

import pytest
import torch
from torch import nn

from nlpkit import quick
from nlpkit.testing import fake_backbone
from nlpkit.text import windows

BACKEND = getattr(torch.backends.mkldnn, "matmul", None)
ABLE = BACKEND is not None and torch.backends.cpu.get_cpu_capability() == "AVX512"


@pytest.mark.parametrize("shape", [(64, 384), (7, 3), (1,), (0, 5)])
def test_dropout_leaves_the_mean_and_takes_gradients_only_where_it_kept(shape):
    torch.manual_seed(0)
    x = torch.ones(shape, requires_grad=True)
    out = quick.Dropout(0.1)(x)
    assert set(out.unique().tolist()) <= {0.0, torch.tensor(256 / 230).item()}
    out.sum().backward()
    assert torch.equal(x.grad, out)
    if x.numel() > 1000:
        assert out.mean().item() == pytest.approx(1, abs=0.01)


def test_dropout_repeats_with_a_seed_and_does_nothing_when_used():
    drop, x = quick.Dropout(0.5), torch.randn(40, 40)
    draws = []
    for _ in range(2):
        torch.manual_seed(3)
        draws.append(drop(x))
    assert torch.equal(*draws)
    assert not torch.equal(drop(x), draws[0])
    assert torch.equal(drop.eval()(x), x)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_dropout_of_nothing_and_of_everything_is_torchs(p):
    assert torch.equal(quick.Dropout(p)(torch.ones(9)), nn.Dropout(p)(torch.ones(9)))


def test_quicken_takes_every_dropout_of_a_module_and_no_other_class():
    module = nn.Sequential(nn.Dropout(0.1), nn.Sequential(nn.Dropout(0.2), nn.AlphaDropout(0.1)))
    quick.quicken(module)
    assert [type(m) for m in (module[0], *module[1])] == [quick.Dropout, quick.Dropout, nn.AlphaDropout]
    assert module[1][0].p == 0.2


def failing(query):
    with quick.products():
        assert quick.in_the_open(query, 20) is ABLE
        assert not quick.in_the_open(query, quick.LONGEST + 1)
        raise ZeroDivisionError


def test_products_puts_back_what_was_set_even_after_an_error():
    before = BACKEND.fp32_precision if BACKEND else None
    query = torch.ones(1)
    with pytest.raises(ZeroDivisionError):
        failing(query)
    assert not quick.in_the_open(query, 20)
    assert before == (BACKEND.fp32_precision if BACKEND else None)


@pytest.mark.parametrize("kind", ["bert", "llama"])
def test_a_step_has_the_gradients_that_it_has_without(kind):
    backbone = fake_backbone(kind=kind)
    vectors = backbone.model.get_input_embeddings().weight.requires_grad_(True)
    texts = ["Ada left Oslo.", "In the north nobody had heard of Bo, who sang."]
    batch = [w for n, text in enumerate(texts) for w in windows(text, backbone.encode, document=n, size=64, overlap=16)]
    found = []
    for context in (quick.products, nullcontext):
        with context():
            backbone.hidden(batch).states[..., 0].square().mean().backward()
        found.append(vectors.grad)
        vectors.grad = None
    assert found[1].abs().max() > 0
    # Where the processor has matrix units the factors are rounded to bfloat16.
    torch.testing.assert_close(*found, atol=2e-2 * found[1].abs().max().item(), rtol=0)
