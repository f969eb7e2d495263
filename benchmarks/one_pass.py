"""Many tasks in few passes, against one model a task: the same weights, texts and heads, all in one run.

The heads and the adapters are fresh: what they find means nothing, but costs what it costs. Their outputs are compared
all the same.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from _report import Row, options, show, write

from nlpkit import engine
from nlpkit.adapters import Adapted
from nlpkit.backbone import Backbone
from nlpkit.engine import Job, Reading
from nlpkit.heads import head_class
from nlpkit.heads.base import Head
from nlpkit.recipes import AdapterSpec
from nlpkit.types import Document, Entity, Label

SHORT = Reading(128, 32)


def main() -> None:
    """Measure and write benchmarks/results/one_pass.json."""
    parser = options(__doc__, "a twentieth of the texts, two rounds")
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    n = arguments.texts // 20 if arguments.quick else arguments.texts
    rounds = 2 if arguments.quick else arguments.rounds
    short = utterances(arguments.data / "classification" / "clinc150" / "data_full.json", n)
    rows = [
        *top_layers(short, rounds),
        *mixed(short, rounds),
        forward(),
    ]
    show("Passes", rows)
    if not arguments.quick:
        write("one_pass", rows, f"{n} utterances of CLINC150")


def utterances(path: Path, n: int) -> list[str]:
    """Return n short texts of CLINC150's training part, shuffled with a fixed seed."""
    records = json.loads(path.read_text(encoding="utf-8"))["train"]
    return [text for text, _ in random.Random(1).sample(records, n)]


def compared(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Return the median ratio of the two sides' seconds, run in turn, and its spread."""
    ratios = []
    for _ in range(rounds):
        seconds = []
        for side in (ours, theirs):
            began = time.perf_counter()
            side()
            seconds.append(time.perf_counter() - began)
        ratios.append(seconds[1] / seconds[0])
    ratios.sort()
    return statistics.median(ratios), ratios[-1] - ratios[0]


def fresh_head(kind: str, backbone: Backbone, n_labels: int = 20) -> Head:
    """Return an untrained head with labels of its own."""
    torch.manual_seed(7)
    golds = [
        Document(
            "one two",
            labels={kind: Label(f"label {n}")},
            slots=(Entity("one", 0, 3, f"slot {n}"),),
            entities=(Entity("one", 0, 3, f"type {n}"),),
        )
        for n in range(n_labels)
    ]
    head = head_class(kind).fit(golds, backbone.hidden_width, {})
    assert isinstance(head, torch.nn.Module)
    head.eval().requires_grad_(False)
    return head


def stirred(backbone: Backbone, layers: str, seed: int) -> Adapted:
    """Return a LoRA adapter with random weights that change something, named "a"."""
    adapted = Adapted(backbone)
    adapted.add("a", AdapterSpec(layers=layers))
    generator = torch.Generator().manual_seed(seed)
    for _, parameter in adapted.named_parameters("a"):
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.02
    return adapted


def side_by_side(backbone: Backbone, n: int, layers: str, folder: Path) -> Adapted:
    """Return n adapters, saved and loaded onto one backbone as "0", "1", ..."""
    together = Adapted(backbone)
    for number in range(n):
        place = folder / str(number)
        place.mkdir()
        stirred(backbone, layers, number).save("a", place, torch.float16)
        together.load(str(number), place, AdapterSpec(layers=layers))
    return together


def top_layers(texts: Sequence[str], rounds: int) -> list[Row]:
    """Measure four adapters in the top two layers, the rest read once, against four merged models."""
    backbone = Backbone.from_pretrained()
    documents = [Document(text) for text in texts]
    with tempfile.TemporaryDirectory() as folder:
        adapted = side_by_side(backbone, 4, "top:2", Path(folder))
        jobs = [Job(str(n), [fresh_head("classification", backbone)], SHORT) for n in range(4)]
        models = [adapted.merged(str(n)) for n in range(4)]

        def together() -> list[list[Document]]:
            return engine.read_together(adapted, jobs, documents)

        def apart() -> list[list[Document]]:
            return [engine.read(m, j.heads, documents, SHORT) for m, j in zip(models, jobs, strict=True)]

        difference = apart_by(together(), apart())
        ratio, spread = compared(together, apart, rounds)
    return [
        Row("4 adapters in the top 2 of 6 layers, against 4 merged models", ratio, "x", 1.8, spread),
        Row("largest difference of their scores", difference, "", 1e-4),
    ]


def apart_by(ours: Sequence[Sequence[Document]], theirs: Sequence[Sequence[Document]]) -> float:
    """Return the largest difference of two sides' label scores."""
    return max(
        abs((a.labels["classification"].score or 0.0) - (b.labels["classification"].score or 0.0))
        for x, y in zip(ours, theirs, strict=True)
        for a, b in zip(x, y, strict=True)
    )


def mixed(texts: Sequence[str], rounds: int) -> list[Row]:
    """Measure 16 adapters, a random one for each text, against one merged adapter for all texts."""
    backbone = Backbone.from_pretrained()
    documents = [Document(text) for text in texts]
    head = fresh_head("classification", backbone)
    with tempfile.TemporaryDirectory() as folder:
        adapted = side_by_side(backbone, 16, "all", Path(folder))
        jobs = [Job(str(n), [head], SHORT) for n in range(16)]
        chosen = random.Random(2).choices(range(16), k=len(texts))
        merged = adapted.merged("0")
        found = engine.read_mixed(adapted, [jobs[n] for n in chosen], documents)
        expected = [engine.read_together(adapted, [jobs[n]], [d])[0][0] for n, d in zip(chosen, documents, strict=True)]
        ratio, spread = compared(
            lambda: engine.read_mixed(adapted, [jobs[n] for n in chosen], documents),
            lambda: engine.read(merged, [head], documents, SHORT),
            rounds,
        )
    return [
        Row("16 adapters, a random one for each text, against one merged", ratio, "x", 0.75, spread),
        Row("largest difference to each adapter alone", apart_by([found], [expected]), "", 1e-4),
    ]


def forward(rows: int = 32, length: int = 128) -> Row:
    """Measure the share of the machine's float32 matrix product rate that a forward pass reaches."""
    backbone = Backbone.from_pretrained()
    windows = list(Reading(length, 0).windows(backbone, Document("word " * length * rows)))[:rows]
    linear = [p.numel() for n, p in backbone.layers.named_parameters() if p.dim() == 2 and "weight" in n]
    n_pieces = sum(map(len, windows))
    # Two operations a weight and piece, and two products of the attention over each window.
    attention = sum(4 * len(w) ** 2 * backbone.hidden_width for w in windows) * backbone.n_layers
    operations = 2 * n_pieces * sum(linear) + attention
    a, b = torch.randn(n_pieces, 384), torch.randn(384, 1536)
    with torch.inference_mode():
        passes = [seconds(lambda: backbone.hidden(windows)) for _ in range(7)]
        products = [seconds(lambda: a @ b) for _ in range(50)]
    rate = operations / statistics.median(passes)
    best = 2 * a.numel() * b.shape[1] / statistics.median(products)
    return Row("forward pass, share of the measured float32 matrix product rate", rate / best, "x", 0.6)


def seconds(run: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
