"""Scores as pure functions over types: nothing is trained, nothing is read."""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from nlpkit.types import Chain, Document, Entity, Mention, Relation


@dataclass(frozen=True, slots=True)
class Counts:
    """True positives (those right in part count in part), the number predicted, and the number that are gold."""

    hits: float = 0
    predicted: int = 0
    gold: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Add up two counts (micro average)."""
        return Counts(self.hits + other.hits, self.predicted + other.predicted, self.gold + other.gold)

    @property
    def precision(self) -> float:
        """Share of the predicted that is right; 0 where nothing was predicted."""
        return self.hits / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """Share of the gold that was found; 0 where there is no gold."""
        return self.hits / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.hits / (self.predicted + self.gold) if self.predicted + self.gold else 0.0

    def to_dict(self) -> dict[str, float]:
        """Return precision, recall and F1."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1}


def entity_counts(predicted: Document, gold: Document) -> Counts:
    """Count entities with the same characters and the same type (strict matching)."""
    found = {(e.start, e.end, e.label) for e in predicted.entities}
    true = {(e.start, e.end, e.label) for e in gold.entities}
    return Counts(len(found & true), len(found), len(true))


def triple_counts(predicted: Document, gold: Document, *, typed: bool = True) -> Counts:
    """Count triples from raw text: both entities share a mention with the gold ones, `typed`: of the right type.

    A gold triple is found at most once, so that an entity split in two gains nothing.
    """
    found, true = triples(predicted, gold, typed=typed)
    hits = {
        key
        for relation, subjects, objects in found
        for key in ((s, relation_key(relation), o) for s in subjects for o in objects)
        if key in true
    }
    return Counts(len(hits), len(found), len(true))


def triples(
    predicted: Document, gold: Document, *, typed: bool = True
) -> tuple[list[tuple[Relation, frozenset[int], frozenset[int]]], dict[tuple[int, str, int], Relation]]:
    """Number the gold entities that the relations found, and the gold ones, are about.

    Returns:
        Each relation found, with the gold entities that its subject and its object share a mention with (`typed`: of
        the same type); the gold relations by subject, relation and object.

    """
    owners = {_place(m, c, typed): n for n, c in enumerate(gold.chains) for m in c.mentions}
    # A pronoun may be of another type than the chain that it stands in: either is right.
    spans = {(m.start, m.end): n for n, c in enumerate(gold.chains) for m in c.mentions}
    for entity in gold.entities:
        if (number := spans.get((entity.start, entity.end))) is not None:
            owners.setdefault(_place(entity, entity, typed), number)
    true = {
        (owners[_place(r.subject, r.subject, typed)], relation_key(r), owners[_place(r.object, r.object, typed)]): r
        for r in reversed(gold.relations)
    }
    chains = {(m.start, m.end): c for c in predicted.chains for m in c.mentions}
    found: dict[tuple[Chain | Entity, str, Chain | Entity], tuple[Relation, frozenset[int], frozenset[int]]] = {}
    for relation in predicted.relations:
        subject, object_ = (chains.get((e.start, e.end), e) for e in (relation.subject, relation.object))
        numbers = [frozenset(owners[p] for p in _places(end, typed) if p in owners) for end in (subject, object_)]
        found.setdefault((subject, relation_key(relation), object_), (relation, numbers[0], numbers[1]))
    return list(found.values()), dict(reversed(true.items()))


def relation_key(relation: Relation) -> str:
    """Return what tells a relation from others: its id in its vocabulary, else its label."""
    return relation.property or relation.label


def _place(mention: Mention | Entity, owner: Chain | Entity, typed: bool) -> tuple[int, int, str]:
    return (mention.start, mention.end, owner.label if typed else "")


def _places(end: Chain | Entity, typed: bool) -> list[tuple[int, int, str]]:
    return [_place(m, end, typed) for m in (end.mentions if isinstance(end, Chain) else (end,))]


def total(counts: Iterable[Counts]) -> Counts:
    """Add counts up over documents."""
    result = Counts()
    for count in counts:
        result += count
    return result


def label_names(document: Document, task: str) -> frozenset[str]:
    """Return the names of the labels that a document has of a task; none where it has no such label."""
    label = document.labels.get(task)
    return frozenset() if label is None else frozenset({label.label, *(other.label for other in label.others)})


def label_counts(pairs: Iterable[tuple[frozenset[str], frozenset[str]]]) -> dict[str, Counts]:
    """Count each label that occurs over (predicted, gold) pairs of label sets, in alphabetical order."""
    counts: dict[str, Counts] = {}
    for found, true in pairs:
        for label in found | true:
            one = Counts(label in found & true, label in found, label in true)
            counts[label] = counts.get(label, Counts()) + one
    return dict(sorted(counts.items()))


def accuracy(pairs: Sequence[tuple[frozenset[str], frozenset[str]]]) -> float:
    """Return the share of (predicted, gold) pairs of label sets that are equal; 0 where there is no pair."""
    return sum(found == true for found, true in pairs) / len(pairs) if pairs else 0.0


def macro_f1(counts: Collection[Counts]) -> float:
    """Return the mean F1, each label counting the same; 0 where there is none."""
    return sum(count.f1 for count in counts) / len(counts) if counts else 0.0


