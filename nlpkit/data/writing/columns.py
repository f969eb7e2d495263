"""Tokens with tags or entities: CoNLL columns, SpERT's JSON, parallel files of slots.

Tokens are chosen so that what is read back is the same text where it can be: `nlpkit.data.tokens.rebuild` says where it
puts blanks, and what stands together without one is one token unless a span ends there.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from nlpkit.data.tokens import rebuild
from nlpkit.errors import DataError
from nlpkit.text import words
from nlpkit.types import Document, Entity, Relation

Losses = Counter[str]
Offsets = list[tuple[int, int]]
TokenSpan = tuple[int, int, str]
"""An entity's first token, the one after its last, and its label."""

_BLANKS = "texts whose blanks change"


def _bio(n: int, label: str, after_same: bool) -> list[str]:
    return [f"B-{label}", *[f"I-{label}"] * (n - 1)]


def _bioes(n: int, label: str, after_same: bool) -> list[str]:
    return [f"S-{label}"] if n == 1 else [f"B-{label}", *[f"I-{label}"] * (n - 2), f"E-{label}"]


def _bmes(n: int, label: str, after_same: bool) -> list[str]:
    return [f"S-{label}"] if n == 1 else [f"B-{label}", *[f"M-{label}"] * (n - 2), f"E-{label}"]


def _iob1(n: int, label: str, after_same: bool) -> list[str]:
    return [f"{'B' if after_same else 'I'}-{label}", *[f"I-{label}"] * (n - 1)]


SCHEMES: dict[str, Callable[[int, str, bool], list[str]]] = {
    "bio": _bio,
    "bioes": _bioes,
    "bmes": _bmes,
    "iob1": _iob1,
}
"""The tags of an entity of n tokens, by scheme; of IOB1 they depend on whether one of its label ends just before."""


def tags(n_tokens: int, spans: Iterable[TokenSpan], scheme: str) -> list[str]:
    """Return the tags of a text's tokens; the spans do not overlap."""
    found, last = ["O"] * n_tokens, (-1, "")
    for start, end, label in sorted(spans):
        found[start:end] = SCHEMES[scheme](end - start, label, last == (start, label))
        last = end, label
    return found


def write_conll(path: Path, documents: Sequence[Document], losses: Losses, *, scheme: str = "bio") -> None:
    """Write a token and its tag a line, a blank line after each document; of overlapping spans the longest stays."""
    with path.open("w", encoding="utf-8", newline="") as file:
        for tokens, document, offsets in _tokenised(documents, losses):
            spans = list(_of_tokens(apart(document.entities, losses), offsets, losses))
            tagged = zip(tokens, tags(len(tokens), spans, scheme), strict=True)
            file.write("".join(f"{token}\t{tag}\n" for token, tag in tagged) + "\n")


