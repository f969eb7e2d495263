"""A question head that is told what to find, and kits that have it: to test all around it."""

import torch

from nlpkit.adapters import Adapted
from nlpkit.checkpoint import Task
from nlpkit.engine import Reading
from nlpkit.heads.qa import QaHead
from nlpkit.kit import Kit
from nlpkit.recipes import from_dict
from nlpkit.testing import fake_backbone

READING = Reading(64, 16, 512)


class Told(QaHead):
    """A head that is told which characters to like: each window's best span is where `wanted` stands, if it does."""

    wanted = ""
    strength = 10.0

    def logits(self, hidden, windows):
        start, end = (torch.full(hidden.mask.shape, -5.0) for _ in range(2))
        for row, window in enumerate(windows):
            outside = torch.from_numpy(window.offsets[:, 0] < 0)
            start[row, : len(window)][outside] = end[row, : len(window)][outside] = -1e4
            start[row, len(window) :] = end[row, len(window) :] = -1e4
            at = window.text.find(self.wanted) if self.wanted else -1
            first, stop = window.pieces(at, at + len(self.wanted)) if at >= 0 else (0, 0)
            if stop > first:
                start[row, first], end[row, stop - 1] = self.strength, self.strength
        return start, end, torch.zeros(len(windows), 1)


def told(wanted, **options):
    head = Told(16, **options).eval()
    head.wanted = wanted
    return head


def kit_with(*heads):
    """Return a kit on a backbone of its own, with a task "asked" that has these heads."""
    adapted = Adapted(fake_backbone())
    kit = Kit(adapted)
    if heads:
        recipe = from_dict(
            {"title": "t", "heads": [h.kind for h in heads], "licence": "none", "data": {"format": "f", "train": "t"}}
        )
        adapted.add("asked", recipe.adapter)
        kit.add(Task("asked", recipe, adapted, list(heads), READING, {}))
    return kit
