"""The intent of an utterance and the slots that it fills ("fly to [city Rome] on [day Monday]"), learnt jointly.

The slots are tagged as entities are (see `tagging.py`), the intent is a linear map on one vector of the utterance,
and both losses flow into the same adapter (Chen et al. 2019, "BERT for joint intent classification and slot filling").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nlpkit.backbone import Hidden
from nlpkit.errors import DataError
from nlpkit.heads.base import Decision, above_others, check_options, in_core, surest
from nlpkit.heads.labelling import Pool, averaged, check_labels, sharpness, softmax, with_scores, without
from nlpkit.heads.tagging import Tagger, span_decisions, without_overlaps
from nlpkit.judging import SLOTS, Judgement, judge_labels, judge_spans
from nlpkit.metrics import Counts, entity_counts, label_counts, label_names, total
from nlpkit.resampling import Tally, counted, means, scores_of
from nlpkit.text import Window
from nlpkit.types import Document, Label

Targets = tuple[NDArray[np.int64], int]
"""The tag number of each word, and the number of the intent, -1 where it is not known."""


class SlotsHead(Tagger):
    """Finds `document.slots` and the intent, `document.labels["slots"]`.

    Args:
        hidden_width: width of the backbone's states.
        labels: kinds of slot, in the order of the tags.
        intents: the intents, in the order of the classes.
        width: width of the hidden layer and of the LSTM's output.
        shape_width: width of the embedding of a word's shape.
        dropout: share of the inputs dropped in training.
        pool: how an utterance becomes one vector (see `labelling.Pool`).
        intent_weight: what the intent's loss weighs beside the slots'.
        calibration: slope and offset that make a score of a slot's mean log-odds (Platt 1999).
        intent_sharpness: 1 / temperature of the intents' probabilities (Guo et al. 2017).

    """

    kind: ClassVar[str] = "slots"
    needs: ClassVar[tuple[str, ...]] = ()
    reads_attention: ClassVar[bool] = False
    reads_query: ClassVar[bool] = False

    def __init__(
        self,
        hidden_width: int,
        labels: Sequence[str],
        intents: Sequence[str],
        *,
        width: int = 256,
        shape_width: int = 16,
        dropout: float = 0.2,
        pool: str = "auto",
        intent_weight: float = 1.0,
        calibration: Sequence[float] = (1.0, 0.0),
        intent_sharpness: float = 1.0,
    ) -> None:
        super().__init__(
            hidden_width, labels, width=width, shape_width=shape_width, dropout=dropout, calibration=calibration
        )
        self.intents, self.intent_weight, self.intent_sharpness = tuple(intents), intent_weight, intent_sharpness
        self._keeps_scores = False
        self.pool = Pool(pool, hidden_width)
        self.intent = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden_width, len(self.intents)))

    @classmethod
    def fit(cls, golds: Sequence[Document], hidden_width: int, options: Mapping[str, Any]) -> SlotsHead:
        """Make a fresh head for the slots and intents in the gold documents.

        Raises:
            DataError: there is no slot, or fewer than two intents.
            RecipeError: an unknown option or value.

        """
        known = ("width", "shape_width", "dropout", "pool", "intent_weight")
        check_options(cls.kind, options, known)
        labels = {e.label for d in golds for e in d.slots}
        intents = set[str]().union(*(label_names(d, cls.kind) for d in golds))
        if not labels:
            raise DataError("the training documents have no slots; for intents alone take the head 'classification'")
        check_labels(intents, "slots (the intent)")
        return cls(hidden_width, sorted(labels), sorted(intents), **options)

    def config(self) -> dict[str, Any]:
        """Return what `from_config` needs, as plain JSON types."""
        return {
            "hidden_width": self.hidden_width,
            "labels": list(self.labels),
            "intents": list(self.intents),
            "width": self.width,
            "shape_width": self.shape_width,
            "dropout": self.dropout,
            "pool": self.pool.how,
            "intent_weight": self.intent_weight,
            "calibration": list(self.calibration),
            "intent_sharpness": self.intent_sharpness,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> SlotsHead:
        """Make a head of the same shape."""
        return cls(**config)

    def gold(self, document: Document) -> Document:
        """Return the document with its intent and its slots; of overlapping ones the longer."""
        labels = {k: v for k, v in document.labels.items() if k == self.kind}
        return replace(document, slots=without_overlaps(document.text, document.slots), labels=labels)

    def targets(self, window: Window, gold: Document) -> Targets:
        """Return the tag number of each word, and the intent's number (-1 where there is none)."""
        intent = next((self.intents.index(name) for name in label_names(gold, self.kind)), -1)
        return self.tags(window, gold.slots), intent

    def loss(self, hidden: Hidden, windows: Sequence[Window], targets: Sequence[Targets]) -> Tensor:
        """Return the cross-entropy of the tags, averaged over words, and that of the intents, over utterances."""
        slots = self.tag_loss(hidden, windows, [tags for tags, _ in targets])
        intents = torch.tensor([intent for _, intent in targets])
        if not (intents >= 0).any():
            return slots
        logits = self.intent(self.pool(hidden))
        return slots + self.intent_weight * nn.functional.cross_entropy(logits, intents, ignore_index=-1)

    def decode(self, hidden: Hidden, windows: Sequence[Window], found: Sequence[Document]) -> list[Document]:
        """Return each window's document with its slots, and the scores of the intents in `metadata`."""
        scores = self.intent(self.pool(hidden)).log_softmax(-1)
        return [
            with_scores(replace(document, slots=tuple(slots)), self.kind, row)
            for document, slots, row in zip(found, self.spans(hidden, windows), scores, strict=True)
        ]

    def merge(self, parts: Sequence[tuple[Window, Document]], merged: Document) -> Document:
        """Return the document with the slots that start in the core of their window, and one intent for all."""
        labels, metadata = without(dict(merged.labels), self.kind), dict(merged.metadata)
        if parts:
            scores = averaged(parts, self.kind)
            probabilities = softmax(self.intent_sharpness * scores)
            best = int(probabilities.argmax())
            labels[self.kind] = Label(self.intents[best], float(probabilities[best]))
            if self._keeps_scores:
                metadata[self.kind] = scores
        return replace(merged, slots=in_core(parts, lambda d: d.slots), labels=labels, metadata=metadata)

    def decisions(self, document: Document, label: str | None = None) -> list[Decision]:
        """Return the intent, and the slots, the surest first; or the intent asked for, whether chosen or not."""
        chosen = document.labels.get(self.kind)
        intents = [Decision(chosen.label, (), chosen.score)] if chosen and label in (None, chosen.label) else []
        found = [*intents, *surest(span_decisions(document.slots), label)]
        return found or [Decision(label)] * (label in self.intents) if label is not None else found

    def margin(self, hidden: Hidden, window: Window, document: Document, decision: Decision) -> Tensor:
        """Return the log-odds of the intent, or the mean ones of the tags of a slot's words. *Shape:* (n_rows,)."""
        if decision.places:
            return self.span_margin(hidden, window, decision)
        return above_others(self.intent(self.pool(hidden)), self.intents.index(decision.label))

    def score(self, predicted: Sequence[Document], golds: Sequence[Document]) -> dict[str, float]:
        """Return micro F1 of slots, strict in characters and kind, and the accuracy of intents where gold has one."""
        return scores_of(self.tallies(predicted, golds))

    def tallies(self, predicted: Sequence[Document], golds: Sequence[Document]) -> list[Tally]:
        """Return F1 of slots and the accuracy of intents as sums over documents."""
        documents = list(zip(predicted, golds, strict=True))
        right = [label_names(p, self.kind) == label_names(g, self.kind) for p, g in documents]
        return [
            counted([self._slot_counts(p, g) for p, g in documents], prefix="slot_", scores=("f1",)),
            means({"intent_accuracy": right}, [self.kind in g.labels for g in golds]),
        ]

    def judge(self, predicted: Document, gold: Document) -> list[Judgement]:
        """Return which slots are right, what is wrong with the others, and whether the intent is right."""
        slots = judge_spans(SLOTS, predicted.slots, self.gold(gold).slots)
        return slots + judge_labels("intent", predicted.labels.get(self.kind), gold.labels.get(self.kind))

    def _slot_counts(self, predicted: Document, gold: Document, label: str | None = None) -> Counts:
        """Count slots with the same characters and the same kind; those of one kind alone if `label` is given."""
        found, true = (
            replace(d, entities=tuple(e for e in d.slots if label in (None, e.label)))
            for d in (predicted, self.gold(gold))
        )
        return entity_counts(found, true)

    def per_label(self, predicted: Sequence[Document], golds: Sequence[Document]) -> dict[str, dict[str, float]]:
        """Return precision, recall and F1 of each kind of slot, and of each intent as "intent: NAME"."""
        documents = list(zip(predicted, golds, strict=True))
        slots = {label: total(self._slot_counts(p, g, label) for p, g in documents) for label in self.labels}
        counts = label_counts((label_names(p, self.kind), label_names(g, self.kind)) for p, g in documents)
        intents = {f"intent: {name}": counts.get(name, Counts()) for name in self.intents}
        return {name: count.to_dict() for name, count in {**slots, **intents}.items()}

    def calibrate(self, predict: Callable[[], list[Document]], golds: Sequence[Document]) -> None:
        """Fit the slots' scores and the intents' probabilities to how often they are right."""
        self.calibration, self.intent_sharpness, self._keeps_scores = (1.0, 0.0), 1.0, True
        try:
            documents = predict()
        finally:
            self._keeps_scores = False
        pairs = list(zip(documents, golds, strict=True))
        self.calibrate_spans((d.slots, g.slots) for d, g in pairs)
        known = [
            (d.metadata[self.kind], self.intents.index(name))
            for d, g in pairs
            for name in label_names(g, self.kind)
            if name in self.intents and self.kind in d.metadata
        ]
        self.intent_sharpness = sharpness([row for row, _ in known], [number for _, number in known])
