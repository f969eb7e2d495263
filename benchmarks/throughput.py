"""Documents per second, entities and relations together: nlpkit against a plain transformers loop.

Both sides use the same weights and the same texts. The plain side is what one writes by hand: a forward pass a task
(first entities, then relations with all attentions), batches of a fixed number of documents in the given order, padded.
Its decoding is that of the same heads, so that only the way the backbone is run differs. The two sides take turns.
"""

from __future__ import annotations

import gzip
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from _report import Row, options, show, write

import nlpkit
from nlpkit.backbone import Hidden
from nlpkit.heads.base import Head
from nlpkit.kit import Kit
from nlpkit.text import Window
from nlpkit.types import Document

BATCH = 8


def main() -> None:
    """Measure and write benchmarks/results/throughput.json."""
    parser = options(__doc__, "a tenth of the documents, two rounds")
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    n = arguments.documents // 10 if arguments.quick else arguments.documents
    texts = passages(arguments.data / "corpora" / "wikipedia_2wiki" / "passages.jsonl.gz", n)
    kit = nlpkit.load()
    plain = Plain(kit)
    agreed = agreement(kit(texts), plain(texts))
    rounds = 2 if arguments.quick else arguments.rounds
    seconds = [(timed(kit, texts), timed(plain, texts)) for _ in range(rounds)]
    ratios = sorted(p / k for k, p in seconds)
    rows = [
        Row("nlpkit against the plain loop", statistics.median(ratios), "x", 2.5, ratios[-1] - ratios[0]),
        Row("nlpkit", n / statistics.median(k for k, _ in seconds), "documents/s"),
        Row("plain loop, two passes, batch 8", n / statistics.median(p for _, p in seconds), "documents/s"),
        Row("documents with the same entities and relations", agreed, "share"),
    ]
    show("Throughput, entities and relations", rows)
    write("throughput", rows, f"2WikiMultihopQA passages (Wikipedia), the first {n}")


def passages(path: Path, n: int) -> list[str]:
    """Return the first texts of a gzipped JSON lines file."""
    with gzip.open(path, "rt", encoding="utf-8") as f:
        return [json.loads(next(f))["text"] for _ in range(n)]


def timed(read: Callable[[list[str]], list[Document]], texts: list[str]) -> float:
    """Return the seconds that reading the texts takes."""
    began = time.perf_counter()
    read(texts)
    return time.perf_counter() - began


def agreement(ours: list[Document], theirs: list[Document]) -> float:
    """Return the share of documents in which both sides found the same."""

    def found(document: Document) -> tuple[object, ...]:
        entities = [(e.start, e.end, e.label) for e in document.entities]
        return entities, {(r.subject.start, r.label, r.object.start) for r in document.relations}

    return sum(found(a) == found(b) for a, b in zip(ours, theirs, strict=True)) / len(ours)


class Plain:
    """The two tasks by hand: the same weights, a pass a task, fixed batches in the given order."""

    def __init__(self, kit: Kit) -> None:
        (self.task,) = kit.tasks.values()
        self.kit = kit
        self.heads: dict[str, Head] = {head.kind: head for head in self.task.heads}

    def __call__(self, texts: list[str]) -> list[Document]:
        """Return the documents with entities, chains and relations."""
        documents = [Document(text) for text in texts]
        with self.kit.adapted.using(self.task.name) as backbone, torch.inference_mode():
            for kind in ("ner", "relation"):
                done: list[Document] = []
                for first in range(0, len(documents), BATCH):
                    batch = documents[first : first + BATCH]
                    windows = [next(self.task.reading.windows(backbone, d)) for d in batch]
                    hidden = self._forward(backbone.model, windows, attentions=kind == "relation")
                    done += self.heads[kind].decode(hidden, windows, batch)
                documents = done
        return documents

    def _forward(self, model: torch.nn.Module, windows: list[Window], *, attentions: bool) -> Hidden:
        length = max(map(len, windows))
        ids = torch.zeros(len(windows), length, dtype=torch.long)
        mask = torch.zeros(len(windows), length, dtype=torch.long)
        for row, window in enumerate(windows):
            ids[row, : len(window)] = torch.from_numpy(window.input_ids)
            mask[row, : len(window)] = 1
        model.set_attn_implementation("eager" if attentions else "sdpa")  # type: ignore[operator]
        try:
            out = model(input_ids=ids, attention_mask=mask, output_attentions=attentions)
        finally:
            model.set_attn_implementation("nlpkit")  # type: ignore[operator]
        return Hidden(out.last_hidden_state, mask.bool(), out.attentions[-1] if attentions else None)


if __name__ == "__main__":
    main()
