"""Zero-shot, in-context examples or a trained adapter: what each is worth on one's own labels, and what it costs."""

from __future__ import annotations

import csv
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from nlpkit import recipes, training
from nlpkit.adapters import Adapted
from nlpkit.backbone import Backbone
from nlpkit.errors import InputError, MissingExtraError
from nlpkit.incontext.classification import Classification
from nlpkit.kit import Kit
from nlpkit.loading import load
from nlpkit.recipes import Recipe
from nlpkit.types import Document

SHOTS = (0, 4, 16)
SIZES = (8, 64, 512, None)
_STEPS = 4_000
"""Documents that training reads in all where there are few, at most `_EPOCHS` times each."""
_EPOCHS = 40
_HELD_OUT = 64
"""From so many examples on a fifth is held out to choose on."""
ZERO_SHOT, IN_CONTEXT, ADAPTER = "zero-shot", "in context", "adapter"


@dataclass(frozen=True, slots=True)
class Point:
    """What a way reached: the share of right labels, the seconds that all of it took, and those for each text."""

    way: str
    model: str
    examples: int
    accuracy: float
    seconds: float
    seconds_per_text: float

    def to_dict(self) -> dict[str, Any]:
        """Return the point as plain JSON types."""
        return asdict(self)


class Comparison:
    """The same test texts, labelled in several ways.

    Args:
        train: texts with one label each, to draw examples from.
        test: texts with one label each.
        task: the key of their labels.
        words: labels in words, for what reads them as words; where one is missing the label itself, "_" as a blank.
        encoder: what is asked zero-shot and is adapted.
        decoder: what is shown examples; None: nothing is.
        base: a recipe whose backbone, adapter and learning rates to take; by default LoRA of rank 16.
        seed: what examples are drawn and adapters trained with.

    Raises:
        InputError: no texts, fewer than two labels, or a text without one.

    """

    def __init__(
        self,
        train: Sequence[Document],
        test: Sequence[Document],
        *,
        task: str = "classification",
        words: Mapping[str, str] | None = None,
        encoder: str = "default",
        decoder: str | None = "smollm2",
        base: Recipe | None = None,
        seed: int = 13,
    ) -> None:
        labels = _labels(train, test, task)
        self.spoken = {label: (words or {}).get(label, label.replace("_", " ")) for label in labels}
        self.task, self.encoder, self.decoder, self.base, self.seed = task, encoder, decoder, base, seed
        self.drawn = _drawn(train, task, seed)
        self._golds, self._texts = [d.labels[task].label for d in test], [d.text for d in test]
        self._adapted: Adapted | None = None

    def points(
        self, shots: Sequence[int] = SHOTS, sizes: Sequence[int | None] = SIZES, done: Sequence[Point] = ()
    ) -> Iterator[Point]:
        """Yield what each way reaches: zero-shot, in context with k examples, adapters from n.

        Examples are drawn with the seed, by turns from the labels; those of a smaller number are among those of a
        larger one.

        Args:
            shots: the numbers of examples that a prompt shows.
            sizes: the numbers of examples that an adapter learns from; None: all.
            done: points that are there already; they are not measured again.

        """
        known = {(point.way, point.examples) for point in done}
        if (ZERO_SHOT, 0) not in known:
            yield self.zero_shot()
        for k in shots if self.decoder else ():
            if (IN_CONTEXT, k) not in known:
                yield self.in_context(k)
        for size in sizes:
            n = len(self.drawn) if size is None else min(size, len(self.drawn))
            if (ADAPTER, n) not in known:
                yield self.adapter(n)

    def zero_shot(self) -> Point:
        """Return what the encoder's sentence embeddings reach against the labels in words."""
        kit = Kit(Adapted(Backbone.from_pretrained(self.encoder)))
        began = time.perf_counter()
        found = [one.label for one in kit.classify(self._texts, list(self.spoken.values()))]
        return self._point(ZERO_SHOT, self.encoder, 0, found, began, began)

    def in_context(self, k: int) -> Point:
        """Return what the decoder reaches that is shown k examples, all in one prompt."""
        name = self.decoder or "smollm2"
        self._adapted = self._adapted or Adapted(Backbone.from_pretrained(name))
        shown = [(d.text, self.spoken[d.labels[self.task].label]) for d in self.drawn[:k]]
        began = time.perf_counter()
        reader = Classification(self._adapted, list(self.spoken.values()), shown, k=k)
        documents = reader.read([Document(text) for text in self._texts])
        found = [d.labels[Classification.kind].label for d in documents]
        return self._point(IN_CONTEXT, name, k, found, began, began)

    def adapter(self, n: int) -> Point:
        """Return what an adapter reaches that learnt from n examples."""
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            kit = load(str(_trained(self.drawn[:n], Path(folder), self.task, self.encoder, self.base, self.seed)))
        ready = time.perf_counter()
        found = [self.spoken[next(iter(d.labels.values())).label] for d in kit(self._texts)]
        return self._point(ADAPTER, self.encoder, n, found, began, ready)

    def _point(self, way: str, model: str, n: int, found: Sequence[str], began: float, ready: float) -> Point:
        """Return a point from labels in words, and the seconds at which all of it and the labelling began."""
        ended = time.perf_counter()
        right = sum(a == self.spoken[b] for a, b in zip(found, self._golds, strict=True))
        share = right / len(self._golds)
        return Point(way, model, n, share, ended - began, (ended - ready) / len(self._golds))


