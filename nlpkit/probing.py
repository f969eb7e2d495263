"""How a trained task bears up: under noise and unseen names (robustness), and when told of other people (fairness).

Both change texts with known answers and score the task before and after, on the texts that were changed alone.
Intervals are of 95 %, by the paired bootstrap (`nlpkit.resampling`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nlpkit import engine
from nlpkit.checkpoint import Task
from nlpkit.data import located, read
from nlpkit.editing.edits import edited, undone
from nlpkit.editing.groups import Groups, Told, told
from nlpkit.editing.noise import NOISES, noisy
from nlpkit.editing.renaming import Unseen
from nlpkit.errors import InputError
from nlpkit.heads.base import Head
from nlpkit.resampling import Tally, differences, scores_of
from nlpkit.scoring import texts_of
from nlpkit.types import Document

_SEED = "0"
_EXAMPLES = 3
UNSEEN = "unseen names"

Scores = dict[str, float]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Change:
    """A metric on the same documents on two sides: its values, their difference, and the difference's 95 % interval."""

    before: float
    after: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        """The second value less the first."""
        return self.after - self.before

    def to_dict(self) -> dict[str, float]:
        """Return the change as plain JSON types."""
        values = {"before": self.before, "after": self.after, "difference": self.difference}
        return {k: round(v, 4) for k, v in {**values, "low": self.low, "high": self.high}.items()}


@dataclass(frozen=True, slots=True)
class Effect:
    """What a perturbation does to each metric, on the `n` documents that it changes."""

    n: int
    metrics: Mapping[str, Change]


@dataclass(frozen=True, slots=True)
class Robustness:
    """The effect of each perturbation, by name; `skipped` says why there is none of the others. `n`: all documents."""

    n: int
    effects: Mapping[str, Effect]
    skipped: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return the effects as plain JSON types."""
        effects = {
            name: {"n": effect.n, "metrics": {metric: c.to_dict() for metric, c in effect.metrics.items()}}
            for name, effect in self.effects.items()
        }
        return {"n": self.n, "effects": effects, "skipped": dict(self.skipped)}


@dataclass(frozen=True, slots=True)
class Gap:
    """The groups with the lowest and the highest value of a metric, and the change from the one to the other."""

    lowest: str
    highest: str
    change: Change


@dataclass(frozen=True, slots=True)
class Axis:
    """What comes of telling `n` documents of each group of an axis.

    `scores` are by group and metric, `gaps` by metric. `flips` is the share of the documents that are not decided alike
    for all groups (see `decided`), and `examples` are some of these, as told of each group.
    """

    n: int
    scores: Mapping[str, Scores]
    gaps: Mapping[str, Gap]
    flips: float
    examples: Sequence[Mapping[str, str]] = field(default=())


@dataclass(frozen=True, slots=True)
class Fairness:
    """What was measured of each axis, by name; `skipped` says why there is nothing of the others."""

    n: int
    axes: Mapping[str, Axis]
    skipped: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return the axes as plain JSON types."""
        axes = {
            name: {
                "n": axis.n,
                "groups": {g: {m: round(v, 4) for m, v in own.items()} for g, own in axis.scores.items()},
                "gaps": {
                    metric: {"lowest": gap.lowest, "highest": gap.highest, **gap.change.to_dict()}
                    for metric, gap in axis.gaps.items()
                },
                "flips": round(axis.flips, 4),
                "examples": [dict(example) for example in axis.examples],
            }
            for name, axis in self.axes.items()
        }
        return {"n": self.n, "axes": axes, "skipped": dict(self.skipped)}


def tested(task: Task, data: str | Path) -> tuple[Task, list[Document]]:
    """Return a task with its test documents; of a joint one the heads of its first data set, with those.

    Args:
        task: one that reads.
        data: the file, or the folder that holds the files of the task's recipe.

    Raises:
        DataError: the data is at fault.
        InputError: the task writes texts.

    """
    if task.recipe.writes:
        raise InputError(f"{task.recipe.name} writes texts; robustness and fairness are of tasks that read")
    spec = task.recipe.sets[0]
    place = Path(data) / spec.folder if Path(data).is_dir() else Path(data)
    golds = [e.document for e in read(located(place, spec.test or spec.train, spec.format), spec.format)]
    return replace(task, heads=[head for head in task.heads if head.kind in spec.heads]), golds


def robustness(task: Task, golds: Sequence[Document], *, progress: Progress | None = None) -> Robustness:
    """Measure how much each metric falls under errors of typing, other case, lost punctuation and unseen names.

    Args:
        task: a trained task.
        golds: documents with known answers.
        progress: called with the name of each perturbation before it is measured.

    """
    side = _Side(task, golds)
    unseen = Unseen([text for gold in golds for text in (gold.text, gold.query)])
    changes: dict[str, Callable[[Document], Document]] = {
        name: lambda d, noise=noise: noisy(d, noise, _SEED)  # type: ignore[misc]
        for name, noise in NOISES.items()
    }
    changes[UNSEEN] = lambda d: edited(d, unseen.edits(d, _SEED))
    effects, skipped = dict[str, Effect](), dict[str, str]()
    for name, change in changes.items():
        perturbed = [change(gold) for gold in golds]
        rows = [
            n for n, (a, b) in enumerate(zip(golds, perturbed, strict=True)) if (a.text, a.query) != (b.text, b.query)
        ]
        if not rows:
            skipped[name] = (
                "the gold data names no person, place or organisation"
                if name == UNSEEN
                else "it changes none of these texts"
            )
            continue
        if progress:
            progress(name)
        after = _Side(task, [perturbed[n] for n in rows])
        effects[name] = Effect(len(rows), _compared(side.rows(rows), after))
    return Robustness(len(golds), effects, skipped)


