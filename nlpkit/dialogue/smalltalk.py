"""What is said in passing: greetings, thanks, farewells (`smalltalk.toml`), in English and Chinese; no model."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any


@lru_cache(maxsize=1)
def _kinds() -> dict[str, tuple[re.Pattern[str], str, str]]:
    """Return, for each kind, the whole turns that it is and the replies in English and Chinese."""
    table: dict[str, Any] = tomllib.loads(files(__package__).joinpath("smalltalk.toml").read_text(encoding="utf-8"))
    return {
        kind: (re.compile(rf"\W*(?:{'|'.join(entry['said'])})\W*", re.IGNORECASE), entry["en"], entry["zh"])
        for kind, entry in table.items()
    }


def kind_of(text: str) -> str:
    """Return what kind of small talk a text is, "" where it is none."""
    return next((kind for kind, (said, _, _) in _kinds().items() if said.fullmatch(text)), "")


def reply(kind: str, *, chinese: bool) -> str:
    """Return an answer to small talk."""
    _, english, in_chinese = _kinds()[kind]
    return in_chinese if chinese else english
