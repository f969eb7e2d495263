"""The graph as networkx sees it, and as files: node-link JSON, GraphML, TSV triples.

JSON and GraphML hold everything and come back the same through `imports`. TSV holds the triples alone.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import networkx as nx

from nlpkit.errors import InputError
from nlpkit.graph.records import Evidence
from nlpkit.graph.store import Store

LISTS = ("aliases", "evidence")
"""The attributes that hold lists; GraphML has them as JSON."""

# XML 1.0 has no way to write these. Written as in Office Open XML (ECMA-376, part 1, 22.9.2.19): _xHHHH_.
_NOT_XML = re.compile("_(?=x)|[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")
_ESCAPED = re.compile("_x([0-9A-F]{4})_")


def to_networkx(store: Store) -> nx.MultiDiGraph:
    """Return the graph as a `networkx.MultiDiGraph`.

    A node is its id, with name, type, aliases (a list) and count. An edge's key is its relation; it has
    score and property (None where there is none) and evidence (a list of dicts, strongest first).
    """
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(
        (node.id, {"name": node.name, "type": node.type, "aliases": list(node.aliases), "count": node.count})
        for node in store.nodes()
    )
    for fact, said in zip(store.facts(), _evidence(store), strict=True):
        graph.add_edge(
            fact.subject, fact.object, fact.relation, score=fact.score, property=fact.property, evidence=said
        )
    return graph


def _evidence(store: Store) -> Iterator[list[dict[str, Any]]]:
    """Go through the facts in the store's order, giving each one's evidence; none is without."""
    rows = store.db.execute(
        "SELECT fact, COALESCE(origin, document.name), evidence.start, evidence.end, text, evidence.score, revision "
        "FROM evidence JOIN document ON document.id = document ORDER BY fact, evidence.score DESC, evidence.id"
    )
    for _, said in groupby(rows, key=itemgetter(0)):
        yield [evidence_dict(Evidence(*row[1:])) for row in said]


def evidence_dict(evidence: Evidence) -> dict[str, Any]:
    """Return an evidence as an edge of the networkx graph holds it."""
    return {**evidence.to_dict(), "revision": evidence.revision}


def export(store: Store, path: str | Path) -> None:
    """Write the graph to a file: .json (node-link), .graphml, .tsv or .txt (triples), each also with .gz.

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
    graph = nx.MultiDiGraph()
    source = to_networkx(store)
    graph.add_nodes_from((node, _flat(held)) for node, held in source.nodes(data=True))
    for number, (subject, object_, relation, held) in enumerate(source.edges(keys=True, data=True)):
        # GraphML wants edge ids to differ over the whole file, so the relation is an attribute.
        graph.add_edge(subject, object_, f"e{number}", **_flat({"relation": relation, **held}))
    nx.write_graphml(graph, file, encoding="utf-8")


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
    ".tsv": _write_triples,
    ".txt": _write_triples,
}
