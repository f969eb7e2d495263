"""KnowledgeGraph: what users hold in their hands. Each method says in a line what its module does."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import networkx

from nlpkit.errors import GraphError, InputError
from nlpkit.graph import ask as asking
from nlpkit.graph import build as building
from nlpkit.graph import draw, export, imports, joining, networks, sparql, triples
from nlpkit.graph.adding import add_document, content_hash, contexts_of, with_chains
from nlpkit.graph.beside import read_beside
from nlpkit.graph.conflicts import Conflict, conflicts
from nlpkit.graph.differences import Difference, differences
from nlpkit.graph.learning import Walker, lessons
from nlpkit.graph.ledger import Ledger
from nlpkit.graph.linking import Catalogue, Link
from nlpkit.graph.plan import Plan
from nlpkit.graph.queries import to_cypher, to_sparql
from nlpkit.graph.records import Extractor, Fact, GraphAnswer, Merge, Node, domain_of
from nlpkit.graph.snapshot import Snapshot
from nlpkit.graph.sources import Sources
from nlpkit.graph.store import Store
from nlpkit.graph.suggesting import Suggestion, suggest
from nlpkit.graph.timing import when
from nlpkit.graph.topics import find_topics
from nlpkit.graph.verifying import faults
from nlpkit.graph.view import View
from nlpkit.graph.vocabulary import knowing
from nlpkit.times import Period
from nlpkit.types import Document


class KnowledgeGraph:
    """Entities and the facts between them, each fact with the sentences that say it, in one file.

    Made by `build`, `open` or `load_file`; closed by `close` or at the end of a `with` block.

    Attributes:
        store: the file, as tables.
        kit: what reads texts and questions; None for a graph opened to look at.
        report: what the build that made this object did.

    """

    def __init__(self, store: Store, kit: Extractor | None = None) -> None:
        self.store = store
        self.kit = kit
        self.report: building.BuildReport | None = None
        self._nx: tuple[int, networkx.MultiDiGraph] | None = None
        self._endpoint = sparql.Endpoint(store)
        self._drop: Callable[[], object] = store.close

    @classmethod
    def build(
        cls,
        sources: Sources,
        kit: Extractor,
        path: str | Path | None = None,
        *,
        progress: Callable[[building.Progress], None] | None = None,
        again: bool = False,
    ) -> Self:
        """Read texts into a graph; run again, it goes on where it stopped, and does what changed.

        Args:
            sources: .txt, .md and .jsonl files, folders of them, "-" for standard input, Documents.
            kit: reads the texts: `nlpkit.load()`.
            path: the graph's file; None for one that is gone once closed.
            progress: called after every document.
            again: read those documents alone that are in the graph and were read by other adapters.

        Raises:
            InputError: a source named here cannot be used.
            StoreBusyError: another process is writing to this graph.
            StoreError: the file is no graph, or there is no room left; what was written stays.

        """
        graph, new = cls._made(path, kit)
        try:
            graph.report = building.build(graph.store, sources, kit, progress, again=again)
        except BaseException:
            graph._abandon(new)
            raise
        return graph

    @classmethod
    def estimate(
        cls, sources: Sources, kit: Extractor, path: str | Path | None = None, *, again: bool = False
    ) -> building.Estimate:
        """Tell what `build` would do with the same arguments, and how long it would read; nothing is written.

        Raises:
            InputError: a source named here cannot be used.
            StoreError: the file is no graph.

        """
        with cls._made(path if path and Path(path).exists() else None, kit)[0] as graph:
            return building.estimate(graph.store, sources, kit, again=again)

    @classmethod
    def load_file(
        cls,
        source: str | Path,
        path: str | Path | None = None,
        kit: Extractor | None = None,
        columns: Sequence[str] = triples.COLUMNS,
    ) -> Self:
        """Add triples (.tsv, .txt), node-link .json, .graphml or RDF (.ttl, .nt...) to a graph, made if need be.

        `columns` says what the columns of triples are, where they are others (see `imports.load_file`).

        Raises:
            InputError: the file is missing, broken or of another kind; the graph is as it was before.

        """
        graph, new = cls._made(path, kit)
        try:
            imports.load_file(graph.store, source, columns)
        except BaseException:
            graph._abandon(new)
            raise
        return graph

    @classmethod
    def open(cls, path: str | Path, kit: Extractor | None = None) -> Self:
        """Open a graph that is there; `kit` is needed for asking only.

        Raises:
            StoreError: there is none, or it was written by a newer version.

        """
        return cls(Store(path), kit)

    @classmethod
    def _made(cls, path: str | Path | None, kit: Extractor | None) -> tuple[Self, bool]:
        if path is not None:
            new = not Path(path).exists()
            return cls(Store(path, create=True), kit), new
        folder = tempfile.mkdtemp(prefix="nlpkit-")
        graph = cls(Store(Path(folder, "graph.kg"), create=True), kit)
        graph._drop = weakref.finalize(graph, _dropped, graph.store, folder)
        return graph, True

    def _abandon(self, new: bool) -> None:
        """Close after a failure; a file made for nothing is taken away again."""
        unused = new and self.store.count("document") == 0
        self.close()
        if unused:
            self.store.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file; a graph without a path is gone."""
        self._drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Changing it

    def add(self, document: Document, *, revision: str = "") -> bool:
        """Add a Document with its results, in place of what stood under its id; False if it is there just so.

        Args:
            document: as a kit returns it, with an id.
            revision: the adapters that read it; the kit's, if there is one and nothing is said.

        Raises:
            InputError: the document has no id, or a relation whose entity is in no chain.
            StoreError: no room left; the graph is as it was before.

        """
        if not document.id:
            raise InputError(
                "the document has no id to be found by; give it one: dataclasses.replace(document, id='...')"
            )
        digest = content_hash(document)
        if self.store.hash_of(document.id) == digest:
            return False
        domain = domain_of(self.kit)
        document = with_chains(document, domain)
        contexts = contexts_of([document], self.kit)[0] if self.kit else None
        revision = revision or (self.kit.revision if self.kit else "")
        add_document(self.store, document, digest, revision=revision, contexts=contexts, domain=domain)
        return True

    def remove(self, *document_ids: str) -> None:
        """Take documents out, with every fact and node that only they supported: all of them, or none.

        Raises:
            GraphError: there is no such document.

        """
        with self.store.transaction():
            for document in document_ids:
                Ledger(self.store).remove_document(document)

    def copy(self, path: str | Path) -> None:
        """Write the graph, as it is now, to another file.

        Raises:
            StoreError: something is there already, or there is no room.

        """
        self.store.copy(Path(path))

    def join(
        self, other: KnowledgeGraph, *, theirs: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> joining.Joined:
        """Take the documents of another graph in, its entities linked to those known here; see `nlpkit.graph.joining`.

        Raises:
            GraphError: both are one file, or were read with different backbones.
            StoreError: no room left; what was written stays.

        """
        return joining.join(self.store, other.store, theirs=theirs, domain=domain_of(self.kit), progress=progress)

    def undo(self, merge_id: int) -> None:
        """Split a merged entity of one document off again, for as long as that document does not change.

        Raises:
            GraphError: there is no such merge, or it was undone before.

        """
        with self.store.transaction():
            Ledger(self.store).undo_merge(merge_id)

    # Looking at it

    def nodes(self) -> Iterator[Node]:
        """Go through the entities by id."""
        return self.store.nodes()

    def facts(self) -> Iterator[Fact]:
        """Go through the facts in the order of their making."""
        return self.store.facts()

    def documents(self) -> Iterator[str]:
        """Go through the documents' ids in the order of their adding."""
        return self.store.documents()

    def merges(self) -> list[Merge]:
        """Return every entity of a document that was taken for one known before, with the reason."""
        return self.store.merges()

    @property
    def nx(self) -> networkx.MultiDiGraph:
        """The graph as a `networkx.MultiDiGraph`; see `nlpkit.graph.networks.to_networkx`.

        Made once for every state of the store: copy it before changing it.
        """
        version = self.store.version
        if self._nx is None or self._nx[0] != version:
            self._nx = (version, networks.to_networkx(self.store))
        return self._nx[1]

    def at(self, time: str) -> Snapshot:
        """Return the graph as it was at a time, as far as the texts say it.

        Args:
            time: "1905", "June 1905", "the 1990s", "1905-06-30", "1901/1905".

        Raises:
            InputError: that is no time with a year.

        """
        return Snapshot(self, when(time))

    def differences(self, other: KnowledgeGraph) -> list[Difference]:
        """Return what another graph has more, less or otherwise than this one."""
        return list(differences(self.store, other.store))

    def faults(self) -> list[str]:
        """Return what is wrong with the file: rows that belong to nothing or wrong sums; [] if it is whole."""
        return list(faults(self.store))

    def check(self) -> list[Conflict]:
        """Return the facts that cannot all be true, by what is known of relations (the kit's domain included)."""
        with knowing(domain_of(self.kit)):
            return list(conflicts(self.store))

    def link(self, catalogue: Catalogue) -> dict[int, Link]:
        """Return which row of a catalogue each entity is, by node id; see `nlpkit.graph.linking`."""
        return catalogue.link_graph(self.store)

    def suggest(
        self,
        *,
        relation: str | None = None,
        least: float = 0.5,
        support: int = 3,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Suggestion]:
        """Return facts that the graph does not say and that its own rules make likely; see `nlpkit.graph.suggesting`.

        Raises:
            GraphError: there is no such relation.

        """
        with knowing(domain_of(self.kit)):
            return suggest(self.store, relation=relation, least=least, support=support, progress=progress)

    def summary(self) -> draw.Summary:
        """Return what there is: counts, types, relations by frequency, the most connected entities."""
        return draw.summary(self.store)

    # Asking it

    def ask(
        self,
        question: str,
        *,
        topics: Sequence[str] | None = None,
        threshold: float = asking.THRESHOLD,
        at: Period | None = None,
        documents: Any = None,
    ) -> GraphAnswer:
        """Answer a question from the facts, else from documents where some are given, or abstain.

        Args:
            question: in words; names of entities may stand in [brackets].
            topics: the names of its entities, where they are known.
            threshold: abstain where the plan is less sure than this.
            at: answer from what held within this period.
            documents: texts, Documents, or an index of them (`kit.index`), where what the graph does not say is looked
                for; the answer's `source` says which it came from. The kit needs a task that answers questions.

        Raises:
            GraphError: the graph was opened without a kit, or with one that cannot search documents.

        """
        with knowing(domain_of(self.kit)):
            answer = asking.ask(self.store, self._reader(), question, topics, threshold=threshold, at=at)
        if documents is None or not answer.abstained:
            return answer
        return read_beside(answer, self._reader(), documents)

    def plan(self, question: str, *, topics: Sequence[str] | None = None) -> list[asking.RankedPlan]:
        """Return the plans for a question, best first, without walking them.

        Raises:
            GraphError: the graph was opened without a kit.

        """
        with knowing(domain_of(self.kit)):
            return asking.plans(self.store, self._reader(), question, topics)

    def as_query(self, plan: Plan, language: str) -> str:
        """Return a plan in Cypher or SPARQL, over what `export` writes; see `nlpkit.graph.queries`.

        Raises:
            InputError: another language.

        """
        if language not in ("cypher", "sparql"):
            raise InputError(f"no queries in {language!r}; allowed: cypher, sparql")
        return to_cypher(plan) if language == "cypher" else to_sparql(plan, self.store.properties())

    def lessons(self, documents: Sequence[Document]) -> list[Document]:
        """Return what questions with answers teach of this graph; see `nlpkit.graph.learning.lessons`.

        Raises:
            GraphError: the graph was opened without a kit.

        """
        with knowing(domain_of(self.kit)):
            source = View(self.store)
            walker = Walker(source, [node.id for node in self.store.nodes()])
            return lessons(documents, source, walker, self._reader())

    def named(self, text: str) -> list[Node]:
        """Return the entities that a text names, in the order of the text; of namesakes the most mentioned.

        Raises:
            QuestionError: the text has no word, or far too many.
            GraphError: the graph was opened without a kit.

        """
        with knowing(domain_of(self.kit)):
            return [topic.nodes[0] for topic in find_topics(text, View(self.store), self._reader()).topics]

    def node(self, node_id: int) -> Node:
        """Return an entity by its id."""
        return self.store.node(node_id)

    def _reader(self) -> Extractor:
        if self.kit is None:
            raise GraphError(
                f"{str(self.store.path)!r} was opened without a kit, and questions need one; "
                "open it with kit=nlpkit.load()"
            )
        return self.kit

    # Taking it elsewhere

    def query(self, sparql_query: str) -> sparql.Solutions:
        """Ask in SPARQL, over what the Turtle export holds; see `nlpkit.graph.sparql.Endpoint`.

        Raises:
            InputError: the query is broken, or asks another server.
            MissingExtraError: pyoxigraph is not installed (extra `sparql`).

        """
        return self._endpoint.query(sparql_query)

    def export(self, path: str | Path) -> None:
        """Write the graph in the format that the name ends in, each also with .gz; see `nlpkit.graph.export.export`.

        Raises:
            InputError: the ending is another, or the file cannot be written.

        """
        export.export(self.store, path)

    def to_html(self, path: str | Path, *, limit: int = draw.LIMIT) -> None:
        """Write one self-contained page that shows the graph, at most its `limit` most connected entities.

        Raises:
            InputError: the file cannot be written.

        """
        draw.to_html(self.store, path, limit=limit)


def _dropped(store: Store, folder: str) -> None:
    store.close()
    shutil.rmtree(folder, ignore_errors=True)
