"""A recipe for data that has none: what the files hold says what to learn, on which backbone, how and for how long."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from nlpkit import data, recipes
from nlpkit.errors import DataError, RecipeError
from nlpkit.heads import HEADS, in_order
from nlpkit.metrics import label_names
from nlpkit.recipes import Recipe
from nlpkit.text import chinese, words
from nlpkit.types import Document

HOLDS: Mapping[str, Callable[[Document], bool]] = {
    "relation": lambda d: bool(d.relations),
    "qa": lambda d: bool(d.answers),
    "slots": lambda d: bool(d.slots),
    "ner": lambda d: bool(d.entities),
    "classification": lambda d: "classification" in d.labels,
}
"""What a document must hold for a head to learn from it, by the kind of the head."""

_READS: Final = 60_000
"""Texts that training reads in all, within so many epochs."""
_EPOCHS: Final = (3, 30)
_PIECES: Final = 2_000_000
"""Pieces that training reads at most: about 40 minutes of two cores."""
_PIECES_A_WORD: Final = 1.4
_HELD_OUT: Final = (64, 10, 1000)
"""From so many texts on one in ten is held out to choose on, at most so many."""
_SHORT: Final = 90
"""Words of a short text: its windows need not be long."""
_FEW: Final = 16
"""Examples a label up to which an adapter is tuned by contrast: as many as docs/fewshot.md measures."""
_FEW_READS: Final = 2_000
"""Texts that such a training reads in all, within so many epochs."""
_FEW_EPOCHS: Final = (3, 20)
_NUMBERED = re.compile(r"(?i)(?:label|class)?[\W_]*\d*")
"""Names of labels that say nothing."""

_ENGLISH: Final[Mapping[str, Any]] = {"backbone": "default", "layers": "all", "lr": 8e-4}
_CHINESE: Final[Mapping[str, Any]] = {"backbone": "gemma3-270m", "layers": "top:6", "lr": 6e-4}
"""The backbone for a language, its layers that get an adapter, and how fast to learn."""


def draft(
    train: str | Path,
    *,
    kind: str | None = None,
    dev: str | Path | None = None,
    test: str | Path | None = None,
    backbone: str | None = None,
) -> Recipe:
    """Return a recipe for data files, to train with as it is or to write down and edit (`written`).

    Names of files in it are relative to the folder of `train`, which is what to give as `data` then.

    Args:
        train: the file to learn from, as `data.read` takes it ("FILE#PART" too).
        kind: the kind of task; by default whatever the documents hold.
        dev: a file to choose on; by default a tenth of `train` is held out.
        test: a file to report on.
        backbone: by default the embedded English encoder, or the multilingual decoder where the texts are Chinese.

    Raises:
        DataError: the file cannot be read, or holds nothing to learn.
        RecipeError: there is no such kind of task.

    """
    documents = [e.document for e in data.read(train)]
    heads = _heads(documents, kind, str(train))
    language = _CHINESE if statistics.mean(chinese(d.text) for d in documents) > 0.5 else _ENGLISH
    lengths = [len(words(f"{d.query} {d.text}")) for d in documents]
    n, (least, share, most) = len(documents), _HELD_OUT
    folder = data.home(train)
    table: dict[str, Any] = {
        "title": f"{', '.join(heads)}, learnt from {Path(train).name}",
        "heads": heads,
        "licence": "not stated",
        "backbone": backbone or language["backbone"],
        "data": {
            "format": data.format_of(train),
            "train": _relative(train, folder),
            **({"dev": _relative(dev, folder)} if dev else {"hold_out": min(n // share, most) if n >= least else 0}),
            **({"test": _relative(test, folder)} if test else {}),
        },
        "adapter": {
            "rank": 16,
            "alpha": 32,
            "dropout": 0.1,
            "layers": "all" if backbone and backbone != language["backbone"] else language["layers"],
        },
        "training": _training(lengths, language["lr"]),
    }
    if heads == ["classification"] and language is _ENGLISH and (labels := _few(documents)):
        table["training"] |= _by_contrast(n)
        if not any(map(_NUMBERED.fullmatch, labels)):
            table["options"] = {"classification": {"words": {}}}
    if "relation" in heads:
        table["options"] = {"relation": {"chains": "mentions"}} if _apart(documents) else {}
    return recipes.from_dict(table, name=f"{heads[-1]}/{folder.name or 'draft'}", source=str(train))


def written(recipe: Recipe) -> str:
    """Return a recipe as the text of a TOML file, for `recipes.load` to read."""
    plain = recipe.to_dict()
    top = {key: plain[key] for key in ("title", "heads", "licence", "backbone")}
    adapter = {key: value for key, value in plain["adapter"].items() if key != "attention"}
    defaults = asdict(recipes.DataSpec("", ""))
    own = {key: value for key, value in plain["data"].items() if value and value != defaults[key]}
    parts = [
        "# What to learn. Edit it, then: nlpkit train THIS_FILE --data THE_FOLDER_OF_THE_DATA --out ADAPTER\n"
        "# (docs/training.md says what the keys mean; licence is that of the data: say it before you share an adapter)",
        _lines(top),
        *(f"[{name}]\n{_lines(table)}" for name, table in (("data", own), ("adapter", adapter))),
        f"[training]\n{_lines(plain['training'])}",
        *(f"[options.{head}]\n{_lines(table)}" for head, table in plain["options"].items() if table),
    ]
    return "\n\n".join(parts) + "\n"


def _lines(table: Mapping[str, Any]) -> str:
    # Texts, numbers, truths and lists of them are written alike in JSON and in TOML.
    return "\n".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items())


def _heads(documents: list[Document], kind: str | None, source: str) -> list[str]:
    """Return the kinds of heads that have something to learn from the documents, in the order of their needs."""
    if kind is not None and kind not in HOLDS:
        raise RecipeError(f"no task {kind!r} to learn from {source}; allowed: {', '.join(HOLDS)}")
    there = [k for k, holds in HOLDS.items() if any(map(holds, documents))]
    wanted = there if kind is None else [kind, *(need for need in HEADS[kind].needs if need in there)]
    if not there or (kind is not None and kind not in there):
        raise DataError(
            f"{source} has {len(documents)} texts and nothing for {kind or 'a task'} to learn; it holds: "
            f"{', '.join(there) or 'no annotations'} (docs/data.md says what is read of each format)"
        )
    return in_order(wanted)


def _training(lengths: list[int], lr: float) -> dict[str, Any]:
    """Return how to learn from texts of so many words each."""
    short = statistics.quantiles([*lengths, 0], n=20)[-1] < _SHORT
    return {
        "epochs": _epochs(len(lengths), sum(lengths)),
        "lr": lr,
        "head_lr": 1e-3,
        "batch_tokens": 1024,
        "window": 128 if short else 320,
        "stride": 96 if short else 192,
        "patience": 5,
        "bf16": True,
    }


def _few(documents: list[Document]) -> list[str]:
    """Return the labels of texts with one label each, where few examples show them; otherwise none."""
    labels = {name for d in documents for name in label_names(d, "classification")}
    single = all(len(label_names(d, "classification")) == 1 for d in documents)
    return sorted(labels) if single and len(documents) <= _FEW * len(labels) else []


def _by_contrast(n: int) -> dict[str, Any]:
    """Return what differs for n examples that are learnt by contrast (see nlpkit.contrastive)."""
    least, most = _FEW_EPOCHS
    epochs = min(max(least, round(_FEW_READS / n)), most)
    return {"contrast": True, "epochs": epochs, "lr": 1e-3, "batch_tokens": 512}


def _epochs(n: int, n_words: int) -> int:
    least, most = _EPOCHS
    affordable = max(1, int(_PIECES / max(1, n_words * _PIECES_A_WORD)))
    return min(max(least, min(most, round(_READS / n))), affordable)


def _apart(documents: list[Document]) -> bool:
    """Say whether no chain has a second mention: the data does not say which names mean the same."""
    return all(len(chain.mentions) == 1 for d in documents for chain in d.chains)


def _relative(path: str | Path, folder: Path) -> str:
    """Return how a recipe names a file: below the folder where it lies there, else whole."""
    whole = data.whole(path)
    return str(whole.relative_to(folder) if whole.is_relative_to(folder) else whole)
