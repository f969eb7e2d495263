"""What goes in and what comes out: frozen values, no torch.

Every offset is a half-open character offset into the text as given, in every language.
A score is a calibrated probability in [0, 1], or None where there is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from nlpkit.errors import InputError

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

MentionKind = Literal["name", "pronoun", "nominal"]
Role = Literal["system", "user", "assistant"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant")


_MARK = re.compile(r"<(e[12])>([^<>]+)</\1>")


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a text: `text == document.text[start:end]`."""

    text: str
    start: int
    end: int

    def to_dict(self) -> dict[str, Any]:
        """Return the span as plain JSON types."""
        return {"text": self.text, "start": self.start, "end": self.end}


@dataclass(frozen=True, slots=True)
class Entity:
    """A mention of an entity found in a text."""

    text: str
    start: int
    end: int
    label: str
    score: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the entity as plain JSON types."""
        return {"text": self.text, "start": self.start, "end": self.end, "label": self.label, "score": self.score}


@dataclass(frozen=True, slots=True)
class Mention:
    """One place where a chain is mentioned: by name, by pronoun or by a nominal such as "the company"."""

    text: str
    start: int
    end: int
    kind: MentionKind = "name"

    def to_dict(self) -> dict[str, Any]:
        """Return the mention as plain JSON types."""
        return {"text": self.text, "start": self.start, "end": self.end, "kind": self.kind}


@dataclass(frozen=True, slots=True)
class Chain:
    """One entity of one document: all its mentions, in the order of the text (a coreference chain)."""

    name: str
    label: str
    mentions: tuple[Mention, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the chain as plain JSON types."""
        return {"name": self.name, "label": self.label, "mentions": [m.to_dict() for m in self.mentions]}


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation between two entities of a document.

    `subject` and `object` are mentions; each belongs to exactly one chain of the document.
    `property` is the id of the relation in its vocabulary (Wikidata: "P19"), `evidence` the
    sentences that support it, the strongest first.
    """

    subject: Entity
    label: str
    object: Entity
    score: float | None = None
    property: str | None = None
    evidence: tuple[Span, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the relation as plain JSON types."""
        return {
            "subject": self.subject.to_dict(),
            "label": self.label,
            "property": self.property,
            "object": self.object.to_dict(),
            "score": self.score,
            "evidence": [s.to_dict() for s in self.evidence],
        }


