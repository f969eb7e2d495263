"""Which examples a prompt shows: all where they are few, else those nearest to the text, and not all alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts -> vectors of length 1. *Shape:* (n_texts, width)."""

_RELEVANCE = 0.7
"""What nearness to the text weighs against nearness to what is chosen already (Carbonell & Goldstein 1998)."""


@dataclass(frozen=True, slots=True)
class Shot:
    """An example as a prompt shows it: a text and the answer to it."""

    text: str
    answer: str


class Chooser:
    """Chooses at most `k` of some examples for each text."""

    def __init__(self, shots: Sequence[Shot], k: int, embed: Embed) -> None:
        self.shots, self._k, self._embed = tuple(shots), k, embed
        self._vectors: NDArray[np.float32] | None = None

    def chosen(self, texts: Sequence[str]) -> list[tuple[Shot, ...]]:
        """Return the examples for each text, the nearest last; all of them in their order where there are few."""
        if len(self.shots) <= self._k or not self._k:
            return [self.shots if self._k else ()] * len(texts)
        if self._vectors is None:
            self._vectors = self._embed([shot.text for shot in self.shots])
        among = self._vectors @ self._vectors.T
        near = self._embed(list(texts)) @ self._vectors.T
        return [tuple(self.shots[n] for n in reversed(self._best(row, among))) for row in near]

    def _best(self, near: NDArray[np.float32], among: NDArray[np.float32]) -> list[int]:
        """Return the numbers of the examples by maximal marginal relevance, the best first."""
        best: list[int] = []
        likest = np.zeros(len(near), dtype=np.float32)
        for _ in range(self._k):
            worth = _RELEVANCE * near - (1 - _RELEVANCE) * likest
            worth[best] = -np.inf
            best.append(int(worth.argmax()))
            likest = np.maximum(likest, among[best[-1]])
        return sorted(best, key=lambda n: -near[n])
