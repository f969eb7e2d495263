"""A text as HTML, with what is gold and what was found marked in it, and what is far from both left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise

from nlpkit.judging import Finding, Judgement, Place

_AROUND = 120
"""Characters shown on either side of a mark."""
_BEGINNING = 400
"""Characters shown of a text without marks."""
_CUT = '<span class="cut"> … </span>'


def marked(text: str, judgements: Iterable[Judgement]) -> str:
    """Return a text with the places of findings marked: classes "gold" and "found", and their labels.

    Marks may overlap: the text is cut where one begins or ends, so that a piece may bear both.
    """
    marks = [
        (place, side, finding)
        for judgement in judgements
        for side, finding in (("gold", judgement.gold), ("found", judgement.predicted))
        if finding is not None
        for place in finding.places
    ]
    if not marks:
        return escape(text[:_BEGINNING]) + (_CUT if len(text) > _BEGINNING else "")
    shown = _shown(len(text), [place for place, _, _ in marks])
    pieces = [_pieces(text, start, end, marks) for start, end in shown]
    before, after = _CUT if shown[0][0] > 0 else "", _CUT if shown[-1][1] < len(text) else ""
    return before + _CUT.join(pieces) + after


def _shown(length: int, places: Sequence[Place]) -> list[tuple[int, int]]:
    """Return the half-open parts of a text that lie around places, in order, those that touch as one."""
    parts: list[tuple[int, int]] = []
    for place in sorted(places, key=lambda p: p.start):
        start, end = max(0, place.start - _AROUND), min(length, place.end + _AROUND)
        if parts and start <= parts[-1][1]:
            parts[-1] = (parts[-1][0], max(end, parts[-1][1]))
        else:
            parts.append((start, end))
    return parts


def _pieces(text: str, start: int, end: int, marks: Sequence[tuple[Place, str, Finding]]) -> str:
    """Return one part of a text with its marks."""
    borders = {start, end} | {b for p, _, _ in marks for b in (p.start, p.end) if start < b < end}
    ordered = sorted(borders)
    html = []
    for first, last in pairwise(ordered):
        over = [(p, side, f) for p, side, f in marks if p.start <= first and last <= p.end]
        tags = [_tag(side, place, finding) for place, side, finding in over if place.start == first]
        classes = " ".join(sorted({side for _, side, _ in over}))
        piece = escape(text[first:last])
        html.append("".join(tags) + (f'<span class="{classes}">{piece}</span>' if classes else piece))
    return "".join(html)


def _tag(side: str, place: Place, finding: Finding) -> str:
    words = " ".join(word for word in (finding.label, place.role) if word)
    return f'<sup class="{side}">{escape(words)}</sup>' if words else ""
