"""One training loop for every recipe; it holds no task's name.

The trained parameters, the optimiser and the step go to disk at intervals: a run that was stopped, or killed, goes on
where it was, and randomness is drawn anew from (seed, step), so that it ends as an unbroken run would. Several
processes (`accelerate launch`, `torchrun`) share the batches of each step and add up their gradients: what is learnt
does not depend on how many they are, but for the order of sums, as long as a step has a batch for each; else it gets as
many. Which device the backbone is on is accelerate's choice.
"""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import torch
from torch import Tensor, nn

from nlpkit import checkpoint, recipes, runstate
from nlpkit.adapters import Adapted
from nlpkit.backbone import Backbone
from nlpkit.contrastive import Contrast
from nlpkit.data.batches import mixed, token_budget
from nlpkit.errors import DataError, RecipeError
from nlpkit.objectives import Heads, Objective, Teacher
from nlpkit.quick import products
from nlpkit.recipes import Recipe
from nlpkit.responses import Responses
from nlpkit.steps import OF_ADAPTER, adamw, added_up, processes, set_rate
from nlpkit.text import Window
from nlpkit.trunks import Trunks

ADAPTER = "default"
SAVE_SHARE = 0.05
"""The share of the time that may go into writing states to go on from."""
_NOTED = ("step", "best", "stale", "dev", "losses", "history", "seconds")
"""What a state says of its run."""
_APART = 2_654_435_761
"""How far apart the seeds of a step's batches lie, modulo 2^32: all that torch takes of a seed on a processor."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training run is. `dev` holds the scores after the last whole epoch; times are in seconds.

    `loss` is that of the step, `lr` the adapter's learning rate in it. `trunk` is the share of the texts that the
    layers below the adapter have read, which they do once, before the first step; None after a step.
    """

    step: int
    steps: int
    epoch: int
    loss: float
    seconds_left: float
    dev: dict[str, float]
    trunk: float | None = None
    lr: float = 0.0


def train(
    recipe: str | Path | Recipe,
    *,
    data: str | Path,
    out: str | Path,
    progress: Callable[[Progress], None] | None = None,
    resume: bool = True,
    graph: Teacher | None = None,
) -> Path:
    """Train what a recipe says and write the adapter folder.

    Args:
        recipe: a Recipe, a recipe's name, or the path of its file.
        data: the folder that holds the recipe's data files.
        out: the folder to write; an unfinished run leaves its state in `out/.training`.
        progress: called after every step, and while the layers below the adapter read all texts once.
        resume: go on from the state found in `out`; False starts afresh.
        graph: the KnowledgeGraph, opened with a kit, that a `kgqa` head learns to answer questions on.

    Returns:
        The folder `out`.

    Raises:
        RecipeError, DataError: the recipe or the data is at fault.
        BackboneError: the recipe's backbone cannot be had.

    """
    chosen = recipe if isinstance(recipe, Recipe) else recipes.find(recipe)
    run = Run(chosen, Path(data), Path(out), graph)
    if resume:
        run.resume()
    run.fit(progress)
    return run.finish()


def _objective(recipe: Recipe) -> type[Objective]:
    if recipe.writes:
        return Responses
    return Contrast if recipe.training.contrast else Heads


