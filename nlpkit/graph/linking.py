"""Which row of a catalogue an entity is: a table of one's own (customers, genes, places), or another graph; or none.

Every row that shares a word or a key with one of the entity's names is scored by the best likeness of their names plus
`CONTEXT` times the cosine of what stands around the entity and of the row's name and description. An entity whose best
row scores less than `LEAST` is in the catalogue under no name (NIL).
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz

from nlpkit.errors import DataError, InputError
from nlpkit.graph.adding import contexts_of, with_chains
from nlpkit.graph.records import Embedder
from nlpkit.graph.sources import decoded
from nlpkit.graph.store import Store
from nlpkit.names import blocking_keys, match_names, normalise
from nlpkit.types import Chain, Document

CONTEXT: Final = 1.2
"""Weight of the cosine beside the likeness of names, of which the best is 1. This and `LEAST` were chosen on every
second document of Reuters-128 (`benchmarks/linking.py` reports the others)."""

LEAST: Final = 0.8
"""Score from which on the best row is taken."""

_ALIKE: Final = 0.45
_PART: Final = 0.6
_END: Final = 0.5
_SPELT: Final = 0.7
_NEAR: Final = 0.85
_COMMON: Final = 300
_FACTS: Final = 5
_KEYS: Final = ("id", "name", "aliases", "description", "type")
_KNOWN: Final = (".csv", ".tsv", ".jsonl")


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of a catalogue."""

    id: str
    name: str
    aliases: tuple[str, ...] = ()
    description: str = ""
    type: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The name and the aliases."""
        return (self.name, *self.aliases)


@dataclass(frozen=True, slots=True)
class Link:
    """What an entity is in a catalogue.

    Attributes:
        name: the entity's.
        type: the entity's.
        entry: the row, None where the catalogue does not have it.
        score: of the best row; no probability: likeness of names (at most 1) plus `CONTEXT` times a cosine.

    """

    name: str
    type: str
    entry: Entry | None
    score: float

    def to_dict(self) -> dict[str, Any]:
        """Return the link as plain JSON types."""
        found = None if self.entry is None else self.entry.id
        return {"name": self.name, "type": self.type, "id": found, "score": self.score}


class Catalogue:
    """Rows, found by their names.

    Args:
        entries: the rows.
        embedder: embeds contexts and descriptions (a kit); without one names alone decide.

    Raises:
        DataError: two rows have one id.

    """

    def __init__(self, entries: Iterable[Entry], embedder: Embedder | None = None) -> None:
        self.entries = list(entries)
        self.embedder = embedder
        self._vectors: dict[int, NDArray[np.float32]] = {}
        self._rows: dict[str, set[int]] = defaultdict(set)
        ids = set[str]()
        for row, entry in enumerate(self.entries):
            if entry.id in ids:
                raise DataError(f"two rows of the catalogue have the id {entry.id!r}; give every row its own")
            ids.add(entry.id)
            for name in entry.names:
                for key in _keys(name):
                    self._rows[key].add(row)

    @classmethod
    def read(cls, path: str | Path, embedder: Embedder | None = None) -> Catalogue:
        """Read a table: .csv or .tsv with a heading, or .jsonl.

        Its columns are `id`, `name` and, where there are any, `aliases` (parted by "|"; in JSON a list), `description`
        and `type`; others are left out.

        Raises:
            InputError: the file is missing or of another kind.
            DataError: a row has no id or name, or two have one id; the message names the line.

        """
        return cls(_read(Path(path)), embedder)

    @classmethod
    def of(cls, store: Store, embedder: Embedder | None = None) -> Catalogue:
        """Take the entities of a graph for rows, their ids as text, a few facts as description."""
        nodes = list(store.nodes())
        names = {node.id: node.name for node in nodes}
        told: dict[int, list[str]] = defaultdict(list)
        for fact in store.facts():
            for node, words in (
                (fact.subject, f"{fact.relation} {names[fact.object]}"),
                (fact.object, f"{names[fact.subject]} {fact.relation}"),
            ):
                if len(told[node]) < _FACTS:
                    told[node].append(words)
        entries = (Entry(str(n.id), n.name, n.aliases, "; ".join(told[n.id]), n.type) for n in nodes)
        return cls(entries, embedder)

    def link(self, document: Document) -> list[Link]:
        """Return what each entity of a document is, in the order of its chains."""
        document = with_chains(document)
        contexts = contexts_of([document], self.embedder)[0] if self.embedder else [None] * len(document.chains)
        asked = [
            (_names(chain), chain.label, context) for chain, context in zip(document.chains, contexts, strict=True)
        ]
        return self._linked(asked)

    def link_graph(self, store: Store) -> dict[int, Link]:
        """Return what each entity of a graph is, by node id; all that stands around it counts."""
        contexts = dict(store.contexts())
        nodes = list(store.nodes())
        asked = [((node.name, *node.aliases), node.type, contexts.get(node.id)) for node in nodes]
        return {node.id: link for node, link in zip(nodes, self._linked(asked), strict=True)}

    def _linked(self, asked: Sequence[tuple[Sequence[str], str, NDArray[np.float32] | None]]) -> list[Link]:
        found = [self._candidates(names, label) for names, label, _ in asked]
        self._embed({row for rows in found for row in rows})
        return [
            self._best(names[0], label, rows, context)
            for (names, label, context), rows in zip(asked, found, strict=True)
        ]

    def _candidates(self, names: Sequence[str], label: str) -> dict[int, float]:
        """Return the rows that may be meant, each with the best likeness of its names."""
        rows = set[int]()
        for name in names:
            for key in _keys(name):
                # A word that hundreds of names have tells nothing; a key of the whole name does.
                if len(there := self._rows.get(key, set())) <= _COMMON or not key.startswith("w:"):
                    rows |= there
        found = {}
        for row in rows:
            entry = self.entries[row]
            if not (entry.type and label and entry.type != label):
                likeness = max(_likeness(ours, theirs, label) for ours in names for theirs in entry.names)
                if likeness >= _ALIKE:
                    found[row] = likeness
        return found

    def _embed(self, rows: set[int]) -> None:
        new = sorted(rows - self._vectors.keys())
        if self.embedder and new:
            texts = [
                f"{e.name} ({e.description})" if e.description else e.name for e in map(self.entries.__getitem__, new)
            ]
            self._vectors.update(zip(new, self.embedder.embed(texts), strict=True))

    def _best(self, name: str, label: str, rows: dict[int, float], context: NDArray[np.float32] | None) -> Link:
        best, most = None, 0.0
        for row, likeness in sorted(rows.items()):
            near = 0.0 if context is None or row not in self._vectors else float(context @ self._vectors[row])
            if likeness + CONTEXT * near > most:
                best, most = row, likeness + CONTEXT * near
        return Link(name, label, self.entries[best] if best is not None and most >= LEAST else None, most)


def _keys(name: str) -> set[str]:
    return blocking_keys(name) | {f"w:{word}" for word in normalise(name).split()}


def _names(chain: Chain) -> list[str]:
    return list(dict.fromkeys([chain.name, *(m.text for m in chain.mentions if m.kind == "name")]))


def _likeness(ours: str, theirs: str, label: str) -> float:
    """Return how alike two names are, in [0, 1]: the same, a short form, one part of the other, or nearly spelt so."""
    one, other = normalise(ours).split(), normalise(theirs).split()
    if one == other:
        return 1.0
    match = match_names(ours, theirs, label)
    likeness = match.score if match else 0.0
    short, long = (one, other) if len(one) <= len(other) else (other, one)
    if short and long[: len(short)] == short:
        likeness = max(likeness, _PART + 0.1 * len(short) / len(long))
    elif short == one and short and long[-len(short) :] == short:
        likeness = max(likeness, _END)
    spelt = fuzz.token_sort_ratio(" ".join(one), " ".join(other)) / 100
    return max(likeness, _SPELT * spelt) if spelt > _NEAR else likeness


def _read(path: Path) -> Iterator[Entry]:
    kind = path.suffix.lower()
    if kind not in _KNOWN:
        raise InputError(f"{str(path)!r}: no catalogue ends in {kind!r}; known: {', '.join(_KNOWN)}")
    try:
        text = decoded(path.read_bytes(), str(path))
    except OSError as e:
        raise InputError(f"cannot read {str(path)!r}: {e.strerror}; give a table that can be read") from e
    rows = _json_rows(text, path) if kind == ".jsonl" else _table_rows(text, path, "\t" if kind == ".tsv" else ",")
    for number, row in rows:
        fields = {key: row.get(key) or "" for key in _KEYS}
        for key in ("id", "name"):
            if not str(fields[key]).strip():
                raise DataError(f"{path}, line {number}: no {key!r}; every row has an id and a name")
        aliases = fields["aliases"]
        others = aliases if isinstance(aliases, list) else str(aliases).split("|")
        plain = {key: str(fields[key]).strip() for key in ("id", "name", "description", "type")}
        yield Entry(**plain, aliases=tuple(str(other).strip() for other in others if str(other).strip()))


def _table_rows(text: str, path: Path, delimiter: str) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(text.splitlines(keepends=True), delimiter=delimiter)
    try:
        if missing := {"id", "name"} - {*(reader.fieldnames or ())}:
            there = ", ".join(reader.fieldnames or ())
            raise DataError(
                f"{path}, line 1: no column {min(missing)!r} among {there}; the first line names the columns, of which "
                f"{', '.join(_KEYS)} are read"
            )
        for row in reader:
            yield reader.line_num, row
    except csv.Error as e:
        raise DataError(f"{path}, line {reader.line_num}: {e}; mend it there") from e


def _json_rows(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except json.JSONDecodeError as e:
                raise DataError(f"{path}, line {number}: not JSON ({e.msg}); each line is one object") from e
            if not isinstance(row, dict):
                raise DataError(f"{path}, line {number}: {line[:40]!r} is no object; each line is one")
            yield number, row
