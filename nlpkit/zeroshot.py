"""Labels in words, nearest texts and groups, from sentence embeddings alone: nothing is trained.

Pure functions over `embed`, which makes a vector of length 1 of each text (`Kit.embed`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from nlpkit.errors import InputError, MissingExtraError
from nlpkit.text import unspaced
from nlpkit.types import Label, Similar

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts -> vectors of length 1. *Shape:* (n_texts, width)."""

TEMPLATES = ("This text is about {}.", "This is about {}.", "It is about {}.", "A text on {}.")
"""What a label is put into; chosen on 4,000 texts of the AG News training set among seven sets of templates."""

UNSPACED_TEMPLATES = ("这段文字是关于{}的。", "这是关于{}的。", "主题：{}。", "一段关于{}的文字。")
"""The same for labels in Chinese. Not chosen by measurement: with Gemma 3 270M they find the topic of 0.28 of 1,000
titles of THUCNews (ten topics; benchmarks/results/zero_shot.json), and other wordings may do better."""

TEMPERATURE = 0.044
"""What cosines of the embedded default backbone are divided by before the softmax: fitted once, by likelihood, on the
same texts. Further from four topics it is less exact (the best were 0.053 for Banking77, 0.067 for TREC)."""

_MOST_CLUSTERS = 20
_SAMPLE = 2000
"""Texts that the number of clusters is chosen on."""


@overload
def classify(  # type: ignore[overload-overlap]  # a str is a Sequence[str] too
    embed: Embed,
    texts: str,
    labels: Sequence[str] | Mapping[str, str],
    *,
    templates: Sequence[str] | None = ...,
    temperature: float | None = ...,
) -> Label: ...


@overload
def classify(
    embed: Embed,
    texts: Sequence[str],
    labels: Sequence[str] | Mapping[str, str],
    *,
    templates: Sequence[str] | None = ...,
    temperature: float | None = ...,
) -> list[Label]: ...


def classify(
    embed: Embed,
    texts: str | Sequence[str],
    labels: Sequence[str] | Mapping[str, str],
    *,
    templates: Sequence[str] | None = None,
    temperature: float | None = TEMPERATURE,
) -> Label | list[Label]:
    """Give each text the label whose words are nearest to it.

    Args:
        embed: makes vectors of texts.
        texts: one text, or several.
        labels: two or more labels in words; or each with a description, "" for none.
        templates: sentences with {} for the label; their vectors are averaged. None: English ones, Chinese ones where
            the labels are written without spaces.
        temperature: what cosines are divided by before the softmax; None where nobody measured it for this `embed`:
            then labels have no scores.

    Returns:
        A label for one text, a list for several. A text's result does not depend on those beside it: subtracting
        each label's mean over all texts, which would make it so, changed accuracy by -0.01 to +0.02 on AG News, 0.01
        on Banking77 and 0.05 on TREC, and is not done.

    Raises:
        InputError: something that is no text, fewer than two labels, one twice, an empty one, or a template without {}.

    """
    if isinstance(texts, str):
        return classify(embed, [texts], labels, templates=templates, temperature=temperature)[0]
    names = list(labels) if not isinstance(labels, str) else [labels]
    cosines = similarities(embed, texts, labels, templates=templates)
    best = cosines.argmax(1)
    if temperature is None:
        return [Label(names[n]) for n in best]
    powers = np.exp((cosines - cosines.max(1, keepdims=True)) / temperature)
    scores = powers.max(1) / powers.sum(1)
    return [Label(names[n], float(score)) for n, score in zip(best, scores, strict=True)]


def similarities(
    embed: Embed,
    texts: Sequence[str],
    labels: Sequence[str] | Mapping[str, str],
    *,
    templates: Sequence[str] | None = None,
) -> NDArray[np.float64]:
    """Return the cosine of each text and each label; see `classify`. *Shape:* (n_texts, n_labels)."""
    vectors = _label_vectors(embed, labels, templates)
    if not len(_texts(texts)):
        return np.zeros((0, len(vectors)))
    cosines: NDArray[np.float64] = embed(texts).astype(np.float64) @ vectors.T
    return cosines


def _label_vectors(
    embed: Embed, labels: Sequence[str] | Mapping[str, str], templates: Sequence[str] | None
) -> NDArray[np.float64]:
    """Return a vector of length 1 a label: its templates' mean and, of the same weight, its description."""
    names, descriptions = _labels(labels)
    if templates is None:
        templates = UNSPACED_TEMPLATES if any(unspaced(sign) for sign in "".join(names)) else TEMPLATES
    if not templates or not all("{}" in template for template in templates):
        raise InputError(f"templates are {list(templates)!r}; give one or more sentences with {{}} for the label")
    sentences = [template.replace("{}", name) for name in names for template in templates]
    vectors = _normalised(embed(sentences).astype(np.float64).reshape(len(names), len(templates), -1).mean(1))
    described = [n for n, description in enumerate(descriptions) if description.strip()]
    if described:
        vectors[described] += embed([descriptions[n] for n in described])
    return _normalised(vectors)


