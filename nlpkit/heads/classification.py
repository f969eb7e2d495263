"""One label or several for a whole text, or for a pair of texts (the first is the document's `query`).

A linear map on one vector a window. A text of several windows is decided on once, from the mean of their
log-probabilities. Scores are probabilities: of temperature scaling (Guo et al. 2017) where a text has one label, of
Platt (1999) for each label where it may have several.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nlpkit.backbone import Hidden
from nlpkit.errors import RecipeError
from nlpkit.heads.base import Decision, above_others, check_options, feed_forward, platt
from nlpkit.heads.labelling import (
    Pool,
    Scores,
    averaged,
    best_threshold,
    check_labels,
    sharpness,
    softmax,
    solve,
    with_scores,
    without,
)
from nlpkit.judging import Judgement, judge_labels
from nlpkit.metrics import Counts, label_counts, label_names, recall_at_precision
from nlpkit.resampling import Tally, counted_by_label, means, scores_of
from nlpkit.text import Window
from nlpkit.types import Document, Label

OUTSIDE = "outside"
"""Where `Document.metadata` holds the probability that a text is none of what was asked for."""

_THRESHOLDS = ("one", "each")
_LEAST_POSITIVES = 5
_PRECISION = 0.9


class ClassificationHead(nn.Module):
    """Gives a text its label, or each label that is likely enough.

    Args:
        hidden_width: width of the backbone's states.
        labels: the labels, in the order of the classes.
        multi: whether a text may have several labels, or none.
        pool: how a window becomes one vector (see `labelling.Pool`).
        unit: whether that vector is scaled to length 1, as a sentence embedding.
        width: width of a hidden layer before the classes; 0: none.
        dropout: share of the inputs dropped in training.
        smoothing: share of each target spread over all labels in training.
        weights: what an example of each label weighs in training (`multi`: a positive one); empty: all the same.
        outside: the label of texts that are none of what was asked for, if the data has it.
        threshold: `multi`: "one" for all labels, or "each" its own (where dev has enough examples of it).
        calibration: slope and offset that make probabilities of the scores; None: no example was left to fit them on,
            and labels come without a score.
        thresholds: `multi`: the least probability that is reported, by label; empty: 0.5.
        reads_query: whether the texts are pairs, the first of each in the document's query.

    """

    kind: ClassVar[str] = "classification"
    needs: ClassVar[tuple[str, ...]] = ()
    reads_attention: ClassVar[bool] = False

    def __init__(
        self,
        hidden_width: int,
        labels: Sequence[str],
        *,
        multi: bool = False,
        pool: str = "auto",
        unit: bool = False,
        width: int = 0,
        dropout: float = 0.1,
        smoothing: float = 0.0,
        weights: Sequence[float] = (),
        outside: str = "oos",
        threshold: str = "one",
        calibration: Sequence[float] | None = (1.0, 0.0),
        thresholds: Sequence[float] = (),
        reads_query: bool = False,
    ) -> None:
        super().__init__()
        self.reads_query = reads_query
        if threshold not in _THRESHOLDS:
            raise RecipeError(f"unknown threshold {threshold!r}; allowed: {', '.join(_THRESHOLDS)}")
        if not 0.0 <= smoothing < 1.0:
            raise RecipeError(f"smoothing is {smoothing}; allowed: from 0 up to, not including, 1")
        self.hidden_width, self.labels, self.multi, self.unit = hidden_width, tuple(labels), multi, unit
        self.width, self.dropout, self.smoothing = width, dropout, smoothing
        self.weights, self.outside, self.threshold = tuple(weights), outside, threshold
        self.calibration = None if calibration is None else (float(calibration[0]), float(calibration[1]))
        self.thresholds = tuple(thresholds) or (0.5,) * len(self.labels)
        self._keeps_scores = False
        self.pool = Pool(pool, hidden_width)
        self.classes = (
            feed_forward(hidden_width, width, len(self.labels), dropout)
            if width
            else nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden_width, len(self.labels)))
        )

    @classmethod
    def fit(cls, golds: Sequence[Document], hidden_width: int, options: Mapping[str, Any]) -> ClassificationHead:
        """Make a fresh head for the labels in the gold documents.

        Options: `multi` (by default whether any gold document has several labels), `weights` ("balanced", by how rare
        a label is, or a table by label; 1 for those it leaves out), `pool`, `width`, `dropout`, `smoothing`,
        `outside`, `threshold`; `words` is for training by contrast (see nlpkit.contrastive).

        Raises:
            DataError: there are fewer than two labels.
            RecipeError: an unknown option or value.

        """
        known = ("multi", "pool", "width", "dropout", "smoothing", "weights", "outside", "threshold", "words")
        check_options(cls.kind, options, known)
        found = [label_names(d, cls.kind) for d in golds]
        counts = {label: c.gold for label, c in label_counts((names, names) for names in found).items()}
        check_labels(counts, cls.kind)
        multi = bool(options.get("multi", any(len(names) > 1 for names in found)))
        weights = _weights(options.get("weights", {}), counts, len(golds) if multi else 0)
        return cls(
            hidden_width,
            sorted(counts),
            **{**without(options, "words"), "multi": multi, "weights": weights},
            reads_query=any(d.query for d in golds),
        )

    def config(self) -> dict[str, Any]:
        """Return what `from_config` needs, as plain JSON types."""
        return {
            "hidden_width": self.hidden_width,
            "labels": list(self.labels),
            "multi": self.multi,
            "pool": self.pool.how,
            "unit": self.unit,
            "width": self.width,
            "dropout": self.dropout,
            "smoothing": self.smoothing,
            "weights": list(self.weights),
            "outside": self.outside,
            "threshold": self.threshold,
            "calibration": list(self.calibration) if self.calibration else None,
            "thresholds": list(self.thresholds),
            "reads_query": self.reads_query,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ClassificationHead:
        """Make a head of the same shape."""
        return cls(**config)

    def gold(self, document: Document) -> Document:
        """Return the document with its label of this kind alone."""
        return replace(document, labels={k: v for k, v in document.labels.items() if k == self.kind})

    def targets(self, window: Window, gold: Document) -> NDArray[np.float32] | int:
        """Return the label's number, -1 for a text without one; `multi`: 1 for each of its labels. (n_labels,)."""
        names = label_names(gold, self.kind)
        if self.multi:
            return np.array([label in names for label in self.labels], dtype=np.float32)
        return next((self.labels.index(name) for name in names), -1)

    def vectors(self, hidden: Hidden) -> Tensor:
        """Return what the classes are told by. *Shape:* (n_windows, hidden_width)."""
        vectors: Tensor = self.pool(hidden)
        return nn.functional.normalize(vectors, dim=-1) if self.unit else vectors

    def logits(self, hidden: Hidden) -> Tensor:
        """Return the scores of the labels. *Shape:* (n_windows, n_labels)."""
        logits: Tensor = self.classes(self.vectors(hidden))
        return logits

    def loss(self, hidden: Hidden, windows: Sequence[Window], targets: Sequence[Any]) -> Tensor:
        """Return the cross-entropy, averaged over windows (`multi`: and labels); texts without a label do not count."""
        return self._loss(self.logits(hidden), targets)

    def _loss(self, logits: Tensor, targets: Sequence[Any]) -> Tensor:
        weights = torch.tensor(self.weights) if self.weights else None
        if self.multi:
            aims = torch.from_numpy(np.stack(targets)) * (1 - self.smoothing) + self.smoothing / 2
            return nn.functional.binary_cross_entropy_with_logits(logits, aims, pos_weight=weights)
        aims = torch.tensor(targets)
        if not (aims >= 0).any():
            return logits.sum() * 0.0
        return nn.functional.cross_entropy(
            logits, aims, weight=weights, label_smoothing=self.smoothing, ignore_index=-1
        )

    def solve(self, vectors: Tensor, targets: Sequence[int], penalty: float = 1.0) -> None:
        """Put in place of the classes the logistic regression on these vectors, by L-BFGS.

        It is scikit-learn's with C = 1 / `penalty`: the sum of the losses and half the squared weights times the
        penalty, offsets free. The head has no hidden layer, and a text one label.

        Args:
            vectors: what `vectors` gives of the examples. *Shape:* (n_examples, hidden_width)
            targets: the number of each one's label.
            penalty: what the weights' squares cost.

        """
        classes, n = cast(nn.Linear, self.classes[-1]), len(targets)
        solve(classes, vectors, lambda logits: n * self._loss(logits, targets), penalty)

    def decode(self, hidden: Hidden, windows: Sequence[Window], found: Sequence[Document]) -> list[Document]:
        """Return each window's document with the scores of its labels, in `metadata`; `merge` decides."""
        logits = self.logits(hidden)
        scores = logits if self.multi else logits.log_softmax(-1)
        return [with_scores(document, self.kind, row) for document, row in zip(found, scores, strict=True)]

    def merge(self, parts: Sequence[tuple[Window, Document]], merged: Document) -> Document:
        """Return the document with its labels: one decision from the windows' mean log-probabilities or log-odds.

        Where the labels have one for texts from outside, `metadata["outside"]` holds its probability.
        """
        labels, metadata = without(dict(merged.labels), self.kind), dict(merged.metadata)
        if parts:
            scores = averaged(parts, self.kind)
            probabilities = self._probabilities(scores)
            label = self._label(probabilities)
            labels |= {self.kind: label} if label else {}
            if self._knows_outside and self.calibration:
                metadata[OUTSIDE] = float(probabilities[self.labels.index(self.outside)])
            if self._keeps_scores:
                metadata[self.kind] = scores
        return replace(merged, labels=labels, metadata=metadata)

    @property
    def _knows_outside(self) -> bool:
        return not self.multi and self.outside in self.labels

    def _probabilities(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        slope, offset = self.calibration or (1.0, 0.0)
        return _sigmoid(slope * scores + offset) if self.multi else softmax(slope * scores)

    def _label(self, probabilities: NDArray[np.float64]) -> Label | None:
        """Return the likeliest label, with the others that pass their thresholds; `multi`: None if none does."""
        order = np.argsort(-probabilities, kind="stable")
        if not self.multi:
            return Label(self.labels[order[0]], float(probabilities[order[0]]) if self.calibration else None)
        passed = [
            Label(self.labels[n], float(probabilities[n])) for n in order if probabilities[n] >= self.thresholds[n]
        ]
        return replace(passed[0], others=tuple(passed[1:])) if passed else None

    def decisions(self, document: Document, label: str | None = None) -> list[Decision]:
        """Return the text's labels, or the label asked for, whether it was chosen or not."""
        chosen = document.labels.get(self.kind)
        found = [Decision(one.label, (), one.score) for one in (chosen, *chosen.others)] if chosen else []
        if label is None:
            return found
        return [d for d in found if d.label == label] or [Decision(label)] * (label in self.labels)

    def margin(self, hidden: Hidden, window: Window, document: Document, decision: Decision) -> Tensor:
        """Return the log-odds of the label against all others; `multi`: against its absence. *Shape:* (n_rows,)."""
        logits, chosen = self.logits(hidden), self.labels.index(decision.label)
        return logits[:, chosen] if self.multi else above_others(logits, chosen)

    def score(self, predicted: Sequence[Document], golds: Sequence[Document]) -> dict[str, float]:
        """Return accuracy (`multi`: of whole sets of labels) and macro F1 over the labels found or gold.

        `multi` adds `micro_f1`. Where gold has the label for texts from outside, accuracy is that of the other texts,
        and `oos_recall_at_p90` is the recall of the outside ones at the score with a precision of at least 0.9
        that gives the highest; macro F1 is still over all. Texts without a gold label do not count, unless `multi`.
        """
        scores = scores_of(self.tallies(predicted, golds))
        scored = [
            (self._outside_score(p), self._is_outside(g))
            for p, g in zip(predicted, golds, strict=True)
            if self.kind in g.labels
        ]
        if not self.multi and any(outside for _, outside in scored):
            scores["oos_recall_at_p90"] = recall_at_precision(scored, _PRECISION)
        return scores

    def tallies(self, predicted: Sequence[Document], golds: Sequence[Document]) -> list[Tally]:
        """Return accuracy and F1 as sums over documents; the recall of texts from outside is no such sum."""
        pairs = [(label_names(p, self.kind), label_names(g, self.kind)) for p, g in zip(predicted, golds, strict=True)]
        known = [self.multi or self.kind in g.labels for g in golds]
        inside = [k and (self.multi or not self._is_outside(g)) for k, g in zip(known, golds, strict=True)]
        by_label = [label_counts([pair]) if k else {} for pair, k in zip(pairs, known, strict=True)]
        return [
            means({"accuracy": [found == true for found, true in pairs]}, inside),
            counted_by_label(by_label, micro="micro_f1" if self.multi else ""),
        ]

    def judge(self, predicted: Document, gold: Document) -> list[Judgement]:
        """Return whether the label is right (`multi`: which labels are)."""
        found, true = predicted.labels.get(self.kind), gold.labels.get(self.kind)
        return judge_labels("label", found, true, multi=self.multi)

    def report_from(self, least: float) -> None:
        """Report labels of this probability or more, in place of the thresholds chosen in training (`multi`)."""
        self.thresholds = (least,) * len(self.labels)

    def _is_outside(self, gold: Document) -> bool:
        return label_names(gold, self.kind) == {self.outside}

    def _outside_score(self, document: Document) -> float:
        return float(document.metadata.get(OUTSIDE, self.outside in label_names(document, self.kind)))

    def per_label(self, predicted: Sequence[Document], golds: Sequence[Document]) -> dict[str, dict[str, float]]:
        """Return precision, recall and F1 of each label."""
        pairs = zip(predicted, golds, strict=True)
        counts = label_counts((label_names(p, self.kind), label_names(g, self.kind)) for p, g in pairs)
        return {label: counts.get(label, Counts()).to_dict() for label in self.labels}

    def calibrate(self, predict: Callable[[], list[Document]], golds: Sequence[Document]) -> None:
        """Fit the probabilities to gold labels (unseen ones do not count); `multi`: choose thresholds by F1 too."""
        self.calibration, self._keeps_scores = (1.0, 0.0), True
        try:
            documents = predict()
        finally:
            self._keeps_scores = False
        kept = [(d.metadata[self.kind], label_names(g, self.kind)) for d, g in zip(documents, golds, strict=True)
                if self.kind in d.metadata]  # fmt: skip
        if self.multi:
            self._calibrate_each(kept)
            return
        known = [(row, self.labels.index(name)) for row, names in kept for name in names if name in self.labels]
        self.calibration = (sharpness([row for row, _ in known], [number for _, number in known]), 0.0)

    def _calibrate_each(self, kept: Sequence[tuple[Scores, frozenset[str]]]) -> None:
        if not kept:
            return
        scores = np.stack([row for row, _ in kept])
        right = np.array([[label in names for label in self.labels] for _, names in kept])
        self.calibration = platt(scores.ravel().tolist(), right.ravel().tolist())
        probabilities = self._probabilities(scores)
        shared = best_threshold(probabilities.ravel(), right.ravel())
        self.thresholds = tuple(
            best_threshold(probabilities[:, n], right[:, n])
            if self.threshold == "each" and right[:, n].sum() >= _LEAST_POSITIVES
            else shared
            for n in range(len(self.labels))
        )


def _sigmoid(margins: NDArray[np.float64]) -> NDArray[np.float64]:
    probabilities: NDArray[np.float64] = 0.5 * (1.0 + np.tanh(0.5 * margins))
    return probabilities


def _weights(wanted: str | Mapping[str, float], counts: Mapping[str, int], n_documents: int) -> list[float]:
    """Return a weight for each label, in alphabetical order; with `n_documents` those of the positive examples."""
    if not wanted:
        return []
    if wanted == "balanced":
        if n_documents:
            return [max(1, n_documents - n) / n for _, n in sorted(counts.items())]
        return [sum(counts.values()) / (len(counts) * n) for _, n in sorted(counts.items())]
    if isinstance(wanted, str):
        raise RecipeError(f"weights = {wanted!r}; allowed: 'balanced', or a table of numbers above 0 by label")
    for label, weight in wanted.items():
        if label not in counts or not weight > 0:
            near = ", ".join(sorted(counts)[:10])
            raise RecipeError(
                f"weights: {label!r} = {weight}; allowed: numbers above 0 for labels of the data ({near}...)"
            )
    return [float(wanted.get(label, 1.0)) for label in sorted(counts)]
