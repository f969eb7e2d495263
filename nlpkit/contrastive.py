"""Classification from few examples: the adapter is tuned by contrast, then the head is solved for.

Sentence embeddings of one label are drawn together and others apart, as in SetFit (Tunstall et al. 2022,
arXiv:2209.11055). There two texts are read for one comparison; here every text of a batch is compared with every other.
The adapter is then taken back half way to where it began, as few examples carry it too far (after Wortsman et al. 2022,
arXiv:2109.01903), and the classes are a logistic regression on the embeddings of all examples. Words for a label may be
one more example of it (`options.classification.words`).
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from nlpkit.adapters import Adapted
from nlpkit.backbone import Backbone
from nlpkit.data.batches import BATCH_PIECES, token_budget
from nlpkit.data.splits import tests
from nlpkit.errors import RecipeError
from nlpkit.heads.classification import ClassificationHead
from nlpkit.heads.labelling import in_words
from nlpkit.objectives import Heads, Scores, Teacher
from nlpkit.recipes import Recipe
from nlpkit.text import Window
from nlpkit.trunks import Trunks
from nlpkit.types import Document, Label

_PENALTY = 0.01
"""Little: classes that are many, or near each other, need steep weights on vectors of length 1."""


class Contrast(Heads):
    """A classification head of one label a text, on an adapter that is tuned by contrast.

    Where there are no documents to choose on, no probability can be fitted honestly, the adapter having seen every
    example: labels then come without a score.

    Raises:
        RecipeError: the head has a hidden layer, texts have several labels, or there are words for an unknown one.

    """

    def __init__(self, recipe: Recipe, folder: Path, adapted: Adapted, graph: Teacher | None = None) -> None:
        super().__init__(recipe, folder, adapted, graph)
        self.head = cast(ClassificationHead, self.heads[0])
        if self.head.multi or self.head.width:
            raise RecipeError(
                f"training.contrast with options.classification.width = {self.head.width}, multi = {self.head.multi}; "
                "allowed: width = 0 and texts of one label each, or leave training.contrast out"
            )
        self.head.unit = True
        words = recipe.options.get(self.head.kind, {}).get("words")
        if words is not None:
            self._read_words(in_words(self.head.kind, words, self.head.labels))
        self.windows = [[w for w in self.windows[0] if self._label(w) >= 0]]
        self._first = [p.detach().clone() for p in self._tuned()]
        self._alike: dict[int, list[Window]] = defaultdict(list)
        for window in self.windows[0]:
            self._alike[self._label(window)].append(window)

    def _read_words(self, words: Sequence[str]) -> None:
        """Take the words for each label for one more example of it."""
        own = {label: Label(label) for label in self.head.labels}
        texts = [Document(text, id=text, labels={self.head.kind: own[k]}) for k, text in zip(own, words, strict=True)]
        self.windows[0] += self._worth_reading(texts, len(self.train_docs), [0], random.Random(0))
        self.train_docs += texts
        self._set_of += [0] * len(texts)

    def _label(self, window: Window) -> int:
        label: int = self.targets[id(window)][0]
        return label

    def loss(self, model: Backbone, batch: Sequence[Window], trunks: Trunks | None) -> Tensor:
        """Return the contrastive loss of a batch, in which no label stands alone."""
        paired = [*batch, *self._partners(batch)]
        vectors = self.head.vectors(self.hidden(model, paired, trunks))
        labels = torch.tensor([self._label(w) for w in paired])
        return contrastive(vectors, labels)

    def _partners(self, batch: Sequence[Window]) -> Iterator[Window]:
        """Yield a window for each label that a batch has once; where there is no other, dropout makes two of it."""
        counts = Counter(map(self._label, batch))
        for window in batch:
            alike = self._alike[self._label(window)]
            if counts[self._label(window)] == 1:
                others = [w for w in alike if w is not window] or alike
                yield others[int(torch.randint(len(others), ()))]

    def dev_scores(self, model: Backbone, trunks: Trunks | None) -> Scores:
        """Score the head that is solved for at this point on the documents to choose on."""
        if not self.sizes["dev"]:
            return {}
        tuned = [p.detach().clone() for p in self._tuned()]
        self._go_half_way()
        self._solve(model)
        scores = super().dev_scores(model, trunks)
        with torch.no_grad():
            for parameter, value in zip(self._tuned(), tuned, strict=True):
                parameter.copy_(value)
        return scores

    def final_scores(self, model: Backbone, trunks: Trunks | None, *, test: bool) -> dict[str, Scores]:
        """Take the adapter back half way, solve for the head, calibrate it if there are documents to, and score it."""
        self._go_half_way()
        self._solve(model)
        if self.sizes["dev"]:
            return super().final_scores(model, trunks, test=test)
        self.head.calibration = None
        reported = tests(self.recipe.data, self.folder) if test else []
        return {"test": self._scores(model, self.heads, reported)} if reported else {}

    def _tuned(self) -> list[nn.Parameter]:
        return [p for name in self.adapted.names for _, p in self.adapted.named_parameters(name)]

    def _go_half_way(self) -> None:
        """Put the adapter between where it began and where it is, and round it to what is shipped."""
        with torch.no_grad():
            for parameter, first in zip(self._tuned(), self._first, strict=True):
                parameter.copy_(first.lerp(parameter, 0.5).half().float())

    def _solve(self, model: Backbone) -> None:
        """Solve for the head on the embeddings of all examples, and round it to what is shipped."""
        batches = list(token_budget(self.windows[0], BATCH_PIECES))
        with torch.no_grad():
            vectors = torch.cat([self.head.vectors(model.hidden(batch)) for batch in batches])
        self.head.solve(vectors, [self._label(w) for batch in batches for w in batch], penalty=_PENALTY)
        with torch.no_grad():
            for parameter in self.head.parameters():
                parameter.copy_(parameter.half().float())


def contrastive(vectors: Tensor, labels: Tensor) -> Tensor:
    """Return how far cosines are from 1 for texts of one label and from 0 for others, a scalar.

    It is SetFit's loss of pairs, the squared error of their cosine, over all pairs of a batch; those of one label weigh
    as much as the others together, where SetFit draws as many of either.

    Args:
        vectors: of length 1. *Shape:* (n, width)
        labels: their numbers; one at least twice. *Shape:* (n,)

    """
    cosines, alike = vectors @ vectors.T, labels[:, None] == labels
    others = cosines[~alike].square()
    pairs = alike & ~torch.eye(len(vectors), dtype=torch.bool)
    return (1 - cosines[pairs]).square().mean() + (others.mean() if len(others) else 0.0)
