"""Named entities from few examples of each type: a head that begins from words for its labels, beside random ones.

One cell is one set, one number of examples a type and one seed: the three heads learn from the same sentences, on the
same adapter and for as long, and read the same 500 test texts. `random` is the head that recipes have by default;
`linear` has neither LSTM nor hidden layer; `words` is the linear one begun from words for its labels. The learning
rates were chosen on the dev parts with other seeds. Cells are kept in `results/fewshot_ner/`; a run that was stopped
goes on where it was.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from _report import RESULTS, Row, keep, machine, of_seeds, options, plus_minus, put, show, versions, write

from nlpkit import checkpoint, recipes, training

CELLS = RESULTS / "fewshot_ner"
SHOTS = (8, 16)
HEADS = ("random", "linear", "words")
TABLE: dict[str, Any] = {
    "title": "A few examples of each type of entity",
    "heads": ["ner"],
    "licence": "that of the data",
    "adapter": {"rank": 16, "alpha": 32, "dropout": 0.1},
    "training": {"epochs": 20, "lr": 1e-3, "head_lr": 2e-3, "batch_tokens": 512, "window": 128, "stride": 96},
}
"""The recipe of every cell, without its data and its head."""


@dataclass(frozen=True, slots=True)
class Set:
    """A data set: its files below the folder of entities, and what its labels are called."""

    title: str
    train: str
    test: str
    words: Mapping[str, str]


SETS = {
    "wnut17": Set(
        "WNUT17",
        "wnut17/wnut17train.conll",
        "wnut17/emerging.test.annotated",
        {"corporation": "company", "creative-work": "film or song", "group": "band or team"},
    ),
    "conll2003": Set(
        "CoNLL-2003",
        "conll2003/eng.train.gz",
        "conll2003/eng.testb",
        {"PER": "person", "LOC": "place", "ORG": "organization", "MISC": "nationality"},
    ),
}


def cell(name: str, shots: int, seed: int, folder: Path) -> dict[str, Any]:
    """Train the three heads, and score them."""
    own = SETS[name]
    place = {"format": "conll", "train": own.train, "test": own.test, "test_sample": 500, "shots": shots, "seed": seed}
    heads = {"random": {}, "linear": {"width": 0}, "words": {"width": 0, "words": own.words}}
    found: dict[str, Any] = {}
    for which in HEADS:
        spec = {**TABLE["training"], "seed": seed}
        table = {**TABLE, "data": place, "training": spec, "options": {"ner": heads[which]}}
        began = time.process_time()
        with tempfile.TemporaryDirectory() as out:
            task = checkpoint.load(training.train(recipes.from_dict(table, name=name), data=folder / "ner", out=out))
        found[which] = {"f1": task.scores["test"]["f1"], "seconds": round(time.process_time() - began, 1)}
        found["sentences"] = task.sizes["train"]
    return {**found, "machine": machine(), "versions": versions()}


def found(name: str, shots: int) -> list[dict[str, Any]]:
    """Return the cells that are measured."""
    return [json.loads(p.read_text(encoding="utf-8")) for p in sorted(CELLS.glob(f"{name}.{shots}.*.json"))]


def rows() -> list[Row]:
    """Return means and deviations over seeds."""
    made = []
    for name, own in SETS.items():
        for shots in SHOTS:
            cells = found(name, shots)
            for which in HEADS if cells else ():
                what = f"{own.title}, {shots} of each type, seeds: {len(cells)}: {which}"
                made.append(of_seeds(what, [c[which]["f1"] for c in cells], "f1"))
    return made


def table() -> str:
    """Return the table of docs/fewshot.md."""
    lines = [
        "| data | examples a type | sentences | seeds | LSTM, random | linear, random | linear, from words |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, own in SETS.items():
        for shots in SHOTS:
            if cells := found(name, shots):
                shown = [plus_minus([c[which]["f1"] for c in cells]) for which in HEADS]
                sentences = f"{mean(c['sentences'] for c in cells):.0f}"
                lines.append(f"| {own.title} | {shots} | {sentences} | {len(cells)} | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Fill the cells that are not there yet, then write results/fewshot_ner.json and a table of docs/fewshot.md."""
    parser = options(__doc__, "one cell, nothing is kept")
    parser.add_argument("--seeds", type=int, default=3, help="how many draws of examples")
    arguments = parser.parse_args()
    if arguments.quick:
        sys.stdout.write(f"{cell('conll2003', 8, 0, arguments.data)}\n")
        return
    for name, shots, seed in ((n, k, s) for s in range(arguments.seeds) for k in SHOTS for n in SETS):
        path = CELLS / f"{name}.{shots}.{seed}.json"
        if not path.is_file():
            sys.stderr.write(f"{name}, {shots} of each type, seed {seed}\n")
            keep(path, json.dumps(cell(name, shots, seed, arguments.data), indent=1) + "\n")
    measured = rows()
    show("Named entities from few examples", measured)
    write("fewshot_ner", measured, "500 test texts of each set, drawn with a seed")
    put(table(), "fewshot_ner", "docs/fewshot.md")


if __name__ == "__main__":
    main()
