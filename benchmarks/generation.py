"""What a decoder does in batches and with kept prompts, against plain transformers: the same weights, all in one run.

Texts are written greedily and must be the same on both sides. A classification in context is measured against reading
each label's full prompt anew, and perplexity against the loop of transformers' documentation.
"""

from __future__ import annotations

import gzip
import math
import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _report import Row, compared, options, show, write

from nlpkit import data
from nlpkit.adapters import Adapted
from nlpkit.generate import Generator
from nlpkit.incontext.classification import Classification

N_NEW = 48
WINDOW, STRIDE = 1024, 512


def main() -> None:
    """Measure and write benchmarks/results/generation.json."""
    parser = options(__doc__, "a tenth of everything, one round")
    parser.add_argument("--pieces", type=int, default=20_000, help="pieces of WikiText-2 to foretell")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    share, rounds = (10, 1) if arguments.quick else (1, arguments.rounds)
    writer = Generator.from_pretrained("smollm2")
    folder: Path = arguments.data
    rows = [
        *batches(writer, passages(folder, 16), rounds),
        *memory(),
        *in_context(writer, folder / "classification" / "banking77", max(2, 20 // share), rounds),
        *perplexity(writer, folder / "corpora" / "wikitext2" / "test.txt.gz", arguments.pieces // share),
    ]
    show("Writing", rows)
    if not arguments.quick:
        what = f"SmolLM2-135M; 16 beginnings of Wikipedia passages, {N_NEW} pieces each; Banking77; WikiText-2 test"
        write("generation", rows, f"{what}, {arguments.pieces} pieces")


def passages(folder: Path, n: int) -> list[str]:
    """Return the beginnings of n passages, of different lengths."""
    import json

    with gzip.open(folder / "corpora" / "wikipedia_2wiki" / "passages.jsonl.gz", "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    return [text[: 60 + 15 * k] for k, text in enumerate(random.Random(3).sample(texts, n))]


def plain(model: Any, tokenizer: Any, prompt: str) -> str:
    """Write with transformers' generate alone."""
    inputs = tokenizer(prompt, return_tensors="pt")
    with torch.inference_mode():
        written = model.generate(**inputs, max_new_tokens=N_NEW, do_sample=False)
    text: str = tokenizer.decode(written[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    return text


def one_by_one(model: Any, tokenizer: Any, prompts: Sequence[str]) -> list[str]:
    """Write one text after another."""
    return [plain(model, tokenizer, prompt) for prompt in prompts]


def batches(writer: Generator, prompts: Sequence[str], rounds: int) -> list[Row]:
    """Measure batches of 1, 4 and 16 against one by one."""
    model, tokenizer = plain_model(writer)
    rows = []
    for n in (1, 4, 16):
        chosen = list(prompts[:n])
        ours = [g.text for g in writer(chosen, chat=False, max_new_tokens=N_NEW)]
        theirs = one_by_one(model, tokenizer, chosen)
        ratio, spread = compared(
            partial(writer, chosen, chat=False, max_new_tokens=N_NEW),
            partial(one_by_one, model, tokenizer, chosen),
            rounds,
        )
        same = sum(a == b for a, b in zip(ours, theirs, strict=True)) / n
        rows.append(Row(f"{n} texts side by side, against plain generate one by one", ratio, "x", None, spread))
        rows.append(Row(f"{n} texts: share that are the same", same, "share", 1.0))
    return rows


def plain_model(writer: Generator) -> tuple[Any, Any]:
    """Return the model as transformers has it, with its own attention, and its tokenizer."""
    from transformers import AutoModelForCausalLM

    backbone = writer.adapted.backbone
    config = backbone.writer().config
    own = config._attn_implementation
    config._attn_implementation = "sdpa"
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    config._attn_implementation = own
    state = {key: value for key, value in backbone.writer().state_dict().items()}
    model.load_state_dict(state, assign=True, strict=False)
    model.tie_weights()
    for name, buffer in backbone.writer().named_buffers():
        place, _, last = name.rpartition(".")
        setattr(model.get_submodule(place), last, buffer)
    return model.eval(), backbone.tokenizer


def memory() -> list[Row]:
    """Measure the peak memory of writing in fresh processes: 16 texts side by side, one, and 16 by plain generate."""
    peaks = []
    for side_by_side, n in ((True, 16), (True, 1), (False, 16)):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
            peaks.append(fresh.submit(peak, side_by_side, n).result())
    many, one, plain_ = peaks
    return [
        Row("peak memory of 16 texts side by side, against plain generate one by one", many / plain_, "x"),
        Row("memory that each further text takes", (many - one) / 15 / 1024, "MiB"),
    ]


def peak(side_by_side: bool, n: int) -> int:
    """Return this process's peak memory in KiB while it writes n texts.

    Loading takes more for a moment than writing does, so the peak is counted anew after it (Linux).
    """
    writer, prompts = Generator.from_pretrained("smollm2"), ["The river ran past the mill"] * n
    model, tokenizer = plain_model(writer)
    Path("/proc/self/clear_refs").write_text("5")
    if side_by_side:
        writer(prompts, chat=False, max_new_tokens=N_NEW)
    else:
        one_by_one(model, tokenizer, prompts)
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def in_context(writer: Generator, folder: Path, n: int, rounds: int) -> list[Row]:
    """Measure 77 labels by one pass a text against a pass for each label's full prompt."""
    examples = [e.document for e in data.read(folder / "test.csv", "csv")]
    texts = [d.text for d in random.Random(5).sample(examples, n)]
    names = sorted({label.label.replace("_", " ") for d in examples for label in d.labels.values()})
    task = Classification(Adapted(writer.adapted.backbone), names, calibrate=False)
    found = task.log_likelihoods(texts)
    model, _ = plain_model(writer)
    queries = task._queries(texts)

    def anew(count: int) -> np.ndarray[Any, Any]:
        likely = np.zeros((count, len(names)))
        for row, query in enumerate(queries[:count]):
            for column, label in enumerate(task._rows):
                ids = torch.tensor([[*query.prompt, *query.pieces, *label]])
                with torch.inference_mode():
                    logits = model(ids, logits_to_keep=len(label) + 1, use_cache=False).logits[0, :-1].log_softmax(-1)
                likely[row, column] = float(logits[torch.arange(len(label)), torch.tensor(label)].sum())
        return likely

    difference = float(np.abs(found[:2] - anew(2)).max())
    few = texts[:2]
    ratio, spread = compared(lambda: task.log_likelihoods(few), lambda: anew(len(few)), rounds)
    return [
        Row("77 labels in context, against each label's full prompt anew", ratio, "x", 8.0, spread),
        Row("77 labels: largest difference of log-likelihoods", difference, "", 1e-4),
    ]


def perplexity(writer: Generator, path: Path, n_pieces: int) -> list[Row]:
    """Measure perplexity against a plain computation of the same windows."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        text = file.read()
    tokenizer = writer.adapted.backbone.tokenizer
    ids = tokenizer(text[: 8 * n_pieces], add_special_tokens=False)["input_ids"][:n_pieces]
    text = tokenizer.decode(ids)
    found, n = writer.perplexity(text, window=WINDOW, stride=STRIDE)
    model, _ = plain_model(writer)
    expected = plain_perplexity(model, tokenizer(text)["input_ids"])
    return [
        Row("perplexity, WikiText-2", found, "per piece"),
        Row("perplexity: difference to a plain computation", abs(found - expected), "", 1e-3),
        Row("perplexity: pieces foretold", n, "pieces"),
    ]


def plain_perplexity(model: Any, ids: Sequence[int]) -> float:
    """Return the perplexity as transformers' documentation computes it, each window's loss weighed by its pieces."""
    total, count, done = 0.0, 0, 0
    for first in range(0, len(ids), STRIDE):
        last = min(first + WINDOW, len(ids))
        piece = torch.tensor([ids[first:last]])
        labels = piece.clone()
        labels[:, : -(last - done)] = -100
        n = int((labels[:, 1:] != -100).sum())
        with torch.inference_mode():
            total += float(model(piece, labels=labels).loss) * n if n else 0.0
        count, done = count + n, last
        if last == len(ids):
            break
    return math.exp(total / count)


if __name__ == "__main__":
    main()
