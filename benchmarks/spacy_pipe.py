"""Texts a second through spaCy's `nlp.pipe`: the component "nlpkit", spaCy's own transformer, and a plain loop.

All sides run a model of the default backbone's shape over the same texts, in turn, in one thread. spaCy's side is the
component `curated_transformer` with spaCy's `ner` on top (pip install 'spacy-curated-transformers<1'; left out where
that is not installed); the loop is transformers' token classification, batches of 8 as they come. spaCy's weights and
both heads are fresh: what they find means nothing, but costs what it costs. Only entities are compared; two rows say
what relations cost beside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import spacy
import torch
from _report import Row, options, ratio, show, timed, write
from spacy.language import Language
from throughput import passages
from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer

import nlpkit
from nlpkit import spacy_component
from nlpkit.embedded import EMBEDDED

BATCH = 8
LABELS = ("LOC", "MISC", "NUM", "ORG", "PER", "TIME")


def main() -> None:
    """Measure and write benchmarks/results/spacy_pipe.json."""
    parser = options(__doc__, "a tenth of the texts, one round")
    parser.add_argument("--texts", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    n, rounds = (arguments.texts // 10, 1) if arguments.quick else (arguments.texts, arguments.rounds)
    texts = passages(arguments.data / "corpora" / "wikipedia_2wiki" / "passages.jsonl.gz", n)
    torch.set_num_threads(1)
    folder = EMBEDDED["default"].paths()[0]
    plain = Plain(folder)
    kit, whole = nlpkit.load("ner"), nlpkit.load()
    sides: dict[str, Callable[[], object]] = {
        "nlpkit in nlp.pipe": piped(ours(kit), texts),
        "nlpkit's kit alone": lambda: kit(texts),
        "transformers loop, batch 8": lambda: plain(texts),
        "nlpkit in nlp.pipe, relations too": piped(ours(whole), texts),
        "nlpkit's kit alone, relations too": lambda: whole(texts),
    }
    if find_spec("spacy_curated_transformers"):
        sides["spaCy's curated_transformer and ner"] = piped(curated(folder), texts)
    for side in sides.values():
        side()  # the first call loads and compiles
    seconds = dict(zip(sides, timed(rounds, *sides.values())[0], strict=True))
    rows = [Row(name, n / median(taken), "texts/s") for name, taken in seconds.items()]
    first = "nlpkit in nlp.pipe"
    for other in ("spaCy's curated_transformer and ner", "transformers loop, batch 8", "nlpkit's kit alone"):
        if other in seconds:
            rows.append(Row(f"{first} against {other}", *_spread(ratio(seconds[first], seconds[other]))))
    show("spaCy pipelines, entities", rows)
    write("spacy_pipe", rows, f"2WikiMultihopQA passages (Wikipedia), the first {n}; spaCy {version('spacy')}")


def _spread(found: tuple[float, float | None]) -> tuple[float, str, None, float | None]:
    return found[0], "x", None, found[1]


def ours(kit: nlpkit.Kit) -> Language:
    """Return a blank pipeline with the component, whose kit is loaded already."""
    nlp = spacy.blank("en")
    component = nlp.add_pipe("nlpkit")
    assert isinstance(component, spacy_component.Component)
    component.__dict__["kit"] = kit
    return nlp


def piped(nlp: Language, texts: Sequence[str]) -> Callable[[], list[Any]]:
    """Return what puts the texts through a pipeline."""
    return lambda: list(nlp.pipe(texts))


def curated(folder: Path) -> Language:
    """Return a blank pipeline with spaCy's own transformer of the same shape, and its ner."""
    config = AutoConfig.from_pretrained(folder)
    nlp = spacy.blank("en")
    prefix = "spacy-curated-transformers"
    nlp.add_pipe(
        "curated_transformer",
        name="transformer",
        config={
            "model": {
                "@architectures": f"{prefix}.BertTransformer.v1",
                "vocab_size": config.vocab_size,
                "hidden_width": config.hidden_size,
                "intermediate_width": config.intermediate_size,
                "num_attention_heads": config.num_attention_heads,
                "num_hidden_layers": config.num_hidden_layers,
                "padding_idx": 0,
                "piece_encoder": {"@architectures": f"{prefix}.BertWordpieceEncoder.v1"},
                "with_spans": {"@architectures": f"{prefix}.WithStridedSpans.v1"},
            }
        },
    )
    listener = {
        "@architectures": f"{prefix}.LastTransformerLayerListener.v1",
        "width": config.hidden_size,
        "pooling": {"@layers": "reduce_mean.v1"},
        "upstream": "*",
    }
    parser = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 64,
        "maxout_pieces": 2,
        "use_upper": False,
        "tok2vec": listener,
    }
    ner = nlp.add_pipe("ner", config={"model": parser})
    for label in LABELS:
        ner.add_label(label)  # type: ignore[attr-defined]
    nlp.config["initialize"]["components"]["transformer"] = {
        "piecer_loader": {"@model_loaders": f"{prefix}.WordpieceLoader.v1", "path": str(folder / "vocab.txt")}
    }
    nlp.initialize()
    return nlp


class Plain:
    """Token classification as one writes it by hand: tokenise, forward, argmax, spans."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForTokenClassification.from_pretrained(folder, num_labels=2 * len(LABELS) + 1)
        self.model = model.eval()

    @torch.inference_mode()
    def __call__(self, texts: Sequence[str]) -> list[list[tuple[int, int, int]]]:
        """Return the spans (start, end, label) of each text, cut at 512 pieces."""
        found = []
        for first in range(0, len(texts), BATCH):
            batch = self.tokenizer(
                texts[first : first + BATCH],
                padding=True,
                truncation=True,
                max_length=512,
                return_offsets_mapping=True,
                return_tensors="pt",
            )
            offsets = batch.pop("offset_mapping").tolist()
            labels = self.model(**batch).logits.argmax(-1).tolist()
            found += [
                [(start, end, label) for (start, end), label in zip(*row, strict=True) if label and end > start]
                for row in zip(offsets, labels, strict=True)
            ]
        return found


if __name__ == "__main__":
    main()
