"""Decoder backbones: causal states, both ways, trunks, sliding windows, byte-level pieces."""

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from nlpkit import Backbone, recipes
from nlpkit.embedded import EMBEDDED
from nlpkit.errors import BackboneError, RecipeError
from nlpkit.testing import fake_backbone
from nlpkit.text import windows, without_spaces, words

TEXTS = ["Ann was born in Rome and went to Oslo.", "Bo, too: in Oslo, long ago, they say.", "Cy"]
TINY = {
    "vocab_size": 300,
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": 32,
    "max_position_embeddings": 128,
    "initializer_range": 0.3,
    "sliding_window": 6,
}


def tiny(model_type, **more):
    """Return a random decoder of a kind that the fake backbone is not, its windows shorter than the texts."""
    tokenizer = fake_backbone().tokenizer.backend_tokenizer
    return Backbone.from_config({**TINY, "model_type": model_type, **more}, tokenizer, name=model_type, seed=1)


def gemma2():
    return tiny("gemma2", attn_logit_softcapping=0.5, query_pre_attn_scalar=8)


def gemma3():
    layers = ["sliding_attention", "full_attention", "sliding_attention"]
    return tiny("gemma3_text", layer_types=layers, query_pre_attn_scalar=8)


def llama():
    return fake_backbone(kind="llama")


DECODERS = pytest.mark.parametrize("make", [llama, gemma2, gemma3])


def cut(backbone, texts=TEXTS):
    options = {"size": 128, "overlap": 0, "specials": backbone.specials, "by_last": backbone.kind == "decoder"}
    return [next(iter(windows(t, backbone.encode, document=n, **options))) for n, t in enumerate(texts)]


def assert_padding_changes_nothing(backbone, batch, atol=1e-5):
    with torch.inference_mode():
        together = backbone.hidden(batch, attention=True)
        for row, window in enumerate(batch):
            alone, n = backbone.hidden([window], attention=True), len(window)
            torch.testing.assert_close(together.states[row, :n], alone.states[0], atol=atol, rtol=1e-5)
            torch.testing.assert_close(together.attention[row, :, :n, :n], alone.attention[0], atol=atol, rtol=1e-5)


def assert_equal_to_eager(backbone, window, atol=1e-5):
    model = copy.deepcopy(backbone.model)
    model.set_attn_implementation("eager")
    with torch.inference_mode():
        hidden = backbone.hidden([window], attention=True)
        expected = model(input_ids=torch.from_numpy(window.input_ids).long()[None], output_attentions=True)
    torch.testing.assert_close(hidden.states, expected.last_hidden_state, atol=atol, rtol=1e-5)
    torch.testing.assert_close(hidden.attention, expected.attentions[-1], atol=atol, rtol=1e-5)


def assert_trunk_goes_on(backbone, batch, layers, atol=1e-6):
    with torch.inference_mode():
        whole = backbone.hidden(batch, attention=True)
        trunk = None
        for layer in layers:
            trunk = backbone.trunk(batch, layer, given=trunk)
            went_on = backbone.hidden(batch, attention=True, given=trunk)
            torch.testing.assert_close(went_on.states[whole.mask], whole.states[whole.mask], atol=atol, rtol=0)
            torch.testing.assert_close(went_on.attention, whole.attention, atol=atol, rtol=0)


@DECODERS
def test_states_and_attention_equal_plain_transformers(make):
    backbone = make()
    assert backbone.kind == "decoder"
    assert_equal_to_eager(backbone, cut(backbone)[0])


@DECODERS
def test_padding_changes_nothing(make):
    backbone = make()
    assert_padding_changes_nothing(backbone, cut(backbone))
    assert_padding_changes_nothing(backbone.both_ways(), cut(backbone))


@pytest.mark.parametrize("make", [fake_backbone, llama, gemma2, gemma3])
def test_a_trunk_is_gone_on_from(make):
    backbone = make()
    assert_trunk_goes_on(backbone, cut(backbone), range(backbone.n_layers))
    assert_trunk_goes_on(backbone.both_ways(1), cut(backbone), range(backbone.n_layers))


def late_changes(backbone, layer=None):
    """Return which pieces' states change when the text's last word does. *Shape:* (n_pieces,)."""
    states = []
    for text in ("Ann was born in Rome", "Ann was born in Oslo"):
        batch = cut(backbone, [text])
        result = backbone.hidden(batch) if layer is None else backbone.trunk(batch, layer)
        states.append(result.states[0, :5].detach())
    return (states[0] - states[1]).abs().amax(-1) > 1e-6


@DECODERS
def test_pieces_see_later_ones_only_both_ways(make):
    backbone = make()
    both = backbone.both_ways()
    assert not late_changes(backbone).any()
    assert late_changes(both).any()
    assert not late_changes(backbone).any()
    assert backbone.hidden(cut(backbone)).causal
    assert not both.hidden(cut(backbone)).causal


def test_every_piece_sees_every_other_both_ways():
    backbone = llama().both_ways()
    window = cut(backbone)[:1]
    assert (backbone.hidden(window, attention=True).attention > 0).all()


def test_a_sliding_window_stays_one_both_ways():
    backbone = gemma3().both_ways()
    (row,) = backbone.hidden(cut(backbone)[:1], attention=True).attention
    places = torch.arange(row.shape[-1])
    near = (places[:, None] - places[None, :]).abs() < TINY["sliding_window"]
    assert ((row > 1e-12) == near).all()


@DECODERS
def test_below_the_lowest_layer_both_ways_the_trunk_stays_causal(make):
    backbone = make().both_ways(1)
    assert not late_changes(backbone, layer=1).any()
    assert late_changes(backbone).any()
    batch = cut(backbone)
    assert torch.equal(backbone.trunk(batch, 1).states, make().trunk(batch, 1).states)


def test_both_ways_is_pooled_as_a_mean():
    backbone = llama()
    batch = cut(backbone)[:1]
    hidden = backbone.both_ways().hidden(batch)
    torch.testing.assert_close(hidden.pooled[0], hidden.states[0].mean(0))
    torch.testing.assert_close(backbone.hidden(batch).pooled[0], backbone.hidden(batch).states[0, -1])


def test_an_encoder_looks_both_ways_as_it_is():
    backbone = fake_backbone()
    assert backbone.both_ways(1) is backbone


def test_threads_look_their_own_way():
    backbone = llama()
    ways, batch = [backbone, backbone.both_ways()], cut(backbone)
    with torch.inference_mode():
        expected = [way.hidden(batch).states for way in ways]

        def read(n):
            with torch.inference_mode():
                return torch.equal(ways[n % 2].hidden(batch).states, expected[n % 2])

        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(read, range(80)))


def test_a_model_with_attention_of_its_own_is_read_but_looks_one_way():
    tokenizer = fake_backbone().tokenizer.backend_tokenizer
    config = {"model_type": "bloom", "vocab_size": 300, "hidden_size": 16, "n_layer": 2, "n_head": 4}
    backbone = Backbone.from_config(
        {**config, "max_position_embeddings": 128, "initializer_range": 0.3}, tokenizer, name="bloom", seed=1
    )
    assert backbone.kind == "decoder"
    assert_equal_to_eager(backbone, cut(backbone)[0])
    assert_padding_changes_nothing(backbone, cut(backbone))
    with pytest.raises(BackboneError, match="causal"):
        backbone.both_ways()


def test_a_recipe_says_which_way_attention_looks():
    table = {"title": "t", "heads": ["ner"], "licence": "CC0", "data": {"format": "conll", "train": "a"}}
    assert recipes.from_dict(table).adapter.attention == "causal"
    assert recipes.from_dict({**table, "adapter": {"attention": "both"}}).adapter.attention == "both"
    with pytest.raises(RecipeError, match="causal"):
        recipes.from_dict({**table, "adapter": {"attention": "backwards"}})


def pieces_of(*pieces):
    """Return an `encode` that gives these pieces, each to be found in the text after the one before."""

    def encode(text):
        offsets, at = [], 0
        for piece in pieces:
            start = text.index(piece, at)
            offsets.append((start, start + len(piece)))
            at = start + len(piece)
        return np.arange(len(pieces), dtype=np.int32), np.array(offsets, dtype=np.int32)

    return encode


def words_of(text, *pieces, by_last=False):
    (window,) = windows(text, pieces_of(*pieces), size=64, overlap=0, by_last=by_last)
    return [(text[a:b], int(piece)) for (a, b), piece in zip(window.word_offsets, window.word_pieces, strict=True)]


