"""Where an adapter goes: layers and modules of any BERT- or Llama-like model, found by structure."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import cast

from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from nlpkit.backbone import Backbone
from nlpkit.errors import RecipeError
from nlpkit.recipes import AdapterSpec


@dataclass(frozen=True, slots=True)
class Roles:
    """What the linear maps of a layer do, by their names inside it."""

    into_attention: tuple[str, ...]
    out_of_attention: str
    into_ffn: tuple[str, ...]
    out_of_ffn: str

    @property
    def keys_and_values(self) -> tuple[str, ...]:
        """The maps that make keys and values; all that lead into the attention where they are one map."""
        told = tuple(name for name in self.into_attention if name.rpartition(".")[2][0] in "kv")
        return told or self.into_attention


def linear_modules(backbone: Backbone, spec: AdapterSpec) -> list[str]:
    """Return the full names of the linear modules that a spec asks to adapt, found by structure.

    `spec.layers` is "all", "top:k", "bottom:k" or a list of numbers such as "0,2,5"; `spec.modules` is
    "all-linear" or the last parts of module names, such as ("query", "value").

    Raises:
        RecipeError: a layer or module that this backbone does not have.

    """
    linear = {f"{path}.{name}": name for path, layer in chosen_layers(backbone, spec) for name in _linear_names(layer)}
    if spec.modules == "all-linear":
        return list(linear)
    wanted = [(full, name) for full, name in linear.items() if any(_ends(name, m) for m in spec.modules)]
    missing = [m for m in spec.modules if not any(_ends(name, m) for _, name in wanted)]
    if missing:
        known = sorted(set(linear.values()))
        raise RecipeError(f"adapter.modules: no linear module {missing[0]!r} in {backbone.name!r}; known: {known}")
    return [full for full, _ in wanted]


def chosen_layers(backbone: Backbone, spec: AdapterSpec) -> list[tuple[str, nn.Module]]:
    """Return the layers that a spec asks to adapt, with their full names."""
    path, layers = layers_path(backbone), backbone.layers
    return [(f"{path}.{n}", layers[n]) for n in layer_numbers(spec.layers, backbone.n_layers)]


def roles(layer: nn.Module) -> Roles:
    """Tell what a layer's linear maps do, from their order and widths alone.

    The last one leads out of the feed-forward part, and those before it that make its input (two, where one is a gate)
    into it; the one before them leads out of the attention, and all others into it.

    Raises:
        RecipeError: the layer is built in another way.

    """
    maps = {name: cast(nn.Linear, layer.get_submodule(name)) for name in _linear_names(layer)}
    names = list(maps)
    if names:
        width, inner = maps[names[-1]].out_features, maps[names[-1]].in_features
        first = len(names) - 1
        while first > 0 and maps[names[first - 1]].out_features in (inner, 2 * inner):
            first -= 1
        if 1 < first < len(names) - 1 and maps[names[first - 1]].out_features == width:
            return Roles(tuple(names[: first - 1]), names[first - 1], tuple(names[first:-1]), names[-1])
    raise RecipeError(
        f"{type(layer).__name__} is no attention followed by a feed-forward part of another width (its linear maps: "
        f'{", ".join(names) or "none"}); take adapter.method = "lora", which goes into any linear map'
    )


def norms(module: nn.Module) -> list[str]:
    """Return the names of a module's normalisations: the modules inside it that have nothing but vectors to learn."""
    return [name for name, child in module.named_modules() if _is_norm(child)]


def final_norm(model: nn.Module) -> str | None:
    """Return the name of the normalisation after a model's last layer; None: it has none."""
    return next((name for name, child in model.named_children() if _is_norm(child)), None)


def layers_path(backbone: Backbone) -> str:
    """Return the name of the list of layers inside the model."""
    names: dict[nn.Module, str] = {module: name for name, module in backbone.model.named_modules()}
    return names[backbone.layers]


def layer_numbers(layers: str, n_layers: int) -> Sequence[int]:
    """Return the numbers of the layers that "all", "top:k", "bottom:k" or "0,2,5" means.

    Raises:
        RecipeError: a layer that is not there.

    """
    kind, _, count = layers.partition(":")
    if layers == "all":
        return range(n_layers)
    if kind in ("top", "bottom") and count.isdigit() and 1 <= int(count) <= n_layers:
        return range(n_layers - int(count), n_layers) if kind == "top" else range(int(count))
    numbers = [int(n) for n in layers.split(",") if n.strip().isdigit()]
    if numbers and len(numbers) == len(layers.split(",")) and max(numbers) < n_layers:
        return sorted(set(numbers))
    raise RecipeError(
        f"adapter.layers = {layers!r} does not fit {n_layers} layers; allowed: all, top:k, bottom:k, or numbers "
        f"from 0 to {n_layers - 1} such as 0,2"
    )


def shared_copy(model: nn.Module) -> nn.Module:
    """Return a copy of a model's modules over the very same tensors: what is put into it leaves the model alone."""
    return copy.deepcopy(model, {id(t): t for t in chain(model.parameters(), model.buffers())})


def _linear_names(layer: nn.Module, path: str = "") -> Iterator[str]:
    """Yield the names of a layer's own linear maps; one that an adapter wraps already counts under its bare name."""
    for name, child in layer.named_children():
        full = f"{path}.{name}".lstrip(".")
        if isinstance(child, BaseTunerLayer):
            if isinstance(child.get_base_layer(), nn.Linear):
                yield full
        elif isinstance(child, nn.Linear):
            yield full
        else:
            yield from _linear_names(child, full)


def _is_norm(module: nn.Module) -> bool:
    own = list(module.parameters())
    return next(module.children(), None) is None and bool(own) and all(p.ndim == 1 for p in own)


def _ends(name: str, part: str) -> bool:
    return name == part or name.endswith(f".{part}")
