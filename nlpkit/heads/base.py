"""What every head is: hidden states in, typed results out, and the loss. The same verbs for all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from nlpkit.backbone import Hidden
from nlpkit.errors import RecipeError
from nlpkit.judging import Judgement
from nlpkit.resampling import Tally
from nlpkit.text import Window
from nlpkit.types import Document, Entity, Span


@runtime_checkable
class Head(Protocol):
    """One kind of task on top of a backbone; also a `torch.nn.Module`.

    Attributes:
        kind: the name of the task kind, as recipes say it.
        needs: kinds whose results this one reads; they decode first, from the same hidden states.
        reads_attention: whether `Hidden.attention` must be filled.
        reads_query: whether the document's query belongs to what it reads; texts are given without it otherwise.

    """

    kind: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]

    @property
    def reads_attention(self) -> bool:
        """Whether `Hidden.attention` must be filled."""
        ...

    @property
    def reads_query(self) -> bool:
        """Whether the document's query is read with the text."""
        ...

    @classmethod
    def fit(cls, golds: Sequence[Document], hidden_width: int, options: Mapping[str, Any]) -> Head:
        """Make a fresh head for the labels that the gold documents hold."""
        ...

    def config(self) -> dict[str, Any]:
        """Return what `from_config` needs, as plain JSON types: labels, sizes, thresholds."""
        ...

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Head:
        """Make a head of the same shape; its weights come from the saved tensors."""
        ...

    def gold(self, document: Document) -> Document:
        """Return the document with just what this head is to find."""
        ...

    def targets(self, window: Window, gold: Document) -> Any:
        """Return what the loss compares with, for one window."""
        ...

    def loss(self, hidden: Hidden, windows: Sequence[Window], targets: Sequence[Any]) -> Tensor:
        """Return the mean loss of a batch. *Shape:* ()."""
        ...

    def decode(self, hidden: Hidden, windows: Sequence[Window], found: Sequence[Document]) -> list[Document]:
        """Return, for each window, what was found so far and what this head finds in it."""
        ...

    def merge(self, parts: Sequence[tuple[Window, Document]], merged: Document) -> Document:
        """Return the document with what this head found in its windows, in the order of the text.

        `merged` holds what the heads before it found. A document without any window has no parts.
        """
        ...

    def score(self, predicted: Sequence[Document], golds: Sequence[Document]) -> dict[str, float]:
        """Return the metrics of this kind of task."""
        ...

    def tallies(self, predicted: Sequence[Document], golds: Sequence[Document]) -> list[Tally]:
        """Return the metrics that are made of sums over documents, so that they can be scored on other draws."""
        ...

    def judge(self, predicted: Document, gold: Document) -> list[Judgement]:
        """Return what is right and wrong in one document, finding by finding."""
        ...

    def per_label(self, predicted: Sequence[Document], golds: Sequence[Document]) -> dict[str, dict[str, float]]:
        """Return the metrics of each label."""
        ...

    def calibrate(self, predict: Callable[[], list[Document]], golds: Sequence[Document]) -> None:
        """Make scores probabilities and choose thresholds, on documents that were not trained on.

        `predict` decodes those documents with this head as it is at that moment.
        """
        ...


@runtime_checkable
class Choosy(Protocol):
    """A head that says which windows are worth training on; the others train on all."""

    def worth(self, window: Window, gold: Document, draw: float) -> bool:
        """Say whether to train on a window. `draw` is this window's random number from 0 to 1."""
        ...


@runtime_checkable
class Worded(Protocol):
    """A head that may begin from the words for its labels; the others begin from random weights."""

    @property
    def begins_with(self) -> Sequence[str]:
        """What each label is called in plain words; empty: it begins from random weights."""
        ...

    def begin_from(self, vectors: Tensor) -> None:
        """Begin from the backbone's vectors of these words. *Shape:* (n_labels, hidden_width)."""
        ...


@runtime_checkable
class Thresholded(Protocol):
    """A head that reports only what is likely enough."""

    def report_from(self, least: float) -> None:
        """Report from this score on, in place of the thresholds chosen in training."""
        ...