def test_spaces_are_no_part_of_a_piece():
    text = " in  Rome\n\n."
    offsets = np.array([(0, 3), (3, 4), (4, 9), (9, 11), (11, 12)], dtype=np.int32)
    assert [text[a:b] for a, b in without_spaces(text, offsets)] == ["in", " ", "Rome", "\n\n", "."]
    assert without_spaces("", np.zeros((0, 2), np.int32)).shape == (0, 2)


def test_a_words_last_piece_stands_for_it_on_a_decoder():
    pieces = ("New", "ton", " ate", " an", " app", "le")
    assert words_of("Newton ate an apple", *pieces) == [("Newton", 0), ("ate", 2), ("an", 3), ("apple", 4)]
    last = words_of("Newton ate an apple", *pieces, by_last=True)
    assert last == [("Newton", 1), ("ate", 2), ("an", 3), ("apple", 5)]


def test_characters_of_one_piece_are_one_word():
    assert words_of("在北京大学。", "在", "北京", "大学", "。") == [("在", 0), ("北京", 1), ("大学", 2), ("。", 3)]


def test_letters_come_before_the_sign_they_share_a_piece_with():
    assert words_of("O'Brien", "O", "'B", "rien") == [("O", 0), ("Brien", 1)]
    assert words_of("in U.S., no", "in", " U", ".", "S", ".,", " no")[4:] == [(".", 4), ("no", 5)]


def test_bytes_of_one_character_are_one_word():
    def encode(_):
        return np.arange(5, dtype=np.int32), np.array([(0, 1), (0, 1), (1, 2), (1, 2), (1, 2)], dtype=np.int32)

    (window,) = windows("玛丽", encode, size=64, overlap=0, by_last=True)
    assert window.word_offsets.tolist() == [[0, 1], [1, 2]]
    assert window.word_pieces.tolist() == [1, 4]


REAL = [
    pytest.param(name, marks=[pytest.mark.slow, pytest.mark.skipif(not e.installed, reason=e.install)])
    for name, e in EMBEDDED.items()
    if ".gguf" in e.places[0]
]
MIXED = (
    "Marie Curie (born 1867) visited the U.S., met O'Brien at \"Yahoo!\" and said: don't.",
    "玛丽·居里于1867年出生在华沙，后来在巴黎大学工作。",
    "Hi 🙂 from the 👩‍👩‍👧 family in Zürich\n\n  and from 𠮷野家 naïvely",
)


@pytest.fixture(scope="module", params=REAL)
def real(request):
    return Backbone.from_pretrained(request.param)


def test_real_decoders_are_the_pinned_ones(real):
    assert real.kind == "decoder"
    assert real.fingerprint == EMBEDDED[real.name].sha256
    assert real.around("Who?")[0][len(real.specials[0]) :] == [
        *real.encode("Who?")[0].tolist(),
        *real.encode("\n")[0].tolist(),
    ]


def test_real_decoders_read_alone_as_in_a_batch(real):
    batch = cut(real, [*MIXED, "Short."])
    assert_padding_changes_nothing(real, batch, atol=2e-4)
    assert_trunk_goes_on(real, batch, (1, real.n_layers - 2))


@pytest.mark.parametrize("text", MIXED)
def test_real_decoders_pieces_lie_where_their_words_are(real, text):
    ids, offsets = real.encode(text)
    assert len(ids) == len(offsets)
    assert (np.diff(offsets[:, 0]) >= 0).all()
    covered = np.zeros(len(text), bool)
    for start, end in offsets:
        covered[start:end] = True
        assert text[start:end].strip() == text[start:end] or text[start:end].isspace()
    assert all(covered[n] or sign.isspace() for n, sign in enumerate(text))
    (window,) = cut(real, [text])
    for (start, end), piece in zip(window.word_offsets, window.word_pieces, strict=True):
        assert window.offsets[piece][0] < end <= window.offsets[piece][1]
        assert not text[start:end].isspace()
    letters = {n for a, b in words(text) if text[a].isalnum() for n in range(a, b)}
    assert letters <= {n for a, b in window.word_offsets for n in range(a, b)}
