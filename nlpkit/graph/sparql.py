"""SPARQL over a graph, by pyoxigraph (extra `sparql`), on the triples that `rdf` writes."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpkit.errors import InputError, MissingExtraError
from nlpkit.graph.rdf import PREFIXES, write_ntriples
from nlpkit.graph.store import Store

if TYPE_CHECKING:
    import pyoxigraph as ox

_QUOTED = re.compile(r"""<[^<>"{}|^`\\\s]*>|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\#[^\n]*""", re.DOTALL)
"""What is no keyword in a query: IRIs, strings and comments."""
_SERVICE = re.compile(r"(?<![\w:?$-])service(?![\w:-])", re.IGNORECASE)
_READ: dict[str, Callable[[str], Any]] = {
    "integer": int,
    "double": float,
    "decimal": float,
    "boolean": lambda text: text in ("true", "1"),
}


@dataclass(frozen=True, slots=True)
class Solutions:
    """What a query found: for `SELECT` the variables and a row each, for `CONSTRUCT` triples, for `ASK` one value.

    Values are plain texts, numbers and truth values; IRIs stand with their prefix ("wdt:P19") or in angle brackets;
    None is what a row leaves open.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Endpoint:
    """Answers queries over a graph: over what its Turtle export holds, whose prefixes are all known.

    The triples are loaded at the first query and again after the graph changed. Nothing is fetched from the network.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loaded: tuple[int, ox.Store] | None = None

    def query(self, text: str) -> Solutions:
        """Answer a query in SPARQL 1.1.

        Raises:
            InputError: the query is broken, or asks another server.
            MissingExtraError: pyoxigraph is not installed.

        """
        try:
            import pyoxigraph as ox
        except ImportError as e:
            raise MissingExtraError("pyoxigraph", "sparql") from e
        if _SERVICE.search(_QUOTED.sub(" ", text)):
            raise InputError("SERVICE asks another server, and only this graph is asked; leave it out")
        try:
            ox.Store().query(text, prefixes=PREFIXES)  # so that a broken query is refused before anything is loaded
            return _solutions(self._triples().query(text, prefixes=PREFIXES))
        except (SyntaxError, ValueError, OSError, RuntimeError) as e:
            raise InputError(f"the query cannot be answered: {e}; see https://www.w3.org/TR/sparql11-query/") from e

    def _triples(self) -> ox.Store:
        import pyoxigraph as ox

        version = self._store.version
        if self._loaded is None or self._loaded[0] != version:
            held = ox.Store()
            with tempfile.TemporaryDirectory(prefix="nlpkit-") as folder:
                file = Path(folder, "graph.nt")
                with file.open("wb") as raw:
                    write_ntriples(self._store, raw)
                held.bulk_load(path=file, format=ox.RdfFormat.N_TRIPLES)
            self._loaded = (version, held)
        return self._loaded[1]


def _solutions(found: Any) -> Solutions:
    import pyoxigraph as ox

    if isinstance(found, ox.QueryBoolean):
        return Solutions(("answer",), [(bool(found),)])
    if isinstance(found, ox.QueryTriples):
        triples = [(_plain(t.subject), _plain(t.predicate), _plain(t.object)) for t in found]
        return Solutions(("subject", "predicate", "object"), triples)
    columns = tuple(variable.value for variable in found.variables)
    return Solutions(columns, [tuple(map(_plain, row)) for row in found])


def _plain(term: Any) -> Any:
    import pyoxigraph as ox

    if isinstance(term, ox.Literal):
        kind = term.datatype.value.removeprefix(PREFIXES["xsd"])
        return _READ.get(kind, str)(term.value)
    if isinstance(term, ox.NamedNode):
        for prefix, namespace in PREFIXES.items():
            if term.value.startswith(namespace):
                return f"{prefix}:{term.value.removeprefix(namespace)}"
        return f"<{term.value}>"
    return None if term is None else str(term)
