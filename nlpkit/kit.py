"""Many tasks on one backbone, in the fewest passes: texts in, Documents out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, Protocol, overload

import numpy as np
from numpy.typing import NDArray

from nlpkit import answering, engine, zeroshot
from nlpkit.adapters import Adapted
from nlpkit.checkpoint import Task
from nlpkit.combining import combined, documents_of
from nlpkit.dialogue import Dialogue, Graph, Schema, State
from nlpkit.domain import Domain
from nlpkit.embedded import EMBEDDED
from nlpkit.errors import AdapterError, InputError
from nlpkit.heads.kgqa import KgqaHead, Learned
from nlpkit.replies import Act
from nlpkit.search import Index
from nlpkit.types import Answer, Document, Label, Similar, Turn


class Shown(Protocol):
    """A task that a decoder is shown in its prompt (see `nlpkit.incontext`)."""

    @property
    def kind(self) -> str:
        """The kind of head that it stands for."""
        ...

    def read(self, documents: Sequence[Document]) -> list[Document]:
        """Return the documents with what was found in them."""
        ...


ANSWERING = "qa"
"""The kind of head that answers questions."""
TRACKING = "dialogue"
"""The kind of head that follows the state of a conversation."""
CHOOSING = "kgqa"
"""The kind of head that chooses a plan on a graph; it finds nothing in texts."""


class Kit:
    """One backbone with tasks on it. Call it on a text to get a Document, on a list to get a list.

    Tasks of one adapter share one forward pass. Several threads may call one kit.

    Attributes:
        adapted: the backbone with its adapters.
        tasks: the loaded tasks, by name.
        shown: tasks without training, which a decoder is shown in its prompt, by name.
        domain: what is known of the texts' domain, None but in a kit from a pack; findings are sifted by it.

    """

    def __init__(self, adapted: Adapted) -> None:
        self.adapted = adapted
        self.tasks: dict[str, Task] = {}
        self.shown: dict[str, Shown] = {}
        self.domain: Domain | None = None

    def add(self, task: Task) -> None:
        """Take a task up; its adapter is on this kit's backbone already."""
        self.tasks[task.name] = task

    def remove(self, name: str) -> None:
        """Take a task away, adapter and heads; the others' outputs stay what they were.

        Raises:
            AdapterError: no such task is loaded.

        """
        self.adapted.remove(self._task(name).name)
        del self.tasks[name]

    @property
    def revision(self) -> str:
        """The adapters that read, by name and fingerprint: what the graph writes beside each piece of evidence."""
        return " ".join(task.revision for task in self.tasks.values())

    @overload
    def __call__(self, texts: str | Document, *, tasks: Sequence[str] | None = None) -> Document: ...  # type: ignore[overload-overlap]  # a str is a Sequence[str] too

    @overload
    def __call__(
        self, texts: Sequence[str] | Sequence[Document], *, tasks: Sequence[str] | None = None
    ) -> list[Document]: ...

    def __call__(
        self, texts: str | Document | Sequence[str] | Sequence[Document], *, tasks: Sequence[str] | None = None
    ) -> Document | list[Document]:
        """Read texts: whatever the loaded tasks find.

        One pass a text for each distinct adapter; the layers below the lowest one that an adapter changes run once
        for all. A text of any length is covered whole, by overlapping windows. A text without words gives an empty
        Document. A head that answers a query reads only the Documents that have one.

        Args:
            texts: a string or Document, or a list of them.
            tasks: the names of the tasks to do; None: all.

        Raises:
            InputError: something among the texts is neither a string nor a Document.
            AdapterError: a task that is not loaded.

        """
        if isinstance(texts, str | Document):
            return self(documents_of([texts]), tasks=tasks)[0]
        documents = documents_of(texts)
        found: list[list[tuple[str, Document]]] = [[] for _ in documents]
        names = (*self.tasks, *self.shown) if tasks is None else tasks
        chosen = [self._task(name) for name in names if name not in self.shown]
        for queried in (False, True):
            jobs = [job for task in chosen if (job := _job(task, queried)).heads]
            numbers = [n for n, d in enumerate(documents) if d.query or not queried]
            bare = [d if queried else replace(d, query="") for d in (documents[n] for n in numbers)]
            for job, read in zip(jobs, engine.read_together(self.adapted, jobs, bare) if jobs else (), strict=True):
                for n, document in zip(numbers, read, strict=True):
                    found[n].append((job.adapter or "", document))
        read_whole = [combined(document, parts) for document, parts in zip(documents, found, strict=True)]
        for name in dict.fromkeys(name for name in names if name in self.shown):
            read_whole = self.shown[name].read(read_whole)
        return self._sifted(read_whole)

    def _sifted(self, documents: list[Document]) -> list[Document]:
        return documents if self.domain is None else [self.domain.sifted(document) for document in documents]

    def mixed(self, texts: Sequence[str] | Sequence[Document], tasks: Sequence[str]) -> list[Document]:
        """Read each text for one task of its own, in batches that mix the adapters row by row.

        Args:
            texts: n texts.
            tasks: the names of n loaded tasks: texts[i] is read for tasks[i].

        Raises:
            InputError: as many tasks as texts are needed; or something is no text.
            AdapterError: a task that is not loaded.

        """
        if len(texts) != len(tasks):
            raise InputError(f"{len(texts)} texts and {len(tasks)} tasks; give each text the name of its task")
        chosen = [self._task(name) for name in tasks]
        documents = documents_of(texts)
        found: list[list[tuple[str, Document]]] = [[] for _ in documents]
        for queried in (False, True):
            jobs = {task.name: _job(task, queried) for task in chosen}
            wanted = [jobs[task.name] for task in chosen]
            numbers = [n for n, d in enumerate(documents) if wanted[n].heads and (d.query or not queried)]
            bare = [d if queried else replace(d, query="") for d in (documents[n] for n in numbers)]
            for n, document in zip(
                numbers, engine.read_mixed(self.adapted, [wanted[n] for n in numbers], bare), strict=True
            ):
                found[n].append((chosen[n].name, document))
        return self._sifted([combined(document, parts) for document, parts in zip(documents, found, strict=True)])

    def _task(self, name: str) -> Task:
        if name not in self.tasks:
            raise AdapterError(f"no task {name!r} is loaded; loaded: {', '.join(self.tasks) or 'none'}")
        return self.tasks[name]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the bare backbone's sentence embeddings, of length 1. *Shape:* (n_texts, width).

        Raises:
            InputError: one string was given, not a list of them.

        """
        if isinstance(texts, str):
            raise InputError(f"embed() got the string {texts[:40]!r}; it takes a list of strings: [text]")
        with self.adapted.using(None) as model:
            return model.embed(texts)

    @overload
    def answer(  # type: ignore[overload-overlap]  # 1 is an int too
        self, question: str, context: str | Sequence[str] | Sequence[Document], n: Literal[1] = 1
    ) -> Answer | None: ...

    @overload
    def answer(self, question: str, context: str | Sequence[str] | Sequence[Document], n: int) -> list[Answer]: ...

    def answer(
        self, question: str, context: str | Sequence[str] | Sequence[Document], n: int = 1
    ) -> Answer | list[Answer] | None:
        """Answer a question from a text, or from several at once.

        Args:
            question: what to ask.
            context: the text or texts that may hold the answer, each of any length.
            n: how many answers to give; a text gives as many as its task keeps (5 by default).

        Returns:
            The best answer, None where no text holds one; with `n` above 1 a list, the best first. Of several texts
            `Answer.document` says which: a Document's id, else its number from "0" on.

        Raises:
            InputError: an empty question, something that is no text, or an `n` below 1.
            AdapterError: no task that answers questions is loaded.

        """
        found = answering.answers(question, context, n, self._reader(ANSWERING))
        return found if n > 1 else next(iter(found), None)

    def index(self, documents: Sequence[str] | Sequence[Document]) -> Index:
        """Return an index of the documents' passages, to `search` many times, or to save.

        Raises:
            InputError: something among the documents is no text, or two have the same id.
            MissingExtraError: there are more than 100,000 passages and faiss is not installed.

        """
        return Index.build(documents, self.embed, model=self.adapted.backbone.fingerprint)

    def search(
        self, question: str, documents: Sequence[str] | Sequence[Document] | Index, k: int = 5, n: int = 5
    ) -> list[Answer]:
        """Answer a question from a collection: the nearest passages are found, then read.

        Passages are found by the bare backbone's own sentence embeddings. An answer's score is its probability in
        each of the passages read, weighted by how likely the passage is to hold the evidence; its offsets are those
        of the document as given.

        Args:
            question: what to ask.
            documents: texts or Documents; or an index of them, where more than one question is to come.
            k: how many passages to read.
            n: how many answers to give at most.

        Returns:
            The answers, the best first; none where the passages hold none. Scores are those of the embedded default
            backbone, whose cosines were measured; on any other they are None.

        Raises:
            InputError: an empty question, something that is no text, `k` or `n` below 1, or an index of another model.
            AdapterError: no task that answers questions is loaded.

        """
        read = self._reader(ANSWERING)
        answering.check_question(question)
        index = documents if isinstance(documents, Index) else self.index(documents)
        backbone = self.adapted.backbone
        if index.model not in ("", backbone.fingerprint):
            raise InputError(
                f"the index was made by a model with the SHA-256 {index.model[:12]}..., but {backbone.name!r} has "
                f"{backbone.fingerprint[:12]}...; build it again with kit.index(documents)"
            )
        near = index.nearest(self.embed([question])[0], max(k, answering.RIVALS) if k > 0 else k)
        found = answering.read_passages(question, near, k, n, read)
        measured = backbone.fingerprint == EMBEDDED["default"].sha256
        return found if measured else [replace(answer, score=None) for answer in found]

    def dialogue(
        self,
        *,
        graph: Graph | None = None,
        documents: Sequence[str] | Sequence[Document] | Index | None = None,
        schema: Schema | Mapping[str, Any] | None = None,
        say: Callable[[Sequence[Turn]], Iterator[str]] | None = None,
        phrase: Callable[[str, State, Sequence[Act]], str] | None = None,
    ) -> Dialogue:
        """Begin a conversation (see `nlpkit.dialogue.Dialogue`).

        Args:
            graph: a KnowledgeGraph to answer from.
            documents: texts to answer from, or an index of them; a task that answers questions must be loaded.
            schema: tasks with slots, for a kit with a tracker (a `dialogue` task) or a `slots` task.
            say: writes small talk: the turns so far -> parts of a text.
            phrase: words what a task asks and confirms, such as a `nlpkit.phrasing.Phrasing`.

        Raises:
            InputError: a schema that cannot be, or something among the documents is no text.
            AdapterError: documents, and no task that answers questions is loaded.

        """
        search: Callable[[str], Sequence[Answer]] | None = None
        if documents is not None:
            self._reader(ANSWERING)
            index = documents if isinstance(documents, Index) else self.index(documents)
            search = partial(self.search, documents=index)
        tracks = any(head.kind == TRACKING for task in self.tasks.values() for head in task.heads)
        return Dialogue(self, graph=graph, search=search, schema=schema, say=say, phrase=phrase, tracks=tracks)

    def _reader(self, kind: str) -> Callable[[list[Document]], list[Document]]:
        """Return what fills documents with the results of this kind of head alone.

        Raises:
            AdapterError: no loaded task has such a head.

        """
        for task in self.tasks.values():
            heads = [head for head in task.heads if head.kind == kind]
            if heads:
                job = engine.Job(task.name, heads, task.reading)
                return lambda documents: self._sifted(engine.read_together(self.adapted, [job], documents)[0])
        for shown in self.shown.values():
            if shown.kind == kind:
                return shown.read
        raise AdapterError(
            f"none of the loaded tasks ({', '.join(self.tasks) or 'none'}) has a head {kind!r}; "
            f'load one, alone or beside them: nlpkit.load("{kind}/squad")'
        )

    @overload
    def classify(  # type: ignore[overload-overlap]  # a str is a Sequence[str] too
        self, texts: str, labels: Sequence[str] | Mapping[str, str]
    ) -> Label: ...

    @overload
    def classify(self, texts: Sequence[str], labels: Sequence[str] | Mapping[str, str]) -> list[Label]: ...

    def classify(self, texts: str | Sequence[str], labels: Sequence[str] | Mapping[str, str]) -> Label | list[Label]:
        """Give each text the label whose words are nearest in meaning, without any training.

        Args:
            texts: one text, or several.
            labels: two or more labels in words, or {label: description}, "" where there is none; a kit from a pack
                knows the pack's descriptions.

        Returns:
            A label for one text, a list for several. Scores are those of the embedded default backbone (see
            `zeroshot.TEMPERATURE`); on any other they are None.

        Raises:
            InputError: something that is no text, fewer than two labels, one twice, or an empty one.

        """
        measured = self.adapted.backbone.fingerprint == EMBEDDED["default"].sha256
        temperature = zeroshot.TEMPERATURE if measured else None
        labels = self.domain.described(labels) if self.domain else labels
        return zeroshot.classify(self.embed, texts, labels, temperature=temperature)

    @overload
    def similar(  # type: ignore[overload-overlap]  # a str is a Sequence[str] too
        self, query: str, texts: Sequence[str], k: int = 5
    ) -> list[Similar]: ...

    @overload
    def similar(self, query: Sequence[str], texts: Sequence[str], k: int = 5) -> list[list[Similar]]: ...

    def similar(
        self, query: str | Sequence[str], texts: Sequence[str], k: int = 5
    ) -> list[Similar] | list[list[Similar]]:
        """Return the `k` texts nearest in meaning to a query, the nearest first; for several queries a list each.

        Raises:
            InputError: something that is no text, `texts` is one string, or `k` is below 1.

        """
        return zeroshot.similar(self.embed, query, texts, k)

    def cluster(self, texts: Sequence[str], k: int | None = None) -> list[int]:
        """Return the number of each text's cluster by meaning, 0 the largest; `k` clusters, or as many as fit best.

        Raises:
            InputError: something that is no text, or `k` is below 1 or above the number of different texts.
            MissingExtraError: scikit-learn is not installed.

        """
        return zeroshot.cluster(self.embed, texts, k)

    @property
    def learned(self) -> Learned | None:
        """What a loaded `kgqa` task has learnt, for a graph to choose plans by; None without one."""
        for task in self.tasks.values():
            for head in task.heads:
                if isinstance(head, KgqaHead):
                    return head.learned(partial(self._question_vectors, engine.Job(task.name, [head], task.reading)))
        return None

    def _question_vectors(self, job: engine.Job, questions: Sequence[str]) -> NDArray[np.float32]:
        (read,) = engine.read_together(self.adapted, [job], documents_of(questions))
        return np.stack([document.metadata[CHOOSING] for document in read]).astype(np.float32)

    def blend(self, name: str, weights: Mapping[str, float], *, heads: str) -> Task:
        """Add a task whose adapter is the weighted sum of others' (see docs/methods.md).

        Its scores are calibrated for the adapter that its heads were trained with, not for the sum.

        Args:
            name: what to call it.
            weights: by the names of loaded tasks; they need not sum to 1.
            heads: the task whose heads and way of reading it takes.

        Raises:
            AdapterError: a task that is not loaded, a name that is, or adapters that have no sum.

        """
        model = self._task(heads)
        spec = self.adapted.blend(name, {self._task(other).name: weight for other, weight in weights.items()})
        revision = f"{name}@{self.adapted.fingerprint(name)[:12]}"
        recipe = replace(model.recipe, adapter=spec)
        task = replace(model, name=name, recipe=recipe, scores={}, sizes={}, revision=revision)
        self.add(task)
        return task


def _job(task: Task, queried: bool) -> engine.Job:
    """Return what those heads of a task do that read the query beside the text, or those that read the text alone."""
    heads = [head for head in task.heads if head.reads_query is queried and head.kind != CHOOSING]
    return engine.Job(task.name, heads, task.reading)