def _trained(
    examples: Sequence[Document], folder: Path, task: str, encoder: str, base: Recipe | None, seed: int
) -> Path:
    """Train an adapter on these examples and return its folder."""
    with (folder / "train.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["label", "text"])
        writer.writerows((d.labels[task].label, d.text) for d in examples)
    n = len(examples)
    table: dict[str, Any] = {
        "title": "A comparison",
        "heads": ["classification"],
        "licence": "that of the data",
        "backbone": encoder,
        "data": {"format": "csv", "train": "train.csv", "hold_out": n // 5 if n >= _HELD_OUT else 0},
        "adapter": {"rank": 16, "alpha": 32, "dropout": 0.1},
        "training": {"lr": 1e-3, "head_lr": 2e-3, "window": 128, "stride": 96, "seed": seed},
    }
    recipe = recipes.from_dict(table, name="comparison")
    epochs = max(3, min(_EPOCHS, round(_STEPS / n)))
    if base is not None:
        recipe = replace(
            recipe, backbone=base.backbone, adapter=base.adapter, training=replace(base.training, seed=seed)
        )
        epochs = max(epochs, base.training.epochs) if n < _STEPS else base.training.epochs
    recipe = replace(recipe, training=replace(recipe.training, epochs=epochs))
    return training.train(recipe, data=folder, out=folder / "adapter")


def _labels(train: Sequence[Document], test: Sequence[Document], task: str) -> list[str]:
    for name, documents in (("train", train), ("test", test)):
        if not documents:
            raise InputError(f"there is no {name} text; give some, each with its label")
        bare = next((d for d in documents if task not in d.labels), None)
        if bare is not None:
            raise InputError(
                f"the {name} text {bare.id or bare.text[:40]!r} has no label {task!r}; give each its label"
            )
    found = sorted({d.labels[task].label for d in (*train, *test)})
    if len(found) < 2:
        raise InputError(f"the texts have the one label {found[0]!r}; there is nothing to tell apart")
    return found


def _drawn(train: Sequence[Document], task: str, seed: int) -> list[Document]:
    """Return the documents in a random order in which the labels take turns."""
    by_label: dict[str, list[Document]] = defaultdict(list)
    shuffled = list(train)
    draws = random.Random(seed)
    draws.shuffle(shuffled)
    for document in shuffled:
        by_label[document.labels[task].label].append(document)
    turns = [(n, draws.random(), d) for documents in by_label.values() for n, d in enumerate(documents)]
    return [document for _, _, document in sorted(turns, key=lambda turn: turn[:2])]


def plot(points: Mapping[str, Sequence[Point]], path: str | Path) -> None:
    """Draw accuracy against examples and against seconds, a column of two charts for each set of points.

    Args:
        points: by the name of the data.
        path: an .svg, .png or .pdf file.

    Raises:
        MissingExtraError: matplotlib is not installed.

    """
    try:
        import matplotlib as mpl
    except ImportError as e:
        raise MissingExtraError("matplotlib", "plot") from e
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "nlpkit", "svg.fonttype": "none"}):
        figure = Figure(figsize=(4.2 * len(points), 6.4), layout="constrained")
        charts = figure.subplots(2, len(points), squeeze=False, sharey="col")
        for column, (name, found) in enumerate(points.items()):
            for row, (axis, scale) in enumerate((("examples", "symlog"), ("seconds", "log"))):
                chart = charts[row][column]
                for way, mark in ((ZERO_SHOT, "D"), (IN_CONTEXT, "o"), (ADAPTER, "s")):
                    own = sorted((p for p in found if p.way == way), key=lambda p: p.examples)
                    values = [p.examples if axis == "examples" else p.seconds for p in own]
                    label = f"{way} ({own[0].model})" if own else way
                    chart.plot(values, [p.accuracy for p in own], marker=mark, label=label)
                chart.set(xscale=scale, xlabel="examples" if row == 0 else "seconds, training included", ylim=(0, 1))
                chart.grid(visible=True, alpha=0.3)
            charts[0][column].set_title(name)
            charts[0][column].set_ylabel("accuracy")
            charts[1][column].set_ylabel("accuracy")
        charts[0][0].legend(fontsize="small")
        figure.savefig(path, metadata={"Date": None} if str(path).endswith(".svg") else None)
