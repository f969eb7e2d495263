"""How each kind of task is put in words: what a prompt asks, how an answer is written, and what is read off it.

An answer is JSON whose texts are cut out of the text that was read: a grammar lets nothing else be written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar, Protocol

from nlpkit.errors import InputError
from nlpkit.text import words
from nlpkit.types import Answer, Document, Entity, Label, Relation

_SPAN = """
SPAN: PART & /[^ ]|[^ ](.|\\n)*[^ ]/
PART: %regex {{"substring_chunks": {}}}
"""


@dataclass(frozen=True, slots=True)
class Line:
    """A text on one line, as a prompt shows it, and where its signs stand in the text as given."""

    text: str
    places: tuple[int, ...]

    @classmethod
    def of(cls, text: str, start: int = 0, end: int | None = None) -> Line:
        """Put the characters [start, end) of a text on one line: each run of blanks becomes one."""
        inside = range(start, len(text) if end is None else end)
        kept = [n for n in inside if not text[n].isspace() or (n > start and not text[n - 1].isspace())]
        while kept and text[kept[-1]].isspace():
            kept.pop()
        return cls("".join(" " if text[n].isspace() else text[n] for n in kept), tuple(kept))

    def chunks(self) -> list[str]:
        """Return the text in the parts that a span may begin and end with: words and what stands between them."""
        borders = sorted({0, len(self.text), *(int(place) for pair in words(self.text) for place in pair)})
        return [json.dumps(self.text[a:b], ensure_ascii=False)[1:-1] for a, b in pairwise(borders)]

    def occurrences(self, part: str) -> list[tuple[int, int]]:
        """Return where a part of the line stands in the text as given, every time."""
        found, at = [], self.text.find(part)
        while at >= 0 and part:
            found.append((self.places[at], self.places[at + len(part) - 1] + 1))
            at = self.text.find(part, at + len(part))
        return found


class Form(Protocol):
    """How a kind of task is put in words.

    Attributes:
        kind: the kind of task.
        labels: what it may find.

    """

    kind: ClassVar[str]
    labels: tuple[str, ...]

    def task(self, *, chinese: bool) -> str:
        """Return the line that says what is asked."""
        ...

    def asks(self, document: Document, line: Line, *, chinese: bool) -> str:
        """Return a text as the prompt shows it, up to where its answer begins."""
        ...

    def grammar(self, line: Line) -> str:
        """Return the answers to a text that can be, as a grammar of llguidance."""
        ...

    def answer(self, document: Document) -> Any:
        """Return the answer that a document with gold results stands for, as plain JSON types."""
        ...

    def used(self, document: Document) -> set[str]:
        """Return the labels that a document with gold results has."""
        ...

    def found(self, document: Document, line: Line, answer: Any) -> Document:
        """Return the document with what an answer says."""
        ...

    def merged(self, parts: Sequence[Document]) -> Document:
        """Return one document with what was found in the stretches of it."""
        ...


class NerForm:
    """Entities: a list of texts with their types."""

    kind: ClassVar[str] = "ner"

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = checked(labels, self.kind)

    def task(self, *, chinese: bool) -> str:
        """Return the line that says what is asked."""
        if chinese:
            return f"找出每段文字中的{'、'.join(self.labels)}。\n\n"
        return f"Find every {' or '.join(self.labels)} in each text.\n\n"

    def asks(self, document: Document, line: Line, *, chinese: bool) -> str:
        """Return the text and what is asked of it."""
        return f"文字：{line.text}\n实体：" if chinese else f"Text: {line.text}\nEntities: "

    def grammar(self, line: Line) -> str:
        """Return a list of texts with types, empty where nothing is found."""
        item = _object(text=_SPANNED, label="label")
        return _grammar(_list(item), line, label=self.labels)

    def answer(self, document: Document) -> Any:
        """Return the entities."""
        return [{"text": " ".join(e.text.split()), "label": e.label} for e in document.entities]

    def found(self, document: Document, line: Line, answer: Any) -> Document:
        """Return the document with its entities, each time that a text is named at its next place."""
        named = ((item["text"], item["label"]) for item in answer)
        return replace(document, entities=_placed(document.text, line, named))

    def used(self, document: Document) -> set[str]:
        """Return the types of its entities."""
        return {e.label for e in document.entities}

    def merged(self, parts: Sequence[Document]) -> Document:
        """Return all entities."""
        return replace(parts[0], entities=tuple(e for part in parts for e in part.entities))


class SlotsForm:
    """What an utterance wants, and the parts that say how: a label and a list of texts with their slots."""

    kind: ClassVar[str] = "slots"

    def __init__(self, intents: Sequence[str], labels: Sequence[str]) -> None:
        self.intents, self.labels = checked(intents, "slots (the intents)"), checked(labels, self.kind)

    def task(self, *, chinese: bool) -> str:
        """Return the line that says what is asked."""
        if chinese:
            return f"说出每句话的意图（{'、'.join(self.intents)}）和其中的{'、'.join(self.labels)}。\n\n"
        return f"Say what each request wants ({', '.join(self.intents)}) and find every {' or '.join(self.labels)}.\n\n"

    def asks(self, document: Document, line: Line, *, chinese: bool) -> str:
        """Return the utterance and what is asked of it."""
        return f"文字：{line.text}\n意图：" if chinese else f"Request: {line.text}\nWanted: "

    def grammar(self, line: Line) -> str:
        """Return an intent with a list of slots."""
        item = _object(value=_SPANNED, slot="label")
        return _grammar(
            _object(intent="intent", slots=f"({_list(item)})"), line, label=self.labels, intent=self.intents
        )

    def answer(self, document: Document) -> Any:
        """Return the intent and the slots."""
        intent = document.labels.get(self.kind)
        slots = [{"value": " ".join(e.text.split()), "slot": e.label} for e in document.slots]
        return {"intent": intent.label if intent else "", "slots": slots}

    def found(self, document: Document, line: Line, answer: Any) -> Document:
        """Return the document with its intent and slots."""
        slots = _placed(document.text, line, ((item["value"], item["slot"]) for item in answer["slots"]))
        return replace(document, slots=slots, labels={**document.labels, self.kind: Label(answer["intent"])})

    def used(self, document: Document) -> set[str]:
        """Return its slots."""
        return {e.label for e in document.slots}

    def merged(self, parts: Sequence[Document]) -> Document:
        """Return all slots, and the intent of the beginning."""
        return replace(parts[0], slots=tuple(e for part in parts for e in part.slots))


class RelationForm:
    """Relations: a list of two texts with what holds between them; of the entities, where the document has some."""

    kind: ClassVar[str] = "relation"

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = checked(labels, self.kind)

    def task(self, *, chinese: bool) -> str:
        """Return the line that says what is asked."""
        if chinese:
            return f"找出每段文字中的关系：{'、'.join(self.labels)}。\n\n"
        return f"Find these relations in each text: {', '.join(self.labels)}.\n\n"

    def asks(self, document: Document, line: Line, *, chinese: bool) -> str:
        """Return the text and what is asked of it."""
        return f"文字：{line.text}\n关系：" if chinese else f"Text: {line.text}\nRelations: "

    def grammar(self, line: Line) -> str:
        """Return a list of subject, relation and object, empty where nothing is found."""
        return _grammar(_list(_object(subject=_SPANNED, relation="label", object=_SPANNED)), line, label=self.labels)

    def answer(self, document: Document) -> Any:
        """Return the relations."""
        return [
            {
                "subject": " ".join(r.subject.text.split()),
                "relation": r.label,
                "object": " ".join(r.object.text.split()),
            }
            for r in document.relations
        ]

    def found(self, document: Document, line: Line, answer: Any) -> Document:
        """Return the document with its relations, their ends those entities of the document that are named so."""
        relations: dict[tuple[Entity, str, Entity], Relation] = {}
        for item in answer:
            subject, object_ = (_end(document, line, item[side]) for side in ("subject", "object"))
            if subject and object_ and (subject.start, subject.end) != (object_.start, object_.end):
                key = (subject, item["relation"], object_)
                relations.setdefault(key, Relation(subject, item["relation"], object_))
        return replace(document, relations=tuple(relations.values()))

    def used(self, document: Document) -> set[str]:
        """Return the names of its relations."""
        return {r.label for r in document.relations}

    def merged(self, parts: Sequence[Document]) -> Document:
        """Return each relation once."""
        return replace(parts[0], relations=tuple(dict.fromkeys(r for part in parts for r in part.relations)))


class QaForm:
    """The answer to a document's query: a text, empty where the document holds none."""

    kind: ClassVar[str] = "qa"
    labels: tuple[str, ...] = ()

    def task(self, *, chinese: bool) -> str:
        """Return the line that says what is asked."""
        if chinese:
            return '用文字中的原话回答每个问题；文字里没有答案时写 ""。\n\n'
        return 'Answer each question with words of its text, or "" where the text does not say.\n\n'

    def asks(self, document: Document, line: Line, *, chinese: bool) -> str:
        """Return the text and the question on it."""
        question = " ".join(document.query.split())
        if chinese:
            return f"文字：{line.text}\n问题：{question}\n回答："
        return f"Text: {line.text}\nQuestion: {question}\nAnswer: "

    def grammar(self, line: Line) -> str:
        """Return a text or an empty one."""
        return _grammar(f'{_SPANNED} | "\\"\\""', line)

    def answer(self, document: Document) -> Any:
        """Return the first answer."""
        return " ".join(document.answers[0].text.split()) if document.answers else ""

    def found(self, document: Document, line: Line, answer: Any) -> Document:
        """Return the document with its answer, where it has one."""
        places = line.occurrences(answer)
        answers = tuple(Answer(document.text[a:b], a, b) for a, b in places[:1])
        return replace(document, answers=answers)

    def used(self, document: Document) -> set[str]:
        """Return nothing: answers have no labels."""
        return set()

    def merged(self, parts: Sequence[Document]) -> Document:
        """Return the first answer."""
        return next((part for part in parts if part.answers), parts[0])


