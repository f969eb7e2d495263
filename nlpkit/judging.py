"""What was found, held against what is there, one finding at a time: right, or wrong in which way.

Spans are aligned one to one: first the same characters with the same label, then the same characters, then those that
overlap with the same label, then those that overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass

from nlpkit.metrics import answer_exact, answer_f1, reads_by_character, relation_key, triples
from nlpkit.types import Answer, Document, Entity, Label, Relation

RIGHT = "right"
BOUNDARY, TYPE, BOTH = "boundary", "type", "boundary and type"
DIRECTION, WRONG = "direction", "wrong"
MISSED, INVENTED = "missed", "invented"
KINDS = (BOUNDARY, TYPE, BOTH, DIRECTION, WRONG, MISSED, INVENTED)
"""Kinds of error: a span with other borders, another label, or both; a relation turned round; another answer; what is
there and was not found; what was found and is not there."""

ENTITIES, SLOTS, RELATIONS, ANSWERS = "entities", "slots", "relations", "answers"
SPANS = frozenset({ENTITIES, SLOTS})
"""What is found as labelled spans, so that it can be right in part."""


@dataclass(frozen=True, slots=True)
class Place:
    """Half-open characters of a text, and what stands there in a relation ("subject", "object"); else ""."""

    start: int
    end: int
    role: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is, or should be, found in a text: its label, where it stands, its words and its score."""

    label: str
    places: tuple[Place, ...] = ()
    text: str = ""
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A gold finding and the predicted one that it was held against; None where there is none.

    `what` says what was to be found ("entities", "relations", "answers", or the key of a label), `kind` is "right" or
    one of `KINDS`.
    """

    what: str
    kind: str
    gold: Finding | None = None
    predicted: Finding | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The gold and the predicted label, each once."""
        return tuple(dict.fromkeys(f.label for f in (self.gold, self.predicted) if f is not None))


def judge_spans(what: str, predicted: Sequence[Entity], gold: Sequence[Entity]) -> list[Judgement]:
    """Align spans with the gold ones, and judge them in the order of the text."""
    found = list({(e.start, e.end, e.label): e for e in predicted}.values())
    true = list({(e.start, e.end, e.label): e for e in gold}.values())
    judged: list[Judgement] = []
    for kind, fits in _STAGES:
        for f, t in _aligned(found, true, fits):
            judged.append(Judgement(what, kind, _span(t), _span(f)))
            found.remove(f)
            true.remove(t)
    judged += [Judgement(what, MISSED, gold=_span(e)) for e in true]
    judged += [Judgement(what, INVENTED, predicted=_span(e)) for e in found]
    return sorted(judged, key=_first_place)


def _same_place(a: Entity, b: Entity) -> bool:
    return (a.start, a.end) == (b.start, b.end)


_STAGES: tuple[tuple[str, Callable[[Entity, Entity], bool]], ...] = (
    (RIGHT, lambda a, b: _same_place(a, b) and a.label == b.label),
    (TYPE, _same_place),
    (BOUNDARY, lambda a, b: a.label == b.label),
    (BOTH, lambda a, b: True),
)


def _aligned(
    found: Sequence[Entity], true: Sequence[Entity], fits: Callable[[Entity, Entity], bool]
) -> list[tuple[Entity, Entity]]:
    """Return pairs that overlap and fit, each span in one at most; those that share most are paired first."""
    pairs = [
        (min(f.end, t.end) - max(f.start, t.start), n, m)
        for n, f in enumerate(found)
        for m, t in enumerate(true)
        if f.start < t.end and t.start < f.end and fits(f, t)
    ]
    used_found, used_true, kept = set[int](), set[int](), []
    for _, n, m in sorted(pairs, key=lambda pair: (-pair[0], *pair[1:])):
        if n not in used_found and m not in used_true:
            used_found.add(n)
            used_true.add(m)
            kept.append((found[n], true[m]))
    return kept


def judge_labels(what: str, predicted: Label | None, gold: Label | None, *, multi: bool = False) -> list[Judgement]:
    """Judge the label of a text, or each of its labels (`multi`); without a gold label there is nothing to judge."""
    found, true = _labels(predicted), _labels(gold)
    if not multi:
        if not true:
            return []
        (wanted,) = list(true.values())[:1]
        if not found:
            return [Judgement(what, MISSED, gold=wanted)]
        (first,) = list(found.values())[:1]
        return [Judgement(what, RIGHT if first.label == wanted.label else TYPE, wanted, first)]
    judged = [Judgement(what, RIGHT, true[name], found[name]) for name in true if name in found]
    judged += [Judgement(what, MISSED, gold=true[name]) for name in true if name not in found]
    judged += [Judgement(what, INVENTED, predicted=found[name]) for name in found if name not in true]
    return judged


