"""Entities, relations, slots and answers without training: a decoder is shown examples and writes JSON.

What it writes is bound by a grammar made for each text, whose texts are parts of that text: what comes out parses, says
nothing that does not stand there, and may be empty. A long text is read in stretches.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from nlpkit.adapters import Adapted
from nlpkit.constraints import Constraint, from_lark
from nlpkit.errors import InputError
from nlpkit.generate import Generator
from nlpkit.incontext.examples import Chooser, Embed, Shot
from nlpkit.incontext.forms import Form, Line, form_of
from nlpkit.text import chinese, windows
from nlpkit.types import Document, Example

_ANSWER_PIECES = 256
"""Pieces of an answer at most."""
_LEAST_TEXT = 16
"""Pieces of a text that must fit into a prompt."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A part of a document that is read at once, with its prompt and what that shows."""

    number: int
    line: Line
    prompt: str
    shown: int
    left_out: int


class Extraction:
    """Finds without training what a head finds with it: same documents in, same documents out, without scores.

    Args:
        adapted: a decoder with its adapters.
        kind: "ner", "relation", "slots" or "qa".
        labels: what may be found, or each with a description ("" for none); for "slots" {"intents": [...], "slots":
            [...]}, for "qa" nothing.
        examples: documents with what should be found in them.
        k: how many of them a prompt shows at most.
        embed: what finds the examples nearest to a text where there are more.
        adapter: the name of a loaded adapter to read with.

    Raises:
        InputError: labels or examples that cannot be.
        BackboneError: the backbone is no decoder.
        MissingExtraError: llguidance is not installed.

    """

    def __init__(
        self,
        adapted: Adapted,
        kind: str,
        labels: Sequence[str] | Mapping[str, str] | Mapping[str, Sequence[str]],
        examples: Sequence[Document | Example] = (),
        *,
        k: int = 16,
        embed: Embed | None = None,
        adapter: str | None = None,
    ) -> None:
        self.form: Form = form_of(kind, labels)
        self.kind = kind
        self._generator = Generator(adapted)
        self._adapter = adapter
        golds = [_gold(example, n, self.form) for n, example in enumerate(examples)]
        self._chinese = chinese(" ".join((*self.form.labels, *(d.text for d in golds))))
        described = (
            [f"{label}: {says}\n" for label, says in dict(labels).items() if isinstance(says, str) and says]
            if isinstance(labels, Mapping)
            else []
        )
        self._task = self.form.task(chinese=self._chinese)[:-1] + "".join(described) + "\n"
        shots = [Shot(d.text, self._shot(d)) for d in golds]
        self._chooser = Chooser(shots, k, embed or adapted.backbone.embed)
        # Made once so that a missing extra is told now.
        self._bound(Line.of("-"))

    def read(self, documents: Sequence[Document]) -> list[Document]:
        """Return the documents with what is found, and in `metadata["in_context"]` what their prompts showed.

        Raises:
            InputError: the labels alone leave no room for a text.

        """
        stretches = self._stretches(documents)
        bounds = [self._bound(stretch.line) for stretch in stretches]
        prompts = [stretch.prompt for stretch in stretches]
        pieces = min(_ANSWER_PIECES, self._room // 2)
        answers = self._generator.bound(prompts, bounds, adapter=self._adapter, max_new_tokens=pieces)
        found = list(documents)
        pairs = zip(stretches, answers, strict=True)
        for number, own in groupby(pairs, key=lambda pair: pair[0].number):
            whole, shown = documents[number], {"shown": 0, "left_out": 0}
            parts = []
            for stretch, answer in own:
                parts.append(self.form.found(whole, stretch.line, answer.value))
                shown = {"shown": stretch.shown, "left_out": stretch.left_out}
            merged = self.form.merged(parts)
            found[number] = replace(merged, metadata={**whole.metadata, "in_context": shown})
        return found

    @property
    def _room(self) -> int:
        return self._generator.adapted.backbone.max_pieces

    def _bound(self, line: Line) -> Constraint:
        """Return what an answer is bound to: where a blank stands before it, as in the examples, it is the answer's."""
        blank = self.form.asks(Document("-", query="-"), line, chinese=self._chinese).endswith(" ")
        grammar = self.form.grammar(line)
        return from_lark(
            grammar.replace("start: ", 'start: " " answer\nanswer: ', 1) if blank else grammar, is_json=True
        )

    def written(self, gold: Document, shots: Sequence[Document]) -> Document:
        """Return a prompt that shows examples, as the query, with the answer that is due to a document."""
        own = self.form.asks(gold, Line.of(gold.text), chinese=self._chinese)
        prompt = "".join((self._task, *map(self._shot, shots), own))
        blank = prompt[len(prompt.rstrip(" ")) :]
        return Document(f"{blank}{self._answer(gold)}\n", query=prompt.rstrip(" "))

    def _answer(self, document: Document) -> str:
        return json.dumps(self.form.answer(document), ensure_ascii=False)

    def _shot(self, document: Document) -> str:
        asked = self.form.asks(document, Line.of(document.text), chinese=self._chinese)
        return f"{asked}{self._answer(document)}\n\n"

    def _stretches(self, documents: Sequence[Document]) -> list[_Stretch]:
        """Return the parts of the documents with their prompts: as many examples as fit beside the text."""
        plain = self._generator.prompts.plain
        chosen = self._chooser.chosen([d.text for d in documents])
        room = self._room - min(_ANSWER_PIECES, self._room // 2) - len(plain(self._task)) - _LEAST_TEXT
        if room < _LEAST_TEXT:
            raise InputError(
                f"what is asked of {self.kind!r} takes {len(plain(self._task))} of the {self._room} pieces that the "
                "model reads at once and leaves no room for a text; give fewer labels, or shorter descriptions"
            )
        found = []
        for number, (document, shots) in enumerate(zip(documents, chosen, strict=True)):
            if not document.text.strip() or (self.kind == "qa" and not document.query):
                continue
            frame = len(plain(self.form.asks(replace(document, text=""), Line.of("-"), chinese=self._chinese)))
            if frame > room - _LEAST_TEXT:
                raise InputError(f"the query {document.query[:40]!r}... leaves no room for a text; shorten it")
            for start, end in self._parts(document, room - frame):
                line = Line.of(document.text, start, end)
                own = self.form.asks(document, line, chinese=self._chinese)
                kept, left = list(shots), room - len(plain(own))
                while kept and sum(len(plain(shot.answer)) for shot in kept) > left:
                    del kept[0]  # the nearest stand last
                prompt = "".join((self._task, *(shot.answer for shot in kept), own)).rstrip(" ")
                found.append(_Stretch(number, line, prompt, len(kept), len(shots) - len(kept)))
        return found

    def _parts(self, document: Document, room: int) -> list[tuple[int, int]]:
        """Return where a document is cut: nowhere where it fits, else between words."""
        encode = self._generator.adapted.backbone.encode
        cut = list(windows(document.text, encode, size=room, overlap=0))
        bounds = [0, *(int(window.offsets[0, 0]) for window in cut[1:]), len(document.text)]
        return list(pairwise(bounds))


def _gold(example: Document | Example, number: int, form: Form) -> Document:
    """Return an example's document, if the task's labels are all that it has.

    Raises:
        InputError: it is no document, or has a label that is none of them.

    """
    document = example.document if isinstance(example, Example) else example
    if not isinstance(document, Document) or not document.text.strip():
        raise InputError(f"example {number} is {example!r:.80}; allowed: a Document with what should be found in it")
    unknown = sorted(form.used(document) - set(form.labels))
    if unknown:
        raise InputError(f"example {number} has the label {unknown[0]!r}; allowed: {', '.join(form.labels)}")
    return document
