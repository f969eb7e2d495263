"""What the layers below an adapter make of some texts: computed once, kept in a file for every epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from nlpkit.backbone import Backbone, Trunk
from nlpkit.data.batches import BATCH_PIECES, token_budget
from nlpkit.text import Window


class Trunks:
    """The states before a layer of some windows, in a memory-mapped file of float32: memory first, then disk.

    They depend on nothing that is trained, so that a run that goes on reads what it would have computed. The windows
    are read in batches of their own, always the same: so the states are the same bits in every run.

    Args:
        backbone: the bare model.
        windows: all windows that will be asked for.
        layer: the lowest layer that is trained.
        path: the file; it is written anew and removed by `close`.
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
        self.layer, self.path = layer, path
        ends = np.cumsum([len(w) for w in windows])
        self._rows = {id(w): slice(int(end) - len(w), int(end)) for w, end in zip(windows, ends, strict=True)}
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = (int(ends[-1]), backbone.hidden_width)
        self._states = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
        self._as_tuple = False
        with torch.inference_mode():
            for batch in token_budget(windows, BATCH_PIECES):
                trunk = backbone.trunk(batch, layer)
                self._as_tuple = trunk.as_tuple
                for window, states in zip(batch, trunk.states.numpy(), strict=True):
                    self._states[self._rows[id(window)]] = states[: len(window)]
                if progress:
                    progress(len(batch))

    def of(self, batch: Sequence[Window]) -> Trunk:
        """Return the states of some of the windows, padded with zeros. *Shape:* (n_windows, n_pieces, width)."""
        states = torch.zeros(len(batch), max(len(w) for w in batch), self._states.shape[1])
        for row, window in enumerate(batch):
            states[row, : len(window)] = torch.from_numpy(self._states[self._rows[id(window)]])
        return Trunk(states, self.layer, self._as_tuple)

    def close(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)
