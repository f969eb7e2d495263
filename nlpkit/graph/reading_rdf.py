"""RDF files as graphs: Turtle, N-Triples, JSON-LD and RDF/XML, parsed by rdflib (extra `rdf`)."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import networkx as nx

from nlpkit.errors import DataError, MissingExtraError
from nlpkit.graph.rdf import PREFIXES, PROPERTY, iri
from nlpkit.graph.vocabulary import label_of_property

if TYPE_CHECKING:
    from rdflib import Graph
    from rdflib.term import Node as Term

FORMATS = {".ttl": "turtle", ".nt": "nt", ".jsonld": "json-ld", ".rdf": "xml"}
"""What rdflib calls the format of a file with this ending."""

_NAMES = (
    iri("rdfs:label").whole,
    iri("skos:prefLabel").whole,
    "http://schema.org/name",
    "https://schema.org/name",
    "http://xmlns.com/foaf/0.1/name",
)
"""What says the name of a thing, the most telling first."""
_ALIASES = (iri("skos:altLabel").whole, "http://schema.org/alternateName", "https://schema.org/alternateName")
_KIND = iri("rdf:type").whole
_COUNT = iri("nlpkit:count").whole
_DESCRIBING = frozenset({*_NAMES, *_ALIASES, _KIND, _COUNT})
"""Predicates that say what a node is called and of what type, and are no facts."""
_PARTS = ("subject", "predicate", "object")
_PROPERTY = re.compile(rf"https?://www\.wikidata\.org/(?:prop/direct|prop|entity)/({PROPERTY.pattern})")
_Edge = tuple[str, dict[str, Any]]
"""A relation, and what an edge of it holds."""
_TIMES = frozenset({"date", "dateTime", "dateTimeStamp", "gYear", "gYearMonth", "time"})
_NUMBERS = frozenset({"integer", "int", "long", "short", "decimal", "double", "float", "nonNegativeInteger"})


def read_rdf(text: str, kind: str, place: str) -> nx.MultiDiGraph:
    """Return the graph that an RDF file holds, with the attributes that node-link JSON has.

    Every triple is a fact, but those that say names (`rdfs:label`, `skos:prefLabel`, `schema:name`, `foaf:name`,
    `skos:altLabel`) and types. A literal is an entity of its own, of type TIME or NUM where its datatype says so.
    Statements that nlpkit wrote give facts their scores and evidence back.

    Args:
        text: what the file holds.
        kind: the ending of its name, one of `FORMATS`.
        place: what to call it in errors.

    Raises:
        MissingExtraError: rdflib is not installed.
        DataError: the file is broken, or wants something from the network.

    """
    return _Reader(_parsed(text, kind, place)).graph


def _parsed(text: str, kind: str, place: str) -> Graph:
    try:
        from rdflib import Graph
    except ImportError as e:
        raise MissingExtraError("rdflib", "rdf") from e
    if kind == ".jsonld":
        _check_contexts(text, place)
    held = Graph()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # rdflib's own, about what it calls itself
            held.parse(data=text, format=FORMATS[kind])
    except Exception as e:  # broken files stop rdflib's parsers with errors of every kind
        raise DataError(f"{place} is not {FORMATS[kind]}: {_first_line(e)}; mend it, or export it again") from e
    return held


def _check_contexts(text: str, place: str) -> None:
    """Refuse what rdflib would fetch.

    Raises:
        DataError: a context stands elsewhere, or this is no JSON.

    """
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise DataError(f"{place} is not JSON-LD: {e}; mend it, or export it again") from e
    for context in _contexts(plain):
        if isinstance(context, str):
            raise DataError(
                f"{place} has its context at {context!r}, and nothing is fetched; put the context into the file"
            )


def _contexts(plain: Any) -> Iterator[Any]:
    """Go through all contexts in a JSON-LD document, and what they import."""
    waiting = [plain]
    while waiting:
        found = waiting.pop()
        if isinstance(found, Mapping):
            for key, value in found.items():
                if key in ("@context", "@import"):
                    yield from value if isinstance(value, list) else [value]
                waiting.append(value)
        elif isinstance(found, list):
            waiting += found


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return " ".join(lines[:2])[:200]


class _Reader:
    """Makes a networkx graph of an rdflib one."""

    def __init__(self, held: Graph) -> None:
        self._held = held
        self.graph = nx.MultiDiGraph()
        statements = dict(self._statements())
        predicates = set(held.predicates())
        for subject in sorted(set(held.subjects()), key=str):
            if not _is_ours(subject) and (subject not in predicates or self._says_facts(subject)):
                self._node(subject)
        for subject, predicate, object_ in held:
            if str(predicate) in _DESCRIBING or _is_ours(subject):
                continue
            ends = [self._node(end) for end in (subject, object_)]
            for relation, said in statements.get((subject, predicate, object_)) or [self._plain(predicate)]:
                self.graph.add_edge(*ends, relation, **said)

    def _values(self, term: Term, *predicates: str) -> Iterator[Term]:
        """Go through what these predicates give a thing."""
        from rdflib import URIRef

        for predicate in predicates:
            yield from self._held.objects(term, URIRef(predicate))

    def _one(self, term: Term, name: str) -> Any:
        """Return the one value that a predicate gives, as Python has it; None where there is none."""
        return next((v.toPython() for v in self._values(term, iri(name).whole) if hasattr(v, "toPython")), None)

    def _names(self, term: Term, predicate: str) -> list[str]:
        """Return the names that a predicate gives: those without a language first, then English ones, then others."""
        found = [v for v in self._values(term, predicate) if str(v).strip()]
        languages = {v: getattr(v, "language", None) or "" for v in found}
        rank = {v: (bool(lang), not lang.startswith("en"), lang) for v, lang in languages.items()}
        return [str(v) for v in sorted(found, key=lambda v: (rank[v], str(v)))]

    def _name(self, term: Term) -> str:
        return next((names[0] for predicate in _NAMES if (names := self._names(term, predicate))), "")

    def _says_facts(self, term: Term) -> bool:
        return any(str(predicate) not in _DESCRIBING for predicate in self._held.predicates(term))

    def _node(self, term: Term) -> int | str:
        """Put a thing, or a literal, among the nodes, and return its key."""
        from rdflib import Literal

        if isinstance(term, Literal):
            kind = str(term.datatype or "").removeprefix(PREFIXES["xsd"])
            type_ = "TIME" if kind in _TIMES else "NUM" if kind in _NUMBERS else ""
            self.graph.add_node(term.n3(), name=str(term).strip() or "(nothing)", type=type_)
            return str(term.n3())
        own = str(term).removeprefix(PREFIXES["node"])
        key = int(own) if own != str(term) and own.isdecimal() else str(term)
        if key not in self.graph:
            name = self._name(term) or local_name(str(term))
            others = {text for predicate in (*_NAMES, *_ALIASES) for text in self._names(term, predicate)}
            types = sorted(local_name(str(kind)) for kind in self._values(term, _KIND))
            held = {"type": next(iter(types), ""), "aliases": sorted(others - {name})}
            self.graph.add_node(key, name=name, count=self._one(term, "nlpkit:count") or 0, **held)
        return key

    def _plain(self, predicate: Term) -> _Edge:
        """Return what an edge says without a statement about it."""
        property_ = _property(predicate)
        known = label_of_property(property_) if property_ else None
        return self._name(predicate) or known or local_name(str(predicate)), {"property": property_}

    def _statements(self) -> Iterator[tuple[tuple[Term, ...], list[_Edge]]]:
        """Go through what nlpkit's own statements say of triples."""
        found: dict[tuple[Term, ...], list[_Edge]] = {}
        for statement in filter(_is_ours, set(self._held.subjects())):
            triple = tuple(self._values(statement, *(iri(f"rdf:{part}").whole for part in _PARTS)))
            relation = self._name(statement)
            if len(triple) != len(_PARTS) or not relation:
                continue
            places = self._values(statement, iri("prov:wasDerivedFrom").whole)
            said = {
                "property": _property(triple[1]) or self._one(statement, "nlpkit:property"),
                "score": self._one(statement, "itsrdf:taConfidence"),
                "evidence": [self._evidence(place) for place in sorted(places, key=_number)],
            }
            found.setdefault(triple, []).append((relation, said))
        yield from found.items()

    def _evidence(self, place: Term) -> dict[str, Any]:
        documents = self._values(place, iri("nif:referenceContext").whole)
        return {
            "document": next((local_name(str(document)) for document in documents), None),
            "start": self._one(place, "nif:beginIndex") or 0,
            "end": self._one(place, "nif:endIndex") or 0,
            "text": self._one(place, "nif:anchorOf") or "",
            "score": self._one(place, "itsrdf:taConfidence"),
            "revision": self._one(place, "nlpkit:revision") or "",
            "time": self._one(place, "nlpkit:time"),
        }


def _is_ours(term: Term) -> bool:
    """Say whether a thing is a statement of nlpkit, or evidence of one."""
    return str(term).startswith(PREFIXES["fact"])


def _property(predicate: Term) -> str | None:
    match = _PROPERTY.fullmatch(str(predicate))
    return match[1] if match else None


def _number(place: Term) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", str(place)))


def local_name(whole: str) -> str:
    """Return the last part of an IRI, as words."""
    for prefix in ("type", "relation", "document"):
        if whole.startswith(PREFIXES[prefix]):
            return unquote(whole.removeprefix(PREFIXES[prefix]))
    last = re.split(r"[/#]", whole.rstrip("/#"))[-1]
    return unquote(last).replace("_", " ").strip() or whole
