"""GGUF files: read once, then kept as safetensors in the user's cache.

Reading one takes half a minute and more, for every number is worked out from a few bits and every piece of the
vocabulary is parsed in Python. The result is written in fp32: the numbers just as they were worked out (fp16 would
round them), which the next load maps into memory without reading them all: of a large vocabulary, the rows that occur.
"""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from nlpkit.embedded import cache_folder
from nlpkit.errors import BackboneError, MissingExtraError

_LAYOUT = "gguf-1"
"""The folder of conversions; another number when what is written changes."""
_STALE_SECONDS = 86_400.0
_BLOCK = 1 << 20
_LOG = logging.getLogger("nlpkit")


def converted(parts: Sequence[Path], *, sha256: str | None = None) -> tuple[Path, str]:
    """Return a folder with the model and tokenizer of a GGUF file, and the file's SHA-256.

    The folder is made once and holds what `save_pretrained` writes: config, weights and tokenizer. It appears whole or
    not at all: processes that convert the same file at once do not meet.

    Args:
        parts: the file; several where it was cut, in their order.
        sha256: what the file must have; another is not converted.

    Raises:
        BackboneError: the file cannot be read, is no causal language model, is not the pinned one, or the cache cannot
            be written.
        MissingExtraError: the package gguf is needed and not installed.

    """
    found = _sha256(parts)
    if sha256 and found != sha256:
        raise BackboneError(
            f"{parts[0]} has the SHA-256 {found}, but {sha256} is pinned; install the pinned weights again"
        )
    folder = cache_folder() / _LAYOUT / found
    if not folder.is_dir():
        try:
            _convert(parts, folder)
        except OSError as e:
            raise BackboneError(
                f"cannot keep {parts[0].name} in {folder.parent}: {e.strerror or e}; "
                "free some room (five times the file), or name another folder in NLPKIT_CACHE"
            ) from e
    return folder, found


def tokenizer_of(folder: Path) -> Any:
    """Load the tokenizer that `converted` wrote. AutoTokenizer would parse the same large file several times."""
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    special = {key: value for key, value in config.items() if key.endswith("_token")}
    tokenizer: Any = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **special)
    template = folder / "chat_template.jinja"
    tokenizer.chat_template = template.read_text(encoding="utf-8") if template.is_file() else None
    return tokenizer


def _sha256(parts: Sequence[Path]) -> str:
    """Return the SHA-256 of a file, having looked that it is a GGUF file."""
    digest = hashlib.sha256()
    try:
        for number, part in enumerate(parts):
            with part.open("rb") as f:
                if number == 0 and f.read(4) != b"GGUF":
                    raise BackboneError(f"{part} is no GGUF file (it does not begin with GGUF); take the file again")
                f.seek(0)
                while block := f.read(_BLOCK):
                    digest.update(block)
    except OSError as e:
        raise BackboneError(f"cannot read {e.filename}: {e.strerror}; take the file again") from e
    return digest.hexdigest()


def _convert(parts: Sequence[Path], folder: Path) -> None:
    if importlib.util.find_spec("gguf") is None:
        raise MissingExtraError("gguf", "decoder")
    _LOG.warning("reading %s for the first time: about a minute; then it is kept in %s", parts[0].name, folder.parent)
    folder.parent.mkdir(parents=True, exist_ok=True)
    mark = f".{folder.name[:16]}-"
    for left in folder.parent.glob(f"{mark}*"):  # by a run that was killed
        if time.time() - left.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    part = Path(tempfile.mkdtemp(prefix=mark, dir=folder.parent))
    try:
        file = parts[0] if len(parts) == 1 else _joined(parts, part / "whole.gguf")
        _write(file, part)
        (part / "whole.gguf").unlink(missing_ok=True)
        try:
            part.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was first: what it wrote is the same
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _joined(parts: Sequence[Path], whole: Path) -> Path:
    with whole.open("wb") as out:
        for part in parts:
            with part.open("rb") as f:
                shutil.copyfileobj(f, out, _BLOCK)
    return whole


def _write(file: Path, folder: Path) -> None:
    """Write the model and the tokenizer of a GGUF file as transformers writes them."""
    where: dict[str, Any] = {
        "pretrained_model_name_or_path": str(file.parent),
        "gguf_file": file.name,
        "local_files_only": True,
    }
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(**where)
        model: Any = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    except OSError:
        raise
    except Exception as e:  # the reader raises whatever a damaged or unknown file makes it stumble over
        reason = str(e).strip().splitlines()[0] if str(e).strip() else type(e).__name__
        raise BackboneError(
            f"{file} cannot be read as a causal language model ({type(e).__name__}: {reason}); "
            "take the file again, or a model that transformers reads from GGUF"
        ) from e
    config = copy.deepcopy(model.config)
    # A model that came from GGUF counts as quantized and refuses to be saved: a bare one takes its tensors.
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.device("meta"):
        bare = AutoModelForCausalLM.from_config(config)
    bare.load_state_dict(model.state_dict(), assign=True)
    bare.tie_weights()
    bare.save_pretrained(folder, max_shard_size="1TB")
    # As a plain fast tokenizer: the model's own class would build it anew from its pieces at every load.
    plain = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer, **tokenizer.special_tokens_map)
    plain.chat_template = tokenizer.chat_template
    plain.save_pretrained(folder)
