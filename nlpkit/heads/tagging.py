"""What `ner` and `slots` share: BIO tags on the first piece of each word, decoded by constrained Viterbi.

A word is a run of letters and digits, or a single character where a language has no spaces. The backbone may be
uncased, so the shape of the word and of its neighbours (capitals, digits, signs) goes in beside its hidden state;
a small LSTM over both (Huang et al. 2015) lets one word's capitals speak for the next ("Song of Freedom").
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nlpkit.backbone import Hidden
from nlpkit.heads.base import Decision, above_others, feed_forward, platt
from nlpkit.text import Window
from nlpkit.types import Entity, Span

_SHAPES = 10
_NEVER = -1e4


class Tagger(nn.Module):
    """Tags each word B-label, I-label or O and reads spans off the best valid path.

    Args:
        hidden_width: width of the backbone's states.
        labels: kinds of span, in the order of the tags.
        width: width of the hidden layer and of the LSTM's output; 0: neither, the tags are told from the states.
        shape_width: width of the embedding of a word's shape.
        dropout: share of the inputs dropped in training.
        calibration: slope and offset that make a score of a span's mean log-odds (Platt 1999).

    """

    def __init__(
        self,
        hidden_width: int,
        labels: Sequence[str],
        *,
        width: int,
        shape_width: int,
        dropout: float,
        calibration: Sequence[float],
    ) -> None:
        super().__init__()
        self.hidden_width, self.labels = hidden_width, tuple(labels)
        self.width, self.shape_width, self.dropout = width, shape_width, dropout
        self.calibration = (float(calibration[0]), float(calibration[1]))
        self.shapes = nn.Embedding(3 * _SHAPES, shape_width)
        features = hidden_width + 3 * shape_width
        n_tags = 2 * len(self.labels) + 1
        self.context = nn.LSTM(features, width // 2, batch_first=True, bidirectional=True) if width else None
        self.tagger = (
            feed_forward(features + width, width, n_tags, dropout)
            if width
            else nn.Sequential(nn.Dropout(dropout), nn.Linear(features, n_tags))
        )

    def begin_from(self, vectors: Tensor) -> None:
        """Put the vectors of words for the labels in place of the tags' weights, so that few examples go far.

        A word's state is then told by how much more it is like one label's words than like those of the others (Ma et
        al. 2022, arXiv:2203.08985, whose tags have an encoder of their own). The head has no hidden layer.

        Args:
            vectors: states of each label's words. *Shape:* (n_labels, hidden_width)

        """
        classes = cast(nn.Linear, self.tagger[-1])
        apart = nn.functional.normalize(vectors - vectors.mean(0), dim=-1)
        with torch.no_grad():
            classes.weight.zero_()
            classes.bias.zero_()
            classes.weight[1:, : self.hidden_width] = apart.repeat_interleave(2, dim=0)

    def tags(self, window: Window, spans: Sequence[Entity]) -> NDArray[np.int64]:
        """Return the tag number of each word: 0 is O, 2n+1 is B and 2n+2 is I of label n. *Shape:* (n_words,)."""
        tags = np.zeros(len(window.word_offsets), dtype=np.int64)
        for span in spans:
            inside = (window.word_offsets[:, 0] < span.end) & (window.word_offsets[:, 1] > span.start)
            begin = 2 * self.labels.index(span.label) + 1
            tags[inside] = begin + 1
            tags[inside & (window.word_offsets[:, 0] <= span.start)] = begin
        return tags

    def logits(self, hidden: Hidden, windows: Sequence[Window]) -> Tensor:
        """Return the tag scores of all words of all windows, one after another. *Shape:* (n_words, n_tags)."""
        length = hidden.states.shape[1]
        flat = np.concatenate([n * length + w.word_pieces.astype(np.int64) for n, w in enumerate(windows)])
        shapes = np.concatenate([_shapes(w) for w in windows])
        states = hidden.states.reshape(-1, self.hidden_width)[torch.from_numpy(flat)]
        features = torch.cat([states, self.shapes(torch.from_numpy(shapes)).flatten(1)], dim=1)
        if self.context:
            features = torch.cat([features, self._in_context(self.context, features, windows)], dim=1)
        logits: Tensor = self.tagger(features)
        return logits

    def _in_context(self, context: nn.LSTM, features: Tensor, windows: Sequence[Window]) -> Tensor:
        """Run the LSTM over the words of each window. *Shape:* (n_words, features) -> (n_words, width)."""
        rows = [row for row in features.split([len(w.word_pieces) for w in windows]) if len(row)]
        if not rows:
            return features.new_zeros(0, 2 * context.hidden_size)
        packed = nn.utils.rnn.pack_sequence(
            [nn.functional.dropout(row, self.dropout, self.training) for row in rows], enforce_sorted=False
        )
        outputs, _ = context(packed)
        padded, lengths = nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True)
        return torch.cat([row[:n] for row, n in zip(padded, lengths.tolist(), strict=True)])

    def tag_loss(self, hidden: Hidden, windows: Sequence[Window], tags: Sequence[NDArray[np.int64]]) -> Tensor:
        """Return the cross-entropy of the tags, averaged over words; 0 where there is no word."""
        if not sum(map(len, tags)):
            return hidden.states.sum() * 0.0
        return nn.functional.cross_entropy(self.logits(hidden, windows), torch.from_numpy(np.concatenate(tags)))

    def spans(self, hidden: Hidden, windows: Sequence[Window]) -> list[list[Entity]]:
        """Return the spans of the best valid tag path of each window, in the order of the text."""
        log_probabilities = self.logits(hidden, windows).log_softmax(-1).float().numpy()
        rows = np.split(log_probabilities, np.cumsum([len(w.word_pieces) for w in windows])[:-1])
        return [
            list(self._read(window, row, path)) for window, row, path in zip(windows, rows, viterbi(rows), strict=True)
        ]

    def _read(self, window: Window, row: NDArray[np.float32], path: NDArray[np.int64]) -> Iterator[Entity]:
        for first in np.flatnonzero(path % 2 == 1):
            last = first + 1
            while last < len(path) and path[last] == path[first] + 1:
                last += 1
            start, end = int(window.word_offsets[first, 0]), int(window.word_offsets[last - 1, 1])
            slope, offset = self.calibration
            margin = slope * _log_odds(row[np.arange(first, last), path[first:last]]) + offset
            yield Entity(window.text[start:end], start, end, self.labels[path[first] // 2], 1 / (1 + math.exp(-margin)))

    def span_margin(self, hidden: Hidden, window: Window, decision: Decision) -> Tensor:
        """Return the mean log-odds of the tags of a span's words against all other tags. *Shape:* (n_rows,)."""
        (place,) = decision.places
        tags = self.tags(window, [Entity(place.text, place.start, place.end, decision.label)])
        n_rows = len(hidden.states)
        logits = self.logits(hidden, [window] * n_rows).view(n_rows, len(tags), -1)
        inside = np.flatnonzero(tags).tolist()
        return torch.stack([above_others(logits[:, word], int(tags[word])) for word in inside]).mean(0)

    def calibrate_spans(self, found: Iterable[tuple[Sequence[Entity], Sequence[Entity]]]) -> None:
        """Fit the scores to how often spans are right: `found` pairs those decoded uncalibrated with the gold ones."""
        margins, right = [], []
        for spans, golds in found:
            true = {(e.start, e.end, e.label) for e in golds}
            for span in spans:
                score = min(max(span.score or 0.0, 1e-7), 1 - 1e-7)
                margins.append(math.log(score / (1 - score)))
                right.append((span.start, span.end, span.label) in true)
        self.calibration = platt(margins, right)


