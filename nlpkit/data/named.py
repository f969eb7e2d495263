"""Annotations that say which words, not where: NYT's triples, intents with slots by value, and relations of a pair."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nlpkit.data.files import lines, load_json, records
from nlpkit.data.labels import labelled
from nlpkit.data.relations import joined
from nlpkit.data.slots import TASK
from nlpkit.data.tokens import rebuild
from nlpkit.errors import DataError
from nlpkit.types import Document, Entity, Example, Label, Relation

ENTITY = "entity"
"""The type of entities of which none is said."""
_log = logging.getLogger(__name__)
_LITERAL = re.compile(r'^"(.*)"(?:@\w+|\^\^\S+)?$')
_PAIR = re.compile(r"(\S+) ([^$]+)\$([^$]+)\$(.*)")


def read_nyt(path: Path) -> Iterator[Example]:
    """Read JSON lines of sentences with triples by their words (NYT, Riedel et al. 2010): one Example a sentence.

    Each argument is taken where its words stand first. Triples with one that does not stand in its sentence are left
    out, and a warning counts them.

    Raises:
        DataError: a line is no such object; it is named.

    """
    left_out = 0
    for number, source, record in records(path):
        try:
            tokens = str(record["sentText"]).split()
            triples = [(m["em1Text"], m["label"], m["em2Text"]) for m in record["relationMentions"]]
            text, (offsets,), _ = rebuild([tokens])
            places = {words: _place(tokens, offsets, words.split()) for a, _, b in triples for words in (a, b)}
        except (KeyError, TypeError, AttributeError) as e:
            shape = '{"sentText": text, "relationMentions": [{"em1Text": words, "em2Text": words, "label": label}]}'
            raise DataError(f"{path}, line {number}: {type(e).__name__} {e}; allowed: {shape}") from e
        found = {words: Entity(text[slice(*at)], *at, ENTITY) for words, at in places.items() if at}
        relations = [Relation(found[a], str(label), found[b]) for a, label, b in triples if a in found and b in found]
        left_out += len(triples) - len(relations)
        yield Example(joined(text, source, [*found.values()], relations), source, number)
    if left_out:
        _log.warning("%s: %d triples were left out, since a word of theirs is not in the sentence", path, left_out)


def _place(tokens: Sequence[str], offsets: Sequence[tuple[int, int]], words: Sequence[str]) -> tuple[int, int] | None:
    """Return the characters of the first place where words stand in a sentence."""
    n = len(words)
    first = next((k for k in range(len(tokens) - n + 1) if n and list(tokens[k : k + n]) == list(words)), None)
    return None if first is None else (offsets[first][0], offsets[first + n - 1][1])


def read_webnlg(path: Path) -> Iterator[Example]:
    """Read JSON lines of triples with texts that state them (WebNLG, Gardent et al. 2017): one Example a text.

    An end of a triple is taken where its words stand first, whatever their case; triples with one that stands nowhere
    are left out, and a warning counts them. `metadata["triples"]` holds them all, as they are written.

    Raises:
        DataError: a line is no such object; it is named.

    """
    left_out = 0
    for number, source, record in records(path):
        try:
            triples, texts = [(str(a), str(label), str(b)) for a, label, b in record["triples"]], list(record["texts"])
            cased = [text.lower() for text in texts]
        except (KeyError, TypeError, ValueError, AttributeError) as e:
            shape = '{"triples": [[subject, relation, object]], "texts": [text]}'
            raise DataError(f"{path}, line {number}: {type(e).__name__} {e}; allowed: {shape}") from e
        for n, (text, folded) in enumerate(zip(texts, cased, strict=True)):
            names = {end: _plain(end) for a, _, b in triples for end in (a, b)}
            begins = {end: folded.find(name.lower()) for end, name in names.items() if name}
            found = {
                end: Entity(text[at : at + len(names[end])], at, at + len(names[end]), ENTITY)
                for end, at in begins.items()
                if at >= 0 and len(text) == len(folded)
            }
            relations = [Relation(found[a], label, found[b]) for a, label, b in triples if a in found and b in found]
            left_out += len(triples) - len(relations)
            document = joined(text, f"{source}/{n}", [*found.values()], relations)
            told = replace(document, metadata={"triples": [list(triple) for triple in triples]})
            yield Example(told, f"{source}/{n}", number)
    if left_out:
        _log.warning("%s: %d triples were left out, since an end of theirs is not in the text", path, left_out)


def _plain(name: str) -> str:
    """Return the words of an RDF name or literal."""
    return _LITERAL.sub(r"\1", name).replace("_", " ").strip()


def read_ade_corpus(path: Path) -> Iterator[Example]:
    """Read `ID|SENTENCE|WORDS|BEGIN|END|DRUG|BEGIN|END` lines of the ADE corpus (Gurulingappa et al. 2012).

    One Example a sentence. What the relation is, and its first end, is said by the file's name: "DRUG-AE.rel". Offsets
    count from the beginning of an abstract that is not there: words are taken where they stand as far apart as those
    say, else where they stand first.

    Raises:
        DataError: a line has other fields, or words that are not in its sentence; it is named.

    """
    drug, _, kind = path.name.partition(".")[0].upper().partition("-")
    sentences: dict[tuple[str, str], list[tuple[int, Relation]]] = {}
    for number, line in lines(path):
        if not line.strip():
            continue
        fields = line.split("|")
        if len(fields) != 8 or not all(field.isdecimal() for field in (*fields[3:5], *fields[6:])):
            raise DataError(f"{path}, line {number}: {line!r:.60}; allowed: ID|SENTENCE|WORDS|BEGIN|END|DRUG|BEGIN|END")
        document, text, words, begin, _, name, second, _ = fields
        starts = [[m.start() for m in re.finditer(re.escape(w), text)] if w else [] for w in (words, name)]
        if not all(starts):
            missing = words if not starts[0] else name
            raise DataError(f"{path}, line {number}: {missing!r:.40} is not in its sentence; mend one of them")
        told = sentences.setdefault((document, text), [])
        apart, taken = int(second) - int(begin), {(r.subject.start, r.object.start) for _, r in told}
        anywhere = [(a, b) for a in starts[0] for b in starts[1]]
        places = [(a, b) for a, b in anywhere if b - a == apart] or anywhere
        first = next((place for place in places if place not in taken), places[0])
        effect = Entity(words, first[0], first[0] + len(words), kind or ENTITY)
        medicine = Entity(name, first[1], first[1] + len(name), drug)
        told.append((number, Relation(effect, kind or "relation", medicine)))
    for (document, text), told in sentences.items():
        relations = list(dict.fromkeys(relation for _, relation in told))
        ends = [end for relation in relations for end in (relation.subject, relation.object)]
        source = f"{path.name}:{told[0][0]}"
        yield Example(joined(text, f"{document}:{told[0][0]}", ends, relations), source, told[0][0])


def read_slot_values(path: Path) -> Iterator[Example]:
    """Read utterances with an intent and slots by their values (SMP2019 ECDT): a JSON list, or JSON lines.

    Each value is taken where it stands first and overlaps no other. "domain" becomes a label of its own.

    Raises:
        DataError: an utterance has no text and intent, or a value does not stand in it; it is named.

    """
    for line, source, record in records(path):
        place = f"{path}, line {line}"
        try:
            text, intent, slots = record["text"], record["intent"], record.get("slots") or {}
            found = _values(text, {str(slot): value for slot, value in slots.items()}, place)
            if not isinstance(intent, str):
                raise TypeError(f"the intent is {intent!r:.40}")
        except (KeyError, TypeError, AttributeError) as e:
            shape = '{"text": text, "intent": intent, "slots": {slot: value}}'
            raise DataError(f"{place}: {type(e).__name__} {e}; allowed: {shape}") from e
        domain = {"domain": Label(str(record["domain"]))} if record.get("domain") else {}
        yield Example(Document(text, source, slots=tuple(found), labels={TASK: Label(intent), **domain}), source, line)


def _values(text: str, slots: Mapping[str, Any], place: str) -> list[Entity]:
    """Return where the values stand, the longest placed first."""
    found: list[Entity] = []
    pairs = [
        (slot, value) for slot, given in slots.items() for value in (given if isinstance(given, list) else [given])
    ]
    for slot, value in sorted(pairs, key=lambda pair: -len(pair[1])):
        starts = (match.start() for match in re.finditer(re.escape(value), text)) if value else iter(())
        free = (at for at in starts if all(at >= e.end or at + len(value) <= e.start for e in found))
        at = next(free, text.find(value) if value else -1)
        if at < 0:
            raise DataError(
                f"{place}: the value {value!r:.40} of {slot} does not stand in {text!r:.60}; mend one of them"
            )
        found.append(Entity(value, at, at + len(value), slot))
    return sorted(found, key=lambda e: (e.start, e.end, e.label))


def read_people_relations(path: Path) -> Iterator[Example]:
    """Read `LABEL NAME$NAME$SENTENCE` lines: how two people are related, the two as `query`.

    In the sentence ### stands for either name. `rel_dict.json` beside the file (name -> number), where there is one,
    says what numbers as labels mean.

    Raises:
        DataError: a line has another form, or a label has no name; it is named.

    """
    beside = path.parent / "rel_dict.json"
    names = {str(number): name for name, number in _table(beside).items()} if beside.is_file() else {}
    for number, line in lines(path):
        if not line.strip():
            continue
        match = _PAIR.fullmatch(line.strip())
        if match is None or (names and match[1] not in names):
            known = f" with a label of {', '.join(names)}" if names else ""
            raise DataError(f"{path}, line {number}: {line!r:.60}; allowed: LABEL NAME$NAME$SENTENCE{known}")
        label = names.get(match[1], match[1])
        yield labelled(match[4], label, f"{path.name}:{number}", number, f"{match[2]}，{match[3]}")


def _table(path: Path) -> dict[str, Any]:
    found = load_json(path)
    if not isinstance(found, dict):
        raise DataError(f"{path} holds {json.dumps(found, ensure_ascii=False)[:40]}; allowed: {{name: number, ...}}")
    return found
