"""Adapter methods by name: what peft is asked for, or what is made here, and how the adapted model is run.

`nlpkit.recipes.METHODS` says which keys of a recipe each method knows; docs/methods.md explains them.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import peft
import torch
from torch import nn

from nlpkit.adapters.bottleneck import with_bottlenecks
from nlpkit.adapters.mix import with_mix
from nlpkit.adapters.structure import chosen_layers, final_norm, layer_numbers, linear_modules, norms, roles
from nlpkit.adapters.virtual import Prefixed, Prompted
from nlpkit.backbone import Backbone
from nlpkit.errors import RecipeError
from nlpkit.recipes import AdapterSpec

FULL = "full"
"""The method that trains a copy of the whole backbone: no adapter, but the end to compare adapters with."""

Own = tuple[nn.Module, dict[str, nn.Parameter]]
"""An adapted model, and its trained parameters by name."""


@dataclass(frozen=True, slots=True)
class Method:
    """A way to adapt a backbone, through peft (`config`) or by our own modules (`own`).

    Attributes:
        config: makes peft's configuration of (backbone, spec).
        view: makes what a call runs, where that is not the model that peft changed.
        own: makes the adapted model of (backbone, spec).
        by_rows: adapters of this method live side by side, and a batch may mix them row by row.
        merges: the adapter can become part of the weights.
        blends: adapters that share this word can be combined by weight.
        exact: what is saved is computed from the parameters, so that rounding it would change the outputs.

    """

    config: Callable[[Backbone, AdapterSpec], peft.PeftConfig] | None = None
    view: Callable[[Backbone, AdapterSpec, peft.PeftModel, str], nn.Module] | None = None
    own: Callable[[Backbone, AdapterSpec], Own] | None = None
    by_rows: bool = False
    merges: bool = False
    blends: str = ""
    exact: bool = False


def lowest_layer(backbone: Backbone, spec: AdapterSpec) -> int:
    """Return the number of the lowest layer whose input or output an adapter can change: those below are shared."""
    if spec.method in (FULL, "prompt", "ptuning"):
        return 0
    return min(layer_numbers(spec.layers, backbone.n_layers))


def _lora(backbone: Backbone, spec: AdapterSpec) -> peft.PeftConfig:
    """Low-rank updates of linear maps, W + (alpha / r) B A (Hu et al. 2021), and two variants.

    rslora scales by alpha / sqrt(r) (Kalajdzievski 2023), dora learns the columns' lengths apart (Liu et al. 2024).
    """
    return peft.LoraConfig(
        r=spec.rank,
        lora_alpha=spec.alpha,  # type: ignore[arg-type]  # peft divides it by r: a float will do
        lora_dropout=spec.dropout,
        use_rslora=spec.method == "rslora",
        use_dora=spec.method == "dora",
        target_modules=linear_modules(backbone, spec),
        task_type=peft.TaskType.FEATURE_EXTRACTION,
    )


def _ia3(backbone: Backbone, spec: AdapterSpec) -> peft.PeftConfig:
    """Learnt factors for keys, values and the inner states of the feed-forward part (Liu et al. 2022)."""
    parts = [(path, roles(layer)) for path, layer in chosen_layers(backbone, spec)]
    targets = [f"{path}.{name}" for path, r in parts for name in (*r.keys_and_values, r.out_of_ffn)]
    if spec.modules != "all-linear":
        targets = linear_modules(backbone, spec)
    return peft.IA3Config(
        target_modules=targets,
        feedforward_modules=[name for path, r in parts if (name := f"{path}.{r.out_of_ffn}") in targets],
        task_type=peft.TaskType.FEATURE_EXTRACTION,
    )


def _layernorm(backbone: Backbone, spec: AdapterSpec) -> peft.PeftConfig:
    """The gains and biases of the normalisations, that after the top layer included (Zhao et al. 2023)."""
    targets = [f"{path}.{name}" for path, layer in chosen_layers(backbone, spec) for name in norms(layer)]
    last = final_norm(backbone.model)
    if last is not None and backbone.n_layers - 1 in layer_numbers(spec.layers, backbone.n_layers):
        targets.append(last)
    return peft.LNTuningConfig(target_modules=targets, task_type=peft.TaskType.FEATURE_EXTRACTION)


def _prefix(backbone: Backbone, spec: AdapterSpec) -> peft.PeftConfig:
    """Learnt keys and values before the text's own, in each layer (Li & Liang 2021)."""
    if not backbone.takes_prefix:
        raise RecipeError(f'{backbone.name!r} has its own attention, without room for a prefix; take method = "lora"')
    return peft.PrefixTuningConfig(
        num_virtual_tokens=spec.tokens,
        num_layers=len(layer_numbers(spec.layers, backbone.n_layers)),
        task_type=peft.TaskType.FEATURE_EXTRACTION,
    )


