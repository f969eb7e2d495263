"""Documents through a backbone and its heads: every window once, all heads from the same hidden states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from nlpkit.adapters import Adapted, Folded
from nlpkit.backbone import Backbone, Hidden, Trunk
from nlpkit.data.batches import BATCH_PIECES, token_budget
from nlpkit.errors import InputError
from nlpkit.heads.base import Head
from nlpkit.text import Window, windows
from nlpkit.types import Document

_LEAST_ROOM = 8
"""Pieces of text that a window must hold beside the query."""

_FOLDING = 2
"""Batches from which on an adapter is first added to the weights: that costs once what LoRA costs every pass."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How texts are cut: `window` pieces at once, `overlap` of them shared, `batch_pieces` a batch with padding."""

    window: int = 512
    overlap: int = 128
    batch_pieces: int = BATCH_PIECES

    def windows(self, backbone: Backbone, document: Document, number: int = 0) -> Iterator[Window]:
        """Cover a document with windows that this backbone can read, its query before each of them.

        Raises:
            InputError: the query leaves no room for the text.

        """
        size = min(self.window, backbone.max_pieces)
        before, after = backbone.around(document.query)
        room = size - len(before) - len(after)
        if room < _LEAST_ROOM:
            raise InputError(
                f"the query {document.query[:40]!r}... has {len(before)} pieces; with windows of {size} it may have "
                f"{size - len(after) - _LEAST_ROOM}: shorten it, or read with longer windows"
            )
        offsets = backbone.query_offsets(document.query, len(before)) if document.query else None
        for window in windows(
            document.text,
            backbone.encode,
            size=size,
            overlap=min(self.overlap, room // 2),
            specials=(before, after),
            document=number,
            by_last=backbone.kind == "decoder",
        ):
            yield replace(window, n_query=len(before), query_offsets=offsets) if document.query else window


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What one adapter is to do with a text: its heads, in the order of their needs. `adapter` None: the bare model."""

    adapter: str | None
    heads: Sequence[Head]
    reading: Reading

    @property
    def reads_attention(self) -> bool:
        """Whether a head needs the last layer's attention."""
        return any(head.reads_attention for head in self.heads)


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """The windows of some documents, cut once for several readings; `trunk` gives the states that some go on from."""

    windows: Sequence[Window]
    trunk: Callable[[Sequence[Window]], Trunk] | None = None


def read(
    backbone: Backbone,
    heads: Sequence[Head],
    documents: Sequence[Document],
    reading: Reading,
    *,
    progress: Callable[[int], None] | None = None,
) -> list[Document]:
    """Fill documents with what the heads find, in one forward pass a window.

    What a document brings is given to the heads (chains, to `relation`); each replaces what is its own to find.

    Args:
        backbone: the model, with whatever adapter it has.
        heads: in the order of their needs.
        documents: texts, with chains where they are known.
        reading: sizes of windows and batches.
        progress: called with the number of windows read after each batch.

    """
    return read_apart(backbone, [(heads, documents)], reading, progress=progress)[0]


def read_apart(
    backbone: Backbone,
    groups: Sequence[tuple[Sequence[Head], Sequence[Document]]],
    reading: Reading,
    *,
    cut: Cut | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[list[Document]]:
    """Read the same texts once for groups of heads that are given different things: gold chains, or none.

    Args:
        backbone: the model, with whatever adapter it has.
        groups: heads in the order of their needs, and the documents for them; the texts are those of the first group.
        reading: sizes of windows and batches.
        cut: the windows of these texts, where they are there already.
        progress: called with the number of windows read after each batch.

    Returns:
        The documents, for each group.

    """
    jobs = [Job(None, heads, reading) for heads, _ in groups]
    found = [_Found(documents) for _, documents in groups]
    cut = cut or Cut(windows_of(backbone, groups[0][1], reading))
    attention = any(job.reads_attention for job in jobs)
    with torch.inference_mode():
        for batch in token_budget(cut.windows, reading.batch_pieces):
            given = cut.trunk(batch) if cut.trunk else None
            hidden = backbone.hidden(batch, attention=attention, given=given)
            for job, parts in zip(jobs, found, strict=True):
                parts.decode(job, hidden, batch)
            if progress:
                progress(len(batch))
    return [parts.merged([job] * len(parts.documents)) for job, parts in zip(jobs, found, strict=True)]


def read_together(adapted: Adapted, jobs: Sequence[Job], documents: Sequence[Document]) -> list[list[Document]]:
    """Read every document for every job, and what several adapters have in common once.

    The layers below the lowest one that an adapter changes give the bare backbone's states: they are run once for
    all jobs; then each adapter runs what is above. Jobs that cut a long text differently read that text apart.

    Returns:
        The documents, for each job.

    """
    found = [_Found(documents) for _ in jobs]
    readings = list(dict.fromkeys(job.reading for job in jobs))
    shortest = min(reading.window for reading in readings)
    apart = dict.fromkeys(range(len(documents)))
    for reading in readings:
        group = [n for n, job in enumerate(jobs) if job.reading == reading]
        cut = windows_of(adapted.backbone, [documents[n] for n in apart], reading, list(apart))
        if reading is readings[0] and len(readings) > 1:
            counts = Counter(w.document for w in cut)
            alike = [w for w in cut if counts[w.document] == 1 and len(w) <= shortest]
            _read_all(adapted, jobs, found, range(len(jobs)), alike, reading)
            apart = dict.fromkeys(n for n in apart if n not in {w.document for w in alike})
            cut = [w for w in cut if w.document in apart]
        _read_all(adapted, jobs, found, group, cut, reading)
    return [parts.merged([job] * len(documents)) for job, parts in zip(jobs, found, strict=True)]


def _read_all(
    adapted: Adapted,
    jobs: Sequence[Job],
    found: Sequence[_Found],
    group: Sequence[int],
    cut: Sequence[Window],
    reading: Reading,
) -> None:
    """Read windows for a group of the jobs, going on from the layers that they have in common."""
    top = adapted.backbone.n_layers - 1
    many = sum(map(len, cut)) >= _FOLDING * reading.batch_pieces
    folded: dict[int, Folded | None] = {n: {} if many else None for n in group}
    lowest = {n: min(adapted.lowest_layer(name), top) if (name := jobs[n].adapter) else top for n in group}
    with torch.inference_mode():
        for batch in token_budget(cut, reading.batch_pieces):
            trunk: Trunk | None = None
            for n in sorted(group, key=lambda n: lowest[n]):
                if len(group) > 1 and lowest[n] > (trunk.layer if trunk else 0):
                    trunk = adapted.backbone.trunk(batch, lowest[n], given=trunk)
                with adapted.using(jobs[n].adapter, folded[n]) as model:
                    hidden = model.hidden(batch, attention=jobs[n].reads_attention, given=trunk)
                found[n].decode(jobs[n], hidden, batch)


def read_mixed(adapted: Adapted, jobs: Sequence[Job], documents: Sequence[Document]) -> list[Document]:
    """Read document n for jobs[n] alone, in batches that mix the adapters row by row where their method allows it."""
    found = _Found(documents)
    numbers = {id(job): n for n, job in enumerate({id(job): job for job in jobs}.values())}
    mixing: list[Window] = []
    apart: dict[str | None, list[Window]] = {}
    for n, (job, document) in enumerate(zip(jobs, documents, strict=True)):
        mixes = job.adapter is not None and adapted.mixes(job.adapter)
        into = mixing if mixes else apart.setdefault(job.adapter, [])
        into.extend(windows_of(adapted.backbone, [document], job.reading, [n]))
    with torch.inference_mode():
        for batch in token_budget(mixing, BATCH_PIECES):
            # Rows of one adapter lie side by side, and within it those of one job.
            batch.sort(key=lambda w: (jobs[w.document].adapter or "", numbers[id(jobs[w.document])]))
            with adapted.mixed([jobs[w.document].adapter or "" for w in batch]) as model:
                hidden = model.hidden(batch, attention=any(jobs[w.document].reads_attention for w in batch))
            _decode_rows(found, jobs, hidden, batch)
        for name, cut in apart.items():
            for batch in token_budget(cut, BATCH_PIECES):
                with adapted.using(name) as model:
                    hidden = model.hidden(batch, attention=any(jobs[w.document].reads_attention for w in batch))
                _decode_rows(found, jobs, hidden, batch)
    return found.merged(jobs)


def _decode_rows(found: _Found, jobs: Sequence[Job], hidden: Hidden, batch: Sequence[Window]) -> None:
    """Give each job of a mixed batch its rows."""
    rows: dict[int, list[int]] = {}
    for row, window in enumerate(batch):
        rows.setdefault(id(jobs[window.document]), []).append(row)
    for chosen in rows.values():
        found.decode(jobs[batch[chosen[0]].document], hidden.rows(chosen), [batch[row] for row in chosen])


def windows_of(
    backbone: Backbone, documents: Sequence[Document], reading: Reading, numbers: Sequence[int] | None = None
) -> list[Window]:
    """Return the windows of documents, which have these numbers."""
    pairs = zip(numbers if numbers is not None else range(len(documents)), documents, strict=True)
    return [w for n, d in pairs for w in reading.windows(backbone, d, n)]


class _Found:
    """What was found in the windows of some documents."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = documents
        self.parts: list[list[tuple[Window, Document]]] = [[] for _ in documents]

    def decode(self, job: Job, hidden: Hidden, batch: Sequence[Window]) -> None:
        """Let a job's heads read a batch."""
        found = [self.documents[w.document] for w in batch]
        for head in job.heads:
            found = head.decode(hidden, batch, found)
        for window, part in zip(batch, found, strict=True):
            self.parts[window.document].append((window, part))

    def merged(self, jobs: Sequence[Job]) -> list[Document]:
        """Return each document with the findings of its windows put together, head by head."""
        results = []
        for document, parts, job in zip(self.documents, self.parts, jobs, strict=True):
            parts.sort(key=lambda wp: wp[0].core[0])
            for head in job.heads:
                document = head.merge(parts, document)
            results.append(document)
        return results