def span_decisions(spans: Sequence[Entity]) -> list[Decision]:
    """Return spans as decisions."""
    return [Decision(e.label, (Span(e.text, e.start, e.end),), e.score) for e in spans]


def without_overlaps(text: str, spans: Sequence[Entity]) -> tuple[Entity, ...]:
    """Return spans in the order of the text; of overlapping ones the longer."""
    kept: list[Entity] = []
    taken = np.zeros(len(text), dtype=bool)
    for span in sorted(spans, key=lambda e: (e.start - e.end, e.start, e.label)):
        if not taken[span.start : span.end].any():
            taken[span.start : span.end] = True
            kept.append(span)
    return tuple(sorted(kept, key=lambda e: e.start))


def _log_odds(log_probabilities: NDArray[np.float32]) -> float:
    """Return the log-odds of the geometric mean of the tags' probabilities, within the range of float64."""
    mean = min(float(log_probabilities.mean()), -1e-6)
    return mean - math.log(-math.expm1(mean))


@lru_cache(maxsize=1 << 16)
def _shape(word: str) -> int:
    """Return a word's shape: one number for lower case, Capital, CAPITALS, mIxed, digits, and the rest."""
    first = word[0]
    if word.isalpha():
        if not (word.islower() or word.isupper() or word.istitle() or first.isupper()):
            return 3 if word != word.lower() else 8  # 8: letters without case, as in Chinese
        if word.islower():
            return 0
        if word.isupper():
            return 2 if len(word) > 1 else 9
        return 1 if word[1:].islower() else 3
    if word.isdigit():
        return 4 if len(word) == 4 else 5
    return 6 if any(c.isalnum() for c in word) else 7


