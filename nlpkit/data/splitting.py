"""A data set in parts that are alike: labels spread as evenly as can be, what belongs together in one part."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence

from nlpkit.data.inventory import labels_of
from nlpkit.errors import DataError
from nlpkit.types import Document

Groups = list[list[Document]]
Held = Counter[tuple[str, str]]
"""How many documents of a group hold each label."""

TEXT, DOCUMENT = "text", "document"
"""What stays together: equal texts always; sentences of one document as well."""


def split(
    documents: Sequence[Document], shares: Mapping[str, float], *, by: str = TEXT, seed: int = 13
) -> dict[str, list[Document]]:
    """Part documents by shares, stratified by all their labels, the rarest first (Sechidis et al. 2011).

    Equal texts (blanks and case aside) always come into one part.

    Args:
        documents: to part; within a part they keep their order.
        shares: of each part; they need not sum to 1.
        by: "text", "document" (what stands before "#" in a document's id is the same), or a key of the metadata.
        seed: what is drawn with.

    Raises:
        DataError: fewer groups than parts, a share that is not above 0, or a document without that metadata.

    """
    if not shares or any(share <= 0 for share in shares.values()):
        raise DataError(
            f"the shares are {dict(shares)}; give each part one above 0, such as train=0.8,dev=0.1,test=0.1"
        )
    groups = _groups(documents, by)
    if len(groups) < len(shares):
        what = "texts" if by == TEXT else f"groups by {by!r}"
        raise DataError(f"{len(groups)} {what} make no {len(shares)} parts; group by something finer, or part less")
    parts = _stratified(groups, shares, random.Random(seed))
    order = {id(document): n for n, document in enumerate(documents)}
    return {name: sorted((d for g in chosen for d in g), key=lambda d: order[id(d)]) for name, chosen in parts.items()}


def same_text(document: Document) -> tuple[str, str]:
    """Return a text with its query, blanks and case aside."""
    return " ".join(document.query.casefold().split()), " ".join(document.text.casefold().split())


def _groups(documents: Sequence[Document], by: str) -> Groups:
    """Return the documents that stay together: of equal keys, or of equal texts, or linked by such."""
    owner = list(range(len(documents)))

    def root(n: int) -> int:
        while owner[n] != n:
            owner[n] = n = owner[owner[n]]
        return n

    first: dict[Hashable, int] = {}
    for n, document in enumerate(documents):
        text = same_text(document)[1]
        for key in ((TEXT, text), (by, text if by == TEXT else _key(document, by))):
            owner[root(n)] = root(first.setdefault(key, n))
    together: dict[int, list[Document]] = defaultdict(list)
    for n, document in enumerate(documents):
        together[root(n)].append(document)
    return list(together.values())


def _key(document: Document, by: str) -> str:
    if by == DOCUMENT:
        return document.id.partition("#")[0]
    if by not in document.metadata:
        allowed = ", ".join([TEXT, DOCUMENT, *document.metadata])
        raise DataError(f"the document {document.id or document.text[:40]!r} has no {by!r}; allowed: {allowed}")
    return str(document.metadata[by])


def _stratified(groups: Groups, shares: Mapping[str, float], draws: random.Random) -> dict[str, Groups]:
    """Give the groups with the rarest label left to whichever part wants that label most, and so on."""
    draws.shuffle(groups)
    held = [Held(label for document in group for label in labels_of(document)) for group in groups]
    left = Held()
    for labels in held:
        left.update(labels)
    whole = sum(shares.values())
    size = {name: share / whole * sum(map(len, groups)) for name, share in shares.items()}
    wanted = {name: {label: share / whole * n for label, n in left.items()} for name, share in shares.items()}
    having: dict[tuple[str, str], list[int]] = defaultdict(list)
    for n, labels in enumerate(held):
        for label in labels:
            having[label].append(n)
    chosen: dict[str, Groups] = {name: [] for name in shares}
    open_ = dict.fromkeys(range(len(groups)))

    def give(n: int, label: tuple[str, str] | None) -> None:
        name = max(size, key=lambda name: (wanted[name][label] if label else 0, size[name]))
        chosen[name].append(groups[n])
        size[name] -= len(groups[n])
        for one, count in held[n].items():
            wanted[name][one] -= count
        del open_[n]

    while left:
        rarest = min(left, key=lambda label: (left[label], label))
        for n in sorted((n for n in having[rarest] if n in open_), key=lambda n: -held[n][rarest]):
            give(n, rarest)
            left.subtract(held[n])
        left = +left
    for n in sorted(open_, key=lambda n: -len(groups[n])):
        give(n, None)
    _fill_empty(chosen)
    return chosen


def _fill_empty(parts: Mapping[str, Groups]) -> None:
    """Let no part be empty: the largest gives its smallest group."""
    for groups in parts.values():
        if not groups:
            largest = max(parts.values(), key=len)
            groups.append(largest.pop(min(range(len(largest)), key=lambda n: len(largest[n]))))


def shares_of(given: str) -> dict[str, float]:
    """Return the shares that "train=0.8,dev=0.1,test=0.1" says.

    Raises:
        DataError: it says none.

    """
    shares = {}
    for part in given.split(","):
        name, _, share = part.strip().partition("=")
        try:
            shares[name] = float(share)
        except ValueError:
            name = ""
        if not name or "/" in name:
            raise DataError(f"{part!r} is no part with its share; give such as train=0.8,dev=0.1,test=0.1")
    return shares


def counted(parts: Mapping[str, Iterable[Document]]) -> list[tuple[str, str, dict[str, int]]]:
    """Return how many documents of each part hold each label, by kind and label, the commonest first."""
    counts = {name: Held(label for document in part for label in labels_of(document)) for name, part in parts.items()}
    whole: Held = sum(counts.values(), Held())
    return [
        (kind, label, {name: own[kind, label] for name, own in counts.items()})
        for (kind, label), _ in whole.most_common()
    ]
