"""What shipped adapters lose under noise and unseen names, how groups differ, and whether explanations are true.

Faithfulness (DeYoung et al. 2020, ERASER): how much a decision's probability falls when the words with the most weight
are hidden (comprehensiveness: more is better), and when all others are (sufficiency: less is better), averaged over
shares of the words; beside it the same with words drawn at random.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from _report import Row, options, show, write

from nlpkit import checkpoint, engine, probing
from nlpkit.checkpoint import Task
from nlpkit.editing.groups import read_groups
from nlpkit.explaining import Case, explain
from nlpkit.types import Document

SETS = {
    "intent/banking77": (Path("classification/banking77"), 200),
    "slots/snips": (Path("dialogue/snips"), 200),
    "ner/wnut17": (Path("ner/wnut17"), 300),
    "qa/squad": (Path("qa/squad_v1.1"), 80),
    "relation/wikipedia": (Path("re/re-docred"), 25),
}
"""Adapters, where under --data their files lie, and how many of the test documents are drawn."""

EXPLAINED = {"intent/banking77": 40, "slots/snips": 40}
"""Adapters whose decisions on whole texts are explained, and how many."""

SHARES = (0.05, 0.1, 0.2, 0.5)
METRICS = frozenset(["accuracy", "f1", "slot_f1", "intent_accuracy", "exact", "ner_f1", "relation_f1"])


def main() -> None:
    """Measure and write benchmarks/results/robustness.json."""
    arguments = options(__doc__, "few documents of each set").parse_args()
    rows: list[Row] = []
    for name, (folder, most) in SETS.items():
        loaded = checkpoint.load(checkpoint.locate(name))
        task, golds = probing.tested(loaded, arguments.data / folder)
        random.Random(0).shuffle(golds)
        golds = golds[: 20 if arguments.quick else most]
        rows += [*robustness(name, task, golds), *fairness(name, task, golds)]
        if name in EXPLAINED:
            rows += faithfulness(name, task, golds[: 5 if arguments.quick else EXPLAINED[name]])
    show("Robustness, fairness, faithfulness", rows)
    if not arguments.quick:
        write("robustness", rows, "documents drawn from the test parts of the recipes' data sets")


def robustness(name: str, task: Task, golds: Sequence[Document]) -> list[Row]:
    """Return the difference that each perturbation makes, and half of its 95 % interval."""
    found = probing.robustness(task, golds)
    return [
        Row(f"{name}, {perturbation}, {effect.n} texts: {metric} from {change.before:.3f}", *_told(change))
        for perturbation, effect in found.effects.items()
        for metric, change in effect.metrics.items()
        if metric in METRICS
    ]


def fairness(name: str, task: Task, golds: Sequence[Document]) -> list[Row]:
    """Return the widest gap between two groups of each axis, and the share of the decisions that flip."""
    rows = []
    for axis, own in probing.fairness(task, golds, read_groups()).axes.items():
        rows += [
            Row(f"{name}, {axis}, {own.n} texts: {metric}, {gap.lowest} to {gap.highest}", *_told(gap.change))
            for metric, gap in own.gaps.items()
            if metric in METRICS
        ]
        rows.append(Row(f"{name}, {axis}, {own.n} texts: decisions that flip", round(own.flips, 4), ""))
    return rows


def _told(change: probing.Change) -> tuple[float, str, None, float]:
    return round(change.difference, 4), "", None, round((change.high - change.low) / 2, 4)


def faithfulness(name: str, task: Task, golds: Sequence[Document]) -> list[Row]:
    """Return comprehensiveness and sufficiency of the words' weights, and of words drawn at random."""
    (head,) = task.heads
    drawn = random.Random(0)
    values: dict[str, list[float]] = {}
    deltas = []
    for gold in golds:
        document = Document(gold.text)
        explanation = next(e for e in explain(task, document) if not e.decision.places)
        deltas.append(abs(explanation.delta))
        order = sorted(range(len(explanation.words)), key=lambda n: -explanation.words[n].weight)
        with task.adapted.using(task.name) as model:
            (found,) = engine.read(model, task.heads, [document], task.reading)
            case = Case.of(model, head, task, found, explanation.decision)  # type: ignore[arg-type]
            assert case is not None
            for kind, own in (("weights", order), ("random", drawn.sample(order, len(order)))):
                lost, kept = _erased(case, own)
                values.setdefault(f"comprehensiveness, {kind}", []).append(lost)
                values.setdefault(f"sufficiency, {kind}", []).append(kept)
    rows = [Row(f"{name}, {len(golds)} texts: {what}", round(fmean(own), 4), "") for what, own in values.items()]
    return [*rows, Row(f"{name}: largest convergence delta", round(max(deltas), 5), "log-odds")]


def _erased(case: Case, order: Sequence[int]) -> tuple[float, float]:
    """Return how much the probability falls without the first words, and with them alone, averaged over shares."""
    whole = _probability(case.output())
    counts = [max(1, round(share * len(order))) for share in SHARES]
    lost = [whole - _probability(case.output(order[:n])) for n in counts]
    kept = [whole - _probability(case.output(order[n:])) for n in counts]
    return fmean(lost), fmean(kept)


def _probability(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))


if __name__ == "__main__":
    main()
