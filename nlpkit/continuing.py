"""A trained adapter trained further on new data, and what it lost on the old."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from nlpkit import checkpoint, recipes
from nlpkit.data import home, whole
from nlpkit.drafting import draft
from nlpkit.evaluation import evaluate
from nlpkit.recipes import DataSpec, Recipe
from nlpkit.steps import processes
from nlpkit.training import Progress, train

_SLOWER = 0.3
"""How fast to learn, of the rate by which the adapter was trained: what it knows is to stay."""


def go_on(
    adapter: str | Path,
    *,
    data: str | Path,
    out: str | Path,
    dev: str | Path | None = None,
    test: str | Path | None = None,
    replay: str | Path | None = None,
    share: float = 0.5,
    old: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    resume: bool = True,
) -> Path:
    """Train an adapter further on new data, with some of the old beside it (experience replay: Rolnick et al. 2019).

    The adapter that was there stays as it is. What the new one lost on the old data, and what it gained on the new,
    stand in its account under "continued".

    Args:
        adapter: the adapter to go on from, by folder or name; its labels are all that the new data may have.
        data: the file of new data to learn from, as `data.read` takes it.
        out: the folder to write.
        dev: a file of new data to choose on; by default a tenth is held out.
        test: a file of new data to report on.
        replay: the file of old data that the adapter learnt from; without it nothing is learnt again.
        share: how many old documents are learnt again, as a share of the new ones.
        old: a file of old data to report on, before and after.
        progress: called as by `train`.
        resume: go on from an unfinished run in `out`.

    Raises:
        AdapterError, DataError: the adapter or a file is at fault.
        RecipeError: the new data has labels that the adapter does not know.

    """
    folder = checkpoint.locate(adapter)
    before = recipes.from_dict(checkpoint.account(folder)["recipe"], strict=False)
    new = draft(data, kind=before.heads[-1], dev=dev, test=test, backbone=before.backbone)
    spec = replace(new.data, replay=str(whole(replay)) if replay else None, replay_share=share)
    recipe = _slower(before, new, spec, Path(data).name, str(folder))
    path = train(recipe, data=home(data), out=out, progress=progress, resume=resume)
    if not processes().is_main_process:
        return path
    reports = {"old": old, "new": test}
    continued = {
        name: {"before": evaluate(folder, data=file).scores, "after": evaluate(path, data=file).scores}
        for name, file in reports.items()
        if file
    }
    checkpoint.note(path, "continued", {"from": before.name, **continued})
    return path


def _slower(before: Recipe, new: Recipe, data: DataSpec, name: str, start: str) -> Recipe:
    """Return the recipe of an adapter for new data, from where it ended."""
    spec = before.training
    slower = replace(spec, lr=spec.lr * _SLOWER, head_lr=spec.head_lr * _SLOWER)
    training = replace(slower, epochs=new.training.epochs, patience=new.training.patience)
    title = f"{before.title}; trained further on {name}"
    return replace(before, title=title, data=data, training=training, goals={}, more=(), start=start)
