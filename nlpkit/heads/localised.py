"""Relations between any two entities of a text: ATLOP (Zhou et al. 2021) on the states that `ner` read.

An entity is all its mentions: the log-sum-exp of their states. For each pair the last layer's attention of both
points at the words that matter for the two (localised context); a grouped bilinear map scores every relation
against a threshold class learnt with it (adaptive threshold). No markers, no second encoding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nlpkit.backbone import Hidden
from nlpkit.heads.pairs import N_DISTANCES, Pairs

_TYPE_WIDTH = 32
_AT_ONCE = 128
"""Pairs scored at once: what they are multiplied into stays in the processor's cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """What is known of the two ends of each pair of some windows, one window after another.

    Shapes:
        left, right *(n_pairs, width)*; `context`, of each window, *(n_pairs / 2 or more, n_pieces)*: where two entities
        look together, whichever is the subject; `rows` *(n_pairs,)*: the row of a pair in its window's context.
    """

    left: Tensor
    right: Tensor
    context: list[Tensor]
    rows: list[NDArray[np.int64]]

    def looks(self, window: int, pair: int) -> NDArray[np.float32]:
        """Return where a pair of a window looks. *Shape:* (n_pieces,)."""
        looks: NDArray[np.float32] = self.context[window][self.rows[window][pair]].numpy()
        return looks


class LocalisedScorer(nn.Module):
    """Scores the relations of ordered pairs of entities against a threshold class.

    Args:
        hidden_width: width of the backbone's states.
        n_types: the number of entity types.
        n_relations: the number of relations.
        width: width of a pair's two sides.
        block: width of a group of the bilinear map.
        dropout: share of a pair's two sides dropped in training.

    """

    def __init__(
        self, hidden_width: int, n_types: int, n_relations: int, *, width: int, block: int, dropout: float
    ) -> None:
        super().__init__()
        self.block, self.dropout = block, dropout
        self.type_states = nn.Embedding(n_types, _TYPE_WIDTH)
        self.distance_states = nn.Embedding(N_DISTANCES, width)
        self.subject_entity = nn.Linear(hidden_width + _TYPE_WIDTH, width)
        self.object_entity = nn.Linear(hidden_width + _TYPE_WIDTH, width)
        self.subject_context = nn.Linear(hidden_width, width, bias=False)
        self.object_context = nn.Linear(hidden_width, width, bias=False)
        self.bilinear = nn.Linear(width * block, n_relations + 1)
        nn.init.normal_(self.distance_states.weight, std=0.02)

    def sides(self, hidden: Hidden, pairs: Sequence[Pairs]) -> Sides:
        """Return the two sides of all pairs of a batch of windows.

        Args:
            hidden: states and attention of the windows.
            pairs: of each window; one without any is passed over.

        """
        assert hidden.attention is not None
        rows = [n for n, own in enumerate(pairs) if len(own.subjects)]
        told = [pairs[n] for n in rows]
        reads = [_reads(own, hidden.states.shape[1]) for own in told]
        mentions = torch.cat([read @ hidden.states[n] for n, read in zip(rows, reads, strict=True)])
        members = [_members(own) for own in told]
        firsts = np.cumsum([0, *(len(own.pieces) for own in told)])
        owner = torch.from_numpy(np.concatenate([own + first for own, first in zip(members, firsts, strict=False)]))
        types = torch.tensor(list(chain.from_iterable(own.types for own in told)))
        entities = torch.cat([_log_sum_exp(mentions, owner, int(firsts[-1])), self.type_states(types)], dim=1)
        context = [hidden.states.new_zeros(0, hidden.states.shape[1])] * len(pairs)
        of_pair = [np.zeros(0, dtype=np.int64)] * len(pairs)
        for n, read, own, chains in zip(rows, reads, members, told, strict=True):
            context[n], of_pair[n] = _together(hidden.attention[n], _means(read, own), chains)
        around = torch.cat([context[n] @ hidden.states[n] for n in rows])
        starts = np.cumsum([0, *(len(context[n]) for n in rows)])
        alike = torch.from_numpy(np.concatenate([of_pair[n] + at for n, at in zip(rows, starts, strict=False)]))
        subjects, objects = (
            torch.from_numpy(np.concatenate([ends + first for ends, first in zip(side, firsts, strict=False)]))
            for side in ([own.subjects for own in told], [own.objects for own in told])
        )
        distances = self.distance_states(torch.from_numpy(np.concatenate([own.distances for own in told])))
        left = self.subject_entity(entities)[subjects] + self.subject_context(around)[alike] + distances
        right = self.object_entity(entities)[objects] + self.object_context(around)[alike]
        left, right = (nn.functional.dropout(side.tanh(), self.dropout, self.training) for side in (left, right))
        return Sides(left, right, context, of_pair)

    def forward(self, sides: Sides) -> Tensor:
        """Return the scores of all relations, the threshold class first. *Shape:* (n_pairs, n_relations + 1)."""
        parts = zip(sides.left.split(_AT_ONCE), sides.right.split(_AT_ONCE), strict=True)
        return torch.cat([self.bilinear(self._products(left, right)) for left, right in parts])

    def _products(self, left: Tensor, right: Tensor) -> Tensor:
        """Multiply the two sides group by group. *Shape:* (n_pairs, width x block)."""
        one, other = left.view(len(left), -1, self.block, 1), right.view(len(right), -1, 1, self.block)
        return (one * other).flatten(1)

    def margins(
        self, sides: Sides, kinds: NDArray[np.int64], relations: Mapping[int, Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return how far relations are above the threshold class, for each pair those of its kind alone.

        Args:
            sides: of the pairs.
            kinds: what sort of pair each is. *Shape:* (n_pairs,)
            relations: the numbers of the relations that a pair of a kind may have.

        Returns:
            The rows of the pairs, the numbers of the relations, and the margins. *Shapes:* (n_scores,) each.

        """
        found: list[tuple[Tensor, Tensor, Tensor]] = []
        weight, bias = self.bilinear.weight, self.bilinear.bias
        for kind in np.unique(kinds).tolist():
            numbers = relations[kind]
            offset = bias[numbers + 1] - bias[:1]
            # One group after another, all relations side by side: (n_groups, block, n_relations x block)
            above = (weight[numbers + 1] - weight[:1]).view(len(numbers), -1, self.block, self.block)
            above = above.permute(1, 2, 0, 3).flatten(2)
            for rows in torch.from_numpy(np.flatnonzero(kinds == kind)).split(_AT_ONCE):
                left, right = (
                    side[rows].view(len(rows), -1, self.block).transpose(0, 1) for side in (sides.left, sides.right)
                )
                mapped = torch.bmm(left, above).unflatten(2, (len(numbers), self.block))
                scores = (mapped * right.unsqueeze(2)).sum((0, 3)) + offset
                found.append((rows.repeat_interleave(len(numbers)), numbers.repeat(len(rows)), scores.flatten()))
        rows, numbers, scores = (torch.cat(parts) for parts in zip(*found, strict=True))
        return rows, numbers, scores


