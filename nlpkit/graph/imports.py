"""Files of graphs into a store: triples, node-link JSON, GraphML, RDF. A file becomes a document of kind "import"."""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from xml.etree.ElementTree import ParseError

import networkx as nx

from nlpkit.errors import DataError, InputError
from nlpkit.graph.export import LISTS, ending, xml_unescaped
from nlpkit.graph.ledger import Ledger, NewChain, NewEvidence
from nlpkit.graph.reading_rdf import FORMATS, read_rdf
from nlpkit.graph.sources import decoded
from nlpkit.graph.store import Store
from nlpkit.graph.triples import COLUMNS, SAME_NAME, load_triples, same_name, time_of

_GRAPHS = (".json", ".graphml", *FORMATS)
_TRIPLES = (".tsv", ".txt", ".csv", "")
_KNOWN = (".tsv", ".txt", *_GRAPHS)


def load_file(store: Store, source: str | Path, columns: Sequence[str] = COLUMNS) -> bool:
    """Add a file of triples, a node-link JSON, GraphML or RDF file; each also with .gz, or as FILE.tar.gz#NAME.

    Between the columns of triples stands a tab, "###", "|||" or "|", as the first line has it. All in one transaction.
    Names are exact: a node is taken for one that the store has if name and type are the same (of a triple, which knows
    no types: if the name is), and into an empty store nodes keep their ids. Attributes of nodes and edges that nlpkit
    does not know are left out.

    Args:
        store: where to.
        source: the file.
        columns: what the columns of triples are; "time" says when a fact holds, others are left out.

    Returns:
        False if the same file, unchanged, is in the store already.

    Raises:
        InputError: the file is missing or of another kind, or a column is.
        DataError: a line or part of it is broken; nothing is added.
        StoreError: no room left; the store is as it was before.

    """
    if missing := [name for name in COLUMNS if columns.count(name) != 1]:
        raise InputError(
            f"the columns {', '.join(columns)} have not one {missing[0]!r}; name {', '.join(COLUMNS)} once"
        )
    archive, _, member = str(source).rpartition("#")
    path, member = (Path(archive), member) if archive and not Path(source).exists() else (Path(source), "")
    name, kind = f"{path.name}#{member}" if member else path.name, ending(Path(member or path))
    if kind not in (*_GRAPHS, *_TRIPLES):
        raise InputError(f"{str(path)!r}: no format ends in {kind!r}; known: {', '.join(_KNOWN)}, also .gz")
    try:
        digest = _digest(path)
        with store.writing():
            if store.hash_of(name) == digest:
                return False
            graph = _graph(path, member, kind) if kind in _GRAPHS else None
            with store.transaction():
                ledger = Ledger(store)
                document = ledger.open_document(name, "import", digest, path.stat().st_size, {})
                if graph is None:
                    with store.db.bulk():
                        load_triples(ledger, document, _lines(path, member), str(source), columns)
                else:
                    _load_graph(ledger, document, graph)
    except (EOFError, gzip.BadGzipFile, zlib.error, tarfile.TarError) as e:
        raise DataError(f"{str(path)!r} is no whole .gz or .tar file: {e}; get or write it again") from e
    except OSError as e:
        raise InputError(f"cannot read {str(path)!r}: {e.strerror}; give a file that can be read") from e
    return True


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _opened(path: Path, member: str) -> Iterator[IO[bytes] | gzip.GzipFile]:
    if member:
        with tarfile.open(path) as archive:
            there = [held.name for held in archive.getmembers() if held.isfile()]
            if member not in there:
                raise InputError(f"{path} holds no file {member!r}; it holds: {', '.join(there)}")
            file = archive.extractfile(member)
            assert file is not None
            yield file
    else:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as plain:
            yield plain


def _lines(path: Path, member: str) -> Iterator[bytes]:
    with _opened(path, member) as file:
        yield from file


# Graphs


