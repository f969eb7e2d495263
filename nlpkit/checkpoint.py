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
from dataclasses import asdict, dataclass, field
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


@dataclass(frozen=True, slots=True)
class Course:
    """How a training went: the processor's seconds, and of each epoch its last step, mean loss and scores on dev."""

    seconds: float
    history: tuple[Mapping[str, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A trained task: its adapter on a backbone, its heads in the order of their needs, and how it was made.

    `scores` holds the metrics by data split, `sizes` the number of documents of each.
    """

    name: str
    recipe: Recipe
    adapted: Adapted
    heads: Sequence[Head]
    reading: Reading
    scores: Mapping[str, Mapping[str, float]]
    sizes: Mapping[str, int] = field(default_factory=dict)
    revision: str = ""
    course: Course | None = None


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


def note(folder: Path, key: str, value: Any) -> None:
    """Write something more into an adapter's account and card; tables are added to the one there."""
    found = account(folder)
    found[key] = found.get(key, {}) | value if isinstance(value, Mapping) else value
    _write_account(folder, found)


def compare(folder: Path, name: str, scores: Mapping[str, float]) -> None:
    """Write the scores of another way to train the same recipe into an adapter's account and card."""
    note(folder, "compared", {name: dict(scores)})


def rescore(folder: Path, scores: Mapping[str, Mapping[str, float]]) -> None:
    """Write scores by data split, measured anew, into an adapter's account and card."""
    note(folder, "scores", {split: dict(of_split) for split, of_split in scores.items()})


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
        **({"training": asdict(task.course)} if task.course else {}),
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


def recipe(folder: Path) -> Recipe:
    """Read the recipe that an adapter was made by.

    Raises:
        AdapterError: the adapter's account is missing or damaged.

    """
    return recipes.from_dict(account(folder)["recipe"], source=str(folder / ACCOUNT), strict=False)


def load(folder: Path, backbone: Backbone | Adapted | None = None, *, name: str | None = None) -> Task:
    """Load a trained task.

    Args:
        folder: an adapter folder.
        backbone: the backbone to load it onto; by default the one that the adapter names.
        name: what to call the adapter on the backbone; by default the recipe's name.

    Raises:
        AdapterError: the folder is incomplete or damaged, lacks its head, or belongs to another backbone.

    """
    found, made = account(folder), recipe(folder)
    name = name or made.name
    if backbone is None:
        backbone = Backbone.from_pretrained(made.backbone)
    adapted = backbone if isinstance(backbone, Adapted) else Adapted(backbone)
    _check_backbone(folder, found["backbone"], adapted.backbone)
    heads = _heads(folder, found["heads"])
    adapted.load(name, folder, made.adapter)
    reading = Reading(found["reading"]["window"], found["reading"]["overlap"])
    revision = f"{made.name}@{adapted.fingerprint(name)[:12]}"
    return Task(name, made, adapted, heads, reading, found["scores"], found["documents"], revision)


def copy(start: str, adapted: Adapted, name: str) -> None:
    """Put the weights of a trained adapter into one on this backbone, which must have its shape.

    Raises:
        AdapterError: there is no such adapter, or it has another shape or backbone.

    """
    task = load(locate(start), Adapted(adapted.backbone))
    given = dict(task.adapted.named_parameters(task.name))
    own = dict(adapted.named_parameters(name))
    if {n: p.shape for n, p in given.items()} != {n: p.shape for n, p in own.items()}:
        raise AdapterError(
            f"{start} is an adapter of another shape; to go on from it, a recipe needs its [adapter]: "
            f"{json.dumps(task.recipe.to_dict()['adapter'])}"
        )
    with torch.no_grad():
        for n, parameter in own.items():
            parameter.copy_(given[n])


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