def recall_at_precision(scored: Iterable[tuple[float, bool]], least: float) -> float:
    """Return the highest recall that a threshold on the score reaches at a precision of `least` or more.

    `scored` holds scores and whether the class is true. All equal scores fall on one side. 0 where no threshold does.
    """
    pairs = sorted(scored, key=lambda sr: -sr[0])
    n_right = sum(right for _, right in pairs)
    best, hits = 0.0, 0
    for n, (score, right) in enumerate(pairs, start=1):
        hits += right
        last = n == len(pairs) or pairs[n][0] < score
        if last and hits and hits / n >= least:
            best = max(best, hits / n_right)
    return best


def expected_calibration_error(scored: Iterable[tuple[float, bool]], n_bins: int = 10) -> float:
    """Return the mean gap between score and share right over bins of equal width (Guo et al. 2017)."""
    bins = reliability(scored, n_bins)
    n = sum(one.n for one in bins)
    return sum(one.n * abs(one.score - one.right) for one in bins) / n if n else 0.0


@dataclass(frozen=True, slots=True)
class Bin:
    """Findings whose scores lie between `low` and `high`: how many, their mean score, and the share that is right."""

    low: float
    high: float
    n: int
    score: float
    right: float


def reliability(scored: Iterable[tuple[float, bool]], n_bins: int = 10) -> list[Bin]:
    """Return the bins of equal width that hold anything, the lowest first (Niculescu-Mizil and Caruana 2005)."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for score, right in scored:
        bins.setdefault(min(int(score * n_bins), n_bins - 1), []).append((score, right))
    return [
        Bin(
            n / n_bins,
            (n + 1) / n_bins,
            len(own),
            math.fsum(score for score, _ in own) / len(own),
            sum(right for _, right in own) / len(own),
        )
        for n, own in sorted(bins.items())
    ]


_ARTICLE = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_HAN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # and kana
_UNSPACED = re.compile(f"[{_HAN}]")
_CMRC_DROPPED = str.maketrans("", "", "-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")
_CMRC_TOKEN = re.compile(rf"[{_HAN}]|\d+(?:[.,]\d+)*|[^\W\d{_HAN}]+|[^\w\s]")


def answer_exact(predicted: str, golds: Sequence[str], *, by_character: bool = False) -> float:
    """Say whether an answer is one of the gold ones (1.0 or 0.0), as the official scorers do.

    Args:
        predicted: the answer; "" where there is none.
        golds: all acceptable answers; none where the question has no answer.
        by_character: compare as CMRC 2018 does (Cui et al. 2019), for languages without spaces; else as SQuAD 2.0
            does (Rajpurkar et al. 2018): without case, punctuation and English articles.

    """
    plain = _cmrc_plain if by_character else _squad_plain
    return float(plain(predicted) in {plain(gold) for gold in _acceptable(golds)})


def answer_f1(predicted: str, golds: Sequence[str], *, by_character: bool = False) -> float:
    """Return the overlap of an answer with the gold one that it is nearest to, as the official scorers do.

    By words without order (SQuAD), or `by_character` by the longest run that both share (CMRC 2018).
    """
    overlap = _cmrc_f1 if by_character else _squad_f1
    return max(overlap(predicted, gold) for gold in _acceptable(golds))


def reads_by_character(text: str) -> bool:
    """Say whether a text is written mostly without spaces, so that its answers are compared by character."""
    letters = sum(c.isalpha() for c in text)
    return len(_UNSPACED.findall(text)) > 0.3 * letters


def answer_values(predicted: Sequence[Document], golds: Sequence[Document]) -> dict[str, list[float]]:
    """Return `exact` and `f1` of each document's best answer."""
    values: dict[str, list[float]] = {"exact": [], "f1": []}
    for found, gold in zip(predicted, golds, strict=True):
        best = found.answers[0].text if found.answers else ""
        texts, by_character = [a.text for a in gold.answers], reads_by_character(gold.text)
        values["exact"].append(answer_exact(best, texts, by_character=by_character))
        values["f1"].append(answer_f1(best, texts, by_character=by_character))
    return values


def answer_scores(predicted: Sequence[Document], golds: Sequence[Document]) -> dict[str, float]:
    """Return the mean `exact` and `f1` of each document's best answer; 0 where there are no documents."""
    return {name: sum(v) / max(1, len(golds)) for name, v in answer_values(predicted, golds).items()}


def _acceptable(golds: Sequence[str]) -> list[str]:
    return [gold for gold in golds if _squad_plain(gold)] or [""]


def _squad_plain(answer: str) -> str:
    return " ".join(_ARTICLE.sub(" ", answer.lower().translate(_PUNCTUATION)).split())


def _squad_f1(predicted: str, gold: str) -> float:
    found, true = _squad_plain(predicted).split(), _squad_plain(gold).split()
    if not found or not true:
        return float(found == true)
    return Counts((Counter(found) & Counter(true)).total(), len(found), len(true)).f1


def _cmrc_plain(answer: str) -> str:
    return answer.lower().strip().translate(_CMRC_DROPPED)


def _cmrc_f1(predicted: str, gold: str) -> float:
    found, true = _CMRC_TOKEN.findall(_cmrc_plain(predicted)), _CMRC_TOKEN.findall(_cmrc_plain(gold))
    if not found or not true:
        return float(found == true)
    longest, runs = 0, [0] * (len(true) + 1)
    for token in found:
        runs = [0, *(runs[n] + 1 if token == other else 0 for n, other in enumerate(true))]
        longest = max(longest, *runs)
    return Counts(longest, len(found), len(true)).f1
