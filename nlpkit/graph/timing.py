"""When facts hold: the time that a text states with a fact, and what the times of a fact say of another time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from nlpkit.errors import InputError
from nlpkit.graph.vocabulary import vocabulary
from nlpkit.times import Period, Said, edtf, find, period

Place = tuple[int, int]

_BEGINS: Final = re.compile(
    r"\b(?:becom(?:e|es|ing)|became|join(?:s|ed|ing)|marr(?:ies|ied|ying)|(?:re-?)?elected|appointed|named|promoted|hired|moved|"
    r"settled|succeeded|took\s+(?:over|office)|enter(?:s|ed|ing)|acquired|bought|purchased|began|started|signed\s+(?:for|with)|"
    r"transferred\s+to|converted|emigrated|naturali[sz]ed|came\s+to\s+power|assumed)\b"
    r"|成为|当选|加入|任命|结婚|嫁给|迁至|迁居|搬到|收购|出任|就任|接任|开始|入籍",
    re.IGNORECASE,
)
"""What says that something lasts from then on."""
_ENDS: Final = re.compile(
    r"\b(?:left|leav(?:es|ing)|resign(?:s|ed|ing)|retir(?:es|ed|ing)|divorced?|separated|sold|ceased|stepped\s+down|dismissed|"
    r"abdicated|expelled|fled|dissolved|disbanded|closed)\b|离开|辞职|退休|离婚|卸任|出售|退出|解散",
    re.IGNORECASE,
)
"""What says that something lasted until then."""
_RANGE: Final = re.compile(r"\b(?:from|between|to)\b|\d\s?[-–—/]\s?\d|[至到]", re.IGNORECASE)
"""What says both ends of a period."""
_LIFE: Final = re.compile(r"[(（\[][^()（）\[\]]*$")
_CLOSING: Final = re.compile(r"[)）\]]")
_CLAUSE: Final = re.compile(
    r"[;；:。]|[,，](?!\s+(?:in|at)\b)|\s[–—-]|\b(?:and|but|while|where|who|which|before|after|when)\b", re.IGNORECASE
)


def stated(text: str, within: Place, subject: Sequence[Place], object_: Sequence[Place]) -> Period | None:
    """Return the period that a text states with a fact, None where it states none or leaves open with which.

    Of several times the one that fewest clauses part from the fact's object is taken, then the nearest; dates of life
    in brackets after a name are none. A verb of beginning or ending in the same clause ("joined in 1905", "left in
    1912") leaves the other end open.

    Args:
        text: the document.
        within: the characters of the evidence.
        subject: where the subject is mentioned in the document.
        object_: where the object is mentioned.

    """
    start, end = within
    subjects, anchors = (
        [(a - start, b - start) for a, b in places if start <= a < end] for places in (subject, object_)
    )
    if not subjects:
        return None
    names = subjects + anchors
    said = text[start:end]
    near = [
        (*_apart(said, time, anchor), time)
        for time in find(said)
        for anchor in anchors or subjects
        if not any(a < time.end and time.start < b for a, b in names) and not _bracketed(said, time, anchor)
    ]
    best = min(near, key=lambda found: found[:2], default=None)
    return None if best is None or best[0] else _open(said, best[2])


def _bracketed(said: str, time: Said, name: Place) -> bool:
    """Say whether brackets, as stand around years of birth and death, part a time from a name."""
    opened = _LIFE.search(said, 0, time.start)
    closed = _CLOSING.search(said, time.end)
    return opened is not None and not opened.start() <= name[0] < (closed.start() if closed else len(said))


def _apart(said: str, time: Said, name: Place) -> tuple[int, int]:
    """Return how many clauses part a time from a name, and how many characters."""
    first, last = (time.end, name[0]) if time.end <= name[0] else (name[1], time.start)
    between = said[first:last]
    opening = bool(re.match(r"[,，]", between)) and time.end <= name[0]  # "In 1905, she ..."
    return len(_CLAUSE.findall(between)) - opening, len(between)


def _open(said: str, time: Said) -> Period:
    """Return a time's period, an end left open where the verb of its clause says so."""
    whole = time.period
    if whole.first is None or whole.last is None or _RANGE.search(said, time.start, time.end):
        return whole
    starts = [match.end() for match in _CLAUSE.finditer(said, 0, time.start)]
    opening = re.compile(r"[,，]").match(said, time.end)  # "In 1905, she ..."
    after = _CLAUSE.search(said, opening.end() if opening else time.end)
    clause = said[starts[-1] if starts else 0 : after.start() if after else len(said)]
    if _BEGINS.search(clause):
        return Period(whole.first, None)
    return Period(None, whole.last) if _ENDS.search(clause) else whole


def when(text: str) -> Period:
    """Read a time: as EDTF ("1905-06", "1901/1905"), or in words.

    Raises:
        InputError: it says no year.

    """
    found = edtf(text) or period(text)
    if found is None:
        raise InputError(f'{text!r} is no time with a year; say "1905", "June 1905", "1905-06-30" or "1901/1905"')
    return found


def holds(relation: str, times: Iterable[str | None], at: Period) -> bool:
    """Tell whether a fact of a relation holds at some time within a period, as far as is said.

    A fact of which no evidence states a time holds always; one of a lasting relation ("place of birth") from its time
    on; any other when a stated time and the period overlap. Of times without end and times without beginning ("joined
    in 1905", "left in 1912") what lies between counts.

    Args:
        relation: the relation's name.
        times: the times of the fact's evidence, as EDTF, None where none is stated.
        at: the period.

    """
    said = {found for time in times if time and (found := edtf(time))}
    if not said:
        return True
    wording = vocabulary().get(relation)
    if wording is not None and wording.rules.lasting:
        return any(Period(time.first, None).overlaps(at) for time in said)
    return any(time.overlaps(at) for time in closed(said))


def closed(periods: Iterable[Period]) -> list[Period]:
    """Return periods, those without end and those without beginning joined where they can be."""
    found = list(periods)
    begins = [time.first for time in found if time.first is not None and time.last is None]
    ends = [time.last for time in found if time.first is None and time.last is not None]
    if begins and ends and min(begins) <= max(ends):
        closed = [time for time in found if time.first is not None and time.last is not None]
        return [*closed, Period(min(begins), max(ends))]
    return found
