"""No adapter but a mix: what the heads read is a learnt weighted sum of all layers' states (Peters et al. 2018)."""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from nlpkit.adapters.structure import final_norm, layer_numbers, layers_path, shared_copy
from nlpkit.backbone import Backbone
from nlpkit.recipes import AdapterSpec

_STATES: ContextVar[dict[int, Tensor] | None] = ContextVar("states", default=None)
_EMBEDDINGS = -1


class LayerMix(nn.Module):
    """A frozen model whose output is scale * sum(softmax(weights) * states), over the states after chosen layers.

    The embeddings count among them where all layers are chosen. States of layers below the last go through the model's
    final normalisation, where it has one, as the last one's do.
    """

    def __init__(self, base: nn.Module, layers: nn.ModuleList, chosen: list[int]) -> None:
        super().__init__()
        self.base = base
        self.chosen = ([_EMBEDDINGS] if len(chosen) == len(layers) else []) + chosen
        self.last = len(layers) - 1
        self.norm = final_norm(base)
        self.weights = nn.Parameter(torch.zeros(len(self.chosen)))
        self.scale = nn.Parameter(torch.ones(1))
        for number in self.chosen:
            if number == _EMBEDDINGS:
                layers[0].register_forward_pre_hook(_keep_input, with_kwargs=True)
            else:
                layers[number].register_forward_hook(partial(_keep_output, number))

    def forward(self, **inputs: Any) -> Any:
        """Run the model and mix its states."""
        states: dict[int, Tensor] = {}
        token = _STATES.set(states)
        try:
            output = self.base(**inputs)
        finally:
            _STATES.reset(token)
        shares = self.weights.softmax(0)
        mixed = torch.zeros_like(output.last_hidden_state)
        for share, number in zip(shares, self.chosen, strict=True):
            state = output.last_hidden_state if number == self.last else states[number]
            if number != self.last and self.norm is not None:
                state = self.base.get_submodule(self.norm)(state)
            mixed = mixed + share * state
        output.last_hidden_state = self.scale * mixed
        return output


def _keep_input(_layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    states = _STATES.get()
    if states is not None:
        states[_EMBEDDINGS] = args[0] if args else kwargs["hidden_states"]


def _keep_output(number: int, _layer: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
    states = _STATES.get()
    if states is not None:
        states[number] = output[0] if isinstance(output, tuple) else output


def with_mix(backbone: Backbone, spec: AdapterSpec) -> tuple[nn.Module, dict[str, nn.Parameter]]:
    """Return a copy of the model that mixes its layers' states, and the parameters of the mix by name.

    Raises:
        RecipeError: layers that are not there.

    """
    chosen = list(layer_numbers(spec.layers, backbone.n_layers))
    model = shared_copy(backbone.model)
    layers = model.get_submodule(layers_path(backbone))
    assert isinstance(layers, nn.ModuleList)
    mix = LayerMix(model, layers, chosen)
    return mix, {"weights": mix.weights, "scale": mix.scale}
