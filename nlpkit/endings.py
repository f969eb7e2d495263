"""How a text that is bound to a grammar can be brought to its end in few pieces, from wherever it stands.

The matchers are llguidance's: they say which pieces may come (a bit each) and which must.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FRONT = 16
"""Ways that a search follows at once."""
_FEW = 4
_OUTSIDE = '}],:0-"tfn[{'
"""What JSON goes on with outside a string, what ends it soonest first."""
_INSIDE = '"0aA'
"""What a string goes on with, its end first."""


class Signs:
    """What a search needs to know of a tokenizer: the pieces of single signs, and those that end a text."""

    def __init__(self, tokenizer: Any) -> None:
        self.n_pieces: int = tokenizer.vocab_size
        self.ends: list[int] = list(tokenizer.eos_tokens)
        self.tokenizer = tokenizer
        spelt = {chr(n): tokenizer.tokenize_str(chr(n)) for n in range(32, 127)}
        self.single: dict[str, int] = {sign: pieces[0] for sign, pieces in spelt.items() if len(pieces) == 1}
        self.others = [piece for sign, piece in self.single.items() if not sign.isalnum()]
        self.letters = [piece for sign, piece in self.single.items() if sign.isalnum()]


def closed(matcher: Any, signs: Signs, written: Sequence[int], room: int) -> list[int] | None:
    """Return few pieces that close what is open in a JSON text; None where `room` of them do not."""
    path: list[int] = []
    while not (matcher.is_accepting() or matcher.is_stopped()):
        forced: list[int] = matcher.compute_ff_tokens()
        if forced:
            path += forced
            matcher = _consumed(matcher, forced)
        else:
            inside = _in_string(signs.tokenizer.decode_str([*written, *path]))
            mask = able(matcher, signs)
            wanted = (signs.single[sign] for sign in (_INSIDE if inside else _OUTSIDE) if sign in signs.single)
            piece = next((piece for piece in wanted if mask[piece]), None)
            path.append(int(np.flatnonzero(mask)[0]) if piece is None else piece)
            matcher = moved(matcher, path[-1])
        if len(path) > room or matcher.is_error():
            return None
    return path


def shortest(matcher: Any, signs: Signs, room: int) -> list[int] | None:
    """Return the fewest pieces found that end a text of a regular expression; None where `room` of them do not.

    A search in breadth. Of pieces that leave the same choice, one is followed; of the many letters, some.
    """
    front = [(matcher, list[int]())]
    met = Counter[tuple[object, ...]]()
    for _ in range(room + 1):
        following: dict[tuple[object, ...], tuple[Any, list[int]]] = {}
        for stood, path in front:
            if stood.is_accepting() or stood.is_stopped():
                return path
            for piece in _tried(stood, signs):
                after = moved(stood, piece)
                if not after.is_error():
                    mark = (after.is_accepting(), after.compute_bitmask(), *after.compute_ff_tokens())
                    following.setdefault(mark, (after, [*path, piece]))
        # What was met less often goes first: letters can follow letters for ever.
        front = [following[mark] for mark in sorted(following, key=lambda mark: met[mark])[:_FRONT]]
        met.update(following.keys())
    return None


def able(matcher: Any, signs: Signs) -> NDArray[np.bool_]:
    """Return whether each piece may come next. *Shape:* (n_vocabulary,)."""
    bits = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
    return np.unpackbits(bits, bitorder="little")[: signs.n_pieces].astype(bool)


def moved(matcher: Any, piece: int) -> Any:
    """Return a matcher one piece further; one that has ended stays."""
    other = matcher.deep_copy()
    if not other.is_stopped():
        other.consume_token(piece)
    return other


def _consumed(matcher: Any, pieces: Sequence[int]) -> Any:
    other = matcher.deep_copy()
    other.consume_tokens(list(pieces))
    return other


def _tried(matcher: Any, signs: Signs) -> list[int]:
    """Return pieces that a search goes on with."""
    forced: list[int] = matcher.compute_ff_tokens()
    if forced:
        return forced[:1]
    mask = able(matcher, signs)
    others = [piece for piece in signs.others if mask[piece]]
    letters = [piece for piece in signs.letters if mask[piece]]
    return list(dict.fromkeys([*others, *letters[:_FEW], *np.flatnonzero(mask)[:_FEW].tolist()]))


def _in_string(text: str) -> bool:
    """Say whether JSON that begins so stands inside a string."""
    inside = escaped = False
    for sign in text:
        if escaped:
            escaped = False
        elif sign == "\\":
            escaped = inside
        elif sign == '"':
            inside = not inside
    return inside