def _members(pairs: Pairs) -> NDArray[np.int64]:
    """Return the number of the chain that each mention belongs to. *Shape:* (n_mentions,)."""
    return np.repeat(np.arange(len(pairs.pieces)), [len(mentions) for mentions in pairs.pieces])


def _reads(pairs: Pairs, n_pieces: int) -> Tensor:
    """Return the weights with which each mention reads its pieces, which sum to 1. *Shape:* (n_mentions, n_pieces)."""
    spans = torch.tensor(list(chain.from_iterable(pairs.pieces)))
    places = torch.arange(n_pieces)
    inside = (places >= spans[:, :1]) & (places < spans[:, 1:])
    return inside / (spans[:, 1:] - spans[:, :1])


def _means(reads: Tensor, owner: NDArray[np.int64]) -> Tensor:
    """Return the mean of the rows of each owner. *Shape:* (n_mentions, n_pieces) -> (n_chains, n_pieces)."""
    counts = torch.from_numpy(np.bincount(owner))
    total = reads.new_zeros(len(counts), reads.shape[1]).index_add(0, torch.from_numpy(owner), reads)
    return total / counts[:, None]


def _log_sum_exp(rows: Tensor, owner: Tensor, n: int) -> Tensor:
    """Return the log-sum-exp of the rows of each of n owners. *Shape:* (n_rows, width) -> (n, width)."""
    top = rows.detach().new_zeros(n, rows.shape[1])
    top = top.scatter_reduce(0, owner[:, None].expand_as(rows), rows.detach(), "amax", include_self=False)
    return rows.new_zeros(n, rows.shape[1]).index_add(0, owner, (rows - top[owner]).exp()).log() + top


def _together(attention: Tensor, reads: Tensor, pairs: Pairs) -> tuple[Tensor, NDArray[np.int64]]:
    """Return where each two entities look together, summing to 1, and which of these rows is that of a pair.

    *Shapes:* attention (n_heads, n_pieces, n_pieces), reads (n_chains, n_pieces) -> (n_two, n_pieces), (n_pairs,)
    """
    looks = torch.einsum("ep,hpq->ehq", reads, attention)
    n = len(pairs.pieces)
    ends = np.minimum(pairs.subjects, pairs.objects) * n + np.maximum(pairs.subjects, pairs.objects)
    two, rows = np.unique(ends, return_inverse=True)
    both = torch.einsum("ehq,fhq->efq", looks, looks).flatten(0, 1)[torch.from_numpy(two)]
    return both / (both.sum(1, keepdim=True) + 1e-10), rows


def adaptive_threshold_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the adaptive-threshold loss of ATLOP (Zhou et al. 2021, eq. 12), averaged over pairs.

    Positive relations are pushed above the threshold class (column 0), all others below it.
    Both arguments: *Shape:* (n_pairs, n_relations + 1).
    """
    threshold = torch.zeros_like(labels)
    threshold[:, 0] = 1.0
    positive = labels.clone()
    positive[:, 0] = 0.0
    above = (logits - (1 - positive - threshold) * 1e30).log_softmax(-1)
    below = (logits - positive * 1e30).log_softmax(-1)
    return -((above * positive).sum(1) + below[:, 0]).mean()
