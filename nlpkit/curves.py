"""How a training went, to look at: events for TensorBoard while it runs, a plot of its curves at the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nlpkit import checkpoint
from nlpkit.errors import MissingExtraError

if TYPE_CHECKING:
    from nlpkit.training import Progress

CURVES = "curves.svg"
"""The name of the plot in an adapter's folder."""


class Log:
    """Writes what a training reports as events that TensorBoard shows; give it to `train` as `progress`.

    Args:
        folder: where to write; a run that goes on writes another file there.

    Raises:
        MissingExtraError: tensorboard is not installed.

    """

    def __init__(self, folder: str | Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as e:
            raise MissingExtraError("tensorboard", "tensorboard") from e
        self._writer = SummaryWriter(str(folder), flush_secs=5)
        self._dev: dict[str, float] = {}

    def __call__(self, progress: Progress) -> None:
        """Note the loss and the learning rate of a step, and the scores on dev where they are new."""
        if progress.trunk is not None:
            return
        self._writer.add_scalar("train/loss", progress.loss, progress.step)
        self._writer.add_scalar("train/lr", progress.lr, progress.step)
        if progress.dev != self._dev:
            self._dev = dict(progress.dev)
            for name, score in progress.dev.items():
                self._writer.add_scalar(f"dev/{name}", score, progress.step)
        if progress.step == progress.steps:
            self._writer.close()


def plot(adapter: str | Path) -> Path:
    """Draw the mean loss of each epoch and the scores on dev into an adapter's folder, as `curves.svg`.

    Raises:
        AdapterError: there is no such adapter.
        MissingExtraError: matplotlib is not installed.

    """
    try:
        import matplotlib as mpl
    except ImportError as e:
        raise MissingExtraError("matplotlib", "plot") from e
    from matplotlib.figure import Figure

    folder = checkpoint.locate(adapter)
    history = checkpoint.account(folder).get("training", {}).get("history", [])
    epochs = range(1, len(history) + 1)
    shown = [key for key in history[0] if key.endswith(("f1", "accuracy", "exact"))] if history else []
    with mpl.rc_context({"svg.hashsalt": "nlpkit", "svg.fonttype": "none"}):
        figure = Figure(figsize=(8.4, 3.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.plot(epochs, [epoch["loss"] for epoch in history], marker=".")
        left.set(xlabel="epoch", ylabel="mean loss")
        for key in shown:
            right.plot(epochs, [epoch[key] for epoch in history], marker=".", label=key)
        right.set(xlabel="epoch", ylabel="score on dev")
        if shown:
            right.legend(fontsize="small")
        for chart in (left, right):
            chart.grid(visible=True, alpha=0.3)
        path = folder / CURVES
        part = path.with_name(f".{path.name}.part")
        figure.savefig(part, format="svg", metadata={"Date": None})
    part.replace(path)
    return path
