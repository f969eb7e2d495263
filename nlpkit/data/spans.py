"""Annotated spans by characters: JSON lines of annotation tools, CLUENER, and Label Studio's export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nlpkit.data.conll import TAG, tagged
from nlpkit.data.files import load_json, records
from nlpkit.data.labels import TASK
from nlpkit.data.relations import joined
from nlpkit.errors import DataError
from nlpkit.types import Document, Entity, Example, Label, Relation

_TEXTS = ("text", "sentence", "content", "data")
_SPANS = ("spans", "entities", "label", "labels")
_TAGS = ("ner_tags", "tags", "labels")
_STARTS, _ENDS, _TYPES = ("start", "start_offset"), ("end", "end_offset"), ("label", "type", "tag")
_SHAPE = (
    'allowed: {"text": text, "spans": [[start, end, label] or {"start": ..., "end": ..., "label": ...}, ...]}, or '
    '{"tokens": [...], "tags": [...]}'
)


def read(path: Path) -> Iterator[Example]:
    """Read JSON lines of texts with spans, or of tokens with tags, or a list of such: one Example an object.

    Spans are lists of start, end (exclusive) and label, or objects, as doccano, Prodigy and spaCy's training data have
    them; doccano's relations name spans by their ids, and words in place of spans are labels of the text. What an
    annotator rejected or passed over (Prodigy) is left out.

    Raises:
        DataError: a line is no such object, or a span lies outside its text; the line is named.

    """
    for number, source, record in records(path):
        place = f"{path}, line {number}"
        if not isinstance(record, dict):
            raise DataError(f"{place}: {record!r:.60} is no object; {_SHAPE}")
        if record.get("answer") not in ("reject", "ignore"):
            yield record_example(record, place, source, number)


def record_example(record: Mapping[str, Any], place: str, source: str, line: int = 0) -> Example:
    """Return the text of an object with its spans, or its tokens with their tags.

    Raises:
        DataError: it has neither, or a span lies outside its text; `place` says where it is.

    """
    text = next((record[key] for key in _TEXTS if isinstance(record.get(key), str)), None)
    given = next((record[key] for key in _SPANS if isinstance(record.get(key), list)), None)
    tokens: Any = record.get("tokens")
    tags: Any = next((record[key] for key in _TAGS if key in record), None)
    if text is not None and given and _words(given) and not _words(tokens):
        first, *others = map(Label, given)
        label = replace(first, others=tuple(others))
        return Example(Document(text, source, labels={TASK: label}), source, line)
    if text is not None and given is not None:
        relations = record.get("relations") or []
        if not isinstance(relations, list):
            raise DataError(f"{place}: its relations are {relations!r:.40}; allowed: a list of objects")
        return Example(_annotated(text, given, relations, place, source), source, line)
    if _words(tokens) and _words(tags) and len(tokens) == len(tags):
        if odd := next((tag for tag in tags if not TAG.fullmatch(tag)), None):
            raise DataError(f"{place}: {odd!r} is no tag; allowed: O, or B-, I-, E-, S-, M-, L-, U- and a type")
        return Example(tagged(tokens, tags, source), source, line)
    raise DataError(f"{place} has the keys {', '.join(map(str, record)) or 'none'}; {_SHAPE}")


def read_cluener(path: Path) -> Iterator[Example]:
    """Read JSON lines of CLUENER2020 (Xu et al. 2020): types, mentions and places [first, last] by characters.

    Raises:
        DataError: a line is no such object, or a mention does not stand at its place; the line is named.

    """
    for number, source, record in records(path):
        place = f"{path}, line {number}"
        try:
            text, types = record["text"], record.get("label", {})
            found = [
                (mention, Entity(text[first : last + 1], first, last + 1, type_))
                for type_, mentions in types.items()
                for mention, places in mentions.items()
                for first, last in places
            ]
        except (KeyError, TypeError, ValueError, AttributeError) as e:
            shape = '{"text": text, "label": {type: {mention: [[first, last], ...]}}}'
            raise DataError(f"{place}: {type(e).__name__} {e}; allowed: {shape}") from e
        for mention, entity in found:
            if mention != entity.text or entity.end > len(text):
                raise DataError(
                    f"{place}: {mention!r} is said to stand at {entity.start}-{entity.end - 1}, where the text has "
                    f"{entity.text!r}; mend the place (characters from 0 on, the last one included)"
                )
        yield Example(joined(text, source, [entity for _, entity in found], ()), source, number)


def read_label_studio(path: Path) -> Iterator[Example]:
    """Read the JSON export of Label Studio: one Example a task, its first annotation that was not cancelled.

    Spans become entities, relations between them relations, choices the labels of the text. A task without an
    annotation is left out.

    Raises:
        DataError: the file is no such list, or a task has no text; the task is named.

    """
    tasks = load_json(path)
    if not isinstance(tasks, list):
        raise DataError(f"{path} holds {type(tasks).__name__}; it must be a list of tasks (export as JSON)")
    for n, task in enumerate(tasks):
        place = f"{path}, task {n}"
        try:
            done = [a for a in task.get("annotations", task.get("completions")) if not a.get("was_cancelled")]
            if done:
                source = f"{path.name}#{task.get('id', n)}"
                yield Example(_task(task["data"], done[0]["result"], place, source), source)
        except (KeyError, TypeError, AttributeError, IndexError) as e:
            shape = '{"data": {"text": text}, "annotations": [{"result": [...]}]}'
            raise DataError(f"{place}: {type(e).__name__} {e}; allowed: {shape}, as Label Studio exports it") from e


def _task(data: Mapping[str, Any], results: Sequence[Mapping[str, Any]], place: str, source: str) -> Document:
    text = next((data[key] for key in _TEXTS if isinstance(data.get(key), str)), None)
    if text is None:
        raise DataError(f"{place}: its data has the keys {', '.join(data)}; one of {', '.join(_TEXTS)} must be a text")
    spans, relations, choices = [], [], []
    for result in results:
        if result["type"] == "relation":
            label = (result.get("labels") or [""])[0]
            relations.append({"from_id": result["from_id"], "to_id": result["to_id"], "type": label})
        elif result["type"] == "labels":
            value = result["value"]
            spans.append({**value, "label": value["labels"][0], "id": result["id"]})
        elif result["type"] == "choices":
            choices += result["value"]["choices"]
    document = _annotated(text, spans, relations, place, source)
    if choices:
        first, *others = (Label(choice) for choice in choices)
        document = replace(document, labels={TASK: replace(first, others=tuple(others))})
    return document


def _annotated(text: str, spans: Sequence[Any], relations: Sequence[Any], place: str, source: str) -> Document:
    """Return a text with its entities, and the relations that name them by their ids, or by numbers without ids."""
    found = [_entity(text, span, place) for span in spans]
    by_id = {n if key is None else key: entity for n, (key, entity) in enumerate(found)}
    claims = []
    for relation in relations:
        try:
            ends = by_id[relation["from_id"]], by_id[relation["to_id"]]
            claims.append(Relation(ends[0], str(relation["type"]), ends[1]))
        except (KeyError, TypeError) as e:
            raise DataError(
                f"{place}: the relation {relation!r:.80} names no two spans; give from_id, to_id and type"
            ) from e
    return joined(text, source, [entity for _, entity in found], claims)


def _entity(text: str, span: Any, place: str) -> tuple[Any, Entity]:
    key = None
    if isinstance(span, dict):
        key = span["id"] if isinstance(span.get("id"), str | int) else None
        values = [next((span[name] for name in names if name in span), None) for names in (_STARTS, _ENDS, _TYPES)]
    else:
        values = span if isinstance(span, list) else []
    match values:
        case [int(start), int(end), str(label)] if label:
            if not 0 <= start < end <= len(text):
                raise DataError(
                    f"{place}: the span {start}-{end} ({label}) lies outside the text of {len(text)} characters or is "
                    "empty; give the first character and the one after the last, counted from 0"
                )
            return key, Entity(text[start:end], start, end, label)
    raise DataError(f"{place}: {span!r:.80} is no span; {_SHAPE}")


def _words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)
