"""Tokens back to running text, so that a model trained on tokenised data sees what people write."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nlpkit.text import unspaced
from nlpkit.types import Span

_NO_SPACE_BEFORE = frozenset([*".,;:!?)]}%'’…", "'s", "’s", "n't", "'re", "'ve", "'d", "'ll"])
_NO_SPACE_AFTER = frozenset("([{$£€#@")
_JOINING = frozenset(["-", "/", "–"])
_QUOTES = frozenset(['"', "“", "”"])
_WORDLIKE = re.compile(r"\w")
_CLITICS = frozenset(["s", "t", "re", "ve", "d", "ll", "m", "S", "T"])
_APOSTROPHES = frozenset("'’")
_CHARACTERS = 0.9
"""A sentence of an unspaced script is cut into characters where this share of its tokens is a single one."""
_UNSPACED_SHARE = 0.5
"""From this share of tokens in an unspaced script on, a sentence is written without spaces."""


def rebuild(sents: Sequence[Sequence[str]]) -> tuple[str, list[list[tuple[int, int]]], list[Span]]:
    """Join tokens to running text with natural spacing.

    Returns:
        The text, each token's character offsets by sentence, and the sentences.

    """
    parts: list[str] = []
    offsets: list[list[tuple[int, int]]] = []
    at, open_quote = 0, False
    for sent in sents:
        offsets.append([])
        by_character, unspaced_script = _script(sent)
        for n, token in enumerate(sent):
            before = sent[n - 1] if n else ""
            after = sent[n + 1] if n + 1 < len(sent) else ""
            closes = token in _QUOTES and open_quote
            joined = n > 0 and (by_character or (unspaced_script and (unspaced(before[-1:]) or unspaced(token[:1]))))
            if at and not joined and (n == 0 or _spaced(before, token, after, opened=open_quote)):
                parts.append(" ")
                at += 1
            if token in _QUOTES:
                open_quote = not closes
            parts.append(token)
            offsets[-1].append((at, at + len(token)))
            at += len(token)
    text = "".join(parts)
    return text, offsets, [Span(text[s[0][0] : s[-1][1]], s[0][0], s[-1][1]) for s in offsets if s]


def _script(sent: Sequence[str]) -> tuple[bool, bool]:
    """Say whether a sentence is cut into characters, and whether it is of a script without spaces."""
    n_unspaced = sum(any(unspaced(sign) for sign in token) for token in sent)
    n_single = sum(len(token) == 1 for token in sent)
    return n_unspaced > 0 and n_single >= _CHARACTERS * len(sent), n_unspaced > _UNSPACED_SHARE * len(sent)


def _spaced(before: str, token: str, after: str, *, opened: bool) -> bool:
    """Say whether a space stands between two tokens; `opened`: a quotation is open before `token`."""
    if token in _NO_SPACE_BEFORE or before in _NO_SPACE_AFTER:
        return False
    if before in _APOSTROPHES and token in _CLITICS:
        return False
    if token in _QUOTES:
        return not opened
    if before in _QUOTES:
        return not opened
    if token in _JOINING or before in _JOINING:
        left, right = (before, after) if token in _JOINING else ("", token)
        dash = token if token in _JOINING else before
        if dash == "–":  # a range of numbers is joined, a dash between words is not
            return not ((left[-1:].isdigit() or not left) and right[:1].isdigit())
        return not (_WORDLIKE.match(right[:1]) is not None)
    return True
