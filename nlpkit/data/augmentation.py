"""More training texts made of those that are there: other names, small edits, case and typing noise, rare labels again.

Whatever is labelled in a text keeps its place. Nothing needs a list of synonyms or a model, and all of it works for
scripts with and without spaces. Queries, and texts that stand in a conversation, stay as they are.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from nlpkit.data.inventory import labels_of
from nlpkit.editing.edits import Edit, Place, edited, places, spans_of
from nlpkit.editing.noise import ROWS
from nlpkit.recipes import AugmentationSpec
from nlpkit.text import unspaced, words
from nlpkit.types import Document, Entity

_REPLACED = 0.5
"""The share of a text's names that other names take the place of."""
_EDITED = 0.1
"""The share of a text's words that are swapped or deleted (the alpha of Wei and Zou 2019), or get a wrong letter."""
_LONG = 4
"""From so many letters on a word may lose one."""

Names = Mapping[str, Sequence[str]]
Change = Callable[[Document, random.Random], Document | None]
"""A changed copy of a document; None where there is nothing to change."""


def augmented(documents: Sequence[Document], spec: AugmentationSpec, seed: int) -> list[Document]:
    """Return the training documents with changed copies behind them, as a recipe asks for.

    Args:
        documents: to train on, and no others: names are drawn from them.
        spec: the share of documents of which each kind of change makes a copy.
        seed: what is drawn with; the same seed gives the same copies.

    """
    draws = random.Random(seed)
    whole = balanced(documents, draws) if spec.balance else list(documents)
    names = _names(documents)
    changes: dict[str, tuple[float, Change]] = {
        "entities": (spec.entities, lambda document, draws: renamed(document, names, draws)),
        "edits": (spec.edits, swapped_or_deleted),
        "case": (spec.case, recased),
        "typing": (spec.typing, mistyped),
    }
    copies = []
    for kind, (share, change) in changes.items():
        for document in whole if share else ():
            drawn = draws.random() < share and not _in_conversation(document)
            if drawn and (copy := change(document, draws)) is not None:
                copies.append(replace(copy, id=f"{copy.id} ({kind})"))
    return [*whole, *copies]


def _in_conversation(document: Document) -> bool:
    """Say whether a text is a turn whose state is kept beside it, which a change would not reach."""
    return bool(document.history) or "state" in document.metadata


def balanced(documents: Sequence[Document], draws: random.Random) -> list[Document]:
    """Return the documents, those with rare labels several times (repeat factors, Gupta et al. 2019).

    A document is there r times: the square root of the commonest label's documents over those of its rarest label,
    rounded up or down at random.
    """
    held = [labels_of(document) for document in documents]
    counts = Counter(label for labels in held for label in labels)
    most = max(counts.values(), default=0)
    again = []
    for document, labels in zip(documents, held, strict=True):
        factor = max((math.sqrt(most / counts[label]) for label in labels), default=1.0)
        again += [document] * (int(factor) + (draws.random() < factor % 1))
    return again


def _names(documents: Sequence[Document]) -> dict[str, list[str]]:
    """Return what bears each label, each once."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for document in documents:
        for entity in (*document.entities, *document.slots):
            found[entity.label][entity.text] = None
    return {label: list(names) for label, names in found.items()}


def renamed(document: Document, names: Names, draws: random.Random) -> Document | None:
    """Put other names of the same label in place of some (mention replacement, Dai and Adel 2020).

    A name stays that is mentioned elsewhere in the text too, or holds another span or a part of one.
    """
    free = [e for e in _replaceable(document) if len(names[e.label]) > 1]
    if not free:
        return None
    chosen = [entity for entity in free if draws.random() < _REPLACED] or [draws.choice(free)]
    others = [draws.choice([name for name in names[e.label] if name != e.text]) for e in chosen]
    return edited(document, [Edit(e.start, e.end, name) for e, name in zip(chosen, others, strict=True)])


def _replaceable(document: Document) -> list[Entity]:
    labels = defaultdict(set)
    for entity in (*document.entities, *document.slots):
        labels[entity.start, entity.end].add(entity.label)
    tied = {(m.start, m.end) for chain in document.chains if len(chain.mentions) > 1 for m in chain.mentions}
    found = {}
    for entity in (*document.entities, *document.slots):
        at = entity.start, entity.end
        if len(labels[at]) == 1 and at not in tied and not any(_cut(place, *at) for place in places(document)):
            found[at] = entity
    return list(found.values())


def _cut(place: Place, start: int, end: int) -> bool:
    """Say whether new characters from `start` to `end` would take some of a place's, not all its own."""
    return place.start < end and start < place.end and not (place.start <= start and end <= place.end)


