"""The shipped adapters on the test files of their recipes, as anybody finds them after installing."""

from __future__ import annotations

from pathlib import Path

from _report import Row, options, show, write

import nlpkit
from nlpkit import checkpoint

FOLDERS = {
    "ner/wnut17": Path("ner/wnut17"),
    "ner/bc5cdr": Path("ner/bc5cdr"),
    "intent/clinc150": Path("classification/clinc150"),
    "intent/banking77": Path("classification/banking77"),
    "relation/semeval2010": Path("re/semeval2010-task8"),
    "slots/snips": Path("dialogue/snips"),
}
"""Where under --data an adapter's files lie; `relation/wikipedia` is measured by joint.py, `qa/squad` by recipes.py."""

MORE = {"intent/clinc150": "data_full.json#test+oos_test"}
"""Another test part, scored beside that of the recipe: CLINC150 with the texts that have none of its intents."""


def main() -> None:
    """Measure and write benchmarks/results/shipped.json."""
    arguments = options(__doc__, "the first adapter alone").parse_args()
    rows: list[Row] = []
    for name, folder in list(FOLDERS.items())[: 1 if arguments.quick else None]:
        goals = checkpoint.load(checkpoint.locate(name)).recipe.goals
        found = nlpkit.evaluate(name, data=arguments.data / folder)
        rows += [Row(f"{name}: {metric}", value, "", goals.get(metric)) for metric, value in found.scores.items()]
        if name in MORE:
            more = nlpkit.evaluate(name, data=arguments.data / folder / MORE[name])
            rows += [Row(f"{name}, {MORE[name]}: {metric}", value, "") for metric, value in more.scores.items()]
    size = sum(checkpoint.account(checkpoint.locate(name))["bytes"] for name in checkpoint.shipped_names())
    rows.append(Row("all shipped adapters", size / 1e6, "MB", 25.0))
    show("Shipped adapters", rows)
    if not arguments.quick:
        write("shipped", rows, "the test parts of the recipes' data sets")


if __name__ == "__main__":
    main()
