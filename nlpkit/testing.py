"""A tiny backbone built in code, for tests without weights: the authors' and yours."""

from __future__ import annotations

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from nlpkit.backbone import FAKE, Backbone, state_fingerprint

_SIGNS = "abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'\"()-"


def fake_backbone(*, max_pieces: int = 64) -> Backbone:
    """Return a deterministic BERT of a few thousand parameters: 2 layers, width 16, one piece a character or two.

    It knows nothing, but it is a real transformers model: it runs, is adapted, trained, saved and loaded as one.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = BertModel(
            BertConfig(
                vocab_size=len(_vocabulary()),
                hidden_size=16,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=32,
                max_position_embeddings=max_pieces,
                initializer_range=0.2,
            ),
            add_pooling_layer=False,
        )
    return Backbone(model, _tokenizer(), name=FAKE, fingerprint=state_fingerprint(model))


def _vocabulary() -> dict[str, int]:
    pairs = [a + b for a in "aeinorst" for b in "aeinorst"]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_SIGNS, *pairs]
    return {p: n for n, p in enumerate([*pieces, *(f"##{p}" for p in (*_SIGNS, *pairs))])}


def _tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.WordPiece(_vocabulary(), unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.decoder = decoders.WordPiece()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )
