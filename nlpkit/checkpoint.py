"""A trained task on disk: a standard PEFT folder, plus the heads and the account of how it was made.

`adapter_config.json` and `adapter_model.safetensors` are what plain peft opens; `head.safetensors` holds the
heads, `nlpkit.json` the recipe, labels, thresholds, backbone, scores and versions, `README.md` the card made of it.
Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from nlpkit import recipes
from nlpkit.adapters import Adapted
from nlpkit.backbone import Backbone
from nlpkit.card import card
from nlpkit.engine import Reading
from nlpkit.errors import AdapterError
from nlpkit.heads import HEADS
from nlpkit.heads.base import Head
from nlpkit.recipes import Recipe

FORMAT = 1
ACCOUNT, HEADS_FILE = "nlpkit.json", "head.safetensors"
SHIPPED = Path(__file__).resolve().parent / "_adapters"
"""Where the adapters that travel with nlpkit lie: SHIPPED / kind / name."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A trained task: its adapter on a backbone, its heads in the order of their needs, and how it was made.

    `scores` holds the metrics by data split, `sizes` the number of documents of each, `seconds` the processor's time
    for its training.
    """

    name: str
    recipe: Recipe
    adapted: Adapted
    heads: Sequence[Head]
    reading: Reading
    scores: Mapping[str, Mapping[str, float]]
    sizes: Mapping[str, int] = field(default_factory=dict)
    revision: str = ""
    seconds: float | None = None


def save(task: Task, folder: Path) -> None:
    """Write a task's folder, whole or not at all; a folder that was there is replaced.

    The adapter and the heads are written in fp16.
    """
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    task.adapted.save(task.name, part, torch.float16)
    tensors = {
        f"{head.kind}.{name}": tensor.detach().half().contiguous()
        for head in task.heads
        if isinstance(head, nn.Module)
        for name, tensor in head.state_dict().items()
    }
    configs = {head.kind: head.config() for head in task.heads}
    save_file(tensors, part / HEADS_FILE, metadata={"format": "pt", "heads": _sha256(configs)})
    _write_account(part, _account(task, part))
    for file in part.iterdir():
        file.chmod(0o644)  # safetensors writes for the owner alone
    shutil.rmtree(folder, ignore_errors=True)
    part.replace(folder)


def compare(folder: Path, name: str, scores: Mapping[str, float]) -> None:
    """Write the scores of another way to train the same recipe into an adapter's account and card."""
    found = account(folder)
    found["compared"] = {**found.get("compared", {}), name: dict(scores)}
    _write_account(folder, found)


def rescore(folder: Path, scores: Mapping[str, Mapping[str, float]]) -> None:
    """Write scores by data split, measured anew, into an adapter's account and card."""
    found = account(folder)
    found["scores"] = {**found["scores"], **{split: dict(of_split) for split, of_split in scores.items()}}
    _write_account(folder, found)


def _write_account(folder: Path, account: Mapping[str, Any]) -> None:
    (folder / ACCOUNT).write_text(json.dumps(account, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(card(account), encoding="utf-8")


def _account(task: Task, folder: Path) -> dict[str, Any]:
    backbone = task.adapted.backbone
    return {
        "format": FORMAT,
        "recipe": task.recipe.to_dict(),
        "backbone": {
            "name": backbone.name,
            "sha256": backbone.fingerprint,
            "hidden_width": backbone.hidden_width,
            "n_layers": backbone.n_layers,
        },
        "reading": {"window": task.reading.window, "overlap": task.reading.overlap},
        "heads": {head.kind: head.config() for head in task.heads},
        "documents": dict(task.sizes),
        **({"seconds": round(task.seconds, 1)} if task.seconds is not None else {}),
        "scores": {split: dict(scores) for split, scores in task.scores.items()},
        "parameters": {
            "adapter": sum(p.numel() for _, p in task.adapted.named_parameters(task.name)),
            "heads": sum(p.numel() for head in task.heads if isinstance(head, nn.Module) for p in head.parameters()),
        },
        "bytes": sum(f.stat().st_size for f in folder.iterdir()),
        "versions": {p: version(p) for p in ("torch", "transformers", "peft")},
    }


def locate(adapter: str | Path) -> Path:
    """Return the folder of an adapter: a path, or the name of a shipped one.

    Raises:
        AdapterError: there is no such folder or name.

    """
    path = Path(adapter)
    if path.is_dir():
        return path
    shipped = SHIPPED / str(adapter)
    if ".." not in path.parts and (shipped / ACCOUNT).is_file():
        return shipped
    known = ", ".join(shipped_names()) or "none"
    raise AdapterError(f"no adapter {str(adapter)!r}; allowed: a folder, a pack, or a shipped name: {known}")


def shipped_names() -> list[str]:
    """Return the names of the adapters that travel with nlpkit."""
    return sorted(p.parent.relative_to(SHIPPED).as_posix() for p in SHIPPED.rglob(ACCOUNT))


def account(folder: Path) -> dict[str, Any]:
    """Read an adapter's account.

    Raises:
        AdapterError: it is missing, damaged, or written by a newer version.

    """
    path = folder / ACCOUNT
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        written = found["format"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as e:
        raise AdapterError(f"{path} is missing or damaged ({e}); take the whole folder again") from e
    if written > FORMAT:
        raise AdapterError(f"{path} has the format {written}; this nlpkit reads up to {FORMAT}: upgrade nlpkit")
    return found


def load(folder: Path, backbone: Backbone | Adapted | None = None, *, name: str | None = None) -> Task:
    """Load a trained task.

    Args:
        folder: an adapter folder.
        backbone: the backbone to load it onto; by default the one that the adapter names.
        name: what to call the adapter on the backbone; by default the recipe's name.

    Raises:
        AdapterError: the folder is incomplete or damaged, lacks its head, or belongs to another backbone.

    """
    found = account(folder)
    recipe = recipes.from_dict(found["recipe"], source=str(folder / ACCOUNT), strict=False)
    name = name or recipe.name
    if backbone is None:
        backbone = Backbone.from_pretrained(recipe.backbone)
    adapted = backbone if isinstance(backbone, Adapted) else Adapted(backbone)
    _check_backbone(folder, found["backbone"], adapted.backbone)
    heads = _heads(folder, found["heads"])
    adapted.load(name, folder, recipe.adapter)
    reading = Reading(found["reading"]["window"], found["reading"]["overlap"])
    revision = f"{recipe.name}@{adapted.fingerprint(name)[:12]}"
    return Task(name, recipe, adapted, heads, reading, found["scores"], found["documents"], revision)


def _sha256(configs: Mapping[str, Mapping[str, Any]]) -> str:
    return hashlib.sha256(json.dumps(configs, sort_keys=True).encode()).hexdigest()


def _check_backbone(folder: Path, wanted: Mapping[str, Any], backbone: Backbone) -> None:
    if wanted["sha256"] != backbone.fingerprint:
        raise AdapterError(
            f"the adapter in {folder} was trained on the backbone {wanted['name']!r} (width {wanted['hidden_width']}, "
            f"SHA-256 {wanted['sha256'][:12]}...), but this is {backbone.name!r} (width {backbone.hidden_width}, "
            f"SHA-256 {backbone.fingerprint[:12]}...); load that backbone, or train the recipe on this one"
        )


def _heads(folder: Path, configs: Mapping[str, Mapping[str, Any]]) -> list[Head]:
    path = folder / HEADS_FILE
    if not path.is_file():
        raise AdapterError(f"{folder} has an adapter but no {HEADS_FILE}: without its head it would answer at random")
    try:
        with safe_open(path, framework="pt") as file:
            tensors, written = {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as e:
        raise AdapterError(f"{path} is damaged ({e}); take the whole folder again") from e
    if written.get("heads", _sha256(configs)) != _sha256(configs):
        raise AdapterError(
            f"{path} was written for other heads than {folder / ACCOUNT} describes (for labels in another order, say); "
            "take the whole folder again"
        )
    heads: list[Head] = []
    for kind, config in configs.items():
        if kind not in HEADS:
            raise AdapterError(f"{folder} has a head {kind!r}; this nlpkit knows {', '.join(HEADS)}: upgrade nlpkit")
        try:
            head = HEADS[kind].from_config(config)
        except (TypeError, ValueError, KeyError, RuntimeError) as e:
            reason = next(iter(str(e).splitlines()), type(e).__name__)
            raise AdapterError(
                f"{folder / ACCOUNT} describes no head {kind!r} ({reason}); take the whole folder again; one that "
                "another version of nlpkit wrote must be trained anew"
            ) from e
        assert isinstance(head, nn.Module)
        own = {n.removeprefix(f"{kind}."): t.float() for n, t in tensors.items() if n.startswith(f"{kind}.")}
        try:
            head.load_state_dict(own)
        except RuntimeError as e:
            reason = str(e).splitlines()[-1].strip()
            raise AdapterError(f"{path} does not hold the head {kind!r} whole: {reason}") from e
        head.eval().requires_grad_(False)
        heads.append(head)
    return heads
