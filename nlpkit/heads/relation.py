"""Relations between the entities of a document, on the states that `ner` read: no markers, no second encoding.

`localised.py` scores any two entities of a text (ATLOP, Zhou et al. 2021); where each text has two marked entities
and one relation or none (`exclusive`), `directed.py` does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nlpkit.backbone import Hidden
from nlpkit.chains import chains_of, with_anaphora
from nlpkit.cues import claims, properties
from nlpkit.errors import RecipeError
from nlpkit.heads.base import Decision, above_others, check_options, platt, surest
from nlpkit.heads.beside import Beside, seen_in
from nlpkit.heads.directed import DirectedScorer, best_directed, directed_labels, one_way, roles_of
from nlpkit.heads.labelling import best_threshold
from nlpkit.heads.localised import LocalisedScorer, adaptive_threshold_loss
from nlpkit.heads.pairs import Evidence, Pairs, first_mention, merged_relations, pairs_of, sentences_of
from nlpkit.judging import Judgement, judge_relations
from nlpkit.metrics import Counts, total, triple_counts
from nlpkit.resampling import Tally, counted, counted_by_label, scores_of
from nlpkit.text import Window
from nlpkit.types import Chain, Document, Entity, Mention, Relation, Span

_CHAINS = ("coreference", "mentions")
_OPTIONS = ("width", "block", "dropout", "cues", "exclusive", "chains")
_FLOOR = 0.02
"""Probability before calibration below which a triple does not take part in it."""


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A window with its sentences, the chains of its document, and the pairs among those that it mentions (`kept`)."""

    window: Window
    sentences: Sequence[Span]
    chains: Sequence[Chain]
    pairs: Pairs
    kept: Sequence[Chain]


@dataclass(frozen=True, slots=True, eq=False)
class _Hit:
    """A relation between two of a window's chains, by number; `looks` *(n_pieces,)* is where its context lies."""

    subject: int
    object: int
    relation: int
    score: float
    looks: NDArray[np.float32]


