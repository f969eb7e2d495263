"""Named entities: BIO tags on the first piece of each word, decoded by constrained Viterbi.

A word is a run of letters and digits, or a single character where a language has no spaces. The backbone may be
uncased, so the shape of the word and of its neighbours (capitals, digits, signs) goes in beside its hidden state;
a small LSTM over both (Huang et al. 2015) lets one word's capitals speak for the next ("Song of Freedom").
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nlpkit.backbone import Hidden
from nlpkit.heads.base import feed_forward, platt
from nlpkit.metrics import entity_counts, total
from nlpkit.text import Window
from nlpkit.types import Document, Entity

_SHAPES = 10
_NEVER = -1e4
_SCRIPT_SHARE = 0.01
"""A script counts as trained on from this share of the entities on."""


class NerHead(nn.Module):
    """Tags each word B-label, I-label or O and reads the entities off the best valid path.

    Args:
        hidden_width: width of the backbone's states.
        labels: entity types, in the order of the tags.
        width: width of the hidden layer and of the LSTM's output.
        shape_width: width of the embedding of a word's shape.
        dropout: share of the inputs dropped in training.
        scripts: scripts that entities were trained on; one with letters of another is not reported. None: all.
        calibration: slope and offset that make a score of an entity's mean log-odds (Platt 1999).

    """

    kind: ClassVar[str] = "ner"
    needs: ClassVar[tuple[str, ...]] = ()
    reads_attention: ClassVar[bool] = False

    def __init__(
        self,
        hidden_width: int,
        labels: Sequence[str],
        *,
        width: int = 256,
        shape_width: int = 16,
        dropout: float = 0.2,
        scripts: Sequence[str] = (),
        calibration: Sequence[float] = (1.0, 0.0),
    ) -> None:
        super().__init__()
        self.hidden_width, self.labels = hidden_width, tuple(labels)
        self.width, self.shape_width, self.dropout = width, shape_width, dropout
        self.scripts = tuple(scripts)
        self.calibration = (float(calibration[0]), float(calibration[1]))
        self.shapes = nn.Embedding(3 * _SHAPES, shape_width)
        features = hidden_width + 3 * shape_width
        self.context = nn.LSTM(features, width // 2, batch_first=True, bidirectional=True)
        self.tagger = feed_forward(features + width, width, 2 * len(self.labels) + 1, dropout)

    @classmethod
    def fit(cls, golds: Sequence[Document], hidden_width: int, options: Mapping[str, Any]) -> NerHead:
        """Make a fresh head for the entity types in the gold documents."""
        entities = [e for d in golds for e in d.entities]
        seen = Counter(script for e in entities for script in _scripts(e.text))
        common = sorted(script for script, n in seen.items() if n >= _SCRIPT_SHARE * len(entities))
        return cls(hidden_width, sorted({e.label for e in entities}), **{"scripts": common, **options})

    def config(self) -> dict[str, Any]:
        """Return what `from_config` needs, as plain JSON types."""
        return {
            "hidden_width": self.hidden_width,
            "labels": list(self.labels),
            "width": self.width,
            "shape_width": self.shape_width,
            "dropout": self.dropout,
            "scripts": list(self.scripts),
            "calibration": list(self.calibration),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> NerHead:
        """Make a head of the same shape."""
        return cls(**config)

    def gold(self, document: Document) -> Document:
        """Return the document with its entities; of overlapping ones the longer."""
        kept: list[Entity] = []
        taken = np.zeros(len(document.text), dtype=bool)
        for entity in sorted(document.entities, key=lambda e: (e.start - e.end, e.start, e.label)):
            if not taken[entity.start : entity.end].any():
                taken[entity.start : entity.end] = True
                kept.append(entity)
        return replace(document, entities=tuple(sorted(kept, key=lambda e: e.start)))

    def targets(self, window: Window, gold: Document) -> NDArray[np.int64]:
        """Return the tag number of each word: 0 is O, 2n+1 is B and 2n+2 is I of label n. *Shape:* (n_words,)."""
        tags = np.zeros(len(window.word_offsets), dtype=np.int64)
        for entity in gold.entities:
            inside = (window.word_offsets[:, 0] < entity.end) & (window.word_offsets[:, 1] > entity.start)
            begin = 2 * self.labels.index(entity.label) + 1
            tags[inside] = begin + 1
            tags[inside & (window.word_offsets[:, 0] <= entity.start)] = begin
        return tags

    def logits(self, hidden: Hidden, windows: Sequence[Window]) -> Tensor:
        """Return the tag scores of all words of all windows, one after another. *Shape:* (n_words, n_tags)."""
        length = hidden.states.shape[1]
        flat = np.concatenate([n * length + w.word_pieces.astype(np.int64) for n, w in enumerate(windows)])
        shapes = np.concatenate([_shapes(w) for w in windows])
        states = hidden.states.reshape(-1, self.hidden_width)[torch.from_numpy(flat)]
        features = torch.cat([states, self.shapes(torch.from_numpy(shapes)).flatten(1)], dim=1)
        logits: Tensor = self.tagger(torch.cat([features, self._in_context(features, windows)], dim=1))
        return logits

    def _in_context(self, features: Tensor, windows: Sequence[Window]) -> Tensor:
        """Run the LSTM over the words of each window. *Shape:* (n_words, features) -> (n_words, width)."""
        rows = [row for row in features.split([len(w.word_pieces) for w in windows]) if len(row)]
        if not rows:
            return features.new_zeros(0, 2 * self.context.hidden_size)
        packed = nn.utils.rnn.pack_sequence(
            [nn.functional.dropout(row, self.dropout, self.training) for row in rows], enforce_sorted=False
        )
        outputs, _ = self.context(packed)
        padded, lengths = nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True)
        return torch.cat([row[:n] for row, n in zip(padded, lengths.tolist(), strict=True)])

    def loss(self, hidden: Hidden, windows: Sequence[Window], targets: Sequence[NDArray[np.int64]]) -> Tensor:
        """Return the cross-entropy of the tags, averaged over words."""
        return nn.functional.cross_entropy(self.logits(hidden, windows), torch.from_numpy(np.concatenate(targets)))

    def decode(self, hidden: Hidden, windows: Sequence[Window], found: Sequence[Document]) -> list[Document]:
        """Return each window's document with the entities of the best valid tag path."""
        log_probabilities = self.logits(hidden, windows).log_softmax(-1).float().numpy()
        borders = np.cumsum([len(w.word_pieces) for w in windows])[:-1]
        rows = np.split(log_probabilities, borders)
        paths = _viterbi(rows)
        return [
            replace(document, entities=tuple(self._entities(window, row, path)))
            for window, document, row, path in zip(windows, found, rows, paths, strict=True)
        ]

    def _entities(self, window: Window, row: NDArray[np.float32], path: NDArray[np.int64]) -> list[Entity]:
        entities = []
        begins = np.flatnonzero(path % 2 == 1)
        for first in begins:
            last = first + 1
            while last < len(path) and path[last] == path[first] + 1:
                last += 1
            start, end = int(window.word_offsets[first, 0]), int(window.word_offsets[last - 1, 1])
            if self.scripts and not _scripts(window.text[start:end]) <= set(self.scripts):
                continue
            margin = _log_odds(row[np.arange(first, last), path[first:last]])
            slope, offset = self.calibration
            score = 1 / (1 + math.exp(-(slope * margin + offset)))
            entities.append(Entity(window.text[start:end], start, end, self.labels[path[first] // 2], score))
        return entities

    def score(self, predicted: Sequence[Document], golds: Sequence[Document]) -> dict[str, float]:
        """Return micro precision, recall and F1 of entities, strict in characters and type."""
        counts = total(entity_counts(p, self.gold(g)) for p, g in zip(predicted, golds, strict=True))
        return counts.to_dict()

    def per_label(self, predicted: Sequence[Document], golds: Sequence[Document]) -> dict[str, dict[str, float]]:
        """Return precision, recall and F1 of each entity type."""
        return {
            label: total(
                entity_counts(_only(p, label), _only(self.gold(g), label))
                for p, g in zip(predicted, golds, strict=True)
            ).to_dict()
            for label in self.labels
        }

    def calibrate(self, predict: Callable[[], list[Document]], golds: Sequence[Document]) -> None:
        """Fit the scores to how often entities are right."""
        self.calibration = (1.0, 0.0)
        margins, right = [], []
        for document, gold in zip(predict(), golds, strict=True):
            true = {(e.start, e.end, e.label) for e in gold.entities}
            for entity in document.entities:
                score = min(max(entity.score or 0.0, 1e-7), 1 - 1e-7)
                margins.append(math.log(score / (1 - score)))
                right.append((entity.start, entity.end, entity.label) in true)
        self.calibration = platt(margins, right)


def _only(document: Document, label: str) -> Document:
    return replace(document, entities=tuple(e for e in document.entities if e.label == label))


def _scripts(text: str) -> set[str]:
    """Return the scripts of a text's letters, as Unicode names them: LATIN, CJK, CYRILLIC..."""
    return {unicodedata.name(c, "").split(" ")[0].split("-")[0] for c in text if c.isalpha()}


def _log_odds(log_probabilities: NDArray[np.float32]) -> float:
    """Return the log-odds of the geometric mean of the tags' probabilities, within the range of float64."""
    mean = min(float(log_probabilities.mean()), -1e-6)
    return mean - math.log(-math.expm1(mean))


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
    own = np.array([_shape(window.text[a:b]) for a, b in window.word_offsets], dtype=np.int64)
    if not len(own):
        return np.zeros((0, 3), dtype=np.int64)
    before = np.concatenate([[7], own[:-1]])
    after = np.concatenate([own[1:], [7]])
    return np.stack([own, before + _SHAPES, after + 2 * _SHAPES], axis=1)


def _viterbi(rows: Sequence[NDArray[np.float32]]) -> list[NDArray[np.int64]]:
    """Return the best path of each row of log-probabilities in which I follows only B or I of its own label.

    All rows are walked together, the shorter ones padded with O.
    """
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
