"""Batches by a budget of pieces: windows of like length together, so that little is padding."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from nlpkit.text import Window

BATCH_PIECES = 1024
"""Pieces read at once, padding included: so many that every core has work, so few that a layer's inner states stay in
the processor's cache (`docs/decisions.md`)."""


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


def mixed(
    sets: Sequence[Sequence[Window]], pieces: int, n_batches: int, temperature: float, rng: random.Random
) -> Iterator[list[Window]]:
    """Yield so many batches, each of one of the sets, drawn with temperature (see `nlpkit.recipes.TrainingSpec`).

    Of a single set they come as `token_budget` gives them. A set that is used up begins anew, in another order.
    """
    streams = [_again(windows, pieces, rng) for windows in sets]
    sizes = [sum(1 for _ in token_budget(windows, pieces)) for windows in sets]
    weights = [size ** (1 / temperature) for size in sizes]
    for _ in range(n_batches):
        yield next(streams[rng.choices(range(len(sets)), weights)[0] if len(sets) > 1 else 0])


def _again(windows: Sequence[Window], pieces: int, rng: random.Random) -> Iterator[list[Window]]:
    while True:
        yield from token_budget(windows, pieces, rng)
