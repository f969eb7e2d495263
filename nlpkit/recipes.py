"""Recipes: what to learn, as data. TOML in, frozen values out, and no key is passed over.

A recipe is found by name (`relation/wikipedia`) among those that travel with nlpkit, or by the path
of a `.toml` file. Its tables are the dataclasses below: a field's type and rule are what the file may say.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from nlpkit.errors import RecipeError
from nlpkit.tables import Rule, read, without_nones, wrong

METHODS: Mapping[str, tuple[str, ...]] = {
    "lora": ("rank", "alpha", "dropout", "layers", "modules"),
    "rslora": ("rank", "alpha", "dropout", "layers", "modules"),
    "dora": ("rank", "alpha", "dropout", "layers", "modules"),
    "ia3": ("layers", "modules"),
    "prefix": ("tokens", "layers"),
    "prompt": ("tokens",),
    "ptuning": ("tokens",),
    "layernorm": ("layers",),
    "bottleneck": ("rank", "alpha", "style", "dropout", "layers"),
    "none": ("layers",),
    "full": (),
}
"""The adapter methods, and the keys that mean something to each, beside `method` and `attention`."""

_PACKAGE = Path(__file__).resolve().parent
_SHIPPED = _PACKAGE / "_tasks"
ROOT = _SHIPPED if _SHIPPED.is_dir() else _PACKAGE.parent / "tasks"
"""Where recipes live: inside the package in a wheel, beside it in a checkout."""
GENERATION = "generation"
"""The folder among them of kinds of texts to write (see `nlpkit.writings`), and what stands for a head in a recipe by
which a decoder learns to write."""


_POSITIVE = Rule("above 0", lambda v: v > 0)
_NOT_NEGATIVE = Rule("0 or above", lambda v: v >= 0)
_FRACTION = Rule("from 0 up to, not including, 1", lambda v: 0 <= v < 1)
_SHARE = Rule("from 0 to 1", lambda v: 0 <= v <= 1)
_ABOVE_0_OR_NONE = Rule("above 0", lambda v: v is None or v > 0)
_NOT_EMPTY = Rule("not empty", bool)
_LAYERS = Rule(
    '"all", "top:N" or "bottom:N" with N above 0, or numbers such as "0,2"',
    lambda v: re.fullmatch(r"all|(top|bottom):[1-9]\d*|\d+(,\d+)*", v) is not None,
)
_MODULES = Rule(
    '"all-linear" or a list of module names', lambda v: v == "all-linear" if isinstance(v, str) else len(v) > 0
)
_METHOD = Rule(", ".join(METHODS), lambda v: v in METHODS)
_ATTENTION = Rule('"causal" or "both"', lambda v: v in ("causal", "both"))
_STYLE = Rule('"houlsby", "pfeiffer" or "parallel"', lambda v: v in ("houlsby", "pfeiffer", "parallel"))
_HEADS = Rule("one head or more, none twice", lambda v: len(v) > 0 and len(set(v)) == len(v))
_SHA256 = Rule("64 hexadecimal digits", lambda v: v is None or re.fullmatch(r"[0-9a-f]{64}", v) is not None)


@dataclass(frozen=True, slots=True)
class DataSpec:
    """Which files to learn from. Names are relative to the folder given as `--data`.

    `FILE#PART` is a part of a file, for formats that have parts. Without a `dev` file, `hold_out` documents of `train`
    are drawn with `seed` and kept aside for choosing, with all that has the same texts. With `deduplicate`, training
    texts that also occur in dev or test are dropped. `sample` is how many of the rest to train on, `dev_sample` how
    many of `dev` to choose on and `test_sample` how many of `test` to report on, drawn with `seed`; 0 means all.
    `shots`, in place of `sample`, is how many examples of each label to train on, drawn with `seed` too (where a label
    has fewer, all of them). `replay` is a file of what was learnt before, from which `replay_share` as many documents
    as are new are drawn to be learnt beside them. Where a recipe has several data sets, `heads` names the heads that
    learn from this one, and `folder` is where it lies below `--data`.
    """

    format: Annotated[str, _NOT_EMPTY]
    train: Annotated[str, _NOT_EMPTY]
    dev: str | None = None
    test: str | None = None
    hold_out: Annotated[int, _NOT_NEGATIVE] = 0
    deduplicate: bool = False
    sample: Annotated[int, _NOT_NEGATIVE] = 0
    dev_sample: Annotated[int, _NOT_NEGATIVE] = 0
    test_sample: Annotated[int, _NOT_NEGATIVE] = 0
    shots: Annotated[int | None, _ABOVE_0_OR_NONE] = None
    seed: Annotated[int, _NOT_NEGATIVE] = 13
    replay: str | None = None
    replay_share: Annotated[float, _NOT_NEGATIVE] = 0.5
    heads: tuple[str, ...] = ()
    folder: str = ""


@dataclass(frozen=True, slots=True)
class AdapterSpec:
    """Which few parameters to train inside the backbone.

    `layers` is "all", "top:N", "bottom:N" or numbers such as "0,2"; `modules` is "all-linear" or the names of
    linear modules. `rank` is the rank of an update or the width of a bottleneck, `tokens` the number of virtual pieces,
    `style` where a bottleneck stands. `attention = "both"` lets a decoder's pieces attend to later ones too, from the
    lowest adapted layer up, in training and in use. `METHODS` says which keys a method knows.
    """

    method: Annotated[str, _METHOD] = "lora"
    rank: Annotated[int, _POSITIVE] = 16
    alpha: Annotated[float, _POSITIVE] = 32.0
    dropout: Annotated[float, _FRACTION] = 0.0
    layers: Annotated[str, _LAYERS] = "all"
    modules: Annotated[tuple[str, ...] | str, _MODULES] = "all-linear"
    tokens: Annotated[int, _POSITIVE] = 16
    style: Annotated[str, _STYLE] = "pfeiffer"
    attention: Annotated[str, _ATTENTION] = "causal"


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """How long and how fast to learn.

    `warmup` is a share of all steps; `batch_tokens`, `window` and `stride` count the backbone's pieces
    (neighbouring windows overlap by `window - stride`); `hide` is the share of pieces replaced by the mask piece
    in each step, so that entities are told by what stands around them, not by heart. Of several data sets with n_k
    batches each, the next batch is of set k with probability n_k^(1/`temperature`) over the sum of these (Devlin 2019,
    for languages): 1 takes them as large as they are, more evens them out. `bf16` lets the backbone compute in
    bfloat16 while it is trained, on processors that have it (see nlpkit.quick.rounded). A step takes as many batches as
    hold `step_tokens` (at least one), their gradients added up: large steps in little memory. Training ends early when
    the scores on dev have not risen for `patience` epochs; 0 waits to the end. With `contrast`, for
    classification from few examples, the adapter is tuned by contrast (see nlpkit.contrastive); otherwise heads learn
    by their own loss. The adapter written is the best on dev; `keep_last` writes that of the last step too, in its
    folder `last`.
    """

    epochs: Annotated[int, _POSITIVE] = 10
    lr: Annotated[float, _POSITIVE] = 1e-3
    head_lr: Annotated[float, _POSITIVE] = 1e-3
    warmup: Annotated[float, _FRACTION] = 0.06
    weight_decay: Annotated[float, _NOT_NEGATIVE] = 0.01
    batch_tokens: Annotated[int, _POSITIVE] = 1024
    window: Annotated[int, _POSITIVE] = 256
    stride: Annotated[int, _POSITIVE] = 128
    seed: Annotated[int, _NOT_NEGATIVE] = 13
    hide: Annotated[float, _FRACTION] = 0.0
    temperature: Annotated[float, _POSITIVE] = 1.0
    bf16: bool = False
    step_tokens: Annotated[int, _NOT_NEGATIVE] = 0
    patience: Annotated[int, _NOT_NEGATIVE] = 0
    contrast: bool = False
    keep_last: bool = False


@dataclass(frozen=True, slots=True)
class AugmentationSpec:
    """Of which share of the training texts a changed copy is learnt from too, for each kind of change.

    `entities` puts other names of the training set in place of some, `edits` swaps or deletes words outside what is
    labelled, `case` writes all in small letters, capitals or titles, `typing` makes typing errors. With `balance` texts
    with rare labels are there several times, before copies are made (see `nlpkit.data.augmentation`).
    """

    entities: Annotated[float, _SHARE] = 0.0
    edits: Annotated[float, _SHARE] = 0.0
    case: Annotated[float, _SHARE] = 0.0
    typing: Annotated[float, _SHARE] = 0.0
    balance: bool = False


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to learn: the heads, the data, the backbone, the adapter, the budget and the scores to reach.

    `options` holds a table of settings for each head; the head says which it knows. `goals` holds the
    least score to reach on the test file, by metric. `more` are further data sets with heads of their own: a joint
    recipe, which trains all its heads on one adapter. `start` is a trained adapter of the same shape to go on from, by
    folder or name. `note` is for whoever reads the scores on the card.
    """

    name: str
    title: Annotated[str, _NOT_EMPTY]
    heads: Annotated[tuple[str, ...], _HEADS]
    licence: Annotated[str, _NOT_EMPTY]
    data: DataSpec
    backbone: Annotated[str, _NOT_EMPTY] = "default"
    backbone_sha256: Annotated[str | None, _SHA256] = None
    adapter: AdapterSpec = field(default_factory=AdapterSpec)
    training: TrainingSpec = field(default_factory=TrainingSpec)
    augmentation: AugmentationSpec = field(default_factory=AugmentationSpec)
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    goals: Mapping[str, float] = field(default_factory=dict)
    more: tuple[DataSpec, ...] = ()
    start: str = ""
    note: str = ""

    @property
    def chat(self) -> bool | None:
        """Whether prompts that are texts are a user's turns, of a recipe that writes; None: as the decoder has it."""
        chat: bool | None = self.options.get(GENERATION, {}).get("chat")
        return chat

    @property
    def writes(self) -> bool:
        """Whether a decoder learns to write here: from prompts with responses, without a head."""
        return self.heads == (GENERATION,)

    @property
    def sets(self) -> tuple[DataSpec, ...]:
        """All data sets, each with the heads that learn from it."""
        return tuple(replace(spec, heads=spec.heads or self.heads) for spec in (self.data, *self.more))

    def learns_as(self, other: Recipe) -> bool:
        """Whether both learn the same in the same way, whatever their titles, notes, licences and goals say."""
        words = {"name": "", "title": "", "licence": "", "note": "", "goals": {}}
        return self.to_dict() | words == other.to_dict() | words

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain JSON types, without what means nothing to it; `from_dict` reads it back."""
        table = without_nones(asdict(self))
        table["adapter"] = {k: v for k, v in table["adapter"].items() if k in _known(self.adapter)}
        table["more"] = [without_nones(asdict(spec)) for spec in self.more]
        if self.augmentation == AugmentationSpec():
            del table["augmentation"]
        return table


def from_dict(table: Mapping[str, Any], *, name: str = "", source: str = "recipe", strict: bool = True) -> Recipe:
    """Make a recipe of a table, as a TOML or JSON file holds it.

    Args:
        table: the keys and values; `name` may be among them.
        name: the recipe's name where the table has none.
        source: the file, for messages.
        strict: refuse adapter keys that mean nothing to the method; files of older versions have some.

    Raises:
        RecipeError: an unknown or missing key, a wrong type, or a value out of range.

    """
    recipe = read(Recipe, {"name": name, **table}, source, "")
    if strict:
        _check_adapter(recipe.adapter, table.get("adapter", {}), source)
    _check_whole(recipe, source)
    return recipe


def load(path: str | Path) -> Recipe:
    """Read a recipe from a TOML file.

    Raises:
        RecipeError: the file cannot be read, is not TOML, or says what a recipe cannot say.

    """
    path = Path(path)
    return from_dict(table_of(path), name=_name_of(path), source=str(path))


def table_of(path: Path) -> dict[str, Any]:
    """Read the table of a TOML file that is named by its path.

    Raises:
        RecipeError: the file cannot be read, is not TOML, or names itself.

    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise RecipeError(f"cannot read the recipe {path}: {e.strerror or e}") from e
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise RecipeError(f"{path} is not a TOML file in UTF-8: {e}") from e
    if "name" in table:
        raise RecipeError(f"{path}: unknown key 'name'; a recipe is named by its path, remove the line")
    return table


