"""A Document into the store: its chains linked to the entities known, its relations made facts."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nlpkit.chains import chains_of
from nlpkit.domain import Domain
from nlpkit.errors import InputError
from nlpkit.graph.candidates import BIRTH, SURE
from nlpkit.graph.ledger import Ledger, NewChain, NewEvidence, surfaces
from nlpkit.graph.records import Embedder
from nlpkit.graph.resolve import Linked, Resolver
from nlpkit.graph.store import Store
from nlpkit.graph.timing import stated
from nlpkit.names import normalise
from nlpkit.types import Chain, Document, Mention, Relation

EXACT = frozenset({"TIME", "NUM"})
"""The types whose names are values: what stands around them tells nothing."""

_CONTEXT_CHARS = 300
_SENTENCE_END = re.compile(r"[.!?](?=\s)|[。！？\n]")

Contexts = Sequence[NDArray[np.float32] | None]


def content_hash(document: Document) -> str:
    """Return the SHA-256 of everything in a document but its id."""
    found = [[part.to_dict() for part in parts] for parts in (document.entities, document.chains, document.relations)]
    plain = json.dumps([document.text, dict(document.metadata), found], sort_keys=True, default=str)
    return hashlib.sha256(plain.encode()).hexdigest()


def with_chains(document: Document, domain: Domain | None = None) -> Document:
    """Return the document with every entity in a chain, its names compared where it came without chains.

    A domain's aliases give chains their names, and join those of one entity.
    """
    if document.entities and not document.chains:
        document = replace(document, chains=chains_of(document.text, document.entities))
    return domain.named(document) if domain else document


def context_of(text: str, start: int, end: int) -> str:
    """Return what stands around text[start:end]: its sentence, or at most 300 characters of it."""
    first, last = _around(text, start, end)
    return text[first:last].strip()[:_CONTEXT_CHARS]


def _around(text: str, start: int, end: int) -> tuple[int, int]:
    room = max(_CONTEXT_CHARS - (end - start), 0) // 2
    first, last = max(start - room, 0), min(end + room, len(text))
    ends = [match.end() for match in _SENTENCE_END.finditer(text, first, start)]
    following = _SENTENCE_END.search(text, end, last)
    return ends[-1] if ends else first, following.end() if following else last


def contexts_of(documents: Sequence[Document], kit: Embedder) -> list[list[NDArray[np.float32] | None]]:
    """Embed the surroundings of every chain's first name, all documents in one call.

    Returns:
        For each document, one unit vector a chain; None for values (times, numbers).

    """
    texts: list[str] = []
    rows: list[list[int | None]] = []
    for document in documents:
        places: list[int | None] = []
        for chain in document.chains:
            where = _first_name(chain)
            places.append(None if chain.label in EXACT or where is None else len(texts))
            if places[-1] is not None and where is not None:
                texts.append(context_of(document.text, where.start, where.end))
        rows.append(places)
    vectors = kit.embed(texts) if texts else np.zeros((0, 0), np.float32)
    return [[None if row is None else vectors[row] for row in places] for places in rows]


def _first_name(chain: Chain) -> Mention | None:
    named = (mention for mention in chain.mentions if mention.kind == "name")
    return next(named, chain.mentions[0] if chain.mentions else None)


def add_document(
    store: Store,
    document: Document,
    digest: str,
    *,
    revision: str = "",
    contexts: Contexts | None = None,
    domain: Domain | None = None,
) -> None:
    """Write a document whole, in one transaction, in place of what stood under its id.

    Args:
        store: where to.
        document: with entities, chains and relations; `id` names it.
        digest: the hash of its content, by which it is known again.
        revision: the adapters that read it.
        contexts: one vector a chain, where there are any.
        domain: knows other names of entities.

    Raises:
        InputError: a relation's subject or object is in no chain.
        StoreError: no room left; the store is as it was before.

    """
    document = with_chains(document, domain)
    chain_of = _checked(document)
    ledger = Ledger(store)
    with store.transaction():
        row = ledger.open_document(document.id, "text", digest, len(document.text), document.metadata, revision)
        births = {subject: r.object.text for r, subject, _ in chain_of if r.label == BIRTH and (r.score or 1.0) >= SURE}
        vectors = contexts or [None] * len(document.chains)
        chains = _add_chains(Resolver(store, domain), ledger, row, document, digest, vectors, births)
        entities = {chain: ledger.entity_of(chain) for chain in chains}
        evidence = [
            new
            for relation, subject, object_ in chain_of
            for new in _evidence(ledger, document, relation, (subject, object_), chains, revision)
        ]
        ledger.add_evidence(row, evidence, entities)
        for number in births:
            store.forget(entities[chains[number]])


def _checked(document: Document) -> list[tuple[Relation, int, int]]:
    """Return the relations with the places of their chains."""
    place = {
        (mention.start, mention.end): number
        for number, chain in enumerate(document.chains)
        for mention in chain.mentions
    }
    found = []
    for relation in document.relations:
        ends = []
        for entity in (relation.subject, relation.object):
            if (entity.start, entity.end) not in place:
                raise InputError(
                    f"document {document.id!r}: {entity.text!r} at {entity.start}-{entity.end} stands in the relation "
                    f"{relation.label!r} but in no chain; give every entity of a relation a chain"
                )
            ends.append(place[entity.start, entity.end])
        found.append((relation, ends[0], ends[1]))
    return found


def _add_chains(
    resolver: Resolver,
    ledger: Ledger,
    row: int,
    document: Document,
    digest: str,
    contexts: Contexts,
    births: Mapping[int, str],
) -> list[int]:
    taken: set[int] = set()
    ids: list[int] = []
    for place, (chain, context) in enumerate(zip(document.chains, contexts, strict=True)):
        linked = Linked(None, "", 0.0)
        if not ledger.is_split(document.id, digest, place):
            linked = resolver.link(chain, context, taken, births.get(place, ""))
        new = ledger.add_chain(row, place, _new_chain(chain, context), linked.entity)
        if linked.entity is not None:
            ledger.record_merge(new, linked.entity, linked.reason, linked.score)
        taken.add(ledger.entity_of(new))
        ids.append(new)
    return ids


def _new_chain(chain: Chain, context: NDArray[np.float32] | None) -> NewChain:
    named = surfaces(mention.text for mention in chain.mentions if mention.kind == "name")
    name = " ".join(chain.name.split()) or normalise(chain.name) or "?"
    mentions = tuple((mention.start, mention.end, mention.kind) for mention in chain.mentions)
    return NewChain(name, chain.label, named, len(chain.mentions), mentions, context)


def _evidence(
    ledger: Ledger, document: Document, relation: Relation, ends: tuple[int, int], ids: Sequence[int], revision: str
) -> Iterator[NewEvidence]:
    """Go through what a relation of a document supports its fact with; `ids` are those of the document's chains."""
    row = ledger.relation(relation.label, relation.property)
    subject, object_ = (document.chains[end] for end in ends)
    places = [[(mention.start, mention.end) for mention in chain.mentions] for chain in (subject, object_)]
    for start, end in [(span.start, span.end) for span in relation.evidence] or [_covering(relation)]:
        sentence = _around(document.text, start, end)
        period = None if object_.label in EXACT else stated(document.text, sentence, *places)
        yield NewEvidence(
            ids[ends[0]],
            row,
            ids[ends[1]],
            start,
            end,
            document.text[start:end],
            relation.score,
            revision,
            time=str(period) if period else None,
        )


def _covering(relation: Relation) -> tuple[int, int]:
    """Return the shortest stretch with both names, or the subject's where they stand far apart."""
    subject, object_ = relation.subject, relation.object
    start, end = min(subject.start, object_.start), max(subject.end, object_.end)
    return (start, end) if end - start <= _CONTEXT_CHARS else (subject.start, subject.end)
