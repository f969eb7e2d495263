"""Settings chosen within a time: short trials, of which the poor ones are broken off, then a training with the best."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nlpkit import checkpoint
from nlpkit.backbone import Backbone
from nlpkit.data.splits import split
from nlpkit.errors import InputError, MissingExtraError
from nlpkit.recipes import Recipe
from nlpkit.steps import processes
from nlpkit.text import Window
from nlpkit.training import Progress, Run, train

if TYPE_CHECKING:
    import optuna

_SEARCHING: Final = 0.5
"""The share of the time that trials may take; the rest is for the training with what they chose."""
_LONGEST: Final = 0.25
"""The share of the time for trials that one of them may take."""
_SAMPLE: Final = 1500
_EPOCHS: Final = 3
"""So many texts and epochs at most are what a trial learns from."""
_METHODS: Final = ("lora", "bottleneck")
_RANKS: Final = (4, 8, 16, 32)
_RATES: Final = (1e-4, 5e-3)


@dataclass(frozen=True, slots=True)
class Trial:
    """Settings that were tried, what they reached on dev, in how many epochs and seconds.

    `score` is what settings are chosen by, the sum of the F1 scores and accuracies among `dev`; None where the time was
    over before the first epoch was.
    """

    settings: Mapping[str, Any]
    score: float | None
    dev: Mapping[str, float]
    epochs: int
    seconds: float


def tune(
    recipe: Recipe,
    *,
    data: str | Path,
    out: str | Path,
    seconds: float,
    tell: Callable[[Trial], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Path:
    """Choose method, layers, rank and learning rate by short trials, then train with the best of them.

    Trials are drawn by a tree-structured Parzen estimator (Bergstra et al. 2011) and broken off after an epoch in which
    they are below the median of those before (optuna). They learn from a part of the texts and are scored on dev. The
    drawing has the recipe's seed; how many trials the time allows depends on the machine. What was tried stands in the
    adapter's account, under "tried".

    Args:
        recipe: what to learn; the first trial is the recipe as it is.
        data: the folder that holds the recipe's data files.
        out: the folder to write.
        seconds: the time for all of it; the training itself gets as many epochs as the rest of it allows.
        tell: called after each trial.
        progress: called in the training that follows the trials.

    Returns:
        The folder `out`.

    Raises:
        InputError: there is nothing to choose on, not one trial came to a score within its time, or several processes
            were launched, whose trials would end at different times.
        MissingExtraError: optuna is not installed.

    """
    if find_spec("optuna") is None:
        raise MissingExtraError("optuna", "tuning")
    if not (recipe.data.dev or recipe.data.hold_out):
        raise InputError(f"{recipe.name} names no dev file and holds nothing out, so nothing can be chosen; name one")
    if (several := processes().num_processes) > 1:
        raise InputError(
            f"trials within a time need one process, not {several}; choose the settings in one, "
            "write them into a recipe, and launch the training of that"
        )
    ends = time.monotonic() + seconds
    search = _Search(recipe, Path(data), Path(out), seconds * _SEARCHING * _LONGEST, tell)
    _search(search, seconds * _SEARCHING, recipe.training.seed)
    scored = [t for t in search.tried if t.score is not None]
    if not scored:
        raise InputError(f"no trial came to a score within {search.longest:.0f} seconds; give more time, or none")
    best = max(scored, key=lambda t: t.score or 0.0)
    chosen = search.changed(best.settings)
    texts = len(split(recipe.data, Path(data))[0])
    an_epoch = best.seconds / best.epochs * texts / min(texts, _SAMPLE)
    epochs = max(1, min(recipe.training.epochs, int((ends - time.monotonic()) / an_epoch)))
    whole = replace(chosen, data=recipe.data, training=replace(chosen.training, epochs=epochs))
    path = train(whole, data=data, out=out, progress=progress)
    checkpoint.note(path, "tried", [asdict(trial) for trial in search.tried])
    return path


def _search(search: _Search, seconds: float, seed: int) -> None:
    """Try settings out for so many seconds; the trials' own files are removed."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=4)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=2)
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    study.enqueue_trial(search.given)
    try:
        study.optimize(search.try_out, timeout=seconds)
    finally:
        shutil.rmtree(search.folder, ignore_errors=True)


