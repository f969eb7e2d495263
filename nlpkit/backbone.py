"""One frozen pretrained model and its tokenizer.

A backbone is an encoder or a decoder; its weights come from an installed package (see `nlpkit.embedded`), a local
folder, a GGUF file (see `nlpkit.gguf`), or the Hugging Face hub or cache (see `nlpkit.pretrained`).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, PreTrainedTokenizerFast

from nlpkit import passes, pretrained
from nlpkit.embedded import FAKE
from nlpkit.errors import BackboneError
from nlpkit.passes import Pass, Trunk
from nlpkit.pieces import between, places, specials
from nlpkit.pretrained import state_fingerprint, writes
from nlpkit.text import Window, windows, without_spaces

__all__ = ["FAKE", "Backbone", "Hidden", "Trunk", "state_fingerprint"]


@dataclass(frozen=True, slots=True, eq=False)
class Hidden:
    """What a backbone makes of a batch of windows.

    `states` *(n_windows, n_pieces, width)*: the last layer. `mask` *(n_windows, n_pieces)*: True where there is
    a piece. `attention` *(n_windows, n_heads, n_pieces, n_pieces)*: the last layer's, None unless asked for.
    """

    states: Tensor
    mask: Tensor
    attention: Tensor | None = None
    causal: bool = False

    def rows(self, chosen: Sequence[int]) -> Hidden:
        """Return some of the windows."""
        attention = None if self.attention is None else self.attention[list(chosen)]
        return Hidden(self.states[list(chosen)], self.mask[list(chosen)], attention, self.causal)

    @property
    def pooled(self) -> Tensor:
        """One vector a window: the mean of an encoder's states, a decoder's last. *Shape:* (n_windows, width)."""
        if self.causal:
            last = self.mask.sum(1) - 1
            return self.states[torch.arange(len(last)), last]
        weights = self.mask.unsqueeze(-1).to(self.states.dtype)
        return (self.states * weights).sum(1) / weights.sum(1).clamp(min=1.0)


class Backbone:
    """A frozen pretrained model and its tokenizer.

    Attributes:
        name: what it was loaded as.
        model: the transformers model, frozen, in evaluation mode; of a causal language model, its body.
        kind: "encoder" (every piece sees all others) or "decoder" (only those before it).
        hidden_width: width of the hidden states.
        n_layers: number of transformer layers.
        n_pieces: size of the vocabulary.
        max_pieces: the longest window it reads at once, special pieces included.
        fingerprint: SHA-256 of the weights (of the GGUF file, where they came from one).
        both_from: the lowest layer of a decoder that looks at later pieces too; None: none does.

    """

    def __init__(self, model: nn.Module, tokenizer: Any, *, name: str, fingerprint: str) -> None:
        config: Any = model.config
        self._writer: Any = (
            model.eval().requires_grad_(False) if writes(config) and hasattr(model, "generate") else None
        )
        body: Any = model if self._writer is None else self._writer.base_model
        model = body
        self._attends = passes.attends(model)
        config._attn_implementation = passes.ATTENTION if self._attends else "eager"
        self.name = name
        self.model = model.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.fingerprint = fingerprint
        self.hidden_width = int(config.hidden_size)
        self.n_layers = int(config.num_hidden_layers)
        self.n_pieces = int(config.vocab_size)
        self.n_attention_heads = int(config.num_attention_heads)
        self.max_pieces = int(min(config.max_position_embeddings, 8192))
        self.kind: Literal["encoder", "decoder"] = "decoder" if _is_causal(model) else "encoder"
        self.both_from: int | None = None
        self.specials = specials(tokenizer)
        self._between = between(tokenizer, self.kind)
        self._n_types = int(getattr(config, "type_vocab_size", 0) or 0)
        self.pad_id = int(tokenizer.pad_token_id or 0)
        self.hiding_id = int(tokenizer.mask_token_id or tokenizer.unk_token_id or self.pad_id)
        passes.gate(self.layers)

    @property
    def device(self) -> torch.device:
        """Where the model computes. What it hands out, `Hidden` and the like, is always in the processor's memory."""
        return next(self.model.parameters()).device

    def to(self, device: str | torch.device) -> Backbone:
        """Move the model to a device, such as "cuda", before adapters are put on it; return this backbone.

        Heads are small and stay on the processor: only pieces go over, and states come back, with their gradients.
        """
        (self._writer or self.model).to(device)
        return self

    def view(self, model: nn.Module) -> Backbone:
        """Return this backbone with another model in its place: the same tensors with an adapter, or a copy."""
        other = copy.copy(self)
        other.model = model
        return other

    def writer(self) -> Any:
        """Return the causal language model around this backbone's model, adapter and all: it shares every tensor.

        Raises:
            BackboneError: this backbone writes no text.

        """
        if self._writer is None:
            raise BackboneError(
                f"{self.name!r} reads texts and writes none; choose a decoder such as 'smollm2' (nlpkit backbones)"
            )
        around = copy.copy(self._writer)
        around._modules = {**self._writer._modules, self._writer.base_model_prefix: self.model}
        return around

    def both_ways(self, from_layer: int = 0) -> Backbone:
        """Return this backbone looking both ways: pieces attend to later ones too, from a layer up.

        For a decoder whose adapter is trained so (BehnamGhader et al. 2024, LLM2Vec); layers below `from_layer` stay
        causal, so that their output can be shared. An encoder looks both ways as it is and is returned unchanged.

        Raises:
            BackboneError: the model's attention cannot be told to.

        """
        if self.kind == "encoder":
            return self
        if not self._attends:
            raise BackboneError(
                f'{self.name!r} has its own attention and cannot look both ways; use adapter.attention = "causal"'
            )
        other = copy.copy(self)
        other.both_from = from_layer
        return other

    @classmethod
    def from_pretrained(
        cls, name: str = "default", *, local_files_only: bool | None = None, sha256: str | None = None
    ) -> Backbone:
        """Load a backbone: an embedded one by name, a local folder, or a Hugging Face model by name.

        Args:
            name: "default" or another embedded one (see `nlpkit.embedded`), "fake", a folder with `config.json`, a
                `.gguf` file, or a name on the hub.
            local_files_only: never ask the network; None follows the variable HF_HUB_OFFLINE.
            sha256: the fingerprint that the weights must have.

        Raises:
            BackboneError: it is not to be had, is no text model, or has another fingerprint.
            MissingExtraError: a GGUF file is to be read, and the package gguf is not installed.

        """
        if name == FAKE:
            from nlpkit.testing import fake_backbone

            return fake_backbone()
        model, tokenizer, fingerprint = pretrained.load(name, local_files_only=local_files_only, sha256=sha256)
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
            kind: Any = AutoConfig.for_model(**config)
            model = AutoModel.from_config(kind)
        if writes(kind):
            with torch.device("meta"):
                writer = AutoModelForCausalLM.from_config(kind)
            setattr(writer, writer.base_model_prefix, model)
            writer.get_output_embeddings().weight = model.get_input_embeddings().weight
            model = writer
        signs = {f"{sign}_token": f"[{sign.upper()}]" for sign in ("pad", "unk", "cls", "sep", "mask")}
        fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **signs)
        return cls(model, fast, name=name, fingerprint=state_fingerprint(model))

    @property
    def takes_prefix(self) -> bool:
        """Whether keys and values can be put before those of a text: the model's attention is ours."""
        return self._attends

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
        offsets = np.array(encoding["offset_mapping"], dtype=np.int32).reshape(-1, 2)
        return ids, without_spaces(text, offsets)

    def around(self, query: str = "") -> tuple[list[int], list[int]]:
        """Return the pieces that stand before a text and after it: special ones, and those of its query."""
        before, after = self.specials
        if not query:
            return list(before), list(after)
        return [*before, *self.encode(query)[0].tolist(), *self._between], list(after)

    def query_offsets(self, query: str, n_before: int) -> NDArray[np.int32]:
        """Return where the first `n_before` pieces of a window stand in its query. *Shape:* (n_before, 2).

        Pieces that are not the query's own have (-1, -1).
        """
        offsets = np.full((n_before, 2), -1, dtype=np.int32)
        own = self.encode(query)[1]
        first = len(self.specials[0])
        offsets[first : first + len(own)] = own
        return offsets

    def trunk(self, windows: Sequence[Window], layer: int, *, given: Trunk | None = None) -> Trunk:
        """Run the layers below `layer` alone, from the embeddings or from `given` on."""
        with passes.running(Pass(given, stop=layer, both_from=self.both_from)) as wishes:
            try:
                self._forward(*self._tensors(windows), windows)
            except passes.StoppedError as stopped:
                return Trunk(stopped.states.cpu(), layer, wishes.as_tuple or bool(given and given.as_tuple))
        raise BackboneError(f"{self.name!r} has {self.n_layers} layers; there is none with the number {layer}")

    def hidden(
        self, windows: Sequence[Window], *, attention: bool = False, hide: float = 0.0, given: Trunk | None = None
    ) -> Hidden:
        """Run the model once over a batch of windows, padded to the longest.

        Gradients flow to whatever is trainable inside the model; the backbone itself is frozen.

        Args:
            windows: what to read.
            attention: hand out the last layer's attention too.
            hide: share of the pieces to replace by the mask piece, drawn anew at each call (for training).
            given: states of these windows to go on from; the layers below are not run.

        """
        ids, mask = self._tensors(windows)
        if hide:
            ids[(torch.rand(ids.shape) < hide) & mask] = self.hiding_id
        kept = self.n_layers - 1 if attention else None
        with passes.running(Pass(given, kept=kept, both_from=self.both_from)) as wishes:
            states = self._forward(ids, mask, windows)
        causal = self.kind == "decoder" and self.both_from is None
        return Hidden(states, mask, wishes.attention[0].float().cpu() if attention else None, causal)

    def foretell(self, windows: Sequence[Window], places: Tensor, *, given: Trunk | None = None) -> Tensor:
        """Return the scores of the piece after each of some places, the same places in every window.

        Args:
            windows: what to read.
            places: numbers of pieces. *Shape:* (n_places,)
            given: states of these windows to go on from; the layers below are not run.

        Returns:
            *Shape:* (n_windows, n_places, n_pieces)

        Raises:
            BackboneError: this backbone writes no text.

        """
        with passes.running(Pass(given, both_from=self.both_from)):
            logits: Tensor = self.writer()(**self._inputs(windows), logits_to_keep=places.to(self.device)).logits
        return logits.float().cpu()

    @property
    def ends(self) -> list[int]:
        """The pieces that end a text that this backbone writes.

        Raises:
            BackboneError: it writes none.

        """
        ends = self.writer().generation_config.eos_token_id
        if ends is None:
            ends = self.tokenizer.eos_token_id
        return [ends] if isinstance(ends, int) else list(ends or [self.pad_id])

    def _tensors(self, windows: Sequence[Window]) -> tuple[Tensor, Tensor]:
        """Return piece ids and mask, padded. *Shapes:* (n_windows, n_pieces)."""
        length = max(len(w) for w in windows)
        ids = torch.full((len(windows), length), self.pad_id, dtype=torch.long)
        mask = torch.zeros((len(windows), length), dtype=torch.bool)
        for row, window in enumerate(windows):
            ids[row, : len(window)] = torch.from_numpy(window.input_ids)
            mask[row, : len(window)] = True
        return ids, mask

    def _inputs(self, windows: Sequence[Window], tensors: tuple[Tensor, Tensor] | None = None) -> dict[str, Any]:
        """Return what the model takes for these windows; `tensors` are their ids and mask where they are known."""
        ids, mask = tensors or self._tensors(windows)
        more: dict[str, Any] = {"use_cache": False} if self.kind == "decoder" else {}
        if any(w.starts for w in windows):
            # Positions that begin anew tell transformers where one packed text ends and the next begins.
            more["position_ids"] = torch.stack([places(w, ids.shape[1]) for w in windows])
        else:
            more["attention_mask"] = mask.long()
        if self._n_types > 1 and any(w.n_query for w in windows):
            after = torch.arange(ids.shape[1]) >= torch.tensor([[w.n_query or ids.shape[1]] for w in windows])
            more["token_type_ids"] = (after & mask).long()
        device = self.device
        tensors_of = {"input_ids": ids, **more}
        return {k: v.to(device) if isinstance(v, Tensor) else v for k, v in tensors_of.items()}

    def _forward(self, ids: Tensor, mask: Tensor, windows: Sequence[Window]) -> Tensor:
        more = self._inputs(windows, (ids, mask))
        wishes = passes.current()
        if not self._attends and wishes is not None and wishes.kept is not None:
            more["output_attentions"] = True
        output = self.model(**more)
        if "output_attentions" in more and wishes is not None:
            wishes.attention.append(output.attentions[-1])
        states: Tensor = output.last_hidden_state.float().cpu()
        return states

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector of length 1 a text: the mean of its pieces' last hidden states (Reimers & Gurevych 2019).

        A text longer than `max_pieces` is read in windows whose means are averaged by length.

        Returns:
            *Shape:* (n_texts, hidden_width)

        """
        from nlpkit.data.batches import BATCH_PIECES, token_budget

        cut = [
            w
            for n, text in enumerate(texts)
            for w in windows(
                text or " ", self.encode, size=self.max_pieces, overlap=0, specials=self.specials, document=n
            )
        ]
        total = torch.zeros(len(texts), self.hidden_width)
        with torch.inference_mode():
            for batch in token_budget(cut, BATCH_PIECES):
                hidden = self.hidden(batch)
                weights = hidden.mask.unsqueeze(-1).to(hidden.states.dtype)
                total.index_add_(0, torch.tensor([w.document for w in batch]), (hidden.states * weights).sum(1))
        normalised: NDArray[np.float32] = nn.functional.normalize(total, dim=-1).numpy()
        return normalised


def _is_causal(model: nn.Module) -> bool:
    """Say whether pieces see only those before them: the attention says so, or the kind of model has no other use."""
    return writes(model.config) or any(getattr(module, "is_causal", False) for module in model.modules())
