"""Scores as sums over documents, so that other draws of the same documents can be scored: how sure a score is.

The percentile bootstrap (Efron and Tibshirani 1993) for one system, the paired bootstrap (Koehn 2004; Berg-Kirkpatrick
et al. 2012) for the difference of two. What is drawn are documents, with replacement, as many as there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nlpkit.metrics import Counts

RESAMPLES = 1000
"""How many times the documents are drawn anew."""
LEVEL = 0.95
"""The share of the draws that lie within an interval."""
_SEED = 13
_AT_ONCE = 1_000_000
"""Weights of documents, of all the draws that are scored together."""
_FEW = 16
"""Columns up to which a tally is summed as a dense table."""

Floats = NDArray[np.float64]
Measure = Callable[[Floats], float]
"""Makes a score of the sums of a tally's columns. *Shape:* (n_columns,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Numbers for each document, and the scores that come of their sums.

    Most are 0, so only the others are kept: `values[n]` stands in the row of document `documents[n]` and in column
    `columns[n]`. *Shapes:* (n_values,) each.
    """

    n_documents: int
    n_columns: int
    documents: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: Floats
    measures: Mapping[str, Measure]

    def sums(self, weights: Floats) -> Floats:
        """Return the sum of each column, for each way to weigh the documents.

        *Shapes:* weights (n_draws, n_documents); returned (n_draws, n_columns).
        """
        if self.n_columns <= _FEW:
            table = np.zeros((self.n_documents, self.n_columns))
            table[self.documents, self.columns] = self.values
            return weights @ table
        rows = [np.bincount(self.columns, self.values * row[self.documents], self.n_columns) for row in weights]
        # Without a value numpy would count, in whole numbers.
        return np.array(rows, dtype=np.float64)

    def scores(self, weights: Floats | None = None) -> dict[str, list[float]]:
        """Return the scores by name for each way to weigh the documents, by default each counting once.

        *Shape:* weights (n_draws, n_documents).
        """
        sums = self.sums(np.ones((1, self.n_documents)) if weights is None else weights)
        return {name: [measure(row) for row in sums] for name, measure in self.measures.items()}

    def named(self, prefix: str) -> Tally:
        """Return the tally with `prefix` before the name of each score."""
        return replace(self, measures={f"{prefix}{name}": measure for name, measure in self.measures.items()})


def counted(
    counts: Sequence[Counts], *, prefix: str = "", scores: Sequence[str] = ("precision", "recall", "f1")
) -> Tally:
    """Return the tally of micro-averaged counts, one for each document."""
    measures: dict[str, Measure] = {f"{prefix}{name}": _micro(name) for name in scores}
    return _tally([{0: c.hits, 1: c.predicted, 2: c.gold} for c in counts], 3, measures)


def counted_by_label(
    counts: Sequence[Mapping[str, Counts]], labels: Sequence[str] | None = None, *, micro: str = ""
) -> Tally:
    """Return the tally of the mean F1 over labels, `macro_f1`.

    Args:
        counts: of each document, by label.
        labels: the labels to average over; None: those that are found or gold.
        micro: what to call F1 over all labels together; "" leaves it out.

    """
    number = {label: n for n, label in enumerate(labels or sorted(set[str]().union(*counts)))}
    rows = [
        {
            3 * number[label] + n: value
            for label, c in own.items()
            for n, value in enumerate((c.hits, c.predicted, c.gold))
        }
        for own in counts
    ]
    tally = _tally(rows, 3 * len(number), {})
    measures = {"macro_f1": _macro(tally.sums(np.ones((1, len(rows))))[0])}
    if micro:
        measures[micro] = lambda sums: _micro("f1")(sums.reshape(-1, 3).sum(0))
    return replace(tally, measures=measures)


def means(values: Mapping[str, Sequence[float]], counts: Sequence[bool] | None = None) -> Tally:
    """Return the tally of means over documents, by name; over those documents that count, if that is said."""
    n = len(next(iter(values.values())))
    rows = [
        {0: 1.0} | {column: value[row] for column, value in enumerate(values.values(), 1)}
        if counts is None or counts[row]
        else {}
        for row in range(n)
    ]
    return _tally(rows, len(values) + 1, {name: _mean(column) for column, name in enumerate(values, 1)})


def scores_of(tallies: Sequence[Tally]) -> dict[str, float]:
    """Return the scores of several tallies by name."""
    return {name: values[0] for tally in tallies for name, values in tally.scores().items()}


def intervals(tallies: Sequence[Tally]) -> dict[str, tuple[float, float]]:
    """Return the interval of each score: the `LEVEL` of the draws in the middle. None where there is no document."""
    return {name: _middle(values) for name, values in _draws(tallies).items()}


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much one system's score is above another's on the same documents.

    `p` is the share of the draws (centred on no difference) with a difference at least as great, either way.
    """

    first: float
    second: float
    difference: float
    interval: tuple[float, float]
    p: float


