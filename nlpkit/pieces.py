"""What a tokenizer puts around texts, and where pieces stand."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nlpkit.text import Window


def places(window: Window, length: int) -> Tensor:
    """Return the place of each piece in its own text, of packed ones. *Shape:* (length,)."""
    places = torch.arange(length)
    for start in window.starts:
        places[start:] = torch.arange(length - start)
    return places


def between(tokenizer: Any, kind: str) -> list[int]:
    """Return the pieces that part a query from its text: a decoder's line break, an encoder's own for pairs."""
    bare = {text: list(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in ("a", "b", "\n")}
    if kind == "decoder" and bare["\n"]:
        return bare["\n"]
    ids: list[int] = tokenizer("a", "b", add_special_tokens=True)["input_ids"]
    start = next(i for i in range(len(ids)) if ids[i : i + len(bare["a"])] == bare["a"]) + len(bare["a"])
    stop = next(i for i in range(start, len(ids)) if ids[i : i + len(bare["b"])] == bare["b"])
    return ids[start:stop] or bare["\n"]


def specials(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Return the special pieces that the tokenizer puts before and after a text."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a", add_special_tokens=True)["input_ids"]
    at = next(i for i in range(len(full)) if full[i : i + len(bare)] == bare)
    return full[:at], full[at + len(bare) :]
