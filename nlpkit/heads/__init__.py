"""Heads by kind: the one list to extend when a new kind of task comes."""

from __future__ import annotations

from collections.abc import Iterable

from nlpkit.errors import RecipeError
from nlpkit.heads.base import Head
from nlpkit.heads.classification import ClassificationHead
from nlpkit.heads.dialogue import DialogueHead
from nlpkit.heads.kgqa import KgqaHead
from nlpkit.heads.ner import NerHead
from nlpkit.heads.qa import QaHead
from nlpkit.heads.relation import RelationHead
from nlpkit.heads.slots import SlotsHead

HEADS: dict[str, type[Head]] = {
    head.kind: head for head in (NerHead, QaHead, RelationHead, ClassificationHead, SlotsHead, DialogueHead, KgqaHead)
}
"""Head classes by kind."""


def head_class(kind: str) -> type[Head]:
    """Return the head of a kind.

    Raises:
        RecipeError: there is no such kind.

    """
    if kind not in HEADS:
        raise RecipeError(f"no head {kind!r}; known: {', '.join(HEADS)}")
    return HEADS[kind]


def in_order(kinds: Iterable[str]) -> list[str]:
    """Return kinds so that each comes after those it needs (which are not added)."""
    left, ordered = list(dict.fromkeys(kinds)), list[str]()
    while left:
        ready = next((k for k in left if not set(head_class(k).needs) & set(left)), left[0])
        ordered.append(ready)
        left.remove(ready)
    return ordered
