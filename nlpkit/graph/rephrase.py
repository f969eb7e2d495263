"""Questions in plainer words: a relative by way of two, "how many times married" for a number of spouses."""

from __future__ import annotations

import re
from typing import Final

_SPOUSES: Final = r"how many spouses did \1 have"
_PLAINER: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), plain)
    for pattern, plain in (
        (r"\b(grand(?:father|mother)) on (?:his|her|their|the) (father|mother)['’]?s?['’]? side\b", r"\2's \1"),
        (r"\bpaternal (grand(?:father|mother))\b", r"father's \1"),
        (r"\bmaternal (grand(?:father|mother))\b", r"mother's \1"),
        (r"(\b(?:father|mother)'s )grand(father|mother)\b", r"\1\2"),
        (r"\bhow (?:many times|often) (?:was|were|has|have|had) (.+?) (?:been )?married\b", _SPOUSES),
        (r"\bhow (?:many times|often) did (.+?) (?:get married|marry)\b", _SPOUSES),
    )
)

ORDINAL: Final = re.compile(r"\b(?:first|second|third|fourth|last|eldest|oldest|youngest|elder|younger)\b")
"""What asks for one of several by an order that the graph does not know."""


def rephrased(question: str) -> str:
    """Return a question in words that name what the graph holds; most stay as they are."""
    for pattern, plain in _PLAINER:
        question = pattern.sub(plain, question)
    return question
