"""What several tasks found in one text, in one Document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nlpkit.errors import InputError
from nlpkit.types import Document, Entity


def documents_of(texts: Sequence[str | Document]) -> list[Document]:
    """Return texts as Documents.

    Raises:
        InputError: something among them is neither a string nor a Document.

    """
    for n, text in enumerate(texts):
        if not isinstance(text, str | Document):
            raise InputError(
                f"texts[{n}] is {type(text).__name__}, not str or Document; give a string or a Document, or a list"
            )
    return [Document(text) if isinstance(text, str) else text for text in texts]


def combined(document: Document, found: Sequence[tuple[str, Document]]) -> Document:
    """Put what tasks found in a document together.

    Of the same entity found twice the better scored stays; chains and relations are those of the first task that has
    any. A label of the whole text stands under its task's name, under its kind where a task gives several.

    Args:
        document: as it was given.
        found: the name of each task and what it made of the document.

    """
    best: dict[tuple[int, int, str], Entity] = {}
    for entity in (e for _, read in found for e in read.entities):
        known = best.setdefault((entity.start, entity.end, entity.label), entity)
        if (entity.score or 0.0) > (known.score or 0.0):
            best[entity.start, entity.end, entity.label] = entity
    labels, metadata = dict(document.labels), dict(document.metadata)
    for name, read in found:
        new = {kind: label for kind, label in read.labels.items() if document.labels.get(kind) is not label}
        labels |= {name if len(new) == 1 else kind: label for kind, label in new.items()}
        metadata |= read.metadata
    chained = next((read for _, read in found if read.chains), document)
    return replace(
        document,
        entities=tuple(sorted(best.values(), key=lambda e: (e.start, e.end))) or document.entities,
        chains=chained.chains,
        relations=chained.relations,
        slots=tuple(slot for _, read in found for slot in read.slots) or document.slots,
        answers=next((read.answers for _, read in found if read.answers), document.answers),
        labels=labels,
        metadata=metadata,
    )
