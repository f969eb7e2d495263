"""Which words carried a decision: integrated gradients (Sundararajan et al. 2017), and what attention looked at.

The way goes from a text whose pieces are all hidden (the mask piece; unknown or padding where a backbone has none) to
the text itself, through the states before the first layer. What each piece adds is summed over the words, so that the
sum over all words is what the decision's log-odds gain on the way (completeness); `Explanation.delta` says by how much
it misses. The special pieces are the same at both ends and carry nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nlpkit import engine
from nlpkit.backbone import Backbone, Trunk
from nlpkit.checkpoint import Task
from nlpkit.errors import InputError, MissingExtraError
from nlpkit.heads.base import Decision, Explainable
from nlpkit.text import Window, words
from nlpkit.types import Document, Span

STEPS = 50
"""Points on the way at which gradients are taken (Gauss-Legendre)."""
_AT_ONCE_PIECES = 2048
"""Pieces read at once, over all points."""
_LISTED = 30
"""Labels that a message names at most."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the text, or of the `query`, with what it adds to the decision's log-odds.

    `attention` is the share of it that the decision's own words (all words where it has no places) give this one in the
    last layer, averaged over its heads.
    """

    text: str
    start: int
    end: int
    weight: float
    attention: float
    query: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the word as plain JSON types."""
        numbers = {"weight": round(self.weight, 4), "attention": round(self.attention, 4)}
        query = {"query": True} if self.query else {}
        return {"text": self.text, "start": self.start, "end": self.end, **numbers, **query}


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Why a decision was made, by the words of the window that it was made in.

    `output` is the decision's log-odds on the text, `baseline` those on the hidden text; the weights of the words add
    up to their difference but for `delta`. `looks` *(n_words, n_words)* is the last layer's attention from word to
    word, averaged over its heads.
    """

    kind: str
    decision: Decision
    words: tuple[Word, ...]
    output: float
    baseline: float
    delta: float
    looks: NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation as plain JSON types, without `looks`."""
        return {
            "task": self.kind,
            "label": self.decision.label,
            "score": self.decision.score,
            "places": [place.to_dict() for place in self.decision.places],
            "output": round(self.output, 4),
            "baseline": round(self.baseline, 4),
            "delta": round(self.delta, 4),
            "words": [word.to_dict() for word in self.words],
        }


def explain(
    task: Task, document: Document, *, kind: str | None = None, label: str | None = None, most: int = 5
) -> list[Explanation]:
    """Explain what a task decides of a document, the surest decisions first.

    Args:
        task: a trained task that reads.
        document: the text, with its query where the task wants one.
        kind: the kind of head whose decisions to explain; None: all of the task's.
        label: the label whose decisions to explain; of one for whole texts, also where it was not chosen.
        most: decisions of each head at most.

    Raises:
        InputError: the task has no such head or label, there is nothing to explain, or the adapter's method hides it.
        MissingExtraError: captum is not installed.

    """
    _need_captum()
    heads = _chosen(task, document, kind)
    with task.adapted.using(task.name) as model:
        (found,) = engine.read(model, task.heads, [document], task.reading)
        cases = [
            case
            for head in heads
            for decision in head.decisions(found, label)[:most]
            if (case := Case.of(model, head, task, found, decision))
        ]
        if not cases:
            raise InputError(_nothing(task, heads, document, label))
        return [case.explained() for case in cases]


def _need_captum() -> None:
    try:
        import captum.attr  # noqa: F401
    except ImportError as e:
        raise MissingExtraError("captum", "explain") from e


def _chosen(task: Task, document: Document, kind: str | None) -> list[Explainable]:
    """Return the heads that are to be explained."""
    kinds = [head.kind for head in task.heads]
    if kind is not None and kind not in kinds:
        raise InputError(f"{task.recipe.name} has no task {kind!r}; it has: {', '.join(kinds)}")
    heads = [head for head in task.heads if kind in (None, head.kind) and isinstance(head, Explainable)]
    if not heads:
        raise InputError(
            f"decisions of {', '.join(kinds) or task.recipe.name} are not explained; those of the others are"
        )
    if all(head.reads_query for head in heads) and not document.query:
        raise InputError(f"{task.recipe.name} reads a query before the text; give one with --query")
    return heads


