"""The tables of a store. `APPLICATION` marks the file as ours, `VERSION` says which tables it has.

Names are counted by entity (`alias`), so that taking a document away leaves exactly what the others support; its
`revision` is the adapters that read it. `block` holds the resolver's blocking keys, counted likewise. `fact` sums up
`evidence`, whose `time` is the period that its text states, as EDTF has it. `UPGRADES` make a file of an older version
one of the next.
"""

from __future__ import annotations

APPLICATION = 0x6E6C706B
VERSION = 3

TABLES = """
CREATE TABLE state (version INTEGER NOT NULL);
INSERT INTO state VALUES (0);
CREATE TABLE document (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, hash TEXT NOT NULL,
    length INTEGER NOT NULL, metadata TEXT NOT NULL, revision TEXT NOT NULL DEFAULT '');
CREATE TABLE entity (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, type TEXT NOT NULL, count INTEGER NOT NULL);
CREATE TABLE alias (
    entity INTEGER NOT NULL, text TEXT NOT NULL, key TEXT NOT NULL, n INTEGER NOT NULL, heads INTEGER NOT NULL,
    PRIMARY KEY (entity, text)) WITHOUT ROWID;
CREATE INDEX alias_key ON alias (key);
CREATE TABLE block (
    key TEXT NOT NULL, entity INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (key, entity)) WITHOUT ROWID;
CREATE TABLE chain (
    id INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL, place INTEGER NOT NULL,
    entity INTEGER NOT NULL, name TEXT NOT NULL, label TEXT NOT NULL, count INTEGER NOT NULL,
    names TEXT NOT NULL, context BLOB);
CREATE INDEX chain_entity ON chain (entity);
CREATE UNIQUE INDEX chain_place ON chain (document, place);
CREATE TABLE mention (
    chain INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, kind TEXT NOT NULL,
    PRIMARY KEY (chain, start, end)) WITHOUT ROWID;
CREATE TABLE relation (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, property TEXT);
CREATE TABLE fact (
    id INTEGER PRIMARY KEY AUTOINCREMENT, subject INTEGER NOT NULL, relation INTEGER NOT NULL,
    object INTEGER NOT NULL, score REAL);
CREATE UNIQUE INDEX fact_subject ON fact (subject, relation, object);
CREATE INDEX fact_object ON fact (object, relation, subject);
CREATE TABLE evidence (
    id INTEGER PRIMARY KEY AUTOINCREMENT, fact INTEGER NOT NULL, document INTEGER NOT NULL,
    subject INTEGER NOT NULL, object INTEGER NOT NULL, origin TEXT,
    start INTEGER NOT NULL, end INTEGER NOT NULL, text TEXT NOT NULL, score REAL, revision TEXT NOT NULL,
    time TEXT);
CREATE INDEX evidence_fact ON evidence (fact);
CREATE INDEX evidence_document ON evidence (document);
CREATE TABLE merge (
    id INTEGER PRIMARY KEY AUTOINCREMENT, chain INTEGER NOT NULL, entity INTEGER NOT NULL,
    reason TEXT NOT NULL, score REAL NOT NULL, undone INTEGER NOT NULL DEFAULT 0);
CREATE INDEX merge_chain ON merge (chain);
CREATE TABLE split (
    document TEXT NOT NULL, hash TEXT NOT NULL, place INTEGER NOT NULL,
    PRIMARY KEY (document, hash, place)) WITHOUT ROWID;
"""

UPGRADES = {
    1: ("ALTER TABLE evidence ADD COLUMN time TEXT",),
    2: (
        "ALTER TABLE document ADD COLUMN revision TEXT NOT NULL DEFAULT ''",
        "UPDATE document SET revision = COALESCE((SELECT revision FROM evidence WHERE document = document.id), '')",
    ),
}
