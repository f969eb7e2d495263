"""Many tasks on one backbone, in the fewest passes: texts in, Documents out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import overload

import numpy as np
from numpy.typing import NDArray

from nlpkit import checkpoint, engine
from nlpkit.adapters import Adapted
from nlpkit.backbone import Backbone
from nlpkit.checkpoint import Task
from nlpkit.errors import AdapterError, InputError
from nlpkit.heads import HEADS, in_order
from nlpkit.heads.base import Head
from nlpkit.types import Document

DEFAULT_PACK = "relation/wikipedia"
"""The shipped adapter that `load()` takes: entities and relations of encyclopaedic English, in one pass."""


class Kit:
    """One backbone with tasks on it. Call it on a text to get a Document, on a list to get a list.

    Tasks of one adapter share one forward pass. Several threads may call one kit.

    Attributes:
        adapted: the backbone with its adapters.
        tasks: the loaded tasks, by name.

    """

    def __init__(self, adapted: Adapted) -> None:
        self.adapted = adapted
        self.tasks: dict[str, Task] = {}

    def add(self, task: Task) -> None:
        """Take a task up; its adapter is on this kit's backbone already."""
        self.tasks[task.name] = task

    def remove(self, name: str) -> None:
        """Take a task away, adapter and heads; the others' outputs stay what they were.

        Raises:
            AdapterError: no such task is loaded.

        """
        if name not in self.tasks:
            raise AdapterError(f"no task {name!r} is loaded; loaded: {', '.join(self.tasks) or 'none'}")
        del self.tasks[name]
        self.adapted.remove(name)

    @property
    def revision(self) -> str:
        """The adapters that read, by name and fingerprint: what the graph writes beside each piece of evidence."""
        return " ".join(task.revision for task in self.tasks.values())

    @overload
    def __call__(self, texts: str) -> Document: ...  # type: ignore[overload-overlap]  # a str is a Sequence[str] too

    @overload
    def __call__(self, texts: Sequence[str]) -> list[Document]: ...

    def __call__(self, texts: str | Sequence[str]) -> Document | list[Document]:
        """Read texts: entities, chains and relations, whatever the loaded tasks find.

        A text of any length is covered whole, by overlapping windows. A text without words gives an empty Document.

        Raises:
            InputError: something among the texts is not a string.

        """
        if isinstance(texts, str):
            return self([texts])[0]
        for n, text in enumerate(texts):
            if not isinstance(text, str):
                raise InputError(f"texts[{n}] is {type(text).__name__}, not str; give a string or a list of strings")
        documents = [Document(text) for text in texts]
        for task in self.tasks.values():
            with self.adapted.using(task.name) as model:
                documents = engine.read(model, task.heads, documents, task.reading)
        return documents

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the bare backbone's sentence embeddings, of length 1. *Shape:* (n_texts, width)."""
        with self.adapted.using(None) as model:
            return model.embed(texts)


def load(*names: str, backbone: str | Backbone | None = None) -> Kit:
    """Load tasks onto one backbone.

    Args:
        names: adapter folders, names of shipped adapters ("relation/wikipedia"), or kinds of task ("ner", "relation"),
            for which the default pack's heads are taken. None: the default pack.
        backbone: a name or a loaded Backbone; by default the one that the first adapter was trained on.

    Raises:
        AdapterError: a name that is neither, or an adapter that does not fit the backbone.
        BackboneError: the backbone cannot be had.

    """
    wanted: dict[str, list[str]] = {}
    for name in names or (DEFAULT_PACK,):
        kinds = wanted.setdefault(DEFAULT_PACK if name in HEADS else str(name), [])
        if name in HEADS:
            kinds.append(name)
    adapted: Adapted | None = None
    if backbone is not None:
        adapted = Adapted(backbone if isinstance(backbone, Backbone) else Backbone.from_pretrained(backbone))
    kit: Kit | None = None
    for name, kinds in wanted.items():
        task = checkpoint.load(checkpoint.locate(name), adapted)
        adapted = task.adapted
        kit = kit or Kit(adapted)
        kit.add(replace(task, heads=_chosen(task.heads, kinds, name)) if kinds else task)
    assert kit is not None
    return kit


def _chosen(heads: Sequence[Head], kinds: Sequence[str], adapter: str) -> list[Head]:
    """Return the heads of these kinds and those that they need."""
    by_kind = {head.kind: head for head in heads}
    needed = {need for kind in kinds for need in HEADS[kind].needs}
    missing = [kind for kind in kinds if kind not in by_kind]
    if missing:
        raise AdapterError(f"{adapter} has no head {missing[0]!r}; it has: {', '.join(by_kind)}")
    return [by_kind[kind] for kind in in_order({*kinds, *needed} & set(by_kind))]
