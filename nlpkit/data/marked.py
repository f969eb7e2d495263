"""Texts with their entities marked in SGML (IEER), or told by offsets in RDF (NIF)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nlpkit.data.files import content, lines
from nlpkit.data.named import ENTITY
from nlpkit.errors import DataError, MissingExtraError
from nlpkit.types import Document, Entity, Example

MARK = re.compile(r'<b_(\w+) type="([^"]+)"[^>]*>|<e_(\w+)>')
"""The beginning or the end of an entity."""
_TAG = re.compile(rf"{MARK.pattern}|</?[A-Z_]+(?: [^>]*)?>")
_NIF = "http://persistence.uni-leipzig.org/nlp2rdf/ontologies/nif-core#"
_SAME_AS = "http://www.w3.org/2005/11/its/rdf#taIdentRef"


def read_enamex(path: Path) -> Iterator[Example]:
    """Read `<DOC>`s with `<b_enamex type="PERSON">Ann Lee<e_enamex>` in them (NIST IE-ER 1999): one Example each.

    What stands between `<BODY>` and `</BODY>` is read; entities, times and numbers alike are entities,
    and may stand within others.

    Raises:
        DataError: a mark is not closed, or closed without being open; the line is named.

    """
    begin = 0
    document: list[tuple[int, str]] | None = None
    for number, line in lines(path):
        if "<BODY>" in line:
            document, begin = [], number
        elif "</BODY>" in line and document is not None:
            yield _unmarked(path, document)
            document = None
        elif document is not None:
            document.append((number, line))
    if document is not None:
        raise DataError(f"{path}, line {begin}: the <BODY> that begins there has no end; give the whole file")


def _unmarked(path: Path, marked: list[tuple[int, str]]) -> Example:
    """Return the text of some lines without its tags, and the entities that they mark."""
    text, entities, opened = "", list[Entity](), list[tuple[int, str, int]]()
    for number, line in marked:
        at = 0
        for tag in _TAG.finditer(f"{line}\n"):
            text += line[at : tag.start()]
            at = tag.end()
            if tag[1]:
                opened.append((len(text), tag[2], number))
            elif tag[3] and not opened:
                raise DataError(f"{path}, line {number}: {tag[0]!r} ends nothing; mend it there")
            elif tag[3]:
                begin, label, _ = opened.pop()
                if words := text[begin:]:
                    entities.append(Entity(words, begin, len(text), label))
        text += f"{line}\n"[at:]
    if opened:
        _, label, number = opened[0]
        raise DataError(f"{path}, line {number}: the {label} that begins there has no end; mend it there")
    first = marked[0][0] if marked else 0
    source = f"{path.name}:{first}"
    ordered = sorted(dict.fromkeys(entities), key=lambda e: (e.start, -e.end, e.label))
    return Example(Document(text, source, entities=tuple(ordered)), source, first)


def read_nif(path: Path) -> Iterator[Example]:
    """Read texts with entities linked to a catalogue, NIF in Turtle (Hellmann et al. 2013; the N3 collection).

    Entities have no type there; `metadata["links"]` holds the IRI of each, in their order, None for one without.

    Raises:
        DataError: the file is no Turtle, or an entity is not the text at its place.
        MissingExtraError: rdflib is not installed.

    """
    try:
        from rdflib import Graph, URIRef
    except ImportError as e:
        raise MissingExtraError("rdflib", "rdf") from e
    raw = content(path)
    try:
        graph = Graph().parse(data=raw, format="turtle")
    except Exception as e:  # broken files stop rdflib's parser with errors of every kind
        where = f", line {e.lines + 1}" if hasattr(e, "lines") else ""
        raise DataError(f"{path}{where}: not Turtle: {_reason(e)}; mend it there, or give the whole file") from e

    def of(subject: Any, name: str) -> Any:
        return graph.value(subject, URIRef(f"{_NIF}{name}"))

    found = defaultdict[Any, list[tuple[int, int, str, str | None]]](list)
    for mention, context in graph.subject_objects(URIRef(f"{_NIF}referenceContext")):
        places = [of(mention, name) for name in ("beginIndex", "endIndex")]
        if None in places:
            continue
        if not all(str(place).isdecimal() for place in places):
            raise DataError(f"{path}: {mention} stands at {places[0]} to {places[1]}; offsets are numbers, mend them")
        link = graph.value(mention, URIRef(_SAME_AS))
        begin, end = (int(place) for place in places)
        found[context].append((begin, end, str(of(mention, "anchorOf")), str(link) if link else None))
    for context, string in sorted(graph.subject_objects(URIRef(f"{_NIF}isString"))):
        text, marks = str(string), sorted(found[context], key=lambda m: m[:2])
        for begin, end, words, _ in marks:
            if text[begin:end] != words:
                raise DataError(
                    f"{path}: {words!r:.40} is said to stand at {begin} to {end} of {context}, where "
                    f"{text[begin:end]!r:.40} does; mend the offsets"
                )
        entities = tuple(Entity(words, begin, end, ENTITY) for begin, end, words, _ in marks)
        told = {"links": [link for *_, link in marks]}
        yield Example(Document(text, str(context), entities=entities, metadata=told), str(context))


def _reason(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
