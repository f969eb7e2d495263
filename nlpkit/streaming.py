"""A text while it is written: what ends it, and which parts of it can be shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from threading import Event
from typing import Any

import torch
from torch import Tensor
from transformers import StoppingCriteria

from nlpkit.text import sentences


class Halted(StoppingCriteria):
    """Ends the writing when someone else says so."""

    def __init__(self, halted: Event) -> None:
        self._halted = halted

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: Any) -> Tensor:
        """Return which texts end. *Shape:* (n_texts,)."""
        return torch.full((len(input_ids),), self._halted.is_set(), dtype=torch.bool)


class Stops(StoppingCriteria):
    """Ends a text that holds a stop string; transformers' own fails where no piece begins one."""

    def __init__(self, stops: Sequence[str], tokenizer: Any, n_prompt: int) -> None:
        self._stops, self._tokenizer, self._n_prompt = stops, tokenizer, n_prompt
        self._n_pieces = 4 * max(map(len, stops)) + 4  # a sign may take four pieces, a byte each

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: Any) -> Tensor:
        """Return which texts end. *Shape:* (n_texts,)."""
        last = input_ids[:, max(self._n_prompt, input_ids.shape[1] - self._n_pieces) :]
        texts = self._tokenizer.batch_decode(last, clean_up_tokenization_spaces=False)
        return torch.tensor([any(stop in text for stop in self._stops) for text in texts])


def until(parts: Iterator[str], stops: Sequence[str]) -> Iterator[str]:
    """Yield a text in parts up to the first stop string, holding back what might become one."""
    held = ""
    for part in parts:
        held += part
        at = min((place for stop in stops if (place := held.find(stop)) >= 0), default=None)
        if at is not None:
            held = held[:at]
            break
        keep = max((n for stop in stops for n in range(1, len(stop)) if held.endswith(stop[:n])), default=0)
        if len(held) > keep:
            yield held[: len(held) - keep]
            held = held[len(held) - keep :]
    if held:
        yield held


def unobjected(parts: Iterator[str], reasons: Callable[[Sequence[str]], Sequence[tuple[str, ...]]]) -> Iterator[str]:
    """Yield a text sentence by sentence, as long as there are no reasons against what it has become."""
    shown = held = ""
    for part in parts:
        held += part
        whole = held[: sentences(held)[-1].start] if held.strip() else ""
        if whole:
            if reasons([shown + whole])[0]:
                return
            yield whole
            shown, held = shown + whole, held[len(whole) :]
    if held and not reasons([shown + held])[0]:
        yield held
