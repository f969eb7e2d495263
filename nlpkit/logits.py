"""What is done to a decoder's logits before the next piece is chosen, beside what transformers does itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    MinPLogitsWarper,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from nlpkit.decoding import Decoding

_NEVER = -1e9


class Matcher(Protocol):
    """Where a text stands in what it is bound to (see `nlpkit.constraints`)."""

    def allowed(self) -> Tensor:
        """Return whether each piece may come next. *Shape:* (n_vocabulary,), bool."""
        ...

    def after(self, piece: int) -> Matcher:
        """Return where the text stands with one more piece."""
        ...


class Draws(LogitsProcessor):
    """Makes the likeliest piece one drawn from the probabilities, by adding Gumbel noise (Gumbel 1954).

    Each row has a generator of its own, so that a draw depends neither on the batch nor on other threads.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return the noisy logits. *Shape:* (n_rows, n_vocabulary)."""
        noise = torch.stack([torch.rand(scores.shape[1], generator=g) for g in self._generators])
        tiny = torch.finfo(noise.dtype).tiny
        return scores.float() - (-noise.clamp(min=tiny).log()).clamp(min=tiny).log()


class Diverse(LogitsProcessor):
    """Keeps groups of beams apart (Vijayakumar et al. 2016): what groups before took at this step costs a penalty.

    The groups of one prompt are rows of the batch, each with beams of its own, so that transformers' beam search runs
    them as it runs any others. What it does not hand over, a beam's log-probability so far, is counted along.
    """

    def __init__(self, n_groups: int, n_beams: int, penalty: float, ends: Sequence[int]) -> None:
        self._n_groups, self._n_beams, self._penalty, self._ends = n_groups, n_beams, penalty, list(ends)
        self._before: list[dict[tuple[int, ...], Tensor]] = []

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return the penalised log-probabilities. *Shape:* (n_rows * n_beams, n_vocabulary)."""
        rows = scores.view(-1, self._n_beams, scores.shape[1]).clone()
        beams = input_ids.view(len(rows), self._n_beams, -1).tolist()
        totals = torch.zeros(rows.shape[:2])
        for row, group in enumerate(beams):
            for n, beam in enumerate(group):
                totals[row, n] = self._so_far(row, beam) if self._before else (_NEVER if n else 0.0)
        for first in range(0, len(rows), self._n_groups):
            taken = torch.zeros(scores.shape[1])
            for row in range(first, first + self._n_groups):
                rows[row] -= self._penalty * taken
                taken += self._chosen(totals[row, :, None] + rows[row])
        sums = totals[:, :, None] + rows
        self._before = [
            {tuple(beam): sums[row, n] for n, beam in reversed(list(enumerate(group)))}
            for row, group in enumerate(beams)
        ]
        return rows.view(scores.shape)

    def _so_far(self, row: int, beam: Sequence[int]) -> float:
        sums = self._before[row].get(tuple(beam[:-1]))
        return _NEVER if sums is None else float(sums[beam[-1]])

    def _chosen(self, sums: Tensor) -> Tensor:
        """Return how many of the beams that go on take each piece. *Shape:* (n_vocabulary,)."""
        n = min((len(self._ends) + 1) * self._n_beams, sums.numel())
        pieces = (sums.flatten().topk(n).indices % sums.shape[1]).tolist()
        counts = torch.zeros(sums.shape[1])
        for piece in [piece for piece in pieces if piece not in self._ends][: self._n_beams]:
            counts[piece] += 1
        return counts


class Unpadded(LogitsProcessor):
    """Lets transformers' own processors see each row without its padding, which they would take for text."""

    def __init__(self, inner: Sequence[LogitsProcessor], n_pads: Sequence[int]) -> None:
        self._inner, self._n_pads = inner, n_pads

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return the processed logits. *Shape:* (n_rows, n_vocabulary)."""
        rows = []
        for ids, row, n in zip(input_ids, scores, self._n_pads, strict=True):
            row = row[None]
            for process in self._inner:
                row = process(ids[None, n:], row)
            rows.append(row)
        return torch.cat(rows)


class Bound(LogitsProcessor):
    """Lets each row take only pieces that keep it within what it is bound to."""

    def __init__(self, matchers: Sequence[Matcher], n_prompt: int, n_beams: int) -> None:
        self._n_prompt = n_prompt
        self._known: list[dict[tuple[int, ...], Matcher]] = [{(): m} for m in matchers for _ in range(n_beams)]
        self._n_beams = n_beams

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return the logits, those of other pieces at minus infinity. *Shape:* (n_rows, n_vocabulary)."""
        allowed = torch.zeros(scores.shape, dtype=torch.bool)
        fresh: list[dict[tuple[int, ...], Matcher]] = [{} for _ in self._known]
        for row, written in enumerate(input_ids[:, self._n_prompt :].tolist()):
            first = row - row % self._n_beams
            matcher = self._known[first].get(tuple(written))
            if matcher is None:
                matcher = self._known[first][tuple(written[:-1])].after(written[-1])
            fresh[first][tuple(written)] = matcher
            mask = matcher.allowed()[: scores.shape[1]]
            allowed[row, : len(mask)] = mask
        self._known = fresh
        return scores.masked_fill(~allowed, float("-inf"))


def penalties(decoding: Decoding, n_pads: Sequence[int]) -> LogitsProcessorList:
    """Return what keeps a text from repeating itself; `n_pads` is how many pieces of each row are padding."""
    inner: list[LogitsProcessor] = []
    if decoding.repetition_penalty != 1.0:
        inner.append(RepetitionPenaltyLogitsProcessor(decoding.repetition_penalty))
    if decoding.no_repeat_ngram_size:
        inner.append(NoRepeatNGramLogitsProcessor(decoding.no_repeat_ngram_size))
    return LogitsProcessorList([Unpadded(inner, n_pads)] if inner else [])


def warpers(decoding: Decoding, seeds: Sequence[int]) -> LogitsProcessorList:
    """Return what draws pieces as the settings say; nothing where none are drawn."""
    chain = LogitsProcessorList()
    if not decoding.do_sample:
        return chain
    if decoding.temperature != 1.0:
        chain.append(TemperatureLogitsWarper(decoding.temperature))
    if decoding.top_k:
        chain.append(TopKLogitsWarper(decoding.top_k))
    if decoding.top_p < 1.0:
        chain.append(TopPLogitsWarper(decoding.top_p))
    if decoding.min_p:
        chain.append(MinPLogitsWarper(decoding.min_p))
    chain.append(Draws(seeds))
    return chain