class Run:
    """A training run: an adapter, what it learns for (its objective), and where the training is."""

    def __init__(self, recipe: Recipe, folder: Path, out: Path, graph: Teacher | None = None) -> None:
        self.recipe, self.out = recipe, out
        self.state_folder = out / ".training"
        spec = recipe.training
        torch.manual_seed(spec.seed)
        self.processes = processes()
        backbone = Backbone.from_pretrained(recipe.backbone, sha256=recipe.backbone_sha256)
        self.adapted = Adapted(backbone.to(self.processes.device))
        self.adapted.add(ADAPTER, recipe.adapter)
        if recipe.start:
            checkpoint.copy(recipe.start, self.adapted, ADAPTER)
        self.objective = _objective(recipe)(recipe, folder, self.adapted, graph)
        self.windows = self.objective.windows
        self.parameters = dict(self._named_parameters())
        self.optimizer = adamw(self.parameters, spec)
        self._trunks: Trunks | None = None
        self._dev_trunks: Trunks | None = None
        self._n_batches = sum(
            len(list(token_budget(windows, spec.batch_tokens, random.Random(spec.seed)))) for windows in self.windows
        )
        self._together = max(math.ceil(spec.step_tokens / spec.batch_tokens), self.processes.num_processes)
        self.epoch_steps = math.ceil(self._n_batches / self._together)
        self.steps = self.epoch_steps * spec.epochs
        self.step, self.best, self.stale, self.dev = 0, -math.inf, 0, dict[str, float]()
        self.losses: list[float] = []
        self.history: list[dict[str, float]] = []
        self.seconds = 0.0
        self._since = time.process_time()
        self._saving = 0.0

    def _named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        yield from ((f"{OF_ADAPTER}{n}", p) for n, p in self.adapted.named_parameters(ADAPTER))
        for head in self.objective.modules:
            kind = getattr(head, "kind", "")
            yield from ((f"{kind}.{n}", p) for n, p in head.named_parameters())

    def fit(self, progress: Callable[[Progress], None] | None = None) -> None:
        """Train to the end of the recipe's budget, saving on the way.

        Ctrl-C, and a loss or a gradient that is no number, leave the last good state to go on from.

        Raises:
            DataError: a loss or a gradient is no number; the documents of its batch are named.

        """
        self._since = time.process_time()
        if not self.ended:
            self._read_once(progress)
        began, first = time.monotonic(), self.step
        saved, learning = began, False
        try:
            while not self.ended:
                for batches in self._epoch_batches():
                    learning = True
                    self.losses.append(self._train_step(batches))
                    self.step, learning = self.step + 1, False
                    if progress:
                        progress(self._progress((time.monotonic() - began) / (self.step - first)))
                    due = (time.monotonic() - saved) * SAVE_SHARE >= self._saving
                    if due and self.step % self.epoch_steps:
                        self._save("last")
                        saved = time.monotonic()
                self._end_epoch()
                saved = time.monotonic()
        except (KeyboardInterrupt, DataError) as e:
            # In the midst of a step some parameters may have moved, and others not.
            if not learning or isinstance(e, DataError):
                self._save("last")
            raise
        self._close("_trunks")

    def close(self) -> None:
        """Remove the files that only a run that is going on needs; `finish` does it too."""
        for name in ("_trunks", "_dev_trunks"):
            self._close(name)

    def _close(self, name: str) -> None:
        if trunks := getattr(self, name):
            trunks.close()
            setattr(self, name, None)

    @property
    def ended(self) -> bool:
        """Whether the budget is spent, or the scores on dev have not risen for as long as the recipe waits."""
        patience = self.recipe.training.patience
        return self.step >= self.steps or 0 < patience <= self.stale

    def _progress(self, seconds_a_step: float) -> Progress:
        epoch = (self.step - 1) // self.epoch_steps
        left = seconds_a_step * (self.steps - self.step)
        lr = self.optimizer.param_groups[0]["lr"]
        return Progress(self.step, self.steps, epoch, self.losses[-1], left, self.dev, lr=lr)

    def _read_once(self, progress: Callable[[Progress], None] | None) -> None:
        """Keep what no step changes: what the layers below the lowest one that is trained make of all texts."""
        began, done = time.monotonic(), 0
        train = [] if self.recipe.training.hide else [*chain(*self.windows)]
        n_windows = len(train) + len(self.objective.dev_windows)

        def tell(n_more: int) -> None:
            nonlocal done
            done += n_more
            if progress:
                left = (time.monotonic() - began) * (n_windows - done) / done
                progress(Progress(self.step, self.steps, 0, math.nan, left, self.dev, done / n_windows))

        with products():
            self._trunks = self._trunk("train", train, tell)
        # What is chosen on is read as the adapter in use will read, without rounding.
        self._dev_trunks = self._trunk("dev", self.objective.dev_windows, tell)

    def _trunk(self, name: str, windows: Sequence[Window], tell: Callable[[int], None] | None = None) -> Trunks | None:
        layer = self.adapted.lowest_layer(ADAPTER)
        if not layer or not windows:
            return None
        file = self.state_folder / f"{name}.{self.processes.process_index}.npy"
        return Trunks(self.adapted.backbone, windows, layer, file, progress=tell)

    def _epoch_batches(self) -> Iterator[list[list[Window]]]:
        """Yield the batches of each step of the present epoch that is still to come."""
        spec = self.recipe.training
        epoch, done = divmod(self.step, self.epoch_steps)
        rng = random.Random(spec.seed * 1000 + epoch)
        batches = mixed(self.windows, spec.batch_tokens, self._n_batches, spec.temperature, rng)
        steps = iter(lambda: list(islice(batches, self._together)), [])
        yield from islice(steps, done, None)

    def _train_step(self, batches: Sequence[list[Window]]) -> float:
        """Move the parameters by the gradient of the loss of some batches, each weighted by its pieces."""
        set_rate(self.optimizer, self.step, self.steps, self.recipe.training.warmup)
        for module in self.objective.modules:
            module.train()
        self.optimizer.zero_grad()
        pieces = [sum(map(len, batch)) for batch in batches]
        loss = torch.zeros(())
        with self.adapted.using(ADAPTER) as model, products():
            self.adapted.trainable(ADAPTER, True)
            # Each process takes its share of the batches.
            for k in range(self.processes.process_index, len(batches), self.processes.num_processes):
                torch.manual_seed(self.recipe.training.seed * 1_000_003 + self.step + k * _APART)
                part = self.objective.loss(model, batches[k], self._trunks) * (pieces[k] / sum(pieces))
                part.backward()
                loss += part.detach()
        if self.processes.num_processes > 1:
            loss = added_up(self.parameters.values(), loss, self.processes.device)
        self._check_finite("loss", loss, batches)
        self._check_finite("gradient", nn.utils.clip_grad_norm_(self.parameters.values(), 1.0), batches)
        self.optimizer.step()
        return float(loss)

    def _check_finite(self, what: str, value: Tensor, batches: Sequence[Sequence[Window]]) -> None:
        if not torch.isfinite(value):
            names = ", ".join(dict.fromkeys(name for batch in batches for name in self.objective.names(batch)))
            raise DataError(
                f"the {what} is {float(value.detach())} at step {self.step} on the documents {names}; "
                "look at them, or lower the lr"
            )

    def _end_epoch(self) -> None:
        self._ready()
        with self.adapted.using(ADAPTER) as model:
            self.dev = self.objective.dev_scores(model, self._dev_trunks)
        self.history.append({"step": self.step, "loss": statistics.fmean(self.losses), **self.dev})
        self.losses = []
        score = self.objective.merit(self.dev)
        self.stale = 0 if score > self.best else self.stale + 1
        if score >= self.best:
            self.best = score
            self._save("best")
        self._save("last")

    def _ready(self) -> None:
        self.adapted.trainable(ADAPTER, False)
        for module in self.objective.modules:
            module.eval()

    def _save(self, name: str) -> None:
        if not self.processes.is_main_process:
            return
        began, now = time.monotonic(), time.process_time()
        self.seconds, self._since = self.seconds + now - self._since, now
        noted = {key: getattr(self, key) for key in _NOTED} | {"recipe": self.recipe.to_dict()}
        runstate.save(self._state(name), self.parameters, noted, self.optimizer if name == "last" else None)
        self._saving = time.monotonic() - began

    def _state(self, name: str) -> Path:
        return self.state_folder / f"{name}.safetensors"

    def resume(self) -> bool:
        """Take up the last state found in the output folder; say whether there was one.

        Raises:
            RecipeError: the state was made by a recipe that learns otherwise, or that this version cannot read.

        """
        path = self._state("last")
        if not path.is_file():
            return False
        noted = runstate.account(path)
        before = recipes.from_dict(noted["recipe"], source=str(path), strict=False)
        if not before.learns_as(self.recipe):
            raise RecipeError(
                f"{self.state_folder} holds an unfinished run of another recipe; "
                "finish it with that one, choose another --out, or delete the folder"
            )
        runstate.restore(path, self.parameters, self.optimizer)
        for key in _NOTED:
            setattr(self, key, noted[key])
        return True

    def finish(self) -> Path:
        """Take the best state, calibrate it, score it on the test file where there is one, and write the folder.

        With `training.keep_last` the state of the last step is an adapter too, in the folder `last` within it; it is
        calibrated and scored on dev alone.
        """
        self.processes.wait_for_everyone()  # What the first one saves, all take up.
        self._dev_trunks = self._dev_trunks or self._trunk("dev", self.objective.dev_windows)
        last = self.out.with_name(f".{self.out.name}.last")
        if self.recipe.training.keep_last:
            self._write("last", last, test=False)
        self._write("best", self.out, test=True)
        if self.processes.is_main_process and last.is_dir():
            last.replace(self.out / "last")
        self.close()
        self.processes.wait_for_everyone()
        return self.out

    def _write(self, name: str, folder: Path, *, test: bool) -> None:
        if (state := self._state(name)).is_file():
            runstate.restore(state, self.parameters, self.optimizer)
        self._ready()
        # What is shipped is fp16: round before calibrating and scoring, so that the scores are those of the file.
        with torch.no_grad():
            for parameter in self.parameters.values():
                parameter.copy_(parameter.half().float())
        with self.adapted.using(ADAPTER) as model:
            scores = self.objective.final_scores(model, self._dev_trunks, test=test)
        if self.processes.is_main_process:
            checkpoint.save(self._task(scores), folder)
        self.processes.wait_for_everyone()

    def _task(self, scores: dict[str, dict[str, float]]) -> checkpoint.Task:
        learnt, course = self.objective, checkpoint.Course(self.seconds, tuple(self.history))
        parts = (learnt.heads, learnt.reading, scores, learnt.sizes)
        return checkpoint.Task(ADAPTER, self.recipe, self.adapted, *parts, course=course)
