"""Few examples a label: contrastive tuning of an adapter beside the package `setfit`, on the same backbone.

One cell is one set, one number of examples a label and one seed. All sides train on the same examples, each in a
process of its own with one thread, and label the same 500 test texts. Time is processor time, from the
examples to a model that can be asked, without the import of setfit. Each side is kept in `results/fewshot/` as soon as
it is measured: a run that was stopped goes on where it was, and `--budget` seconds at a time fill the table over
several runs. SetFit has the settings of its paper (pairs of 20 rounds, one epoch, batches of 16); on Banking77, where
those would read 49,000 texts and more, its own sampling without repeating ("undersampling"). Ours are one recipe for
all sets (`TABLE`) but for the epochs; loss, learning rate and the way back were chosen on TREC, the dev part of SST-2
and pieces of the training texts of AG News and Banking77, with other seeds.
SetFit has to be installed beside: `pip install setfit==1.2.0`.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from statistics import mean
from typing import Any

from _report import RESULTS, Row, keep, machine, of_seeds, options, plus_minus, put, show, versions, write

from nlpkit import data, embedded, load, recipes, training
from nlpkit.data.splits import split
from nlpkit.types import Document

CELLS = RESULTS / "fewshot"
TASK = "classification"
N_TEST = 500
SHOTS = (8, 16)
SIDES = ("nlpkit", "texts", "setfit")
"""The adapter from examples and the labels' names, from the examples alone, and SetFit, which reads examples alone."""
TABLE: dict[str, Any] = {
    "title": "A few examples of each label",
    "heads": [TASK],
    "licence": "that of the data",
    "backbone": "default",
    "adapter": {"rank": 16, "alpha": 32, "dropout": 0.1},
    "training": {"contrast": True, "lr": 1e-3, "batch_tokens": 512, "window": 256, "stride": 192},
}
"""The recipe of every cell, without its data and epochs."""


@dataclass(frozen=True, slots=True)
class Set:
    """A data set: its files below the folder of classification, SetFit's settings, and our epochs."""

    title: str
    train: str
    test: str
    theirs: dict[str, Any]
    epochs: int = 20
    words: dict[str, str] = field(default_factory=dict)
    """What labels are called, where their names do not say it."""
    apart: bool = False
    """Whether training texts that also stand in the test part are dropped."""


SETS = {
    "sst2": Set(
        "SST-2",
        "sst2/train.tsv",
        "sst2/test.tsv",
        {"num_iterations": 20},
        words={"0": "negative", "1": "positive"},
    ),
    "ag_news": Set(
        "AG News",
        "ag_news/hiddenkiller_clean_dev.tsv#labels=classes.txt",
        "ag_news/test.csv#labels=classes.txt",
        {"num_iterations": 20},
        apart=True,
    ),
    "banking77": Set(
        "Banking77",
        "banking77/train.csv",
        "banking77/test.csv",
        {"sampling_strategy": "undersampling"},
        epochs=3,
    ),
}


def examples(name: str, shots: int, seed: int, folder: Path) -> tuple[list[Document], list[Document]]:
    """Return the examples and the test texts of a cell."""
    own = SETS[name]
    place = {"format": "auto", "train": own.train, "test": own.test, "deduplicate": own.apart}
    table = {**TABLE, "data": {**place, "shots": shots, "seed": seed}}
    few, _ = split(recipes.from_dict(table, name=name).sets[0], folder / TASK)
    tests = [e.document for e in data.read(folder / TASK / own.test)]
    return few, random.Random(13).sample(tests, N_TEST)