class _Search:
    """The trials of one recipe; `longest` is the seconds that one may take."""

    def __init__(
        self, recipe: Recipe, data: Path, out: Path, longest: float, tell: Callable[[Trial], None] | None
    ) -> None:
        self.recipe, self.data, self.longest, self._tell = recipe, data, longest, tell
        self.folder = out.with_name(f".{out.name}.trials")
        self.tried: list[Trial] = []
        adapter = recipe.adapter
        self._methods = list(dict.fromkeys([adapter.method, *_METHODS]))
        n_layers = Backbone.from_pretrained(recipe.backbone).n_layers
        self._layers = list(dict.fromkeys([adapter.layers, *_others(adapter.layers, n_layers)]))
        self._ranks = sorted({adapter.rank, *_RANKS})

    @property
    def given(self) -> dict[str, Any]:
        """The settings that the recipe has."""
        adapter = self.recipe.adapter
        return {
            "method": adapter.method,
            "layers": adapter.layers,
            "rank": adapter.rank,
            "lr": self.recipe.training.lr,
        }

    def changed(self, settings: Mapping[str, Any]) -> Recipe:
        """Return the recipe with these settings, and a trial's part of the texts and epochs."""
        recipe = self.recipe
        sizes = {"rank": settings["rank"], "alpha": 2.0 * settings["rank"]}
        adapter = replace(recipe.adapter, method=settings["method"], layers=settings["layers"], **sizes)
        epochs = min(recipe.training.epochs, _EPOCHS)
        training = replace(recipe.training, lr=settings["lr"], epochs=epochs)
        sample = min(recipe.data.sample or _SAMPLE, _SAMPLE)
        return replace(recipe, adapter=adapter, training=training, data=replace(recipe.data, sample=sample))

    def try_out(self, trial: optuna.Trial) -> float:
        """Train with settings that optuna draws, and return the score on dev."""
        low, high = (f(*_RATES, self.recipe.training.lr) for f in (min, max))
        settings = {
            "method": trial.suggest_categorical("method", self._methods),
            "layers": trial.suggest_categorical("layers", self._layers),
            "rank": trial.suggest_categorical("rank", self._ranks),
            "lr": trial.suggest_float("lr", low, high, log=True),
        }
        began = time.monotonic()
        run = _Short(self.changed(settings), self.data, self.folder / str(trial.number), trial, began + self.longest)
        try:
            run.fit()
        finally:
            run.close()
            score = run.objective.merit(run.dev) if run.dev else None
            took = round(time.monotonic() - began, 1)
            self.tried.append(Trial(settings, score, run.dev, len(run.history), took))
            if self._tell:
                self._tell(self.tried[-1])
        return self.tried[-1].score or 0.0


class _Short(Run):
    """A run that optuna may break off after an epoch, and that is broken off when its time is over."""

    def __init__(self, recipe: Recipe, data: Path, out: Path, trial: optuna.Trial, ends: float) -> None:
        super().__init__(recipe, data, out)
        self._trial, self._ends = trial, ends

    def _train_step(self, batches: Sequence[list[Window]]) -> float:
        self._within_time()
        return super()._train_step(batches)

    def _end_epoch(self) -> None:
        super()._end_epoch()
        self._trial.report(self.objective.merit(self.dev), len(self.history))
        if self._trial.should_prune():
            self._break_off()

    def _within_time(self) -> None:
        if time.monotonic() > self._ends:
            self._break_off()

    def _break_off(self) -> None:
        import optuna

        raise optuna.TrialPruned


def _others(layers: str, n_layers: int) -> list[str]:
    """Return other choices of layers than the given ones: about half as many of the top, and half as many again."""
    match = re.fullmatch(r"top:(\d+)", layers)
    given = int(match[1]) if match else n_layers
    return [f"top:{n}" for n in (given // 2, given * 3 // 2) if 0 < n < n_layers]