def _labels(labels: Sequence[str] | Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return labels and descriptions, checked."""
    names = [labels] if isinstance(labels, str) else list(labels)
    descriptions = list(labels.values()) if isinstance(labels, Mapping) else [""] * len(names)
    for word in (*names, *descriptions):
        if not isinstance(word, str):
            raise InputError(f"among the labels is {type(word).__name__}, not str; give {{label: description}}")
    if len(names) < 2 or not all(name.strip() for name in names) or len(set(names)) < len(names):
        raise InputError(f"labels are {names!r}; give two or more, each in words and once")
    return names, descriptions


def _texts(texts: Sequence[str]) -> Sequence[str]:
    for n, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"texts[{n}] is {type(text).__name__}, not str; give a string or a list of strings")
    return texts


def _normalised(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    normalised: NDArray[np.float64] = vectors / np.where(lengths > 0, lengths, 1.0)
    return normalised


@overload
def similar(  # type: ignore[overload-overlap]  # a str is a Sequence[str] too
    embed: Embed, query: str, texts: Sequence[str], k: int = ...
) -> list[Similar]: ...


@overload
def similar(embed: Embed, query: Sequence[str], texts: Sequence[str], k: int = ...) -> list[list[Similar]]: ...


def similar(
    embed: Embed, query: str | Sequence[str], texts: Sequence[str], k: int = 5
) -> list[Similar] | list[list[Similar]]:
    """Return the `k` texts nearest in meaning to a query, the nearest first; for several queries a list each.

    Raises:
        InputError: something that is no text, `texts` is one string, or `k` is below 1.

    """
    if isinstance(query, str):
        return similar(embed, [query], texts, k)[0]
    if k < 1:
        raise InputError(f"k is {k}; allowed: 1 or more")
    if not len(_texts(query)) or not len(_several(texts)):
        nothing: list[list[Similar]] = [[] for _ in query]
        return nothing
    cosines = embed(query).astype(np.float64) @ embed(texts).astype(np.float64).T
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    return [
        [Similar(texts[n], int(n), float(row[n])) for n in order] for row, order in zip(cosines, nearest, strict=True)
    ]


def cluster(embed: Embed, texts: Sequence[str], k: int | None = None) -> list[int]:
    """Return the number of each text's cluster, 0 the largest: k-means on the vectors.

    Args:
        embed: makes vectors of texts.
        texts: the texts.
        k: how many clusters; None: from 2 to 20, the number with the best silhouette (Rousseeuw 1987).

    Raises:
        InputError: something that is no text, or `k` is below 1 or above the number of different texts.
        MissingExtraError: scikit-learn is not installed.

    """
    if not len(_several(texts)):
        return []
    try:
        from sklearn.cluster import KMeans
        from sklearn.metrics import silhouette_score
    except ImportError as e:
        raise MissingExtraError("scikit-learn", "cluster") from e
    vectors = embed(texts).astype(np.float64)
    n_different = len(np.unique(vectors.round(6), axis=0))
    if k is not None and not 1 <= k <= n_different:
        raise InputError(f"k is {k}; allowed: 1 to {n_different}, the number of different texts")

    def grouped(number: int) -> NDArray[np.int32]:
        numbers: NDArray[np.int32] = KMeans(number, n_init=4, random_state=0).fit_predict(vectors)
        return numbers

    def silhouette(numbers: NDArray[np.int32]) -> float:
        # One vector for each text: fewer than the sample are all taken.
        return float(silhouette_score(vectors, numbers, sample_size=min(_SAMPLE, len(vectors)), random_state=0))

    if k is None:
        tried = [grouped(number) for number in range(2, min(_MOST_CLUSTERS + 1, n_different))]
        return _by_size(max(tried, key=silhouette) if tried else np.zeros(len(vectors), np.int32))
    return _by_size(grouped(k))


def _several(texts: Sequence[str]) -> Sequence[str]:
    if isinstance(texts, str):
        raise InputError("texts is one string; give a list of strings")
    return _texts(texts)


def _by_size(numbers: NDArray[np.int32]) -> list[int]:
    """Return the same groups, numbered from the largest on; of equal ones the first in the texts comes first."""
    order = {number: n for n, (number, _) in enumerate(Counter(numbers.tolist()).most_common())}
    return [order[number] for number in numbers.tolist()]
