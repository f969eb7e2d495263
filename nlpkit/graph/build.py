"""The loop from sources to a store: read a few documents, have them read, write each, go on where it stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from nlpkit.graph.adding import add_document, content_hash, contexts_of, with_chains
from nlpkit.graph.records import Extractor, domain_of
from nlpkit.graph.sources import Sources, read
from nlpkit.graph.store import Store
from nlpkit.heap import keep_flat
from nlpkit.types import Document

BATCH_CHARS = 40_000
"""Documents are read together until they have this many characters: enough to fill the model's batches."""

SAMPLE_CHARS = 10_000
"""How much is read to tell how long the rest will take."""
_WARMING_CHARS = 200


@dataclass(frozen=True, slots=True)
class Skipped:
    """What could not be used, and why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build is. `rate` is documents a second; `total` and `seconds_left` are None where unknown."""

    done: int
    total: int | None
    rate: float
    seconds_left: float | None
    facts: int
    current: str
    skipped: Sequence[Skipped] = ()


@dataclass(slots=True)
class BuildReport:
    """What a build did. `empty` lists the documents that held no text."""

    added: int = 0
    unchanged: int = 0
    empty: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """How many documents had their turn."""
        return self.added + self.unchanged + len(self.skipped)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a build would do: documents new, in another version, and to be left as they are; what reading takes.

    `characters` are those to be read, `seconds` as long as that takes here by the speed of the first of them, None
    where there is nothing to read.
    """

    new: int
    changed: int
    unchanged: int
    characters: int
    seconds: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the estimate as plain JSON types."""
        return asdict(self)


def build(
    store: Store,
    sources: Sources,
    kit: Extractor,
    progress: Callable[[Progress], None] | None = None,
    *,
    again: bool = False,
) -> BuildReport:
    """Add every document of the sources that is not in the store yet, in place of older versions of it.

    Args:
        store: where to; held for writing until the end.
        sources: files, folders, "-", Documents; a Document that already holds results is taken as it is.
        kit: reads the texts.
        progress: called after every document.
        again: read those documents alone that are in the store and were read by other adapters than the kit's.

    Raises:
        InputError: a source that the caller named cannot be used.
        StoreBusyError: another process is writing to this store.
        StoreError: no room left; what was written stays.

    """
    keep_flat()
    return _Build(store, kit, progress, again).run(sources)


def estimate(store: Store, sources: Sources, kit: Extractor, *, again: bool = False) -> Estimate:
    """Tell what `build` would do with these, and how long reading would take; nothing is written.

    The first texts to be read, some `SAMPLE_CHARS` characters, are read to see how fast that goes.

    Raises:
        InputError: a source that the caller named cannot be used.

    """
    keep_flat()
    return _Build(store, kit, None, again).estimate(sources)


@dataclass(frozen=True, slots=True)
class _Pending:
    document: Document
    digest: str

    @property
    def read(self) -> bool:
        """Whether the document already holds results, or nothing that could give any."""
        found = self.document
        return bool(found.entities or found.chains or found.relations) or not found.text.strip()


class _Build:
    def __init__(self, store: Store, kit: Extractor, progress: Callable[[Progress], None] | None, again: bool) -> None:
        self.store = store
        self.kit = kit
        self.again = again
        self.domain = domain_of(kit)
        self.progress = progress
        self.report = BuildReport()
        self.started = time.perf_counter()
        self.seen: set[str] = set()
        self.total: int | None = None
        self.facts = 0

    def run(self, sources: Sources) -> BuildReport:
        documents, self.total = read(sources, self._skip)
        with self.store.writing():
            self.facts = self.store.count("fact")
            for batch in self._batches(documents):
                self._commit(batch)
        self.report.seconds = time.perf_counter() - self.started
        return self.report

    def estimate(self, sources: Sources) -> Estimate:
        documents, self.total = read(sources, self._skip)
        n_pending, n_there, n_chars = 0, 0, 0
        sample: list[str] = []
        for pending in self._new(documents):
            n_pending += 1
            n_there += self.store.hash_of(pending.document.id) is not None
            if not pending.read:
                n_chars += len(pending.document.text)
                if sum(map(len, sample)) < SAMPLE_CHARS:
                    sample.append(pending.document.text)
        share = n_chars / sum(map(len, sample)) if sample else 0.0
        seconds = share * self._seconds(sample) if sample else None
        return Estimate(n_pending - n_there, n_there, self.report.unchanged, n_chars, seconds)

    def _seconds(self, texts: list[str]) -> float:
        self.kit([texts[0][:_WARMING_CHARS]])
        began = time.perf_counter()
        contexts_of([with_chains(document, self.domain) for document in self.kit(texts)], self.kit)
        return time.perf_counter() - began

    def _skip(self, name: str, reason: str) -> None:
        self.report.skipped.append(Skipped(name, reason))

    def _batches(self, documents: Iterator[Document]) -> Iterator[list[_Pending]]:
        batch: list[_Pending] = []
        n_chars = 0
        for pending in self._new(documents):
            batch.append(pending)
            n_chars += len(pending.document.text)
            if n_chars >= BATCH_CHARS:
                yield batch
                batch, n_chars = [], 0
        if batch:
            yield batch

    def _new(self, documents: Iterator[Document]) -> Iterator[_Pending]:
        """Go through the documents that are to be read."""
        for document in documents:
            digest = content_hash(document)
            named = document if document.id else replace(document, id=digest[:16])
            if named.id in self.seen:
                self._skip(named.id, f"the id {named.id!r} came before in this build; give every document its own")
            elif self._stays(named.id, digest):
                self.report.unchanged += 1
                self._tell(named.id)
            else:
                yield _Pending(named, digest)
            self.seen.add(named.id)

    def _stays(self, name: str, digest: str) -> bool:
        if self.again:
            return self.store.revision_of(name) in (None, self.kit.revision)
        return self.store.hash_of(name) == digest

    def _commit(self, batch: list[_Pending]) -> None:
        to_read = [pending.document.text for pending in batch if not pending.read]
        results = iter(self.kit(to_read) if to_read else ())
        documents = [
            with_chains(
                pending.document
                if pending.read
                else replace(next(results), id=pending.document.id, metadata=pending.document.metadata),
                self.domain,
            )
            for pending in batch
        ]
        contexts = contexts_of(documents, self.kit)
        revision, domain = self.kit.revision, self.domain
        for document, pending, vectors in zip(documents, batch, contexts, strict=True):
            add_document(self.store, document, pending.digest, revision=revision, contexts=vectors, domain=domain)
            self.report.added += 1
            if not document.text.strip():
                self.report.empty.append(document.id)
            self._tell(document.id)
        self.facts = self.store.count("fact")

    def _tell(self, current: str) -> None:
        if self.progress is None:
            return
        report = self.report
        rate = report.added / max(time.perf_counter() - self.started, 1e-9)
        left = None
        if self.total is not None and rate:
            left = max(self.total - report.done, 0) / rate
        self.progress(Progress(report.done, self.total, rate, left, self.facts, current, report.skipped))
