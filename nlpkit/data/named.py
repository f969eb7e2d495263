"""Annotations that say which words, not where: NYT's triples, intents with slots by value, and relations of a pair."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
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