def write_spert(path: Path, documents: Sequence[Document], losses: Losses) -> None:
    """Write a JSON list of texts with tokens, entities and relations (Eberts and Ulges 2020)."""
    records = []
    for tokens, document, offsets in _tokenised(documents, losses):
        placed = [_tokens_of(entity, offsets) for entity in document.entities]
        numbers = {n: k for k, n in enumerate(n for n, (first, last) in enumerate(placed) if first < last)}
        losses["spans of blanks alone"] += len(placed) - len(numbers)
        claims = [(a, r, b) for a, r, b in between(document, losses) if a in numbers and b in numbers]
        held = [(document.entities[n].label, *placed[n]) for n in numbers]
        records.append(
            {
                "tokens": tokens,
                "entities": [{"type": label, "start": first, "end": last} for label, first, last in held],
                "relations": [{"type": r.label, "head": numbers[a], "tail": numbers[b]} for a, r, b in claims],
                "orig_id": document.id,
            }
        )
    path.write_text(json.dumps(records, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def write_slots(path: Path, documents: Sequence[Document], losses: Losses) -> None:
    """Write `seq.in`, `seq.out` and `label` (Goo et al. 2018) into a folder; a document's first label is its intent."""
    rows = []
    for tokens, document, offsets in _tokenised(documents, losses):
        if not document.labels:
            losses["texts without a label"] += 1
            continue
        spans = _of_tokens(apart(document.slots, losses), offsets, losses)
        intent = next(iter(document.labels.values())).label
        rows.append((" ".join(tokens), " ".join(tags(len(tokens), spans, "bio")), intent))
    if not rows:
        raise DataError("no text has a label, which the format 'slots' holds; write another format")
    for name, column in zip(("seq.in", "seq.out", "label"), zip(*rows, strict=True), strict=True):
        (path / name).write_text("".join(f"{value}\n" for value in column), encoding="utf-8", newline="")


def apart(entities: Iterable[Entity], losses: Losses) -> list[Entity]:
    """Return entities of which none overlaps another, the longest first to stay."""
    kept: list[Entity] = []
    for entity in sorted(entities, key=lambda e: (e.start - e.end, e.start)):
        if any(entity.start < other.end and other.start < entity.end for other in kept):
            losses["overlapping spans"] += 1
        else:
            kept.append(entity)
    return kept


def between(document: Document, losses: Losses) -> Iterator[tuple[int, Relation, int]]:
    """Yield the relations with the numbers of the entities that are their subject and object."""
    numbers = {(e.start, e.end, e.label): n for n, e in enumerate(document.entities)}
    for relation in document.relations:
        match [numbers.get((e.start, e.end, e.label)) for e in (relation.subject, relation.object)]:
            case [int(a), int(b)]:
                yield a, relation, b
            case _:
                losses["relations whose spans are no entities"] += 1


def _of_tokens(entities: Iterable[Entity], offsets: Offsets, losses: Losses) -> Iterator[TokenSpan]:
    for entity in entities:
        first, last = _tokens_of(entity, offsets)
        label = "_".join(entity.label.split())
        losses["labels with blanks, which are now _"] += label != entity.label
        if first < last:
            yield first, last, label
        else:
            losses["spans of blanks alone"] += 1


def _tokens_of(entity: Entity, offsets: Offsets) -> tuple[int, int]:
    inside = [n for n, (start, end) in enumerate(offsets) if start < entity.end and entity.start < end]
    return (inside[0], inside[-1] + 1) if inside else (0, 0)


def _tokenised(documents: Iterable[Document], losses: Losses) -> Iterator[tuple[list[str], Document, Offsets]]:
    for document in documents:
        offsets = token_offsets(document)
        tokens = [document.text[a:b] for a, b in offsets]
        if not tokens:
            losses["empty texts"] += 1
            continue
        losses[_BLANKS] += rebuild([tokens])[0] != document.text
        yield tokens, document, offsets


def token_offsets(document: Document) -> Offsets:
    """Return the tokens of a text: words and signs, cut where spans end, put together where a reader would go wrong.

    What stands without a blank between is joined where a reader would put one there, and where it would leave one out
    before or behind it (":" and ")" of a smiley).
    """
    text = document.text
    borders = {border for e in (*document.entities, *document.slots) for border in (e.start, e.end)}
    tokens = [piece for a, b in words(text).tolist() for piece in _cut(a, b, borders)]
    while True:
        touching = [a == b and b not in borders for (_, a), (b, _) in pairwise(tokens)]
        joins = {n for n in _wrong(text, tokens, touching) if touching[n]}
        if not joins:
            return tokens
        merged: Offsets = []
        for n, (start, end) in enumerate(tokens):
            if n - 1 in joins:
                merged[-1] = merged[-1][0], end
            else:
                merged.append((start, end))
        tokens = merged


def _wrong(text: str, tokens: Offsets, touching: Sequence[bool]) -> Iterator[int]:
    """Yield the gaps between tokens to close so that a reader puts the blanks where the text has them."""
    read = rebuild([[text[a:b] for a, b in tokens]])[1][0]
    for n, ((_, a), (b, _)) in enumerate(pairwise(tokens)):
        blank = read[n + 1][0] > read[n][1]
        if blank and a == b:
            yield n
        elif not blank and a < b:
            after, before = n + 1, n - 1
            yield after if after < len(touching) and touching[after] else max(before, 0)


def _cut(start: int, end: int, borders: set[int]) -> Iterator[tuple[int, int]]:
    inner = [border for border in range(start + 1, end) if border in borders]
    yield from zip([start, *inner], [*inner, end], strict=True)
