"""Adapters made of others: combined by weight, or merged into a copy of the weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import peft
import torch
from peft.utils import set_peft_model_state_dict
from torch import Tensor

from nlpkit.adapters.methods import METHODS
from nlpkit.adapters.slots import PEFT_NAMES, PeftSlot, Slot, quiet
from nlpkit.adapters.structure import layer_numbers
from nlpkit.backbone import Backbone, state_fingerprint
from nlpkit.errors import AdapterError
from nlpkit.recipes import AdapterSpec

Part = tuple[PeftSlot, float]
Blend = tuple[AdapterSpec, peft.PeftConfig, dict[str, Tensor]]
"""What a combined adapter is, peft's configuration of it, and its tensors by their names in a file."""

_WHY_NOT = {
    "dora": "its update divides by the length of the whole weight",
    "prefix": "the softmax of the attention is not linear in keys",
    "prompt": "the model is not linear in its input",
    "ptuning": "the model is not linear in its input",
    "bottleneck": "its network is not linear",
    "none": "its softmax is not linear",
    "full": "it is the whole model",
}


def merged(backbone: Backbone, name: str, slot: Slot) -> Backbone:
    """Return a backbone of its own whose weights have the adapter in them.

    Raises:
        AdapterError: the method does not allow it.

    """
    if not METHODS[slot.spec.method].merges or not isinstance(slot, PeftSlot):
        able = ", ".join(method for method, m in METHODS.items() if m.merges)
        raise AdapterError(
            f"{name!r} is {slot.spec.method}, which cannot become part of the weights; those that can: {able}"
        )
    config = copy.deepcopy(slot.wrapped.peft_config[slot.key])
    with quiet(), torch.no_grad():
        wrapped = peft.PeftModel(copy.deepcopy(backbone.model), config, adapter_name=slot.key)
        set_peft_model_state_dict(wrapped, {k: t.float() for k, t in slot.tensors().items()}, adapter_name=slot.key)
        model = wrapped.merge_and_unload()
    made = Backbone(model, backbone.tokenizer, name=f"{backbone.name}+{name}", fingerprint=state_fingerprint(model))
    return made.both_ways(slot.lowest) if slot.spec.attention == "both" else made


def blend(backbone: Backbone, parts: Mapping[str, tuple[Slot, float]]) -> Blend:
    """Combine adapters by weight.

    The sum is of what each changes: of the updates (lora, rslora: exact, by concatenated ranks), of the factors'
    distances from 1 (ia3), of the parameters' distances from the backbone's (layernorm). So one adapter with weight 1
    is itself, and weights of 0 give the bare backbone.

    Raises:
        AdapterError: nothing to combine, a weight that is no number, or methods that do not go together.

    """
    if not parts or not all(math.isfinite(weight) for _, weight in parts.values()):
        raise AdapterError(f"weights {[w for _, w in parts.values()]}; give one finite number or more, by adapter name")
    able = ", ".join(method for method, m in METHODS.items() if m.blends)
    for name, (slot, _) in parts.items():
        if not METHODS[slot.spec.method].blends:
            why = _WHY_NOT[slot.spec.method]
            raise AdapterError(
                f"{name!r} is {slot.spec.method}, which has no weighted sum: {why}; those that do: {able}"
            )
    slots = {name: slot for name, (slot, _) in parts.items()}
    if len({(METHODS[s.spec.method].blends, s.spec.attention) for s in slots.values()}) > 1:
        kinds = ", ".join(f"{name!r} is {s.spec.method}, {s.spec.attention}" for name, s in slots.items())
        raise AdapterError(f"adapters of different kinds have no sum: {kinds}; take those of one method and attention")
    own = [(slot, weight) for slot, weight in parts.values() if isinstance(slot, PeftSlot)]
    make = {"low-rank updates": _updates, "factors": _factors, "normalisations": _normalisations}
    return make[METHODS[own[0][0].spec.method].blends](backbone, own)


def _updates(backbone: Backbone, parts: Sequence[Part]) -> Blend:
    """Concatenate the ranks: sum w s B A = [w s B ...] [A; ...]."""
    configs: list[Any] = [slot.wrapped.peft_config[slot.key] for slot, _ in parts]
    rank = sum(config.r for config in configs)
    tensors: dict[str, Tensor] = {}
    first = 0
    for (slot, weight), config in zip(parts, configs, strict=True):
        scale = weight * config.lora_alpha / (math.sqrt(config.r) if config.use_rslora else config.r)
        for name, tensor in slot.tensors().items():
            down = name.endswith("lora_A.weight")
            width = tensor.shape[1 if down else 0]
            whole = tensors.setdefault(name, torch.zeros(rank, width) if down else torch.zeros(width, rank))
            place = whole[first : first + config.r] if down else whole[:, first : first + config.r]
            place.copy_(tensor.float() if down else scale * tensor.float())
        first += config.r
    config = peft.LoraConfig(
        r=rank, lora_alpha=rank, target_modules=_modules(tensors), task_type=peft.TaskType.FEATURE_EXTRACTION
    )
    spec = replace(_places(backbone, parts), method="lora", rank=rank, alpha=float(rank))
    return spec, config, tensors


def _factors(backbone: Backbone, parts: Sequence[Part]) -> Blend:
    """Sum the distances from 1: 1 + sum w (l - 1)."""
    tensors: dict[str, Tensor] = {}
    for slot, weight in parts:
        for name, tensor in slot.tensors().items():
            tensors[name] = tensors.get(name, torch.ones_like(tensor)) + weight * (tensor - 1)
    configs: list[Any] = [slot.wrapped.peft_config[slot.key] for slot, _ in parts]
    config = peft.IA3Config(
        target_modules=_modules(tensors),
        feedforward_modules=sorted({m for c in configs for m in c.feedforward_modules}),
        task_type=peft.TaskType.FEATURE_EXTRACTION,
    )
    return replace(_places(backbone, parts), method="ia3"), config, tensors


def _normalisations(backbone: Backbone, parts: Sequence[Part]) -> Blend:
    """Sum the distances from the backbone's own: g + sum w (g' - g)."""
    tensors: dict[str, Tensor] = {}
    for slot, weight in parts:
        for name, tensor in slot.tensors().items():
            bare = backbone.model.get_parameter(name.removeprefix(PEFT_NAMES).replace(".ln_tuning_layers", ""))
            tensors[name] = tensors.get(name, bare.detach()) + weight * (tensor - bare.detach())
    config = peft.LNTuningConfig(target_modules=_modules(tensors), task_type=peft.TaskType.FEATURE_EXTRACTION)
    return replace(_places(backbone, parts), method="layernorm"), config, tensors


def _modules(tensors: Mapping[str, Tensor]) -> list[str]:
    """Return the full names of the modules that these tensors adapt."""
    cuts = (".lora_", ".ia3_", ".ln_tuning_")
    return sorted({next(n.split(cut)[0] for cut in cuts if cut in n).removeprefix(PEFT_NAMES) for n in tensors})


def _places(backbone: Backbone, parts: Sequence[Part]) -> AdapterSpec:
    """Return the layers, modules and attention of adapters taken together."""
    specs = [slot.spec for slot, _ in parts]
    numbers = sorted({n for spec in specs for n in layer_numbers(spec.layers, backbone.n_layers)})
    layers = "all" if len(numbers) == backbone.n_layers else ",".join(map(str, numbers))
    named = [spec.modules for spec in specs if not isinstance(spec.modules, str)]
    modules = tuple(dict.fromkeys(m for names in named for m in names)) if len(named) == len(specs) else "all-linear"
    return AdapterSpec(layers=layers, modules=modules, attention=specs[0].attention)
