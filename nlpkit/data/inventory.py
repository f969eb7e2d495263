"""What a document holds to learn from."""

from __future__ import annotations

from nlpkit.types import Document


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
