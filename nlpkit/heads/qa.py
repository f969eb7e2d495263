"""Answers to questions: the span of the text that answers the document's query, or none.

Every piece of the text is scored as the start and as the end of the answer, and one piece of each window (the first
on an encoder, the last on a decoder, which has read the text by then) as "not in this window" (Devlin et al. 2019;
for questions without an answer Rajpurkar et al. 2018). A span's margin is its score less that of no answer in the
same window, so that the windows of a long text can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nlpkit.backbone import Hidden
from nlpkit.errors import DataError, RecipeError
from nlpkit.heads.base import Decision, check_options, feed_forward, platt
from nlpkit.judging import Judgement, judge_answer
from nlpkit.metrics import answer_exact, answer_f1, answer_scores, answer_values, reads_by_character
from nlpkit.resampling import Tally, means
from nlpkit.text import Window
from nlpkit.types import Answer, Document, Span

_OPTIONS = ("width", "dropout", "max_answer", "n_best", "null_share")
_NEVER = -1e4
_ANSWER = "answer"
"""What a decision of this head is called."""
_NOT_HERE, _UNKNOWN = (-1, -1), (-2, -2)
"""Targets of a window that does not hold the answer, and of one of which nobody knows where the answer stands."""


class QaHead(nn.Module):
    """Finds the span of a text that answers its query.

    Args:
        hidden_width: width of the backbone's states.
        width: width of the hidden layer.
        dropout: share of the inputs dropped in training.
        max_answer: the longest answer, in pieces.
        n_best: the number of different answers kept for a text.
        null_share: share of the windows to train on among those that do not hold their question's answer.
        calibration: slope and offset that make a score of the log-odds against the other answers (Platt 1999).
        threshold: the least score of a best answer; below it a text counts as holding no answer.

    """

    kind: ClassVar[str] = "qa"
    needs: ClassVar[tuple[str, ...]] = ()
    reads_attention: ClassVar[bool] = False
    reads_query: ClassVar[bool] = True

    def __init__(
        self,
        hidden_width: int,
        *,
        width: int = 256,
        dropout: float = 0.1,
        max_answer: int = 30,
        n_best: int = 5,
        null_share: float = 1.0,
        calibration: Sequence[float] = (1.0, 0.0),
        threshold: float = 0.0,
    ) -> None:
        super().__init__()
        for name, least in (("max_answer", max_answer), ("n_best", n_best)):
            if least < 1:
                raise RecipeError(f"options.qa.{name} = {least}; allowed: 1 or above")
        if not 0 <= null_share <= 1:
            raise RecipeError(f"options.qa.null_share = {null_share}; allowed: from 0 to 1")
        self.hidden_width, self.width, self.dropout = hidden_width, width, dropout
        self.max_answer, self.n_best, self.null_share = max_answer, n_best, null_share
        self.calibration = (float(calibration[0]), float(calibration[1]))
        self.threshold = float(threshold)
        self.scorer = feed_forward(hidden_width, width, 3, dropout)

    @classmethod
    def fit(cls, golds: Sequence[Document], hidden_width: int, options: Mapping[str, Any]) -> QaHead:
        """Make a fresh head.

        Raises:
            DataError: none of the documents asks anything.
            RecipeError: an option is unknown, or out of range.

        """
        check_options(cls.kind, options, _OPTIONS)
        if not any(document.query for document in golds):
            raise DataError("no document has a question (Document.query); qa learns from questions with their texts")
        return cls(hidden_width, **options)

    def config(self) -> dict[str, Any]:
        """Return what `from_config` needs, as plain JSON types."""
        return {
            "hidden_width": self.hidden_width,
            **{name: getattr(self, name) for name in _OPTIONS},
            "calibration": list(self.calibration),
            "threshold": self.threshold,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> QaHead:
        """Make a head of the same shape."""
        return cls(**config)

    def gold(self, document: Document) -> Document:
        """Return the document; its answers are all that are acceptable, none where the text holds no answer."""
        return document

    def targets(self, window: Window, gold: Document) -> tuple[int, int]:
        """Return the first and the last piece of the answer; (-1, -1) where it is not wholly in this window.

        Of several acceptable answers the first that stands in the window counts. (-2, -2) where the answers are
        known but not their places (a negative `start`): the loss passes over such a window.
        """
        placed = [a for a in gold.answers if a.start >= 0]
        if gold.answers and not placed:
            return _UNKNOWN
        body = window.offsets[window.offsets[:, 0] >= 0]
        for answer in placed:
            if len(body) and body[0, 0] <= answer.start and answer.end <= body[-1, 1]:
                first, stop = window.pieces(answer.start, answer.end)
                if stop > first:
                    return first, stop - 1
        return _NOT_HERE

    def worth(self, window: Window, gold: Document, draw: float) -> bool:
        """Say whether to train on a window; of those that miss their question's answer only `null_share` are."""
        target = self.targets(window, gold)
        if target == _UNKNOWN or not gold.query:
            return False
        return target != _NOT_HERE or not gold.answers or draw < self.null_share

    def logits(self, hidden: Hidden, windows: Sequence[Window]) -> tuple[Tensor, Tensor, Tensor]:
        """Return the scores of each piece as start and as end, and of no answer.

        *Shapes:* (n_windows, n_pieces) twice, (n_windows, 1). Pieces that are not of the text score -10,000.
        """
        scores = self.scorer(hidden.states)
        outside = torch.ones(hidden.mask.shape, dtype=torch.bool)
        for row, window in enumerate(windows):
            outside[row, : len(window)] = torch.from_numpy(window.offsets[:, 0] < 0)
        outside = outside.to(scores.device)
        at = hidden.mask.sum(1, keepdim=True) - 1 if hidden.causal else hidden.mask.new_zeros(len(windows), 1).long()
        start, end = scores[..., 0].masked_fill(outside, _NEVER), scores[..., 1].masked_fill(outside, _NEVER)
        return start, end, scores[..., 2].gather(1, at)

    def loss(self, hidden: Hidden, windows: Sequence[Window], targets: Sequence[tuple[int, int]]) -> Tensor:
        """Return the cross-entropy of starts and ends, no answer being one of the choices, averaged over windows."""
        start, end, null = self.logits(hidden, windows)
        wanted = torch.tensor(targets, device=start.device) + 1
        known = max(1, int((wanted[:, 0] >= 0).sum()))
        losses = [
            nn.functional.cross_entropy(
                torch.cat([null, scores], 1), wanted[:, column], ignore_index=_UNKNOWN[0] + 1, reduction="sum"
            )
            for column, scores in enumerate((start, end))
        ]
        return (losses[0] + losses[1]) / (2 * known)

    def decode(self, hidden: Hidden, windows: Sequence[Window], found: Sequence[Document]) -> list[Document]:
        """Return each window's document with its best spans; their scores are margins until `merge` compares them.

        A document without a query gets no answers.
        """
        start, end, null = self.logits(hidden, windows)
        margins, firsts, lasts = self._best_spans(start, end)
        margins = margins - 2 * null
        rows = zip(margins.float().tolist(), firsts.tolist(), lasts.tolist(), strict=True)
        return [
            replace(document, answers=self._answers(window, *row) if window.n_query else ())
            for window, document, row in zip(windows, found, rows, strict=True)
        ]

    def _best_spans(self, start: Tensor, end: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return score, first and last piece of the best spans. *Shapes:* (n_windows, n_spans)."""
        longest = min(self.max_answer, start.shape[1])
        ends = nn.functional.pad(end, (0, longest - 1), value=_NEVER).unfold(1, longest, 1)
        spans = (start.unsqueeze(2) + ends).flatten(1)
        # Several spans may widen to the same words: take more than are wanted.
        scores, places = spans.topk(min(4 * self.n_best, spans.shape[1]), dim=1)
        firsts = places // longest
        return scores, firsts, firsts + places % longest

    def _answers(
        self, window: Window, margins: Sequence[float], firsts: Sequence[int], lasts: Sequence[int]
    ) -> tuple[Answer, ...]:
        """Return a window's best answers, as whole words, each once."""
        starts, ends = _word_borders(window)
        kept: dict[tuple[int, int], Answer] = {}
        for margin, first, last in zip(margins, firsts, lasts, strict=True):
            if last >= len(window) or window.offsets[first, 0] < 0 or window.offsets[last, 0] < 0:
                continue
            start, end = int(starts[first]), int(ends[last])
            text = window.text[start:end]
            start, end = start + len(text) - len(text.lstrip()), start + len(text.rstrip())
            if start < end and len(kept) < self.n_best:
                kept.setdefault((start, end), Answer(window.text[start:end], start, end, margin))
        return tuple(kept.values())

    def merge(self, parts: Sequence[tuple[Window, Document]], merged: Document) -> Document:
        """Return the document with the best answers of all its windows, or none if the best is below the threshold.

        An answer's score comes of its log-odds against the other answers kept and against no answer.
        """
        best: dict[str, Answer] = {}
        for answer in sorted((a for _, part in parts for a in part.answers), key=lambda a: -(a.score or 0.0)):
            best.setdefault(answer.text.casefold(), answer)
        kept = list(best.values())[: self.n_best]
        margins = [a.score or 0.0 for a in kept]
        slope, offset = self.calibration
        answers = tuple(replace(a, score=_sigmoid(slope * _log_odds(margins, n) + offset)) for n, a in enumerate(kept))
        answered = bool(answers) and (answers[0].score or 0.0) >= self.threshold
        return replace(merged, answers=answers if answered else ())

    def decisions(self, document: Document, label: str | None = None) -> list[Decision]:
        """Return the answers, the surest first."""
        found = [Decision(_ANSWER, (Span(a.text, a.start, a.end),), a.score) for a in document.answers]
        return found if label in (None, _ANSWER) else []

    def margin(self, hidden: Hidden, window: Window, document: Document, decision: Decision) -> Tensor:
        """Return the scores of the answer's first and last piece less those of no answer. *Shape:* (n_rows,)."""
        start, end, null = self.logits(hidden, [window] * len(hidden.states))
        first, stop = window.pieces(decision.places[0].start, decision.places[0].end)
        return start[:, first] + end[:, stop - 1] - 2 * null[:, 0]

    def score(self, predicted: Sequence[Document], golds: Sequence[Document]) -> dict[str, float]:
        """Return `exact` and `f1` of the best answers, as the scorers of SQuAD and, for Chinese, of CMRC do."""
        return answer_scores(predicted, golds)

    def tallies(self, predicted: Sequence[Document], golds: Sequence[Document]) -> list[Tally]:
        """Return `exact` and `f1` as sums over documents."""
        return [means(answer_values(predicted, golds))]

    def judge(self, predicted: Document, gold: Document) -> list[Judgement]:
        """Return whether the best answer is right."""
        return judge_answer(predicted, gold)

    def report_from(self, least: float) -> None:
        """Give a best answer of this score or more, in place of the threshold chosen in training."""
        self.threshold = least

    def per_label(self, predicted: Sequence[Document], golds: Sequence[Document]) -> dict[str, dict[str, float]]:
        """Return the metrics of the questions that have an answer, and of those that have none."""
        pairs = list(zip(predicted, golds, strict=True))
        groups = {
            name: [(p, g) for p, g in pairs if bool(g.answers) is has]
            for name, has in (("answer", True), ("no answer", False))
        }
        return {name: answer_scores([p for p, _ in g], [q for _, q in g]) for name, g in groups.items() if g}

    def calibrate(self, predict: Callable[[], list[Document]], golds: Sequence[Document]) -> None:
        """Fit the scores to how often answers are exactly right; where some questions have none, choose a threshold."""
        self.calibration, self.threshold = (1.0, 0.0), 0.0
        margins, right = list[float](), list[bool]()
        gains: list[tuple[float, float]] = []
        for document, gold in zip(predict(), golds, strict=True):
            texts, by_character = [a.text for a in gold.answers], reads_by_character(gold.text)
            for answer in document.answers:
                margins.append(_logit(answer.score or 0.0))
                right.append(answer_exact(answer.text, texts, by_character=by_character) == 1.0)
            if document.answers:
                best = document.answers[0]
                gain = answer_f1(best.text, texts, by_character=by_character) - (0.0 if texts else 1.0)
                gains.append((_logit(best.score or 0.0), gain))
        slope, offset = platt(margins, right)
        slope = max(slope, 0.0)  # a head worse than chance must not turn the order of its answers round
        self.calibration = (slope, offset)
        if any(not gold.answers for gold in golds):
            self.threshold = best_threshold([(_sigmoid(slope * x + offset), gain) for x, gain in gains])


def best_threshold(gains: Sequence[tuple[float, float]]) -> float:
    """Return the least score to answer at, so that the sum of what answering gains is the highest.

    Args:
        gains: score, and what answering gains over not answering (negative where that is worse).

    Returns:
        0 to answer always, 1 to answer never (but for a score of 1), else halfway between two scores.

    """
    ordered = sorted(gains, key=lambda sg: -sg[0])
    best, total, threshold = 0.0, 0.0, 1.0
    for n, (score, gain) in enumerate(ordered):
        total += gain
        below = ordered[n + 1][0] if n + 1 < len(ordered) else None
        if total > best and below != score:
            best, threshold = total, 0.0 if below is None else (score + below) / 2
    return threshold


def _word_borders(window: Window) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each piece the start of the word that it begins in and the end of the one that it ends in.

    *Shapes:* (n_pieces,), (n_pieces,)
    """
    starts, ends = window.offsets[:, 0].astype(np.int64), window.offsets[:, 1].astype(np.int64)
    words = window.word_offsets
    if not len(words):
        return starts, ends
    begun = np.searchsorted(words[:, 0], starts, side="right") - 1
    inside = (begun >= 0) & (starts < words[begun, 1])
    ended = np.searchsorted(words[:, 0], ends, side="left") - 1
    within = (ended >= 0) & (ends <= words[ended, 1])
    return np.where(inside, words[begun, 0], starts), np.where(within, words[ended, 1], ends)


def _log_odds(margins: Sequence[float], chosen: int) -> float:
    """Return the log-odds of one margin against all others and against 0, that of no answer."""
    rivals = [0.0, *(m for n, m in enumerate(margins) if n != chosen)]
    highest = max(rivals)
    return margins[chosen] - highest - math.log(math.fsum(math.exp(m - highest) for m in rivals))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _logit(p: float) -> float:
    p = min(max(p, 1e-12), 1 - 1e-12)
    return math.log(p / (1 - p))
