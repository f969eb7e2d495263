"""How written texts do: against references, and by themselves. Pure functions over strings, in any language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import mean
from typing import TYPE_CHECKING

from nlpkit.errors import InputError, MissingExtraError
from nlpkit.text import chinese, words

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU

References = Sequence[str] | Sequence[Sequence[str]]
"""A reference for each text, or several for each."""


def report(texts: Sequence[str], references: References | None = None) -> dict[str, float]:
    """Return every score: from 0 to 1, but for `words`, the mean length.

    Args:
        texts: what was written.
        references: what might have been written; without any, only what the texts say by themselves.

    Raises:
        InputError: no text, or not as many references.
        MissingExtraError: sacrebleu is not installed.

    """
    scores = {
        "distinct_1": distinct(texts, 1),
        "distinct_2": distinct(texts, 2),
        "repetition": repetition(texts),
        "words": mean(len(_tokens(text)) for text in texts),
    }
    if len(texts) > 1:
        scores["self_bleu"] = self_bleu(texts)
    if references is not None:
        scores |= {"bleu": bleu(texts, references), "chrf": chrf(texts, references), **rouge(texts, references)}
    return scores


def bleu(texts: Sequence[str], references: References) -> float:
    """Return the BLEU of a corpus (Papineni et al. 2002), as sacrebleu computes it; Chinese by characters.

    Raises:
        InputError, MissingExtraError: as `report` does.

    """
    from_many = _several(texts, references)
    return float(_bleu_of(texts).corpus_score(list(texts), _columns(from_many)).score) / 100


def chrf(texts: Sequence[str], references: References) -> float:
    """Return the chrF of a corpus (Popović 2015), as sacrebleu computes it.

    Raises:
        InputError, MissingExtraError: as `report` does.

    """
    try:
        from sacrebleu.metrics.chrf import CHRF
    except ImportError as e:
        raise MissingExtraError("sacrebleu", "evaluation") from e
    return float(CHRF().corpus_score(list(texts), _columns(_several(texts, references))).score) / 100


def rouge(texts: Sequence[str], references: References) -> dict[str, float]:
    """Return the means of ROUGE-1, -2 and -L (Lin 2004): F1 over lower-case words, without stemming.

    Of several references the one that fits best counts.

    Raises:
        InputError: as `report` does.

    """
    scores: dict[str, list[float]] = {"rouge_1": [], "rouge_2": [], "rouge_l": []}
    for text, several in zip(texts, _several(texts, references), strict=True):
        found = _tokens(text)
        golds = [_tokens(reference) for reference in several]
        scores["rouge_1"].append(max(_overlap(found, gold, 1) for gold in golds))
        scores["rouge_2"].append(max(_overlap(found, gold, 2) for gold in golds))
        scores["rouge_l"].append(max(_f1(_common(found, gold), len(found), len(gold)) for gold in golds))
    return {name: mean(values) for name, values in scores.items()}


def distinct(texts: Sequence[str], n: int) -> float:
    """Return the share of different ones among all runs of n words (Li et al. 2016); 0 where there is none.

    Raises:
        InputError: no text.

    """
    _check(texts)
    runs = [run for text in texts for run in _runs(_tokens(text), n)]
    return len(set(runs)) / len(runs) if runs else 0.0


def repetition(texts: Sequence[str], n: int = 4) -> float:
    """Return the mean share of runs of n words that their own text has had before; 0 for texts shorter than that.

    Raises:
        InputError: no text.

    """
    _check(texts)
    shares = []
    for text in texts:
        runs = _runs(_tokens(text), n)
        shares.append(1 - len(set(runs)) / len(runs) if runs else 0.0)
    return mean(shares)


def self_bleu(texts: Sequence[str]) -> float:
    """Return the mean BLEU of each text against all others (Zhu et al. 2018): 1 where all are the same.

    Raises:
        InputError: fewer than two texts.
        MissingExtraError: sacrebleu is not installed.

    """
    if len(texts) < 2:
        raise InputError(f"self-BLEU compares texts with each other, and there are {len(texts)}; give two or more")
    scorer = _bleu_of(texts, effective_order=True)
    others = [[other for m, other in enumerate(texts) if m != n] for n in range(len(texts))]
    return mean(float(scorer.sentence_score(text, rest).score) / 100 for text, rest in zip(texts, others, strict=True))


def _bleu_of(texts: Sequence[str], *, effective_order: bool = False) -> BLEU:
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ImportError as e:
        raise MissingExtraError("sacrebleu", "evaluation") from e
    in_chinese = sum(map(chinese, texts)) * 2 > len(texts)
    return BLEU(tokenize="zh" if in_chinese else "13a", effective_order=effective_order)


def _several(texts: Sequence[str], references: References) -> list[list[str]]:
    _check(texts)
    if len(references) != len(texts):
        raise InputError(f"there are {len(texts)} texts and references for {len(references)}; give some for each")
    return [[r] if isinstance(r, str) else list(r) for r in references]


def _columns(several: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return first references, second references and so on; where a text has fewer, its first again."""
    n = max(map(len, several))
    return [[own[k] if k < len(own) else own[0] for own in several] for k in range(n)]


def _check(texts: Sequence[str]) -> None:
    if isinstance(texts, str) or not texts:
        raise InputError(f"the texts are {texts!r}; give a list of one string or more")


def _tokens(text: str) -> list[str]:
    lower = text.lower()
    return [lower[start:end] for start, end in words(lower).tolist()]


def _runs(tokens: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(tokens[k : k + n]) for k in range(len(tokens) - n + 1)]


def _overlap(found: Sequence[str], gold: Sequence[str], n: int) -> float:
    one, other = Counter(_runs(found, n)), Counter(_runs(gold, n))
    return _f1((one & other).total(), one.total(), other.total())


def _f1(hits: int, n_found: int, n_gold: int) -> float:
    return 2 * hits / (n_found + n_gold) if n_found + n_gold else 0.0


def _common(found: Sequence[str], gold: Sequence[str]) -> int:
    """Return the length of the longest common subsequence."""
    row = [0] * (len(gold) + 1)
    for token in found:
        before = 0
        for k, other in enumerate(gold, 1):
            before, row[k] = row[k], before + 1 if token == other else max(row[k], row[k - 1])
    return row[-1]