def fairness(task: Task, golds: Sequence[Document], groups: Groups, *, progress: Progress | None = None) -> Fairness:
    """Measure how each metric differs between groups of people, the texts being told of one after the other.

    Args:
        task: a trained task.
        golds: documents with known answers.
        groups: the axes to look along.
        progress: called with the name of each axis before it is measured.

    """
    axes, skipped = dict[str, Axis](), dict[str, str]()
    for name, own in groups.axes.items():
        versions = [told(gold, own, groups.forms, _SEED) for gold in golds]
        pairs = [(gold, version) for gold, version in zip(golds, versions, strict=True) if version]
        if not pairs:
            skipped[name] = "no text can be told of all its groups"
            continue
        if progress:
            progress(name)
        axes[name] = _along(task, [gold for gold, _ in pairs], [version for _, version in pairs])
    return Fairness(len(golds), axes, skipped)


def _along(task: Task, golds: Sequence[Document], versions: Sequence[Mapping[str, Told]]) -> Axis:
    """Measure one axis on the documents that can be told of all its groups."""
    sides: dict[str, _Side] = {}
    decisions: dict[str, list[frozenset[Any]]] = {}
    for group in versions[0]:
        sides[group] = side = _Side(task, [_as_told(gold, v[group]) for gold, v in zip(golds, versions, strict=True)])
        back = [
            edited(found, undone(gold.text, v[group].text), undone(gold.query, v[group].query))
            for found, gold, v in zip(side.found, golds, versions, strict=True)
        ]
        decisions[group] = [decided(document) for document in back]
    flipped = [n for n in range(len(golds)) if len({own[n] for own in decisions.values()}) > 1]
    scores = {group: scores_of(side.tallies()) for group, side in sides.items()}
    examples = tuple({group: side.golds[n].text for group, side in sides.items()} for n in flipped[:_EXAMPLES])
    return Axis(len(golds), scores, dict(_gaps(sides, scores)), len(flipped) / len(golds), examples)


def _as_told(gold: Document, version: Told) -> Document:
    return edited(gold, version.text, version.query)


def _gaps(sides: Mapping[str, _Side], scores: Mapping[str, Scores]) -> Iterator[tuple[str, Gap]]:
    compared: dict[tuple[str, str], dict[str, Change]] = {}
    for metric in next(iter(scores.values())):
        # Of equal groups the first and the last, so that two are named.
        ordered = sorted(scores, key=lambda group: scores[group][metric])
        lowest, highest = ordered[0], ordered[-1]
        if (lowest, highest) not in compared:
            compared[lowest, highest] = _compared(sides[lowest], sides[highest])
        yield metric, Gap(lowest, highest, compared[lowest, highest][metric])


def decided(document: Document) -> frozenset[Any]:
    """Return what was decided of a document, without scores: labels, and places with their labels."""
    labels = {(task, other.label) for task, label in document.labels.items() for other in (label, *label.others)}
    spans = {(e.start, e.end, e.label) for e in (*document.entities, *document.slots)}
    relations = {(r.subject.start, r.subject.end, r.label, r.object.start, r.object.end) for r in document.relations}
    answers = {("answer", a.start, a.end) for a in document.answers[:1]}
    return frozenset().union(labels, spans, relations, answers)


class _Side:
    """A task's findings on some documents with known answers."""

    def __init__(self, task: Task, golds: Sequence[Document], found: Sequence[Document] | None = None) -> None:
        self.task, self.golds = task, golds
        if found is None:
            with task.adapted.using(task.name) as model:
                found = engine.read(model, task.heads, texts_of(golds, task.heads), task.reading)
        self.found = found

    def rows(self, chosen: Sequence[int]) -> _Side:
        """Return some of the documents."""
        return _Side(self.task, [self.golds[n] for n in chosen], [self.found[n] for n in chosen])

    def tallies(self) -> list[Tally]:
        """Return the metrics of all heads as sums over documents, their kind before them where there are several."""
        heads: Sequence[Head] = self.task.heads
        return [
            tally.named(f"{head.kind}_" if len(heads) > 1 else "")
            for head in heads
            for tally in head.tallies(self.found, self.golds)
        ]


def _compared(before: _Side, after: _Side) -> dict[str, Change]:
    """Return the change of each metric between two sides that hold the same documents in the same order."""
    found = differences(after.tallies(), before.tallies())
    return {metric: Change(d.second, d.first, *d.interval) for metric, d in found.items()}
