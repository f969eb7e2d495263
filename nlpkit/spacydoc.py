"""Documents as spaCy's Docs, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nlpkit.errors import InputError, MissingExtraError
from nlpkit.types import Answer, Chain, Document, Entity, Label, Mention, Relation, Span, Turn

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc
    from spacy.tokens import Span as DocSpan

FOUND = "nlpkit"
"""Where a Doc's `user_data` keeps what was found, as plain values, so that a Doc can be saved and sent."""
SPANS, SLOTS = "nlpkit", "slots"
"""The groups of `doc.spans` that hold all entities, overlapping ones too, and the slots."""
TASK = "classification"
_LEAST = 0.5
"""A category is meant from this value on."""


@dataclass(frozen=True, slots=True)
class DocRelation:
    """A relation between two spans of a Doc: an item of `doc._.relations`."""

    subject: DocSpan
    label: str
    object: DocSpan
    score: float | None = None
    property: str | None = None


def to_spacy(document: Document, nlp: Language | None = None) -> Doc:
    """Return a Doc with what was found in a document (see `Document.to_spacy`)."""
    try:
        import spacy
    except ImportError as e:
        raise MissingExtraError("spacy", "spacy") from e
    # The tokenizer alone: what else a pipeline would find is not in the document.
    doc = (nlp or spacy.blank("xx")).tokenizer(document.text)
    if doc.text != document.text:
        raise InputError(
            f"the pipeline's tokenizer makes another text of {document.text[:40]!r}, so that no offset would fit; use "
            "one that keeps all characters, as those of spacy.blank() do"
        )
    annotate(doc, document)
    return doc


def annotate(doc: Doc, document: Document, *, overwrite: bool = True) -> None:
    """Write what was found in a document into the Doc of its text.

    Entities become `doc.ents`, widened to whole tokens, of overlapping ones the longest; all of them stand in
    `doc.spans["nlpkit"]`. Labels become `doc.cats`, slots `doc.spans["slots"]`; all of it is kept in `user_data`.

    Args:
        doc: the Doc, of the very same text.
        document: what was found.
        overwrite: whether entities that the Doc has already give way; otherwise they stay, and only those that do not
            overlap them are added.

    """
    import spacy

    spans = _widened(doc, document.entities)
    before = () if overwrite else doc.ents
    taken = {token.i for span in before for token in span}
    free = [span for span in spans if taken.isdisjoint(range(span.start, span.end))]
    doc.ents = [*before, *spacy.util.filter_spans(free)]
    doc.spans[SPANS] = spans
    if document.slots:
        doc.spans[SLOTS] = _widened(doc, document.slots)
    for label in document.labels.values():
        for each in (label, *label.others):
            doc.cats[each.label] = 1.0 if each.score is None else each.score
    found = document.to_dict()
    del found["text"]
    doc.user_data[FOUND] = found


def _widened(doc: Doc, entities: Sequence[Entity]) -> list[DocSpan]:
    spans = (doc.char_span(e.start, e.end, label=e.label, alignment_mode="expand") for e in entities)
    return [span for span in spans if span is not None]


def relations(doc: Doc) -> tuple[DocRelation, ...]:
    """Return the relations of a Doc, between spans of it."""
    found = []
    for relation in doc.user_data.get(FOUND, {}).get("relations", ()):
        subject, object_ = _widened(doc, [Entity(**relation["subject"]), Entity(**relation["object"])])
        found.append(DocRelation(subject, relation["label"], object_, relation["score"], relation["property"]))
    return tuple(found)


def displacy_relations(doc: Doc | DocSpan) -> dict[str, Any]:
    """Return a Doc's relations, or those inside a part of it, as displaCy draws arcs.

    Use: `displacy.render(displacy_relations(doc), style="dep", manual=True)`. A mention is one word, its label below.
    """
    part = doc[:]
    whole, first, last = part.doc, part.start, part.end
    inside = [r for r in relations(whole) if all(first <= s.start and s.end <= last for s in (r.subject, r.object))]
    mentions = _apart([*(span for r in inside for span in (r.subject, r.object)), *whole.ents])
    words: list[dict[str, str]] = []
    word_of: dict[int, int] = {}
    place = first
    while place < last:
        span = mentions.get(place, whole[place : place + 1])
        end = min(span.end, last)
        word_of |= dict.fromkeys(range(place, end), len(words))
        words.append({"text": whole[place:end].text, "tag": span.label_})
        place = end
    arcs = [_arc(word_of[r.subject.start], word_of[r.object.start], r.label) for r in inside]
    return {"words": words, "arcs": [arc for arc in arcs if arc["start"] < arc["end"]]}


def _apart(spans: Sequence[DocSpan]) -> dict[int, DocSpan]:
    """Return spans by their first token, the longest of those that overlap."""
    kept: dict[int, DocSpan] = {}
    taken: set[int] = set()
    for span in sorted(spans, key=lambda span: span.start - span.end):
        if taken.isdisjoint(range(span.start, span.end)):
            kept[span.start] = span
            taken.update(range(span.start, span.end))
    return kept


def _arc(subject: int, object_: int, label: str) -> dict[str, Any]:
    # displaCy puts the head of an arrow at the side that "dir" names.
    direction = "right" if subject < object_ else "left"
    return {"start": min(subject, object_), "end": max(subject, object_), "label": label, "dir": direction}


def from_spacy(doc: Doc) -> Document:
    """Return a Doc as a Document (see `Document.from_spacy`)."""
    import spacy

    document = Document(doc.text, labels=labelled(doc.cats))
    if FOUND in doc.user_data:
        document = _read(doc.text, doc.user_data[FOUND])
    stored = spacy.util.filter_spans(_widened(doc, document.entities))
    if [(s.start, s.end, s.label) for s in stored] != [(s.start, s.end, s.label) for s in doc.ents]:
        # Somebody else had the last word.
        entities = (Entity(e.text, e.start_char, e.end_char, e.label_) for e in doc.ents)
        document = replace(document, entities=tuple(entities))
    return document


def labelled(cats: Mapping[str, float]) -> dict[str, Label]:
    """Return the categories from 0.5 on as labels by task, the likeliest first."""
    meant = sorted((label for label, value in cats.items() if value >= _LEAST), key=lambda label: -cats[label])
    if not meant:
        return {}
    first, *others = map(Label, meant)
    return {TASK: replace(first, others=tuple(others))}


def _read(text: str, found: Mapping[str, Any]) -> Document:
    """Return what `Document.to_dict` made plain, as the values it was made of."""
    return Document(
        text,
        id=found.get("id", ""),
        entities=tuple(Entity(**e) for e in found["entities"]),
        chains=tuple(Chain(c["name"], c["label"], tuple(Mention(**m) for m in c["mentions"])) for c in found["chains"]),
        relations=tuple(_relation(r) for r in found["relations"]),
        labels={task: _label(label) for task, label in found["labels"].items()},
        metadata=dict(found.get("metadata", {})),
        query=found.get("query", ""),
        slots=tuple(Entity(**e) for e in found.get("slots", ())),
        answers=tuple(Answer(**a) for a in found.get("answers", ())),
        history=tuple(Turn.from_dict(t) for t in found.get("history", ())),
    )


def _relation(found: Mapping[str, Any]) -> Relation:
    ends = {name: Entity(**found[name]) for name in ("subject", "object")}
    return Relation(**{**found, **ends, "evidence": tuple(Span(**s) for s in found["evidence"])})


def _label(found: Mapping[str, Any]) -> Label:
    return Label(found["label"], found["score"], tuple(_label(other) for other in found.get("others", ())))
