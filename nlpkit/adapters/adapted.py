"""A backbone with adapters, each used only by the calls that name it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Lock

import peft
import torch
from peft.utils import set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from nlpkit.adapters import blending, slots
from nlpkit.adapters.methods import METHODS
from nlpkit.adapters.rows import Folded, shares
from nlpkit.adapters.slots import PeftSlot, Slot
from nlpkit.adapters.structure import shared_copy
from nlpkit.adapters.turns import Turns
from nlpkit.backbone import Backbone
from nlpkit.errors import AdapterError, RecipeError
from nlpkit.quick import quicken
from nlpkit.recipes import AdapterSpec

_PREFIX = "nlpkit-"


def _key(name: str) -> str:
    """Return what peft calls an adapter: never a part of its own parameters' names, as "a" or "lora" would be.

    It names modules and a folder, so neither dots nor slashes may be in it.
    """
    return _PREFIX + name.replace(".", "%2E").replace("/", "%2F")


class Adapted:
    """A backbone with adapters, each used only by the calls that name it.

    The backbone itself is never touched. Adapters live in copies of its modules over the same tensors: one copy for
    all LoRA adapters that are loaded, one each for the others and for those in training. So calls of several threads
    do not meet, and nothing that happens to one adapter is seen by another; only putting one in or taking one out
    waits until no call is running.
    """

    def __init__(self, backbone: Backbone) -> None:
        self.backbone = backbone
        self._slots: dict[str, Slot] = {}
        self._by_rows: peft.PeftModel | None = None
        self._turns = Turns()
        self._making = Lock()

    @property
    def names(self) -> list[str]:
        """The adapters that are loaded."""
        return list(self._slots)

    def add(self, name: str, spec: AdapterSpec) -> None:
        """Add a fresh adapter, to be trained.

        Raises:
            RecipeError: an unknown method, layer or module.
            AdapterError: the name is taken.

        """
        _check_method(spec)
        with self._making:
            self._check_free(name)
            slot = slots.fresh(self.backbone, _key(name), spec)
            with self._turns.alone():
                self._slots[name] = slot

    def load(self, name: str, folder: Path, spec: AdapterSpec) -> None:
        """Load a saved adapter.

        Args:
            name: what to call it here.
            folder: a standard PEFT folder, one of our own methods, or one with a copy of the whole backbone.
            spec: what it was made as.

        Raises:
            RecipeError: an unknown method.
            AdapterError: the folder holds no adapter, or one that does not fit this backbone; or the name is taken.

        """
        _check_method(spec)
        with self._making:
            self._check_free(name)
            try:
                if METHODS[spec.method].by_rows:
                    with self._turns.alone():
                        self._load_among(name, folder, spec)
                    return
                slot = slots.read(self.backbone, _key(name), spec, folder, None)
                slots.check_whole(slot, folder)
            except (RuntimeError, ValueError, KeyError, TypeError, SafetensorError) as e:
                reason = next(iter(str(e).strip().splitlines()), type(e).__name__)
                raise AdapterError(f"the adapter in {folder} does not fit {self.backbone.name!r}: {reason}") from e
            with self._turns.alone():
                self._slots[name] = slot

    def _load_among(self, name: str, folder: Path, spec: AdapterSpec) -> None:
        """Load an adapter into the model that it shares with others, whole or not at all."""
        try:
            slot = slots.read(self.backbone, _key(name), spec, folder, self._by_rows)
            assert isinstance(slot, PeftSlot)
            slots.check_whole(slot, folder)
        except Exception:
            self._drop(_key(name))
            raise
        self._by_rows, self._slots[name] = slot.wrapped, slot
        if all(t.dtype == torch.float16 for t in load_file(folder / slots.WEIGHTS).values()):
            for _, parameter in slot.named_parameters():
                parameter.data = parameter.data.half()

    def remove(self, name: str) -> None:
        """Take an adapter away.

        Raises:
            AdapterError: no such adapter is loaded.

        """
        with self._making, self._turns.alone():
            shares_model = self._shares_model(self._slot(name))
            del self._slots[name]
            if shares_model:
                self._drop(_key(name))

    def _drop(self, key: str) -> None:
        """Take what there is of an adapter out of the shared model."""
        wrapped = self._by_rows
        if wrapped is None or key not in wrapped.peft_config:
            return
        others = [other for other in wrapped.peft_config if other != key]
        if others:
            wrapped.set_adapter(others[0])
            wrapped.delete_adapter(key)
            wrapped.requires_grad_(False)
        else:
            self._by_rows = None

    def _shares_model(self, slot: Slot) -> bool:
        return isinstance(slot, PeftSlot) and slot.wrapped is self._by_rows

    def save(self, name: str, folder: Path, dtype: torch.dtype = torch.float32) -> None:
        """Write an adapter's folder: adapter_config.json and adapter_model.safetensors, as peft has them where it can.

        `full` is one file, backbone.safetensors.
        """
        with self._turns.call():
            self._slot(name).save(folder, self.backbone, dtype)

    def merged(self, name: str) -> Backbone:
        """Return a backbone of its own with the adapter in its weights: as fast as the bare one, and as large.

        Raises:
            AdapterError: no such adapter, or its method cannot become part of the weights.

        """
        with self._turns.call():
            return blending.merged(self.backbone, name, self._slot(name))

    def blend(self, name: str, weights: Mapping[str, float]) -> AdapterSpec:
        """Add an adapter that is the weighted sum of others (see `nlpkit.adapters.blending`).

        Args:
            name: what to call it.
            weights: by the names of the adapters to combine; they need not sum to 1.

        Returns:
            What the new adapter is, to save and load it as.

        Raises:
            AdapterError: a name that is not loaded, or taken; or methods that have no sum.

        """
        with self._making:
            self._check_free(name)
            parts = {other: (self._slot(other), float(weight)) for other, weight in weights.items()}
            spec, config, tensors = blending.blend(self.backbone, parts)
            with self._turns.alone(), slots.quiet():
                among = self._by_rows if METHODS[spec.method].by_rows else None
                if among is None:
                    among = peft.PeftModel(shared_copy(self.backbone.model), config, adapter_name=_key(name))
                else:
                    among.add_adapter(_key(name), config)
                set_peft_model_state_dict(among, tensors, adapter_name=_key(name))
                if METHODS[spec.method].by_rows:
                    self._by_rows = among
                self._slots[name] = slots.around(self.backbone, _key(name), spec, among)
            return spec

    @contextmanager
    def using(self, name: str | None, folded: Folded | None = None) -> Iterator[Backbone]:
        """Give the backbone with one adapter, or with none, for the time of a call. Calls may run side by side.

        Args:
            name: the adapter's; None for none.
            folded: an empty dictionary to keep the weights with the adapter in them, where its method and the number
                of pieces to read make that worth while; to be given again with each batch, and to this adapter alone.

        """
        with self._turns.call():
            if name is None:
                yield self.backbone
                return
            slot = self._slot(name)
            view = self.backbone.view(slot.model)
            with shares([(_key(name), None)], folded):
                yield view.both_ways(slot.lowest) if slot.spec.attention == "both" else view

    @contextmanager
    def mixed(self, names: Sequence[str]) -> Iterator[Backbone]:
        """Give the backbone for one batch in which row n is read with the adapter names[n].

        Args:
            names: adapters that can share a batch (see `mixes`), equal ones side by side.

        """
        with self._turns.call():
            assert self._by_rows is not None
            borders = [n for n, name in enumerate(names) if n == 0 or names[n - 1] != name] + [len(names)]
            chosen = [(_key(names[a]), slice(a, b)) for a, b in pairwise(borders)]
            with shares(chosen):
                yield self.backbone.view(self._by_rows.get_base_model())

    def mixes(self, name: str) -> bool:
        """Say whether an adapter can share a batch with others, each row having its own."""
        slot = self._slot(name)
        return self._shares_model(slot) and slot.spec.attention != "both"

    def lowest_layer(self, name: str) -> int:
        """Return the lowest layer whose output an adapter changes: those below are the bare backbone's."""
        return self._slot(name).lowest

    def named_parameters(self, name: str) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield an adapter's own parameters, by names that hold no adapter name."""
        yield from self._slot(name).named_parameters()

    def fingerprint(self, name: str) -> str:
        """Return a SHA-256 over what is saved of an adapter."""
        slot = self._slot(name)
        exact = METHODS[slot.spec.method].exact
        digest = hashlib.sha256()
        for path, tensor in sorted(slot.tensors().items() if exact else slot.named_parameters()):
            digest.update(path.encode() + tensor.detach().float().cpu().numpy().tobytes())
        return digest.hexdigest()

    def trainable(self, name: str, train: bool) -> None:
        """Let an adapter's parameters be trained, with all dropout on but that of the attention, or end that.

        Attention dropout would keep the fused attention kernel from being used.

        Raises:
            AdapterError: it was loaded among others; only one that was added is trained.

        """
        slot = self._slot(name)
        if self._shares_model(slot):
            raise AdapterError(f"{name!r} was loaded to be used; to train it further, train from its folder")
        for _, parameter in slot.named_parameters():
            parameter.requires_grad_(train)
        quicken(slot.model)
        for module in slot.model.modules():
            if isinstance(module, nn.Dropout):
                module.train(train)

    def _slot(self, name: str) -> Slot:
        if name not in self._slots:
            raise AdapterError(f"no adapter {name!r} is loaded; loaded: {', '.join(self.names) or 'none'}")
        return self._slots[name]

    def _check_free(self, name: str) -> None:
        if name in self._slots:
            raise AdapterError(f"an adapter {name!r} is loaded already; remove it first, or give another name")


def _check_method(spec: AdapterSpec) -> None:
    if spec.method not in METHODS:
        raise RecipeError(f"no adapter method {spec.method!r}; known: {', '.join(METHODS)}")