def _nothing(task: Task, heads: Sequence[Explainable], document: Document, label: str | None) -> str:
    known = sorted({name for head in heads for name in (*getattr(head, "labels", ()), *getattr(head, "intents", ()))})
    if label is not None and known and label not in known:
        return (
            f"{task.recipe.name} has no label {label!r}; it has: {', '.join(known[:30])}{', ...' * (len(known) > 30)}"
        )
    what = f"no {label!r}" if label is not None else "nothing"
    return f"{task.recipe.name} finds {what} in {document.text[:60]!r}; there is nothing to explain"


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One decision with what it is to be explained on: a model with its adapter in place, and a window."""

    model: Backbone
    head: Explainable
    window: Window
    document: Document
    decision: Decision

    @classmethod
    def of(cls, model: Backbone, head: Explainable, task: Task, document: Document, decision: Decision) -> Case | None:
        """Return the case of a decision in the window that it was made in, the surest of several; None without one.

        A window of a text of several is as sure as its log-odds say; a decision with places was made where the first of
        them is in the core.
        """
        cases = [
            cls(model, head, window, document, decision)
            for window in task.reading.windows(model, document)
            if all(window.pieces(place.start, place.end)[1] for place in decision.places)
        ]
        in_core = [
            case
            for case in cases
            if decision.places and case.window.core[0] <= decision.places[0].start < case.window.core[1]
        ]
        several = in_core or cases
        return max(several, key=lambda case: case.output()) if len(several) > 1 else next(iter(several), None)

    def output(self, hidden: Collection[int] = ()) -> float:
        """Return the decision's log-odds on the text with some of its words hidden, by number."""
        with torch.no_grad():
            return float(self._margin(self._states(hidden))[0])

    def words(self) -> list[tuple[Span, bool, list[int]]]:
        """Return the words of the window, whether each is of the query, and the pieces that belong to it."""
        window = self.window
        found: list[tuple[Span, bool, list[int]]] = []
        if window.query_offsets is not None:
            places = np.where(window.query_offsets[:, :1] >= 0, window.query_offsets, -1)
            found += [(span, True, pieces) for span, pieces in _grouped(self.document.query, places)]
        return found + [(span, False, pieces) for span, pieces in _grouped(window.text, window.offsets)]

    def explained(self) -> Explanation:
        """Return the explanation."""
        own = self.words()
        weights, delta = self._weights()
        looks = self._looks([pieces for _, _, pieces in own])
        rows = [n for n, (span, query, _) in enumerate(own) if not query and _touches(span, self.decision.places)]
        given = looks[rows or range(len(own))].mean(0)
        shown = tuple(
            Word(span.text, span.start, span.end, float(weights[pieces].sum()), float(given[n]), query)
            for n, (span, query, pieces) in enumerate(own)
        )
        everything = range(len(own))
        return Explanation(self.head.kind, self.decision, shown, self.output(), self.output(everything), delta, looks)

    def _weights(self) -> tuple[NDArray[np.float64], float]:
        """Return what each piece adds to the log-odds, and by how much their sum misses. *Shape:* (n_pieces,)."""
        from captum.attr import IntegratedGradients

        states, baseline = self._states(()), self._states(range(len(self.words())))
        at_once = max(1, _AT_ONCE_PIECES // len(self.window))
        try:
            weights, delta = IntegratedGradients(self._margin).attribute(
                states, baseline, n_steps=STEPS, internal_batch_size=at_once, return_convergence_delta=True
            )
        except RuntimeError as e:
            if "does not require grad" not in str(e) and "not have been used" not in str(e):
                raise
            raise InputError(
                "this adapter's method makes its own input of the text (prompt, ptuning), so that nothing can be "
                "traced back to the words; explain an adapter of another method, such as lora"
            ) from e
        pieces: NDArray[np.float64] = weights[0].double().sum(-1).numpy()
        return pieces, float(delta[0])

    def _states(self, hidden: Collection[int]) -> Tensor:
        """Return the states before the first layer, some words hidden. *Shape:* (1, n_pieces, width)."""
        ids = self.window.input_ids.copy()
        if hidden:
            own = self.words()
            ids[[piece for word in hidden for piece in own[word][2]]] = self.model.hiding_id
        with torch.no_grad():
            return self.model.trunk([replace(self.window, input_ids=ids)], 0).states

    def _margin(self, states: Tensor) -> Tensor:
        """Return the decision's log-odds from states before the first layer. *Shape:* (n, n_pieces, width) -> (n,)."""
        hidden = self.model.hidden(
            [self.window] * len(states), attention=self.head.reads_attention, given=Trunk(states, 0)
        )
        return self.head.margin(hidden, self.window, self.document, self.decision)

    def _looks(self, pieces: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """Return the last layer's attention from word to word, the mean of its heads. *Shape:* (n_words, n_words)."""
        with torch.no_grad():
            attention = self.model.hidden([self.window], attention=True).attention
        assert attention is not None
        whole = attention[0].double().mean(0)
        to_words = nn.functional.one_hot(_owner(pieces, len(self.window)), len(pieces) + 1)[:, :-1].double()
        counts = to_words.sum(0).clamp(min=1)
        looks: NDArray[np.float64] = ((to_words.T / counts[:, None]) @ whole @ to_words).numpy()
        return looks


def _owner(pieces: Sequence[Sequence[int]], n_pieces: int) -> Tensor:
    """Return the number of the word that each piece belongs to, their count for none. *Shape:* (n_pieces,)."""
    owner = torch.full((n_pieces,), len(pieces))
    for number, own in enumerate(pieces):
        owner[list(own)] = number
    return owner


def _grouped(text: str, offsets: NDArray[np.int32]) -> list[tuple[Span, list[int]]]:
    """Return the words of a text that hold the beginning of a piece, each with its pieces; a lone piece is a word."""
    borders = words(text)
    found: dict[tuple[int, int], list[int]] = {}
    for piece, (start, end) in enumerate(offsets.tolist()):
        if start < 0 or end <= start:
            continue
        number = int(np.searchsorted(borders[:, 0], start, side="right")) - 1
        inside = number >= 0 and start < borders[number, 1]
        # One piece may hold several words (Han characters), and then they are shown as one.
        place = (int(borders[number, 0]), max(int(borders[number, 1]), end)) if inside else (start, end)
        if inside and (known := next((p for p in reversed(found) if p[0] <= start < p[1]), None)):
            place = known
        found.setdefault(place, []).append(piece)
    return [(Span(text[start:end], start, end), own) for (start, end), own in found.items()]


def _touches(span: Span, places: Sequence[Span]) -> bool:
    return any(span.start < place.end and span.end > place.start for place in places)
