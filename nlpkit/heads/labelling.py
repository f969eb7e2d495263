"""What `classification` and `slots` share: one vector a window, its labels' scores, and texts of several windows."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nlpkit.backbone import Hidden
from nlpkit.errors import DataError, RecipeError
from nlpkit.text import Window
from nlpkit.types import Document

POOLS = ("auto", "mean", "first", "attention")

Scores = NDArray[np.float64]
"""Log-probabilities up to a constant, or log-odds. *Shape:* (n_labels,)."""


class Pool(nn.Module):
    """Makes one vector of a window's states.

    Args:
        how: "auto" (the mean of an encoder, the last piece of a decoder), "mean", "first" (the piece before the text;
            encoders only: on a decoder it sees nothing), or "attention" (a learnt weight for each piece).
        hidden_width: width of the backbone's states.

    Raises:
        RecipeError: there is no such way.

    """

    def __init__(self, how: str, hidden_width: int) -> None:
        super().__init__()
        if how not in POOLS:
            raise RecipeError(f"unknown pool {how!r}; allowed: {', '.join(POOLS)}")
        self.how = how
        self.weigh = nn.Linear(hidden_width, 1) if how == "attention" else None

    def forward(self, hidden: Hidden) -> Tensor:
        """Return one vector a window. *Shape:* (n_windows, hidden_width)."""
        if self.how == "first":
            if hidden.causal:
                raise RecipeError(
                    "pool = 'first' reads a piece that sees no other on a decoder; take 'auto', 'mean' or 'attention'"
                )
            return hidden.states[:, 0]
        if self.weigh is not None:
            scores: Tensor = self.weigh(hidden.states).squeeze(-1)
            weights = scores.masked_fill(~hidden.mask, torch.finfo(scores.dtype).min).softmax(-1)
            return (weights.unsqueeze(-1) * hidden.states).sum(1)
        return replace(hidden, causal=False).pooled if self.how == "mean" else hidden.pooled


def check_labels(labels: Collection[str], kind: str) -> None:
    """Check that there is something to choose between.

    Raises:
        DataError: there are fewer than two labels.

    """
    if len(labels) < 2:
        found = f"one label, {next(iter(labels))!r}" if labels else "no labels"
        raise DataError(
            f"the training documents have {found}; {kind} learns to tell two or more apart: "
            "look at the label column of the data, or take another file"
        )


def in_words(kind: str, words: Mapping[str, str], labels: Sequence[str]) -> list[str]:
    """Return what each label is called in plain words: those given, or else its own name.

    Raises:
        RecipeError: there are words for a label that is not there.

    """
    if unknown := sorted(set(words) - set(labels)):
        raise RecipeError(f"options.{kind}.words names the label {unknown[0]!r}; the data has: {', '.join(labels)}")
    return [words.get(label) or re.sub(r"[-_/]+", " ", label).lower() for label in labels]


def with_scores(document: Document, kind: str, scores: Tensor) -> Document:
    """Return a window's document with the scores of its labels, for `averaged` to find."""
    return replace(document, metadata={**document.metadata, kind: scores.double().numpy()})


def averaged(parts: Sequence[tuple[Window, Document]], kind: str) -> Scores:
    """Return the mean of the windows' scores, weighted by the characters that each is the authority for."""
    if len(parts) == 1:
        only: Scores = parts[0][1].metadata[kind]
        return only
    weights = [max(1, w.core[1] - w.core[0]) for w, _ in parts]
    scores: Scores = np.average([part.metadata[kind] for _, part in parts], axis=0, weights=weights)
    return scores


def without(mapping: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return a mapping without one key."""
    return {k: v for k, v in mapping.items() if k != key}


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities along the last axis."""
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    probabilities: NDArray[np.float64] = powers / powers.sum(-1, keepdims=True)
    return probabilities


def sharpness(scores: Sequence[Scores], golds: Sequence[int], steps: int = 50) -> float:
    """Return 1 / temperature: what to multiply scores with so that their softmax is calibrated (Guo et al. 2017).

    Fitted by Newton's method on the negative log-likelihood. A share 1 / (n + 2) of each target is spread over all
    labels, as Platt (1999) does, so that data without an error has a finite answer. 1 where there is nothing to fit.
    """
    if not len(scores):
        return 1.0
    table = np.array(scores, dtype=np.float64)
    table -= table.max(1, keepdims=True)
    spread = 1.0 / (len(table) + 2)
    aim = (1 - spread) * table[np.arange(len(table)), list(golds)] + spread * table.mean(1)
    slope = 1.0
    for _ in range(steps):
        p = softmax(slope * table)
        mean = (p * table).sum(1)
        variance = (p * table**2).sum(1) - mean**2
        step = float((mean - aim).sum() / (variance.sum() + 1e-9))
        new = min(max(slope - step, slope / 2), slope * 2)
        if abs(new - slope) < 1e-9:
            break
        slope = new
    return float(min(max(slope, 1e-3), 1e3))


def solve(classes: nn.Linear, vectors: Tensor, total_loss: Callable[[Tensor], Tensor], penalty: float) -> None:
    """Set a linear map to the least sum of a loss of its outputs and a penalty on its weights, by L-BFGS.

    Args:
        classes: the map.
        vectors: its inputs. *Shape:* (n, in_features)
        total_loss: of its outputs, *(n, out_features)*, summed over them; convex.
        penalty: times half the squared weights.

    """
    with torch.no_grad():
        for parameter in classes.parameters():
            parameter.zero_()
    optimizer = torch.optim.LBFGS(classes.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = total_loss(classes(vectors)) + penalty * classes.weight.square().sum() / 2
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)


def best_threshold(scores: NDArray[np.float64], right: NDArray[np.bool_], n_gold: int | None = None) -> float:
    """Return the threshold with the best F1, half way to the next score below; 0.5 where nothing is right.

    `n_gold` is how many there are to find, where not all of them are among the scored.
    """
    if not right.any():
        return 0.5
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    f1 = 2 * np.cumsum(right[order]) / (np.arange(1, len(ranked) + 1) + (right.sum() if n_gold is None else n_gold))
    f1[:-1][ranked[:-1] == ranked[1:]] = -1.0  # equal scores fall on one side
    at = int(np.argmax(f1))
    below = ranked[at + 1] if at + 1 < len(ranked) else 0.0
    return float((ranked[at] + below) / 2)
