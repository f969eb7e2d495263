"""What augmentation is worth where there is little to learn from, on test texts as they are and with noise in them.

500 sentences of WNUT17 and 10 texts a label of banking77 are learnt from, with and without each kind; adapters in the
top two layers. Where each text has a changed copy, half as many epochs are trained, so that steps are alike; there are
fewer with other names (texts without a name have no copy) and more with balance, as the runs' files say. Runs that are
in results/augmentation/ already are not trained again.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from _report import RESULTS, Row, keep, machine, of_seeds, options, show, versions, write

from nlpkit import checkpoint, data, recipes
from nlpkit.data import splits
from nlpkit.data.augmentation import mistyped, recased
from nlpkit.data.inventory import labels_of
from nlpkit.recipes import AugmentationSpec
from nlpkit.scoring import read_to_score, scores_of
from nlpkit.training import Run
from nlpkit.types import Document, Example

CELLS = RESULTS / "augmentation"
KINDS = {
    "none": AugmentationSpec(),
    "entities": AugmentationSpec(entities=1.0),
    "edits": AugmentationSpec(edits=1.0),
    "case": AugmentationSpec(case=1.0),
    "typing": AugmentationSpec(typing=1.0),
    "case and typing": AugmentationSpec(case=0.5, typing=0.5),
    "balance": AugmentationSpec(balance=True),
}
NOISES = {"as it is": None, "other case": recased, "typing errors": mistyped}
"""What is done to the test texts."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A data set: its recipe, its folder, how much is learnt from and how long, the kinds that mean something to it."""

    recipe: str
    folder: str
    metric: str
    epochs: int
    n_test: int
    kinds: Sequence[str]


SETS = {
    "wnut17": Piece("ner/wnut17", "ner/wnut17", "f1", 8, 500, [*KINDS]),
    "banking77": Piece(
        "intent/banking77",
        "classification/banking77",
        "accuracy",
        10,
        500,
        ["none", "edits", "case", "typing", "case and typing"],
    ),
}


ABOUT = {
    "wnut17": "500 test sentences of WNUT17 after training on 500",
    "banking77": "500 test texts of banking77 after training on 10 a label",
}
REST = "#rest"
"""What names the texts of the training file that are not learnt from."""
N_DEV = 100


def parted(examples: list[Example], name: str, seed: int) -> tuple[list[Example], list[Example]]:
    """Return what is learnt from (500 sentences, or 10 texts a label), and 100 others to choose on."""
    random.Random(seed).shuffle(examples)
    if name == "wnut17":
        return examples[:500], examples[500 : 500 + N_DEV]
    by_label = defaultdict(list)
    for example in examples:
        by_label[min(labels_of(example.document))].append(example)
    rest = [example for held in by_label.values() for example in held[10:]]
    return [e for held in by_label.values() for e in held[:10]], random.Random(seed).sample(rest, N_DEV)


def in_pieces(piece: Piece, name: str, seed: int) -> None:
    """Let training read a piece of the training file, others of it to choose on, and some of the test file."""
    train = recipes.find(piece.recipe).data.train

    def read(path: str | Path, format: str) -> Iterator[Example]:
        examples = list(data.read(str(path).removesuffix(REST), format))
        if Path(path).name == train:
            return iter(parted(examples, name, seed)[0])
        if str(path).endswith(REST):
            return iter(parted(examples, name, seed)[1])
        return iter(random.Random(0).sample(examples, min(piece.n_test, len(examples))))

    vars(splits)["read"] = read


def cell(kind: str, name: str, seed: int, folder: Path) -> dict[str, Any]:
    """Train one kind on one set with one seed, and score it on all noises."""
    piece = SETS[name]
    recipe = recipes.find(piece.recipe)
    in_pieces(piece, name, seed)
    twice = kind not in ("none", "balance")
    budget = replace(
        recipe.training, seed=seed, epochs=piece.epochs // 2 if twice else piece.epochs, batch_tokens=512, hide=0.0
    )
    top = replace(recipe.adapter, layers="top:2")
    spec = replace(recipe.data, dev=recipe.data.train + REST, hold_out=0, test=None)
    asked = replace(recipe, training=budget, data=spec, adapter=top, augmentation=KINDS[kind], goals={})
    tests = splits.tests(recipe.data, folder / piece.folder)
    with tempfile.TemporaryDirectory() as out:
        run = Run(asked, folder / piece.folder, Path(out) / "task")
        run.fit()
        task = checkpoint.load(run.finish())
        scores = {}
        for noise in NOISES:
            golds = noisy(tests, noise)
            with task.adapted.using(task.name) as model:
                reads = read_to_score(model, task.heads, golds, task.reading, by_kind=False)
            scores[noise] = scores_of(reads, golds)[piece.metric]
    return {"kind": kind, "set": name, "seed": seed, "steps": run.steps, "seconds": round(run.seconds, 1),
            "scores": scores, "machine": machine(), "versions": versions()}  # fmt: skip


def noisy(texts: Sequence[Document], noise: str) -> list[Document]:
    """Return the test texts with noise, the same for every run."""
    change = NOISES[noise]
    if change is None:
        return [*texts]
    draws = random.Random(0)
    return [change(text, draws) or text for text in texts]


def found(name: str, kind: str) -> list[dict[str, Any]]:
    """Return what the runs of a kind gave, one a seed."""
    paths = sorted(CELLS.glob(f"{kind.replace(' ', '-')}.{name}.*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def rows() -> list[Row]:
    """Return means and deviations over seeds."""
    made = []
    for name, piece in SETS.items():
        for kind in piece.kinds:
            results = found(name, kind)
            for noise in NOISES if results else ():
                values = [result["scores"][noise] for result in results]
                made.append(of_seeds(f"{name}, {kind}, {noise}", values, piece.metric))
    return made


def fill(seeds: int, folder: Path, budget: float) -> None:
    """Train what is not there yet, as long as the budget lasts."""
    began = time.monotonic()
    cells = [(seed, name, kind) for seed in range(seeds) for name, piece in SETS.items() for kind in piece.kinds]
    for seed, name, kind in cells:
        path = CELLS / f"{kind.replace(' ', '-')}.{name}.{seed}.json"
        if path.is_file() or time.monotonic() - began > budget:
            continue
        result = cell(kind, name, seed, folder)
        keep(path, json.dumps(result, indent=1) + "\n")
        sys.stderr.write(f"{name}, {kind}, seed {seed}: {result['scores']}\n")


def main() -> None:
    """Train what is not there yet, then write benchmarks/results/augmentation.json."""
    parser = options(__doc__, "one seed of banking77 without and with typing errors, nothing is kept")
    parser.add_argument("--seeds", type=int, default=3, help="how many runs of each")
    parser.add_argument("--budget", type=float, default=float("inf"), help="begin no run after so many seconds")
    arguments = parser.parse_args()
    if arguments.quick:
        for kind in ("none", "typing"):
            sys.stdout.write(json.dumps(cell(kind, "banking77", 0, arguments.data)) + "\n")
        return
    fill(arguments.seeds, arguments.data, arguments.budget)
    measured = rows()
    show("Augmentation", measured)
    seeds = {name: [len(found(name, kind)) for kind in piece.kinds] for name, piece in SETS.items()}
    said = [f"{ABOUT[name]}, at least {min(n)} seeds of each kind" for name, n in seeds.items() if any(n)]
    write("augmentation", measured, "; ".join(said))


if __name__ == "__main__":
    main()
