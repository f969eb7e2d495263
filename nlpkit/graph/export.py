"""The graph as files: node-link JSON, GraphML, GEXF, RDF, Neo4j, TSV triples.

JSON, GraphML and RDF hold everything and come back the same through `imports`. TSV holds the triples alone.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import networkx as nx

from nlpkit.errors import InputError
from nlpkit.graph import neo4j, rdf
from nlpkit.graph.networks import to_networkx
from nlpkit.graph.store import Store

LISTS = ("aliases", "evidence")
"""The attributes that hold lists; GraphML has them as JSON."""

# XML 1.0 has no way to write these. Written as in Office Open XML (ECMA-376, part 1, 22.9.2.19): _xHHHH_.
_NOT_XML = re.compile("_(?=x)|[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")
_ESCAPED = re.compile("_x([0-9A-F]{4})_")


def export(store: Store, path: str | Path) -> None:
    """Write the graph to a file, whose name says in which format; each also with .gz.

    .json (node-link), .graphml, .gexf, .ttl (Turtle), .nt (N-Triples), .jsonld (JSON-LD), .cypher (a script), .zip
    (Neo4j's tables), .tsv or .txt (triples).

    The file is there whole or not at all. In TSV, tabs and line breaks within names become spaces.

    Raises:
        InputError: the ending is another, or the file cannot be written.

    """
    target = Path(path)
    write = _WRITERS.get(ending(target))
    if write is None:
        raise InputError(
            f"{str(target)!r}: no format ends in {target.suffix!r}; known: {', '.join(_WRITERS)}, also .gz"
        )
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with _opened(part, zipped=target.suffix.lower() == ".gz") as file:
            write(store, file)
        part.replace(target)
    except OSError as e:
        raise InputError(
            f"cannot write {str(target)!r}: {e.strerror}; give a path in a folder that can be written"
        ) from e
    finally:
        part.unlink(missing_ok=True)


def ending(path: Path) -> str:
    """Return what a file's name ends in, ".gz" left out."""
    return (path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower()


@contextmanager
def _opened(path: Path, *, zipped: bool) -> Iterator[io.BufferedIOBase]:
    with path.open("wb") as file:
        if not zipped:
            yield file
            return
        with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:  # no name, no time: same graph, same bytes
            yield packed


def _write_json(store: Store, file: io.BufferedIOBase) -> None:
    data = nx.node_link_data(to_networkx(store), edges="edges")
    for chunk in json.JSONEncoder(ensure_ascii=False, allow_nan=False).iterencode(data):
        file.write(chunk.encode())


def _write_graphml(store: Store, file: io.BufferedIOBase) -> None:
    nx.write_graphml(_flattened(store), file, encoding="utf-8")


def _write_gexf(store: Store, file: io.BufferedIOBase) -> None:
    graph = _flattened(store)
    for node, held in graph.nodes(data=True):
        held["label"] = held.get("name", str(node))
    nx.write_gexf(graph, file, encoding="utf-8")


def _flattened(store: Store) -> nx.MultiDiGraph:
    """Return the graph with attributes that XML can hold."""
    graph = nx.MultiDiGraph()
    source = to_networkx(store)
    graph.add_nodes_from((node, _flat(held)) for node, held in source.nodes(data=True))
    for number, (subject, object_, relation, held) in enumerate(source.edges(keys=True, data=True)):
        # Ids of edges differ over the whole file, so the relation is an attribute.
        graph.add_edge(subject, object_, f"e{number}", **_flat({"relation": relation, **held}))
    return graph


def _flat(held: dict[str, Any]) -> dict[str, Any]:
    """Return attributes as GraphML can hold them: lists as JSON, no None, no character that XML lacks."""
    flat = {name: json.dumps(value, ensure_ascii=False) if name in LISTS else value for name, value in held.items()}
    return {
        name: xml_escaped(value) if isinstance(value, str) else value
        for name, value in flat.items()
        if value is not None
    }


def xml_escaped(text: str) -> str:
    r"""Write characters that XML 1.0 cannot hold as `_xHHHH_` ("\x01" is "_x0001_"), and "_x" as "_x005F_x"."""
    return _NOT_XML.sub(lambda match: f"_x{ord(match[0]):04X}_", text)


def xml_unescaped(text: str) -> str:
    """Undo `xml_escaped`."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)


def _write_triples(store: Store, file: io.BufferedIOBase) -> None:
    names = {node.id: _one_line(node.name) for node in store.nodes()}
    for fact in store.facts():
        file.write(f"{names[fact.subject]}\t{_one_line(fact.relation)}\t{names[fact.object]}\n".encode())


def _one_line(name: str) -> str:
    return " ".join(name.split())


_WRITERS: dict[str, Callable[[Store, io.BufferedIOBase], None]] = {
    ".json": _write_json,
    ".graphml": _write_graphml,
    ".gexf": _write_gexf,
    ".ttl": rdf.write_turtle,
    ".nt": rdf.write_ntriples,
    ".jsonld": rdf.write_jsonld,
    ".cypher": neo4j.write_cypher,
    ".zip": neo4j.write_tables,
    ".tsv": _write_triples,
    ".txt": _write_triples,
}
