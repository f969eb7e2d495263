"""What a step does to the parameters: the optimiser, its learning rate, and the sum of several processes' gradients."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import torch
from accelerate import PartialState
from accelerate.utils import reduce
from torch import Tensor, nn

from nlpkit.recipes import TrainingSpec

OF_ADAPTER = "adapter."
"""What the names of an adapter's parameters begin with, among those of heads."""


def adamw(parameters: Mapping[str, nn.Parameter], spec: TrainingSpec) -> torch.optim.AdamW:
    """Return the optimiser of an adapter and its heads, each with its own learning rate."""
    groups = []
    for of_adapter, lr in ((True, spec.lr), (False, spec.head_lr)):
        own = [p for n, p in parameters.items() if n.startswith(OF_ADAPTER) is of_adapter]
        # Decay would pull factors and offsets (IA3, normalisations, biases) towards 0, where they undo their layer.
        vectors = [p for p in own if p.dim() < 2 or min(p.shape) == 1]
        matrices = [p for p in own if p.dim() >= 2 and min(p.shape) > 1]
        groups.append({"params": matrices, "lr": lr, "weight_decay": spec.weight_decay})
        groups.append({"params": vectors, "lr": lr, "weight_decay": 0.0})
    for group in groups:
        group["initial_lr"] = group["lr"]
    return torch.optim.AdamW([g for g in groups if g["params"]])


def set_rate(optimizer: torch.optim.Optimizer, step: int, steps: int, warmup: float) -> None:
    """Set the learning rate of a step: a linear rise over a share `warmup` of all steps, then a linear fall to 0."""
    warm = max(1, int(warmup * steps))
    share = min((step + 1) / warm, (steps - step) / max(1, steps - warm))
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * share


def processes() -> PartialState:
    """Return what this process is among those that train together, alone where nobody launched others.

    accelerate joins processes on processors only where told to, and Apple's accelerator has nothing that joins them.
    """
    device = torch.accelerator.current_accelerator(check_available=True)
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    return PartialState(cpu=several and (device is None or device.type == "mps"))


def added_up(parameters: Iterable[nn.Parameter], loss: Tensor, device: torch.device) -> Tensor:
    """Put the sum of all processes' gradients in the place of this one's, and return the sum of their losses.

    Args:
        parameters: those that are trained; each may be on the processor or on this process's device.
        loss: this process's. *Shape:* ()
        device: this process's, between which and those of the others the sums go.

    """
    own = [p for p in parameters if p.requires_grad]
    gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in own]
    flat = [part.reshape(-1).to(device) for part in (loss, *gradients)]
    whole: Tensor = reduce(torch.cat(flat), "sum")
    for parameter, part in zip(own, whole[1:].split([p.numel() for p in own]), strict=True):
        parameter.grad = part.view_as(parameter).to(parameter.device, copy=True)
    return whole[0].cpu()
