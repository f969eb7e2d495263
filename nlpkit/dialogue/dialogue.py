"""A conversation: each turn is understood, what is known is asked, and the reply says what it leans on."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from nlpkit.dialogue import saving, smalltalk
from nlpkit.dialogue.followups import Exchange, Spoken, gender, readings
from nlpkit.dialogue.state import Schema, State, tracked
from nlpkit.dialogue.tasks import Phrase, Step, Tasks
from nlpkit.errors import InputError, QuestionError
from nlpkit.graph.records import GraphAnswer, Node
from nlpkit.schemas import turns
from nlpkit.text import chinese
from nlpkit.types import Answer, Document, Source, Turn

_MOST = 10_000
"""Characters of a turn at most."""


class Graph(Protocol):
    """What a conversation asks of a knowledge graph (`nlpkit.KnowledgeGraph`)."""

    def ask(self, question: str) -> GraphAnswer:
        """Answer a question, or abstain."""
        ...

    def named(self, text: str) -> list[Node]:
        """Return the entities that a text names."""
        ...

    def node(self, node_id: int) -> Node:
        """Return an entity by its id."""
        ...


class Reader(Protocol):
    """What a conversation asks of a kit."""

    def __call__(self, texts: str | Document) -> Document:
        """Read a text for all tasks, in one pass for each adapter."""
        ...


@dataclass(frozen=True, slots=True)
class _Said:
    """A reply in the making: its turn, the text of which `parts` go on, and what was spoken of."""

    turn: Turn
    exchange: Exchange | None = None
    why: str = ""
    parts: Iterable[str] = ()


class Dialogue:
    """A conversation. Call it with what the user says to get the reply, a Turn with its act, sources and score.

    Acts: "answer" (from the graph), "answer_text" (from documents), "ask" (for a slot that is missing), "done" (all
    slots of a task are there), "small_talk", "unknown".

    Args:
        kit: reads the turns, with the tasks that are loaded on it.
        graph: answers questions from facts; what changes in it counts from the next question on.
        search: answers questions from documents: a question -> answers, the best first.
        schema: tasks with slots, which a tracker or a `slots` task of the kit finds.
        say: writes small talk and what else has no ready reply: the turns so far -> parts of a text.
        phrase: words what a task asks and confirms in English: what the user said, the state, acts -> a reply (see
            `nlpkit.phrasing.Phrasing`); templates where it is not given.
        tracks: whether the kit has a tracker (a `dialogue` head), which reads the schema with each turn.
        least: the least score of an answer from documents.

    Attributes:
        turns: what was said, on both sides.
        state: what the task in hand has settled.

    """

    def __init__(
        self,
        kit: Reader,
        *,
        graph: Graph | None = None,
        search: Callable[[str], Sequence[Answer]] | None = None,
        schema: Schema | Mapping[str, Any] | None = None,
        say: Callable[[Sequence[Turn]], Iterator[str]] | None = None,
        phrase: Phrase | None = None,
        tracks: bool = False,
        least: float = 0.3,
    ) -> None:
        self.kit, self.graph, self._search, self._say, self._least = kit, graph, search, say, least
        self._tracks = tracks
        self.schema = schema if isinstance(schema, Schema) or schema is None else Schema.from_dict(schema)
        named = self._nodes if graph else None
        self._tasks = Tasks(self.schema, named=named, phrase=phrase) if self.schema else None
        self.forget()

    def forget(self) -> None:
        """Begin anew: nothing that was said counts any more."""
        self.turns: list[Turn] = []
        self.state = State()
        self._readings: dict[str, Document] = {}
        self._history: list[Exchange] = []
        self._why = ""

    def __call__(self, text: str) -> Turn:
        """Take a turn of the user and return the reply.

        Raises:
            InputError: nothing was said, or far too much.

        """
        for _ in self.stream(text):
            pass
        return self.turns[-1]

    def stream(self, text: str) -> Generator[str, None, None]:
        """Take a turn of the user and yield the reply in parts, as they are written.

        To end the iteration ends the reply: what was written until then is the turn, and the conversation goes on.

        Raises:
            InputError: nothing was said, or far too much.

        """
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"the turn is {text!r:.40}; say something")
        if len(text) > _MOST:
            raise InputError(f"the turn has {len(text):,} characters; say at most {_MOST:,} at once")
        self._readings = {}
        return self._spoken(text.strip(), self._reply(text.strip()))

    def _spoken(self, text: str, said: _Said) -> Generator[str, None, None]:
        """Yield a reply, and take both turns down once it has ended, however it does."""
        reply = said.turn.text
        try:
            if reply:
                yield reply
            for part in said.parts:
                reply += part
                yield part
        finally:
            self.turns += [Turn("user", text), replace(said.turn, text=reply)]
            if said.exchange:
                self._history.append(said.exchange)
            self._why = said.why or "nothing was looked up"

    @property
    def understood(self) -> Document | None:
        """The user's last turn as the kit reads it, all its tasks in one pass: entities, labels, slots."""
        last = next((turn.text for turn in reversed(self.turns) if turn.role == "user"), None)
        return None if last is None else self._read(last)

    def why(self) -> str:
        """Return what the last reply leans on: the question as it was understood, the path, the evidence."""
        return self._why if self.turns else "nothing was said yet"

    def save(self, path: str | Path) -> None:
        """Write the conversation as JSON, whole or not at all."""
        saving.save(path, self.turns, self.state, self._history)

    def load(self, path: str | Path) -> None:
        """Take up a conversation that was saved.

        Raises:
            InputError: the file is none, or damaged; the conversation at hand stays as it is.

        """
        self.turns, self.state, self._history = saving.load(path)
        self._why = "the conversation was taken up; ask something"

    def _reply(self, text: str) -> _Said:
        zh = chinese(text)
        kind = smalltalk.kind_of(text)
        if kind == "cancel":
            self.state = State()
            return _Said(Turn("assistant", smalltalk.reply(kind, chinese=zh), "small_talk"), why="the task was left")
        if kind and not (self.state.asked and kind == "praise"):
            if self._say:
                return _Said(Turn("assistant", "", "small_talk"), parts=self._say([*self.turns, Turn("user", text)]))
            return _Said(Turn("assistant", smalltalk.reply(kind, chinese=zh), "small_talk"))
        asks = text.rstrip().endswith(("?", "？"))
        if not asks and (said := self._task(text)):
            return said
        answered = self._answered(text)
        if answered.turn.act != "unknown":
            return answered
        if asks and (said := self._task(text)):
            return said
        if self._tasks and self.state.asked and not asks:
            return self._taken(self._tasks.ask(text, self.state, self.state.asked, again=True))
        if self._say and not asks and not answered.exchange:
            # A writer is asked for talk alone: what is asked and not known is said to be so.
            return _Said(Turn("assistant", "", "small_talk"), parts=self._say([*self.turns, Turn("user", text)]))
        return replace(answered, turn=replace(answered.turn, text="我不知道。" if zh else "I do not know."))

    def _named(self, text: str) -> list[Spoken]:
        """Return what a text names: as the graph knows it, else as the kit reads it."""
        if nodes := self._nodes(text):
            return [Spoken(n.name, n.type, gender(n.name) if n.type == "PER" else "") for n in nodes]
        entities = self._read(text).entities if text.strip() else ()
        return [Spoken(e.text, e.label, gender(e.text) if e.label == "PER" else "") for e in entities]

    def _read(self, text: str) -> Document:
        """Return a text as the kit reads it, once a turn."""
        if text not in self._readings:
            self._readings[text] = self.kit(text)
        return self._readings[text]

    def _nodes(self, text: str) -> list[Node]:
        """Return the graph's entities that a text names."""
        if self.graph:
            with suppress(QuestionError):  # no word in it, or far too many
                return self.graph.named(text)
        return []

    def _answered(self, text: str) -> _Said:
        """Return the answer of the graph, else of the documents, else that it is not known."""
        questions = readings(text, self._history, self._named)
        question, found = questions[0], None
        if self.graph:
            try:
                question, found = self._asked(questions)
            except QuestionError as e:
                return _Said(Turn("assistant", "", "unknown"), why=f"the graph: {e}")
        read = f"understood as: {question}\n" if question != text else ""
        topics = tuple(self._named(question))
        notes = []
        if found:
            if not found.abstained:
                answers = tuple(self._answer_spoken(question, a.text, a.id) for a in found.answers)
                sources = tuple(Source(e.document, e.start, e.end, e.text) for e in found.evidence)
                said = _listed([a.text for a in found.answers], chinese=chinese(question))
                turn = Turn("assistant", said, "answer", sources, found.score)
                return _Said(turn, Exchange(question, topics, answers), read + _path(found))
            notes.append(f"the graph: {found.note}")
        if self._search:
            answers_ = [a for a in self._search(question) if a.score is None or a.score >= self._least]
            if answers_:
                best = answers_[0]
                source = Source(best.document, best.start, best.end, best.text)
                spoken = tuple(self._named(best.text)[:1]) or (Spoken(best.text, ""),)
                turn = Turn(
                    "assistant", _listed([best.text], chinese=chinese(question)), "answer_text", (source,), best.score
                )
                why = f"{read}read in {best.document} at {best.start}-{best.end}: {best.text}"
                return _Said(turn, Exchange(question, topics, spoken), why)
            notes.append("the documents: no passage holds an answer")
        exchange = Exchange(question, topics) if topics else None
        return _Said(Turn("assistant", "", "unknown"), exchange, read + "; ".join(notes))

    def _asked(self, questions: Sequence[str]) -> tuple[str, GraphAnswer]:
        """Return the first of the questions that the graph answers, else the first one, with what the graph says."""
        assert self.graph is not None
        first: GraphAnswer | None = None
        for question in questions:
            found = self.graph.ask(question)
            if not found.abstained:
                return question, found
            first = first or found
        assert first is not None
        return questions[0], first

    def _answer_spoken(self, question: str, name: str, node_id: int | None) -> Spoken:
        label = self.graph.node(node_id).type if self.graph and node_id is not None else "NUM"
        said = " ".join(word for word in question.replace("'s", " ").split() if word[:1].islower())
        return Spoken(name, label, gender(name, said) if label == "PER" else "")

    def _task(self, text: str) -> _Said | None:
        """Return the reply to a turn that fills a task, None where it fills none."""
        if not self._tasks:
            return None
        step = self._tasks.step(text, self.state, *self._understood(text, self._tasks.schema))
        return self._taken(step) if step else None

    def _understood(self, text: str, schema: Schema) -> tuple[str, dict[str, str]]:
        """Return what a turn wants and the values that it gives: by a tracker, else as the `slots` task reads it."""
        if self._tracks:
            last = next((turn.text for turn in reversed(self.turns) if turn.role == "assistant"), "")
            return tracked(self.kit(Document(turns(last, text), query=schema.query)), schema)
        found = self._read(text)
        intent = next((one.label for one in found.labels.values() if one.label in schema.intents), "")
        return intent, {span.label: span.text for span in found.slots if span.label in schema.slots}

    def _taken(self, step: Step) -> _Said:
        """Take down where a task stands, and return its reply."""
        self.state = step.state
        return _Said(step.turn, why=step.why)


def _listed(names: Sequence[str], *, chinese: bool) -> str:
    *most, last = names
    if chinese:
        return "、".join(names) + "。"
    return (f"{', '.join(most)} and {last}" if most else last).rstrip(".") + "."


def _path(found: GraphAnswer) -> str:
    steps = [f"{subject} — {relation} → {object_}" for subject, relation, object_ in found.path]
    said = [f"{e.document} at {e.start}-{e.end}: {e.text}" for e in found.evidence]
    return "\n".join([f"plan: {found.plan}", *steps, *said])