def differences(first: Sequence[Tally], second: Sequence[Tally]) -> dict[str, Difference]:
    """Compare two systems on the same documents, for each score that both have.

    Both are scored on the same draws of the documents.
    """
    one, other = scores_of(first), scores_of(second)
    drawn = [_draws(tallies) for tallies in (first, second)]
    found = {}
    for name in (name for name in drawn[0] if name in drawn[1]):
        gap = one[name] - other[name]
        gaps = drawn[0][name] - drawn[1][name]
        # A draw of exactly the same difference counts, however it was rounded.
        as_great = int((np.abs(gaps - gap) >= abs(gap) - 1e-12).sum())
        found[name] = Difference(one[name], other[name], gap, _middle(gaps), (1 + as_great) / (1 + RESAMPLES))
    return found


def _draws(tallies: Sequence[Tally]) -> dict[str, Floats]:
    """Return the scores on each draw, by name; the same draws for all tallies of as many documents."""
    drawn: dict[str, list[float]] = {name: [] for t in tallies if t.n_documents for name in t.measures}
    for n in sorted({t.n_documents for t in tallies} - {0}):
        own = [t for t in tallies if t.n_documents == n]
        for weights in _weights(n):
            for tally in own:
                for name, values in tally.scores(weights).items():
                    drawn[name] += values
    return {name: np.array(all_values) for name, all_values in drawn.items()}


def _weights(n: int) -> Iterator[Floats]:
    """Yield how often each of n documents is drawn, for some draws at once. *Shape:* (n_draws, n)."""
    rng = np.random.default_rng(_SEED)
    step = max(1, _AT_ONCE // n)
    for first in range(0, RESAMPLES, step):
        draws = range(first, min(first + step, RESAMPLES))
        yield np.array([np.bincount(rng.integers(n, size=n), minlength=n) for _ in draws], dtype=np.float64)


def _middle(values: Floats) -> tuple[float, float]:
    low, high = np.quantile(values, ((1 - LEVEL) / 2, (1 + LEVEL) / 2)).tolist()
    return round(low, 4), round(high, 4)


def _tally(rows: Sequence[Mapping[int, float]], n_columns: int, measures: Mapping[str, Measure]) -> Tally:
    kept = [(n, column, value) for n, row in enumerate(rows) for column, value in row.items() if value]
    documents, columns, values = (np.array(part) for part in zip(*kept, strict=True)) if kept else ([], [], [])
    return Tally(
        len(rows),
        n_columns,
        np.asarray(documents, dtype=np.int64),
        np.asarray(columns, dtype=np.int64),
        np.asarray(values, dtype=np.float64),
        measures,
    )


def _micro(name: str) -> Measure:
    def measure(sums: Floats) -> float:
        return float(getattr(Counts(*sums.tolist()), name))

    return measure


def _macro(whole: Floats) -> Measure:
    """Return the mean F1 over labels; a label that is not drawn keeps its F1 on all documents.

    Left out, the rare labels that are found by mistake would make every draw better than the whole.
    """
    of_all = _f1(whole)

    def measure(sums: Floats) -> float:
        f1 = np.where(sums[1::3] + sums[2::3] > 0, _f1(sums), of_all)
        return float(f1.mean()) if len(f1) else 0.0

    return measure


def _f1(sums: Floats) -> Floats:
    f1: Floats = 2 * sums[0::3] / np.maximum(sums[1::3] + sums[2::3], 1)
    return f1


def _mean(column: int) -> Measure:
    return lambda sums: float(sums[column] / sums[0]) if sums[0] else 0.0
