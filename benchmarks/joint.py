"""The shipped joint adapter on Re-DocRED test, and the same backbone fully fine-tuned by the same code and budget.

The full fine-tuning takes as many epochs as the recipe; it can be stopped and goes on where it was. `--quick` only
scores the shipped adapter, on its own training file.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from _report import Row, options, show, write

import nlpkit
from nlpkit import checkpoint, recipes
from nlpkit.data.splits import split
from nlpkit.scoring import read_to_score, scores_of
from nlpkit.training import Progress

NAME = "relation/wikipedia"
FULL_LR = 1e-4
"""A whole backbone wants smaller steps than an adapter."""


def main() -> None:
    """Measure and write benchmarks/results/joint.json, and the comparison into the shipped card."""
    parser = options(__doc__, "score the shipped adapter on the file it was trained on")
    parser.add_argument("--out", type=Path, default=Path("runs/full"), help="where the fully tuned model is kept")
    arguments = parser.parse_args()
    recipe, folder = recipes.find(NAME), arguments.data / "re" / "re-docred"
    shipped = checkpoint.locate(NAME)
    adapter = checkpoint.account(shipped)
    if arguments.quick:
        evaluation = nlpkit.evaluate(shipped, data=folder / str(recipe.data.train))
        show("The shipped adapter on the file it was trained on", rows_of("adapter", evaluation.scores, {}))
        return
    if not (arguments.out / checkpoint.ACCOUNT).is_file():
        full = replace(
            recipe,
            adapter=replace(recipe.adapter, method="full"),
            training=replace(recipe.training, lr=FULL_LR),
        )
        nlpkit.train(full, data=folder, out=arguments.out, progress=tell)
    tuned = checkpoint.account(arguments.out)
    test = folder / str(recipe.data.test)
    again, tuned_again = (nlpkit.evaluate(place, data=test).scores for place in (shipped, arguments.out))
    rows = [
        *rows_of("adapter", again, recipe.goals),
        *rows_of("full fine-tuning", tuned_again, {}),
        Row("adapter, trained parameters", sum(adapter["parameters"].values()), "parameters"),
        Row("full fine-tuning, trained parameters", sum(tuned["parameters"].values()), "parameters"),
    ]
    show("Re-DocRED test", rows)
    write("joint", rows, "Re-DocRED test_revised, 500 documents; trained on 450 of dev_revised, 50 to choose on")
    checkpoint.rescore(shipped, {"dev": on_dev(shipped, folder), "test": again})
    checkpoint.compare(shipped, "full fine-tuning, test", tuned_again)


def on_dev(adapter: Path, folder: Path) -> dict[str, float]:
    """Return an adapter's scores on the documents that were kept aside for choosing."""
    task = checkpoint.load(adapter)
    documents = split(task.recipe.data, folder)[1]
    with task.adapted.using(task.name) as model:
        return scores_of(read_to_score(model, task.heads, documents, task.reading, by_kind=True), documents)


def rows_of(name: str, scores: Mapping[str, float], goals: Mapping[str, float]) -> list[Row]:
    """Return a row a score."""
    return [Row(f"{name}, {metric}", value, "", goals.get(metric)) for metric, value in scores.items()]


def tell(progress: Progress) -> None:
    """Say on standard error where the training is."""
    if progress.step % 20 == 0:
        dev = ", ".join(f"{k} {v:.3f}" for k, v in progress.dev.items() if k.endswith("f1"))
        left = progress.seconds_left / 60
        sys.stderr.write(f"{progress.step}/{progress.steps} loss {progress.loss:.3f} {left:.0f} min left {dev}\n")


if __name__ == "__main__":
    main()
