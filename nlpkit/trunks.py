"""What the layers below an adapter make of some texts: computed once, kept in a file for every epoch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal

import numpy as np
import torch

from nlpkit.backbone import Backbone, Trunk
from nlpkit.data.batches import BATCH_PIECES, token_budget
from nlpkit.text import Window

_KEPT_EVERY: Final = 16
"""Batches after which what has been read is noted down."""


class Trunks:
    """The states before a layer of some windows, in a memory-mapped file of float32: memory first, then disk.

    They depend on nothing that is trained, so that a run that goes on reads what it would have computed. The windows
    are read in batches of their own, always the same: so the states are the same bits in every run. Of a run that was
    killed, what the file holds is taken and only the rest is computed.

    Args:
        backbone: the bare model.
        windows: all windows that will be asked for.
        layer: the lowest layer that is trained.
        path: the file, with an account of it beside; `close` removes both.
        progress: called with the number of windows read after each batch.

    """

    def __init__(
        self,
        backbone: Backbone,
        windows: Sequence[Window],
        layer: int,
        path: Path,
        *,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self.layer, self.path, self._account = layer, path, path.with_suffix(".json")
        ends = np.cumsum([len(w) for w in windows])
        self._rows = {id(w): slice(int(end) - len(w), int(end)) for w, end in zip(windows, ends, strict=True)}
        path.parent.mkdir(parents=True, exist_ok=True)
        made_of = _identity(backbone, windows, layer)
        n_batches, self._as_tuple = self._kept(made_of)
        shape = (int(ends[-1]), backbone.hidden_width)
        mode: Literal["r+", "w+"] = "r+" if n_batches else "w+"
        if not n_batches:
            self._account.unlink(missing_ok=True)  # it may speak of a file that is gone
        self._states = np.lib.format.open_memmap(path, mode=mode, dtype=np.float32, shape=shape)
        with torch.inference_mode():
            for n, batch in enumerate(token_budget(windows, BATCH_PIECES), 1):
                if n > n_batches:
                    trunk = backbone.trunk(batch, layer)
                    self._as_tuple = trunk.as_tuple
                    for window, states in zip(batch, trunk.states.numpy(), strict=True):
                        self._states[self._rows[id(window)]] = states[: len(window)]
                    if not n % _KEPT_EVERY:
                        self._keep(made_of, n)
                if progress:
                    progress(len(batch))
        self._keep(made_of, n)

    def _kept(self, made_of: str) -> tuple[int, bool]:
        """Return how many batches the file holds already, and whether layers give tuples."""
        try:
            account = json.loads(self._account.read_text("utf-8"))
        except (OSError, ValueError):
            return 0, False
        same = account["made of"] == made_of and self.path.is_file()
        return (account["batches"], account["as tuple"]) if same else (0, False)

    def _keep(self, made_of: str, n_batches: int) -> None:
        self._states.flush()
        part = self._account.with_suffix(".part")
        part.write_text(json.dumps({"made of": made_of, "batches": n_batches, "as tuple": self._as_tuple}), "utf-8")
        part.replace(self._account)

    def of(self, batch: Sequence[Window]) -> Trunk:
        """Return the states of some of the windows, padded with zeros. *Shape:* (n_windows, n_pieces, width)."""
        states = torch.zeros(len(batch), max(len(w) for w in batch), self._states.shape[1])
        for row, window in enumerate(batch):
            states[row, : len(window)] = torch.from_numpy(self._states[self._rows[id(window)]])
        return Trunk(states, self.layer, self._as_tuple)

    def close(self) -> None:
        """Remove the file."""
        self._account.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


def _identity(backbone: Backbone, windows: Sequence[Window], layer: int) -> str:
    """Return a fingerprint of what states are made of: the model, the pieces, and how this machine multiplies."""
    digest = hashlib.sha256(f"{backbone.fingerprint} {layer} {torch.__version__}".encode())
    digest.update(torch.backends.cpu.get_cpu_capability().encode())
    for window in windows:
        digest.update(window.input_ids.astype(np.int64).tobytes() + f"|{window.starts}|".encode())
    return digest.hexdigest()
