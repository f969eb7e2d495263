"""Named entities: the tagging of `tagging.py`, and which scripts it may be trusted with."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nlpkit.backbone import Hidden
from nlpkit.errors import RecipeError
from nlpkit.heads.base import Decision, check_options, in_core, surest
from nlpkit.heads.labelling import in_words
from nlpkit.heads.tagging import Tagger, span_decisions, without_overlaps
from nlpkit.judging import ENTITIES, Judgement, judge_spans
from nlpkit.metrics import entity_counts, total
from nlpkit.resampling import Tally, counted, scores_of
from nlpkit.text import Window
from nlpkit.types import Document

_SCRIPT_SHARE = 0.01
"""A script counts as trained on from this share of the entities on."""


class NerHead(Tagger):
    """Tags each word B-label, I-label or O and reads the entities off the best valid path.

    Args:
        hidden_width: width of the backbone's states.
        labels: entity types, in the order of the tags.
        width: width of the hidden layer and of the LSTM's output; 0: neither.
        shape_width: width of the embedding of a word's shape.
        dropout: share of the inputs dropped in training.
        scripts: scripts that entities were trained on; one with letters of another is not reported. None: all.
        words: what each label is called in plain words, to begin from (see `Tagger.begin_from`); a label that is
            missing here goes by its own name. None: begin from random weights. It needs `width` = 0.
        calibration: slope and offset that make a score of an entity's mean log-odds (Platt 1999).

    """

    kind: ClassVar[str] = "ner"
    needs: ClassVar[tuple[str, ...]] = ()
    reads_attention: ClassVar[bool] = False
    reads_query: ClassVar[bool] = False

    def __init__(
        self,
        hidden_width: int,
        labels: Sequence[str],
        *,
        width: int = 256,
        shape_width: int = 16,
        dropout: float = 0.2,
        scripts: Sequence[str] = (),
        words: Mapping[str, str] | None = None,
        calibration: Sequence[float] = (1.0, 0.0),
    ) -> None:
        super().__init__(
            hidden_width, labels, width=width, shape_width=shape_width, dropout=dropout, calibration=calibration
        )
        self.scripts, self.words = tuple(scripts), words

    @property
    def begins_with(self) -> list[str]:
        """What each label is called in plain words, to begin from; empty: nothing."""
        return [] if self.words is None else in_words(self.kind, self.words, self.labels)

    @classmethod
    def fit(cls, golds: Sequence[Document], hidden_width: int, options: Mapping[str, Any]) -> NerHead:
        """Make a fresh head for the entity types in the gold documents.

        Options: `width`, `shape_width`, `dropout`, `scripts`, `words`.

        Raises:
            RecipeError: an option is unknown or out of range.

        """
        check_options("ner", options, ("width", "shape_width", "dropout", "scripts", "words"))
        entities = [e for d in golds for e in d.entities]
        seen = Counter(script for e in entities for script in _scripts(e.text))
        common = sorted(script for script, n in seen.items() if n >= _SCRIPT_SHARE * len(entities))
        labels = sorted({e.label for e in entities})
        if options.get("words") is not None and options.get("width") != 0:
            raise RecipeError("options.ner.words needs options.ner.width = 0: tags are told straight from the states")
        in_words(cls.kind, options.get("words") or {}, labels)
        return cls(hidden_width, labels, **{"scripts": common, **options})

    def config(self) -> dict[str, Any]:
        """Return what `from_config` needs, as plain JSON types."""
        return {
            "hidden_width": self.hidden_width,
            "labels": list(self.labels),
            "width": self.width,
            "shape_width": self.shape_width,
            "dropout": self.dropout,
            "scripts": list(self.scripts),
            "words": None if self.words is None else dict(self.words),
            "calibration": list(self.calibration),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> NerHead:
        """Make a head of the same shape."""
        return cls(**config)

    def gold(self, document: Document) -> Document:
        """Return the document with its entities; of overlapping ones the longer."""
        return replace(document, entities=without_overlaps(document.text, document.entities))

    def targets(self, window: Window, gold: Document) -> NDArray[np.int64]:
        """Return the tag number of each word: 0 is O, 2n+1 is B and 2n+2 is I of label n. *Shape:* (n_words,)."""
        return self.tags(window, gold.entities)

    def loss(self, hidden: Hidden, windows: Sequence[Window], targets: Sequence[NDArray[np.int64]]) -> Tensor:
        """Return the cross-entropy of the tags, averaged over words."""
        return self.tag_loss(hidden, windows, targets)

    def decode(self, hidden: Hidden, windows: Sequence[Window], found: Sequence[Document]) -> list[Document]:
        """Return each window's document with the entities of the best valid tag path."""
        return [
            replace(document, entities=tuple(e for e in entities if self._knows(e.text)))
            for document, entities in zip(found, self.spans(hidden, windows), strict=True)
        ]

    def _knows(self, text: str) -> bool:
        return not self.scripts or _scripts(text) <= set(self.scripts)

    def merge(self, parts: Sequence[tuple[Window, Document]], merged: Document) -> Document:
        """Return the document with the entities that start in the core of their window."""
        return replace(merged, entities=in_core(parts, lambda d: d.entities))

    def decisions(self, document: Document, label: str | None = None) -> list[Decision]:
        """Return the entities, the surest first."""
        return surest(span_decisions(document.entities), label)

    def margin(self, hidden: Hidden, window: Window, document: Document, decision: Decision) -> Tensor:
        """Return the mean log-odds of the tags of an entity's words. *Shape:* (n_rows,)."""
        return self.span_margin(hidden, window, decision)

    def score(self, predicted: Sequence[Document], golds: Sequence[Document]) -> dict[str, float]:
        """Return micro precision, recall and F1 of entities, strict in characters and type."""
        return scores_of(self.tallies(predicted, golds))

    def tallies(self, predicted: Sequence[Document], golds: Sequence[Document]) -> list[Tally]:
        """Return precision, recall and F1 of entities as sums over documents."""
        return [counted([entity_counts(p, self.gold(g)) for p, g in zip(predicted, golds, strict=True)])]

    def judge(self, predicted: Document, gold: Document) -> list[Judgement]:
        """Return which entities are right, and what is wrong with the others."""
        return judge_spans(ENTITIES, predicted.entities, self.gold(gold).entities)

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
        self.calibrate_spans((d.entities, g.entities) for d, g in zip(predict(), golds, strict=True))


def _only(document: Document, label: str) -> Document:
    return replace(document, entities=tuple(e for e in document.entities if e.label == label))


def _scripts(text: str) -> set[str]:
    """Return the scripts of a text's letters, as Unicode names them: LATIN, CJK, CYRILLIC..."""
    return {unicodedata.name(c, "").split(" ")[0].split("-")[0] for c in text if c.isalpha()}