def find(name_or_path: str | Path) -> Recipe:
    """Find a recipe by the path of its file, or by name among those that travel with nlpkit.

    Raises:
        RecipeError: no such recipe (the message lists the known ones), or it is broken.

    """
    path = Path(name_or_path)
    if path.is_file():
        return load(path)
    # "tasks/relation/wikipedia.toml" names a shipped recipe wherever the command runs.
    name = path.as_posix().removeprefix("tasks/").removesuffix(".toml")
    if name in names():
        return load(ROOT / f"{name}.toml")
    near = get_close_matches(name, names(), n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise RecipeError(
        f"no recipe {str(name_or_path)!r}; {hint}known: {', '.join(names())} (nlpkit tasks lists them), "
        "or the path of a .toml file"
    )


def names() -> list[str]:
    """Return the names of the recipes that travel with nlpkit, sorted."""
    return sorted(_name_of(path) for path in ROOT.rglob("*.toml") if path.parent != ROOT / GENERATION)


def _name_of(path: Path) -> str:
    resolved = path.resolve()
    within = resolved.is_relative_to(ROOT)
    return resolved.relative_to(ROOT).with_suffix("").as_posix() if within else path.stem


def _known(adapter: AdapterSpec) -> list[str]:
    """Return the keys that mean something to an adapter; a serial bottleneck is not scaled."""
    serial = adapter.method == "bottleneck" and adapter.style != "parallel"
    return ["method", *(k for k in METHODS[adapter.method] if k != "alpha" or not serial), "attention"]


def _check_adapter(adapter: AdapterSpec, given: Mapping[str, Any], source: str) -> None:
    """Refuse a key that means nothing to the adapter's method."""
    known = _known(adapter)
    for key, value in given.items():
        if key not in known and (key, value) != ("layers", "all"):
            which = f"{adapter.style} bottleneck" if adapter.method == "bottleneck" else adapter.method
            raise RecipeError(f"{source}: adapter.{key} means nothing to {which!r}; it knows: {', '.join(known)}")


def _check_contrast(recipe: Recipe, source: str) -> None:
    contrast = recipe.training.contrast
    if contrast and recipe.heads != ("classification",):
        allowed = 'a recipe whose only head is "classification"'
        raise RecipeError(f"{source}: training.contrast with the heads {', '.join(recipe.heads)}; allowed: {allowed}")
    if not contrast and "words" in recipe.options.get("classification", {}):
        raise RecipeError(f"{source}: options.classification.words are read only where training.contrast = true")


def _check_whole(recipe: Recipe, source: str) -> None:
    """Check what no single key can tell."""
    training, data = recipe.training, recipe.data
    if training.stride > training.window:
        at_most = f"at most training.window ({training.window}), or text is skipped"
        raise wrong(source, "training.stride", training.stride, at_most)
    if recipe.writes and recipe.augmentation != AugmentationSpec():
        raise wrong(source, "augmentation", asdict(recipe.augmentation), "none where a decoder learns to write")
    for spec in (data, *recipe.more):
        if spec.dev is not None and spec.hold_out:
            raise wrong(source, "data.hold_out", spec.hold_out, "0 where data.dev names a file")
        if spec.shots is not None and spec.sample:
            raise wrong(source, "data.sample", spec.sample, "0 where data.shots draws the examples")
    _check_contrast(recipe, source)
    named = [head for spec in recipe.sets for head in spec.heads]
    if sorted(named) != sorted(recipe.heads):
        raise RecipeError(
            f"{source}: the data sets train {', '.join(named)}; allowed: each of {', '.join(recipe.heads)} by one data "
            "set (name them in the key 'heads' of [data] and of each [[more]])"
        )
    for head in recipe.options:
        if head not in recipe.heads:
            allowed = ", ".join(recipe.heads)
            raise RecipeError(f"{source}: options for {head!r}, which is not among the heads; allowed: {allowed}")
