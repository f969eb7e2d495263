"""Relations between the entities of a document: ATLOP (Zhou et al. 2021) on the states that `ner` read.

An entity is all its mentions: the log-sum-exp of their states. For each pair the last layer's attention of both
points at the words that matter for the two (localised context); a grouped bilinear map scores every relation
against a threshold class learnt with it (adaptive threshold). No markers, no second encoding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nlpkit.backbone import Hidden
from nlpkit.chains import chains_of
from nlpkit.heads.base import platt
from nlpkit.heads.pairs import N_DISTANCES, Evidence, Pairs, first_mention, pairs_of, sentences_of
from nlpkit.metrics import total, triple_counts
from nlpkit.text import Window
from nlpkit.types import Chain, Document, Entity, Relation

_TYPE_WIDTH = 32
_FLOOR = 0.02
"""Probability before calibration below which a triple does not take part in it."""


class RelationHead(nn.Module):
    """Scores every relation for every ordered pair of entities whose types ever had one in training.

    Args:
        hidden_width: width of the backbone's states.
        relations: relation names by property id, in the order of the classes.
        types: entity types.
        seen: what training had: "types", the (subject type, object type) pairs with a relation; "same", the relations
            that two entities had at once; "opposite", those that they had one this way and one that.
        width: width of a pair's two sides.
        block: width of a group of the bilinear map.
        dropout: share of a pair's two sides dropped in training.
        calibration: slope and offset that make a probability of a margin over the threshold class (Platt 1999),
            and the least probability that is reported.

    """

    kind: ClassVar[str] = "relation"
    needs: ClassVar[tuple[str, ...]] = ("ner",)
    reads_attention: ClassVar[bool] = True

    def __init__(
        self,
        hidden_width: int,
        relations: Mapping[str, str],
        types: Sequence[str],
        seen: Mapping[str, Sequence[Sequence[str]]],
        *,
        width: int = 384,
        block: int = 32,
        dropout: float = 0.2,
        calibration: Sequence[float] = (1.0, 0.0, 0.5),
    ) -> None:
        super().__init__()
        self.hidden_width, self.relations, self.types = hidden_width, dict(relations), tuple(types)
        self.seen = {kind: [list(pair) for pair in pairs] for kind, pairs in seen.items()}
        self.width, self.block, self.dropout = width, block, dropout
        slope, offset, threshold = calibration
        self.calibration, self.threshold = (float(slope), float(offset)), float(threshold)
        self._ids = tuple(self.relations)
        self._allowed = _matrix(self.seen["types"], self.types)
        self._same, self._opposite = (_matrix(self.seen[kind], self._ids) for kind in ("same", "opposite"))
        self.type_states = nn.Embedding(len(self.types), _TYPE_WIDTH)
        self.distance_states = nn.Embedding(N_DISTANCES, width)
        self.subject_entity = nn.Linear(hidden_width + _TYPE_WIDTH, width)
        self.object_entity = nn.Linear(hidden_width + _TYPE_WIDTH, width)
        self.subject_context = nn.Linear(hidden_width, width, bias=False)
        self.object_context = nn.Linear(hidden_width, width, bias=False)
        self.bilinear = nn.Linear(width * block, len(self._ids) + 1)
        nn.init.normal_(self.distance_states.weight, std=0.02)

    @classmethod
    def fit(cls, golds: Sequence[Document], hidden_width: int, options: Mapping[str, Any]) -> RelationHead:
        """Make a fresh head for the relations, types and type pairs in the gold documents."""
        relations = {r.property or r.label: r.label for d in golds for r in d.relations}
        types = sorted({c.label for d in golds for c in d.chains})
        return cls(hidden_width, dict(sorted(relations.items())), types, _seen(golds), **options)

    def config(self) -> dict[str, Any]:
        """Return what `from_config` needs, as plain JSON types."""
        return {
            "hidden_width": self.hidden_width,
            "relations": self.relations,
            "types": list(self.types),
            "seen": self.seen,
            "width": self.width,
            "block": self.block,
            "dropout": self.dropout,
            "calibration": [*self.calibration, self.threshold],
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> RelationHead:
        """Make a head of the same shape."""
        return cls(**config)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the relations."""
        return tuple(self.relations.values())

    def gold(self, document: Document) -> Document:
        """Return the document with its chains and relations."""
        return replace(document, entities=())

    def targets(self, window: Window, gold: Document) -> Pairs:
        """Return the window's pairs with their relations."""
        pairs, chains = pairs_of(window, gold.chains, self.types, self._allowed)
        numbers = {(m.start, m.end, c.label): n for n, c in enumerate(chains) for m in c.mentions}
        true: dict[tuple[int, int], list[int]] = {}
        for relation in gold.relations:
            ends = [numbers.get((e.start, e.end, e.label)) for e in (relation.subject, relation.object)]
            if ends[0] is not None and ends[1] is not None:
                true.setdefault((ends[0], ends[1]), []).append(self._ids.index(relation.property or relation.label))
        labels = torch.zeros(len(pairs.subjects), len(self._ids) + 1)
        for row, pair in enumerate(zip(pairs.subjects.tolist(), pairs.objects.tolist(), strict=True)):
            labels[row, [n + 1 for n in true.get(pair, [-1])]] = 1.0
        return replace(pairs, labels=labels)

    def _features(self, states: Tensor, attention: Tensor, pairs: Pairs) -> tuple[Tensor, Tensor, Tensor]:
        """Return both sides of each pair *(n_pairs, width)*, and where its context lies *(n_pairs, n_pieces)*.

        `states` *(n_pieces, hidden_width)* and `attention` *(n_heads, n_pieces, n_pieces)* are one window's.
        """
        owner = [c for c, mentions in enumerate(pairs.pieces) for _ in mentions]
        reads = torch.zeros(len(owner), len(states))
        for row, (first, last) in enumerate(m for mentions in pairs.pieces for m in mentions):
            reads[row, first:last] = 1.0 / (last - first)
        member = torch.zeros(len(pairs.pieces), len(owner))
        member[owner, range(len(owner))] = 1.0
        mentions = reads @ states
        # log-sum-exp over the mentions of each chain, by masking the others out
        masked = mentions.unsqueeze(0) + (1 - member).unsqueeze(-1) * -1e4
        entities = torch.cat([masked.logsumexp(1), self.type_states(torch.tensor(pairs.types))], dim=1)
        looks = torch.einsum("ep,hpq->ehq", member @ reads / member.sum(1, keepdim=True), attention)
        subjects, objects = torch.from_numpy(pairs.subjects), torch.from_numpy(pairs.objects)
        both = torch.einsum("ehq,fhq->efq", looks, looks)[subjects, objects]
        both = both / (both.sum(1, keepdim=True) + 1e-10)
        context = both @ states
        distance = self.distance_states(torch.from_numpy(pairs.distances))
        left = self.subject_entity(entities)[subjects] + self.subject_context(context) + distance
        right = self.object_entity(entities)[objects] + self.object_context(context)
        drop = nn.functional.dropout
        return (
            drop(left.tanh(), self.dropout, self.training),
            drop(right.tanh(), self.dropout, self.training),
            both,
        )

    def _logits(self, left: Tensor, right: Tensor) -> Tensor:
        """Return the grouped bilinear scores, the threshold class first. *Shape:* (n_pairs, n_relations + 1)."""
        left = left.view(len(left), -1, self.block, 1)
        right = right.view(len(right), -1, 1, self.block)
        logits: Tensor = self.bilinear((left * right).flatten(1))
        return logits

    def loss(self, hidden: Hidden, windows: Sequence[Window], targets: Sequence[Pairs]) -> Tensor:
        """Return the adaptive-threshold loss, averaged over pairs."""
        assert hidden.attention is not None
        sides = [
            self._features(hidden.states[n], hidden.attention[n], pairs)[:2]
            for n, pairs in enumerate(targets)
            if len(pairs.subjects)
        ]
        if not sides:
            return hidden.states.sum() * 0.0
        logits = self._logits(torch.cat([s[0] for s in sides]), torch.cat([s[1] for s in sides]))
        labels = torch.cat([p.labels for p in targets if p.labels is not None and len(p.subjects)])
        return adaptive_threshold_loss(logits, labels)

    def decode(self, hidden: Hidden, windows: Sequence[Window], found: Sequence[Document]) -> list[Document]:
        """Return each window's document with its chains (found by `chains_of` unless given) and relations."""
        assert hidden.attention is not None
        results = []
        for n, (window, document) in enumerate(zip(windows, found, strict=True)):
            chains = document.chains or chains_of(window.text, document.entities, sentences_of(window))
            pairs, kept = pairs_of(window, chains, self.types, self._allowed)
            relations: list[Relation] = []
            if len(pairs.subjects):
                left, right, both = self._features(hidden.states[n], hidden.attention[n], pairs)
                relations = self._relations(self._logits(left, right), both, pairs, kept, window)
                relations = [_scored(relation, document.entities) for relation in relations]
            results.append(replace(document, chains=tuple(chains), relations=tuple(relations)))
        return results

    def _relations(
        self, logits: Tensor, both: Tensor, pairs: Pairs, chains: Sequence[Chain], window: Window
    ) -> list[Relation]:
        slope, offset = self.calibration
        probabilities = torch.sigmoid(slope * (logits[:, 1:] - logits[:, :1]) + offset)
        rows, classes = torch.nonzero(probabilities >= self.threshold, as_tuple=True)
        if not len(rows):
            return []
        evidence = Evidence(window, both)
        found = []
        order = torch.argsort(probabilities[rows, classes], descending=True, stable=True)
        for row, number in self._compatible(rows[order].tolist(), classes[order].tolist(), pairs):
            subject, object_ = chains[pairs.subjects[row]], chains[pairs.objects[row]]
            found.append(
                Relation(
                    first_mention(subject, window),
                    self.relations[self._ids[number]],
                    first_mention(object_, window),
                    float(probabilities[row, number]),
                    self._ids[number] if self._ids[number] != self.relations[self._ids[number]] else None,
                    evidence.of(row, subject, object_),
                )
            )
        return found

    def _compatible(self, rows: Sequence[int], classes: Sequence[int], pairs: Pairs) -> Iterator[tuple[int, int]]:
        """Go through claims, the likeliest first, and leave out those that never stood beside one that is kept."""
        kept: dict[tuple[int, int], list[int]] = {}
        for row, number in zip(rows, classes, strict=True):
            subject, object_ = int(pairs.subjects[row]), int(pairs.objects[row])
            beside, back = kept.setdefault((subject, object_), []), kept.get((object_, subject), [])
            if self._same[number, beside].all() and self._opposite[number, back].all():
                beside.append(number)
                yield row, number

    def score(self, predicted: Sequence[Document], golds: Sequence[Document]) -> dict[str, float]:
        """Return micro precision, recall and F1 of triples: both chains share a mention of the right type with gold.

        `boundary_f1` does not ask for the types (Taillé et al. 2020: never compare the two).
        """
        pairs = list(zip(predicted, golds, strict=True))
        strict = total(triple_counts(p, g) for p, g in pairs)
        return strict.to_dict() | {"boundary_f1": total(triple_counts(p, g, typed=False) for p, g in pairs).f1}

    def per_label(self, predicted: Sequence[Document], golds: Sequence[Document]) -> dict[str, dict[str, float]]:
        """Return precision, recall and F1 of each relation, from raw text."""
        return {
            label: total(
                triple_counts(_only(p, label), _only(g, label)) for p, g in zip(predicted, golds, strict=True)
            ).to_dict()
            for label in self.labels
        }

    def calibrate(self, predict: Callable[[], list[Document]], golds: Sequence[Document]) -> None:
        """Fit probabilities to how often triples are right, and choose the threshold with the best F1."""
        self.calibration, self.threshold = (1.0, 0.0), _FLOOR
        margins, right, n_gold = [], [], 0
        for document, gold in zip(predict(), golds, strict=True):
            n_gold += len(gold.relations)
            for relation in document.relations:
                score = min(relation.score or _FLOOR, 1 - 1e-7)
                margins.append(float(np.log(score / (1 - score))))
                right.append(triple_counts(replace(document, relations=(relation,)), gold).hits > 0)
        self.calibration = platt(margins, right)
        self.threshold = _best_threshold(margins, right, n_gold, self.calibration)