@dataclass(frozen=True, slots=True)
class Label:
    """A label given to a whole text. `others` are the further labels where a text may have several."""

    label: str
    score: float | None = None
    others: tuple[Label, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the label as plain JSON types."""
        others = {"others": [label.to_dict() for label in self.others]} if self.others else {}
        return {"label": self.label, "score": self.score, **others}


@dataclass(frozen=True, slots=True)
class Answer:
    """A span of a text that answers a question. `document` is the id of that text where there were several."""

    text: str
    start: int
    end: int
    score: float | None = None
    document: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain JSON types."""
        document = {"document": self.document} if self.document else {}
        return {"text": self.text, "start": self.start, "end": self.end, "score": self.score, **document}


@dataclass(frozen=True, slots=True)
class Similar:
    """A text near in meaning to a query: its number among the texts given, and the cosine of the two (no score)."""

    text: str
    number: int
    similarity: float

    def to_dict(self) -> dict[str, Any]:
        """Return the text as plain JSON types."""
        return {"text": self.text, "number": self.number, "similarity": self.similarity}


@dataclass(frozen=True, slots=True)
class Generation:
    """A text that a decoder wrote.

    `finish` says why it ended: "end" (the model's own end), "stop" (a stop string, which is not part of the text) or
    "length" (no more pieces were allowed). `n_tokens` counts what was written, `dropped` the pieces of the prompt that
    were left out because the model reads no more at once. `value` is what a text says that was bound to a grammar: the
    choice, or the values of its JSON. A text that a filter objects to is "withheld": it is empty, `reasons` say why.
    """

    text: str
    finish: Literal["end", "stop", "length", "withheld"]
    n_tokens: int
    dropped: int = 0
    value: Any = None
    reasons: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the text and how it ended as plain JSON types."""
        reasons = {"reasons": list(self.reasons)} if self.reasons else {}
        return {"text": self.text, "finish": self.finish, "n_tokens": self.n_tokens, "dropped": self.dropped, **reasons}


@dataclass(frozen=True, slots=True)
class Source:
    """What a reply leans on: the characters [start, end) of a document."""

    document: str
    start: int
    end: int
    text: str

    def to_dict(self) -> dict[str, Any]:
        """Return the source as plain JSON types."""
        return {"document": self.document, "start": self.start, "end": self.end, "text": self.text}


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of a conversation: who spoke, and what was said.

    A reply's `act` says what it does ("answer", "ask", "small_talk", "unknown"; see `nlpkit.dialogue.Dialogue`),
    `sources` what it leans on, the strongest first, and `score` how sure that is; None where nothing was looked up.
    """

    role: Role
    text: str
    act: str = ""
    sources: tuple[Source, ...] = ()
    score: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the turn as plain JSON types; "role" and "content" are what chat templates know."""
        reply = {"act": self.act, "sources": [s.to_dict() for s in self.sources], "score": self.score}
        return {"role": self.role, "content": self.text, **(reply if self.act else {})}

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Turn:
        """Make a turn of what `to_dict` gives.

        Raises:
            KeyError, TypeError: it is no such table.

        """
        sources = tuple(Source(**source) for source in table.get("sources", ()))
        return cls(table["role"], table["content"], table.get("act", ""), sources, table.get("score"))


@dataclass(frozen=True, slots=True)
class Document:
    """A text and everything found in it.

    `query` is what is read before the text: the question that it should answer, or the first sentence of a pair.
    `history` are the turns of a conversation before the text. `labels` are by task; `slots` are the parts of an
    utterance that its intent needs; `answers` come best first, none where the text holds no answer.
    """

    text: str
    id: str = ""
    entities: tuple[Entity, ...] = ()
    chains: tuple[Chain, ...] = ()
    relations: tuple[Relation, ...] = ()
    labels: Mapping[str, Label] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    query: str = ""
    slots: tuple[Entity, ...] = ()
    answers: tuple[Answer, ...] = ()
    history: tuple[Turn, ...] = ()

    @classmethod
    def marked(cls, text: str, *, label: str = "") -> Document:
        """Return the Document of a text with two marked entities, `<e1>like this</e1> <e2>one</e2>`, as its chains.

        This is what a `relation` head with `exclusive` reads (SemEval-2010 task 8).

        Args:
            text: the text with its marks; `<e2>` may come first.
            label: the entities' type, where the head knows several.

        Raises:
            InputError: the text lacks a mark, or has one twice.

        """
        marks = sorted(_MARK.finditer(text), key=lambda m: m.start())
        if sorted(m[1] for m in marks) != ["e1", "e2"]:
            raise InputError(f"{text[:60]!r} needs <e1>...</e1> and <e2>...</e2>, each once and side by side")
        bare, at, chains = "", 0, []
        for mark in marks:
            bare += text[at : mark.start()]
            mention = Mention(mark[2], len(bare), len(bare) + len(mark[2]))
            chains.append(Chain(mark[2], label, (mention,)))
            bare, at = bare + mark[2], mark.end()
        return cls(bare + text[at:], chains=tuple(chains))

    def to_dict(self) -> dict[str, Any]:
        """Return the document as plain JSON types (the shape `nlpkit predict --json` prints)."""
        return {
            **({"id": self.id} if self.id else {}),
            "text": self.text,
            "entities": [e.to_dict() for e in self.entities],
            "chains": [c.to_dict() for c in self.chains],
            "relations": [r.to_dict() for r in self.relations],
            "labels": {task: label.to_dict() for task, label in self.labels.items()},
            **({"query": self.query} if self.query else {}),
            **({"history": [t.to_dict() for t in self.history]} if self.history else {}),
            **({"slots": [e.to_dict() for e in self.slots]} if self.slots else {}),
            **({"answers": [a.to_dict() for a in self.answers]} if self.answers else {}),
            **({"metadata": dict(self.metadata)} if self.metadata else {}),
        }

    def to_spacy(self, nlp: Language | None = None) -> Doc:
        """Return a spaCy Doc with entities, categories and relations; `from_spacy` takes it back.

        Entities that do not end on the tokens' borders are widened to them, and of overlapping ones the longest is in
        `ents`; everything as it was found is kept in `user_data`.

        Args:
            nlp: the pipeline whose tokenizer is used; by default a blank multilingual one.

        Raises:
            InputError: its tokenizer does not keep the text.
            MissingExtraError: spaCy is not installed.

        """
        from nlpkit.spacydoc import to_spacy

        return to_spacy(self, nlp)

    @classmethod
    def from_spacy(cls, doc: Doc) -> Document:
        """Return a spaCy Doc as a Document: what `to_spacy` or the component "nlpkit" wrote, else `ents` and `cats`.

        Where a Doc's `ents` were changed afterwards, they are the entities.
        """
        from nlpkit.spacydoc import from_spacy

        return from_spacy(doc)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the things that a question may mean, and how well it agrees with what is known of the answers.

    `name` says it in short, `words` in plain words: the whole, then each of its steps in turn. `worth` is from 0 to 1:
    the F1 of what it gives and the answers given. A `kgqa` head learns from a Document whose `metadata["choices"]`
    holds them.
    """

    name: str
    words: tuple[str, ...]
    worth: float


@dataclass(frozen=True, slots=True)
class Example:
    """A document with what a task should find in it: one unit of training or evaluation.

    `document.chains` and `document.relations` hold the gold structure; the relations' subject and
    object are the first mentions of their chains. `line` is that of the file where it begins, from 1 on; 0 where the
    file has no lines.
    """

    document: Document
    source: str = ""
    line: int = 0
