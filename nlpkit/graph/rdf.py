"""The graph as RDF: Turtle, N-Triples and JSON-LD, written as it is read from the store.

A fact is a triple; its predicate is the Wikidata property (`wdt:P19`) where there is one. The same triple is reified
(`rdf:Statement`), so that a score and evidence can be said of it: `prov:wasDerivedFrom` names strings of documents as
NIF 2.0 describes them (Hellmann et al. 2013). What has no IRI of its own gets one that begins with `urn:nlpkit:`.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

from nlpkit.graph.networks import evidence_of
from nlpkit.graph.records import Fact, Node
from nlpkit.graph.store import Store

PREFIXES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "prov": "http://www.w3.org/ns/prov#",
    "nif": "http://persistence.uni-leipzig.org/nlp2rdf/ontologies/nif-core#",
    "itsrdf": "http://www.w3.org/2005/11/its/rdf#",
    "wdt": "http://www.wikidata.org/prop/direct/",
    "node": "urn:nlpkit:node:",
    "type": "urn:nlpkit:type:",
    "relation": "urn:nlpkit:relation:",
    "fact": "urn:nlpkit:fact:",
    "document": "urn:nlpkit:document:",
    "nlpkit": "urn:nlpkit:vocabulary:",
}
PROPERTY = re.compile(r"P[1-9]\d*")
"""What a Wikidata property is called."""

_SIMPLE = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_%-]*)")
"""Local names that Turtle takes after a prefix without escapes."""
_ESCAPES = {ord(mark): f"\\u{ord(mark):04X}" for mark in map(chr, (*range(32), 127))} | {
    ord("\\"): "\\\\", ord('"'): '\\"', ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t"
}  # fmt: skip


class Iri(NamedTuple):
    """An IRI: the prefix of its namespace, and the rest."""

    prefix: str
    local: str

    @property
    def whole(self) -> str:
        """The IRI without a prefix."""
        return PREFIXES[self.prefix] + self.local

    @property
    def short(self) -> str:
        """The IRI with its prefix."""
        return f"{self.prefix}:{self.local}"


_Value = Iri | str | int | float
_Subject = tuple[Iri, list[tuple[Iri, _Value]]]
_TYPE = Iri("rdf", "type")


def iri(name: str) -> Iri:
    """Return the IRI that is written so with its prefix: "rdfs:label"."""
    return Iri(*name.split(":", 1))


def write_turtle(store: Store, file: io.BufferedIOBase) -> None:
    """Write the graph as Turtle 1.1."""
    for prefix, namespace in PREFIXES.items():
        file.write(f"@prefix {prefix}: <{namespace}> .\n".encode())
    for subject, said in _subjects(store):
        pairs = " ;\n    ".join(f"{turtle(predicate)} {turtle(value)}" for predicate, value in said)
        file.write(f"\n{turtle(subject)} {pairs} .\n".encode())


def write_ntriples(store: Store, file: io.BufferedIOBase) -> None:
    """Write the graph as N-Triples."""
    for subject, said in _subjects(store):
        for predicate, value in said:
            file.write(f"<{subject.whole}> <{predicate.whole}> {_ntriples(value)} .\n".encode())


def write_jsonld(store: Store, file: io.BufferedIOBase) -> None:
    """Write the graph as JSON-LD 1.1, one object a subject; its context stands in the file."""
    context = json.dumps({prefix: {"@id": iri, "@prefix": True} for prefix, iri in PREFIXES.items()})
    file.write(f'{{"@context": {context},\n"@graph": ['.encode())
    between = "\n"
    for subject, said in _subjects(store):
        plain: dict[str, Any] = {"@id": subject.short}
        for predicate, value in said:
            if predicate == _TYPE:
                plain.setdefault("@type", []).append(value.short if isinstance(value, Iri) else value)
            else:
                plain.setdefault(predicate.short, []).append(_json(value))
        file.write(f"{between}{json.dumps(plain, ensure_ascii=False)}".encode())
        between = ",\n"
    file.write(b"\n]}\n")


def _json(value: _Value) -> Any:
    match value:
        case Iri():
            return {"@id": value.short}
        case float():
            # JSON has one kind of number, of which JSON-LD makes an integer where nothing follows the point.
            return {"@value": repr(value), "@type": "xsd:double"}
        case _:
            return value


def turtle(value: _Value) -> str:
    """Return a term as Turtle and SPARQL write it."""
    if isinstance(value, Iri):
        return value.short if _SIMPLE.fullmatch(value.local) else f"<{value.whole}>"
    return (
        str(value) if isinstance(value, int) else _ntriples(value).replace(f"<{PREFIXES['xsd']}double>", "xsd:double")
    )


def _ntriples(value: _Value) -> str:
    match value:
        case Iri():
            return f"<{value.whole}>"
        case str():
            return f'"{value.translate(_ESCAPES)}"'
        case int():
            return f'"{value}"^^<{PREFIXES["xsd"]}integer>'
        case float():
            return f'"{value!r}"^^<{PREFIXES["xsd"]}double>'


def _subjects(store: Store) -> Iterator[_Subject]:
    """Go through what is said: of entities, of relations, of facts and of their evidence."""
    for node in store.nodes():
        yield _node(node)
    named: set[str] = set()
    for number, (fact, evidence) in enumerate(zip(store.facts(), evidence_of(store), strict=True), 1):
        predicate = predicate_of(fact)
        if fact.relation not in named:
            named.add(fact.relation)
            yield predicate, [(iri("rdfs:label"), fact.relation)]
        yield from _fact(number, fact, predicate, evidence)


def predicate_of(fact: Fact) -> Iri:
    """Return the predicate of a fact: its Wikidata property, or one made from the name of its relation."""
    if fact.property and PROPERTY.fullmatch(fact.property):
        return Iri("wdt", fact.property)
    return Iri("relation", quote(fact.relation, safe=""))


def _node(node: Node) -> _Subject:
    said: list[tuple[Iri, _Value]] = [(iri("rdfs:label"), node.name)]
    said += [(iri("skos:altLabel"), alias) for alias in node.aliases]
    if node.type:
        said.append((_TYPE, Iri("type", quote(node.type, safe=""))))
    said.append((iri("nlpkit:count"), node.count))
    return Iri("node", str(node.id)), said


def _fact(number: int, fact: Fact, predicate: Iri, evidence: list[dict[str, Any]]) -> Iterator[_Subject]:
    subject, object_ = Iri("node", str(fact.subject)), Iri("node", str(fact.object))
    yield subject, [(predicate, object_)]
    places = [Iri("fact", f"{number}-{place}") for place in range(1, len(evidence) + 1)]
    said: list[tuple[Iri, _Value]] = [
        (_TYPE, iri("rdf:Statement")),
        (iri("rdf:subject"), subject),
        (iri("rdf:predicate"), predicate),
        (iri("rdf:object"), object_),
        (iri("rdfs:label"), fact.relation),
    ]
    if fact.property and predicate.prefix != "wdt":
        said.append((iri("nlpkit:property"), fact.property))
    if fact.score is not None:
        said.append((iri("itsrdf:taConfidence"), fact.score))
    yield Iri("fact", str(number)), [*said, *((iri("prov:wasDerivedFrom"), place) for place in places)]
    for place, held in zip(places, evidence, strict=True):
        yield place, _evidence(held)


def _evidence(held: dict[str, Any]) -> list[tuple[Iri, _Value]]:
    said: list[tuple[Iri, _Value]] = [
        (_TYPE, iri("nif:String")),
        (iri("nif:referenceContext"), Iri("document", quote(held["document"], safe=""))),
        (iri("nif:beginIndex"), held["start"]),
        (iri("nif:endIndex"), held["end"]),
        (iri("nif:anchorOf"), held["text"]),
    ]
    if held["score"] is not None:
        said.append((iri("itsrdf:taConfidence"), held["score"]))
    if held["time"]:
        said.append((iri("nlpkit:time"), held["time"]))
    if held["revision"]:
        said.append((iri("nlpkit:revision"), held["revision"]))
    return said