def _graph(path: Path, member: str, kind: str) -> nx.MultiDiGraph:
    try:
        if kind == ".graphml":
            with _opened(path, member) as file:
                return _restored(nx.read_graphml(file, force_multigraph=True))
        text = decoded(b"".join(_lines(path, member)), str(path))
        if kind in FORMATS:
            return read_rdf(text, kind, f"{path}#{member}" if member else str(path))
        data = json.loads(text)
        edges = "links" if isinstance(data, dict) and "links" in data else "edges"
        return nx.MultiDiGraph(nx.node_link_graph(data, directed=True, multigraph=True, edges=edges))
    except (ParseError, ValueError, KeyError, TypeError, AttributeError, RecursionError, nx.NetworkXError) as e:
        wanted = "GraphML" if kind == ".graphml" else "a node-link JSON object with nodes and edges"
        raise DataError(f"{str(path)!r} is not {wanted}: {type(e).__name__}: {e}; export it again") from e


def _restored(graph: nx.MultiDiGraph) -> nx.MultiDiGraph:
    """Undo what GraphML made of the attributes; an edge that says no relation keeps its id for one."""
    restored = nx.MultiDiGraph()
    restored.add_nodes_from((node, _unflat(held)) for node, held in graph.nodes(data=True))
    for subject, object_, key, held in graph.edges(keys=True, data=True):
        plain = _unflat(held)
        plain.pop("id", None)
        restored.add_edge(subject, object_, plain.pop("relation", plain.pop("label", str(key))), **plain)
    return restored


def _unflat(held: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: xml_unescaped(value) if isinstance(value, str) else value for name, value in held.items()}
    return {name: json.loads(value) if name in LISTS else value for name, value in plain.items()}


def _load_graph(ledger: Ledger, document: int, graph: nx.MultiDiGraph) -> None:
    empty = ledger.store.count("entity") == 0
    chains: dict[Any, int] = {}
    entities: dict[int, int] = {}
    taken: set[int] = set()
    # Nodes that keep their ids come first, so that no new id can stand in their way.
    for place, node in enumerate(sorted(graph, key=lambda key: _node_id(key) is None)):
        chain = _chain(node, graph.nodes[node])
        entity = None if empty else same_name(ledger.store, chain.name, chain.label)
        entity = None if entity in taken else entity
        chains[node] = ledger.add_chain(document, place, chain, entity, _node_id(node) if empty else None)
        if entity is not None:
            ledger.record_merge(chains[node], entity, SAME_NAME, 1.0)
        entities[chains[node]] = ledger.entity_of(chains[node])
        taken.add(entities[chains[node]])
    ledger.add_evidence(document, _said(ledger, graph, chains), entities)


def _node_id(key: object) -> int | None:
    if isinstance(key, int) or (isinstance(key, str) and key.isascii() and key.isdigit() and not key.startswith("0")):
        return int(key) if 0 < int(key) < 1 << 62 else None
    return None


def _chain(key: object, held: Mapping[str, Any]) -> NewChain:
    name = str(held.get("name") or held.get("label") or key)
    aliases = [str(alias) for alias in held.get("aliases") or ()]
    return NewChain(name, str(held.get("type") or ""), dict.fromkeys([name, *aliases], 1), int(held.get("count") or 0))


def _said(ledger: Ledger, graph: nx.MultiDiGraph, chains: Mapping[Any, int]) -> Iterator[NewEvidence]:
    for subject, object_, relation, held in graph.edges(keys=True, data=True):
        row = ledger.relation(str(relation), held.get("property"))
        said = held.get("evidence") or [{"score": held.get("score")}]
        for one in said:
            yield NewEvidence(
                chains[subject],
                row,
                chains[object_],
                int(one.get("start", 0)),
                int(one.get("end", 0)),
                str(one.get("text", "")),
                one.get("score"),
                str(one.get("revision", "")),
                one.get("document"),
                time_of(one.get("time"), f"the edge {subject!r} {relation!r} {object_!r}"),
            )
