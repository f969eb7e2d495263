"""Changes of a text, and a Document with its text changed: every offset in it moves along."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Any, TypeVar

from nlpkit.types import Answer, Chain, Document, Entity, Mention, Relation, Span

Place = Entity | Mention | Span | Answer
Placed = TypeVar("Placed", Span, Entity, Mention, Answer)


@dataclass(frozen=True, slots=True)
class Edit:
    """The characters [start, end) of a text are replaced by `text`; an insertion where the two are equal."""

    start: int
    end: int
    text: str


def applied(text: str, edits: Sequence[Edit]) -> str:
    """Return the text with the edits made.

    Raises:
        ValueError: two edits overlap, or one lies outside the text.

    """
    return Moves(text, edits).text


def undone(text: str, edits: Sequence[Edit]) -> list[Edit]:
    """Return the edits that make the old text of the new one."""
    found, shift = [], 0
    for edit in in_order(edits):
        start = edit.start + shift
        found.append(Edit(start, start + len(edit.text), text[edit.start : edit.end]))
        shift += len(edit.text) - (edit.end - edit.start)
    return found


def in_order(edits: Sequence[Edit]) -> list[Edit]:
    """Return edits in the order of the text; insertions at one place in the order given."""
    return sorted(edits, key=lambda edit: (edit.start, edit.end))


class Moves:
    """Where the characters of a text are once edits are made.

    A span grows and shrinks with the edits inside it. One that an edit cuts in two takes the edit's whole new text;
    an insertion at its border stays outside.

    Attributes:
        text: the new text.

    Raises:
        ValueError: two edits overlap, or one lies outside the text.

    """

    def __init__(self, text: str, edits: Sequence[Edit]) -> None:
        self._edits = in_order(edits)
        ends = [0, *(place for edit in self._edits for place in (edit.start, edit.end)), len(text)]
        if any(after < before for before, after in pairwise(ends)):
            raise ValueError(f"edits of {text[:40]!r}... overlap or lie outside it: {self._edits[:5]}")
        self._starts, self._ends = [e.start for e in self._edits], [e.end for e in self._edits]
        self._shifts = [0, *accumulate(len(e.text) - (e.end - e.start) for e in self._edits)]
        parts, done = [], 0
        for edit in self._edits:
            parts += [text[done : edit.start], edit.text]
            done = edit.end
        self.text = "".join([*parts, text[done:]])

    def start(self, place: int) -> int:
        """Return where a span now starts that started at this character."""
        number = bisect_right(self._ends, place)
        cut = number < len(self._edits) and self._starts[number] < place
        return (self._starts[number] if cut else place) + self._shifts[number]

    def end(self, place: int) -> int:
        """Return where a span now ends that ended before this character."""
        number = bisect_left(self._starts, place)
        return max(self._ends[number - 1], place) + self._shifts[number] if number else place

    def moved(self, span: Placed) -> Placed:
        """Return a span at its new place, with its new text; one without a place (a negative start) as it is."""
        if span.start < 0:
            return span
        start, end = self.start(span.start), self.end(span.end)
        return replace(span, text=self.text[start:end], start=start, end=end)


def edited(document: Document, edits: Sequence[Edit], query_edits: Sequence[Edit] = ()) -> Document:
    """Return the document with its text and query changed, and whatever is found in it at its new place.

    Answers of other documents, the history and the metadata stay as they are.

    Raises:
        ValueError: two edits overlap, or one lies outside the text.

    """
    moves = Moves(document.text, edits)
    query = applied(document.query, query_edits)
    return replace(relocated(document, moves.text, moves.moved), query=query)


def relocated(document: Document, text: str, place: Callable[[Any], Any]) -> Document:
    """Return a document with another text and every span, mention and answer in it as `place` makes it."""

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
        answers=tuple(a if a.document else place(a) for a in document.answers),
    )


def places(document: Document) -> Iterator[Place]:
    """Yield what a text's labels point at: entities, slots, mentions of chains, answers that stand in the text."""
    yield from document.entities
    yield from document.slots
    for chain in document.chains:
        yield from chain.mentions
    yield from (a for a in document.answers if a.start >= 0 and not a.document)


def spans_of(document: Document) -> list[tuple[int, int]]:
    """Return the places of everything found in a document, each once, in the order of the text."""
    placed = list(places(document))
    for relation in document.relations:
        placed += [relation.subject, relation.object, *relation.evidence]
    return sorted({(span.start, span.end) for span in placed})
