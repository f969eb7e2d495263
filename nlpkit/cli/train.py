"""`nlpkit train`: an adapter from a recipe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nlpkit.cli.output import note, show
from nlpkit.cli.progress import Bar

if TYPE_CHECKING:
    from nlpkit.training import Progress


def train(
    recipe: str = typer.Argument(help="A recipe: its name (nlpkit tasks lists them) or a .toml file."),
    data: Path = typer.Option(..., "--data", help="The folder with the files that the recipe names."),
    out: Path = typer.Option(..., "--out", help="The folder to write the adapter to."),
    dev: Path | None = typer.Option(None, "--dev", help="A file to choose on, in place of the recipe's."),
    fresh: bool = typer.Option(False, "--fresh", help="Start anew, even if an earlier run can be taken up."),
) -> None:
    """Train an adapter. Stopped and started again, it goes on where it was."""
    import nlpkit
    from nlpkit import recipes
    from nlpkit.data import HUB

    found = recipes.find(recipe)
    if dev is not None:
        place = dev if str(dev).startswith(HUB) else dev.resolve()
        found = replace(found, data=replace(found.data, dev=str(place), hold_out=0))
    note(f"training {found.name}: {', '.join(found.heads)}, {found.training.epochs} epochs")
    with Bar(found.name, "steps") as bar:

        def tell(progress: Progress) -> None:
            bar.update(progress.step, progress.steps, _detail(progress))

        path = nlpkit.train(found, data=data, out=out, progress=tell, resume=not fresh)
    show(str(path))


def _detail(progress: Progress) -> str:
    if progress.trunk is not None:
        return f"the layers below the adapter read all texts once, {progress.trunk:.0%}"
    scores = [f"{name} {value:.3f}" for name, value in progress.dev.items() if name.endswith(("f1", "accuracy"))]
    return ", ".join([f"epoch {progress.epoch}", f"loss {progress.loss:.3f}", *scores])
