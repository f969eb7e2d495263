"""`nlpkit train`: an adapter from a recipe, or from data alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nlpkit.cli.output import note, show
from nlpkit.cli.progress import Bar
from nlpkit.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from nlpkit.graph.kg import KnowledgeGraph
    from nlpkit.recipes import Recipe
    from nlpkit.training import Progress
    from nlpkit.tuning import Trial

_UNITS = {"s": 1, "m": 60, "h": 3600}


def train(
    recipe: str | None = typer.Argument(
        None, help="A recipe: its name (nlpkit tasks lists them) or a .toml file; without one the data says it all."
    ),
    data: str = typer.Option(
        ..., "--data", help="The folder with the files that the recipe names; without a recipe, the file to learn from."
    ),
    out: Path = typer.Option(..., "--out", help="The folder to write the adapter to."),
    dev: Path | None = typer.Option(None, "--dev", help="A file to choose on, in place of the recipe's."),
    fresh: bool = typer.Option(False, "--fresh", help="Start anew, even if an earlier run can be taken up."),
    kind: str | None = typer.Option(None, "--as", help="Without a recipe: the kind of task (ner, classification...)."),
    test: Path | None = typer.Option(None, "--test", help="Without a recipe: a file to report on."),
    backbone: str | None = typer.Option(None, "--backbone", "-b", help="Without a recipe: the backbone."),
    budget: str | None = typer.Option(
        None, "--budget", help="A time such as 15m or 1h: method, layers, rank and rate are chosen by trials within it."
    ),
    tensorboard: Path | None = typer.Option(None, "--tensorboard", help="A folder to log to, for TensorBoard."),
    graph: Path | None = typer.Option(None, "--graph", help="For kgqa: the graph that holds the questions' answers."),
) -> None:
    """Train an adapter. Stopped and started again, it goes on where it was."""
    import nlpkit
    from nlpkit import curves, recipes
    from nlpkit.data import home
    from nlpkit.drafting import draft
    from nlpkit.steps import processes
    from nlpkit.tuning import tune

    folder = Path(data)
    if recipe is not None:
        if kind or test or backbone:
            raise InputError(f"--as, --test and --backbone are for training without a recipe; {recipe!r} says them")
        found = _choosing_on(recipes.find(recipe), dev)
    else:
        folder = home(data)
        found = draft(data, kind=kind, dev=dev, test=test, backbone=backbone)
    if not budget and not processes().is_main_process:
        # Of several processes launched together, the first one speaks and draws.
        with _opened(graph, found.backbone) as teacher:
            nlpkit.train(found, data=folder, out=out, resume=not fresh, graph=teacher)
        return
    note(f"training {found.name}: {', '.join(found.heads)}, {found.training.epochs} epochs")
    log = curves.Log(tensorboard) if tensorboard else None
    if budget and graph:
        raise InputError("--budget tries settings on texts, not on a --graph; leave one of them out")
    with _opened(graph, found.backbone) as teacher, Bar(found.name, "steps") as bar:
        tell = teller(bar, log)
        if budget:
            path = tune(found, data=folder, out=out, seconds=seconds(budget), tell=_say, progress=tell)
        else:
            path = nlpkit.train(found, data=folder, out=out, progress=tell, resume=not fresh, graph=teacher)
    drawn(path)
    show(str(path))


def _opened(graph: Path | None, backbone: str) -> AbstractContextManager[KnowledgeGraph | None]:
    """Open the graph to learn on, with the bare backbone to put its plans into words."""
    if graph is None:
        return nullcontext()
    from nlpkit.adapters import Adapted
    from nlpkit.backbone import Backbone
    from nlpkit.graph.kg import KnowledgeGraph
    from nlpkit.kit import Kit

    return KnowledgeGraph.open(graph, kit=Kit(Adapted(Backbone.from_pretrained(backbone))))


def teller(bar: Bar, log: Callable[[Progress], None] | None = None) -> Callable[[Progress], None]:
    """Return what shows where a training is."""

    def tell(progress: Progress) -> None:
        bar.update(progress.step, progress.steps, _detail(progress))
        if log:
            log(progress)

    return tell


def drawn(adapter: Path) -> None:
    """Draw the curves of a training, where that is possible."""
    from nlpkit.curves import plot

    try:
        note(f"the curves of the training: {plot(adapter)}")
    except MissingExtraError as e:
        note(f"no plot of the curves: {e}")


def seconds(time: str) -> float:
    """Return the seconds of a time such as 90s, 15m or 1.5h.

    Raises:
        InputError: it is none.

    """
    number, unit = time[:-1], time[-1:]
    if unit not in _UNITS or not number.replace(".", "", 1).isdecimal() or not float(number):
        raise InputError(f"--budget {time!r} is no time; allowed: a number and s, m or h, such as 15m")
    return float(number) * _UNITS[unit]


def _say(trial: Trial) -> None:
    settings = ", ".join(f"{key} {f'{v:.1e}' if isinstance(v, float) else v}" for key, v in trial.settings.items())
    reached = ", ".join(_main(trial.dev)) or "no score in its time"
    note(f"tried {settings}: {reached} after {trial.epochs} epochs, {trial.seconds:.0f} s")


def _choosing_on(recipe: Recipe, dev: Path | None) -> Recipe:
    """Return a recipe that chooses on another file."""
    if dev is None:
        return recipe
    from nlpkit.data import whole

    return replace(recipe, data=replace(recipe.data, dev=str(whole(dev)), hold_out=0))


def _detail(progress: Progress) -> str:
    if progress.trunk is not None:
        return f"the layers below the adapter read all texts once, {progress.trunk:.0%}"
    return ", ".join([f"epoch {progress.epoch}", f"loss {progress.loss:.3f}", *_main(progress.dev)])


def _main(scores: Mapping[str, float]) -> list[str]:
    """Return the scores that say most."""
    return [f"{name} {value:.3f}" for name, value in scores.items() if name.endswith(("f1", "accuracy"))]
