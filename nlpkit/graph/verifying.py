"""Is a store whole: does every row belong to something, and does every sum add up?

What is lost or doubled shows: each fact is the sum of its evidence, each entity that of its chains, and every name and
blocking key is counted. A store is only ever changed in transactions, so that a fault means a damaged disk, another
program's hand, or an error of nlpkit.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final

from nlpkit.graph.database import Database
from nlpkit.graph.ledger import noisy_or
from nlpkit.graph.resolve import blocking_keys
from nlpkit.graph.store import Store
from nlpkit.names import normalise

_SHOWN = 5
_NEAR = 1e-9

_RULES: Final = {
    "chains of no document": "SELECT id FROM chain WHERE document NOT IN (SELECT id FROM document)",
    "chains of no entity": "SELECT id FROM chain WHERE entity NOT IN (SELECT id FROM entity)",
    "mentions of no chain": "SELECT DISTINCT chain FROM mention WHERE chain NOT IN (SELECT id FROM chain)",
    "merges of no chain": "SELECT id FROM merge WHERE chain NOT IN (SELECT id FROM chain)",
    "entities without a chain": "SELECT id FROM entity WHERE id NOT IN (SELECT entity FROM chain)",
    "entities whose name is none of theirs": (
        "SELECT id FROM entity WHERE NOT EXISTS (SELECT 1 FROM alias WHERE entity = entity.id AND text = name)"
    ),
    "entities whose mentions do not add up": (
        "SELECT entity.id FROM entity JOIN chain ON entity = entity.id "
        "GROUP BY entity.id HAVING SUM(chain.count) <> entity.count"
    ),
    "names of no entity": "SELECT text FROM alias WHERE entity NOT IN (SELECT id FROM entity)",
    "names that are counted wrongly": (
        "WITH said AS (SELECT entity, key AS text, value AS n, 0 AS heads FROM chain, json_each(names) "
        "UNION ALL SELECT entity, name, 0, 1 FROM chain), "
        "due AS (SELECT entity, text, SUM(n) AS n, SUM(heads) AS heads FROM said GROUP BY entity, text) "
        "SELECT text FROM (SELECT entity, text, n, heads FROM alias EXCEPT SELECT * FROM due) "
        "UNION SELECT text FROM (SELECT * FROM due EXCEPT SELECT entity, text, n, heads FROM alias)"
    ),
    "evidence of no document": "SELECT id FROM evidence WHERE document NOT IN (SELECT id FROM document)",
    "evidence of no fact": "SELECT id FROM evidence WHERE fact NOT IN (SELECT id FROM fact)",
    "evidence whose ends are not those of its fact": (
        "SELECT evidence.id FROM evidence JOIN fact ON fact.id = fact "
        "LEFT JOIN chain s ON s.id = evidence.subject LEFT JOIN chain o ON o.id = evidence.object "
        "WHERE s.entity IS NOT fact.subject OR o.entity IS NOT fact.object"
    ),
    "facts without evidence": "SELECT id FROM fact WHERE id NOT IN (SELECT fact FROM evidence)",
    "facts of no relation": "SELECT id FROM fact WHERE relation NOT IN (SELECT id FROM relation)",
}
"""What there must not be, and the query that finds it. `IS NOT` also sees an end that is missing."""


def faults(store: Store) -> Iterator[str]:
    """Go through what is wrong with a store, each fault with its number and the first few places; none if it is whole.

    Reads every row once, in one view of the file: writers may go on meanwhile.
    """
    with store.db.reading():
        damage = store.db.value("PRAGMA integrity_check")
        if damage != "ok":
            yield f"the file is damaged: {damage}"
            return
        for what, query in _RULES.items():
            yield from _told(what, [row[0] for row in store.db.execute(query)])
        yield from _told("facts with a wrong score", list(_misjudged(store.db)))
        yield from _told("names under a wrong key", list(_misfiled(store.db)))
        yield from _told("blocking keys that are counted wrongly", list(_miscounted(store.db)))


def _told(what: str, places: list[object]) -> Iterator[str]:
    if places:
        more = f" and {len(places) - _SHOWN:,} more" if len(places) > _SHOWN else ""
        yield f"{what}: {', '.join(map(repr, places[:_SHOWN]))}{more}"


def _misjudged(db: Database) -> Iterator[object]:
    rows = db.execute(
        "SELECT fact.id, fact.score, COALESCE(origin, document), evidence.score FROM fact "
        "JOIN evidence ON fact = fact.id ORDER BY fact.id"
    )
    for (fact, score), said in groupby(rows, key=itemgetter(0, 1)):
        due = noisy_or((document, one) for _, _, document, one in said)
        if (due is None) != (score is None) or abs((due or 0.0) - (score or 0.0)) > _NEAR:
            yield fact


def _misfiled(db: Database) -> Iterator[object]:
    return (text for text, key in db.execute("SELECT text, key FROM alias") if normalise(text) != key)


def _miscounted(db: Database) -> Iterator[object]:
    """Count the blocking keys anew, in a table that is gone with the connection."""
    db.execute("CREATE TEMP TABLE due (key TEXT, entity INTEGER, n INTEGER, PRIMARY KEY (key, entity)) WITHOUT ROWID")
    try:
        db.executemany(
            "INSERT INTO due VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET n = n + 1",
            (
                (key, entity)
                for entity, text in db.execute("SELECT entity, text FROM alias").fetchall()
                for key in blocking_keys(text)
            ),
        )
        rows = db.execute(
            "SELECT key FROM (SELECT * FROM block EXCEPT SELECT * FROM due) "
            "UNION SELECT key FROM (SELECT * FROM due EXCEPT SELECT * FROM block)"
        )
        yield from [row[0] for row in rows]
    finally:
        db.execute("DROP TABLE due")
