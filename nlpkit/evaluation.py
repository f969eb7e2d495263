"""What a trained adapter is worth, on data with known answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nlpkit import checkpoint
from nlpkit.backbone import Backbone
from nlpkit.data import located, read
from nlpkit.errors import InputError
from nlpkit.generate import Generator
from nlpkit.scoring import scores_of
from nlpkit.written import write


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores of a trained task on a data file."""

    task: str
    data: str
    n: int
    scores: dict[str, float]
    per_label: dict[str, dict[str, float]]

    def to_dict(self) -> dict[str, Any]:
        """Return the evaluation as plain JSON types."""
        return asdict(self)


def evaluate(
    adapter: str | Path,
    *,
    data: str | Path,
    format: str | None = None,
    backbone: Backbone | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Score a trained adapter on a data file, from raw text.

    An adapter that writes is scored by how well it foretells the responses, and by what it writes itself (see
    `nlpkit.written`).

    Args:
        adapter: an adapter folder, or the name of a shipped one.
        data: the file to read (of a joint recipe: of its first data set), or the folder that holds the test files of
            the adapter's recipe.
        format: the file's format; by default that of the adapter's recipe.
        backbone: a loaded backbone to use; by default the one that the adapter names is loaded.
        settings: of `nlpkit.decoding.Decoding`, for an adapter that writes.

    Raises:
        AdapterError, DataError: the adapter or the data is at fault.
        InputError: settings for an adapter that does not write.

    """
    task = checkpoint.load(checkpoint.locate(adapter), backbone)
    if task.recipe.writes:
        spec = task.recipe.data
        path = located(data, spec.test or spec.train, format or spec.format)
        documents = [e.document for e in read(path, format or spec.format)]
        asked = {"adapter": task.name, "chat": task.recipe.chat, **(settings or {})}
        written = write(Generator(task.adapted), documents, **asked)
        return Evaluation(task.recipe.name, path.name, len(documents), written.scores, {})
    if settings:
        raise InputError(
            f"{task.recipe.name} reads texts; settings such as {next(iter(settings))!r} are for adapters that write"
        )
    whole_folder = Path(data).is_dir()
    sets = task.recipe.sets if whole_folder else task.recipe.sets[:1]
    whole = Evaluation(task.recipe.name, "", 0, {}, {})
    for spec in sets:
        place = Path(data) / spec.folder if whole_folder else Path(data)
        path = located(place, spec.test or spec.train, format or spec.format)
        golds = [e.document for e in read(path, format or spec.format)]
        heads = [head for head in task.heads if head.kind in spec.heads]
        with task.adapted.using(task.name) as model:
            scores, per_label = scores_of(model, heads, golds, task.reading, by_kind=len(task.heads) > 1)
        whole = Evaluation(
            whole.task,
            f"{whole.data}, {path.name}" if whole.data else path.name,
            whole.n + len(golds),
            whole.scores | scores,
            whole.per_label | per_label,
        )
    return whole
