"""Documents through a backbone and its heads: every window once, all heads from the same hidden states."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from nlpkit.backbone import Backbone
from nlpkit.chains import chains_of
from nlpkit.data.batches import token_budget
from nlpkit.heads.base import Head
from nlpkit.text import Window, windows
from nlpkit.types import Chain, Document, Entity, Relation


@dataclass(frozen=True, slots=True)
class Reading:
    """How texts are cut: `window` pieces at once, `overlap` of them shared, `batch_pieces` a batch with padding."""

    window: int = 512
    overlap: int = 128
    batch_pieces: int = 4096

    def windows(self, backbone: Backbone, text: str, document: int = 0) -> Iterator[Window]:
        """Cover a text with windows that this backbone can read."""
        size = min(self.window, backbone.max_pieces)
        room = size - sum(map(len, backbone.specials))
        yield from windows(
            text,
            backbone.encode,
            size=size,
            overlap=min(self.overlap, room // 2),
            specials=backbone.specials,
            document=document,
        )


def read(
    backbone: Backbone,
    heads: Sequence[Head],
    documents: Sequence[Document],
    reading: Reading,
    *,
    progress: Callable[[int], None] | None = None,
) -> list[Document]:
    """Fill documents with what the heads find, in one forward pass a window.

    Chains that a document brings are kept and given to the heads; everything else found is replaced.

    Args:
        backbone: the model, with whatever adapter is active.
        heads: in the order of their needs.
        documents: texts, with chains where they are known.
        reading: sizes of windows and batches.
        progress: called with the number of windows read after each batch.

    """
    cut = [w for n, d in enumerate(documents) for w in reading.windows(backbone, d.text, n)]
    parts: list[list[tuple[Window, Document]]] = [[] for _ in documents]
    attention = any(head.reads_attention for head in heads)
    with torch.inference_mode():
        for batch in token_budget(cut, reading.batch_pieces):
            hidden = backbone.hidden(batch, attention=attention)
            found = [replace(documents[w.document], entities=(), relations=()) for w in batch]
            for head in heads:
                found = head.decode(hidden, batch, found)
            for window, part in zip(batch, found, strict=True):
                parts[window.document].append((window, part))
            if progress:
                progress(len(batch))
    return [_merged(document, found) for document, found in zip(documents, parts, strict=True)]


def _merged(document: Document, parts: list[tuple[Window, Document]]) -> Document:
    """Put the findings of a document's windows together."""
    if not parts:
        return replace(document, entities=(), relations=())
    parts.sort(key=lambda wp: wp[0].core[0])
    if len(parts) == 1:
        return parts[0][1]
    entities = tuple(e for w, part in parts for e in part.entities if w.core[0] <= e.start < w.core[1])
    chains = document.chains
    if not chains and any(part.chains for _, part in parts):
        chains = chains_of(document.text, entities)
    relations = _merged_relations([r for _, part in parts for r in part.relations], chains)
    return replace(parts[0][1], entities=entities, chains=chains, relations=relations)


def _merged_relations(relations: Sequence[Relation], chains: Sequence[Chain]) -> tuple[Relation, ...]:
    """Return each relation between two chains once, at its best score, named by the chains' first mentions."""
    owner = {(m.start, m.end): n for n, c in enumerate(chains) for m in c.mentions}
    best: dict[tuple[int, str, int], Relation] = {}
    for relation in relations:
        subject = owner.get((relation.subject.start, relation.subject.end))
        object_ = owner.get((relation.object.start, relation.object.end))
        if subject is None or object_ is None or subject == object_:
            continue
        key = (subject, relation.property or relation.label, object_)
        known = best.get(key)
        if known is None or (relation.score or 0.0) > (known.score or 0.0):
            best[key] = replace(relation, subject=_first(chains[subject]), object=_first(chains[object_]))
    return tuple(sorted(best.values(), key=lambda r: -(r.score or 0.0)))


def _first(chain: Chain) -> Entity:
    mention = next((m for m in chain.mentions if m.kind == "name"), chain.mentions[0])
    return Entity(mention.text, mention.start, mention.end, chain.label)
