"""Relations within a sentence: SemEval-2010 task 8, and joint sets of entities and relations in JSON.

Every mention is a chain of its own: these sets say which words are entities, not which mean the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nlpkit.data.files import json_lines, lines, load_json
from nlpkit.data.tokens import rebuild
from nlpkit.errors import DataError
from nlpkit.types import Chain, Document, Entity, Example, Mention, Relation

NOMINAL = "nominal"
"""The entity type of SemEval-2010's marked words."""
NONE = "Other"
"""SemEval-2010's label for two words without any of its relations."""

_RECORD = re.compile(r"(\d+)\t(.*)")
_DIRECTED = re.compile(r"([^()\s]+)\((e1,e2|e2,e1)\)")
_MARKS = re.compile(r"(.*)<e1>(.+)</e1>(.*)<e2>(.+)</e2>(.*)")

_Ends = tuple[int, int]
"""The first token of an entity and the one after its last."""


def read_semeval2010(path: Path) -> Iterator[Example]:
    """Read the records of SemEval-2010 task 8 (Hendrickx et al. 2010): a sentence with two marked nominals, a label.

    The text is the sentence without its marks and quotes; the two nominals are its chains, in their order. The label
    `Relation(e2,e1)` gives a relation from the second to the first, `Other` gives none.

    Raises:
        DataError: a sentence lacks its marks or its label; the line is named.

    """
    rows = iter(lines(path))
    for number, line in rows:
        record = _RECORD.fullmatch(line.strip())
        if record is None:
            if line.strip() and not line.startswith("Comment"):
                raise DataError(
                    f"{path}, line {number}: {line.strip()!r:.60} is no record; allowed: a number, a tab and a sentence"
                )
            continue
        _, label = next(rows, (0, ""))
        yield _marked(path, number, record[2], label.strip(), f"{path.name}#{record[1]}")


def _marked(path: Path, number: int, sentence: str, label: str, source: str) -> Example:
    match = _MARKS.fullmatch(sentence[1:-1] if sentence[:1] == sentence[-1:] == '"' else sentence)
    if match is None:
        raise DataError(f"{path}, line {number}: the sentence lacks marks; allowed: <e1>...</e1> and then <e2>...</e2>")
    directed = _DIRECTED.fullmatch(label)
    if directed is None and label != NONE:
        raise DataError(f"{path}, line {number + 1}: {label!r}; allowed: {NONE}, Name(e1,e2) or Name(e2,e1)")
    text, spans = "", []
    for n, piece in enumerate(match.groups()):
        # Words that only the mark parted stay parted.
        gap = " " if text[-1:].isalnum() and piece[:1].isalnum() else ""
        if n % 2:
            spans.append((len(text + gap), len(text + gap) + len(piece)))
        text += gap + piece
    entities = tuple(Entity(text[a:b], a, b, NOMINAL) for a, b in spans)
    relations: tuple[Relation, ...] = ()
    if directed is not None:
        first, second = entities if directed[2] == "e1,e2" else entities[::-1]
        relations = (Relation(first, directed[1], second),)
    return Example(joined(text, source, entities, relations), source, number)


def joined(text: str, id: str, entities: Sequence[Entity], relations: Sequence[Relation]) -> Document:
    """Return a text with its entities, each a chain of its own, and the relations between them."""
    ordered = sorted(dict.fromkeys(entities), key=lambda e: (e.start, -e.end, e.label))
    chains = tuple(Chain(e.text, e.label, (Mention(e.text, e.start, e.end),)) for e in ordered)
    return Document(text, id, tuple(ordered), chains, tuple(relations))


def read_spert(path: Path) -> Iterator[Example]:
    """Read a JSON list of sentences as SpERT has them (Eberts and Ulges 2020; CoNLL04): one Example a sentence.

    Raises:
        DataError: the file is no such list, or a sentence lacks a key (its number is named).

    """
    for n, record in _records(path):
        source = f"{path.name}#{n}"
        with _naming(path, f"sentence {n}"):
            ends = [(e["start"], e["end"]) for e in record["entities"]]
            yield _joint(
                record["tokens"],
                [(*ends[k], e["type"]) for k, e in enumerate(record["entities"])],
                [(r["head"], r["type"], r["tail"]) for r in record["relations"]],
                source,
            )


def read_ade(path: Path) -> Iterator[Example]:
    """Read a JSON list of sentences whose relations name their ends by tokens (ADE, Gurulingappa et al. 2012).

    Raises:
        DataError: the file is no such list, or a sentence lacks a key (its number is named).

    """
    for n, record in _records(path):
        with _naming(path, f"sentence {n}"):
            entities = [(a, b, label) for a, b, label in record["entities"]]
            numbers = {(a, b): k for k, (a, b, _) in enumerate(entities)}
            relations = [(numbers[a, b], label, numbers[c, d]) for a, b, c, d, label in record["relations"]]
            yield _joint(record["tokens"], entities, relations, f"{path.name}#{n}")


def read_scierc(path: Path) -> Iterator[Example]:
    """Read documents of sentences, one a line (SciERC, Luan et al. 2018): one Example a sentence.

    Raises:
        DataError: a line is no such document; it is named.

    """
    for number, record in json_lines(path):
        with _naming(path, f"line {number}"):
            at = 0
            for n, sentence in enumerate(record["sentences"]):
                spans = [(a - at, b + 1 - at, label) for a, b, label in record["ner"][n]]
                numbers = {(a, b): k for k, (a, b, _) in enumerate(spans)}
                relations = [
                    (numbers[a - at, b + 1 - at], label, numbers[c - at, d + 1 - at])
                    for a, b, c, d, label in record["relations"][n]
                ]
                yield _joint(sentence, spans, relations, f"{record['doc_key']}#{n}", number)
                at += len(sentence)


@contextmanager
def _naming(path: Path, record: str) -> Iterator[None]:
    """Say in which record of which file something was missing."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as e:
        raise DataError(f"{path}, {record}: {type(e).__name__} {e}; see the format") from e


def _records(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    records = load_json(path)
    if not isinstance(records, list):
        raise DataError(f"{path} holds {type(records).__name__}; it must be a list of sentences")
    yield from enumerate(records)


def _joint(
    tokens: Sequence[str],
    entities: Sequence[tuple[int, int, str]],
    relations: Sequence[tuple[int, str, int]],
    source: str,
    line: int = 0,
) -> Example:
    """Return a sentence with its entities (first token, token after the last, type) and relations between them."""
    text, (offsets,), _ = rebuild([tokens])
    if any(not 0 <= first < last <= len(tokens) for first, last, _ in entities):
        raise IndexError(f"an entity lies outside the {len(tokens)} tokens")
    places = [(offsets[first][0], offsets[last - 1][1], label) for first, last, label in entities]
    found = [Entity(text[a:b], a, b, label) for a, b, label in places]
    claims = [Relation(found[head], label, found[tail]) for head, label, tail in relations]
    return Example(joined(text, source, found, claims), source, line)
