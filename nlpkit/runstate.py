"""What a training run leaves on disk to go on from: its parameters, its optimiser and where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

_UNFINISHED = ".tmp*"
"""What safetensors names a file that it is writing; a run that is killed meanwhile leaves it."""


def save(
    path: Path,
    parameters: Mapping[str, nn.Parameter],
    account: Mapping[str, Any],
    optimizer: torch.optim.Optimizer | None = None,
) -> None:
    """Write a state in one file, whole or not at all; without an optimiser it is only there to be used."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {f"parameter/{n}": p.detach() for n, p in parameters.items()}
    for n, p in parameters.items():
        for key, value in (optimizer.state.get(p, {}) if optimizer else {}).items():
            tensors[f"optimizer/{key}/{n}"] = value.detach()
    part = path.with_suffix(".part")
    for left in path.parent.glob(_UNFINISHED):
        left.unlink()
    save_file({k: t.contiguous() for k, t in tensors.items()}, part, metadata={"state": json.dumps(account)})
    part.replace(path)


def account(path: Path) -> dict[str, Any]:
    """Return what was noted with a state."""
    with safe_open(path, "pt") as f:
        noted: dict[str, Any] = json.loads(f.metadata()["state"])
    return noted


def restore(path: Path, parameters: Mapping[str, nn.Parameter], optimizer: torch.optim.Optimizer) -> None:
    """Put a state's tensors back into the parameters, and into the optimiser what there is for it."""
    with safe_open(path, "pt") as f, torch.no_grad():
        known = set(f.keys())
        for name, parameter in parameters.items():
            parameter.copy_(f.get_tensor(f"parameter/{name}"))
            keys = {k.split("/")[1]: k for k in known if k.startswith("optimizer/") and k.split("/", 2)[2] == name}
            if keys:
                optimizer.state[parameter] = {key: _beside(parameter, f.get_tensor(k)) for key, k in keys.items()}


def _beside(parameter: nn.Parameter, tensor: Tensor) -> Tensor:
    """Return a tensor of the optimiser where it is wanted: with its parameter, but the count of steps by itself."""
    return tensor.to(parameter.device) if tensor.dim() else tensor.clone()
