"""How likely a decoder finds each of some continuations of each text, in one pass a text.

The prompt that texts share is read once and its keys and values kept. The continuations of a text are a tree of pieces:
all its nodes follow the text in one row, each attending to the prompt, the text and the nodes above it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import DynamicCache

from nlpkit.adapters import Adapted
from nlpkit.errors import InputError

BATCH_PIECES = 2048
"""Pieces of a batch at most, the kept prompt not counted."""
LOGITS = 1 << 26
"""Logits of a batch at most: 256 MB of them."""
KEPT = 8
"""Prompts that are kept."""


@dataclass(frozen=True, slots=True)
class Tree:
    """Rows of pieces as a tree: `pieces[n]` comes after node `parents[n]` (-1: after the text), `depths[n]` from 1 on.

    `ends[k]` are the nodes of row k, from the first to the last.
    """

    pieces: list[int]
    parents: list[int]
    depths: list[int]
    ends: list[list[int]]

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> Tree:
        """Return the tree of some rows."""
        tree = cls([], [], [], [])
        known: dict[tuple[int, int], int] = {}
        for row in rows:
            path: list[int] = []
            for depth, piece in enumerate(row, 1):
                parent = path[-1] if path else -1
                node = known.setdefault((parent, piece), len(tree.pieces))
                if node == len(tree.pieces):
                    tree.pieces.append(piece)
                    tree.parents.append(parent)
                    tree.depths.append(depth)
                path.append(node)
            tree.ends.append(path)
        return tree

    def above(self) -> Tensor:
        """Return whether each node sees each other: itself and those above it. *Shape:* (n_nodes, n_nodes)."""
        seen = torch.eye(len(self.pieces), dtype=torch.bool)
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                seen[node] |= seen[parent]
        return seen


class Likelihoods:
    """Scores continuations with one decoder. Several threads may ask one."""

    def __init__(self, adapted: Adapted) -> None:
        self.adapted = adapted
        self._kept: OrderedDict[tuple[object, ...], Any] = OrderedDict()
        self._lock = Lock()

    def of(
        self,
        prompt: Sequence[int],
        texts: Sequence[Sequence[int]],
        rows: Sequence[Sequence[int]],
        *,
        adapter: str | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> NDArray[np.float64]:
        """Return the log-likelihood of each row of pieces after the prompt and each text.

        Args:
            prompt: the pieces that all texts come after; they are read once and kept for the next call.
            texts: one piece or more each.
            rows: the continuations, one piece or more each.
            adapter: the name of a loaded adapter to read with.
            progress: called with the number of texts done after each batch.

        Returns:
            *Shape:* (n_texts, n_rows)

        Raises:
            InputError: a prompt, text and continuation are longer than the model reads at once.

        """
        tree = Tree.of(rows)
        found = np.zeros((len(texts), len(rows)))
        self._check_lengths(prompt, texts, rows)
        for batch in self._batches(texts, tree):
            found[batch] = self._batch(prompt, [texts[n] for n in batch], tree, adapter)
            if progress:
                progress(len(batch))
        return found

    def _check_lengths(
        self, prompt: Sequence[int], texts: Sequence[Sequence[int]], rows: Sequence[Sequence[int]]
    ) -> None:
        most = self.adapted.backbone.max_pieces
        longest = max(map(len, texts), default=0) + max(map(len, rows), default=0)
        if len(prompt) + longest > most:
            raise InputError(
                f"a prompt of {len(prompt)} pieces and a text with its label of {longest} are more than the {most} "
                f"that {self.adapted.backbone.name!r} reads at once; show fewer examples, or shorter texts"
            )

    def _batches(self, texts: Sequence[Sequence[int]], tree: Tree) -> Iterator[list[int]]:
        """Yield the numbers of texts that are read together, of like length."""
        asked = 1 + len({parent for parent in tree.parents if parent >= 0})
        most = max(1, LOGITS // (asked * self.adapted.backbone.n_pieces))
        batch: list[int] = []
        for n in sorted(range(len(texts)), key=lambda n: len(texts[n])):
            if batch and (len(batch) >= most or (len(batch) + 1) * (len(texts[n]) + len(tree.pieces)) > BATCH_PIECES):
                yield batch
                batch = []
            batch.append(n)
        if batch:
            yield batch

    def _batch(
        self, prompt: Sequence[int], texts: Sequence[Sequence[int]], tree: Tree, adapter: str | None
    ) -> NDArray[np.float64]:
        length, n_nodes = max(map(len, texts)), len(tree.pieces)
        ids = torch.full((len(texts), length + n_nodes), self.adapted.backbone.pad_id)
        real = torch.zeros((len(texts), length), dtype=torch.bool)
        for row, text in enumerate(texts):  # padded on the left: all texts end at one place
            ids[row, length - len(text) : length] = torch.tensor(text)
            real[row, length - len(text) :] = True
        ids[:, length:] = torch.tensor(tree.pieces)
        places = (real.cumsum(1) - 1).clamp(min=0)
        places = torch.cat([places, real.sum(1, keepdim=True) - 1 + torch.tensor(tree.depths)[None]], 1) + len(prompt)
        parents = sorted({parent for parent in tree.parents if parent >= 0})
        asked = torch.tensor([length - 1, *(length + parent for parent in parents)])
        with torch.inference_mode(), self.adapted.using(adapter) as model:
            writer = model.writer()
            past = self._past(writer, prompt, adapter, len(texts))
            logits = writer(
                input_ids=ids,
                attention_mask=_masks(writer.config, _seen(real, tree, len(prompt)), places, len(prompt)),
                position_ids=places,
                past_key_values=past,
                use_cache=past is not None,
                logits_to_keep=asked,
            ).logits.float()
            sums = logits.logsumexp(-1)
        row_of = {-1: 0, **{parent: n for n, parent in enumerate(parents, 1)}}
        where = torch.tensor([row_of[parent] for parent in tree.parents])
        nodes = (logits[:, where, torch.tensor(tree.pieces)] - sums[:, where]).double().numpy()
        return np.stack([nodes[:, path].sum(1) for path in tree.ends], axis=1)

    def _past(self, writer: Any, prompt: Sequence[int], adapter: str | None, n_rows: int) -> DynamicCache | None:
        """Return the keys and values of the prompt, for each row."""
        if not prompt:
            return None
        key = (adapter, self.adapted.fingerprint(adapter) if adapter else "", *prompt)
        with self._lock:
            kept = self._kept.get(key)
        if kept is None:
            kept = DynamicCache()
            writer(torch.tensor([list(prompt)]), past_key_values=kept, use_cache=True, logits_to_keep=1)
            with self._lock:
                self._kept[key] = kept
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
        past = DynamicCache()
        for number, layer in enumerate(kept.layers):
            past.update(layer.keys.expand(n_rows, -1, -1, -1), layer.values.expand(n_rows, -1, -1, -1), number)
        return past


def _seen(real: Tensor, tree: Tree, n_prompt: int) -> Tensor:
    """Return which places each place sees. *Shape:* (n_texts, 1, n, n_prompt + n), n = text and nodes."""
    n_texts, length = real.shape
    n_nodes = len(tree.pieces)
    own = torch.zeros((n_texts, length + n_nodes, length + n_nodes), dtype=torch.bool)
    own[:, :length, :length] = real[:, None, :] & torch.ones(length, length, dtype=torch.bool).tril()
    own[:, length:, :length] = real[:, None, :]
    own[:, length:, length:] = tree.above()
    own |= torch.eye(length + n_nodes, dtype=torch.bool)  # padding sees itself, else there were nothing to weigh
    before = torch.ones((n_texts, length + n_nodes, n_prompt), dtype=torch.bool)
    return torch.cat([before, own], 2)[:, None]


def _masks(config: Any, seen: Tensor, places: Tensor, n_prompt: int) -> Any:
    """Return the mask as the model takes it: where some layers look back a limited way, one for each kind of layer."""
    kinds = set(getattr(config, "layer_types", None) or ())
    if kinds <= {"full_attention"}:
        return seen
    keys = torch.cat([torch.arange(n_prompt).expand(len(places), -1), places], 1)
    near = (places[:, :, None] - keys[:, None, :]) < config.sliding_window
    return {kind: seen & near[:, None] if kind == "sliding_attention" else seen for kind in kinds}
