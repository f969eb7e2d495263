"""Batches by a budget of pieces: windows of like length together, so that little is padding."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from nlpkit.text import Window


def token_budget(windows: Sequence[Window], pieces: int, rng: random.Random | None = None) -> Iterator[list[Window]]:
    """Yield batches, longest windows first, each at most `pieces` pieces with its padding (at least one window).

    With `rng` windows of like length are shuffled among themselves and the batches come in random order.
    """
    noise = [rng.uniform(0.9, 1.1) if rng else 1.0 for _ in windows]
    keyed = sorted(((len(w) * noise[n], n) for n, w in enumerate(windows)), key=lambda kn: (-kn[0], kn[1]))
    batches: list[list[Window]] = []
    longest = 0
    for _, n in keyed:
        longest = max(longest, len(windows[n])) if batches and batches[-1] else len(windows[n])
        if not batches or (len(batches[-1]) + 1) * longest > pieces:
            batches.append([])
            longest = len(windows[n])
        batches[-1].append(windows[n])
    if rng:
        rng.shuffle(batches)
    yield from batches