def _shapes(window: Window) -> NDArray[np.int64]:
    """Return the shapes of each word, the word before and the word after. *Shape:* (n_words, 3)."""
    own = np.array([_shape(window.text[a:b]) for a, b in window.word_offsets.tolist()], dtype=np.int64)
    if not len(own):
        return np.zeros((0, 3), dtype=np.int64)
    before = np.concatenate([[7], own[:-1]])
    after = np.concatenate([own[1:], [7]])
    return np.stack([own, before + _SHAPES, after + 2 * _SHAPES], axis=1)


def viterbi(rows: Sequence[NDArray[np.float32]]) -> list[NDArray[np.int64]]:
    """Return the best path of each row of log-probabilities in which I follows only B or I of its own label.

    Where the best tag of every word makes such a path, it is the best; the other rows are walked together.
    """
    paths = [row.argmax(1) for row in rows]
    broken = [n for n, path in enumerate(paths) if not _is_valid(path)]
    for n, path in zip(broken, _walked([rows[n] for n in broken]) if broken else [], strict=True):
        paths[n] = path
    return paths


def _is_valid(path: NDArray[np.int64]) -> bool:
    """Say whether I follows only B or I of its own label."""
    inside = path[1:][path[1:] % 2 == 0]
    before = path[:-1][path[1:] % 2 == 0]
    return not (len(path) and path[0] and path[0] % 2 == 0) and bool(
        ((inside == 0) | (before == inside) | (before == inside - 1)).all()
    )


def _walked(rows: Sequence[NDArray[np.float32]]) -> list[NDArray[np.int64]]:
    """Return the best path of each row, the shorter ones padded with O (Viterbi 1967)."""
    n_tags = rows[0].shape[1]
    length = max((len(r) for r in rows), default=0)
    scores = np.full((len(rows), length, n_tags), _NEVER, dtype=np.float32)
    scores[:, :, 0] = 0.0
    for n, row in enumerate(rows):
        scores[n, : len(row)] = row
    allowed = _transitions(n_tags)
    if length:
        scores[:, 0, 2::2] = _NEVER
    back = np.zeros((len(rows), length, n_tags), dtype=np.int64)
    best = scores[:, 0] if length else np.zeros((len(rows), n_tags))
    for t in range(1, length):
        reached = best[:, :, None] + allowed[None]
        back[:, t] = reached.argmax(1)
        best = reached.max(1) + scores[:, t]
    path = np.zeros((len(rows), length), dtype=np.int64)
    if length:
        path[:, -1] = best.argmax(1)
    for t in range(length - 2, -1, -1):
        path[:, t] = np.take_along_axis(back[:, t + 1], path[:, t + 1 : t + 2], axis=1)[:, 0]
    return [path[n, : len(row)] for n, row in enumerate(rows)]


def _transitions(n_tags: int) -> NDArray[np.float32]:
    """Return 0 where a tag may follow another and a large negative number where not. *Shape:* (from, to)."""
    allowed = np.zeros((n_tags, n_tags), dtype=np.float32)
    for inside in range(2, n_tags, 2):
        allowed[:, inside] = _NEVER
        allowed[[inside - 1, inside], inside] = 0.0
    return allowed