class RelationHead(nn.Module):
    """Scores every relation for every ordered pair of entities whose types ever had one in training.

    Args:
        hidden_width: width of the backbone's states.
        relations: relation names by property id, in the order of the classes.
        types: entity types.
        seen: what training had: "typed", the relations with the types of their ends (subject type, id, object type),
            and no others are found; "same", the relations that two entities had at once; "opposite", those that they
            had one this way and one that.
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
        self._of_kind, self._allowed = self._kinds()
        self._beside = Beside(self.seen, self._ids)
        if exclusive:
            self._allowed = self._allowed | self._allowed.T
            self.directed = DirectedScorer(hidden_width, len(self._ids), width=width, dropout=dropout)
        else:
            self.localised = LocalisedScorer(
                hidden_width, len(self.types), len(self._ids), width=width, block=block, dropout=dropout
            )

    def _kinds(self) -> tuple[dict[int, Tensor], NDArray[np.bool_]]:
        """Return the relations that a pair of types had in training, and which pairs had any."""
        numbers: dict[tuple[int, int], list[int]] = {}
        for subject, id, object_ in self.seen["typed"]:
            ends = self.types.index(subject), self.types.index(object_)
            numbers.setdefault(ends, []).append(self._ids.index(id))
        allowed = np.zeros((len(self.types), len(self.types)), dtype=bool)
        for ends in numbers:
            allowed[ends] = True
        of_kind = {a * len(self.types) + b: torch.tensor(sorted(ids)) for (a, b), ids in numbers.items()}
        return of_kind, allowed

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

    def loss(self, hidden: Hidden, windows: Sequence[Window], targets: Sequence[Pairs]) -> Tensor:
        """Return the adaptive-threshold loss (`exclusive`: the cross-entropy), averaged over pairs."""
        labels = [p.labels for p in targets if p.labels is not None and len(p.subjects)]
        if self.exclusive and labels:
            return nn.functional.cross_entropy(self._directed(hidden, windows, targets)[0], torch.cat(labels))
        if not labels:
            return hidden.states.sum() * 0.0
        return adaptive_threshold_loss(self.localised(self.localised.sides(hidden, targets)), torch.cat(labels))

    def _directed(self, hidden: Hidden, windows: Sequence[Window], pairs: Sequence[Pairs]) -> tuple[Tensor, Tensor]:
        """Return the class scores of all windows' pairs, and what the pieces are to them (see `roles_of`)."""
        length = hidden.states.shape[1]
        roles = torch.cat([roles_of(p, w, length) for p, w in zip(pairs, windows, strict=True) if len(p.subjects)])
        rows = [n for n, p in enumerate(pairs) for _ in p.subjects]
        return self.directed(hidden.states[rows], roles), roles

    def decode(self, hidden: Hidden, windows: Sequence[Window], found: Sequence[Document]) -> list[Document]:
        """Return each window's document with its chains (found among the entities unless given) and relations."""
        seen = [self._seen(window, document) for window, document in zip(windows, found, strict=True)]
        hits = self._best_directed(hidden, seen) if self.exclusive else self._above_threshold(hidden, seen)
        results = []
        for document, at, own in zip(found, seen, hits, strict=True):
            relations = self._relations(at, own)
            if self.cues:
                relations = self._with_cues(relations, at, given=bool(document.chains))
            relations = [_scored(relation, document.entities) for relation in self._beside.compatible(relations)]
            results.append(replace(document, chains=tuple(at.chains), relations=tuple(relations)))
        return results

    def _seen(self, window: Window, document: Document) -> _Seen:
        """Return the pairs of a window that may have a relation."""
        spans = sentences_of(window)
        chains = document.chains or self._grouped(window.text, document.entities, spans)
        if self.exclusive and len(self.types) == 1:  # there is nothing to tell apart
            chains = tuple(replace(chain, label=self.types[0]) for chain in chains)
        pairs, kept = pairs_of(window, chains, self.types, self._allowed)
        return _Seen(window, spans, chains, one_way(pairs) if self.exclusive else pairs, kept)

    def _grouped(self, text: str, entities: Sequence[Entity], spans: Sequence[Span] | None = None) -> tuple[Chain, ...]:
        """Return the chains of the entities found."""
        if self.chains == "mentions":
            return tuple(Chain(e.text, e.label, (Mention(e.text, e.start, e.end),)) for e in entities)
        return chains_of(text, entities, spans)

    def _above_threshold(self, hidden: Hidden, seen: Sequence[_Seen]) -> list[list[_Hit]]:
        """Return the relations of each window that are likely enough, the likeliest first."""
        hits: list[list[_Hit]] = [[] for _ in seen]
        counts = [len(at.pairs.subjects) for at in seen]
        if not sum(counts):
            return hits
        sides = self.localised.sides(hidden, [at.pairs for at in seen])
        kinds = np.concatenate([at.pairs.kinds(len(self.types)) for at in seen])
        rows, numbers, margins = self.localised.margins(sides, kinds, self._of_kind)
        slope, offset = self.calibration
        scores = torch.sigmoid(slope * margins + offset)
        likely = scores >= self.threshold
        found = [t[likely].numpy() for t in (rows, numbers, scores)]
        window_of, first = np.repeat(np.arange(len(seen)), counts), np.cumsum([0, *counts])
        order = np.lexsort((found[1], found[0], -found[2]))
        for row, number, score in zip(*(column[order].tolist() for column in found), strict=True):
            n = window_of[row]
            at, own = seen[n].pairs, row - first[n]
            hits[n].append(_Hit(int(at.subjects[own]), int(at.objects[own]), number, score, sides.looks(n, own)))
        return hits

    def _best_directed(self, hidden: Hidden, seen: Sequence[_Seen]) -> list[list[_Hit]]:
        """Return the best relation of each two entities of each window, where it is likely enough."""
        hits: list[list[_Hit]] = []
        slope, offset = self.calibration
        for n, at in enumerate(seen):
            hits.append([])
            if not len(at.pairs.subjects):
                continue
            logits, roles = self._directed(hidden.rows([n]), [at.window], [at.pairs])
            margins, numbers, back = best_directed(logits)
            scores = torch.sigmoid(slope * margins + offset)
            for row in torch.argsort(scores, descending=True, stable=True).tolist():
                if scores[row] >= self.threshold:
                    ends = int(at.pairs.subjects[row]), int(at.pairs.objects[row])
                    subject, object_ = reversed(ends) if back[row] else ends
                    looks = (roles[row] > 0).float().numpy()
                    hits[n].append(_Hit(subject, object_, numbers[row], float(scores[row]), looks))
        return hits

    def _relations(self, seen: _Seen, hits: Sequence[_Hit]) -> list[Relation]:
        """Return what was found in a window, between the first mentions of its chains, with the evidence."""
        evidence = Evidence(seen.window, seen.sentences, seen.kept)
        ends = {n: first_mention(seen.kept[n], seen.window) for n in {n for h in hits for n in (h.subject, h.object)}}
        found = []
        for hit in hits:
            id, name = self._ids[hit.relation], self.relations[self._ids[hit.relation]]
            said = evidence.of(hit.looks, hit.subject, hit.object)
            subject, object_ = ends[hit.subject], ends[hit.object]
            found.append(Relation(subject, name, object_, hit.score, id if id != name else None, said))
        return found

    def _with_cues(self, relations: Sequence[Relation], seen: _Seen, *, given: bool) -> list[Relation]:
        """Add what the text says in so many words; of two scores for one relation the higher counts.

        Chains that were given may lack their pronouns, which the cues need.
        """
        window, chains = seen.window, seen.chains
        chains = with_anaphora(window.text, chains, seen.sentences) if given else chains
        best = {_key(relation): relation for relation in relations}
        for claim in claims(window.text, chains, seen.sentences, self._ids):
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

    def decisions(self, document: Document, label: str | None = None) -> list[Decision]:
        """Return the relations, the surest first; a decision's places are its subject and its object."""
        found = []
        for relation in document.relations:
            subject, object_ = (Span(e.text, e.start, e.end) for e in (relation.subject, relation.object))
            found.append(Decision(relation.label, (subject, object_), relation.score))
        return surest(found, label)

    def margin(self, hidden: Hidden, window: Window, document: Document, decision: Decision) -> Tensor:
        """Return the relation's score less the threshold's (`exclusive`: its log-odds). *Shape:* (n_rows,).

        What the cues say has no part in it.
        """
        n_rows, number = len(hidden.states), self.labels.index(decision.label)
        pairs, kept = pairs_of(window, document.chains, self.types, self._allowed)
        subject, object_ = (_owner(kept, place) for place in decision.places)
        one = replace(
            pairs,
            subjects=np.array([subject]),
            objects=np.array([object_]),
            distances=pairs.distances[(pairs.subjects == subject) & (pairs.objects == object_)],
        )
        if not self.exclusive:
            logits: Tensor = self.localised(self.localised.sides(hidden, [one] * n_rows))
            return logits[:, number + 1] - logits[:, 0]
        forth = one_way(one)
        back = not len(forth.subjects)
        directed = replace(one, subjects=one.objects, objects=one.subjects) if back else forth
        logits = self._directed(hidden, [window] * n_rows, [directed] * n_rows)[0]
        return above_others(logits, number + 1 + back * len(self._ids))

    def score(self, predicted: Sequence[Document], golds: Sequence[Document]) -> dict[str, float]:
        """Return micro precision, recall and F1 of triples: both chains share a mention of the right type with gold.

        `boundary_f1` does not ask for the types (Taillé et al. 2020: never compare the two). `exclusive` adds
        `macro_f1`, the mean over the relations, a wrong direction counting as wrong: the official score of SemEval-2010
        task 8, (9+1)-way with directionality.
        """
        return scores_of(self.tallies(predicted, golds))

    def tallies(self, predicted: Sequence[Document], golds: Sequence[Document]) -> list[Tally]:
        """Return the metrics of triples as sums over documents."""
        pairs = list(zip(predicted, golds, strict=True))
        found = [
            counted([triple_counts(p, g) for p, g in pairs]),
            counted([triple_counts(p, g, typed=False) for p, g in pairs], prefix="boundary_", scores=("f1",)),
        ]
        if self.exclusive:
            found.append(counted_by_label([self._by_label(p, g) for p, g in pairs], self.labels))
        return found

    def judge(self, predicted: Document, gold: Document) -> list[Judgement]:
        """Return which relations are right, and what is wrong with the others."""
        return judge_relations(predicted, gold)

    def report_from(self, least: float) -> None:
        """Report relations of this probability or more, in place of the threshold chosen in training."""
        self.threshold = max(least, _FLOOR)

    def per_label(self, predicted: Sequence[Document], golds: Sequence[Document]) -> dict[str, dict[str, float]]:
        """Return precision, recall and F1 of each relation, from raw text."""
        counts = [self._by_label(p, g) for p, g in zip(predicted, golds, strict=True)]
        return {label: total(c[label] for c in counts if label in c).to_dict() for label in self.labels}

    def _by_label(self, predicted: Document, gold: Document) -> dict[str, Counts]:
        """Count the triples of each relation that is found or gold in a document."""
        there = {r.label for d in (predicted, gold) for r in d.relations} & set(self.labels)
        return {label: triple_counts(_only(predicted, label), _only(gold, label)) for label in there}

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


def _owner(chains: Sequence[Chain], place: Span) -> int:
    """Return the number of the chain that a mention belongs to."""
    return next(
        n for n, c in enumerate(chains) if any((m.start, m.end) == (place.start, place.end) for m in c.mentions)
    )


def _are_known(relations: Collection[str]) -> bool:
    """Tell whether all relations are Wikidata properties, and the cues say most of them."""
    known = properties()
    wikidata = all(re.fullmatch(r"P\d+", key) for key in relations)
    return wikidata and 2 * sum(key in known for key in relations) > len(relations)


def _key(relation: Relation) -> tuple[Entity, str, Entity]:
    return relation.subject, relation.property or relation.label, relation.object


def _scored(relation: Relation, entities: Sequence[Entity]) -> Relation:
    """Return the relation with its ends as `ner` found them, scores and all."""
    found = {(e.start, e.end): e for e in entities}
    subject, object_ = (found.get((e.start, e.end), e) for e in (relation.subject, relation.object))
    return replace(relation, subject=subject, object=object_)


def _only(document: Document, label: str) -> Document:
    return replace(document, relations=tuple(r for r in document.relations if r.label == label))