def _seen(golds: Sequence[Document]) -> dict[str, list[list[str]]]:
    """Return the pairs of types that had a relation, and the pairs of relations that two entities had at once."""
    types: set[tuple[str, str]] = set()
    same: set[tuple[str, str]] = set()
    opposite: set[tuple[str, str]] = set()
    for document in golds:
        held: dict[tuple[Entity, Entity], list[str]] = {}
        for relation in document.relations:
            types.add((relation.subject.label, relation.object.label))
            held.setdefault((relation.subject, relation.object), []).append(relation.property or relation.label)
        for (subject, object_), keys in held.items():
            same.update(product(keys, keys))
            opposite.update(product(keys, held.get((object_, subject), [])))
    kinds = {"types": types, "same": same, "opposite": opposite}
    return {kind: [list(pair) for pair in sorted(pairs)] for kind, pairs in kinds.items()}


def _matrix(pairs: Iterable[Sequence[str]], names: Sequence[str]) -> NDArray[np.bool_]:
    """Return which pairs of names are among `pairs`. *Shape:* (n_names, n_names)."""
    found = np.zeros((len(names), len(names)), dtype=bool)
    place = {name: n for n, name in enumerate(names)}
    for first, second in pairs:
        found[place[first], place[second]] = True
    return found


def _scored(relation: Relation, entities: Sequence[Entity]) -> Relation:
    """Return the relation with its ends as `ner` found them, scores and all."""
    found = {(e.start, e.end): e for e in entities}
    subject, object_ = (found.get((e.start, e.end), e) for e in (relation.subject, relation.object))
    return replace(relation, subject=subject, object=object_)


def _only(document: Document, label: str) -> Document:
    return replace(document, relations=tuple(r for r in document.relations if r.label == label))


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


def _best_threshold(
    margins: Sequence[float], right: Sequence[bool], n_gold: int, calibration: tuple[float, float]
) -> float:
    """Return the probability from which on reporting gives the best F1."""
    if not margins or not any(right):
        return 0.5
    order = np.argsort(-np.array(margins))
    hits = np.cumsum(np.array(right)[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + n_gold)
    margin = float(np.array(margins)[order][int(np.argmax(f1))])
    return float(1 / (1 + np.exp(-(calibration[0] * margin + calibration[1]))))
