"""What a training run learns for: heads on an adapter here, what a decoder writes in `nlpkit.pairs`."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from nlpkit import checkpoint, engine
from nlpkit.adapters import Adapted
from nlpkit.backbone import Backbone, Hidden
from nlpkit.card import label_names
from nlpkit.data.augmentation import augmented
from nlpkit.data.splits import split, tests
from nlpkit.engine import Cut, Reading
from nlpkit.errors import DataError, RecipeError
from nlpkit.heads import head_class, in_order
from nlpkit.heads.base import Head, Worded, worth
from nlpkit.quick import quicken, rounded
from nlpkit.recipes import Recipe
from nlpkit.scoring import given_to, read_to_score, scores_of, texts_of
from nlpkit.text import Window
from nlpkit.trunks import Trunks
from nlpkit.types import Document

Scores = dict[str, float]


class Teacher(Protocol):
    """What makes of documents what heads learn from: a KnowledgeGraph, of questions with their answers."""

    def lessons(self, documents: Sequence[Document]) -> list[Document]:
        """Return the documents as heads learn from them."""
        ...


class Objective(Protocol):
    """What a run trains beside its adapter, on which windows, by which loss, and how it is scored.

    Attributes:
        heads: the heads that are saved with the adapter, in the order of their needs.
        reading: how texts are cut when the task is used.
        windows: what is trained on, for each data set.
        sizes: the number of documents to train and to choose on.

    """

    heads: list[Head]
    reading: Reading
    windows: list[list[Window]]
    sizes: dict[str, int]

    def __init__(self, recipe: Recipe, folder: Path, adapted: Adapted, graph: Teacher | None = None) -> None:
        """Read a recipe's data from a folder; learn on the adapter that is trained, on a graph if there is one."""
        ...

    @property
    def modules(self) -> list[nn.Module]:
        """What is trained beside the adapter."""
        ...

    @property
    def dev_windows(self) -> Sequence[Window]:
        """What is chosen on, as far as heads read it."""
        ...

    def loss(self, model: Backbone, batch: Sequence[Window], trunks: Trunks | None) -> Tensor:
        """Return the loss of a batch of windows of one data set, a scalar; `trunks` holds where to go on from."""
        ...

    def names(self, batch: Sequence[Window]) -> list[str]:
        """Return the ids of a batch's documents, for messages."""
        ...

    def dev_scores(self, model: Backbone, trunks: Trunks | None) -> Scores:
        """Score the documents to choose on; `trunks` holds where their windows go on from."""
        ...

    def merit(self, scores: Scores) -> float:
        """Return what a state is chosen by, from its dev scores: the more the better."""
        ...

    def final_scores(self, model: Backbone, trunks: Trunks | None, *, test: bool) -> dict[str, Scores]:
        """Calibrate what was trained, and score it on the documents to choose on and, for `test`, those to report."""
        ...


