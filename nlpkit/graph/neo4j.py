"""The graph for Neo4j: a Cypher script, and the tables that `neo4j-admin database import` takes."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterable, Sequence
from typing import Any

from nlpkit.graph.networks import evidence_of
from nlpkit.graph.store import Store

NODES = ("id:ID", "name", "type", "aliases", "count:int", ":LABEL")
FACTS = (":START_ID", ":END_ID", ":TYPE", "property", "score:double", "evidence")
"""The columns of the two tables; `aliases` and `evidence` are JSON."""

_ENTITY = "Entity"
_QUOTED = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]")


def write_cypher(store: Store, file: io.BufferedIOBase) -> None:
    """Write statements that make the graph, one a line: for `cypher-shell`, or anything else that speaks openCypher.

    Every node has the label `Entity` and its type. Evidence is a list of JSON texts, as properties hold no maps.
    """
    file.write(f"CREATE INDEX entity_id IF NOT EXISTS FOR (n:{_ENTITY}) ON (n.id);\n".encode())
    for node in store.nodes():
        held = {"id": node.id, "name": node.name, "type": node.type, "aliases": list(node.aliases), "count": node.count}
        labels = "".join(f":{named(label)}" for label in (_ENTITY, node.type) if label)
        file.write(f"CREATE ({labels} {_map(held)});\n".encode())
    for fact, said in zip(store.facts(), evidence_of(store), strict=True):
        evidence = [json.dumps(one, ensure_ascii=False) for one in said]
        held = {"property": fact.property, "score": fact.score, "evidence": evidence}
        file.write(
            f"MATCH (a:{_ENTITY} {{id: {fact.subject}}}), (b:{_ENTITY} {{id: {fact.object}}}) "
            f"CREATE (a)-[:{named(fact.relation)} {_map(held)}]->(b);\n".encode()
        )


def named(name: str) -> str:
    r"""Return a label or a type of relation as Cypher takes any name: in backticks.

    Backslashes are written as `\u005C`, as before a `u` they would begin a character's number, and so are line breaks.
    """
    return f"`{_UNSAFE.sub(_numbered, name).replace('`', '``')}`"


def _numbered(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04X}"


def _map(held: dict[str, Any]) -> str:
    return f"{{{', '.join(f'{key}: {literal(value)}' for key, value in held.items() if value is not None)}}}"


def literal(value: Any) -> str:
    """Return a value as Cypher writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    return f"'{value.translate(_QUOTED)}'" if isinstance(value, str) else repr(value)


def write_tables(store: Store, file: io.BufferedIOBase) -> None:
    """Write a zip with `nodes.csv` and `relationships.csv`, whose headers say what the columns are.

    `neo4j-admin database import full --nodes=nodes.csv --relationships=relationships.csv --multiline-fields=true`.
    """
    nodes = (
        (n.id, n.name, n.type, _json(list(n.aliases)), n.count, ";".join(filter(None, (_ENTITY, _label(n.type)))))
        for n in store.nodes()
    )
    facts = (
        (f.subject, f.object, f.relation, f.property, f.score, _json(said))
        for f, said in zip(store.facts(), evidence_of(store), strict=True)
    )
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, columns, rows in (("nodes.csv", NODES, nodes), ("relationships.csv", FACTS, facts)):
            # No time: the same graph gives the same bytes.
            with archive.open(zipfile.ZipInfo(name), "w") as raw, io.TextIOWrapper(raw, "utf-8", newline="") as text:
                _write_rows(text, columns, rows)


def _write_rows(file: io.TextIOBase, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    writer = csv.writer(file)
    writer.writerow(columns)
    writer.writerows(rows)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _label(type_: str) -> str:
    """Return a type as one label of several, between which stands a semicolon."""
    return type_.replace(";", ",")
