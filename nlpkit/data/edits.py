"""Texts changed in places, with all that was found in them moved along."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any, TypeVar

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
    return relocated(document, moved.text, moved.place)


def relocated(document: Document, text: str, place: Callable[[Any], Any]) -> Document:
    """Return a document with another text and every span, mention and answer as `place` makes it."""

    def chain(old: Chain) -> Chain:
        mentions = tuple(map(place, old.mentions))
        called = (new.text for was, new in zip(old.mentions, mentions, strict=True) if was.text == old.name)
        return replace(old, name=next(called, old.name), mentions=mentions)

    def relation(old: Relation) -> Relation:
        evidence = tuple(map(place, old.evidence))
        return replace(old, subject=place(old.subject), object=place(old.object), evidence=evidence)

    return replace(
        document,
        text=text,
        entities=tuple(map(place, document.entities)),
        slots=tuple(map(place, document.slots)),
        chains=tuple(map(chain, document.chains)),
        relations=tuple(map(relation, document.relations)),
        answers=tuple(map(place, document.answers)),
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