def ours(name: str, few: Sequence[Document], seed: int, *, words: bool) -> Callable[[list[str]], list[str]]:
    """Train an adapter; return what labels texts."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with (folder / "train.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["label", "text"])
            rows.writerows((d.labels[TASK].label, d.text) for d in few)
        spec = {**TABLE["training"], "epochs": SETS[name].epochs, "seed": seed}
        told = {"options": {TASK: {"words": SETS[name].words}}} if words else {}
        table = {**TABLE, **told, "data": {"format": "csv", "train": "train.csv"}, "training": spec}
        recipe = recipes.from_dict(table, name=name)
        kit = load(str(training.train(recipe, data=folder, out=folder / "adapter")))
    return lambda texts: [next(iter(d.labels.values())).label for d in kit(texts)]


def theirs(name: str, few: Sequence[Document], seed: int) -> Callable[[list[str]], list[str]]:
    """Train SetFit's model; return what labels texts."""
    from datasets import Dataset

    setfit: Any = import_module("setfit")
    labels = sorted({d.labels[TASK].label for d in few})
    numbers = [labels.index(d.labels[TASK].label) for d in few]
    with tempfile.TemporaryDirectory() as folder:
        settings = setfit.TrainingArguments(
            output_dir=folder,
            batch_size=16,
            num_epochs=1,
            seed=seed,
            report_to="none",
            save_strategy="no",
            show_progress_bar=False,
            **SETS[name].theirs,
        )
        model = setfit.SetFitModel.from_pretrained(str(embedded.EMBEDDED["default"].paths()[0]))
        texts = Dataset.from_dict({"text": [d.text for d in few], "label": numbers})
        setfit.Trainer(model=model, args=settings, train_dataset=texts).train()
    return lambda asked: [labels[int(n)] for n in model.predict(asked, show_progress_bar=False)]


def side(which: str, name: str, shots: int, seed: int, folder: Path) -> dict[str, Any]:
    """Train and score one side of a cell."""
    import torch

    torch.set_num_threads(1)
    few, tests = examples(name, shots, seed, folder)
    if which == "setfit":
        import_module("setfit")
    began, began_wall = time.process_time(), time.monotonic()
    label = theirs(name, few, seed) if which == "setfit" else ours(name, few, seed, words=which == "nlpkit")
    seconds, wall = time.process_time() - began, time.monotonic() - began_wall
    found = label([d.text for d in tests])
    right = sum(one == d.labels[TASK].label for one, d in zip(found, tests, strict=True))
    return {
        "examples": len(few),
        "accuracy": right / len(tests),
        "seconds": round(seconds, 1),
        "wall_seconds": round(wall, 1),
    }


def fill(names: Sequence[str], seeds: int, arguments: argparse.Namespace) -> None:
    """Measure the cells that are not there yet, as long as the budget lasts."""
    began = time.monotonic()
    cells = [(name, k, seed) for seed in range(seeds) for k in arguments.shots for name in names]
    asked = arguments.sides.split(",")
    todo = [(which, *cell) for cell in cells for which in asked if which not in kept(path_of(*cell))]
    for number, (which, name, k, seed) in enumerate(todo):
        if time.monotonic() - began > arguments.budget:
            sys.stderr.write(f"{len(todo) - number} runs are left; start it again\n")
            return
        sys.stderr.write(f"{number + 1}/{len(todo)} {which} on {name}, {k} examples a label, seed {seed}\n")
        measured = {which: apart(which, name, k, seed, arguments)}
        path = path_of(name, k, seed)
        cell = {**kept(path), **measured, "machine": machine(), "versions": versions()}
        keep(path, json.dumps(cell, indent=1) + "\n")