def _prefixed(backbone: Backbone, spec: AdapterSpec, wrapped: peft.PeftModel, key: str) -> nn.Module:
    layers = list(layer_numbers(spec.layers, backbone.n_layers))
    # A decoder knows only distances, so the shift costs nothing; an encoder has no positions to give away.
    shifted = spec.layers == "all" and backbone.kind == "decoder"
    return Prefixed(wrapped, key, layers, shifted=shifted)


def _prompt(backbone: Backbone, spec: AdapterSpec) -> peft.PeftConfig:
    """Learnt vectors before the text's embeddings, drawn from those of real pieces (Lester et al. 2021)."""
    _check_everywhere(spec)
    return peft.PromptTuningConfig(
        num_virtual_tokens=spec.tokens,
        prompt_tuning_init="SAMPLE_VOCAB",
        num_layers=backbone.n_layers,
        task_type=peft.TaskType.FEATURE_EXTRACTION,
    )


def _ptuning(backbone: Backbone, spec: AdapterSpec) -> peft.PeftConfig:
    """Learnt vectors before the text's embeddings, which a small network makes while training (Liu et al. 2021)."""
    _check_everywhere(spec)
    return peft.PromptEncoderConfig(
        num_virtual_tokens=spec.tokens,
        encoder_hidden_size=backbone.hidden_width,
        num_layers=backbone.n_layers,
        task_type=peft.TaskType.FEATURE_EXTRACTION,
    )


def _prompted(backbone: Backbone, _spec: AdapterSpec, wrapped: peft.PeftModel, key: str) -> nn.Module:
    return Prompted(wrapped, key, backbone.max_pieces if backbone.kind == "encoder" else None)


def _check_everywhere(spec: AdapterSpec) -> None:
    if spec.layers != "all":
        raise RecipeError(
            f"adapter.layers = {spec.layers!r} has no meaning for {spec.method!r}, which changes the input of the "
            'lowest layer; leave it out, or take method = "prefix"'
        )


def _full(backbone: Backbone, _spec: AdapterSpec) -> Own:
    model = deepcopy(backbone.model)
    return model, dict(model.named_parameters())


def calm(wrapped: peft.PeftModel, key: str) -> None:
    """Make a fresh prefix small: peft draws it with a deviation of 1, which would drown the text's own keys."""
    encoder: Any = wrapped.prompt_encoder[key]
    with torch.no_grad():
        encoder.embedding.weight.mul_(0.1)


METHODS: dict[str, Method] = {
    "lora": Method(_lora, by_rows=True, merges=True, blends="low-rank updates"),
    "rslora": Method(_lora, by_rows=True, merges=True, blends="low-rank updates"),
    "dora": Method(_lora, merges=True),
    "ia3": Method(_ia3, merges=True, blends="factors"),
    "prefix": Method(_prefix, _prefixed),
    "prompt": Method(_prompt, _prompted),
    "ptuning": Method(_ptuning, _prompted, exact=True),
    "layernorm": Method(_layernorm, merges=True, blends="normalisations"),
    "bottleneck": Method(own=with_bottlenecks),
    "none": Method(own=with_mix),
    FULL: Method(own=_full),
}
"""Adapter methods by name, with the two ends: `none` trains the head and a mix of the layers, `full` all weights."""
