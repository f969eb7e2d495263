"""What one forward pass does differently: begin or end at a layer, hand out attention, look both ways.

All of it travels with the call (context variables), so that the passes of several threads do not meet. The model's
own code is left as it is: layers get a gate, and attention a function of ours, registered with transformers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask
from transformers.modeling_utils import AttentionInterface

from nlpkit.quick import in_the_open

ATTENTION = "nlpkit"
"""The name of our attention function among those of transformers."""


@dataclass(frozen=True, slots=True, eq=False)
class Trunk:
    """States before layer `layer` of a batch of windows, to go on from. *Shape:* (n_windows, n_pieces, width)."""

    states: Tensor
    layer: int
    as_tuple: bool = False


@dataclass(slots=True, eq=False)
class Pass:
    """The wishes for one forward pass.

    Layers before `given` and from `stop` on do nothing. The attention of the layer `kept` is put into `attention`
    *(n_windows, n_heads, n_pieces, n_pieces)*. Layers from `both_from` on attend to later pieces too. Those in `prefix`
    attend to keys and values *(n_groups, n_virtual, width)* before the text's own. `layer` is the one that runs.
    """

    given: Trunk | None = None
    stop: int | None = None
    kept: int | None = None
    both_from: int | None = None
    as_tuple: bool = False
    layer: int = -1
    attention: list[Tensor] = field(default_factory=list)
    prefix: Mapping[int, tuple[Tensor, Tensor]] = field(default_factory=dict)


class StoppedError(Exception):
    """A pass that ended where it was asked to: a way out of the model's forward, no fault."""

    def __init__(self, states: Tensor) -> None:
        self.states = states


_PASS: ContextVar[Pass | None] = ContextVar("pass", default=None)


@contextmanager
def running(wishes: Pass) -> Iterator[Pass]:
    """Let the forward passes of this thread follow these wishes."""
    token = _PASS.set(wishes)
    try:
        yield wishes
    finally:
        _PASS.reset(token)


def current() -> Pass | None:
    """Return the wishes of this thread's forward pass."""
    return _PASS.get()


class _Gated:
    """What a layer becomes: it can be passed over, be given its input, or end the pass."""

    _number: int

    def forward(self, hidden_states: Tensor, *args: Any, **kwargs: Any) -> Any:
        wishes = _PASS.get()
        if wishes is None:
            return super().forward(hidden_states, *args, **kwargs)  # type: ignore[misc]
        given = wishes.given
        if given is not None and self._number < given.layer:
            return (hidden_states,) if given.as_tuple else hidden_states
        if given is not None and self._number == given.layer:
            hidden_states = given.states.to(hidden_states.device)
        if self._number == wishes.stop:
            raise StoppedError(hidden_states)
        wishes.layer = self._number
        output = super().forward(hidden_states, *args, **kwargs)  # type: ignore[misc]
        wishes.as_tuple = isinstance(output, tuple)
        return output


def gate(layers: nn.ModuleList) -> None:
    """Give every layer a gate. A class of its own, so that names, copies and hooks stay those of the bare model."""
    for number, layer in enumerate(layers):
        if not isinstance(layer, _Gated):
            layer.__class__ = type(type(layer).__name__, (_Gated, type(layer)), {"_number": number})


def attends(model: nn.Module) -> bool:
    """Say whether a model takes an attention function by name and needs no more of it than ours can (see `_attend`)."""
    capped = hasattr(model.config, "attn_logit_softcapping")
    able = getattr(model, "_supports_sdpa", False) or capped
    return bool(getattr(model, "_supports_attention_backend", False) and able)


def _attend(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> tuple[Tensor, Tensor | None]:
    """Attend as the pass wishes: by the fused kernel, or in the open where the attention is asked for.

    Shapes:
        query *(n_windows, n_heads, n_pieces, width)*, key and value the same with as many heads as there are groups,
        attention_mask *(n_windows, 1, n_pieces, n_keys)*, True where a piece may look.
    """
    wishes = _PASS.get()
    if wishes is not None and wishes.both_from is not None and wishes.layer >= wishes.both_from:
        attention_mask = _both_ways(attention_mask, query, key, options.get("sliding_window"))
        options["is_causal"] = False
    prefix = wishes.prefix.get(wishes.layer) if wishes is not None else None
    if prefix is not None:
        attention_mask = _open_to_prefix(
            module, attention_mask, query, key, prefix[0].shape[-2], options.get("is_causal")
        )
        options["is_causal"] = False
        key, value = (
            torch.cat([p.to(t.dtype).expand(len(t), -1, -1, -1), t], 2)
            for p, t in zip(prefix, (key, value), strict=True)
        )
    wanted = wishes is not None and wishes.layer == wishes.kept
    if not wanted and options.get("softcap") is None and not in_the_open(query, key.shape[2]):
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    attended, probabilities = _attend_in_the_open(module, query, key, value, attention_mask, **options)
    if wishes is not None and wanted:
        wishes.attention.append(probabilities if prefix is None else among_real(probabilities, prefix[0].shape[-2]))
    return attended, probabilities


def among_real(attention: Tensor, n_virtual: int) -> Tensor:
    """Return the attention to the real pieces alone, which come after the virtual ones, each row summing to 1 again."""
    real = attention[..., n_virtual:]
    return real / real.sum(-1, keepdim=True).clamp(min=torch.finfo(real.dtype).tiny)


def _open_to_prefix(
    module: nn.Module, mask: Tensor | None, query: Tensor, key: Tensor, n_virtual: int, causal: bool | None
) -> Tensor | None:
    """Return a mask with the columns of a prefix before the others, which every piece may look at."""
    if mask is None:
        if not (getattr(module, "is_causal", False) if causal is None else causal):
            return None
        n_queries, n_keys = query.shape[2], key.shape[2]
        mask = torch.ones(1, 1, n_queries, n_keys, dtype=torch.bool, device=key.device).tril(n_keys - n_queries)
    return nn.functional.pad(mask, (n_virtual, 0), value=True)


def _both_ways(mask: Tensor | None, query: Tensor, key: Tensor, sliding_window: int | None) -> Tensor | None:
    """Return a causal mask without its direction: every piece that is no padding, at most a sliding window away.

    A piece sees itself, so a column of the mask is empty only where there is padding.
    """
    n_queries, n_keys = query.shape[2], key.shape[2]
    if mask is not None:
        mask = mask.any(dim=-2, keepdim=True)
    if sliding_window is None or n_keys <= sliding_window:
        return mask
    places = torch.arange(n_keys, device=key.device)
    near = (places[-n_queries:, None] - places[None, :]).abs() < sliding_window
    return near[None, None] if mask is None else mask & near


def _attend_in_the_open(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **options: Any
) -> tuple[Tensor, Tensor]:
    """Attend with plain matrix products, and return the probabilities too: scaled, capped (Gemma 2) and masked."""
    groups = getattr(module, "num_key_value_groups", 1)
    if groups > 1:
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    scores = query * (options.get("scaling") or query.shape[-1] ** -0.5) @ key.transpose(2, 3)
    if (cap := options.get("softcap")) is not None:
        scores = torch.tanh(scores / cap) * cap
    causal = options.get("is_causal")
    if mask is None and (getattr(module, "is_causal", False) if causal is None else causal):
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if mask is not None:
        scores.masked_fill_(~mask, torch.finfo(scores.dtype).min)
    probabilities = scores.softmax(-1)
    dropped = nn.functional.dropout(probabilities, p=options.get("dropout", 0.0), training=module.training)
    return (dropped @ value).transpose(1, 2).contiguous(), probabilities


AttentionInterface.register(ATTENTION, _attend)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)
