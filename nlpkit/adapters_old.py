"""Adapter methods by name. The only file that imports peft.

A method enters as one entry of `METHODS`: a function from (backbone, spec) to a peft configuration.
"""

from __future__ import annotations

import copy
import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

import peft
import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from nlpkit.backbone import Backbone
from nlpkit.errors import AdapterError, RecipeError
from nlpkit.recipes import AdapterSpec

_PREFIX = "nlpkit-"
WEIGHTS, COPY = "adapter_model.safetensors", "backbone.safetensors"


def linear_modules(backbone: Backbone, spec: AdapterSpec) -> list[str]:
    """Return the full names of the linear modules that a spec asks to adapt, found by structure.

    `spec.layers` is "all", "top:k", "bottom:k" or a list of numbers such as "0,2,5"; `spec.modules` is
    "all-linear" or the last parts of module names, such as ("query", "value").

    Raises:
        RecipeError: a layer or module that this backbone does not have.

    """
    chosen = _layer_numbers(spec.layers, backbone.n_layers)
    layers = backbone.layers
    prefix = next(name for name, module in backbone.model.named_modules() if module is layers)
    linear = {f"{prefix}.{n}.{name}": name for n in chosen for name in _linear_names(layers[n])}
    if spec.modules == "all-linear":
        return list(linear)
    wanted = [(full, name) for full, name in linear.items() if any(_ends(name, m) for m in spec.modules)]
    missing = [m for m in spec.modules if not any(_ends(name, m) for _, name in wanted)]
    if missing:
        known = sorted(set(linear.values()))
        raise RecipeError(f"adapter.modules: no linear module {missing[0]!r} in {backbone.name!r}; known: {known}")
    return [full for full, _ in wanted]


def _linear_names(layer: nn.Module, path: str = "") -> Iterator[str]:
    """Yield the names of a layer's own linear maps; one that an adapter wraps already counts under its bare name."""
    for name, child in layer.named_children():
        full = f"{path}.{name}".lstrip(".")
        if isinstance(child, BaseTunerLayer):
            if isinstance(child.get_base_layer(), nn.Linear):
                yield full
        elif isinstance(child, nn.Linear):
            yield full
        else:
            yield from _linear_names(child, full)


def _ends(name: str, part: str) -> bool:
    return name == part or name.endswith(f".{part}")


def _layer_numbers(layers: str, n_layers: int) -> Sequence[int]:
    kind, _, count = layers.partition(":")
    if layers == "all":
        return range(n_layers)
    if kind in ("top", "bottom") and count.isdigit() and 1 <= int(count) <= n_layers:
        return range(n_layers - int(count), n_layers) if kind == "top" else range(int(count))
    numbers = [int(n) for n in layers.split(",") if n.strip().isdigit()]
    if numbers and len(numbers) == len(layers.split(",")) and max(numbers) < n_layers:
        return sorted(set(numbers))
    raise RecipeError(
        f"adapter.layers = {layers!r} does not fit {n_layers} layers; allowed: all, top:k, bottom:k, or numbers "
        f"from 0 to {n_layers - 1} such as 0,2"
    )


def _lora(backbone: Backbone, spec: AdapterSpec) -> peft.PeftConfig:
    """Low-rank updates of linear maps, W + (alpha / r) B A (Hu et al. 2021)."""
    return peft.LoraConfig(
        r=spec.rank,
        lora_alpha=spec.alpha,  # type: ignore[arg-type]  # peft divides it by r: a float will do
        lora_dropout=spec.dropout,
        target_modules=linear_modules(backbone, spec),
        task_type=peft.TaskType.FEATURE_EXTRACTION,
    )


METHODS: dict[str, Callable[[Backbone, AdapterSpec], peft.PeftConfig]] = {"lora": _lora}
"""Adapter methods by name."""


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep from the user's eyes what peft warns of and the user cannot mend, or is told as an error."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".is_gradient_checkpointing. is deprecated", category=FutureWarning)
        # peft warns of missing tensors and goes on with random ones; `_check_whole` refuses them.
        warnings.filterwarnings("ignore", message="Found missing adapter keys", category=UserWarning)
        yield


FULL = "full"
"""The method that trains a copy of the whole backbone: no adapter, but the end to compare adapters with."""


def _key(name: str) -> str:
    """Return what peft calls an adapter: never a part of its own parameters' names, as "a" or "lora" would be."""
    return _PREFIX + name


class Adapted:
    """A backbone with adapters, each used only by the calls that name it.

    The backbone's own weights are never changed; with no adapter named, its outputs are those of the bare model.
    """

    def __init__(self, backbone: Backbone) -> None:
        self.backbone = backbone
        self._peft: peft.PeftModel | None = None
        self._copies: dict[str, nn.Module] = {}
        self._lock = RLock()

    @property
    def names(self) -> list[str]:
        """The adapters that are loaded."""
        inside = self._peft.peft_config if self._peft else ()
        return [*(key.removeprefix(_PREFIX) for key in inside), *self._copies]

    def add(self, name: str, spec: AdapterSpec) -> None:
        """Add a fresh adapter.

        Raises:
            RecipeError: an unknown method, layer or module.

        """
        if spec.method not in METHODS and spec.method != FULL:
            raise RecipeError(f"no adapter method {spec.method!r}; known: {', '.join([*METHODS, FULL])}")
        with self._lock:
            self._check_free(name)
            if spec.method == FULL:
                self._copies[name] = self._bare_copy()
                return
            config = METHODS[spec.method](self.backbone, spec)
            with _quiet():
                if self._peft is None:
                    self._peft = peft.PeftModel(self.backbone.model, config, adapter_name=_key(name))
                else:
                    self._peft.add_adapter(_key(name), config)
            self._peft.eval()
            self._freeze()

    def load(self, name: str, folder: Path) -> None:
        """Load a saved adapter.

        Raises:
            AdapterError: the folder holds no adapter, or one that does not fit this backbone.

        """
        with self._lock:
            self._check_free(name)
            try:
                if (folder / COPY).is_file():
                    tuned = self._bare_copy()
                    tuned.load_state_dict({k: t.float() for k, t in load_file(folder / COPY).items()})
                    self._copies[name] = tuned
                    return
                if not (folder / "adapter_config.json").is_file() or not (folder / WEIGHTS).is_file():
                    raise AdapterError(f"no adapter in {folder}: it needs adapter_config.json and {WEIGHTS}")
                with _quiet():
                    if self._peft is None:
                        self._peft = peft.PeftModel.from_pretrained(
                            self.backbone.model, str(folder), adapter_name=_key(name)
                        )
                    else:
                        self._peft.load_adapter(str(folder), adapter_name=_key(name))
            except (RuntimeError, ValueError, KeyError, TypeError, SafetensorError) as e:
                reason = str(e).strip().splitlines()[0]
                raise AdapterError(f"the adapter in {folder} does not fit {self.backbone.name!r}: {reason}") from e
            self._peft.eval()
            self._freeze()
            self._check_whole(name, folder)

    def _check_whole(self, name: str, folder: Path) -> None:
        """Refuse a file that lacks a tensor: peft would leave random numbers in its place."""
        wanted = {f"base_model.model.{path}" for path, _ in self.named_parameters(name)}
        missing = wanted - set(load_file(folder / WEIGHTS))
        if missing:
            self.remove(name)
            raise AdapterError(f"{folder / WEIGHTS} lacks {min(missing)}; take the whole folder again")

    def _check_free(self, name: str) -> None:
        if name in self.names:
            raise AdapterError(f"an adapter {name!r} is loaded already; remove it first, or give another name")

    def _bare_copy(self) -> nn.Module:
        if self._peft is not None:
            raise AdapterError(f"a copy of the whole backbone needs a bare one; loaded: {', '.join(self.names)}")
        return copy.deepcopy(self.backbone.model)

    def remove(self, name: str) -> None:
        """Take an adapter away; the last one leaves the bare backbone.

        Raises:
            AdapterError: no such adapter is loaded.

        """
        with self._lock:
            self._check_loaded(name)
            if name in self._copies:
                del self._copies[name]
            elif self._peft is not None and len(self._peft.peft_config) == 1:
                self.backbone.model = self._peft.unload()
                self._peft = None
            elif self._peft is not None:
                self._peft.set_adapter(next(key for key in self._peft.peft_config if key != _key(name)))
                self._peft.delete_adapter(_key(name))
                self._freeze()

    def save(self, name: str, folder: Path, dtype: torch.dtype = torch.float32) -> None:
        """Write a standard PEFT folder: adapter_config.json and adapter_model.safetensors."""
        self._check_loaded(name)
        if name in self._copies:
            tensors = {k: t.to(dtype).contiguous() for k, t in self._copies[name].state_dict().items()}
            save_file(tensors, folder / COPY, metadata={"format": "pt"})
            return
        assert self._peft is not None
        self._peft.save_pretrained(str(folder), selected_adapters=[_key(name)], save_embedding_layers=False)
        nested = folder / _key(name)
        if nested.is_dir():  # peft puts any adapter not called "default" into a folder of its name
            for file in nested.iterdir():
                file.replace(folder / file.name)
            nested.rmdir()
        (folder / "README.md").unlink(missing_ok=True)
        # What peft wrote says where the weights lay on this machine; the name of the backbone says it for all.
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        config |= {"base_model_name_or_path": self.backbone.name}
        (folder / "adapter_config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        if dtype != torch.float32:
            tensors = {k: t.to(dtype) for k, t in load_file(folder / WEIGHTS).items()}
            save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})

    @contextmanager
    def using(self, name: str | None) -> Iterator[Backbone]:
        """Give the backbone with one adapter, or with none, for the time of a call; other calls wait."""
        with self._lock:
            if name is not None:
                self._check_loaded(name)
            if name in self._copies:
                bare = self.backbone.model
                self.backbone.model = self._copies[name]
                try:
                    yield self.backbone
                finally:
                    self.backbone.model = bare
            elif self._peft is None:
                yield self.backbone
            elif name is None:
                with self._peft.disable_adapter():
                    yield self.backbone
            else:
                training = [p for _, p in self.named_parameters(name) if p.requires_grad]
                self._peft.set_adapter(_key(name))
                self._freeze()
                for parameter in training:
                    parameter.requires_grad_(True)
                yield self.backbone

    def named_parameters(self, name: str) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield an adapter's own parameters, by names that hold no adapter name."""
        self._check_loaded(name)
        if name in self._copies:
            yield from self._copies[name].named_parameters()
        elif self._peft is not None:
            for path, parameter in self.backbone.model.named_parameters():
                if f".{_key(name)}." in f"{path}.":
                    yield path.replace(f".{_key(name)}", ""), parameter

    def fingerprint(self, name: str) -> str:
        """Return a SHA-256 over an adapter's parameters."""
        digest = hashlib.sha256()
        for path, parameter in sorted(self.named_parameters(name)):
            digest.update(path.encode() + parameter.detach().numpy().tobytes())
        return digest.hexdigest()

    def trainable(self, name: str, train: bool) -> None:
        """Let an adapter's parameters be trained, with all dropout on but that of the attention, or end that.

        Attention dropout would keep the fused attention kernel from being used.
        """
        for _, parameter in self.named_parameters(name):
            parameter.requires_grad_(train)
        for module in self._copies.get(name, self.backbone.model).modules():
            if isinstance(module, nn.Dropout):
                module.train(train)

    def _check_loaded(self, name: str) -> None:
        if name not in self.names:
            raise AdapterError(f"no adapter {name!r} is loaded; loaded: {', '.join(self.names) or 'none'}")

    def _freeze(self) -> None:
        if self._peft is not None:
            self._peft.requires_grad_(False)
