"""Every adapter method on three data sets, with the embedded encoder: score, parameters, time, memory, file size.

One cell is one method on one set with one seed, trained in a process of its own for a fixed number of epochs on a piece
of the training set, and scored on the test set (1,500 texts of CLINC150's). Its result is kept in `results/methods/`: a
run that was stopped goes on where it was, and `--budget` seconds at a time fill the table over several runs. Time is
processor time, which other work on the machine disturbs least. It is a comparison of methods under one small budget,
not of what each can reach. `--quick` runs one tiny cell a method and keeps nothing.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

from _report import RESULTS, Row, keep, machine, of_seeds, options, plus_minus, put, show, versions, write

from nlpkit import checkpoint, data, recipes
from nlpkit.adapters import COPY, WEIGHTS
from nlpkit.data import splits
from nlpkit.recipes import AdapterSpec, Recipe
from nlpkit.text import Window
from nlpkit.training import Run
from nlpkit.types import Example

CELLS = RESULTS / "methods"
BATCH = 256
"""Pieces of a training batch: small ones, so that a small budget has steps enough."""


@dataclass(frozen=True, slots=True)
class Way:
    """A method with its settings: the adapter and its learning rate."""

    adapter: AdapterSpec
    lr: float


WAYS = {
    "none": Way(AdapterSpec("none"), 1e-2),
    "prompt": Way(AdapterSpec("prompt"), 2e-2),
    "ptuning": Way(AdapterSpec("ptuning"), 1e-3),
    "prefix": Way(AdapterSpec("prefix"), 1e-2),
    "layernorm": Way(AdapterSpec("layernorm"), 5e-3),
    "ia3": Way(AdapterSpec("ia3"), 1e-2),
    "bottleneck-houlsby": Way(AdapterSpec("bottleneck", rank=48, style="houlsby"), 1e-3),
    "bottleneck-pfeiffer": Way(AdapterSpec("bottleneck", rank=48, style="pfeiffer"), 1e-3),
    "bottleneck-parallel": Way(AdapterSpec("bottleneck", rank=48, alpha=96.0, style="parallel"), 1e-3),
    "lora": Way(AdapterSpec("lora"), 1e-3),
    "rslora": Way(AdapterSpec("rslora"), 5e-4),
    "dora": Way(AdapterSpec("dora"), 1e-3),
    "full": Way(AdapterSpec("full"), 1e-4),
}
"""The methods from the fewest parameters to all; a learning rate of its own for each, as their papers have."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A data set: its recipe, its folder, how much of it is learnt from, and the scores to show."""

    recipe: str
    folder: str
    n_train: int
    n_dev: int
    n_test: int | None
    epochs: int
    shown: Mapping[str, str]


SETS = {
    "clinc150": Piece(
        "intent/clinc150", "classification/clinc150", 900, 150, 1500, 4, {"accuracy": "CLINC150 accuracy"}
    ),
    "wnut17": Piece("ner/wnut17", "ner/wnut17", 600, 100, None, 4, {"f1": "WNUT17 F1"}),
    "conll04": Piece(
        "relation/conll04",
        "re/conll04",
        300,
        60,
        None,
        5,
        {"ner_f1": "CoNLL04 entities F1", "relation_f1": "CoNLL04 relations F1"},
    ),
}


class Timed(Run):
    """A training run that counts the processor seconds of its steps, without the scoring between epochs."""

    step_seconds = 0.0

    def _train_step(self, batches: Sequence[list[Window]]) -> float:
        began = time.process_time()
        loss = super()._train_step(batches)
        self.step_seconds += time.process_time() - began
        return loss


