"""What happens to texts outside the laboratory: errors of typing, other case, lost punctuation. All pure and seeded."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from random import Random

from nlpkit.editing.edits import Edit, Moves, edited, in_order, spans_of
from nlpkit.schemas import items_of
from nlpkit.text import unspaced, words
from nlpkit.types import Document

RATE = 0.1
"""Share of the words that get a typing error; half of it of the characters where a language has no spaces."""
_SHORTEST = 4
"""Letters of the shortest word that gets one: its first and last letter stay (Pruthi et al. 2019)."""
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
"""The letters of a keyboard, row by row."""
_NEAR = {key: "".join(row[max(0, n - 1) : n] + row[n + 1 : n + 2]) for row in ROWS for n, key in enumerate(row)}
_DOT = "·"
"""What Chinese puts between the parts of a foreign name."""
_SPACE = re.compile(r"\s")

Noise = Callable[[str, Random], list[Edit]]
"""Text -> its edits, drawn at random where there is a choice."""


def typing_errors(text: str, random: Random, rate: float = RATE) -> list[Edit]:
    """Return errors of typing: of a word one letter dropped, doubled, exchanged with the next or with a key beside it.

    After Pruthi et al. 2019 ("Combating adversarial misspellings with robust word recognition"): words of four letters
    and more, whose first and last letter stay. Where a language has no spaces, characters are dropped, doubled, or
    exchanged with the next one.

    Args:
        text: the text.
        random: what the errors are drawn with.
        rate: share of the words that get one.

    """
    found: list[Edit] = []
    for start, end in words(text).tolist():
        word = text[start:end]
        if not word.isalpha() or (found and start < found[-1].end):
            continue
        if unspaced(word[0]):
            if random.random() < rate / 2:
                found.append(_mistaken_character(text, start, random))
        elif len(word) >= _SHORTEST and random.random() < rate:
            found.append(_mistaken_letter(text, start + random.randrange(1, len(word) - 2), random))
    return found


def _mistaken_letter(text: str, at: int, random: Random) -> Edit:
    """Return an error at a letter that has another one after it, which is not the last of its word."""
    letter, after = text[at], text[at + 1]
    kinds = ["drop", "double", *(["swap"] if letter != after else []), *(["key"] if letter.lower() in _NEAR else [])]
    kind = random.choice(kinds)
    if kind == "swap":
        return Edit(at, at + 2, after + letter)
    if kind == "key":
        key = random.choice(_NEAR[letter.lower()])
        return Edit(at, at + 1, key.upper() if letter.isupper() else key)
    return Edit(at, at + 1, "" if kind == "drop" else 2 * letter)


def _mistaken_character(text: str, at: int, random: Random) -> Edit:
    sign, after = text[at], text[at + 1 : at + 2]
    swaps = after.isalpha() and unspaced(after) and after != sign
    kind = random.choice(["drop", "double", *(["swap"] if swaps else [])])
    return Edit(at, at + 2, after + sign) if kind == "swap" else Edit(at, at + 1, "" if kind == "drop" else 2 * sign)


def lower_case(text: str, random: Random) -> list[Edit]:
    """Return what puts a text into lower case."""
    return [Edit(n, n + 1, sign.lower()) for n, sign in enumerate(text) if sign.lower() != sign]


def upper_case(text: str, random: Random) -> list[Edit]:
    """Return what puts a text into upper case."""
    return [Edit(n, n + 1, sign.upper()) for n, sign in enumerate(text) if sign.upper() != sign]


def without_punctuation(text: str, random: Random) -> list[Edit]:
    """Return what takes the punctuation out of a text, and the space after a sign that stood between two.

    Signs within a word, a number or a foreign name stay ("don't", "3.5", "玛丽·居里").
    """
    found = []
    for n, sign in enumerate(text):
        if not unicodedata.category(sign).startswith("P"):
            continue
        before, after = text[n - 1 : n] if n else "", text[n + 1 : n + 2]
        if before.isalnum() and after.isalnum() and (sign == _DOT or not any(map(unspaced, (before, sign, after)))):
            continue
        lone = (not before or _SPACE.match(before)) and _SPACE.match(after)
        found.append(Edit(n, n + 2 if lone else n + 1, ""))
    return found


NOISES: dict[str, Noise] = {
    "typing errors": typing_errors,
    "lower case": lower_case,
    "upper case": upper_case,
    "punctuation lost": without_punctuation,
}
"""What may happen to a text, by name."""


def noisy(document: Document, noise: Noise, seed: str) -> Document:
    """Return a document with noise in its text and its query; nothing in it becomes empty or loses its borders.

    A query that is a schema (`nlpkit.schemas`) stays as it is.
    """
    random = Random(f"{seed}:{document.text}")
    edits = sparing(document.text, noise(document.text, random), spans_of(document))
    query = document.query
    schema = any(True for _ in items_of(query))
    return edited(document, edits, [] if schema else sparing(query, noise(query, random), []))


def sparing(text: str, edits: Sequence[Edit], spans: Sequence[tuple[int, int]]) -> list[Edit]:
    """Return the edits that leave every span its borders and some of its text, and some of the whole text too."""
    borders = {place for span in spans for place in span}
    kept = [e for e in in_order(edits) if not any(place in borders for place in range(e.start + 1, e.end))]
    for start, end in [*spans, (0, len(text))]:
        moves = Moves(text, kept)
        if not moves.text[moves.start(start) : moves.end(end)].strip():
            kept = [e for e in kept if e.end <= start or e.start >= end]
    return kept
