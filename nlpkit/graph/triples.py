"""Triples into a store, millions of them: names are numbered as they are met, and SQLite joins the rest in bulk."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from nlpkit.errors import DataError, InputError
from nlpkit.graph.ledger import Ledger
from nlpkit.graph.sources import decoded
from nlpkit.graph.store import Store
from nlpkit.graph.timing import when
from nlpkit.names import blocking_keys, normalise

COLUMNS = ("subject", "relation", "object")
TIME = "time"
"""A column that triples may have beside these: when the fact holds."""
SAME_NAME = "same name as in the imported file"

_SEPARATORS = ("\t", "###", "|||")
_Triple = tuple[int, str, tuple[str, str, str], str | None]
"""Where its line begins, the line, and what it says."""
_BATCH = 10_000
_NAMES = 8_000


def load_triples(ledger: Ledger, document: int, lines: Iterable[bytes], place: str, columns: Sequence[str]) -> None:
    """Write the triples of some lines as what a document says.

    Args:
        ledger: writes, within its caller's transaction.
        document: the document's id.
        lines: one triple a line; empty lines are passed over.
        place: where they come from, for messages.
        columns: what the columns are.

    Raises:
        DataError: a line is broken; the message names it.

    """
    names = _Names(ledger, document)
    relations: dict[str, int] = {}
    db = ledger.db

    def rows() -> Iterator[tuple[object, ...]]:
        for start, line, (subject, relation, object_), time in _triples(lines, place, columns):
            if relation not in relations:
                relations[relation] = ledger.relation(relation, None)
            ends = names.chain(subject), names.chain(object_)
            entities = names.entities[ends[0]], names.entities[ends[1]]
            yield (*ends, entities[0], relations[relation], entities[1], start, start + len(line), line, time)

    db.execute(
        "CREATE TEMP TABLE triple (subject INTEGER, object INTEGER, one INTEGER, relation INTEGER, other INTEGER, "
        "start INTEGER, end INTEGER, text TEXT, time TEXT)"
    )
    try:
        coming = rows()
        while batch := list(islice(coming, _BATCH)):
            db.executemany("INSERT INTO triple VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", batch)
        names.write()
        db.execute(
            "INSERT OR IGNORE INTO fact (subject, relation, object) "
            "SELECT one, relation, other FROM triple ORDER BY triple.rowid"
        )
        db.execute(
            "INSERT INTO evidence (fact, document, subject, object, start, end, text, revision, time) "
            "SELECT fact.id, ?, triple.subject, triple.object, start, end, text, '', time FROM triple CROSS JOIN fact "
            "ON fact.subject = one AND fact.relation = triple.relation AND fact.object = other ORDER BY triple.rowid",
            (document,),
        )
    finally:
        db.execute("DROP TABLE IF EXISTS temp.triple")


class _Names:
    """The chains that the names of a triples file become, one a name; ids are given before anything is written."""

    def __init__(self, ledger: Ledger, document: int) -> None:
        self.ledger = ledger
        self.document = document
        self.known = ledger.store.count("entity") > 0
        self.chains: dict[str, int] = {}
        self.entities: dict[int, int] = {}
        self.counts: Counter[int] = Counter()
        self.last_chain, self.last_entity = (
            int(ledger.db.value("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)) or 0)
            for table in ("chain", "entity")
        )
        self.merged: dict[int, int] = {}

    def chain(self, name: str) -> int:
        """Return the chain of a name, numbered when first met."""
        chain = self.chains.get(name)
        if chain is None:
            self.last_chain = chain = self.last_chain + 1
            self.chains[name] = chain
            entity = same_name(self.ledger.store, name) if self.known else None
            if entity is None:
                self.last_entity = entity = self.last_entity + 1
            else:
                self.merged[chain] = entity
            self.entities[chain] = entity
        self.counts[chain] += 1
        return chain

    def write(self) -> None:
        """Write the chains and the entities, each with how often its name was met."""
        met = [(place, name, chain, self.counts[chain]) for place, (name, chain) in enumerate(self.chains.items())]
        fresh = [(name, self.entities[chain], n) for _, name, chain, n in met if chain not in self.merged]
        db = self.ledger.db
        db.executemany(
            "INSERT INTO chain (id, document, place, entity, name, label, count, names) "
            "VALUES (?, ?, ?, ?, ?, '', ?, ?)",
            (
                (chain, self.document, place, self.entities[chain], name, n, json.dumps({name: n}))
                for place, name, chain, n in met
            ),
        )
        db.executemany(
            "INSERT INTO entity (id, name, type, count) VALUES (?, ?, '', ?)",
            ((id_, name, n) for name, id_, n in fresh),
        )
        for first in range(0, len(fresh), _NAMES):  # few enough that a name is made plain once for both
            part = fresh[first : first + _NAMES]
            db.executemany(
                "INSERT INTO alias (entity, text, key, n, heads) VALUES (?, ?, ?, ?, 1)",
                ((id_, name, normalise(name), n) for name, id_, n in part),
            )
            db.executemany(
                "INSERT INTO block (key, entity, n) VALUES (?, ?, 1)",
                sorted((key, id_) for name, id_, _ in part for key in blocking_keys(name)),
            )
        for _, name, chain, n in met:
            if chain in self.merged:
                self.ledger.add_names(self.merged[chain], name, {name: n}, n)
                self.ledger.record_merge(chain, self.merged[chain], SAME_NAME, 1.0)
        self.ledger.store.forget()


def same_name(store: Store, name: str, type_: str | None = None) -> int | None:
    """Return the entity that bears exactly this name, and has this type where one is given; None if there is none."""
    for node in store.find(name):
        if name in (node.name, *node.aliases) and type_ in (None, node.type):
            return node.id
    return None


def _triples(lines: Iterable[bytes], place: str, columns: Sequence[str]) -> Iterator[_Triple]:
    """Read triples, each with its line and the offset of that in characters; the first line tells what separates."""
    subject, relation, object_ = (columns.index(name) for name in COLUMNS)
    timed = columns.index(TIME) if TIME in columns else None
    separator = ""
    start = offset = 0
    for number, raw in enumerate(lines, 1):
        text = decoded(raw, f"{place}, line {number}", offset)
        offset += len(raw)
        line = text.rstrip("\r\n")
        if line.strip():
            separator = separator or next((mark for mark in _SEPARATORS if mark in line), "|")
            fields = [field.strip() for field in line.split(separator)]
            if len(fields) != len(columns) or not all(fields[k] for k in (subject, relation, object_)):
                raise DataError(
                    f"{place}, line {number}: wants {', '.join(columns)} with {separator!r} between, as the first "
                    f"line has it; got {line[:80]!r}"
                )
            time = None if timed is None else time_of(fields[timed], f"{place}, line {number}")
            yield start, line, (fields[subject], fields[relation], fields[object_]), time
        start += len(text)


def time_of(text: object, place: str) -> str | None:
    """Return a time as it is kept, None where none is given.

    Raises:
        DataError: it has no year.

    """
    try:
        return str(when(str(text))) if text not in (None, "") else None
    except InputError as e:
        raise DataError(f"{place}: {e}") from e
