"""Training steps on a processor: who multiplies the matrices, and where the noise of dropout comes from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn

LONGEST = 512
"""Texts up to this many pieces are attended to in the open; the memory for it grows with the square."""

_ON: ContextVar[bool] = ContextVar("quick", default=False)


@contextmanager
def products() -> Iterator[None]:
    """Let oneDNN multiply, which on processors with AVX-512 is up to twice as fast as what torch takes by itself.

    oneDNN may then round the factors to bfloat16 (sums stay float32) where the processor has matrix units for it, as
    mixed precision does. Its calls cost too much for the many small products of fused attention, so attention is
    computed in the open meanwhile. Without AVX-512, or with a torch before 2.9, nothing changes. The choice holds for
    the whole process: what other threads compute meanwhile may differ in the last digits.
    """
    backend = getattr(torch.backends.mkldnn, "matmul", None)
    if backend is None or torch.backends.cpu.get_cpu_capability() != "AVX512":
        yield
        return
    before, token = backend.fp32_precision, _ON.set(True)
    backend.fp32_precision = "bf16"
    try:
        yield
    finally:
        backend.fp32_precision = before
        _ON.reset(token)


@contextmanager
def rounded(wanted: bool, device: torch.device) -> Iterator[None]:
    """Compute products in bfloat16 and keep their results so, where the device multiplies such numbers by itself.

    Weights and gradients stay float32 (mixed precision: Micikevicius et al. 2018, with the wider range of bfloat16).
    A device that would have to imitate it computes as ever.
    """
    with torch.autocast(device.type, torch.bfloat16, enabled=wanted and _multiplies_bfloat16(device)):
        yield


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able = getattr(torch.cpu, "get_capabilities", dict[str, bool])
    return device.type == "cpu" and able().get("avx512_bf16", False)


def in_the_open(query: Tensor, n_keys: int) -> bool:
    """Say whether attention is better computed by plain products: while oneDNN multiplies."""
    return _ON.get() and query.device.type == "cpu" and n_keys <= LONGEST


class Dropout(nn.Dropout):
    """Dropout whose masks take eight places from one random number; the share dropped is a multiple of 1/256.

    On another device than the processor it is torch's own.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the input with some places 0 and the others scaled up, or as it is outside training."""
        n_dropped = round(256 * self.p)
        if not self.training or self.inplace or input.device.type != "cpu" or not 0 < n_dropped < 256:
            return super().forward(input)
        n = input.numel()
        numbers = torch.empty((n + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
        kept = numbers.view(torch.uint8)[:n].view(input.shape) >= n_dropped
        return input * kept.to(input.dtype).mul_(256 / (256 - n_dropped))


def quicken(module: nn.Module) -> None:
    """Give every dropout of a module these masks, in place."""
    for inner in module.modules():
        if type(inner) is nn.Dropout:
            inner.__class__ = Dropout
