"""What a trained adapter is worth, on data with known answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nlpkit import checkpoint
from nlpkit.analysis import Threshold, analysed, thresholds
from nlpkit.backbone import Backbone
from nlpkit.checkpoint import Task
from nlpkit.data import located, read
from nlpkit.errors import DataError, InputError
from nlpkit.generate import Generator
from nlpkit.heads.base import Head, Thresholded
from nlpkit.judging import Judgement
from nlpkit.recipes import DataSpec, Recipe
from nlpkit.resampling import Tally, intervals
from nlpkit.scoring import GIVEN, read_to_score, scores_of
from nlpkit.types import Document
from nlpkit.written import write


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A document with its gold results, what was found in it, and what that is worth."""

    gold: Document
    predicted: Document
    judgements: tuple[Judgement, ...]

    @property
    def right(self) -> bool:
        """Whether all was found, and nothing else."""
        return all(judgement.kind == "right" for judgement in self.judgements)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores of a trained task on a data file.

    `intervals` are 95 % intervals of scores (`nlpkit.resampling`). By what was to be found ("entities", "relations",
    "label", "answers"...): `errors` counts kinds of error (`nlpkit.judging`), `matching` holds precision, recall and
    F1 of spans, strict and in part (`nlpkit.analysis.SCHEMES`), `confusion` counts predicted labels by gold label,
    `calibration` says how near scores are to the share that is right, `thresholds` what a threshold chosen on other
    data is worth. `documents` and `tallies` are what all this was made of, for reports and comparisons.
    """

    task: str
    data: str
    n: int
    scores: dict[str, float]
    per_label: dict[str, dict[str, float]]
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    errors: dict[str, dict[str, int]] = field(default_factory=dict)
    matching: dict[str, dict[str, Any]] = field(default_factory=dict)
    confusion: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    calibration: dict[str, dict[str, Any]] = field(default_factory=dict)
    thresholds: dict[str, Threshold] = field(default_factory=dict)
    documents: tuple[Judged, ...] = field(default=(), repr=False, compare=False)
    tallies: tuple[Tally, ...] = field(default=(), repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the evaluation as plain JSON types, without its documents; what was not measured is left out."""
        plain = {name: getattr(self, name) for name in ("task", "data", "n", "scores", "per_label")}
        more = {name: getattr(self, name) for name in ("errors", "matching", "confusion", "calibration")}
        more["intervals"] = {name: list(ends) for name, ends in self.intervals.items()}
        more["thresholds"] = {what: asdict(chosen) for what, chosen in self.thresholds.items()}
        return plain | {name: value for name, value in more.items() if value}


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """What one data set of a recipe showed."""

    file: str
    scores: dict[str, float]
    per_label: dict[str, dict[str, float]]
    documents: list[Judged]
    tallies: list[Tally]


def evaluate(
    adapter: str | Path,
    *,
    data: str | Path,
    format: str | None = None,
    backbone: Backbone | None = None,
    settings: Mapping[str, Any] | None = None,
    threshold_from: str | Path | None = None,
    precision: float | None = None,
    read_as: str | Path | None = None,
) -> Evaluation:
    """Score a trained adapter on a data file, from raw text.

    An adapter that writes is scored by how well it foretells the responses, and by what it writes itself (see
    `nlpkit.written`).

    Args:
        adapter: an adapter folder, or the name of a shipped one.
        data: the file to read (of a joint recipe: of its first data set), or the folder that holds the test files of
            the adapter's recipe.
        format: the file's format; by default that of the adapter's recipe.
        backbone: a loaded backbone to use; by default the one that the adapter names is loaded.
        settings: of `nlpkit.decoding.Decoding`, for an adapter that writes.
        threshold_from: other data, read as `data` is, on which to choose the least score to report.
        precision: choose it for the highest recall at this precision, in place of the best F1.
        read_as: another adapter, whose recipe says which files to read and how; by default this one's.

    Raises:
        AdapterError, DataError: the adapter or the data is at fault.
        InputError: what is asked for goes with another kind of adapter, or the threshold would be chosen on the test
            data itself.

    """
    task = checkpoint.load(checkpoint.locate(adapter), backbone)
    _check(task, data, settings, threshold_from, precision)
    if task.recipe.writes:
        return _written(task, data, format, settings or {})
    recipe = task.recipe if read_as is None else checkpoint.recipe(checkpoint.locate(read_as))
    parts = list(_parts(task, recipe, data, format))
    documents = [d for part in parts for d in part.documents]
    chosen: dict[str, Threshold] = {}
    if threshold_from is not None:
        open_heads = [head for head in task.heads if isinstance(head, Thresholded)]
        for head in open_heads:
            head.report_from(0.0)
        dev = [d for part in _parts(task, recipe, threshold_from, format) for d in part.documents]
        all_found = (
            [d for part in _parts(task, recipe, data, format) for d in part.documents] if open_heads else documents
        )
        chosen = thresholds(_judgements(dev), _judgements(all_found), _judgements(documents), precision)
    return _evaluation(task.recipe.name, parts, documents, chosen)


