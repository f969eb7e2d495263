"""Classification from few examples: the adapter is tuned by contrast, then the head is solved for.

Sentence embeddings of one label are drawn together and others apart, as in SetFit (Tunstall et al. 2022,
arXiv:2209.11055), but by the supervised contrastive loss (Khosla et al. 2020, arXiv:2004.11362): it compares every text
of a batch with every other, where pairs read two texts for one comparison. The classes are then a logistic regression
on the embeddings of all examples.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from nlpkit.adapters import Adapted
from nlpkit.backbone import Backbone
from nlpkit.data.batches import BATCH_PIECES, token_budget
from nlpkit.data.splits import tests
from nlpkit.errors import RecipeError
from nlpkit.heads.classification import ClassificationHead
from nlpkit.objectives import Heads, Scores
from nlpkit.recipes import Recipe
from nlpkit.text import Window
from nlpkit.trunks import Trunks


class Contrast(Heads):
    """A classification head of one label a text, on an adapter that is tuned by contrast.

    Where there are no documents to choose on, no probability can be fitted honestly, the adapter having seen every
    example: labels then come without a score.

    Raises:
        RecipeError: the head has a hidden layer, or texts have several labels.

    """

    def __init__(self, recipe: Recipe, folder: Path, adapted: Adapted) -> None:
        super().__init__(recipe, folder, adapted)
        self.head = cast(ClassificationHead, self.heads[0])
        if self.head.multi or self.head.width:
            raise RecipeError(
                f"training.contrast with options.classification.width = {self.head.width}, multi = {self.head.multi}; "
                "allowed: width = 0 and texts of one label each, or leave training.contrast out"
            )
        self.head.unit = True
        self.windows = [[w for w in self.windows[0] if self._label(w) >= 0]]
        self._alike: dict[int, list[Window]] = defaultdict(list)
        for window in self.windows[0]:
            self._alike[self._label(window)].append(window)

    def _label(self, window: Window) -> int:
        label: int = self.targets[id(window)][0]
        return label

    def loss(self, model: Backbone, batch: Sequence[Window], trunks: Trunks | None) -> Tensor:
        """Return the contrastive loss of a batch, in which no label stands alone."""
        paired = [*batch, *self._partners(batch)]
        vectors = self.head.vectors(self.hidden(model, paired, trunks))
        labels = torch.tensor([self._label(w) for w in paired])
        return contrastive(vectors, labels, self.recipe.training.contrast or 1.0)

    def _partners(self, batch: Sequence[Window]) -> Iterator[Window]:
        """Yield a window for each label that a batch has once; where there is no other, dropout makes two of it."""
        counts = Counter(map(self._label, batch))
        for window in batch:
            alike = self._alike[self._label(window)]
            if counts[self._label(window)] == 1:
                others = [w for w in alike if w is not window] or alike
                yield others[int(torch.randint(len(others), ()))]

    def dev_scores(self, model: Backbone) -> Scores:
        """Score the head that is solved for at this point on the documents to choose on."""
        if not self.sizes["dev"]:
            return {}
        self._solve(model)
        return super().dev_scores(model)

    def final_scores(self, model: Backbone, *, test: bool) -> dict[str, Scores]:
        """Solve for the head, calibrate it where there are documents to do so, and score it."""
        self._solve(model)
        if self.sizes["dev"]:
            return super().final_scores(model, test=test)
        self.head.calibration = None
        reported = tests(self.recipe.data, self.folder) if test else []
        return {"test": self._scores(model, self.heads, reported)} if reported else {}

    def _solve(self, model: Backbone) -> None:
        """Solve for the head on the embeddings of all examples, and round it to what is shipped."""
        batches = list(token_budget(self.windows[0], BATCH_PIECES))
        with torch.no_grad():
            vectors = torch.cat([self.head.vectors(model.hidden(batch)) for batch in batches])
        self.head.solve(vectors, [self._label(w) for batch in batches for w in batch])
        with torch.no_grad():
            for parameter in self.head.parameters():
                parameter.copy_(parameter.half().float())


def contrastive(vectors: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Return the supervised contrastive loss (Khosla et al. 2020, the sum outside the logarithm), a scalar.

    Args:
        vectors: of length 1. *Shape:* (n, width)
        labels: their numbers; each at least twice. *Shape:* (n,)
        temperature: what cosines are divided by.

    """
    own = torch.eye(len(vectors), dtype=torch.bool)
    shares = (vectors @ vectors.T / temperature).masked_fill(own, -math.inf).log_softmax(1)
    alike = (labels[:, None] == labels) & ~own
    return -(shares.masked_fill(~alike, 0.0).sum(1) / alike.sum(1)).mean()
