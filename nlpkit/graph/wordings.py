"""What is known in words about the steps of one graph: lexical and embedded matches of question words with steps."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from threading import Lock
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from nlpkit.graph.english import content_stems, stem
from nlpkit.graph.plan import MAX_HOPS, Step
from nlpkit.graph.question import Word
from nlpkit.graph.records import Embedder
from nlpkit.graph.vocabulary import Side, Vocabulary, Wording, borrow, generic, side_stems, vocabulary

N_VECTORS: Final = 50_000
"""Most vectors kept for one embedder; the oldest leave first (50,000 of width 384 take 77 MB)."""

PLACEHOLDER: Final = "it"
"""What stands for the topic in a question, and in a plan in words."""
N_WAYS: Final = 3

BORROW: Final = 0.55
"""Least similarity (cosine, plus `SAME_STEM` for a common stem) at which a relation borrows a known one's words."""
SAME_STEM: Final = 0.5
BORROW_BAND: Final = 0.1

# Strength of a match of a question word, by where it occurs: the relation's own name, what its end is called,
# how people ask for it; nouns for the kind of node reached say least.
OWN, ROLE, ASKED, KIND = 1.0, 0.95, 0.9, 0.5
SOFT_FROM, SOFT_RANGE, SOFT_TOP = 0.45, 0.35, 0.85
"""A cosine of single words up to 0.45 is noise for sentence encoders; 0.80 counts as a synonym, just under a match."""