def judge_values(what: str, predicted: Mapping[str, str], gold: Mapping[str, str]) -> list[Judgement]:
    """Judge values by name, as those of a conversation's slots."""
    judged = []
    for name in sorted(predicted.keys() | gold.keys()):
        true, found = (Finding(name, text=side[name]) if name in side else None for side in (gold, predicted))
        both = RIGHT if found == true else WRONG
        judged.append(Judgement(what, both if found and true else MISSED if true else INVENTED, true, found))
    return judged


def judge_relations(predicted: Document, gold: Document) -> list[Judgement]:
    """Judge the relations found: right as `metrics.triple_counts` says, else turned round, of another kind, or neither.

    Each gold relation is held against one that was found at most.
    """
    found, true = triples(predicted, gold)
    left = dict(true)
    judged, open_ = list[Judgement](), list(found)
    for kind, keys in ((RIGHT, _straight), (DIRECTION, _turned), (TYPE, _untyped)):
        rest = []
        for relation, subjects, objects in open_:
            fitting = next((key for key in left if keys(key, relation, subjects, objects)), None)
            if fitting is None:
                rest.append((relation, subjects, objects))
            else:
                judged.append(Judgement(RELATIONS, kind, _relation(left.pop(fitting)), _relation(relation)))
        open_ = rest
    judged += [Judgement(RELATIONS, MISSED, gold=_relation(relation)) for relation in left.values()]
    judged += [Judgement(RELATIONS, INVENTED, predicted=_relation(relation)) for relation, _, _ in open_]
    return sorted(judged, key=_first_place)


Triple = tuple[int, str, int]


def _straight(key: Triple, relation: Relation, subjects: Set[int], objects: Set[int]) -> bool:
    return key[0] in subjects and key[1] == relation_key(relation) and key[2] in objects


def _turned(key: Triple, relation: Relation, subjects: Set[int], objects: Set[int]) -> bool:
    return _straight(key, relation, objects, subjects)


def _untyped(key: Triple, relation: Relation, subjects: Set[int], objects: Set[int]) -> bool:
    return (key[0] in subjects and key[2] in objects) or (key[0] in objects and key[2] in subjects)


def judge_answer(predicted: Document, gold: Document) -> list[Judgement]:
    """Judge the best answer to a document's query; nothing where none is there and none was found."""
    best = predicted.answers[0] if predicted.answers else None
    if best is None:
        return [Judgement(ANSWERS, MISSED, gold=_answer(gold.answers[0]))] if gold.answers else []
    if not gold.answers:
        return [Judgement(ANSWERS, INVENTED, predicted=_answer(best))]
    by_character = reads_by_character(gold.text)
    overlaps = [answer_f1(best.text, [a.text], by_character=by_character) for a in gold.answers]
    nearest = gold.answers[overlaps.index(max(overlaps))]
    exact = answer_exact(best.text, [a.text for a in gold.answers], by_character=by_character)
    kind = RIGHT if exact else BOUNDARY if max(overlaps) > 0 else WRONG
    return [Judgement(ANSWERS, kind, _answer(nearest), _answer(best))]


def _labels(label: Label | None) -> dict[str, Finding]:
    every = () if label is None else (label, *label.others)
    return {one.label: Finding(one.label, score=one.score) for one in every}


def _span(entity: Entity) -> Finding:
    return Finding(entity.label, (Place(entity.start, entity.end),), entity.text, entity.score)


def _relation(relation: Relation) -> Finding:
    ends = (("subject", relation.subject), ("object", relation.object))
    places = tuple(Place(e.start, e.end, role) for role, e in ends)
    return Finding(relation.label, places, f"{ends[0][1].text} → {ends[1][1].text}", relation.score)


def _answer(answer: Answer) -> Finding:
    places = (Place(answer.start, answer.end),) if answer.start >= 0 else ()  # nobody may know where it stands
    return Finding("", places, answer.text, answer.score)


def _first_place(judgement: Judgement) -> int:
    places = [p.start for f in (judgement.gold, judgement.predicted) if f is not None for p in f.places]
    return min(places, default=0)