def _evaluation(
    name: str, parts: Sequence[_Part], documents: Sequence[Judged], chosen: dict[str, Threshold]
) -> Evaluation:
    tallies = [t for part in parts for t in part.tallies]
    return Evaluation(
        name,
        ", ".join(part.file for part in parts),
        len(documents),
        {k: v for part in parts for k, v in part.scores.items()},
        {k: v for part in parts for k, v in part.per_label.items()},
        intervals(tallies),
        **analysed(_judgements(documents)),
        thresholds=chosen,
        documents=tuple(documents),
        tallies=tuple(tallies),
    )


def _check(
    task: Task,
    data: str | Path,
    settings: Mapping[str, Any] | None,
    threshold_from: str | Path | None,
    precision: float | None,
) -> None:
    """Check that what is asked for goes with the adapter."""
    if settings and not task.recipe.writes:
        raise InputError(
            f"{task.recipe.name} reads texts; settings such as {next(iter(settings))!r} are for adapters that write"
        )
    if threshold_from is not None and task.recipe.writes:
        raise InputError(f"{task.recipe.name} writes texts; a threshold is for adapters that read")
    if threshold_from is not None and Path(threshold_from).resolve() == Path(data).resolve():
        raise InputError(f"a threshold chosen on the test data {data} says too much of itself; give other data for it")
    if precision is not None and (threshold_from is None or not 0 < precision <= 1):
        raise InputError(
            f"precision={precision} is what a threshold is chosen for: give a number above 0, up to 1, and the data "
            "to choose it on (threshold_from)"
        )


def _written(task: Task, data: str | Path, format: str | None, settings: Mapping[str, Any]) -> Evaluation:
    spec = task.recipe.data
    path = located(data, spec.test or spec.train, format or spec.format)
    documents = [e.document for e in read(path, format or spec.format)]
    written = write(Generator(task.adapted), documents, **{"adapter": task.name, "chat": task.recipe.chat, **settings})
    return Evaluation(task.recipe.name, path.name, len(documents), written.scores, {})


def _parts(task: Task, recipe: Recipe, data: str | Path, format: str | None) -> Iterator[_Part]:
    """Read each data set of a recipe, and judge what the task's heads for it find."""
    whole_folder = Path(data).is_dir()
    for spec in recipe.sets if whole_folder else recipe.sets[:1]:
        place = Path(data) / spec.folder if whole_folder else Path(data)
        path = located(place, spec.test or spec.train, format or spec.format)
        golds = [e.document for e in read(path, format or spec.format)]
        if not golds:
            raise DataError(f"{path} holds no documents; evaluation needs one or more with known answers")
        yield _part(task, spec, path.name, golds)


def _part(task: Task, spec: DataSpec, file: str, golds: Sequence[Document]) -> _Part:
    heads = [head for head in task.heads if head.kind in spec.heads]
    if not heads:
        own = ", ".join(head.kind for head in task.heads)
        raise InputError(f"{task.recipe.name} has the heads {own}; {file} is for {', '.join(spec.heads)}")
    with task.adapted.using(task.name) as model:
        reads = read_to_score(model, heads, golds, task.reading, by_kind=len(task.heads) > 1)
    found = reads[0].found  # the first head needs no other: this is what all found together
    raw = [one for one in reads if not one.prefix.endswith(GIVEN)]
    return _Part(
        file,
        scores_of(reads, golds),
        {label: scores for one in raw for label, scores in one.head.per_label(one.found, golds).items()},
        [Judged(g, p, _judged(heads, p, g)) for p, g in zip(found, golds, strict=True)],
        [tally.named(one.prefix) for one in reads for tally in one.head.tallies(one.found, golds)],
    )


def _judged(heads: Sequence[Head], predicted: Document, gold: Document) -> tuple[Judgement, ...]:
    return tuple(judgement for head in heads for judgement in head.judge(predicted, gold))


def _judgements(documents: Sequence[Judged]) -> list[Judgement]:
    return [judgement for document in documents for judgement in document.judgements]