_SPANNED = r'"\"" SPAN "\""'


def _object(**values: str) -> str:
    """Return the grammar of an object with these keys, as `json.dumps` writes it."""
    parts = [f'"{", " if n else ""}\\"{key}\\": " {value}' for n, (key, value) in enumerate(values.items())]
    return f'"{{" {" ".join(parts)} "}}"'


def _list(item: str) -> str:
    return f'"[" ({item} (", " {item})*)? "]"'


def _grammar(start: str, line: Line, **labels: Sequence[str]) -> str:
    rules = [f"start: {start}"]
    for name, allowed in labels.items():
        written = (json.dumps(json.dumps(label, ensure_ascii=False), ensure_ascii=False) for label in allowed)
        rules.append(f"{name}: {' | '.join(written)}")
    return "\n".join(rules) + _SPAN.format(json.dumps(line.chunks(), ensure_ascii=False))


def _placed(text: str, line: Line, named: Iterable[tuple[str, str]]) -> tuple[Entity, ...]:
    """Return named parts of a text with their places: the n-th naming at the n-th place, none over another."""
    met: dict[str, int] = {}
    spans: list[Entity] = []
    for part, label in named:
        places, n = line.occurrences(part), met.get(part, 0)
        met[part] = n + 1
        if n < len(places) and not any(e.start < places[n][1] and places[n][0] < e.end for e in spans):
            spans.append(Entity(text[slice(*places[n])], *places[n], label))
    return tuple(sorted(spans, key=lambda e: e.start))


