"""Bottleneck adapters: small networks that start as the identity, put into the layers by structure.

Three places: after attention and feed-forward part (Houlsby et al. 2019), after the feed-forward part alone
(Pfeiffer et al. 2020), and beside it, scaled (He et al. 2022).
"""

from __future__ import annotations

from contextvars import ContextVar

from torch import Tensor, nn

from nlpkit.adapters.structure import chosen_layers, roles, shared_copy
from nlpkit.backbone import Backbone
from nlpkit.recipes import AdapterSpec

_INPUT: ContextVar[Tensor | None] = ContextVar("input", default=None)
"""What went into the feed-forward part that this thread is in."""


class Bottleneck(nn.Module):
    """A linear map W with U relu(D h + d) + u added: h is its own output, or what the whole part was given."""

    def __init__(self, base_layer: nn.Linear, rank: int, dropout: float, scale: float | None) -> None:
        super().__init__()
        width = base_layer.out_features
        self.base_layer = base_layer
        self.dropout = nn.Dropout(dropout).eval()
        self.down, self.up = nn.Linear(width, rank), nn.Linear(rank, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """Return the adapted map of x. *Shape:* (n_windows, n_pieces, width_in) -> (n_windows, n_pieces, width)."""
        result: Tensor = self.base_layer(x)
        if self.scale is None:
            return result + self._update(result)
        given = _INPUT.get()
        assert given is not None
        _INPUT.set(None)
        return result + self.scale * self._update(given)

    def _update(self, x: Tensor) -> Tensor:
        updated: Tensor = self.up(nn.functional.relu(self.down(self.dropout(x))))
        return updated


class Tap(nn.Module):
    """A linear map whose input is kept for the adapter beside the part that it leads into."""

    def __init__(self, base_layer: nn.Module) -> None:
        super().__init__()
        self.base_layer = base_layer

    def forward(self, x: Tensor) -> Tensor:
        """Return the map of x."""
        _INPUT.set(x)
        mapped: Tensor = self.base_layer(x)
        return mapped


def with_bottlenecks(backbone: Backbone, spec: AdapterSpec) -> tuple[nn.Module, dict[str, nn.Parameter]]:
    """Return a copy of the model with fresh bottlenecks in it, and their parameters by name.

    Raises:
        RecipeError: layers of a structure that is not known, or that are not there.

    """
    places = [(path, roles(layer)) for path, layer in chosen_layers(backbone, spec)]
    model = shared_copy(backbone.model)
    scale = spec.alpha / spec.rank if spec.style == "parallel" else None
    own: dict[str, nn.Parameter] = {}
    for path, role in places:
        if spec.style == "parallel":
            first = f"{path}.{role.into_ffn[0]}"
            model.set_submodule(first, Tap(model.get_submodule(first)))
        for name in [role.out_of_attention] * (spec.style == "houlsby") + [role.out_of_ffn]:
            linear = model.get_submodule(f"{path}.{name}")
            assert isinstance(linear, nn.Linear)
            made = Bottleneck(linear, spec.rank, spec.dropout, scale)
            model.set_submodule(f"{path}.{name}", made)
            own |= {f"{path}.{name}.{n}": p for n, p in made.named_parameters() if not n.startswith("base_layer.")}
    return model, own
