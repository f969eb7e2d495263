"""Recipes as they are: each trained with its adapter and, by the same code and budget, by full fine-tuning.

    python recipes.py --data DATA train intent/banking77
    python recipes.py --data DATA train intent/banking77 --full
    python recipes.py --data DATA train intent/clinc150 --set backbone=smollm2 --set adapter.layers=top:10
    python recipes.py --data DATA train relation/wikipedia --set 'heads=["ner"]'
    python recipes.py

`train` goes on where it stopped. Alone it notes what is trained in results/recipes/, one file a run, and shows and
writes the test scores of all runs that were ever noted there, and the table of docs/domains.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from _report import RESULTS, Row, put, show, stamp, write

import nlpkit
from nlpkit import checkpoint, recipes
from nlpkit.recipes import Recipe
from nlpkit.training import Progress

FOLDERS = {
    "intent/clinc150": "classification/clinc150",
    "intent/banking77": "classification/banking77",
    "sentiment/sst2": "classification/sst2",
    "sentiment/chnsenticorp": "classification/chnsenticorp",
    "slots/snips": "dialogue/snips",
    "slots/atis": "dialogue/atis",
    "ner/conll2003": "ner/conll2003",
    "ner/wnut17": "ner/wnut17",
    "ner/bc5cdr": "ner/bc5cdr",
    "ner/resume-zh": "ner/resume-zh",
    "ner/sec-filings": "ner/sec-filings",
    "ner/mit-movie": "ner/mit-movie",
    "ner/cluener": "ner/cluener",
    "ner/weibo": "ner/weibo-zh",
    "topic/ag_news": "classification/ag_news",
    "topic/tnews": "classification/tnews_fewclue",
    "relation/wikipedia": "re/re-docred",
    "relation/conll04": "re/conll04",
    "relation/semeval2010": "re/semeval2010-task8",
    "relation/ade": "re/ade",
    "relation/scierc": "re/scierc",
    "relation/chinese-literature": "re",
    "qa/squad": "qa/squad_v1.1",
    "qa/cmrc2018": "qa/cmrc2018",
    "joint/assistant": "",
    "dialogue/sgd": "dialogue/sgd",
    "reply/sgd": "dialogue/sgd",
}
"""Where under --data a recipe's files lie."""

NOTED = RESULTS / "recipes"
"""Where the figures of each run are kept."""

DOMAINS = {
    "biomedicine": "ner/bc5cdr",
    "adverse drug effects": "relation/ade",
    "AI papers": "relation/scierc",
    "loan agreements": "ner/sec-filings",
    "films": "ner/mit-movie",
    "a bank's customers": "intent/banking77",
    "an assistant's users": "intent/clinc150",
    "news topics": "topic/ag_news",
    "film reviews": "sentiment/sst2",
    "social media": "ner/wnut17",
    "CVs (Chinese)": "ner/resume-zh",
    "news entities (Chinese)": "ner/cluener",
    "microblogs (Chinese)": "ner/weibo",
    "shop reviews (Chinese)": "sentiment/chnsenticorp",
    "news titles (Chinese)": "topic/tnews",
    "literature (Chinese)": "relation/chinese-literature",
    "reading (Chinese)": "qa/cmrc2018",
}
"""The rows of docs/domains.md: a domain and its recipe."""
NOT_YET = "not measured yet"

FULL = {"adapter.method": "full", "training.lr": 1e-4, "training.bf16": True}
"""What full fine-tuning changes: every weight moves, so by smaller steps; and mixed precision, to save time."""


def main() -> None:
    """Train one recipe, or show what is trained."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"), help="the folder of the data sets")
    parser.add_argument("--quick", action="store_true", help="nothing is written")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the trained folders are")
    verbs = parser.add_subparsers(dest="verb")
    train = verbs.add_parser("train")
    train.add_argument("recipe", choices=FOLDERS)
    train.add_argument("--full", action="store_true")
    train.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change the recipe")
    arguments = parser.parse_args()
    if arguments.verb is None:
        table(arguments.runs, quick=arguments.quick)
        return
    changes = {key: parsed(value) for key, _, value in (change.partition("=") for change in arguments.set)}
    recipe = changed(recipes.find(arguments.recipe), (FULL if arguments.full else {}) | changes)
    out = arguments.runs / label(arguments.recipe, arguments.full, changes)
    nlpkit.train(recipe, data=arguments.data / FOLDERS[arguments.recipe], out=out, progress=Printed())
    print(json.dumps(checkpoint.account(out)["scores"]["test"]))


def parsed(value: str) -> Any:
    """Return a number where the text is one."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def changed(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """Return a recipe with some keys ("adapter.rank") changed."""
    plain = recipe.to_dict()
    for key, value in changes.items():
        *path, last = key.split(".")
        inner = plain
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = value
    plain["options"] = {head: table for head, table in plain["options"].items() if head in plain["heads"]}
    if "backbone" in changes:
        plain.pop("backbone_sha256", None)
    adapter = plain["adapter"]
    plain["adapter"] = {
        k: v for k, v in adapter.items() if k in {"method", "attention", *recipes.METHODS[adapter["method"]]}
    }
    return recipes.from_dict(plain, name=recipe.name)


def label(name: str, full: bool, changes: Mapping[str, Any]) -> str:
    """Return the name of a run's folder."""
    parts = [
        name.replace("/", "-"),
        *(["full"] if full else []),
        *(f"{k}={plain(v)}" for k, v in sorted(changes.items())),
    ]
    return "+".join(part.replace(":", "") for part in parts)


