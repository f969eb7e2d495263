"""Settings on the command line: KEY=VALUE."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from nlpkit.errors import InputError


def pairs(given: Sequence[str], option: str) -> Iterator[tuple[str, str]]:
    """Yield the keys and values of an option that may be given again and again.

    Raises:
        InputError: one is no KEY=VALUE.

    """
    for pair in given:
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise InputError(f"{option} {pair!r} is no KEY=VALUE, such as max_new_tokens=50")
        yield key, value


def parsed(value: str) -> Any:
    """Return a number, a truth or a list where the text is one, else the text."""
    try:
        return json.loads(value)
    except ValueError:
        return value