class Heads:
    """The heads of a recipe, each on the data set that is its own."""

    def __init__(self, recipe: Recipe, folder: Path, adapted: Adapted, graph: Teacher | None = None) -> None:
        self.recipe, self.folder, self.adapted = recipe, folder, adapted
        self._taught: Callable[[list[Document]], list[Document]] = graph.lessons if graph else list
        spec = recipe.training
        read = [split(own, folder) for own in recipe.sets]
        parts = [(self._taught(train), self._taught(dev)) for train, dev in read]
        self.sizes = {name: sum(len(part[n]) for part in parts) for n, name in enumerate(("train", "dev"))}
        parts = [(augmented(train, recipe.augmentation, spec.seed), dev) for train, dev in parts]
        self.train_docs = [d for train, _ in parts for d in train]
        self.dev_docs = [dev for _, dev in parts]
        home = {kind: n for n, own in enumerate(recipe.sets) for kind in own.heads}
        self.heads = [
            head_class(kind).fit(parts[home[kind]][0], adapted.backbone.hidden_width, recipe.options.get(kind, {}))
            for kind in in_order(recipe.heads)
        ]
        for head in self.heads:
            if isinstance(head, Worded) and (words := head.begins_with):
                head.begin_from(torch.from_numpy(adapted.backbone.embed(words)))
        if recipe.start:
            self.heads = _going_on(recipe.start, adapted, self.heads)
        self.learners = [[n for n, h in enumerate(self.heads) if home[h.kind] == k] for k in range(len(parts))]
        for module in self.modules:
            quicken(module)
        self.reading = Reading(spec.window, spec.window - spec.stride)
        self._dev_windows = [engine.windows_of(adapted.backbone, dev, self.reading) for dev in self.dev_docs]
        draws = random.Random(spec.seed)
        self.windows: list[list[Window]] = []
        self.targets: dict[int, list[Any]] = {}
        self._set_of: list[int] = []
        for number, (train, _) in enumerate(parts):
            self.windows.append(self._worth_reading(train, len(self._set_of), self.learners[number], draws))
            self._set_of += [number] * len(train)
            if not self.windows[-1]:
                raise DataError(
                    f"no text to train on in {folder / recipe.sets[number].folder / recipe.sets[number].train}"
                )

    def _worth_reading(
        self, documents: Sequence[Document], first: int, learners: Sequence[int], draws: random.Random
    ) -> list[Window]:
        """Return a data set's windows that are worth training on, and note their targets for the heads that learn.

        `first` is the number of the first document among those of all sets.
        """
        heads = [self.heads[n] for n in learners]
        kept = []
        for number, document in enumerate(documents, first):
            golds = [head.gold(document) for head in heads]
            for window in self.reading.windows(self.adapted.backbone, document, number):
                draw = draws.random()
                if any(worth(head, window, gold, draw) for head, gold in zip(heads, golds, strict=True)):
                    kept.append(window)
                    targets = [head.targets(window, gold) for head, gold in zip(heads, golds, strict=True)]
                    self.targets[id(window)] = targets
        return kept

    @property
    def dev_windows(self) -> list[Window]:
        """The windows of all dev documents."""
        return [*chain(*self._dev_windows)]

    @property
    def modules(self) -> list[nn.Module]:
        """The heads, as modules."""
        return [head for head in self.heads if isinstance(head, nn.Module)]

    def learning(self, batch: Sequence[Window]) -> list[Head]:
        """Return the heads that learn from a batch."""
        return [self.heads[n] for n in self.learners[self._set_of[batch[0].document]]]

    def loss(self, model: Backbone, batch: Sequence[Window], trunks: Trunks | None) -> Tensor:
        """Return the sum of the losses of the heads that learn from this batch."""
        heads = self.learning(batch)
        hidden = self.hidden(model, batch, trunks, attention=any(h.reads_attention for h in heads))
        losses = [head.loss(hidden, batch, [self.targets[id(w)][n] for w in batch]) for n, head in enumerate(heads)]
        return torch.stack(losses).sum()

    def hidden(
        self, model: Backbone, batch: Sequence[Window], trunks: Trunks | None, *, attention: bool = False
    ) -> Hidden:
        """Return what the model makes of a batch in a training step."""
        spec, given = self.recipe.training, trunks.of(batch) if trunks else None
        with rounded(spec.bf16, model.device):
            return model.hidden(batch, attention=attention, hide=spec.hide, given=given)

    def names(self, batch: Sequence[Window]) -> list[str]:
        """Return the ids of a batch's documents."""
        return sorted({self.train_docs[w.document].id for w in batch})

    def dev_scores(self, model: Backbone, trunks: Trunks | None) -> Scores:
        """Score each head on the dev documents, with what it needs given (no head pays for another's mistakes)."""
        scores: Scores = {}
        for number, (golds, learners) in enumerate(zip(self.dev_docs, self.learners, strict=True)):
            if not golds:
                continue
            heads = [self.heads[n] for n in learners]
            groups = [([head], [given_to(head, d) for d in golds]) for head in heads]
            reads = engine.read_apart(model, groups, self.reading, cut=self._dev_cut(number, trunks))
            for head, found in zip(heads, reads, strict=True):
                scores |= {f"{head.kind}_{k}": v for k, v in head.score(found, golds).items()}
        return scores

    def _dev_cut(self, number: int, trunks: Trunks | None) -> Cut:
        """Return the windows of a data set's dev documents, and where they go on from."""
        return Cut(self._dev_windows[number], trunks.of if trunks else None)

    def merit(self, scores: Scores) -> float:
        """Return the sum of what ends with "f1" or "accuracy"."""
        return sum(v for k, v in scores.items() if k.endswith("f1") or k.endswith("accuracy"))

    def final_scores(self, model: Backbone, trunks: Trunks | None, *, test: bool) -> dict[str, Scores]:
        """Calibrate the heads on the dev documents (on those trained on where there are none), and score them.

        What was trained on is not scored: of a data set without dev documents there are no dev scores.
        """
        scores: dict[str, Scores] = {}
        for number, (spec, learners) in enumerate(zip(self.recipe.sets, self.learners, strict=True)):
            own = [d for n, d in zip(self._set_of, self.train_docs, strict=True) if n == number]
            golds, heads = self.dev_docs[number] or own, [self.heads[n] for n in learners]
            cut = self._dev_cut(number, trunks) if self.dev_docs[number] else None
            for n, head in enumerate(heads):
                head.calibrate(partial(self._read, model, heads[: n + 1], golds, cut), golds)
            if self.dev_docs[number]:
                scores["dev"] = scores.get("dev", {}) | self._scores(model, heads, golds, cut)
            if test and (reported := self._taught(tests(spec, self.folder))):
                scores["test"] = scores.get("test", {}) | self._scores(model, heads, reported)
        return scores

    def _read(
        self, model: Backbone, heads: Sequence[Head], golds: Sequence[Document], cut: Cut | None
    ) -> list[Document]:
        return engine.read_apart(model, [(heads, texts_of(golds, heads))], self.reading, cut=cut)[0]

    def _scores(
        self, model: Backbone, heads: Sequence[Head], golds: Sequence[Document], cut: Cut | None = None
    ) -> Scores:
        by_kind = len(self.heads) > 1
        return scores_of(read_to_score(model, heads, golds, self.reading, by_kind=by_kind, cut=cut), golds)


def _going_on(start: str, adapted: Adapted, fresh: Sequence[Head]) -> list[Head]:
    """Return the heads of a trained adapter, to be trained further on documents that these heads were made for.

    Raises:
        RecipeError: they are of other kinds, or do not know a label of the documents.

    """
    heads = {head.kind: head for head in checkpoint.load(checkpoint.locate(start), Adapted(adapted.backbone)).heads}
    for head in fresh:
        if head.kind not in heads:
            raise RecipeError(f"{start} has no head {head.kind!r} to go on from; it has: {', '.join(heads)}")
        known = label_names(heads[head.kind].config())
        if unknown := [label for label in label_names(head.config()) if label not in known]:
            raise RecipeError(
                f"{start} does not know the label {unknown[0]!r} of the new data; it knows: {', '.join(known)} "
                "(rename the labels, or train anew on the old and the new data together)"
            )
    going = [heads[head.kind] for head in fresh]
    for module in going:
        assert isinstance(module, nn.Module)
        module.requires_grad_(True)
    return going