def worth(head: Head, window: Window, gold: Document, draw: float) -> bool:
    """Say whether a head has anything to learn from a window."""
    return not isinstance(head, Choosy) or head.worth(window, gold, draw)


@dataclass(frozen=True, slots=True)
class Decision:
    """Something that a head decided: a label, of a whole text or of some places in it (a relation has two)."""

    label: str
    places: tuple[Span, ...] = ()
    score: float | None = None


@runtime_checkable
class Explainable(Head, Protocol):
    """A head whose decisions can be traced back to what it read."""

    def decisions(self, document: Document, label: str | None = None) -> list[Decision]:
        """Return what this head decided of a document, or what of it has this label, the surest first.

        A label for whole texts may be one that was not chosen.
        """
        ...

    def margin(self, hidden: Hidden, window: Window, document: Document, decision: Decision) -> Tensor:
        """Return how far a decision is above what else could be decided, as log-odds. *Shape:* (n_rows,).

        Args:
            hidden: any number of readings of one window; gradients flow to them.
            window: that window; it holds the places of the decision.
            document: with all that was found in it.
            decision: one of this head's.

        """
        ...


def above_others(logits: Tensor, chosen: int) -> Tensor:
    """Return the log-odds of one class against all others. *Shape:* (..., n_classes) -> (...)."""
    others = torch.arange(logits.shape[-1]) != chosen
    return logits[..., chosen] - logits[..., others].logsumexp(-1)


def surest(decisions: Sequence[Decision], label: str | None) -> list[Decision]:
    """Return decisions, or those with a label, the surest first."""
    wanted = [d for d in decisions if label in (None, d.label)]
    return sorted(wanted, key=lambda d: -(d.score or 0.0))


def in_core(
    parts: Sequence[tuple[Window, Document]], spans: Callable[[Document], Sequence[Entity]]
) -> tuple[Entity, ...]:
    """Return the spans found in windows, each from the window whose core it starts in."""
    return tuple(e for w, part in parts for e in spans(part) if w.core[0] <= e.start < w.core[1])


def check_options(kind: str, options: Mapping[str, Any], allowed: Collection[str]) -> None:
    """Check that a recipe's table of options for a head holds nothing that the head does not know.

    Raises:
        RecipeError: it does.

    """
    for key in options:
        if key not in allowed:
            raise RecipeError(f"unknown key 'options.{kind}.{key}'; allowed: {', '.join(sorted(allowed))}")


def platt(margins: Sequence[float], right: Sequence[bool], steps: int = 50) -> tuple[float, float]:
    """Fit probability = sigmoid(a * margin + b) by maximum likelihood (Platt 1999), by Newton's method in float64.

    Returns (1, 0) where there is nothing to fit: no margins, or all right, or all wrong.
    """
    if not margins or all(right) or not any(right):
        return 1.0, 0.0
    x = torch.stack([torch.tensor(margins), torch.ones(len(margins))], dim=1).double()
    n_right = sum(right)
    # Platt's targets: never quite 0 or 1, so that separable data has a finite answer.
    y = torch.where(torch.tensor(right), (n_right + 1.0) / (n_right + 2.0), 1.0 / (len(right) - n_right + 2.0)).double()
    w = torch.tensor([1.0, 0.0], dtype=torch.float64)
    for _ in range(steps):
        p = torch.sigmoid(x @ w)
        gradient = x.T @ (p - y)
        hessian = (x * (p * (1 - p)).unsqueeze(1)).T @ x + 1e-6 * torch.eye(2, dtype=torch.float64)
        step = torch.linalg.solve(hessian, gradient)
        w = w - step.clamp(-2, 2)
        if float(step.abs().max()) < 1e-9:
            break
    return float(w[0]), float(w[1])


def feed_forward(width_in: int, width: int, width_out: int, dropout: float) -> nn.Sequential:
    """Return a two-layer network with GELU and dropout."""
    return nn.Sequential(
        nn.Dropout(dropout), nn.Linear(width_in, width), nn.GELU(), nn.Dropout(dropout), nn.Linear(width, width_out)
    )
