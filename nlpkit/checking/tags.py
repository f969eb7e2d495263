"""Tags of token columns that do not follow their scheme, each with its line.

Readers take them all by one rule; that a tag is broken shows that annotation or conversion went wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from nlpkit.checking.findings import ERROR, Finding, Source
from nlpkit.data.conll import tag_lines

_TAGGED = ("conll", "weibo")
_INSIDE = "IMEL"
_OPEN = "BIM"
_MEANT = 0.05
"""From this share on a kind of tag is one of the scheme's: E, M, S, L, U of all; B of those that begin an entity apart
from its like, which is where IOB1 has I."""

Tag = tuple[int, str]


def broken_in(source: Source) -> Iterator[Finding]:
    """Yield the broken tags of a file of token columns."""
    if source.format not in _TAGGED or not source.examples:
        return
    for line, tag, why in broken(list(tag_lines(source.path))):
        yield Finding("broken tag", ERROR, f"{tag} {why}", str(source.path), line)


def broken(sentences: Sequence[Sequence[Tag]]) -> Iterator[tuple[int, str, str]]:
    """Yield the line of each tag that breaks the scheme which most tags follow, the tag, and why."""
    prefixes = Counter(tag[0] for rows in sentences for _, tag in rows if tag != "O")
    closing = sum(prefixes[sign] for sign in "EMSLU")
    find = _begun if _begins(sentences) else _stray
    if closing and closing >= _MEANT * prefixes.total():
        find = _closed
    for rows in sentences:
        yield from find(rows)


def _pairs(rows: Sequence[Tag]) -> Iterator[tuple[Tag, Tag]]:
    yield from zip([(0, "O"), *rows], [*rows, (0, "O")], strict=True)


def _begins(sentences: Sequence[Sequence[Tag]]) -> bool:
    """Say whether entities begin with B (BIO) rather than with I unless they follow their like (IOB1)."""
    starts = Counter(
        tag[0] for rows in sentences for (_, before), (_, tag) in _pairs(rows) if tag != "O" and before[2:] != tag[2:]
    )
    return starts["B"] > _MEANT * starts.total()


def _stray(rows: Sequence[Tag]) -> Iterator[tuple[int, str, str]]:
    yield from ((line, tag, "is no tag of the scheme of the others") for line, tag in rows if tag[0] in "EMSLU")


def _begun(rows: Sequence[Tag]) -> Iterator[tuple[int, str, str]]:
    yield from _stray(rows)
    for (_, before), (line, tag) in _pairs(rows):
        if tag[0] == "I" and (before == "O" or before[2:] != tag[2:]):
            yield line, tag, f"follows {before}; an entity begins with B"


def _closed(rows: Sequence[Tag]) -> Iterator[tuple[int, str, str]]:
    for (line_before, before), (line, tag) in _pairs(rows):
        goes_on = before[0] in _OPEN and tag[0] in _INSIDE and before[2:] == tag[2:]
        if before[0] in _OPEN and not goes_on:
            yield line_before, before, f"is followed by {tag}; the entity does not end"
        elif tag[0] in _INSIDE and not goes_on:
            yield line, tag, f"follows {before}; an entity begins with B"
