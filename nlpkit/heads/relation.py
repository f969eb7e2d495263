"""Relations between the entities of a document: ATLOP (Zhou et al. 2021) on the states that `ner` read.

An entity is all its mentions: the log-sum-exp of their states. For each pair the last layer's attention of both
points at the words that matter for the two (localised context); a grouped bilinear map scores every relation
against a threshold class learnt with it (adaptive threshold). No markers, no second encoding.

Where each text has two marked entities and one relation or none (`exclusive`), `directed.py` scores them instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from nlpkit.backbone import Hidden
from nlpkit.chains import chains_of, with_anaphora
from nlpkit.cues import claims, properties
from nlpkit.errors import RecipeError
from nlpkit.heads.base import check_options, platt
from nlpkit.heads.beside import Beside, matrix, seen_in
from nlpkit.heads.directed import DirectedScorer, best_directed, directed_labels, one_way, roles_of
from nlpkit.heads.labelling import best_threshold
from nlpkit.heads.pairs import N_DISTANCES, Evidence, Pairs, first_mention, merged_relations, pairs_of, sentences_of
from nlpkit.metrics import Counts, macro_f1, total, triple_counts
from nlpkit.text import Window
from nlpkit.types import Chain, Document, Entity, Mention, Relation, Span

_TYPE_WIDTH = 32
_AT_ONCE = 256
_CHAINS = ("coreference", "mentions")
_OPTIONS = ("width", "block", "dropout", "cues", "exclusive", "chains")
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
        cues: whether what the text says in known wordings (`nlpkit.cues`) is added to what was learnt; for relations
            that are Wikidata properties.
        exclusive: whether two entities have one relation or none, in one direction or the other, as where a text comes
            with the two that it is about (SemEval-2010 task 8). They must be given as the document's chains.
        chains: "coreference" joins the mentions of one entity; with "mentions" each is an entity of its own.

    Raises:
        RecipeError: `chains` is neither.

    """

    kind: ClassVar[str] = "relation"
    needs: ClassVar[tuple[str, ...]] = ("ner",)
    reads_query: ClassVar[bool] = False

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
        cues: bool = False,
        exclusive: bool = False,
        chains: str = _CHAINS[0],
    ) -> None:
        super().__init__()
        if chains not in _CHAINS:
            raise RecipeError(f"options.relation.chains = {chains!r}; allowed: {', '.join(_CHAINS)}")
        self.hidden_width, self.relations, self.types = hidden_width, dict(relations), tuple(types)
        self.seen = {kind: [list(pair) for pair in pairs] for kind, pairs in seen.items()}
        self.width, self.block, self.dropout, self.cues = width, block, dropout, cues
        self.exclusive, self.chains = exclusive, chains
        slope, offset, threshold = calibration
        self.calibration, self.threshold = (float(slope), float(offset)), float(threshold)
        self._ids = tuple(self.relations)
        self._allowed = matrix(self.seen["types"], self.types)
        self._beside = Beside(self.seen, self._ids)
        if exclusive:
            self._allowed = self._allowed | self._allowed.T
            self.directed = DirectedScorer(hidden_width, len(self._ids), width=width, dropout=dropout)
            return
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
        """Make a fresh head for the relations, types and type pairs in the gold documents.

        Where most of the relations are Wikidata properties that the cues know, it reads them too, unless
        `options["cues"]` says otherwise.

        Raises:
            RecipeError: an option is unknown, or out of range.

        """
        check_options(cls.kind, options, _OPTIONS)
        relations = {r.property or r.label: r.label for d in golds for r in d.relations}
        types = sorted({c.label for d in golds for c in d.chains})
        chosen = {"cues": _are_known(relations), **options}
        return cls(hidden_width, dict(sorted(relations.items())), types, seen_in(golds), **chosen)

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
            "cues": self.cues,
            "exclusive": self.exclusive,
            "chains": self.chains,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> RelationHead:
        """Make a head of the same shape."""
        return cls(**config)

    @property
    def reads_attention(self) -> bool:
        """Whether the last layer's attention is needed, for the localised context."""
        return not self.exclusive

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
        if self.exclusive:
            pairs = one_way(pairs)
            return replace(pairs, labels=directed_labels(pairs, true, len(self._ids)))
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
        # A pair has width x block products: some hundred pairs at once stay in the processor's cache.
        parts = zip(left.split(_AT_ONCE), right.split(_AT_ONCE), strict=True)
        return torch.cat([self.bilinear((one * other).flatten(1)) for one, other in parts])

    def loss(self, hidden: Hidden, windows: Sequence[Window], targets: Sequence[Pairs]) -> Tensor:
        """Return the adaptive-threshold loss (`exclusive`: the cross-entropy), averaged over pairs."""
        labels = [p.labels for p in targets if p.labels is not None and len(p.subjects)]
        if self.exclusive and labels:
            return nn.functional.cross_entropy(self._directed(hidden, windows, targets)[0], torch.cat(labels))
        if not labels:
            return hidden.states.sum() * 0.0
        assert hidden.attention is not None
        sides = [
            self._features(hidden.states[n], hidden.attention[n], pairs)[:2]
            for n, pairs in enumerate(targets)
            if len(pairs.subjects)
        ]
        logits = self._logits(torch.cat([s[0] for s in sides]), torch.cat([s[1] for s in sides]))
        return adaptive_threshold_loss(logits, torch.cat(labels))

    def _directed(self, hidden: Hidden, windows: Sequence[Window], pairs: Sequence[Pairs]) -> tuple[Tensor, Tensor]:
        """Return the class scores of all windows' pairs, and what the pieces are to them (see `roles_of`)."""
        length = hidden.states.shape[1]
        roles = torch.cat([roles_of(p, w, length) for p, w in zip(pairs, windows, strict=True) if len(p.subjects)])
        rows = [n for n, p in enumerate(pairs) for _ in p.subjects]
        return self.directed(hidden.states[rows], roles), roles

    def decode(self, hidden: Hidden, windows: Sequence[Window], found: Sequence[Document]) -> list[Document]:
        """Return each window's document with its chains (found among the entities unless given) and relations."""
        results = []
        for n, (window, document) in enumerate(zip(windows, found, strict=True)):
            spans = sentences_of(window)
            chains = document.chains or self._grouped(window.text, document.entities, spans)
            if self.exclusive and len(self.types) == 1:  # there is nothing to tell apart
                chains = tuple(replace(chain, label=self.types[0]) for chain in chains)
            pairs, kept = pairs_of(window, chains, self.types, self._allowed)
            relations: list[Relation] = []
            if len(pairs.subjects) and self.exclusive:
                relations = self._exclusive(hidden.rows([n]), one_way(pairs), kept, window, spans)
            elif len(pairs.subjects):
                assert hidden.attention is not None
                left, right, both = self._features(hidden.states[n], hidden.attention[n], pairs)
                relations = self._relations(self._logits(left, right), both, pairs, kept, window, spans)
            if self.cues:
                relations = self._with_cues(relations, chains, window, spans, given=bool(document.chains))
            relations = [_scored(relation, document.entities) for relation in self._beside.compatible(relations)]
            results.append(replace(document, chains=tuple(chains), relations=tuple(relations)))
        return results

    def _grouped(self, text: str, entities: Sequence[Entity], spans: Sequence[Span] | None = None) -> tuple[Chain, ...]:
        """Return the chains of the entities found."""
        if self.chains == "mentions":
            return tuple(Chain(e.text, e.label, (Mention(e.text, e.start, e.end),)) for e in entities)
        return chains_of(text, entities, spans)

    def _exclusive(
        self, hidden: Hidden, pairs: Pairs, chains: Sequence[Chain], window: Window, sentences: Sequence[Span]
    ) -> list[Relation]:
        """Return the best relation of each two entities, where it is likely enough."""
        logits, roles = self._directed(hidden, [window], [pairs])
        margins, numbers, back = best_directed(logits)
        slope, offset = self.calibration
        probabilities = torch.sigmoid(slope * margins + offset)
        evidence, ends = Evidence(window, (roles > 0).float(), sentences, chains), _ends(chains, window)
        found = []
        for row in torch.argsort(probabilities, descending=True, stable=True).tolist():
            if probabilities[row] >= self.threshold:
                subject, object_ = int(pairs.subjects[row]), int(pairs.objects[row])
                if back[row]:
                    subject, object_ = object_, subject
                said = evidence.of(row, subject, object_)
                found.append(
                    self._relation(numbers[row], ends[subject], ends[object_], float(probabilities[row]), said)
                )
        return found

    def _relation(
        self, number: int, subject: Entity, object_: Entity, score: float, evidence: tuple[Span, ...]
    ) -> Relation:
        id, name = self._ids[number], self.relations[self._ids[number]]
        return Relation(subject, name, object_, score, id if id != name else None, evidence)

    def _relations(
        self,
        logits: Tensor,
        both: Tensor,
        pairs: Pairs,
        chains: Sequence[Chain],
        window: Window,
        sentences: Sequence[Span],
    ) -> list[Relation]:
        slope, offset = self.calibration
        probabilities = torch.sigmoid(slope * (logits[:, 1:] - logits[:, :1]) + offset)
        rows, classes = torch.nonzero(probabilities >= self.threshold, as_tuple=True)
        if not len(rows):
            return []
        evidence, ends = Evidence(window, both, sentences, chains), _ends(chains, window)
        found = []
        scores, order = torch.sort(probabilities[rows, classes], descending=True, stable=True)
        for row, number, score in zip(rows[order].tolist(), classes[order].tolist(), scores.tolist(), strict=True):
            subject, object_ = int(pairs.subjects[row]), int(pairs.objects[row])
            said = evidence.of(row, subject, object_)
            found.append(self._relation(number, ends[subject], ends[object_], score, said))
        return found

    def _with_cues(
        self,
        relations: Sequence[Relation],
        chains: Sequence[Chain],
        window: Window,
        sentences: Sequence[Span],
        *,
        given: bool,
    ) -> list[Relation]:
        """Add what the text says in so many words; of two scores for one relation the higher counts.

        Chains that were given may lack their pronouns, which the cues need.
        """
        chains = with_anaphora(window.text, chains, sentences) if given else chains
        best = {_key(relation): relation for relation in relations}
        for claim in claims(window.text, chains, sentences, self._ids):
            subject, object_ = (first_mention(chains[n], window) for n in (claim.subject, claim.object))
            said = Relation(
                subject, self.relations[claim.property], object_, claim.score, claim.property, (claim.sentence,)
            )
            known = best.get(_key(said))
            if known is None or (known.score or 0.0) < claim.score:
                best[_key(said)] = said
        return sorted(best.values(), key=lambda relation: -(relation.score or 0.0))

    def merge(self, parts: Sequence[tuple[Window, Document]], merged: Document) -> Document:
        """Return the document with its chains, and each relation between two of them once."""
        if len(parts) == 1:
            return replace(merged, chains=parts[0][1].chains, relations=parts[0][1].relations)
        chains = merged.chains
        if not chains and any(part.chains for _, part in parts):
            chains = self._grouped(merged.text, merged.entities)
        relations = merged_relations([r for _, part in parts for r in part.relations], chains)
        return replace(merged, chains=chains, relations=relations)

    def score(self, predicted: Sequence[Document], golds: Sequence[Document]) -> dict[str, float]:
        """Return micro precision, recall and F1 of triples: both chains share a mention of the right type with gold.

        `boundary_f1` does not ask for the types (Taillé et al. 2020: never compare the two). `exclusive` adds
        `macro_f1`, the mean over the relations, a wrong direction counting as wrong: the official score of SemEval-2010
        task 8, (9+1)-way with directionality.
        """
        pairs = list(zip(predicted, golds, strict=True))
        scores = total(triple_counts(p, g) for p, g in pairs).to_dict()
        scores["boundary_f1"] = total(triple_counts(p, g, typed=False) for p, g in pairs).f1
        if self.exclusive:
            scores["macro_f1"] = macro_f1(self._counts(predicted, golds).values())
        return scores

    def per_label(self, predicted: Sequence[Document], golds: Sequence[Document]) -> dict[str, dict[str, float]]:
        """Return precision, recall and F1 of each relation, from raw text."""
        return {label: counts.to_dict() for label, counts in self._counts(predicted, golds).items()}

    def _counts(self, predicted: Sequence[Document], golds: Sequence[Document]) -> dict[str, Counts]:
        pairs = list(zip(predicted, golds, strict=True))
        return {
            label: total(triple_counts(_only(p, label), _only(g, label)) for p, g in pairs) for label in self.labels
        }

    def calibrate(self, predict: Callable[[], list[Document]], golds: Sequence[Document]) -> None:
        """Fit probabilities to how often triples are right, and choose the threshold with the best F1."""
        self.calibration, self.threshold = (1.0, 0.0), _FLOOR
        # What the cues say has its own, counted, probabilities.
        cues, self.cues = self.cues, False
        margins, right, n_gold = [], [], 0
        for document, gold in zip(predict(), golds, strict=True):
            n_gold += len(gold.relations)
            for relation in document.relations:
                score = min(relation.score or _FLOOR, 1 - 1e-7)
                margins.append(float(np.log(score / (1 - score))))
                right.append(triple_counts(replace(document, relations=(relation,)), gold).hits > 0)
        self.cues = cues
        self.calibration = platt(margins, right)
        slope, offset = self.calibration
        probabilities = 1 / (1 + np.exp(-(slope * np.array(margins) + offset)))
        self.threshold = best_threshold(probabilities, np.array(right, dtype=bool), n_gold)


def _are_known(relations: Collection[str]) -> bool:
    """Tell whether all relations are Wikidata properties, and the cues say most of them."""
    known = properties()
    wikidata = all(re.fullmatch(r"P\d+", key) for key in relations)
    return wikidata and 2 * sum(key in known for key in relations) > len(relations)


def _ends(chains: Sequence[Chain], window: Window) -> list[Entity]:
    """Return what stands for each chain in a relation."""
    return [first_mention(chain, window) for chain in chains]


def _key(relation: Relation) -> tuple[Entity, str, Entity]:
    return relation.subject, relation.property or relation.label, relation.object


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