def _end(document: Document, line: Line, part: str) -> Entity | None:
    """Return the entity of a document that is named so, else the first place of the part, without a type."""
    places = line.occurrences(part)
    known = next((e for e in document.entities if (e.start, e.end) in places), None)
    return known or next((Entity(document.text[a:b], a, b, "") for a, b in places), None)


def checked(labels: Sequence[str] | Mapping[str, Any], kind: str, least: int = 1) -> tuple[str, ...]:
    """Return the labels of a task.

    Raises:
        InputError: there are fewer than `least`, or one is empty, no word, or there twice.

    """
    found = tuple(labels)
    if isinstance(labels, str) or len(found) < least:
        raise InputError(f"the labels for {kind} are {labels!r}; give {('one', 'two')[least - 1]} or more, in words")
    for n, label in enumerate(found):
        if not isinstance(label, str) or not label.strip():
            raise InputError(f"label {n} is {label!r}, for {kind}; allowed: words")
        if label in found[:n]:
            raise InputError(f"the label {label!r} is there twice, for {kind}; give each once")
    return found


def form_of(kind: str, labels: Sequence[str] | Mapping[str, Sequence[str]]) -> Form:
    """Return how a kind of task is put in words.

    Args:
        kind: "ner", "relation", "slots" or "qa".
        labels: what may be found; for "slots" {"intents": [...], "slots": [...]}, for "qa" nothing.

    Raises:
        InputError: no such kind, or labels that cannot be.

    """
    if kind == SlotsForm.kind:
        if not isinstance(labels, Mapping) or set(labels) != {"intents", "slots"}:
            raise InputError(f'the labels for slots are {labels!r}; give {{"intents": [...], "slots": [...]}}')
        return SlotsForm(labels["intents"], labels["slots"])
    if kind == QaForm.kind:
        if labels:
            raise InputError(f"the labels for qa are {labels!r}; it finds answers and has no labels: give none ([])")
        return QaForm()
    forms: dict[str, type[NerForm] | type[RelationForm]] = {NerForm.kind: NerForm, RelationForm.kind: RelationForm}
    if kind not in forms:
        raise InputError(f"no task {kind!r} can be shown; allowed: ner, relation, slots, qa, classification")
    return forms[kind](labels if isinstance(labels, str) else tuple(labels))
