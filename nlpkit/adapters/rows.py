"""LoRA by rows: each window of a batch gets the update of its own adapter, and each call its own choice.

peft switches adapters by changing the modules, which two threads cannot do at once, and its own mixed batches copy
the rows of every adapter. Here the choice travels with the call (a context variable), the rows of an adapter lie
side by side, and the update is added in place by one matrix product. Where one adapter reads very many rows, it is
first added to the weights, into tensors that belong to the call.
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

Folded = dict[nn.Module, Tensor]
"""The weights of layers with one adapter in them, filled as they are needed."""

_SHARES: ContextVar[tuple[Sequence[Share], Folded | None]] = ContextVar("shares", default=((), None))


@contextmanager
def shares(chosen: Sequence[Share], folded: Folded | None = None) -> Iterator[None]:
    """Let the layers use these adapters in this thread's forward passes.

    Args:
        chosen: the adapters and their rows.
        folded: where there is one adapter for all rows, what its layers' weights are kept in; None: not to be made.

    """
    token = _SHARES.set((chosen, folded))
    try:
        yield
    finally:
        _SHARES.reset(token)


class RowLinear(lora.Linear):
    """A linear map W x + b with, row by row, (alpha / r) B A x of the row's adapter added (Hu et al. 2021)."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Return the map of x. *Shape:* (n_rows, n_pieces, width_in) -> (n_rows, n_pieces, width_out)."""
        chosen, folded = _SHARES.get()
        own = [(key, rows) for key, rows in chosen if key in self.lora_A]
        if own and folded is not None and isinstance(self.base_layer, nn.Linear):
            return self._folded(x, self.base_layer, own[0][0], folded)
        result: Tensor = self.base_layer(x)
        for key, rows in own:
            result = self._updated(result, x, key, rows)
        return result

    def _folded(self, x: Tensor, bare: nn.Linear, key: str, folded: Folded) -> Tensor:
        weight = folded.get(self)
        if weight is None:
            down, up = self._maps(key, x.dtype)
            weight = folded[self] = torch.addmm(bare.weight, up, down, alpha=self.scaling[key])
        return nn.functional.linear(x, weight, bare.bias)

    def _maps(self, key: str, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return A and B, which are kept in half precision while not in use: twice as many fit into memory."""
        down, up = (maps[key].get_parameter("weight").to(dtype) for maps in (self.lora_A, self.lora_B))
        return down, up

    def _updated(self, result: Tensor, x: Tensor, key: str, rows: slice | None) -> Tensor:
        down, up = self._maps(key, x.dtype)
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
