"""Texts changed in places, with all that was found in them moved along."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import TypeVar

from nlpkit.types import Answer, Chain, Document, Entity, Mention, Relation, Span

Place = Entity | Mention | Span | Answer
P = TypeVar("P", Entity, Mention, Span, Answer)

Edit = tuple[int, int, str]
"""The characters [start, end) of a text, and what shall stand there."""


def places(document: Document) -> Iterator[Place]:
    """Yield what a text's labels point at: entities, slots, mentions of chains, answers that stand in the text."""
    yield from document.entities
    yield from document.slots
    for chain in document.chains:
        yield from chain.mentions
    yield from (answer for answer in document.answers if answer.start >= 0)


def edited(document: Document, edits: Sequence[Edit]) -> Document:
    """Return a document with some characters of its text replaced, and every span over what it was over.

    Args:
        document: its query, history and metadata stay.
        edits: characters that do not overlap. Where a span and an edit share characters, one must hold the other, and
            none may lose all its characters.

    """
    moved = _Moved(document.text, sorted(edits))
    return replace(
        document,
        text=moved.text,
        entities=tuple(map(moved.place, document.entities)),
        slots=tuple(map(moved.place, document.slots)),
        chains=tuple(map(moved.chain, document.chains)),
        relations=tuple(map(moved.relation, document.relations)),
        answers=tuple(map(moved.place, document.answers)),
    )


class _Moved:
    """A text after its edits, and where its characters are now."""

    def __init__(self, text: str, edits: Sequence[Edit]) -> None:
        parts, at = [], 0
        for start, end, new in edits:
            parts += [text[at:start], new]
            at = end
        self.text = "".join([*parts, text[at:]])
        self._ends = [end for _, end, _ in edits]
        self._shifts = [0, *accumulate(len(new) - (end - start) for start, end, new in edits)]

    def _at(self, border: int) -> int:
        return border + self._shifts[bisect_right(self._ends, border)]

    def place(self, place: P) -> P:
        if place.start < 0:
            return place
        start, end = self._at(place.start), self._at(place.end)
        return replace(place, text=self.text[start:end], start=start, end=end)

    def chain(self, chain: Chain) -> Chain:
        mentions = tuple(map(self.place, chain.mentions))
        called = (new.text for old, new in zip(chain.mentions, mentions, strict=True) if old.text == chain.name)
        return replace(chain, name=next(called, chain.name), mentions=mentions)

    def relation(self, relation: Relation) -> Relation:
        return replace(
            relation,
            subject=self.place(relation.subject),
            object=self.place(relation.object),
            evidence=tuple(map(self.place, relation.evidence)),
        )


def labels_of(document: Document) -> set[tuple[str, str]]:
    """Return the labels that a document holds, each with what it is a label of: a text, an entity, a relation, a slot.

    Labels of a text carry the task's name; a text whose question has no answer in it, or has one, is labelled so.
    """
    found = {("entity", entity.label) for entity in document.entities}
    found |= {("slot", slot.label) for slot in document.slots}
    found |= {("relation", relation.label) for relation in document.relations}
    if not document.entities:
        found |= {("entity", chain.label) for chain in document.chains}
    for task, label in document.labels.items():
        found |= {(task, one.label) for one in (label, *label.others)}
    if document.query and not document.labels:
        found.add(("question", "answered" if document.answers else "unanswered"))
    return found
