"""nlpkit as a component of a spaCy pipeline: `nlp.add_pipe("nlpkit", config={"tasks": [...]})`.

spaCy finds it by itself where nlpkit is installed; elsewhere `import nlpkit.spacy_component` makes it known.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import ensure_path

from nlpkit.errors import InputError
from nlpkit.kit import Kit
from nlpkit.loading import load
from nlpkit.spacydoc import annotate, displacy_relations, from_spacy, relations

__all__ = ["Component", "displacy_relations", "make_component"]

_SETTINGS = "nlpkit.json"

for _name, _getter in (("relations", relations), ("nlpkit", from_spacy)):
    if not Doc.has_extension(_name):
        Doc.set_extension(_name, getter=_getter)


class Component:
    """Reads Docs with a kit, all its tasks at once: sets `doc.ents`, `doc.cats`, `doc.spans` and `doc._.relations`.

    `doc._.nlpkit` is the whole `Document`, with scores, chains and answers. Weights are loaded when the first Doc
    comes.

    Attributes:
        tasks: what `nlpkit.load` takes: adapter folders, names, kinds of task, or a pack.
        backbone: the backbone's name, None for that of the first task.
        overwrite_ents: whether entities found by components before this one give way.

    """

    def __init__(self, tasks: Iterable[str] = (), backbone: str | None = None, overwrite_ents: bool = True) -> None:
        self.tasks = list(tasks)
        self.backbone = backbone
        self.overwrite_ents = overwrite_ents

    @cached_property
    def kit(self) -> Kit:
        """The kit that reads."""
        return load(*self.tasks, backbone=self.backbone)

    def __call__(self, doc: Doc) -> Doc:
        """Read one Doc."""
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 256) -> Iterator[Doc]:
        """Read Docs, so many at once; a kit makes its own batches of them by length."""
        remaining = iter(stream)
        while docs := list(islice(remaining, batch_size)):
            for doc, found in zip(docs, self.kit([doc.text for doc in docs]), strict=True):
                annotate(doc, found, overwrite=self.overwrite_ents)
                yield doc

    # Saving: adapters that are folders or packs go with the pipeline, what travels with nlpkit does not.

    def to_bytes(self, **_: object) -> bytes:
        """Return the settings; adapters stay where they are."""
        return json.dumps({"tasks": self.tasks, "backbone": self.backbone}).encode()

    def from_bytes(self, content: bytes, **_: object) -> Component:
        """Take settings."""
        return self._take(json.loads(content))

    def to_disk(self, path: str | Path, **_: object) -> None:
        """Write the settings, and the adapters that are folders or packs of one's own."""
        folder = ensure_path(path)
        folder.mkdir(parents=True, exist_ok=True)
        names = []
        for n, task in enumerate(self.tasks):
            source, to = Path(task), folder / f"{n}-{Path(task).name}"
            if source.is_dir():
                shutil.copytree(source, to, dirs_exist_ok=True)
            elif source.is_file():
                shutil.copyfile(source, to)
            names.append(f"./{to.name}" if source.exists() else task)
        (folder / _SETTINGS).write_text(json.dumps({"tasks": names, "backbone": self.backbone}), encoding="utf-8")

    def from_disk(self, path: str | Path, **_: object) -> Component:
        """Take settings and adapters that `to_disk` wrote.

        Raises:
            InputError: there are none.

        """
        file = ensure_path(path) / _SETTINGS
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            names = [str(file.parent / name) if name.startswith("./") else name for name in found["tasks"]]
            return self._take({**found, "tasks": names})
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
            raise InputError(f"{file} is missing or damaged ({e}); save the pipeline again") from e

    def _take(self, settings: dict[str, object]) -> Component:
        tasks, backbone = settings["tasks"], settings["backbone"]
        if not isinstance(tasks, list) or not isinstance(backbone, str | None):
            raise InputError(f"{settings!r} are no settings of this component; save the pipeline again")
        self.tasks, self.backbone = tasks, backbone
        self.__dict__.pop("kit", None)
        return self


@Language.factory(
    "nlpkit",
    assigns=["doc.ents", "doc.cats", "doc.spans", "doc._.relations"],
    default_config={"tasks": [], "backbone": None, "overwrite_ents": True},
)
def make_component(nlp: Language, name: str, tasks: list[str], backbone: str | None, overwrite_ents: bool) -> Component:
    """Make the component of a pipeline; spaCy gives the pipeline and the component's name beside the settings.

    Raises:
        InputError: a task of no length.

    """
    if any(not task.strip() for task in tasks):
        raise InputError(f"{name}: tasks = {tasks!r}; each must be a folder, a name, a kind of task, or a pack")
    return Component(tasks, backbone, overwrite_ents)