def swapped_or_deleted(document: Document, draws: random.Random) -> Document | None:
    """Swap or delete some words outside what is labelled (two of the operations of EDA, Wei and Zou 2019).

    In scripts without spaces characters take the part of words, and change places with their neighbours only.
    """
    free = list(_free_words(document))
    if len(free) < 2:
        return None
    n = max(1, round(_EDITED * len(free)))
    if draws.random() < 0.5:
        return edited(document, list(_swaps(document.text, free, n, draws)))
    borders = {border for place in spans_of(document) for border in place}
    chosen = draws.sample(free, n)
    gone = ((a, b + 1) if document.text[b : b + 1] == " " and b not in borders else (a, b) for a, b in chosen)
    return edited(document, [Edit(a, b, "") for a, b in gone])


def _free_words(document: Document) -> Iterator[tuple[int, int]]:
    """Yield the words that hold a letter or digit and share nothing with what is labelled."""
    taken = bytearray(len(document.text) + 1)
    for place in places(document):
        taken[place.start : place.end] = b"\1" * (place.end - place.start)
    for a, b in words(document.text).tolist():
        if document.text[a].isalnum() and not any(taken[a:b]):
            yield a, b


def _swaps(text: str, free: Sequence[tuple[int, int]], n: int, draws: random.Random) -> Iterator[Edit]:
    used: set[int] = set()
    for first in draws.sample(range(len(free)), n):
        near = unspaced(text[free[first][0]])
        others = (first - 1, first + 1) if near else range(len(free))
        open_ = [k for k in others if 0 <= k < len(free) and k != first and k not in used]
        if first in used or not open_:
            continue
        second = draws.choice(open_)
        used |= {first, second}
        (a, b), (c, d) = free[first], free[second]
        yield Edit(a, b, text[c:d])
        yield Edit(c, d, text[a:b])


def recased(document: Document, draws: random.Random) -> Document | None:
    """Write a text in small letters, in capitals, or with every word capitalised."""
    text = document.text
    spans = words(text).tolist()
    found = []
    for case in (_lower, _upper, lambda word: _upper(word[:1]) + _lower(word[1:])):
        edits = [Edit(a, b, case(text[a:b])) for a, b in spans if case(text[a:b]) != text[a:b]]
        if edits:
            found.append(edits)
    return edited(document, draws.choice(found)) if found else None


def _lower(word: str) -> str:
    return "".join(sign.lower() if len(sign.lower()) == 1 else sign for sign in word)


def _upper(word: str) -> str:
    return "".join(sign.upper() if len(sign.upper()) == 1 else sign for sign in word)


def mistyped(document: Document, draws: random.Random) -> Document | None:
    """Let one letter of some words be a neighbouring key, doubled, or (outside what is labelled) missing."""
    text = document.text
    spans = [(a, b) for a, b in words(text).tolist() if text[a].isalpha()]
    if not spans:
        return None
    free = {a for a, _ in _free_words(document)} if len(spans) > 1 else set()
    chosen = draws.sample(spans, max(1, round(_EDITED * len(spans))))
    edits = []
    for a, b in chosen:
        at = draws.randrange(a, b)
        missing = [""] if a in free and (b - a >= _LONG or unspaced(text[a])) else []
        kinds = [kind for kind in ([2 * text[at]], _neighbours(text[at]), missing) if kind]
        edits.append(Edit(at, at + 1, draws.choice(draws.choice(kinds))))
    return edited(document, edits)


def _neighbours(letter: str) -> list[str]:
    """Return the letters beside one on a keyboard (QWERTY), as large as it; none for other signs."""
    small = letter.lower()
    for number, row in enumerate(ROWS):
        if (at := row.find(small)) >= 0:
            beside = [row[k] for k in (at - 1, at + 1) if 0 <= k < len(row)]
            for other in (number - 1, number + 1):
                if 0 <= other < len(ROWS):
                    beside += [ROWS[other][k] for k in (at, at + number - other) if 0 <= k < len(ROWS[other])]
            return [b.upper() for b in beside] if letter.isupper() else beside
    return []
