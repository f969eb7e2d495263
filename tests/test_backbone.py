import copy
import shutil

import numpy as np
import pytest
import torch

from nlpkit import Backbone
from nlpkit.embedded import EMBEDDED
from nlpkit.errors import BackboneError
from nlpkit.testing import fake_backbone
from nlpkit.text import windows

TEXTS = ["Ann was born in Rome.", "Bo, too: in Oslo, long ago, they say.", "Cy"]


def batch(backbone, texts=TEXTS):
    cut = {"size": 64, "overlap": 0, "specials": backbone.specials}
    return [next(iter(windows(t, backbone.encode, document=n, **cut))) for n, t in enumerate(texts)]


def fake_decoder():
    return fake_backbone(kind="llama")


def test_the_fake_backbone_is_small_and_deterministic():
    one, other = fake_backbone(), fake_backbone()
    assert sum(p.numel() for p in one.model.parameters()) < 20_000
    assert one.fingerprint == other.fingerprint
    assert not any(p.requires_grad for p in one.model.parameters())
    assert not one.model.training


@pytest.mark.parametrize("backbone", [fake_backbone(), fake_decoder()], ids=["encoder", "decoder"])
def test_hidden_states_and_attention_equal_plain_transformers(backbone):
    window = batch(backbone)[1]
    ids = torch.from_numpy(window.input_ids).long()[None]
    hidden = backbone.hidden([window], attention=True)
    model = copy.deepcopy(backbone.model)
    model.set_attn_implementation("eager")
    expected = model(input_ids=ids, output_attentions=True)
    torch.testing.assert_close(hidden.states, expected.last_hidden_state, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(hidden.attention, expected.attentions[-1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("backbone", [fake_backbone(), fake_decoder()], ids=["encoder", "decoder"])
def test_padding_changes_nothing(backbone):
    windows_ = batch(backbone)
    together = backbone.hidden(windows_, attention=True)
    for row, window in enumerate(windows_):
        alone = backbone.hidden([window], attention=True)
        n = len(window)
        torch.testing.assert_close(together.states[row, :n], alone.states[0], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(together.attention[row, :, :n, :n], alone.attention[0], atol=1e-5, rtol=1e-5)


def test_kinds_and_sizes_are_read_off_the_model():
    encoder, decoder = fake_backbone(), fake_decoder()
    assert (encoder.kind, decoder.kind) == ("encoder", "decoder")
    assert len(encoder.layers) == encoder.n_layers == 2
    assert encoder.hidden_width == decoder.hidden_width == 16


def test_embeddings_are_unit_means_of_the_pieces():
    backbone = fake_backbone()
    vectors = backbone.embed(TEXTS)
    assert vectors.shape == (3, 16)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    hidden = backbone.hidden(batch(backbone)[:1]).states[0].mean(0)
    np.testing.assert_allclose(vectors[0], (hidden / hidden.norm()).detach().numpy(), atol=1e-5)


def test_embedding_covers_long_and_empty_texts():
    backbone = fake_backbone()
    long = backbone.embed(["one two three " * 100, "one two three " * 100 + "Rome Oslo Lima " * 100])
    assert not np.allclose(long[0], long[1], atol=1e-3)
    assert np.isfinite(backbone.embed([""])).all()
    assert backbone.embed([]).shape == (0, 16)


def test_an_unknown_backbone_is_explained_offline():
    with pytest.raises(BackboneError, match=r"no backbone 'no/such-model'.*default"):
        Backbone.from_pretrained("no/such-model", local_files_only=True)


def test_a_local_folder_is_loaded_and_its_hash_checked(tmp_path):
    backbone = fake_backbone()
    backbone.model.save_pretrained(tmp_path)
    backbone.tokenizer.save_pretrained(tmp_path)
    loaded = Backbone.from_pretrained(str(tmp_path))
    window = batch(backbone)[0]
    assert torch.equal(loaded.hidden([window]).states, backbone.hidden([window]).states)
    assert Backbone.from_pretrained(str(tmp_path), sha256=loaded.fingerprint).fingerprint == loaded.fingerprint
    with pytest.raises(BackboneError, match="SHA-256"):
        Backbone.from_pretrained(str(tmp_path), sha256="0" * 64)
    shutil.rmtree(tmp_path)
    with pytest.raises(BackboneError, match="no backbone"):
        Backbone.from_pretrained(str(tmp_path), local_files_only=True)


@pytest.mark.slow
def test_the_embedded_backbone_is_the_pinned_one():
    backbone = Backbone.from_pretrained()
    assert backbone.fingerprint == EMBEDDED["default"].sha256
    near, far = (
        backbone.embed(["A man eats.", "Somebody is eating.", "Stocks fell in Tokyo."])[0]
        @ backbone.embed(["Somebody is eating.", "Stocks fell in Tokyo."]).T
    )
    assert near > 0.6 > 0.3 > far