def cell(way: str, name: str, seed: int, folder: Path, quick: bool) -> dict[str, Any]:
    """Train and score one method on one set."""
    piece, chosen = SETS[name], WAYS[way]
    recipe = recipes.find(piece.recipe)
    spec = replace(
        recipe.training,
        seed=seed,
        epochs=1 if quick else piece.epochs,
        lr=chosen.lr,
        head_lr=2e-3,
        batch_tokens=BATCH,
        bf16=False,
    )
    share = 20 if quick else 1
    in_pieces(recipe, seed, piece.n_train // share, piece.n_dev // share, 100 if quick else piece.n_test)
    with tempfile.TemporaryDirectory() as out:
        cut = replace(recipe, adapter=chosen.adapter, training=spec, goals={})
        run = Timed(cut, folder / piece.folder, Path(out) / "task")
        run.fit()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        saved = run.finish()
        account = checkpoint.account(saved)
        size = next((saved / file).stat().st_size for file in (WEIGHTS, COPY) if (saved / file).is_file())
    return {
        "way": way,
        "set": name,
        "seed": seed,
        "scores": account["scores"]["test"],
        "parameters": account["parameters"]["adapter"],
        "bytes": size,
        "seconds": round(run.step_seconds, 2),
        "steps": run.steps,
        "peak_mib": round(peak, 1),
        "machine": machine(),
        "versions": versions(),
    }


def in_pieces(recipe: Recipe, seed: int, n_train: int, n_dev: int, n_test: int | None) -> None:
    """Let training read a random piece of the training and dev files, the same for every method."""
    whole = data.read
    sizes = {recipe.data.train: n_train, recipe.data.dev: n_dev, recipe.data.test: n_test}

    def read(path: str | Path, format: str) -> Iterator[Example]:
        examples = list(whole(path, format))
        size = next((n for file, n in sizes.items() if file and Path(path).as_posix().endswith(file)), None)
        random.Random(seed).shuffle(examples)
        yield from examples[:size]

    vars(splits)["read"] = read


def path_of(way: str, name: str, seed: int) -> Path:
    """Return where a cell's result is kept."""
    return CELLS / f"{way}.{name}.{seed}.json"


def fill(ways: Sequence[str], sets: Sequence[str], seeds: int, arguments: argparse.Namespace) -> bool:
    """Run the cells that are not there yet, as long as the budget lasts; say whether all are there."""
    began = time.monotonic()
    todo = [(w, s, n) for n in range(seeds) for s in sets for w in ways if not path_of(w, s, n).is_file()]
    for number, (way, name, seed) in enumerate(todo):
        if time.monotonic() - began > arguments.budget:
            sys.stderr.write(f"{len(todo) - number} cells are left; run it again\n")
            return False
        sys.stderr.write(f"{number + 1}/{len(todo)} {way} on {name}, seed {seed}\n")
        command = [sys.executable, __file__, "--data", str(arguments.data), "--cell", way, name, str(seed)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            sys.stderr.write(done.stderr)
            raise SystemExit(f"{way} on {name} failed")
        keep(path_of(way, name, seed), done.stdout)
    return True


def found(way: str) -> dict[str, list[dict[str, Any]]]:
    """Return a method's results by set."""
    paths = {name: sorted(CELLS.glob(f"{way}.{name}.*.json")) for name in SETS}
    return {name: [json.loads(p.read_text(encoding="utf-8")) for p in files] for name, files in paths.items() if files}


def rows() -> list[Row]:
    """Return what was measured: means over seeds; times and sizes on the first set that is there."""
    made = []
    for way in WAYS:
        cells = found(way)
        for name, results in cells.items():
            for metric, label in SETS[name].shown.items():
                values = [r["scores"][metric] for r in results]
                made.append(of_seeds(f"{way}: {label}", values))
            made.append(Row(f"{way}: training, {name}", round(mean(r["seconds"] for r in results), 1), "CPU s"))
            made.append(Row(f"{way}: peak memory, {name}", round(mean(r["peak_mib"] for r in results)), "MiB"))
        if cells:
            one = next(iter(cells.values()))[0]
            made.append(Row(f"{way}: parameters", one["parameters"], "parameters"))
            made.append(Row(f"{way}: file", round(one["bytes"] / 1e6, 3), "MB"))
    return made


def table() -> str:
    """Return the table of docs/methods.md."""
    labels = [label for piece in SETS.values() for label in piece.shown.values()]
    n_seeds = {len(results) for way in WAYS for results in found(way).values()}
    lines = [
        f"Seeds: {', '.join(map(str, sorted(n_seeds)))}.\n",
        f"| method | {' | '.join(labels)} | parameters | training | peak memory | file |",
        f"|---|{'---:|' * (len(labels) + 4)}",
    ]
    for way in WAYS:
        cells = found(way)
        if not cells:
            continue
        scores = []
        for name, piece in SETS.items():
            for metric in piece.shown:
                values = [r["scores"][metric] for r in cells.get(name, [])]
                scores.append(plus_minus(values) if values else "")
        every = [r for results in cells.values() for r in results]
        sizes = f"{every[0]['parameters']:,}", f"{every[0]['bytes'] / 1e6:.2f} MB"
        spent = f"{mean(r['seconds'] for r in every):.0f} s", f"{mean(r['peak_mib'] for r in every):,.0f} MiB"
        lines.append(f"| `{way}` | {' | '.join([*scores, sizes[0], *spent, sizes[1]])} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Fill the cells, then write benchmarks/results/methods.json and the table of docs/methods.md."""
    parser = options(__doc__, "one tiny cell a method, nothing is kept")
    parser.add_argument("--methods", default=",".join(WAYS), help="which, separated by commas")
    parser.add_argument("--sets", default=",".join(SETS), help="which, separated by commas")
    parser.add_argument("--seeds", type=int, default=3, help="how many runs of each")
    parser.add_argument("--budget", type=float, default=float("inf"), help="begin no cell after so many seconds")
    parser.add_argument("--cell", nargs=3, metavar=("METHOD", "SET", "SEED"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cell:
        way, name, seed = arguments.cell
        sys.stdout.write(json.dumps(cell(way, name, int(seed), arguments.data, arguments.quick), indent=1) + "\n")
        return
    ways = [
        way for way in WAYS if way in arguments.methods.split(",") or way.split("-")[0] in arguments.methods.split(",")
    ]
    sets = [name for name in SETS if name in arguments.sets.split(",")]
    if not ways or not sets:
        parser.error(f"--methods knows {', '.join(WAYS)}; --sets knows {', '.join(SETS)}")
    if arguments.quick:
        for way in ways:
            result = cell(way, sets[0], 0, arguments.data, quick=True)
            sys.stderr.write(f"{way}: {result['scores']}, {result['seconds']} s\n")
        return
    fill(ways, sets, arguments.seeds, arguments)
    measured = rows()
    show("Adapter methods", measured)
    sizes = ", ".join(f"{p.n_train} of {name} for {p.epochs} epochs" for name, p in SETS.items())
    write(
        "methods",
        measured,
        f"trained on {sizes}; scored on the test sets (1,500 texts of CLINC150's); one to {arguments.seeds} seeds",
    )
    put(table(), "methods", "docs/methods.md")


if __name__ == "__main__":
    main()
