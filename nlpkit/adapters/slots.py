"""One adapter in its model: how its parameters are named, written and read back."""

from __future__ import annotations

import json
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import peft
import torch
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from nlpkit.adapters.methods import FULL, METHODS, calm, lowest_layer
from nlpkit.adapters.rows import by_rows
from nlpkit.adapters.structure import shared_copy
from nlpkit.backbone import Backbone
from nlpkit.errors import AdapterError
from nlpkit.recipes import AdapterSpec

CONFIG, WEIGHTS, COPY = "adapter_config.json", "adapter_model.safetensors", "backbone.safetensors"
PEFT_NAMES = "base_model.model."
"""What peft puts before the names of the model's modules in a file."""


@dataclass(slots=True, eq=False)
class Slot(ABC):
    """One adapter: what a call runs, what it was made as, and the lowest layer it changes."""

    model: nn.Module
    spec: AdapterSpec
    lowest: int

    @abstractmethod
    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield the adapter's own parameters, by names that hold no adapter name."""

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """Return what is saved of it."""

    @abstractmethod
    def save(self, folder: Path, backbone: Backbone, dtype: torch.dtype) -> None:
        """Write it into a folder."""


@dataclass(slots=True, eq=False)
class PeftSlot(Slot):
    """An adapter that peft made: `wrapped` holds it under `key`, perhaps among others."""

    wrapped: peft.PeftModel
    key: str

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:  # noqa: D102
        for path, parameter in self.wrapped.named_parameters():
            if f".{self.key}." in f"{path}.":
                yield path.replace(f".{self.key}", "").removeprefix(PEFT_NAMES), parameter

    def tensors(self) -> dict[str, Tensor]:  # noqa: D102
        found: dict[str, Tensor] = get_peft_model_state_dict(
            self.wrapped, adapter_name=self.key, save_embedding_layers=False
        )
        return found

    def save(self, folder: Path, backbone: Backbone, dtype: torch.dtype) -> None:
        """Write a standard PEFT folder."""
        self.wrapped.save_pretrained(str(folder), selected_adapters=[self.key], save_embedding_layers=False)
        nested = folder / self.key
        if nested.is_dir():  # peft puts any adapter not called "default" into a folder of its name
            for file in nested.iterdir():
                file.replace(folder / file.name)
            nested.rmdir()
        (folder / "README.md").unlink(missing_ok=True)
        # What peft wrote says where the weights lay on this machine; the name of the backbone says it for all.
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        config |= {"base_model_name_or_path": backbone.name}
        (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        if not METHODS[self.spec.method].exact:
            _write(load_file(folder / WEIGHTS), folder / WEIGHTS, dtype)


@dataclass(slots=True, eq=False)
class OwnSlot(Slot):
    """An adapter of our own modules, or a copy of the whole backbone."""

    own: dict[str, nn.Parameter]

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:  # noqa: D102
        yield from self.own.items()

    def tensors(self) -> dict[str, Tensor]:  # noqa: D102
        return (
            {name: p.detach() for name, p in self.own.items()} if self.spec.method != FULL else self.model.state_dict()
        )

    def save(self, folder: Path, backbone: Backbone, dtype: torch.dtype) -> None:
        """Write the tensors and, for an adapter, what it is."""
        _write(self.tensors(), folder / (COPY if self.spec.method == FULL else WEIGHTS), dtype)
        if self.spec.method != FULL:
            config = {"base_model_name_or_path": backbone.name, **asdict(self.spec)}
            (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def fresh(backbone: Backbone, key: str, spec: AdapterSpec) -> Slot:
    """Make a new adapter, in a model of its own.

    Raises:
        RecipeError: a layer, module or structure that this backbone does not have.

    """
    method = METHODS[spec.method]
    if method.own is not None:
        return _settled(OwnSlot(*_own(backbone, spec)))
    assert method.config is not None
    config = method.config(backbone, spec)
    with quiet():
        wrapped = peft.PeftModel(shared_copy(backbone.model), config, adapter_name=key)
    if spec.method == "prefix":
        calm(wrapped, key)
    return around(backbone, key, spec, wrapped)


def around(backbone: Backbone, key: str, spec: AdapterSpec, wrapped: peft.PeftModel) -> PeftSlot:
    """Return the slot of an adapter that peft has put into a model."""
    method = METHODS[spec.method]
    wrapped.eval().requires_grad_(False).to(backbone.device)
    if method.by_rows:
        by_rows(wrapped)
    model = method.view(backbone, spec, wrapped, key) if method.view else wrapped.get_base_model()
    slot = PeftSlot(model.eval(), spec, lowest_layer(backbone, spec), wrapped, key)
    return slot


def read(backbone: Backbone, key: str, spec: AdapterSpec, folder: Path, among: peft.PeftModel | None) -> Slot:
    """Read an adapter back; `among` is the model that others of its kind are in.

    Raises:
        AdapterError: the folder holds no adapter, or lacks a part of it.
        RuntimeError, ValueError, KeyError, TypeError, SafetensorError: what it holds does not fit.

    """
    method = METHODS[spec.method]
    file = COPY if spec.method == FULL else WEIGHTS
    needed = [file] if spec.method == FULL else [CONFIG, file]
    if not all((folder / name).is_file() for name in needed):
        raise AdapterError(f"no adapter in {folder}: it needs {' and '.join(needed)}")
    tensors = load_file(folder / file)
    if method.own is not None:
        slot: Slot = _settled(OwnSlot(*_own(backbone, spec)))
        _check_whole(slot, tensors, folder / file)
        with torch.no_grad():
            for name, target in slot.tensors().items():
                if target.shape != tensors[name].shape:
                    raise ValueError(f"{name} is {tuple(tensors[name].shape)}, not {tuple(target.shape)}")
                target.copy_(tensors[name])
        return slot
    _check_kind(backbone, spec, folder)
    with quiet():
        if among is not None:
            wrapped = among
            wrapped.load_adapter(str(folder), adapter_name=key)
        else:
            wrapped = peft.PeftModel.from_pretrained(shared_copy(backbone.model), str(folder), adapter_name=key)
    return around(backbone, key, spec, wrapped)


def _own(backbone: Backbone, spec: AdapterSpec) -> tuple[nn.Module, AdapterSpec, int, dict[str, nn.Parameter]]:
    make = METHODS[spec.method].own
    assert make is not None
    with backbone.device:
        model, own = make(backbone, spec)
    return model, spec, lowest_layer(backbone, spec), own


def _settled(slot: OwnSlot) -> OwnSlot:
    slot.model.eval().requires_grad_(False)
    return slot


def _check_kind(backbone: Backbone, spec: AdapterSpec, folder: Path) -> None:
    make = METHODS[spec.method].config
    assert make is not None
    wanted = make(backbone, spec).peft_type
    found = json.loads((folder / CONFIG).read_text(encoding="utf-8")).get("peft_type")
    if found != wanted:
        raise ValueError(f"it is of peft's type {found}, and {spec.method!r} is another")


def check_whole(slot: Slot, folder: Path) -> None:
    """Refuse an adapter whose file lacks a tensor: peft would leave random numbers in its place.

    Raises:
        AdapterError: a tensor is missing.

    """
    if isinstance(slot, PeftSlot):
        _check_whole(slot, load_file(folder / WEIGHTS), folder / WEIGHTS)


def _check_whole(slot: Slot, tensors: dict[str, Tensor], path: Path) -> None:
    missing = set(slot.tensors()) - set(tensors)
    if missing:
        raise AdapterError(f"{path} lacks {min(missing)}; take the whole folder again")


def _write(tensors: dict[str, Tensor], path: Path, dtype: torch.dtype) -> None:
    save_file({name: t.to(dtype).contiguous() for name, t in tensors.items()}, path, metadata={"format": "pt"})


@contextmanager
def quiet() -> Iterator[None]:
    """Keep from the user's eyes what peft warns of and the user cannot mend, or is told as an error."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".is_gradient_checkpointing. is deprecated", category=FutureWarning)
        # peft warns of missing tensors and goes on with random ones; `check_whole` refuses them.
        warnings.filterwarnings("ignore", message="Unsupported layer type .*Norm", category=UserWarning)
        warnings.filterwarnings("ignore", message="Found missing adapter keys", category=UserWarning)
        yield
