"""How well a decoder foretells a text, exactly, by a sliding window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from nlpkit.errors import InputError


def perplexity(writer: Any, ids: Sequence[int], *, window: int, stride: int, most: int) -> tuple[float, int]:
    """Return the perplexity of a row of pieces, and how many of them were foretold.

    Each piece but the first is foretold once, from `window - stride` pieces before it at least, if there are.

    Args:
        writer: the causal language model.
        ids: the pieces.
        window: pieces read at once.
        stride: pieces from one window to the next.
        most: pieces that the model reads at once.

    Raises:
        InputError: fewer than two pieces, or a window or stride that cannot be.

    """
    if not 0 < stride < window <= most:
        raise InputError(f"window = {window} and stride = {stride}; allowed: 0 < stride < window <= {most}")
    if len(ids) < 2:
        raise InputError(f"the text has {len(ids)} pieces; a perplexity needs two or more")
    total, done = 0.0, 1
    for first in range(0, len(ids), stride):
        last = min(first + window, len(ids))
        fresh = last - done
        if fresh > 0:
            # The state before each fresh piece foretells it; the last piece of the window foretells nothing.
            piece = torch.tensor([list(ids[first:last])])
            logits = writer(piece, logits_to_keep=fresh + 1, use_cache=False).logits
            wanted = torch.tensor(list(ids[done:last]))
            total += float(nn.functional.cross_entropy(logits[0, :-1].float(), wanted, reduction="sum"))
            done = last
    return math.exp(total / (len(ids) - 1)), len(ids) - 1
