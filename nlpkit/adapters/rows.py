"""LoRA by rows: each window of a batch gets the update of its own adapter, and each call its own choice.

peft switches adapters by changing the modules, which two threads cannot do at once, and its own mixed batches copy
the rows of every adapter. Here the choice travels with the call (a context variable), the rows of an adapter lie
side by side, and the update is added in place by one matrix product.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from peft.tuners import lora
from torch import Tensor, nn

Share = tuple[str, slice | None]
"""An adapter's key and the rows of the batch that are its own; None: all."""

_SHARES: ContextVar[Sequence[Share]] = ContextVar("shares", default=())


@contextmanager
def shares(chosen: Sequence[Share]) -> Iterator[None]:
    """Let the layers use these adapters in this thread's forward passes."""
    token = _SHARES.set(chosen)
    try:
        yield
    finally:
        _SHARES.reset(token)


class RowLinear(lora.Linear):
    """A linear map W x + b with, row by row, (alpha / r) B A x of the row's adapter added (Hu et al. 2021)."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Return the map of x. *Shape:* (n_rows, n_pieces, width_in) -> (n_rows, n_pieces, width_out)."""
        result: Tensor = self.base_layer(x)
        for key, rows in _SHARES.get():
            if key in self.lora_A:
                result = self._updated(result, x, key, rows)
        return result

    def _updated(self, result: Tensor, x: Tensor, key: str, rows: slice | None) -> Tensor:
        weights: list[Tensor] = [maps[key].get_parameter("weight") for maps in (self.lora_A, self.lora_B)]
        down, up = weights
        if down.dtype != x.dtype:  # kept in half precision while not in use: twice as many fit into memory
            down, up = down.to(x.dtype), up.to(x.dtype)
        part = self.lora_dropout[key](x if rows is None else x[rows])
        low = nn.functional.linear(part.flatten(0, -2), down)
        if torch.is_grad_enabled():
            whole = torch.addmm(result.flatten(0, -2), low, up.T, alpha=self.scaling[key])
            return whole.view(result.shape)
        (result if rows is None else result[rows]).flatten(0, -2).addmm_(low, up.T, alpha=self.scaling[key])
        return result


def by_rows(model: nn.Module) -> None:
    """Make every LoRA layer of a model choose its adapters by call."""
    for module in model.modules():
        if type(module) is lora.Linear:
            module.__class__ = RowLinear
