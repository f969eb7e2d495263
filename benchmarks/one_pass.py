"""Many tasks in few passes, against one model a task: the same weights, texts and heads, all in one run.

The heads and the adapters are fresh: what they find means nothing, but costs what it costs. Their outputs are compared
all the same.
"""

from __future__ import annotations

import copy
import ctypes
import gc
import gzip
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any, cast

import psutil
import torch
from _report import Row, compared, options, ratio, show, timed, write
from peft import PeftModel
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from transformers import BertModel, Trainer, TrainerCallback, TrainingArguments

import nlpkit
from nlpkit import engine, recipes, training
from nlpkit.adapters import Adapted
from nlpkit.backbone import Backbone, Hidden
from nlpkit.data.batches import BATCH_PIECES
from nlpkit.embedded import EMBEDDED
from nlpkit.engine import Job, Reading
from nlpkit.heads import head_class
from nlpkit.heads.base import Head
from nlpkit.objectives import Heads
from nlpkit.recipes import AdapterSpec
from nlpkit.text import Window
from nlpkit.types import Document, Entity, Label, Relation

SHORT, LONG = Reading(128, 32), Reading(512, 128)
ADAPTERS = 100


def main() -> None:
    """Measure and write benchmarks/results/one_pass.json."""
    parser = options(__doc__, "a twentieth of the texts, two rounds")
    parser.add_argument("--passages", type=int, default=2000)
    parser.add_argument("--utterances", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--passage-rounds", type=int, default=1, help="of the passages, which take most of the time")
    arguments = parser.parse_args()
    n_short, n_long = (n // 20 if arguments.quick else n for n in (arguments.utterances, arguments.passages))
    rounds, long_rounds = (2, 2) if arguments.quick else (arguments.rounds, arguments.passage_rounds)
    short = utterances(arguments.data / "classification" / "clinc150" / "data_full.json", n_short)
    long = passages(arguments.data / "corpora" / "wikipedia_2wiki" / "passages.jsonl.gz", n_long)
    rows: list[Row] = []
    groups: list[Callable[[], list[Row]]] = [
        lambda: joint(short, SHORT, rounds, "utterances"),
        lambda: top_layers(short, SHORT, rounds, "utterances"),
        lambda: mixed(short, rounds),
        lambda: batch_size(short, SHORT, rounds, "utterances"),
        lambda: [forward(), memory()],
        lambda: training_epoch(arguments.data / "classification" / "clinc150", quick=arguments.quick),
        lambda: top_layers(long, LONG, long_rounds, "passages"),
        lambda: batch_size(long, LONG, long_rounds, "passages"),
        lambda: joint(long, LONG, long_rounds, "passages"),
    ]
    for group in groups:
        rows += group()
        print(*rows[-2:], sep="\n", flush=True)
    show("Passes", rows)
    if not arguments.quick:
        write(
            "one_pass",
            rows,
            f"{n_long:,} passages of Wikipedia (2WikiMultihopQA) and {n_short:,} utterances of CLINC150",
        )


def passages(path: Path, n: int) -> list[str]:
    """Return n passages, shuffled with a fixed seed."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    return random.Random(1).sample(texts, n)


def utterances(path: Path, n: int) -> list[str]:
    """Return n short texts of CLINC150's training part, shuffled with a fixed seed."""
    records = json.loads(path.read_text(encoding="utf-8"))["train"]
    return [text for text, _ in random.Random(1).sample(records, n)]


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


def joint(texts: Sequence[str], reading: Reading, rounds: int, what: str) -> list[Row]:
    """Measure four tasks on one adapter, that of the default pack, against a merged model for each task.

    Entities and relations are the pack's own; the topic and the intent with its slots are fresh heads, the latter with
    a bias against slots, since a text of nothing but slots would cost more than any real one.
    """
    kit = nlpkit.load()
    (task,) = kit.tasks.values()
    ner, relation = task.heads
    topic, slots = fresh_head("classification", kit.adapted.backbone), fresh_head("slots", kit.adapted.backbone)
    cast(Any, slots).tagger[-1].bias.data[0] += 10
    documents = [Document(text) for text in texts]
    alone: list[list[Head]] = [[ner], [ner, relation], [topic], [slots]]
    models = [kit.adapted.merged(task.name) for _ in alone]
    job = Job(task.name, [ner, relation, topic, slots], reading)

    def together() -> list[Document]:
        return engine.read_together(kit.adapted, [job], documents)[0]

    def apart() -> list[list[Document]]:
        return [engine.read(m, heads, documents, reading) for m, heads in zip(models, alone, strict=True)]

    loops = [PlainLoop(kit.adapted.backbone, model, heads) for model, heads in zip(models, alone, strict=True)]

    def plain() -> list[list[Document]]:
        return [loop(documents, reading) for loop in loops]

    seconds, (ours, by_models, by_loops) = timed(rounds, together, apart, plain)
    differences = [
        difference
        for entities, relations, topics, intents in (by_models, by_loops)
        for difference in (
            *(apart_by([ours], [theirs], key) for theirs, key in ((topics, "classification"), (intents, "slots"))),
            *(unlike(a.entities, b.entities) for a, b in zip(ours, entities, strict=True)),
            *(unlike(a.relations, b.relations) for a, b in zip(ours, relations, strict=True)),
        )
    ]
    against_models, spread = ratio(seconds[0], seconds[1])
    against_loops, spread_of_loops = ratio(seconds[0], seconds[2])
    return [
        Row(f"{what}: 4 tasks, 1 adapter, against 4 merged models in sorted batches", against_models, "x", 3.3, spread),
        Row(
            f"{what}: the same against 4 plain transformers loops, 8 at once as given",
            against_loops,
            "x",
            5.0,
            spread_of_loops,
        ),
        Row(f"{what}: largest difference of their scores", max(differences), "", 1e-4),
    ]


class PlainLoop:
    """One task as a script would run it: transformers' own model on eight padded texts at a time, in the given order.

    The weights are those of a merged model. Attention is transformers' own too: its fused kernel, or, where the head
    asks for the attention itself, "eager".
    """

    def __init__(self, backbone: Backbone, merged: Backbone, heads: Sequence[Head]) -> None:
        (source,) = EMBEDDED["default"].paths()
        asks = any(head.reads_attention for head in heads)
        model = BertModel.from_pretrained(source, attn_implementation="eager" if asks else "sdpa")
        model.load_state_dict(merged.model.state_dict())
        self.model, self.backbone, self.heads, self.asks = model.eval(), backbone, heads, asks

    def __call__(self, documents: Sequence[Document], reading: Reading) -> list[Document]:
        """Read documents and return them with what the heads found."""
        found = []
        for first in range(0, len(documents), 8):
            chosen = documents[first : first + 8]
            windows = [w for n, d in enumerate(chosen) for w in reading.windows(self.backbone, d, n)]
            ids, mask = padded(windows)
            with torch.inference_mode():
                output = self.model(input_ids=ids, attention_mask=mask, output_attentions=self.asks)
                hidden = Hidden(output.last_hidden_state, mask.bool(), output.attentions[-1] if self.asks else None)
                parts = [chosen[w.document] for w in windows]
                for head in self.heads:
                    parts = head.decode(hidden, windows, parts)
            for n, document in enumerate(chosen):
                own = [(w, part) for w, part in zip(windows, parts, strict=True) if w.document == n]
                for head in self.heads:
                    document = head.merge(own, document)
                found.append(document)
        return found


def padded(windows: Sequence[Window]) -> tuple[Tensor, Tensor]:
    """Return piece ids and mask, padded to the longest window. *Shapes:* (n_windows, n_pieces)."""
    longest = max(map(len, windows))
    ids = torch.tensor([w.input_ids.tolist() + [0] * (longest - len(w)) for w in windows])
    return ids, torch.tensor([[1] * len(w) + [0] * (longest - len(w)) for w in windows])


def unlike(ours: Sequence[Entity] | Sequence[Relation], theirs: Sequence[Entity] | Sequence[Relation]) -> float:
    """Return the largest difference of two lists' scores; 1 where one has what the other lacks."""
    keyed = [{key_of(found): found.score or 0.0 for found in side} for side in (ours, theirs)]
    if keyed[0].keys() != keyed[1].keys():
        return 1.0
    return max((abs(score - keyed[1][key]) for key, score in keyed[0].items()), default=0.0)


def key_of(found: Entity | Relation) -> tuple[object, ...]:
    """Return what a find is known by, without its score."""
    if isinstance(found, Relation):
        return found.label, found.subject.start, found.subject.text, found.object.start, found.object.text
    return found.label, found.start, found.end


def top_layers(texts: Sequence[str], reading: Reading, rounds: int, what: str) -> list[Row]:
    """Measure four adapters in the top two layers, the rest read once, against four merged models."""
    backbone = Backbone.from_pretrained()
    documents = [Document(text) for text in texts]
    with tempfile.TemporaryDirectory() as folder:
        adapted = side_by_side(backbone, 4, "top:2", Path(folder))
        jobs = [Job(str(n), [fresh_head("classification", backbone)], reading) for n in range(4)]
        models = [adapted.merged(str(n)) for n in range(4)]

        def together() -> list[list[Document]]:
            return engine.read_together(adapted, jobs, documents)

        def apart() -> list[list[Document]]:
            return [engine.read(m, j.heads, documents, reading) for m, j in zip(models, jobs, strict=True)]

        seconds, found = timed(rounds, together, apart)
    difference = apart_by(found[0], found[1], "classification")
    faster, spread = ratio(*seconds)
    return [
        Row(f"{what}: 4 adapters in the top 2 of 6 layers, against 4 merged models", faster, "x", 1.8, spread),
        Row(f"{what}: largest difference of their scores", difference, "", 1e-4),
    ]


def apart_by(ours: Sequence[Sequence[Document]], theirs: Sequence[Sequence[Document]], key: str) -> float:
    """Return the largest difference of two sides' label scores; 1 where the labels differ."""
    labels = [
        (a.labels[key], b.labels[key]) for x, y in zip(ours, theirs, strict=True) for a, b in zip(x, y, strict=True)
    ]
    return max(abs((a.score or 0.0) - (b.score or 0.0)) if a.label == b.label else 1.0 for a, b in labels)


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
        share, spread = compared(
            lambda: engine.read_mixed(adapted, [jobs[n] for n in chosen], documents),
            lambda: engine.read(merged, [head], documents, SHORT),
            rounds,
        )
    return [
        Row("16 adapters, a random one for each text, against one merged", share, "x", 0.75, spread),
        Row("largest difference to each adapter alone", apart_by([found], [expected], "classification"), "", 1e-4),
    ]


def batch_size(texts: Sequence[str], reading: Reading, rounds: int, what: str) -> list[Row]:
    """Measure batches of the size that the engine takes against batches four times as large."""
    backbone = Backbone.from_pretrained()
    documents, heads = [Document(text) for text in texts], [fresh_head("classification", backbone)]
    larger = replace(reading, batch_pieces=4 * BATCH_PIECES)
    faster, spread = compared(
        lambda: engine.read(backbone, heads, documents, reading),
        lambda: engine.read(backbone, heads, documents, larger),
        rounds,
    )
    return [
        Row(f"{what}: batches of {BATCH_PIECES:,} pieces against {larger.batch_pieces:,}", faster, "x", None, spread)
    ]


def memory() -> Row:
    """Measure how much resident memory 100 adapters take, as they are saved, against the size of their files."""
    backbone = Backbone.from_pretrained()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(ADAPTERS + 1):
            place = Path(folder) / str(number)
            place.mkdir()
            stirred(backbone, "all", number).save("a", place, torch.float16)
        size = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.parent.name != "0" and f.is_file())
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
            grown = fresh.submit(resident_growth, Path(folder)).result()
    return Row(f"{ADAPTERS} adapters loaded, resident memory against their files", grown / size, "x", 1.5)


def resident_growth(folder: Path) -> int:
    """Return how many bytes a process grows by when it loads all adapters of a folder but the first, and uses each."""
    backbone = Backbone.from_pretrained()
    adapted, documents = Adapted(backbone), [Document("one two three")]
    head = fresh_head("classification", backbone)
    before = 0
    for place in sorted(folder.iterdir(), key=lambda p: int(p.name)):
        adapted.load(place.name, place, AdapterSpec())
        engine.read_together(adapted, [Job(place.name, [head], SHORT)], documents)
        if not before:
            before = resident()
    return resident() - before


def resident() -> int:
    """Return the bytes of this process that are in memory, after what was freed went back to the system."""
    gc.collect()
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
    return int(psutil.Process().memory_info().rss)


def training_epoch(data: Path, *, quick: bool) -> list[Row]:
    """Measure an epoch after the first, adapter in the top two layers, against transformers' Trainer with peft.

    The same first weights, batches, loss, optimiser and schedule; no dropout, which would draw other noise.
    """
    table = {
        "title": "Intents",
        "heads": ["classification"],
        "licence": "CC-BY-3.0",
        "data": {"format": "intents", "train": "data_full.json#train", "sample": 500 if quick else 5000},
        "adapter": {"layers": "top:2"},
        "training": {
            "epochs": 3,
            "lr": 1e-3,
            "head_lr": 1e-3,
            "weight_decay": 0.0,
            "batch_tokens": 1024,
            "window": 128,
            "stride": 96,
        },
        "options": {"classification": {"dropout": 0.0}},
    }
    with tempfile.TemporaryDirectory() as folder:
        run = training.Run(recipes.from_dict(table, name="intents"), data, Path(folder) / "run")
        with run.adapted.using(training.ADAPTER) as model:
            for module in model.model.modules():
                if isinstance(module, torch.nn.Dropout):
                    module.p = 0.0
        start = Path(folder) / "start"
        start.mkdir()
        run.adapted.save(training.ADAPTER, start)
        peer = Peer(start, copy.deepcopy(run.objective.heads[0]))
        plan = [batch for epoch in range(3) for batch in batches_of(run, epoch)]
        ours = Clock()
        run.fit(lambda progress: ours.tick(progress.loss) if progress.trunk is None else None)
        theirs = trainer_loop(peer, run, plan, Path(folder) / "trainer")
    n = run.epoch_steps
    apart = max(abs(a - b) for a, b in zip(ours.losses, theirs.losses, strict=True))
    return [
        Row("a training epoch after the first, top 2 layers, against Trainer", theirs.of(n) / ours.of(n), "x", 2.5),
        Row("largest difference of the two loss curves", apart, "", 1e-3),
    ]


def batches_of(run: training.Run, epoch: int) -> list[list[Window]]:
    """Return the batches that a run trains on in an epoch, in their order."""
    run.step = epoch * run.epoch_steps
    found = [batch for (batch,) in run._epoch_batches()]
    run.step = 0
    return found


class Clock:
    """The losses of all steps, and when each ended."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.ends: list[float] = []

    def tick(self, loss: float) -> None:
        """Note that a step ended with this loss."""
        self.losses.append(loss)
        self.ends.append(time.perf_counter())

    def of(self, epoch_steps: int) -> float:
        """Return the median seconds of a step of the epochs after the first."""
        return statistics.median(b - a for a, b in pairwise(self.ends[epoch_steps:]))


class Peer(torch.nn.Module):
    """The same model, put together from transformers and peft, with a copy of the head."""

    def __init__(self, adapter: Path, head: Head) -> None:
        super().__init__()
        (source,) = EMBEDDED["default"].paths()
        base = BertModel.from_pretrained(source, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        self.model = PeftModel.from_pretrained(base, str(adapter), is_trainable=True)
        assert isinstance(head, torch.nn.Module)
        self.head = head

    def forward(self, ids: Tensor, mask: Tensor, windows: list[Window], targets: list[object]) -> dict[str, Tensor]:
        """Return the loss of a batch. *Shapes:* (n_windows, n_pieces) twice."""
        states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        return {"loss": self.head.loss(Hidden(states, mask.bool()), windows, targets)}


def trainer_loop(peer: Peer, run: training.Run, plan: Sequence[list[Window]], folder: Path) -> Clock:
    """Train a peer with transformers' Trainer on the same batches, and return its losses and times."""
    clock = Clock()

    class Told(Trainer):
        def get_train_dataloader(self) -> DataLoader[object]:
            return DataLoader(cast(Dataset[object], plan), batch_size=1, shuffle=False, collate_fn=collated)

        def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
            loss: Tensor = super().training_step(*args, **kwargs)
            clock.losses.append(float(loss))
            return loss

    class Ticks(TrainerCallback):
        def on_step_end(self, *args: object, **kwargs: object) -> None:
            clock.ends.append(time.perf_counter())

    def collated(chosen: list[list[Window]]) -> dict[str, object]:
        (windows,) = chosen
        ids, mask = padded(windows)
        return {"ids": ids, "mask": mask, "windows": windows, "targets": [learnt.targets[id(w)][0] for w in windows]}

    spec, learnt = run.recipe.training, cast(Heads, run.objective)
    parameters = [p for p in peer.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=spec.lr, weight_decay=0.0)
    warm = max(1, int(spec.warmup * run.steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, (run.steps - step) / max(1, run.steps - warm))
    )
    arguments = TrainingArguments(
        str(folder),
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        max_steps=len(plan),
        disable_tqdm=True,
        max_grad_norm=1.0,
        remove_unused_columns=False,
        logging_strategy="no",
        per_device_train_batch_size=1,
    )
    Told(peer, arguments, train_dataset=plan, optimizers=(optimizer, schedule), callbacks=[Ticks()]).train()
    return clock


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