def apart(which: str, name: str, k: int, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure one side in a process of its own."""
    cell = [which, name, str(k), str(seed)]
    command = [sys.executable, __file__, "--data", str(arguments.data), "--cell", *cell]
    alone = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=alone)
    if done.returncode:
        sys.stderr.write(done.stderr)
        raise SystemExit(f"{which} on {name} failed; is setfit installed? (pip install setfit==1.2.0)")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def path_of(name: str, shots: int, seed: int) -> Path:
    """Return where a cell is kept."""
    return CELLS / f"{name}.{shots}.{seed}.json"


def kept(path: Path) -> dict[str, Any]:
    """Return what is measured of a cell."""
    cell: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return cell


def found(name: str, shots: int) -> list[dict[str, Any]]:
    """Return the cells of which ours and SetFit's side are measured."""
    cells = map(kept, sorted(CELLS.glob(f"{name}.{shots}.*.json")))
    return [cell for cell in cells if {"nlpkit", "setfit"} <= cell.keys()]


def sides(cells: Sequence[dict[str, Any]]) -> list[str]:
    """Return the sides that are measured in each of some cells."""
    return [which for which in SIDES if all(which in cell for cell in cells)]


def rows() -> list[Row]:
    """Return means over seeds, and SetFit's processor time as a multiple of ours."""
    made: list[Row] = []
    every: list[dict[str, Any]] = []
    for name, own in SETS.items():
        for shots in SHOTS:
            if not (cells := found(name, shots)):
                continue
            every += cells
            what = f"{own.title}, {shots} a label, seeds: {len(cells)}"
            for which in sides(cells):
                made.append(of_seeds(f"{what}: {which}, accuracy", [c[which]["accuracy"] for c in cells]))
                made.append(Row(f"{what}: {which}, training", round(_seconds(cells, which), 1), "CPU s"))
            times = round(_seconds(cells, "setfit") / _seconds(cells, "nlpkit"), 2)
            made.append(Row(f"{what}: time of setfit against nlpkit", times, "x", 1.0))
    if every:
        above = [100 * (c["nlpkit"]["accuracy"] - c["setfit"]["accuracy"]) for c in every]
        made.append(replace(of_seeds("all: points of accuracy above setfit", above, "points"), goal=0.0))
        times = round(_seconds(every, "setfit") / _seconds(every, "nlpkit"), 2)
        made.append(Row("all: time of setfit against nlpkit", times, "x", 1.0))
    return made


def _seconds(cells: Sequence[dict[str, Any]], which: str) -> float:
    return float(mean(c[which]["seconds"] for c in cells))


def table() -> str:
    """Return the table of docs/fewshot.md."""
    lines = [
        "| data | examples a label | seeds | nlpkit with words | nlpkit, examples alone | SetFit | CPU s |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, own in SETS.items():
        for shots in SHOTS:
            if cells := found(name, shots):
                there = sides(cells)
                shown = [plus_minus([c[which]["accuracy"] for c in cells]) if which in there else "" for which in SIDES]
                spent = " / ".join(f"{_seconds(cells, which):,.0f}" if which in there else "" for which in SIDES)
                lines.append(f"| {own.title} | {shots} | {len(cells)} | {' | '.join([*shown, spent])} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Fill the cells, then write benchmarks/results/fewshot.json and the table of docs/fewshot.md."""
    parser = options(__doc__, "our side of one cell, nothing is kept")
    parser.add_argument("--sets", default=",".join(SETS), help="which, separated by commas")
    parser.add_argument("--sides", default=",".join(SIDES), help="which, separated by commas")
    parser.add_argument("--shots", type=int, nargs="+", default=SHOTS, help="examples a label")
    parser.add_argument("--seeds", type=int, default=5, help="how many draws of examples")
    parser.add_argument("--budget", type=float, default=float("inf"), help="begin no cell after so many seconds")
    parser.add_argument("--cell", nargs=4, metavar=("SIDE", "SET", "SHOTS", "SEED"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cell:
        which, name, shots, seed = arguments.cell
        cell = side(which, name, int(shots), int(seed), arguments.data)
        sys.stdout.write(f"\n{json.dumps(cell)}\n")
        return
    if arguments.quick:
        sys.stderr.write(f"{side('nlpkit', 'sst2', 8, 0, arguments.data)}\n")
        return
    names = arguments.sets.split(",")
    if unknown := [name for name in names if name not in SETS]:
        parser.error(f"no set {unknown[0]!r}; --sets knows {', '.join(SETS)}")
    fill(names, arguments.seeds, arguments)
    measured = rows()
    show("Few examples a label", measured)
    write("fewshot", measured, f"{N_TEST} test texts of each set, drawn with a seed")
    put(table(), "fewshot", "docs/fewshot.md")


if __name__ == "__main__":
    main()