class Vectors:
    """Unit vectors of texts, embedded once and kept."""

    def __init__(self, embedder: Embedder) -> None:
        self._embed = embedder.embed
        self._known: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._lock = Lock()

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row a text, with at most one call of the embedder. *Shape:* (n_texts, width)."""
        with self._lock:
            rows = {text: self._known.get(text) for text in texts}
            missing = [text for text, row in rows.items() if row is None]
            if missing:
                fresh = dict(zip(missing, self._embed(missing), strict=True))
                self._known.update(fresh)
                rows.update(fresh)
                while len(self._known) > N_VECTORS:
                    self._known.popitem(last=False)
        return np.stack([row for text in texts if (row := rows[text]) is not None])


class Wordings:
    """The steps of a graph in words. One lives as long as its embedder; wordings depend on relation names only."""

    def __init__(self, embedder: Embedder) -> None:
        self.vectors = Vectors(embedder)
        self._relations: dict[str, Wording] = {}
        self._strengths: dict[Step, Mapping[str, float]] = {}

    def side(self, step: Step) -> Side:
        """Return a step in words."""
        wording = self._relations.get(step.relation)
        if wording is None:
            wording = self._relations[step.relation] = self._word(step.relation)
        return wording.side(step.inverse)

    def _word(self, relation: str) -> Wording:
        known = vocabulary().get(relation)
        if known is not None:
            return known
        near = self._nearest(relation)
        return borrow(relation, near) if near else generic(relation)

    def _nearest(self, relation: str) -> list[Wording]:
        own = generic(relation)
        name = own.forward.nouns[0] if own.forward.nouns else own.label.lower()
        candidates = [(text, w) for w in vocabulary().wordings.values() for text in (w.label, *w.forward.nouns)]
        cosines = self.vectors([text for text, _ in candidates]) @ self.vectors([name])[0]
        stems = set(content_stems(name))
        scores: dict[str, float] = {}
        for (text, wording), cosine in zip(candidates, cosines, strict=True):
            score = float(cosine) + SAME_STEM * bool(stems.intersection(content_stems(text)))
            scores[wording.label] = max(score, scores.get(wording.label, 0.0))
        least = max(BORROW, max(scores.values()) - BORROW_BAND)
        labels = sorted((label for label, score in scores.items() if score >= least), key=lambda label: -scores[label])
        return [near for label in labels[:3] if (near := vocabulary().get(label))]

    def strengths(self, step: Step) -> Mapping[str, float]:
        """Return how strongly a word, by its stem, speaks for a step."""
        known = self._strengths.get(step)
        if known is None:
            known = self._strengths[step] = self._strength_of(step)
        return known

    def _strength_of(self, step: Step) -> dict[str, float]:
        side, forward = self.side(step), self.side(Step(step.relation, False))
        kinds = vocabulary().answer_nouns
        table = {noun: KIND for noun, label in kinds.items() if label in side.types and label != "MISC"}
        subjects = _noun_stems(self.side(Step(step.relation, True)))
        # A participle ("directed by") or a role ("director") speaks for both directions; "the films of" only back.
        table.update(dict.fromkeys(subjects, KIND if step.inverse else 0.0))
        levels = ((side_stems(side), ASKED), (_noun_stems(forward), ROLE), (content_stems(step.relation), OWN))
        for stems, strength in levels:
            for word in stems:
                weak = word in kinds and strength < OWN
                table[word] = max(table.get(word, 0.0), KIND if weak else strength)
        return table

    def match(self, words: Sequence[Word], steps: Sequence[Step]) -> NDArray[np.float64]:
        """Return how well each word speaks for each step, in [0, 1]. *Shape:* (n_steps, n_words)."""
        lexical = np.array([[self._named(step, word) for word in words] for step in steps])
        lexical = lexical.reshape(len(steps), len(words))
        if not words or not steps:
            return lexical
        phrases = [(i, text) for i, step in enumerate(steps) for text in _short_phrases(step, self.side(step))]
        cosines = self.vectors([w.text.lower() for w in words]) @ self.vectors([text for _, text in phrases]).T
        soft = np.zeros_like(lexical)
        np.maximum.at(soft, np.array([i for i, _ in phrases]), cosines.T)
        # A word that names a relation speaks for that one alone: "husband" is near "father", and not the same.
        soft[:, [word.kind or not named_roles(vocabulary()).isdisjoint(word.stems) for word in words]] = 0.0
        soft = np.clip((soft - SOFT_FROM) / SOFT_RANGE, 0.0, 1.0) * SOFT_TOP
        best: NDArray[np.float64] = np.maximum(lexical, soft)
        return best

    def _named(self, step: Step, word: Word) -> float:
        strengths = self.strengths(step)
        return max(strengths.get(s, 0.0) for s in word.stems)

    def reaches(self, step: Step, noun: str) -> bool:
        """Say whether what a step reaches goes by this noun (a stem)."""
        side = self.side(step)
        if noun in _noun_stems(side) or (not step.inverse and noun in content_stems(step.relation)):
            return True
        # "In which city did X die": the kind of place is said, not another step.
        return vocabulary().answer_nouns.get(noun) in side.types - {"MISC"} and noun in side_stems(side)

    def asked_by(self, step: Step, wh: str) -> bool:
        """Say whether one asks for what a step reaches with this question word ("where did {x} study")."""
        return any(wh in question.split() for question in self.side(step).questions)

    def kinds(self, steps: Iterable[Step]) -> frozenset[str]:
        """Return the stems of the nouns for a node that these steps leave ("film" where director leaves)."""
        return frozenset().union(*(_noun_stems(self.side(step.back)) for step in steps))

    def phrases(self, steps: tuple[Step, ...], placeholder: str) -> tuple[str, ...]:
        """Return the chain as questions in words, e.g. "who directed the films written by it"."""
        if len(steps) > 1 and steps[-1] == steps[-2].back:
            alike = self._alike(steps[-2], self._noun_phrase(steps[:-2], placeholder))
            return (f"which {alike}", *self._ask(steps[-1], self._noun_phrase(steps[:-1], placeholder), 3))
        inners = [self._noun_phrase(steps[:-1], placeholder)]
        if len(steps) > 2 and steps[1] == steps[0].back:
            inners.append(f"the {self._alike(steps[0], placeholder)}")
        n_wanted = 6 if len(steps) == 1 else 3
        return tuple(question for inner in inners for question in self._ask(steps[-1], inner, n_wanted))

    def parts(self, steps: tuple[Step, ...]) -> tuple[str, ...]:
        """Return the chain in a few ways to ask along it, as one text, and then each of its steps likewise."""
        return tuple(self._ways(part) for part in (steps, *((step,) for step in steps)))

    def _ways(self, steps: tuple[Step, ...]) -> str:
        return "; ".join(self.phrases(steps, PLACEHOLDER)[:N_WAYS])

    def plan_vectors(self, plans: Sequence[tuple[Step, ...]]) -> NDArray[np.float32]:
        """Return the vectors of the chains' parts, one beside another. *Shape:* (n_plans, (1 + MAX_HOPS) * width)."""
        texts = [self.parts(steps) for steps in plans]
        known = dict.fromkeys(text for parts in texts for text in parts)
        of = dict(zip(known, self.vectors(list(known)), strict=True))
        nothing = np.zeros_like(next(iter(of.values())))
        rows = [[*(of[text] for text in parts), *[nothing] * (1 + MAX_HOPS - len(parts))] for parts in texts]
        return np.array([np.concatenate(row) for row in rows], dtype=np.float32)

    def _ask(self, step: Step, inner: str, n: int) -> list[str]:
        return [question.replace("{x}", inner) for question in self.side(step).questions[:n]]

    def _noun_phrase(self, steps: Sequence[Step], inner: str) -> str:
        for step in steps:
            inner = self.side(step).phrases[0].replace("{x}", inner)
        return inner

    def _alike(self, step: Step, inner: str) -> str:
        """Return "films that share the director with it": what a step and the same step back reach."""
        noun = next(iter(self.side(step).nouns), step.relation.replace("_", " "))
        kind = next(iter(self.side(step.back).nouns), "thing")
        return f"{_plural(kind)} share the {noun} with {inner}"


def _plural(noun: str) -> str:
    if noun.endswith("s"):
        return noun
    return noun[:-1] + "ies" if noun.endswith("y") else noun + "s"


@lru_cache(maxsize=4096)
def _nouns(nouns: tuple[str, ...]) -> frozenset[str]:
    return frozenset(stem(word) for noun in nouns for word in noun.split() if word not in ("of", "the"))


@lru_cache(maxsize=8)
def named_roles(known: Vocabulary) -> frozenset[str]:
    """Return the stems of all words for what a known relation leads to: "husband", "father", "capital"."""
    return frozenset().union(*(_noun_stems(wording.forward) for wording in known.wordings.values()))


def _noun_stems(side: Side) -> frozenset[str]:
    return _nouns(side.nouns)


def _short_phrases(step: Step, side: Side) -> tuple[str, ...]:
    return (step.relation.replace("_", " "), *(() if step.inverse else side.nouns[:4]))


_known: WeakKeyDictionary[Embedder, Wordings] = WeakKeyDictionary()


def wordings(embedder: Embedder) -> Wordings:
    """Return the wordings that go with an embedder, kept as long as it lives."""
    try:
        found = _known.get(embedder)
        if found is None:
            found = _known.setdefault(embedder, Wordings(embedder))
    except TypeError:  # an embedder that cannot be referred to weakly is not remembered
        return Wordings(embedder)
    return found
