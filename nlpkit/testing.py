"""A tiny backbone built in code, for tests without weights: the authors' and yours."""

from __future__ import annotations

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from nlpkit.backbone import FAKE, Backbone

_SIGNS = "abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'\"()-"


def fake_backbone(*, kind: str = "bert", max_pieces: int = 64) -> Backbone:
    """Return a deterministic model of a few thousand parameters: 2 layers, width 16, a piece a character or two.

    It knows nothing, but it is a real transformers model: it runs, is adapted, trained, saved and loaded as one.

    Args:
        kind: "bert" for an encoder, "llama" for a decoder.
        max_pieces: the longest window it reads.

    """
    config = {
        "model_type": kind,
        "vocab_size": len(_vocabulary()),
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 32,
        "max_position_embeddings": max_pieces,
        "initializer_range": 0.2,
        **({"num_key_value_heads": 2} if kind == "llama" else {}),
    }
    return Backbone.from_config(config, _tokenizer(), name=FAKE, seed=0)


def _vocabulary() -> dict[str, int]:
    pairs = [a + b for a in "aeinorst" for b in "aeinorst"]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_SIGNS, *pairs]
    return {p: n for n, p in enumerate([*pieces, *(f"##{p}" for p in (*_SIGNS, *pairs))])}


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(_vocabulary(), unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer
