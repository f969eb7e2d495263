"""Where pretrained weights come from: an installed package, a folder, a GGUF file, or the Hugging Face hub or cache."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer
from transformers import logging as transformers_logging
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from nlpkit import gguf
from nlpkit.embedded import EMBEDDED, FAKE, tell_terms
from nlpkit.errors import BackboneError

transformers_logging.disable_progress_bar()


def load(name: str, *, local_files_only: bool | None, sha256: str | None) -> tuple[nn.Module, Any, str]:
    """Return a model in fp32, its tokenizer and the fingerprint of its weights; see `Backbone.from_pretrained`.

    A decoder comes as the causal language model around it.

    Raises:
        BackboneError: it is not to be had, is no text model, or has another fingerprint.
        MissingExtraError: a GGUF file is to be read, and the package gguf is not installed.

    """
    embedded = EMBEDDED.get(name)
    wanted = sha256 or (embedded.sha256 if embedded else None)
    paths = embedded.paths() if embedded else [Path(name)]
    if embedded:
        tell_terms(embedded)
    if ".gguf" in paths[0].suffixes:
        folder, fingerprint = gguf.converted(paths, sha256=wanted)
        return *_kept(folder), fingerprint
    where = str(paths[0]) if embedded else name
    if local_files_only is None:
        local_files_only = embedded is not None or os.environ.get("HF_HUB_OFFLINE", "0") not in ("0", "")
    try:
        model, tokenizer = _pretrained(where, local_files_only)
    except (OSError, ValueError, KeyError) as e:
        raise BackboneError(_absent(name, local_files_only, e)) from e
    fingerprint = _fingerprint(where, model)
    if wanted and fingerprint != wanted:
        raise BackboneError(
            f"backbone {name!r} has the SHA-256 {fingerprint}, but {wanted} is pinned; "
            "install the pinned weights again, or train for the ones you have"
        )
    return model, tokenizer, fingerprint


def _pretrained(where: str, local_files_only: bool) -> tuple[nn.Module, Any]:
    """Load model and tokenizer by the name or folder that transformers knows them under."""
    config = AutoConfig.from_pretrained(where, local_files_only=local_files_only)
    tokenizer = AutoTokenizer.from_pretrained(where, local_files_only=local_files_only)
    kind = AutoModelForCausalLM if writes(config) else AutoModel
    model = kind.from_pretrained(where, config=config, local_files_only=local_files_only, dtype=torch.float32)
    return model, tokenizer


def writes(config: Any) -> bool:
    """Say whether a configuration is that of a causal language model, and of nothing else."""
    kind = getattr(config, "model_type", "")
    return kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES


def _kept(folder: Path) -> tuple[nn.Module, Any]:
    """Load model and tokenizer from a folder that `nlpkit.gguf` wrote."""
    try:
        model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
        return model, gguf.tokenizer_of(folder)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as e:
        raise BackboneError(f"{folder} is damaged ({e}); remove it, and it is made again") from e


def _absent(name: str, local_files_only: bool, error: Exception) -> str:
    where = "this machine (the network was not asked)" if local_files_only else "this machine or the hub"
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return (
        f"no backbone {name!r} on {where}; allowed: {', '.join([*EMBEDDED, FAKE])}, a folder with config.json, "
        f"a .gguf file, or a Hugging Face model name; offline, download it once where there is a network ({reason})"
    )


def _fingerprint(folder: str, model: nn.Module) -> str:
    """Return the SHA-256 of the weights' file, or of the tensors where the weights are not one local file."""
    file = Path(folder) / "model.safetensors"
    if file.is_file():
        with file.open("rb") as f:
            return hashlib.file_digest(f, "sha256").hexdigest()
    return state_fingerprint(model)


def state_fingerprint(model: nn.Module) -> str:
    """Return a SHA-256 over a model's tensors, by name; of a causal language model, over those of its body."""
    digest = hashlib.sha256()
    body = getattr(model, "base_model", model)
    for key, tensor in sorted(body.state_dict().items()):
        digest.update(key.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
