"""GGUF files and the embedded backbones: a tiny file written here, converted, kept and refused."""

import json
import logging

import numpy as np
import pytest
import torch

from nlpkit import Backbone, embedded, gguf
from nlpkit.embedded import EMBEDDED, Embedded
from nlpkit.errors import BackboneError, MissingExtraError
from nlpkit.text import windows

TEXT = "Ann was born in Rome."


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NLPKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A llama of two layers and byte pieces, its matrices in blocks of 8 bits."""
    writer_of = pytest.importorskip("gguf").GGUFWriter
    from gguf import GGMLQuantizationType, quants
    from tokenizers import pre_tokenizers

    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    draw, width, inner, pieces = np.random.default_rng(3), 32, 64, 260
    writer = writer_of(path, "llama")
    writer.add_context_length(128)
    writer.add_embedding_length(width)
    writer.add_block_count(2)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(8)
    writer.add_vocab_size(pieces)
    writer.add_tokenizer_model("gpt2")
    signs = sorted(pre_tokenizers.ByteLevel.alphabet())
    writer.add_token_list([*signs, "<unk>", "<s>", "</s>", "ĠR"])
    writer.add_token_types([1] * pieces)
    writer.add_token_merges(["Ġ R"])
    writer.add_unk_token_id(256)
    writer.add_bos_token_id(257)
    writer.add_eos_token_id(258)

    def add(name, *shape):
        weights = (draw.standard_normal(shape) * 0.2).astype(np.float32)
        if len(shape) == 1:
            writer.add_tensor(f"{name}.weight", weights + 1)
        else:
            kind = GGMLQuantizationType.Q8_0
            writer.add_tensor(f"{name}.weight", quants.quantize(weights, kind), raw_dtype=kind)

    add("token_embd", pieces, width)
    add("output_norm", width)
    for n in range(2):
        for name, *shape in (
            ("attn_norm", width),
            ("ffn_norm", width),
            ("attn_q", width, width),
            ("attn_k", width // 2, width),
            ("attn_v", width // 2, width),
            ("attn_output", width, width),
            ("ffn_gate", inner, width),
            ("ffn_up", inner, width),
            ("ffn_down", width, inner),
        ):
            add(f"blk.{n}.{name}", *shape)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def window_of(backbone):
    return next(iter(windows(TEXT, backbone.encode, size=64, overlap=0, specials=backbone.specials)))


def test_a_gguf_file_is_read_and_kept(tiny, cache, caplog, monkeypatch):
    backbone = Backbone.from_pretrained(str(tiny))
    (kept,) = (cache / "gguf-1").iterdir()
    assert backbone.kind == "decoder"
    assert backbone.fingerprint == kept.name == gguf._sha256([tiny])
    assert "first time" in caplog.text
    monkeypatch.setattr(gguf, "_convert", lambda *_: pytest.fail("converted twice"))
    again = Backbone.from_pretrained(str(tiny), sha256=backbone.fingerprint)
    assert torch.equal(again.hidden([window_of(again)]).states, backbone.hidden([window_of(backbone)]).states)
    assert [TEXT[a:b] for a, b in backbone.encode("Ann was born in Rome.")[1]][-6:] == ["n", "R", "o", "m", "e", "."]


def test_what_is_kept_equals_what_transformers_reads(tiny):
    from transformers import AutoModel

    backbone = Backbone.from_pretrained(str(tiny))
    plain = AutoModel.from_pretrained(tiny.parent, gguf_file=tiny.name, dtype=torch.float32).eval()
    window = window_of(backbone)
    expected = plain(input_ids=torch.from_numpy(window.input_ids).long()[None]).last_hidden_state
    torch.testing.assert_close(backbone.hidden([window]).states, expected, atol=1e-5, rtol=1e-5)


def test_a_file_in_parts_is_the_same(tiny, tmp_path):
    whole = tiny.read_bytes()
    parts = [tmp_path / f"tiny.gguf.part{n}" for n in range(3)]
    for n, part in enumerate(parts):
        part.write_bytes(whole[n * len(whole) // 3 : (n + 1) * len(whole) // 3])
    folder, found = gguf.converted(parts)
    assert found == gguf._sha256([tiny])
    assert not list(folder.glob("*.gguf"))


def test_another_process_may_be_first(tiny, cache, monkeypatch):
    write = gguf._write

    def raced(file, part):
        write(file, part)
        other = cache / "gguf-1" / gguf._sha256([tiny])
        other.mkdir()
        (other / "config.json").write_text("theirs")

    monkeypatch.setattr(gguf, "_write", raced)
    folder, _ = gguf.converted([tiny])
    assert (folder / "config.json").read_text() == "theirs"
    assert [path.name for path in (cache / "gguf-1").iterdir()] == [folder.name]


def test_a_run_that_fails_leaves_nothing(tiny, cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gguf, "_write", full)
    with pytest.raises(BackboneError, match=r"No space left.*NLPKIT_CACHE"):
        gguf.converted([tiny])
    assert list((cache / "gguf-1").iterdir()) == []


def test_a_damaged_copy_says_what_to_remove(tiny):
    folder, _ = gguf.converted([tiny])
    (folder / "model.safetensors").write_bytes(b"\0" * 64)
    with pytest.raises(BackboneError, match="remove it"):
        Backbone.from_pretrained(str(tiny))


def test_files_at_fault_are_named(tiny, tmp_path):
    with pytest.raises(BackboneError, match="cannot read"):
        Backbone.from_pretrained(str(tmp_path / "absent.gguf"))
    (tmp_path / "text.gguf").write_text("hello")
    with pytest.raises(BackboneError, match="no GGUF file"):
        Backbone.from_pretrained(str(tmp_path / "text.gguf"))
    (tmp_path / "half.gguf").write_bytes(tiny.read_bytes()[: tiny.stat().st_size // 2])
    with pytest.raises(BackboneError, match=r"half\.gguf cannot be read"):
        Backbone.from_pretrained(str(tmp_path / "half.gguf"))
    with pytest.raises(BackboneError, match="pinned"):
        Backbone.from_pretrained(str(tiny), sha256="0" * 64)


def test_without_the_gguf_package_the_extra_is_named(tiny, monkeypatch):
    monkeypatch.setattr(gguf.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"nlpkit\[decoder\]"):
        gguf.converted([tiny])


def test_the_cache_is_where_the_user_wants_it(monkeypatch, tmp_path):
    assert embedded.cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("NLPKIT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert embedded.cache_folder() == tmp_path / "nlpkit"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert embedded.cache_folder().parts[-2:] == (".cache", "nlpkit")


def test_terms_are_told_once(cache, caplog):
    one = Embedded("a model", ("nowhere/x.gguf",), "0" * 64, "pip install x", terms="Terms at example.org/terms")
    with caplog.at_level(logging.WARNING):
        embedded.tell_terms(one)
        embedded.tell_terms(one)
        embedded.tell_terms(EMBEDDED["default"])
    assert [record.message for record in caplog.records] == [one.terms]
    assert (cache / "terms" / one.sha256).read_text().strip() == one.terms


def test_an_embedded_backbone_that_is_not_installed_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda _: None)
    assert embedded.available() == []
    for name, one in EMBEDDED.items():
        with pytest.raises(BackboneError) as caught:
            Backbone.from_pretrained(name)
        assert one.install in str(caught.value)


def test_kept_files_name_no_place_on_this_machine(tiny):
    folder, _ = gguf.converted([tiny])
    config = json.loads((folder / "config.json").read_text())
    assert str(tiny.parent) not in json.dumps(config)
