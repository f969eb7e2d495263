"""What judgements add up to: errors by kind, scores in part, confusions, calibration, and a threshold chosen on dev."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nlpkit.judging import BOTH, BOUNDARY, INVENTED, KINDS, MISSED, RIGHT, SPANS, TYPE, Judgement
from nlpkit.metrics import Counts, expected_calibration_error, reliability

NONE = "(none)"
"""What a confusion calls the other side of what was missed or invented."""

SCHEMES: dict[str, Mapping[str, float]] = {
    "strict": {RIGHT: 1.0},
    "exact": {RIGHT: 1.0, TYPE: 1.0},
    "partial": {RIGHT: 1.0, TYPE: 1.0, BOUNDARY: 0.5, BOTH: 0.5},
    "type": {RIGHT: 1.0, BOUNDARY: 1.0},
}
"""What each kind of judgement on a span is worth (SemEval-2013 task 9, Segura-Bedmar et al. 2013, after MUC-5,
Chinchor and Sundheim 1993): the same characters and type; the same characters; some of the characters, half where not
all; the type, with some of the characters."""


def by_what(judgements: Iterable[Judgement]) -> dict[str, list[Judgement]]:
    """Sort judgements by what was to be found."""
    groups: dict[str, list[Judgement]] = {}
    for judgement in judgements:
        groups.setdefault(judgement.what, []).append(judgement)
    return groups


def analysed(judgements: Iterable[Judgement]) -> dict[str, dict[str, Any]]:
    """Return "errors", "matching", "confusion" and "calibration", each by what was to be found, as plain JSON types."""
    groups = by_what(judgements)
    scored = {what: scores_and_right(own) for what, own in groups.items()}
    return {
        "errors": {what: errors(own) for what, own in groups.items()},
        "matching": {what: matching(own) for what, own in groups.items() if what in SPANS},
        "confusion": {what: found for what, own in groups.items() if (found := confusion(own))},
        "calibration": {what: calibration(pairs) for what, pairs in scored.items() if pairs},
    }


def errors(judgements: Sequence[Judgement]) -> dict[str, int]:
    """Count the right and the errors of each kind that occurs."""
    counts = Counter(j.kind for j in judgements)
    return {kind: counts[kind] for kind in (RIGHT, *KINDS) if counts[kind]}


def matching(judgements: Sequence[Judgement]) -> dict[str, dict[str, Any]]:
    """Return precision, recall and F1 of spans under each of `SCHEMES`: "micro", "macro" and "per_label".

    For one label only what has it on both sides counts, so that "exact" is the same as "strict" there.
    """
    labels = sorted({label for j in judgements for label in j.labels})
    return {
        scheme: _averages(_counts(judgements, worth), {label: _counts(judgements, worth, label) for label in labels})
        for scheme, worth in SCHEMES.items()
    }


def _counts(judgements: Sequence[Judgement], worth: Mapping[str, float], label: str | None = None) -> Counts:
    """Count what was found, of one label alone if it is given; hits are worth what a scheme says."""
    found = [label is None or label == j.predicted.label for j in judgements if j.predicted]
    true = [label is None or label == j.gold.label for j in judgements if j.gold]
    hits = [worth.get(j.kind, 0.0) for j in judgements if label is None or set(j.labels) == {label}]
    return Counts(sum(hits), sum(found), sum(true))


def _averages(micro: Counts, per_label: Mapping[str, Counts]) -> dict[str, Any]:
    own = {label: counts.to_dict() for label, counts in per_label.items()}
    macro = {name: sum(one[name] for one in own.values()) / len(own) for name in micro.to_dict()}
    return {
        "micro": _rounded(micro.to_dict()),
        "macro": _rounded(macro),
        "per_label": {k: _rounded(v) for k, v in own.items()},
    }


def confusion(judgements: Sequence[Judgement]) -> dict[str, dict[str, int]]:
    """Count predicted labels by gold label, "(none)" where one side has nothing in the same place.

    Rows add up to what is gold, columns to what was found. Nothing where findings have no labels.
    """
    cells: Counter[tuple[str, str]] = Counter()
    for j in judgements:
        sides = (j.gold.label if j.gold else NONE, j.predicted.label if j.predicted else NONE)
        if j.kind in (RIGHT, TYPE, MISSED, INVENTED):
            cells[sides] += 1
        else:
            cells.update([(sides[0], NONE), (NONE, sides[1])])
    table: dict[str, dict[str, int]] = {}
    for (gold, predicted), n in sorted(cells.items()):
        table.setdefault(gold, {})[predicted] = n
    return table if any(label not in ("", NONE) for label in table) else {}


def confused(table: Mapping[str, Mapping[str, int]], most: int) -> list[tuple[str, str, int]]:
    """Return the gold and predicted labels that are taken for each other most often, with how often."""
    pairs = [(gold, found, n) for gold, row in table.items() for found, n in row.items()]
    wrong = [(gold, found, n) for gold, found, n in pairs if gold != found and NONE not in (gold, found)]
    return sorted(wrong, key=lambda one: (-one[2], *one[:2]))[:most]


def scores_and_right(judgements: Iterable[Judgement]) -> list[tuple[float, bool]]:
    """Return the score of each finding that has one, and whether it is right."""
    scored = [(j.predicted.score, j.kind == RIGHT) for j in judgements if j.predicted]
    return [(score, right) for score, right in scored if score is not None]


def calibration(scored: Sequence[tuple[float, bool]]) -> dict[str, Any]:
    """Return the expected calibration error over ten bins of equal width, and the bins (Guo et al. 2017)."""
    bins = [_rounded(asdict(one)) for one in reliability(scored)]
    return {"ece": round(expected_calibration_error(scored), 4), "n": len(scored), "bins": bins}


@dataclass(frozen=True, slots=True)
class Threshold:
    """The least score to report, chosen on dev; None where no threshold there reaches the precision asked for.

    `dev` and `test` are precision, recall and F1 at it and `coverage`, the share of what was found that is kept;
    `trained` those on test with what the adapter was trained to report.
    """

    least: float | None
    dev: dict[str, float]
    test: dict[str, float]
    trained: dict[str, float]


def thresholds(
    dev: Iterable[Judgement], test: Iterable[Judgement], trained: Iterable[Judgement], precision: float | None
) -> dict[str, Threshold]:
    """Choose the least score of each kind of finding on dev, and say what it is worth on test.

    Args:
        dev: of all that was found, however unlikely.
        test: the same for the test documents.
        trained: of what the adapter reports on the test documents by itself.
        precision: take the threshold with the highest recall that has this precision on dev; None: the best F1.

    """
    sides = [by_what(judgements) for judgements in (dev, test, trained)]
    chosen = {}
    for what, own in sides[0].items():
        scored = scores_and_right(own)
        if not scored:
            continue
        least = best_threshold(scored, sum(j.gold is not None for j in own), precision)
        at = [_at(side.get(what, []), cut) for side, cut in zip(sides, (least, least, 0.0), strict=True)]
        chosen[what] = Threshold(least, *at)
    return chosen


def best_threshold(scored: Sequence[tuple[float, bool]], n_gold: int, precision: float | None = None) -> float | None:
    """Return the least score to report for the best F1, or for the highest recall at a precision.

    Args:
        scored: scores, and whether what has them is right.
        n_gold: how many there are to find.
        precision: the least precision; None where no threshold reaches it.

    """
    best: tuple[float, float] | None = None
    ordered, hits = sorted(scored, key=lambda one: -one[0]), 0
    for n, (score, right) in enumerate(ordered, 1):
        hits += right
        if n < len(ordered) and ordered[n][0] == score:
            continue  # equal scores fall on one side
        merit = Counts(hits, n, n_gold).f1 if precision is None else float(hits)
        if (precision is None or hits / n >= precision) and hits and (best is None or merit > best[0]):
            best = (merit, score)
    return None if best is None else best[1]


def _at(judgements: Sequence[Judgement], least: float | None) -> dict[str, float]:
    scored = scores_and_right(judgements)
    kept = [right for score, right in scored if least is not None and score >= least]
    counts = Counts(sum(kept), len(kept), sum(j.gold is not None for j in judgements))
    return _rounded(counts.to_dict() | {"coverage": len(kept) / len(scored) if scored else 0.0})


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in values.items()}
