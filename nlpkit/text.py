"""Texts of any language: sentences, words, and the windows a backbone reads them through.

Nothing here assumes spaces, and nothing is cut: a text longer than the backbone reads at once is
covered by overlapping windows, each the authority (`core`) for its own part of the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlpkit.types import Span

# Scripts written without spaces between words: Han, kana, Thai, Lao, Khmer, Burmese.
_UNSPACED = (
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
)
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}](?:[^\W_{_UNSPACED}]|[\u0300-\u036f])*|[^\s]")
_WITHOUT_SPACES = re.compile(rf"[{_UNSPACED}\u3000-\u303f\uff00-\uffef]")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_SENTENCE_END = re.compile(r"""(?:[.!?…]+["'”’»)\]]*(?=\s)|[。！？；]+[”’」』）]*|\n\s*\n)""")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"'“])(?:[A-Z]|[A-Za-z](?:\.[A-Za-z])+|Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|Gen|Col|Capt|Lt|Sgt|Rev|Hon|Sen|Rep|Gov|"
    r"No|Nos|vs|etc|Inc|Ltd|Co|Corp|Bros|Mt|Ft|ca|c|b|d|cf|al|approx|vol|ed|pp|Jan|Feb|Mar|Apr|Aug|Sept|Sep|Oct|Nov|Dec)\.$"
)
_CHUNK = 20_000
"""Characters tokenised at once: keeps memory flat on a text of any length."""

Encode = Callable[[str], tuple[NDArray[np.int32], NDArray[np.int32]]]
"""Text -> piece ids and their character offsets. *Shapes:* (n_pieces,), (n_pieces, 2)."""


def sentences(text: str) -> list[Span]:
    """Split a text into sentences, by punctuation and blank lines, in any language."""
    found, start = [], 0
    for match in _SENTENCE_END.finditer(text):
        end = match.end()
        if text[match.start()] == "." and not _ends_sentence(text, start, match.start() + 1, end):
            continue
        found.append((start, end))
        start = end
    found.append((start, len(text)))
    return [s for s in (_trimmed(text, a, b) for a, b in found) if s.text]


def _ends_sentence(text: str, start: int, stop: int, end: int) -> bool:
    if _ABBREVIATION.search(text[max(start, stop - 12) : stop]):
        return False
    following = text[end : end + 40].lstrip()
    return not following or not following[0].islower()


