"""One relation between two known entities, or none: for data where each text has two marked entities.

The backbone reads the text without marks, once for all tasks. A small transformer layer then reads its states with
the places of the two entities added to them (the position features of Zeng et al. 2014, as five roles: before,
first, between, second, after), so that every word can look at the two it is to speak about; one softmax over all
relations in both directions and "none" stands on what it read at the two and in the whole text.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from nlpkit.heads.base import feed_forward
from nlpkit.heads.pairs import Pairs
from nlpkit.text import Window

_OUTSIDE, _BEFORE, _FIRST, _BETWEEN, _SECOND, _AFTER = range(6)
_N_HEADS = 4


class DirectedScorer(nn.Module):
    """Scores each pair of entities: none, each relation from the first to the second, each from the second back.

    Args:
        hidden_width: width of the backbone's states.
        n_relations: the number of relations, directions not counted.
        width: width of the layer.
        dropout: share of its inputs dropped in training.

    """

    def __init__(self, hidden_width: int, n_relations: int, *, width: int, dropout: float) -> None:
        super().__init__()
        self.narrow = nn.Linear(hidden_width, width)
        self.roles = nn.Embedding(6, width)
        self.layer = nn.TransformerEncoderLayer(
            width, _N_HEADS, 2 * width, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.classes = feed_forward(3 * width, width, 2 * n_relations + 1, dropout)
        nn.init.normal_(self.roles.weight, std=0.02)

    def forward(self, states: Tensor, roles: Tensor) -> Tensor:
        """Return the scores of the classes.

        Args:
            states: the backbone's, of each pair's text. *Shape:* (n_pairs, n_pieces, hidden_width)
            roles: of each piece, as `roles_of` gives them. *Shape:* (n_pairs, n_pieces)

        Returns:
            *Shape:* (n_pairs, 2 * n_relations + 1), "none" first.

        """
        mixed = self.layer(self.narrow(states) + self.roles(roles), src_key_padding_mask=roles == _OUTSIDE)
        places = [roles == _FIRST, roles == _SECOND, roles != _OUTSIDE]
        read = [(mixed * at.unsqueeze(-1)).sum(1) / at.sum(1, keepdim=True).clamp(min=1) for at in places]
        logits: Tensor = self.classes(torch.cat(read, dim=1))
        return logits


def one_way(pairs: Pairs) -> Pairs:
    """Return the pairs whose subject is named before its object: each two entities once."""
    starts = [min(first for first, _ in mentions) for mentions in pairs.pieces]
    kept = [
        row
        for row, (a, b) in enumerate(zip(pairs.subjects.tolist(), pairs.objects.tolist(), strict=True))
        if (starts[a], a) < (starts[b], b)
    ]
    return Pairs(pairs.pieces, pairs.types, pairs.subjects[kept], pairs.objects[kept], pairs.distances[kept])


def roles_of(pairs: Pairs, window: Window, n_pieces: int) -> Tensor:
    """Return what each piece is to each pair: before, in, between or after its entities; 0 for what is no text.

    Args:
        pairs: as `one_way` leaves them.
        window: what the pairs stand in.
        n_pieces: of the window with its padding.

    Returns:
        *Shape:* (n_pairs, n_pieces)

    """
    body = np.flatnonzero(window.offsets[:, 0] >= 0)
    text = slice(int(body[0]), int(body[-1]) + 1)
    roles = torch.full((len(pairs.subjects), n_pieces), _OUTSIDE)
    for row, (a, b) in enumerate(zip(pairs.subjects.tolist(), pairs.objects.tolist(), strict=True)):
        first, second = pairs.pieces[a][0], pairs.pieces[b][0]
        roles[row, text] = _AFTER
        roles[row, text.start : first[0]] = _BEFORE
        roles[row, first[1] : second[0]] = _BETWEEN
        roles[row, first[0] : first[1]] = _FIRST
        roles[row, second[0] : second[1]] = _SECOND
    return roles


def directed_labels(pairs: Pairs, true: dict[tuple[int, int], list[int]], n_relations: int) -> Tensor:
    """Return the class of each pair in one-hot rows; of several relations the first. *Shape:* (n_pairs, n_classes)."""
    labels = torch.zeros(len(pairs.subjects), 2 * n_relations + 1)
    for row, (a, b) in enumerate(zip(pairs.subjects.tolist(), pairs.objects.tolist(), strict=True)):
        forth, back = true.get((a, b), []), true.get((b, a), [])
        labels[row, forth[0] + 1 if forth else back[0] + n_relations + 1 if back else 0] = 1.0
    return labels


def best_directed(logits: Tensor) -> tuple[Tensor, Sequence[int], Sequence[bool]]:
    """Return the best class of each pair beside "none": the log-odds for it, its relation, whether it goes back.

    *Shapes:* (n_pairs,) each.
    """
    n_relations = (logits.shape[1] - 1) // 2
    log_probabilities = logits.log_softmax(-1)
    best = log_probabilities[:, 1:].argmax(-1)
    chosen = log_probabilities[:, 1:].gather(1, best.unsqueeze(1)).squeeze(1)
    margins = chosen - torch.log(-torch.expm1(chosen.clamp(max=-1e-6)))
    return margins, (best % n_relations).tolist(), (best >= n_relations).tolist()