def plain(value: Any) -> str:
    """Return a value as it stands in the name of a folder."""
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)


class Printed:
    """Print a line a minute, and one for each epoch."""

    def __init__(self) -> None:
        self.epoch, self.last = -1, time.monotonic()

    def __call__(self, progress: Progress) -> None:
        """Print where training is."""
        if progress.epoch == self.epoch and time.monotonic() - self.last < 60:
            return
        self.epoch, self.last = progress.epoch, time.monotonic()
        dev = {name: round(value, 4) for name, value in progress.dev.items()}
        left = f"{progress.seconds_left:.0f} s left"
        print(progress.epoch, f"{progress.step}/{progress.steps}", f"{progress.loss:.4f}", left, dev, flush=True)


def note(folder: Path) -> None:
    """Write what a trained folder says of itself to results/recipes/, where that is not there yet."""
    account = checkpoint.account(folder)
    path = NOTED / f"{folder.name}.json"
    test = account["scores"].get("test")
    if test and (not path.is_file() or json.loads(path.read_text(encoding="utf-8"))["test"] != test):
        kept = {key: account[key] for key in ("documents", "parameters", "bytes", "versions")}
        seconds = account.get("training", account).get("seconds")
        noted = {**stamp(), "test": test, "goals": account["recipe"].get("goals", {}), "seconds": seconds, **kept}
        path.write_text(json.dumps(noted, indent=1) + "\n", encoding="utf-8")


def table(runs: Path, *, quick: bool) -> None:
    """Show the test scores of all trained recipes and write benchmarks/results/recipes.json."""
    for folder in sorted(runs.iterdir()) if runs.is_dir() and not quick else ():
        if trained(folder):
            note(folder)
    rows: list[Row] = []
    behind: dict[str, float] = {}
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(NOTED.glob("*.json"))}
    for name, noted in found.items():
        goals, scores = noted["goals"], noted["test"]
        # A recipe's goals are those of its own backbone and of all its data.
        own = not any(change in name for change in ("backbone=", "data.sample="))
        # Of heads that a recipe trains together, one trained apart has metrics of other names.
        metrics = [metric for metric in goals if metric in scores] or [m for m in scores if m.endswith("f1")]
        rows += [Row(f"{name}: {m}", scores[m], "", goals.get(m) if own else None) for m in metrics]
        base, plus, changes = name.partition("+")
        full = found.get(f"{base}+full{plus}{changes}")
        if full:
            points = [100 * (full["test"][metric] - scores[metric]) for metric in goals]
            behind[name] = statistics.mean(points)
            rows.append(Row(f"{name}: points behind full fine-tuning", behind[name], ""))
    rows += seeds(found)
    if behind:
        rows.append(Row("points behind full fine-tuning, mean", statistics.mean(behind.values()), "", 1.0))
    show("Recipes", rows)
    if not quick:
        write("recipes", rows, "the test part of each recipe's data")
        put(domains(found), "domains", "docs/domains.md")


def domains(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the table of docs/domains.md."""
    lines = [
        "| domain | recipe | metric | adapter | full fine-tuning | points behind | parameters | minutes | MB |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for domain, name in DOMAINS.items():
        own, full = (found.get(label(name, whole, {})) for whole in (False, True))
        for metric in recipes.find(name).goals:
            both = [score(own, metric), score(full, metric), points(own, full, metric)]
            cells = [domain, f"`{name}`", metric, *both, *sizes(name, own)]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def score(noted: Mapping[str, Any] | None, metric: str) -> str:
    """Return a test score of a run."""
    return f"{noted['test'][metric]:.4f}" if noted else NOT_YET


def points(own: Mapping[str, Any] | None, full: Mapping[str, Any] | None, metric: str) -> str:
    """Return how far a run is behind another, in points."""
    return f"{100 * (full['test'][metric] - own['test'][metric]):.1f}" if own and full else ""


def sizes(name: str, noted: Mapping[str, Any] | None) -> list[str]:
    """Return the parameters, minutes and megabytes of a run, where they were noted."""
    known = dict(noted or {})
    if "bytes" not in known and name in checkpoint.shipped_names():
        known |= {k: v for k, v in checkpoint.account(checkpoint.locate(name)).items() if k in ("parameters", "bytes")}
    seconds = known.get("seconds")
    return [
        f"{sum(known['parameters'].values()):,}" if "parameters" in known else "",
        f"{seconds / 60:.0f}" if seconds else "",
        f"{known['bytes'] / 1e6:.1f}" if "bytes" in known else "",
    ]


def trained(folder: Path) -> bool:
    """Say whether a folder's training has ended."""
    return (folder / "nlpkit.json").is_file()


def seeds(found: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """Return the means over seeds, where a recipe was trained with several."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for name, noted in found.items():
        groups.setdefault(name.partition("+training.seed=")[0], []).append(noted)
    return [
        Row(f"{name}: {metric}, mean of {len(group)} seeds", statistics.mean(values), "", goal, spread(values))
        for name, group in groups.items()
        if len(group) > 1
        for metric, goal in group[0]["goals"].items()
        for values in [[noted["test"][metric] for noted in group]]
    ]


def spread(values: Sequence[float]) -> float:
    """Return how far apart the values are."""
    return max(values) - min(values)


if __name__ == "__main__":
    main()