def _trimmed(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    piece = piece.strip()
    return Span(piece, start, start + len(piece))


def words(text: str) -> NDArray[np.int32]:
    """Return the character offsets of the words: runs of letters and digits, single signs, single Han characters.

    *Shape:* (n_words, 2)
    """
    spans = [m.span() for m in _WORD.finditer(text)]
    return np.array(spans, dtype=np.int32).reshape(-1, 2)


def chinese(text: str) -> bool:
    """Say whether a text is Chinese rather than of a script with letters: a Han character counts for three of them."""
    han = len(_HAN.findall(text))
    return 3 * han > sum(sign.isalpha() for sign in text) - han


def unspaced(sign: str) -> bool:
    """Say whether a sign stands without spaces around it: of a script without them, or full-width punctuation."""
    return _WITHOUT_SPACES.fullmatch(sign) is not None


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A stretch of a text as a backbone reads it.

    `input_ids` *(n_pieces,)* holds the special pieces too; `offsets` *(n_pieces, 2)* are characters of the
    whole `text`, (-1, -1) for special pieces. `word_offsets` *(n_words, 2)* and `word_pieces` *(n_words,)*
    give each word's characters and the piece that stands for it: its first, on a decoder its last. A result that
    starts in `core` is this window's to report. The first `n_query` pieces are special or belong to the document's
    query; 0 where it has none, and `query_offsets` *(n_query, 2)* are their characters in it. Where several texts are
    packed into one window, `starts` says where each begins: none sees another.
    """

    document: int
    text: str
    input_ids: NDArray[np.int32]
    offsets: NDArray[np.int32]
    word_offsets: NDArray[np.int32]
    word_pieces: NDArray[np.int32]
    core: tuple[int, int]
    n_query: int = 0
    starts: tuple[int, ...] = ()
    query_offsets: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        """Return the number of pieces."""
        return len(self.input_ids)

    def pieces(self, start: int, end: int) -> tuple[int, int]:
        """Return the half-open range of pieces that hold the characters [start, end); empty if none does."""
        body = np.flatnonzero((self.offsets[:, 1] > start) & (self.offsets[:, 0] < end) & (self.offsets[:, 0] >= 0))
        return (int(body[0]), int(body[-1]) + 1) if len(body) else (0, 0)


def windows(
    text: str,
    encode: Encode,
    *,
    size: int,
    overlap: int,
    specials: tuple[Sequence[int], Sequence[int]] = ((), ()),
    document: int = 0,
    by_last: bool = False,
) -> Iterator[Window]:
    """Cover a text with windows of at most `size` pieces (special pieces included), `overlap` of them shared.

    Windows start and end between words where they can. A text without any piece gives no window. With `by_last` a
    word's last piece stands for it: the only one that has read the whole word where pieces see none after them.
    """
    room = size - len(specials[0]) - len(specials[1])
    if not 0 <= overlap < room:
        raise ValueError(f"an overlap of {overlap} pieces does not fit windows of {room}; use 0 to {room - 1}")
    ids, offsets, word_offsets, word_pieces = _aligned(text, encode)
    standing = _last_pieces(offsets, word_offsets, word_pieces) if by_last else word_pieces
    bounds = list(_bounds(len(ids), word_pieces, room, overlap))
    for number, (first, last) in enumerate(bounds):
        left = 0 if number == 0 else _middle(offsets, first, bounds[number - 1][1])
        right = len(text) + 1 if number == len(bounds) - 1 else _middle(offsets, bounds[number + 1][0], last)
        inside = (word_pieces >= first) & (word_pieces < last)
        yield Window(
            document=document,
            text=text,
            input_ids=np.concatenate([specials[0], ids[first:last], specials[1]]).astype(np.int32),
            offsets=np.concatenate(
                [np.full((len(specials[0]), 2), -1), offsets[first:last], np.full((len(specials[1]), 2), -1)]
            ).astype(np.int32),
            word_offsets=word_offsets[inside],
            word_pieces=np.minimum(standing[inside], last - 1) - first + len(specials[0]),
            core=(left, right),
        )


def _middle(offsets: NDArray[np.int32], first: int, last: int) -> int:
    """Return the character where one of two windows sharing the pieces [first, last) hands over to the other."""
    return int(offsets[min((first + last) // 2, len(offsets) - 1), 0])


def _bounds(n_pieces: int, word_pieces: NDArray[np.int32], room: int, overlap: int) -> Iterator[tuple[int, int]]:
    first = 0
    while n_pieces:
        last = min(first + room, n_pieces)
        if last < n_pieces:
            last = _word_start(word_pieces, last, above=first + overlap)
        yield first, last
        if last == n_pieces:
            return
        first = _word_start(word_pieces, last - overlap, above=first)


def _word_start(word_pieces: NDArray[np.int32], piece: int, above: int) -> int:
    """Return the last word start at or before `piece`, or `piece` itself if that would not be above `above`."""
    before = int(np.searchsorted(word_pieces, piece, side="right")) - 1
    start = int(word_pieces[before]) if before >= 0 else piece
    return start if start > above else piece


def _aligned(
    text: str, encode: Encode
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Return piece ids, piece offsets, word offsets, and each word's first piece (words without one are left out)."""
    ids, offsets = [np.zeros(0, np.int32)], [np.zeros((0, 2), np.int32)]
    for start, end in _chunks(text):
        chunk_ids, chunk_offsets = encode(text[start:end])
        ids.append(chunk_ids)
        offsets.append(chunk_offsets + start)
    all_ids, all_offsets = np.concatenate(ids), np.concatenate(offsets)
    word_offsets = words(text)
    first = np.searchsorted(all_offsets[:, 1], word_offsets[:, 0], side="right").astype(np.int32)
    read = first < len(all_ids)
    read[read] &= all_offsets[first[read], 0] < word_offsets[read, 1]
    word_offsets, first = word_offsets[read], first[read]
    return all_ids, all_offsets, *_apart(text, word_offsets, first)


def _apart(
    text: str, word_offsets: NDArray[np.int32], first: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Leave one word a piece: of several in one, its letters (Han characters in one piece are one word), or a sign."""
    groups = np.flatnonzero(np.diff(first, prepend=-1) > 0)
    ends = np.append(groups[1:], len(first))
    kept = word_offsets[groups]
    for n in np.flatnonzero(ends - groups > 1):
        letters = [word for word in word_offsets[groups[n] : ends[n]] if text[word[0]].isalnum()]
        if letters:
            kept[n] = letters[0][0], letters[-1][1]
    return kept, first[groups]


def _last_pieces(
    offsets: NDArray[np.int32], word_offsets: NDArray[np.int32], first: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Return each word's last piece. *Shape:* (n_words,)."""
    starts = np.maximum.accumulate(offsets[:, 0]) if len(offsets) else offsets[:, 0]
    last = np.searchsorted(starts, word_offsets[:, 1], side="left") - 1
    return np.maximum(last, first).astype(np.int32)


def without_spaces(text: str, offsets: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return offsets of pieces without the spaces around them, which many tokenizers count in.

    A piece of spaces alone keeps its own. *Shape:* (n_pieces, 2) -> (n_pieces, 2).
    """
    solid = np.flatnonzero(np.fromiter((not sign.isspace() for sign in text), bool, len(text)))
    begin = np.searchsorted(solid, offsets[:, 0], side="left")
    end = np.searchsorted(solid, offsets[:, 1], side="left") - 1
    holds = begin <= end
    trimmed = offsets.copy()
    trimmed[holds, 0] = solid[begin[holds]]
    trimmed[holds, 1] = solid[end[holds]] + 1
    return trimmed


def _chunks(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    while start < len(text):
        end = min(start + _CHUNK, len(text))
        if end < len(text):
            space = max(text.rfind(sign, start + _CHUNK // 2, end) for sign in " \n\t。，")
            end = space + 1 if space > start else end
        yield start, end
        start = end
